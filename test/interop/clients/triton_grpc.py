"""tritonclient.grpc, and its asyncio twin; streams of a decoupled model."""

import queue

import grpc
import numpy
import tritonclient.grpc as client
import tritonclient.grpc.aio as aio
from google.protobuf.json_format import MessageToDict
from tritonclient.utils import InferenceServerException

from checks import USERS, Place, check, expect, expect_equal, raises, same
from triton_tensors import FULL, inputs, places, tensors

here = places("echo", "tritonGrpc", "makasGrpc")
streams = places("stream", "tritonGrpc", "makasGrpc")
MAKAS = here["makas"]
clients = {}


def connect(place: Place) -> client.InferenceServerClient:
    if place.url not in clients:
        clients[place.url] = client.InferenceServerClient(place.url)
    return clients[place.url]


def infer(place: Place, user: str, names, **more):
    asked = inputs(client, names)
    result = connect(place).infer(place.model, asked, headers={"x-user-id": user}, client_timeout=30, **more)
    answer = result.get_response()
    expect_equal(answer.model_name, place.model)
    answer.model_name = ""
    return MessageToDict(answer), tensors(result, names)


same("raw contents: FP32, FP16, BYTES", lambda p, u: infer(p, u, "xht"), **here)
same("a request id and parameters", lambda p, u: infer(p, u, "x", request_id="r7", parameters={"note": 1}), **here)
same("a version", lambda p, u: infer(p, u, "x", model_version="1"), **here)
same("a version that the server does not have", lambda p, u: infer(p, u, "x", model_version="9"), **here, differs=False)
same("gzip", lambda p, u: infer(p, u, "xht", compression_algorithm="gzip"), **here)
same("deflate", lambda p, u: infer(p, u, "xht", compression_algorithm="deflate"), **here)


def classify(place: Place, user: str):
    wanted = [client.InferRequestedOutput("x", class_count=2)]
    result = connect(place).infer(place.model, inputs(client, "x"), headers={"x-user-id": user}, outputs=wanted)
    return result.as_numpy("x").tolist()


same("classification of an output", classify, **here)


def several(place: Place, user: str):
    found: queue.Queue = queue.Queue()
    for _ in range(8):
        connect(place).async_infer(
            place.model,
            inputs(client, "xt"),
            callback=lambda result, error: found.put(error if error is not None else tensors(result, "xt")),
            headers={"x-user-id": user},
        )
    answers = [found.get(timeout=30) for _ in range(8)]
    expect(all(one == answers[0] for one in answers), f"one user, several answers: {answers}")
    return answers[0]


same("async_infer, eight calls at once", several, **here)


async def infer_aio(place: Place, user: str):
    async with aio.InferenceServerClient(place.url) as each:
        result = await each.infer(place.model, inputs(client, "xht"), headers={"x-user-id": user})
    return tensors(result, "xht")


same("asyncio client", infer_aio, **here)


def large(place: Place, user: str):
    values = numpy.arange(2_000_000, dtype=numpy.float32)
    tensor = client.InferInput("x", [2_000_000], "FP32")
    tensor.set_data_from_numpy(values)
    result = connect(place).infer(place.model, [tensor], headers={"x-user-id": user})
    return result.as_numpy("x")[-3:].tolist()


same("a tensor of 8 MB", large, **here)


def text(value: str) -> list:
    tensor = client.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([value.encode()], dtype=object))
    return [tensor]


def token(place: Place, result, error):
    if error is not None:
        return "error", str(error)
    answer = result.get_response()
    expect_equal(answer.model_name, place.model)
    words = result.as_numpy("text_output")
    return answer.id, words.tolist() if words is not None else None, sorted(answer.parameters)


def stream(place: Place, user: str, texts, headers=None, **options):
    """One stream with a request for each text; the next is sent when the one before has had its last answer."""
    found: queue.Queue = queue.Queue()
    each = client.InferenceServerClient(place.url)
    answers = []
    each.start_stream(
        callback=lambda result, error: found.put((result, error)), headers={"x-user-id": user, **(headers or {})}
    )
    for number, value in enumerate(texts):
        each.async_stream_infer(
            place.model, text(value), request_id=f"r{number}", enable_empty_final_response=True, **options
        )
        while True:
            result, error = found.get(timeout=30)
            answers.append(token(place, result, error))
            if result is None and "broke off" not in str(error):
                break
            if result is not None and result.get_response().parameters["triton_final_response"].bool_param:
                break
            if error is not None and headers:
                break
    each.stop_stream()
    each.close()
    return answers


