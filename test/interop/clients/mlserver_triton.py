"""Triton's clients before MLServer, which has the same calls but not the same stream."""

import queue

import numpy
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client

from checks import ADDRESSES, Place, expect_equal, same

ROWS = numpy.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
WORDS = numpy.array(["çay".encode(), b"", b"a" * 300], dtype=object)


def places(kind: str, server: str, makas: str) -> dict:
    direct = tuple(Place(ADDRESSES[server].split("://")[1], f"{kind}-{mark}", True) for mark in "ab")
    return {"direct": direct, "makas": Place(ADDRESSES[makas].split("://")[1], kind, False)}


def infer_http(place: Place, user: str, name: str, values, datatype: str, output: str):
    tensor = http_client.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=False)
    # Without this the client asks for binary tensors, which MLServer does not have over REST.
    outputs = [http_client.InferRequestedOutput(output, binary_data=False)]
    with http_client.InferenceServerClient(place.url) as client:
        result = client.infer(place.model, [tensor], outputs=outputs, headers={"x-user-id": user}, request_id="r1")
    expect_equal(result.get_response()["model_name"], place.model)
    return result.as_numpy(output).tolist()


def infer_grpc(place: Place, user: str, name: str, values, datatype: str, output: str):
    tensor = grpc_client.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    outputs = [grpc_client.InferRequestedOutput(output)]
    with grpc_client.InferenceServerClient(place.url) as client:
        result = client.infer(place.model, [tensor], outputs=outputs, headers={"x-user-id": user}, request_id="r1")
    expect_equal(result.get_response().model_name, place.model)
    return result.as_numpy(output).tolist()


def stream(place: Place, user: str):
    found: queue.Queue = queue.Queue()
    tensor = grpc_client.InferInput("words", [1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([b"one"], dtype=object))
    with grpc_client.InferenceServerClient(place.url) as client:
        client.start_stream(lambda result, error: found.put((result, error)), headers={"x-user-id": user})
        client.async_stream_infer(place.model, [tensor], request_id="r1")
        result, error = found.get(timeout=30)
        client.stop_stream()
    # The client takes the name of the model for the text of an error: the field has the same number.
    return result.get_response().outputs[0].name if error is None else str(error).replace(place.model, "MODEL")


def ready(place: Place, user: str, library):
    with library.InferenceServerClient(place.url) as client:
        return client.is_model_ready(place.model, headers={"x-user-id": user})


rest = {kind: places(kind, "mlserver", "makas") for kind in ("iris", "text")}
rpc = {kind: places(kind, "mlserverGrpc", "makasGrpc") for kind in ("iris", "text")}
flower = ("predict", ROWS, "FP64", "predict_proba")
text = ("words", WORDS, "BYTES", "words")
same("HTTP, JSON tensors", lambda p, u: infer_http(p, u, *flower), **rest["iris"])
same("HTTP, BYTES as JSON", lambda p, u: infer_http(p, u, *text), **rest["text"])
same("HTTP, is_model_ready", lambda p, u: ready(p, u, http_client), **rest["iris"], differs=False)
same("gRPC, raw tensors", lambda p, u: infer_grpc(p, u, *flower), **rpc["iris"])
same("gRPC, BYTES", lambda p, u: infer_grpc(p, u, *text), **rpc["text"])
same("gRPC, is_model_ready", lambda p, u: ready(p, u, grpc_client), **rpc["iris"], differs=False)
same("gRPC, a stream, which the client cannot read", stream, **rpc["text"], differs=False)
