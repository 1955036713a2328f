"""KServe's InferenceRESTClient over V1, and CloudEvents as its users send them."""

import asyncio
import json

import httpx
from kserve import InferenceRESTClient, RESTConfig

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, raises, same
from kserve_places import asleep, places

here = places("kserve", "makas")
sleeping = asleep("kserve", "makas")
MAKAS = here["makas"].url


def client() -> InferenceRESTClient:
    return InferenceRESTClient(RESTConfig(protocol="v1", retries=0))


async def infer(place: Place, user: str, data: dict):
    async with client() as each:
        headers: dict = {}
        answer = await each.infer(place.url, data, place.model, headers={"x-user-id": user}, response_headers=headers)
        expect(place.is_direct or "makas-backend" in headers, "no makas-backend")
        return answer


async def explain(place: Place, user: str, data: dict):
    async with client() as each:
        return await each.explain(place.url, place.model, data, headers={"x-user-id": user})


async def ready(place: Place, user: str):
    async with client() as each:
        return await each.is_model_ready(place.url, place.model, headers={"x-user-id": user})


ROWS = {"instances": [[1, 2.5], [3, -4]]}
same("infer with instances", lambda p, u: infer(p, u, ROWS), **here)
same("infer with inputs", lambda p, u: infer(p, u, {"inputs": [1, 2]}), **here)
same("explain", lambda p, u: explain(p, u, ROWS), **here)
same("is_model_ready", ready, **here, differs=False)
same("is_model_ready of a model that is not", ready, **sleeping)
same("infer of a model that is not ready", lambda p, u: infer(p, u, ROWS), **sleeping)
same("InvalidInput of the model", lambda p, u: infer(p, u, {"instances": ["invalid"]}), **here, differs=False)
same("InferenceError of the model", lambda p, u: infer(p, u, {"instances": ["broken"]}), **here, differs=False)
same("an exception in the model", lambda p, u: infer(p, u, {"instances": ["crash"]}), **here, differs=False)
nobody = Place(MAKAS, "nobody", False)
raises("an unknown model", lambda p, u: infer(p, u, ROWS), nobody, "HTTPStatusError", "404 Not Found", "route")
raises("readiness of an unknown model", ready, nobody, "HTTPStatusError", "404 Not Found")


def post(place: Place, user: str, body: bytes, **headers: str):
    url = f"{place.url}/v1/models/{place.model}:predict"
    sent = {"x-user-id": user, "content-type": "application/json", **headers}
    response = httpx.post(url, content=body, headers=sent)
    events = {name: value for name, value in response.headers.items() if name.startswith("ce-")}
    # Both are made anew for each answer.
    for name in ("ce-id", "ce-time"):
        events.pop(name, None)
    return response.status_code, response.headers.get("content-type"), events, response.text


def structured(place: Place, user: str):
    # Without a time KServe does not take it for an event.
    event = {"specversion": "1.0", "id": "e1", "source": "here", "type": "test", "time": "2026-01-01T00:00:00Z"}
    body = json.dumps({**event, "data": {"instances": [1, 2]}}).encode()
    status, kind, events, text = post(place, user, body, **{"content-type": "application/cloudevents+json"})
    answer = json.loads(text)
    for name in ("id", "time"):
        answer.pop(name, None)
    return status, kind, events, answer


BINARY = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "here", "ce-type": "test"}
same("CloudEvent, binary mode", lambda p, u: post(p, u, b'{"instances": [1, 2]}', **BINARY), **here)
same("CloudEvent, structured mode", structured, **here)
same("a body that is no JSON", lambda p, u: post(p, u, b'{"instances": ['), **here, differs=False)


def stream(place: Place, user: str):
    body = json.dumps({"instances": ["stream", "one", "two", "three"]}).encode()
    url = f"{place.url}/v1/models/{place.model}:predict"
    headers = {"x-user-id": user, "content-type": "application/json"}
    with httpx.stream("POST", url, content=body, headers=headers) as response:
        return response.status_code, list(response.iter_lines())


same("a model that streams", stream, **here)


@check("is_server_live, list of models")
def _():
    async def live():
        async with client() as each:
            return await each.is_server_live(MAKAS)

    expect_equal(asyncio.run(live()), True)
    response = httpx.get(f"{MAKAS}/v1/models")
    return f"GET /v1/models: {response.status_code} {response.text}"


@check("the client keeps its connection")
def _():
    async def many():
        async with client() as each:
            for user in USERS * 4:
                await each.infer(MAKAS, ROWS, "numbers", headers={"x-user-id": user})

    asyncio.run(many())
