"""tritonclient.http, and its asyncio twin; generate and generate_stream with the standard library."""

import http.client
import json

import numpy
import tritonclient.http as client
import tritonclient.http.aio as aio
from tritonclient.utils import np_to_triton_dtype

from checks import USERS, Place, check, expect, expect_equal, raises, same
from triton_tensors import FULL, inputs, places, tensors

here = places("echo", "triton", "makas")
streams = places("stream", "triton", "makas")
MAKAS = here["makas"]
clients = {}


def connect(place: Place) -> client.InferenceServerClient:
    if place.url not in clients:
        clients[place.url] = client.InferenceServerClient(place.url)
    return clients[place.url]


def infer(place: Place, user: str, names, binary_in=True, outputs=None, **more):
    asked = inputs(client, names, binary_data=binary_in)
    result = connect(place).infer(place.model, asked, headers={"x-user-id": user}, outputs=outputs, **more)
    answer = dict(result.get_response())
    expect_equal(answer.pop("model_name"), place.model)
    wanted = names if outputs is None else [output.name() for output in outputs]
    return answer, tensors(result, wanted)


def outputs(**binary):
    return [client.InferRequestedOutput(name, binary_data=value) for name, value in binary.items()]


same("binary tensors in and out, as by default", lambda p, u: infer(p, u, "xht"), **here)
same("JSON tensors in, binary out", lambda p, u: infer(p, u, "x", False), **here)
same("JSON tensors in and out", lambda p, u: infer(p, u, "x", False, outputs(x=False)), **here)
same("binary in, one output binary and one JSON", lambda p, u: infer(p, u, "xh", True, outputs(x=False, h=True)), **here)
same("a request id and parameters", lambda p, u: infer(p, u, "x", request_id="r7", parameters={"note": 1}), **here)
same("a version", lambda p, u: infer(p, u, "x", model_version="1"), **here)
same("a version that the server does not have", lambda p, u: infer(p, u, "x", model_version="9"), **here, differs=False)
gzip = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
same("gzip both ways", lambda p, u: infer(p, u, "xht", **gzip), **here)
deflate = {"request_compression_algorithm": "deflate", "response_compression_algorithm": "deflate"}
same("deflate both ways", lambda p, u: infer(p, u, "xht", **deflate), **here)


def classify(place: Place, user: str):
    wanted = [client.InferRequestedOutput("x", class_count=2)]
    result = connect(place).infer(place.model, inputs(client, "x"), headers={"x-user-id": user}, outputs=wanted)
    return result.as_numpy("x").tolist()


same("classification of an output", classify, **here)


def several(place: Place, user: str):
    each = client.InferenceServerClient(place.url, concurrency=4)
    calls = [each.async_infer(place.model, inputs(client, "xt"), headers={"x-user-id": user}) for _ in range(8)]
    found = [tensors(call.get_result(), "xt") for call in calls]
    each.close()
    expect(all(one == found[0] for one in found), "one user, several answers")
    return found[0]


same("async_infer, eight requests on four connections", several, **here)


async def infer_aio(place: Place, user: str):
    async with aio.InferenceServerClient(place.url) as each:
        result = await each.infer(place.model, inputs(client, "xht"), headers={"x-user-id": user})
    expect_equal(result.get_response()["model_name"], place.model)
    return tensors(result, "xht")


same("asyncio client, binary", infer_aio, **here)


def large(place: Place, user: str):
    values = numpy.arange(1_000_000, dtype=numpy.float32)
    tensor = client.InferInput("x", [1_000_000], np_to_triton_dtype(values.dtype))
    tensor.set_data_from_numpy(values)
    result = connect(place).infer(place.model, [tensor], headers={"x-user-id": user})
    return result.as_numpy("x")[-3:].tolist()


same("a tensor of 4 MB", large, **here)


