"""The app of the Ray Serve stand: numbers times two or three, text with a mark, over HTTP and gRPC."""

import asyncio

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from ray_messages import Asked, Told


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Scorer:
    def __init__(self, scale: int):
        self.scale = scale

    @serve.multiplexed(max_num_models_per_replica=2)
    async def load(self, model: str):
        return len(model) * self.scale

    async def words(self, text: str):
        for word in text.split(" "):
            if word == "fail":
                raise RuntimeError("the stream broke off")
            yield f"{self.scale}{word}\n"
            await asyncio.sleep(0.01)

    async def __call__(self, request: Request):
        if request.url.path.endswith("/stream"):
            return StreamingResponse(self.words(request.query_params["text"]), media_type="text/plain")
        if request.method == "GET":
            return JSONResponse({"method": "GET", "query": dict(request.query_params), "scale": self.scale})
        rows = (await request.json())["rows"]
        if rows == "fail":
            raise ValueError("the model broke")
        model = serve.get_multiplexed_model_id()
        loaded = await self.load(model) if model else None
        return JSONResponse({"model": model, "loaded": loaded, "rows": [row * self.scale for row in rows]})

    async def Score(self, asked: Asked) -> Told:
        if asked.text == "fail":
            raise ValueError("the model broke")
        return Told(text=f"{self.scale}{asked.text}{serve.get_multiplexed_model_id()}")

    async def ScoreStream(self, asked: Asked):
        async for word in self.words(asked.text):
            yield Told(text=word)
