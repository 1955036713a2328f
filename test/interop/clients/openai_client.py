"""OpenAI's own client, plain and asyncio, against two small servers."""

import asyncio
import time

import httpx
from openai import AsyncOpenAI, OpenAI

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, raises, same

direct = (Place(ADDRESSES["small"], "makas/small", True), Place(ADDRESSES["large"], "makas/large", True))
makas = Place(ADDRESSES["makas"], "chat", False)
here = {"direct": direct, "makas": makas}


def options(place: Place, user: str) -> dict:
    headers = {"x-user-id": user}
    return {"base_url": f"{place.url}/v1", "api_key": "none", "max_retries": 0, "default_headers": headers}


def messages(text: str) -> list:
    return [{"role": "system", "content": "çok kısa"}, {"role": "user", "content": text}]


def plain(place: Place, answer) -> dict:
    expect_equal(answer.model, place.model)
    found = answer.model_dump(exclude={"model", "created"})
    return {key: value for key, value in found.items() if value is not None}


def chat(place: Place, user: str, text: str, **more):
    with OpenAI(**options(place, user)) as client:
        answer = client.chat.completions.create(model=place.model, messages=messages(text), **more)
        return plain(place, answer)


def chunks(place: Place, stream):
    """The text, the usage, and whether every chunk has the name that was asked for."""
    words, usage = [], None
    for chunk in stream:
        expect_equal(chunk.model, place.model)
        usage = chunk.usage or usage
        if chunk.choices:
            choice = chunk.choices[0]
            words.append(getattr(choice, "text", None) or getattr(getattr(choice, "delta", None), "content", None))
    return words, usage.model_dump(exclude_none=True) if usage is not None else None


def chat_stream(place: Place, user: str, text: str, **more):
    with OpenAI(**options(place, user)) as client:
        asked = {"model": place.model, "messages": messages(text), "stream": True, **more}
        return chunks(place, client.chat.completions.create(**asked))


same("chat", lambda p, u: chat(p, u, "one two"), **here)
same("chat with stream=True", lambda p, u: chat_stream(p, u, "one two three"), **here, differs=False)
usage = {"stream_options": {"include_usage": True}}
same("chat with stream=True and usage", lambda p, u: chat_stream(p, u, "one two three", **usage), **here, differs=False)


async def stream_aio(place: Place, user: str):
    async with AsyncOpenAI(**options(place, user)) as client:
        words = []
        asked = {"model": place.model, "messages": messages("one two"), "stream": True}
        async for chunk in await client.chat.completions.create(**asked):
            expect_equal(chunk.model, place.model)
            words.append(chunk.choices[0].delta.content)
        return words


same("asyncio client, stream", stream_aio, **here, differs=False)


def complete(place: Place, user: str):
    with OpenAI(**options(place, user)) as client:
        return plain(place, client.completions.create(model=place.model, prompt="one two"))


def complete_stream(place: Place, user: str):
    with OpenAI(**options(place, user)) as client:
        return chunks(place, client.completions.create(model=place.model, prompt="one two", stream=True))


def embed(place: Place, user: str):
    with OpenAI(**options(place, user)) as client:
        answer = client.embeddings.create(model=place.model, input=["a", "bcd"], encoding_format="float")
        expect_equal(answer.model, place.model)
        return [row.embedding[0] for row in answer.data]


same("completions", complete, **here)
same("completions with stream=True", complete_stream, **here, differs=False)
same("embeddings", embed, **here, differs=False)
raises("a stream that breaks off", lambda p, u: chat_stream(p, u, "one two break three"), makas, "APIError", "connection")
same("an error of the server, 429", lambda p, u: chat(p, u, "busy"), **here, differs=False)
nobody = Place(makas.url, "nobody", False)
raises("an unknown model", lambda p, u: chat(p, u, "one"), nobody, "NotFoundError", "404", "route")
raises("an unknown model, stream=True", lambda p, u: chat_stream(p, u, "one"), nobody, "NotFoundError", "404")


def broken(place: Place, user: str):
    body = f'{{"model": "{place.model}", "messages": [}}'.encode()
    headers = {"x-user-id": user, "content-type": "application/json"}
    response = httpx.post(f"{place.url}/v1/chat/completions", content=body, headers=headers)
    return response.status_code


same("a body that is no JSON", broken, **here, differs=False)


def counters() -> dict:
    found: dict = {}
    for place in direct:
        for name, value in httpx.get(f"{place.url}/counters").json().items():
            found[name] = found.get(name, 0) + value
    return found


def wait_for(condition, what: str) -> float:
    began = time.monotonic()
    while not condition():
        expect(time.monotonic() - began < 10, what)
        time.sleep(0.01)
    return time.monotonic() - began


def close_early(place: Place) -> float:
    before = counters()
    with OpenAI(**options(place, USERS[0])) as client:
        asked = {"model": place.model, "messages": messages("endless"), "stream": True}
        stream = client.chat.completions.create(**asked)
        for _, _chunk in zip(range(3), stream):
            pass
        expect_equal(counters()["stopped"], before["stopped"])
        stream.close()
    return 1000 * wait_for(lambda: counters()["stopped"] == before["stopped"] + 1, "the server goes on")


@check("a stream that the client closes stops the server")
def _():
    return f"after {close_early(makas):.0f} ms, directly after {close_early(direct[0]):.0f} ms"


@check("a stream that is cancelled by asyncio stops the server")
def _():
    before = counters()

    async def read():
        async with AsyncOpenAI(**options(makas, USERS[1])) as client:
            asked = {"model": "chat", "messages": messages("endless"), "stream": True}
            async for _chunk in await client.chat.completions.create(**asked):
                pass

    async def cancel():
        task = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    seconds = wait_for(lambda: counters()["stopped"] == before["stopped"] + 1, "the server goes on")
    return f"after {seconds * 1000:.0f} ms"


@check("the first chunk comes before the last is made")
def _():
    with OpenAI(**options(makas, USERS[2])) as client:
        began = time.monotonic()
        asked = {"model": "chat", "messages": messages("w " * 100), "stream": True}
        first = None
        for _chunk in client.chat.completions.create(**asked):
            first = first or time.monotonic() - began
        whole = time.monotonic() - began
    expect(first < whole / 3, f"first after {first:.3f} s of {whole:.3f} s")
    return f"first chunk after {first * 1000:.0f} ms of {whole * 1000:.0f} ms"


@check("models.list")
def _():
    with OpenAI(**options(makas, USERS[0])) as client:
        names = [model.id for model in client.models.list().data]
    expect("chat" in names, names)
    return str(names)