def failing(place: Place, user: str):
    tensor = client.InferInput("t", [1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([b"fail"], dtype=object))
    return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()


def wrong_shape(place: Place, user: str):
    tensor = client.InferInput("x", [5], "FP32")
    tensor._raw_data = b"\x00" * 8
    tensor._parameters["binary_data_size"] = 8
    return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()


def wrong_name(place: Place, user: str):
    tensor = client.InferInput("nothing", [3], "FP32")
    tensor.set_data_from_numpy(FULL["x"])
    return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()


same("an error of the model", failing, **here, differs=False)
same("a tensor with too few bytes", wrong_shape, **here, differs=False)
same("a tensor that the model does not have", wrong_name, **here, differs=False)
nobody = Place(MAKAS.url, "nobody", False)
raises("an unknown model", lambda p, u: infer(p, u, "x"), nobody, "InferenceServerException", "[404]", "route")


def post(place: Place, user: str, path: str, body: bytes, **headers: str):
    connection = http.client.HTTPConnection(place.url, timeout=30)
    connection.request("POST", f"/v2/models/{place.model}/{path}", body, {"x-user-id": user, **headers})
    response = connection.getresponse()
    text = response.read().decode()
    kind = response.getheader("content-type")
    connection.close()
    return response.status, kind, text


LENGTH = "inference-header-content-length"
same("a body that is no JSON", lambda p, u: post(p, u, "infer", b"{"), **here, differs=False)
beyond = {LENGTH: "9"}
same("a length beyond the body", lambda p, u: post(p, u, "infer", b"{}", **beyond)[0], **here, differs=False)


def generate(place: Place, user: str, path: str, text: str):
    body = json.dumps({"text_input": text}).encode()
    status, kind, found = post(place, user, path, body, **{"content-type": "application/json"})
    # The name of the model is in each event.
    return status, kind, found.replace(f'"model_name":"{place.model}"', '"model_name":"MODEL"')


same("generate", lambda p, u: generate(p, u, "generate", "one"), **streams)
same("generate with several answers, an error", lambda p, u: generate(p, u, "generate", "one two"), **streams, differs=False)
same("generate_stream", lambda p, u: generate(p, u, "generate_stream", "one two three"), **streams)
same("generate_stream with an error in it", lambda p, u: generate(p, u, "generate_stream", "one fail two"), **streams)


def metadata(place: Place, user: str):
    found = connect(place).get_model_metadata(place.model, headers={"x-user-id": user})
    expect_equal(found.pop("name"), place.model)
    return found


def config(place: Place, user: str):
    found = connect(place).get_model_config(place.model, headers={"x-user-id": user})
    return found["backend"], [each["name"] for each in found["input"]]


def statistics(place: Place, user: str):
    [found] = connect(place).get_inference_statistics(place.model, headers={"x-user-id": user})["model_stats"]
    expect_equal(found["name"], place.model)
    return sorted(found)


def ready(place: Place, user: str):
    return connect(place).is_model_ready(place.model, headers={"x-user-id": user})


same("get_model_metadata", metadata, **here, differs=False)
same("get_model_config", config, **here, differs=False)
same("get_inference_statistics", statistics, **here, differs=False)
same("is_model_ready", ready, **here, differs=False)


@check("is_server_live, is_server_ready, get_server_metadata")
def _():
    each = connect(MAKAS)
    expect(each.is_server_live() and each.is_server_ready(), "not ready")
    return str(each.get_server_metadata()["name"])


@check("is_model_ready of an unknown model")
def _():
    expect_equal(connect(MAKAS).is_model_ready("nobody"), False)


@check("shared memory, trace, logging and repository are refused")
def _():
    each = connect(MAKAS)
    texts = []
    for ask in (
        lambda: each.register_system_shared_memory("all", "/all", 64),
        lambda: each.get_system_shared_memory_status(),
        lambda: each.get_model_repository_index(),
        lambda: each.unload_model("echo"),
        lambda: each.update_trace_settings("echo", {"trace_level": ["OFF"]}),
        lambda: each.update_log_settings({"log_info": True}),
    ):
        try:
            ask()
        except client.InferenceServerException as error:
            texts.append(str(error.status() or error.message()))
        else:
            expect(False, f"call {len(texts)} was answered")
    return ", ".join(texts)


@check("the client keeps its connections")
def _():
    for user in USERS * 4:
        infer(MAKAS, user, "x")
    response = json.loads(post(MAKAS, "u", "infer", b"{}")[2])
    expect("error" in response, response)
