"""KServe's InferenceRESTClient over V2, with JSON and with binary tensors."""

import asyncio

import httpx
from kserve import InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from checks import USERS, Place, check, expect, expect_equal, raises, same
from kserve_places import ARRAYS, asleep, places

here = places("kserve", "makas")
sleeping = asleep("kserve", "makas")
MAKAS = here["makas"].url


def client() -> InferenceRESTClient:
    return InferenceRESTClient(RESTConfig(protocol="v2", retries=0))


def plain(output: InferOutput):
    return output.name, output.shape, output.datatype, output.parameters, output.as_numpy().tolist()


async def infer(place: Place, user: str, names, binary: bool, outputs=None, **more):
    inputs = []
    for name in names:
        tensor = InferInput(name, list(ARRAYS[name].shape), name)
        tensor.set_data_from_numpy(ARRAYS[name], binary_data=binary)
        inputs.append(tensor)
    request = InferRequest(place.model, inputs, request_id="r1", request_outputs=outputs, **more)
    async with client() as each:
        headers: dict = {}
        sent = {"x-user-id": user}
        answer = await each.infer(place.url, request, place.model, headers=sent, response_headers=headers)
    expect(place.is_direct or "makas-backend" in headers, "no makas-backend")
    expect_equal(answer.model_name, place.model)
    length = "inference-header-content-length" in headers
    return answer.id, length, [plain(output) for output in answer.outputs]


JSON = [name for name in ARRAYS if name != "FP16"]
BINARY = {"parameters": {"binary_data_output": True}}
same("JSON tensors of nine datatypes", lambda p, u: infer(p, u, JSON, False), **here)
same("binary tensors of ten datatypes, in", lambda p, u: infer(p, u, JSON, True), **here)
same("binary tensors of ten datatypes, in and out", lambda p, u: infer(p, u, list(ARRAYS), True, **BINARY), **here)
same("JSON in, binary out", lambda p, u: infer(p, u, JSON, False, **BINARY), **here)
some = [RequestedOutput("BYTES", {"binary_data": True}), RequestedOutput("INT32", {"binary_data": False})]
same("two outputs, one of them binary", lambda p, u: infer(p, u, JSON, True, some), **here)
same("FP16 in, JSON out", lambda p, u: infer(p, u, ["FP16"], True), **here, differs=False)
same("InvalidInput of the model", lambda p, u: infer(p, u, JSON, False, parameters={"fail": True}), **here, differs=False)
same("infer of a model that is not ready", lambda p, u: infer(p, u, JSON, False), **sleeping)
nobody = Place(MAKAS, "nobody", False)
raises("an unknown model", lambda p, u: infer(p, u, JSON, False), nobody, "HTTPStatusError", "404 Not Found", "route")


async def raw(place: Place, user: str, body: bytes, path: str = "infer", **headers: str):
    async with client() as each:
        sent = {"x-user-id": user, **headers}
        response = await each._client.post(f"{place.url}/v2/models/{place.model}/{path}", content=body, headers=sent)
        return response.status_code, response.text


LENGTH = "inference-header-content-length"
same("bytes without their length", lambda p, u: raw(p, u, b'{"inputs":[]}\x00'), **here, differs=False)
same("a body that is no JSON", lambda p, u: raw(p, u, b"{", **{LENGTH: "1"}), **here, differs=False)
same("a version, which KServe does not have", lambda p, u: raw(p, u, b'{"inputs":[]}', "versions/1/infer"), **here, differs=False)


async def ready(place: Place, user: str):
    async with client() as each:
        return await each.is_model_ready(place.url, place.model, headers={"x-user-id": user})


same("is_model_ready", ready, **here, differs=False)
same("is_model_ready of a model that is not", ready, **sleeping)


async def metadata(place: Place, user: str):
    async with client() as each:
        response = await each._client.get(f"{place.url}/v2/models/{place.model}", headers={"x-user-id": user})
        answer = response.json()
        expect_equal(answer.pop("name"), place.model)
        return response.status_code, answer


same("model metadata", metadata, **here, differs=False)


@check("is_server_live, is_server_ready")
def _():
    async def both():
        async with client() as each:
            return await each.is_server_live(MAKAS), await each.is_server_ready(MAKAS)

    expect_equal(asyncio.run(both()), (True, True))


@check("over HTTP/2 in clear text")
def _():
    async def ask():
        async with client() as each:
            each._client = httpx.AsyncClient(http1=False, http2=True)
            tensor = InferInput("FP32", [1, 3], "FP32")
            tensor.set_data_from_numpy(ARRAYS["FP32"], binary_data=True)
            request = InferRequest("numbers", [tensor], parameters=BINARY["parameters"])
            answers = [each.infer(MAKAS, request, "numbers", headers={"x-user-id": user}) for user in USERS]
            return [answer.outputs[0].as_numpy().tolist() for answer in await asyncio.gather(*answers)]

    found = asyncio.run(ask())
    expect(all(each in found for each in ((ARRAYS["FP32"] * 2).tolist(), (ARRAYS["FP32"] * 3).tolist())), found)


@check("32 requests at once")
def _():
    async def many():
        places = [Place(MAKAS, "numbers", False)] * 4
        return await asyncio.gather(*(infer(p, u, ["FP32"], True, **BINARY) for p in places for u in USERS))

    expect_equal(len(asyncio.run(many())), 32)