same("a stream with one request", lambda p, u: stream(p, u, ["one two three"]), **streams)
same("a stream with three requests", lambda p, u: stream(p, u, ["one two", "three", "four five"]), **streams)
same("an error within a stream, which goes on", lambda p, u: stream(p, u, ["one fail two", "three"]), **streams)
ASKED = {"triton_grpc_error": "true"}
same("an error as a status, which ends the stream", lambda p, u: stream(p, u, ["one fail"], ASKED), **streams)


async def stream_aio(place: Place, user: str):
    async def requests():
        for value in ("one two", "three"):
            yield {"model_name": place.model, "inputs": text(value), "request_id": value}

    answers = []
    async with aio.InferenceServerClient(place.url) as each:
        async for result, error in each.stream_infer(requests(), headers={"x-user-id": user}):
            answers.append(token(place, result, error))
    # The two requests run beside each other.
    return sorted(answers, key=str)


same("asyncio client, stream", stream_aio, **streams)
same("a decoupled model asked without a stream", lambda p, u: connect(p).infer(p.model, text("one"), headers={"x-user-id": u}), **streams, differs=False)


@check("a stream that the client cancels")
def _():
    found: queue.Queue = queue.Queue()
    each = client.InferenceServerClient(MAKAS.url)
    each.start_stream(callback=lambda result, error: found.put((result, error)), headers={"x-user-id": USERS[0]})
    each.async_stream_infer("stream", text("one " * 200))
    expect(found.get(timeout=30)[1] is None, "an error first")
    each.stop_stream(cancel_requests=True)
    while not found.empty():
        error = found.get()[1]
    return f"the client sees: {error}"


def failing(place: Place, user: str):
    tensor = client.InferInput("t", [1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([b"fail"], dtype=object))
    return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()


def wrong_name(place: Place, user: str):
    tensor = client.InferInput("nothing", [3], "FP32")
    tensor.set_data_from_numpy(FULL["x"])
    return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()


def wrong_size(place: Place, user: str):
    tensor = client.InferInput("x", [5], "FP32")
    tensor._raw_content = b"\x00" * 8
    try:
        return connect(place).infer(place.model, [tensor], headers={"x-user-id": user}).get_response()
    except InferenceServerException as error:
        # The text is of whoever refuses it first.
        return error.status()


same("an error of the model", failing, **here, differs=False)
same("a tensor that the model does not have", wrong_name, **here, differs=False)
same("a tensor with too few bytes", wrong_size, **here, differs=False)
nobody = Place(MAKAS.url, "nobody", False)
raises("an unknown model", lambda p, u: infer(p, u, "x"), nobody, "InferenceServerException", "NOT_FOUND")


@check("an unknown model in a stream")
def _():
    [answer] = stream(nobody, USERS[0], ["one"])
    expect(answer[0] == "error" and "NOT_FOUND" in answer[1], answer)
    return answer[1]


def metadata(place: Place, user: str):
    found = connect(place).get_model_metadata(place.model, headers={"x-user-id": user}, as_json=True)
    expect_equal(found.pop("name"), place.model)
    return found


def config(place: Place, user: str):
    found = connect(place).get_model_config(place.model, headers={"x-user-id": user}, as_json=True)["config"]
    return found["backend"], [each["name"] for each in found["input"]]


def statistics(place: Place, user: str):
    [found] = connect(place).get_inference_statistics(place.model, headers={"x-user-id": user}).model_stats
    expect_equal(found.name, place.model)
    return found.version


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
    return str(each.get_server_metadata().name)


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
        except InferenceServerException as error:
            texts.append(str(error.status()))
        else:
            expect(False, f"call {len(texts)} was answered")
    return ", ".join(texts)


@check("gRPC health, as a probe asks")
def _():
    with grpc.insecure_channel(MAKAS.url) as channel:
        expect_equal(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10), b"\x08\x01")


@check("a deadline of the client")
def _():
    try:
        connect(MAKAS).infer("echo", inputs(client, "x"), client_timeout=0.000_001)
    except InferenceServerException as error:
        expect("DEADLINE_EXCEEDED" in str(error), error)
        return str(error)
    expect(False, "it was in time")
