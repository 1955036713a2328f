"""A small server that speaks as OpenAI's does. Arguments: port, model. The words of the last message say what happens."""

import asyncio
import json
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

port, model = int(sys.argv[1]), sys.argv[2]
counters = {"started": 0, "finished": 0, "stopped": 0}


def refuse(status: int, message: str, code: str, param: str | None = None) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return JSONResponse({"error": error}, status)


def usage(tokens: int) -> dict:
    return {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}


async def words_of(text: str):
    if text.startswith("endless"):
        while True:
            yield "on "
            await asyncio.sleep(0.02)
    for word in text.split(" "):
        if word == "break":
            raise RuntimeError("the stream broke off")
        yield f"{word} "
        await asyncio.sleep(0.005)


async def events(kind: str, text: str, with_usage: bool):
    counters["started"] += 1
    ended = "stopped"
    head = {"id": "answer-1", "object": f"{kind}.chunk", "created": int(time.time()), "model": model}
    tokens = 0
    try:
        async for word in words_of(text):
            tokens += 1
            body = {"delta": {"role": "assistant", "content": word}} if kind == "chat.completion" else {"text": word}
            yield data({**head, "choices": [{"index": 0, **body, "finish_reason": None}]})
        yield data({**head, "choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": "stop"}]})
        if with_usage:
            yield data({**head, "choices": [], "usage": usage(tokens)})
        yield "data: [DONE]\n\n"
        ended = "finished"
    finally:
        counters[ended] += 1


def data(content: dict) -> str:
    return f"data: {json.dumps(content)}\n\n"


async def answer(request, kind: str, text_of, body_of):
    try:
        asked = await request.json()
    except ValueError:
        return refuse(400, "we could not parse the JSON body of your request", "invalid_json")
    if asked.get("model") != model:
        return refuse(404, f"the model `{asked.get('model')}` does not exist", "model_not_found", "model")
    text = text_of(asked)
    if text == "busy":
        return JSONResponse({"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, 429, {"retry-after": "0"})
    if asked.get("stream"):
        with_usage = (asked.get("stream_options") or {}).get("include_usage", False)
        return StreamingResponse(events(kind, text, with_usage), media_type="text/event-stream")
    choice = {"index": 0, "finish_reason": "stop", **body_of(text)}
    head = {"id": "answer-1", "object": kind, "created": int(time.time()), "model": model}
    return JSONResponse({**head, "choices": [choice], "usage": usage(len(text.split(" ")))})


async def chat(request):
    return await answer(
        request,
        "chat.completion",
        lambda asked: asked["messages"][-1]["content"],
        lambda text: {"message": {"role": "assistant", "content": f"{model}: {text}"}},
    )


async def complete(request):
    return await answer(
        request, "text_completion", lambda asked: asked["prompt"], lambda text: {"text": f"{model}: {text}"}
    )


async def embed(request):
    asked = await request.json()
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    rows = [{"object": "embedding", "index": n, "embedding": [float(len(text)), float(len(model))]} for n, text in enumerate(texts)]
    return JSONResponse({"object": "list", "data": rows, "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}})


async def list_models(_):
    entry = {"id": model, "object": "model", "created": 0, "owned_by": "makas"}
    return JSONResponse({"object": "list", "data": [entry]})


async def count(_):
    return JSONResponse(counters)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", complete, methods=["POST"]),
        Route("/v1/embeddings", embed, methods=["POST"]),
        Route("/v1/models", list_models),
        Route("/counters", count),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
