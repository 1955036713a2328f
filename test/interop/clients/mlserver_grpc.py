"""MLServer's own stubs over gRPC."""

import grpc
import numpy
from google.protobuf.json_format import MessageToDict
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.converters import ModelInferRequestConverter
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import InferenceRequest, Parameters

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, raises, same

SERVER, MAKAS = ADDRESSES["mlserverGrpc"], ADDRESSES["makasGrpc"]
channels = {url: grpc.insecure_channel(url.split("://")[1]) for url in (SERVER, MAKAS)}
stubs = {url: GRPCInferenceServiceStub(channel) for url, channel in channels.items()}
ROWS = numpy.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])


def places(kind: str):
    direct = tuple(Place(SERVER, f"{kind}-{mark}", True) for mark in "ab")
    return {"direct": direct, "makas": Place(MAKAS, kind, False)}


def status(error: grpc.RpcError) -> Exception:
    return RuntimeError(f"{error.code().name}: {error.details()}")


def content(place: Place, answer: pb.ModelInferResponse) -> dict:
    expect_equal(answer.model_name, place.model)
    found = MessageToDict(answer, preserving_proto_field_name=True)
    del found["model_name"]
    return found


def infer(place: Place, user: str, request: InferenceRequest, version: str = "", raw: bool = False) -> dict:
    message = ModelInferRequestConverter.from_types(request, place.model, version, use_raw=raw)
    try:
        answer, call = stubs[place.url].ModelInfer.with_call(message, metadata=[("x-user-id", user)], timeout=30)
    except grpc.RpcError as error:
        raise status(error) from error
    metadata = dict(call.initial_metadata())
    if not place.is_direct:
        expect("makas-backend" in metadata, f"no makas-backend in {metadata}")
        if place.model == "iris":
            expect_equal(answer.parameters["makas_decision"].string_param, metadata["makas-decision"])
            del answer.parameters["makas_decision"]
    found = content(place, answer)
    if request.id is None:
        found.pop("id", None)
    return found


def numbers(**more) -> InferenceRequest:
    return InferenceRequest(
        inputs=[NumpyCodec.encode_input("predict", ROWS)], outputs=[{"name": "predict_proba"}], **more
    )


def strings(words=("çay", "two"), **parameters) -> InferenceRequest:
    return InferenceRequest(
        id="s", inputs=[StringCodec.encode_input("words", list(words))], parameters=Parameters(**parameters)
    )


def half() -> InferenceRequest:
    return InferenceRequest(
        id="h",
        inputs=[
            NumpyCodec.encode_input("half", numpy.array([1.5, -2.25, 65504.0], dtype=numpy.float16)),
            StringCodec.encode_input("words", ["a", "bc"]),
        ],
    )


same("scikit-learn model, typed contents", lambda p, u: infer(p, u, numbers()), **places("iris"))
same("scikit-learn model, raw contents", lambda p, u: infer(p, u, numbers(), raw=True), **places("iris"))
same("a request id is echoed", lambda p, u: infer(p, u, numbers(id="request-7")), **places("iris"))
same("a version in the message", lambda p, u: infer(p, u, numbers(), version="1"), **places("iris"))
same("a version that the server does not have", lambda p, u: infer(p, u, numbers(), version="9"), **places("iris"), differs=False)
same("BYTES, typed, with parameters", lambda p, u: infer(p, u, strings(note="seen")), **places("text"))
same("BYTES, raw", lambda p, u: infer(p, u, strings(), raw=True), **places("text"))
same("FP16 and BYTES, raw", lambda p, u: infer(p, u, half(), raw=True), **places("text"))


def large(place: Place, user: str):
    values = numpy.arange(600_000, dtype=numpy.float64)
    request = InferenceRequest(
        id="l", inputs=[NumpyCodec.encode_input("x", values), StringCodec.encode_input("words", ["w"])]
    )
    message = ModelInferRequestConverter.from_types(request, place.model, None, use_raw=True)
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(place.url.split("://")[1], options) as channel:
        try:
            return content(place, GRPCInferenceServiceStub(channel).ModelInfer(message, metadata=[("x-user-id", user)]))
        except grpc.RpcError as error:
            raise status(error) from error


same("a message of 4.8 MB", large, **places("text"), differs=False)


def compressed(place: Place, user: str):
    message = ModelInferRequestConverter.from_types(strings(("word " * 500,)), place.model, None)
    metadata = [("x-user-id", user)]
    return content(place, stubs[place.url].ModelInfer(message, metadata=metadata, compression=grpc.Compression.Gzip))


same("a gzip message", compressed, **places("text"))


def stream(place: Place, user: str, text: str, count: int = 1):
    messages = [ModelInferRequestConverter.from_types(strings((text,)), place.model, None) for _ in range(count)]
    found = []
    try:
        for answer in stubs[place.url].ModelStreamInfer(iter(messages), metadata=[("x-user-id", user)], timeout=30):
            found.append(content(place, answer))
    except grpc.RpcError as error:
        found.append(str(status(error)))
    return found


same("ModelStreamInfer", lambda p, u: stream(p, u, "one two three"), **places("text"))
same("ModelStreamInfer with three requests", lambda p, u: stream(p, u, "one two", 3), **places("text"))
same("a stream that ends with an error", lambda p, u: stream(p, u, "one two fail"), **places("text"))
same("an error of the model", lambda p, u: infer(p, u, strings(fail="known")), **places("text"), differs=False)
same("an exception in the model", lambda p, u: infer(p, u, strings(fail="crash")), **places("text"), differs=False)


def malformed(place: Place, user: str):
    message = pb.ModelInferRequest(model_name=place.model, raw_input_contents=[b"1234"])
    tensor = message.inputs.add(name="predict", datatype="FP32", shape=[1])
    tensor.contents.fp32_contents.append(1.0)
    message.raw_input_contents.append(b"5678")
    try:
        return content(place, stubs[place.url].ModelInfer(message, metadata=[("x-user-id", user)]))
    except grpc.RpcError as error:
        raise status(error) from error


mixed = Place(MAKAS, "iris", False)
raises("raw and typed contents in one message", malformed, mixed, "RuntimeError", "INVALID_ARGUMENT")


def nonsense(place: Place, user: str):
    call = channels[place.url].unary_unary("/inference.GRPCInferenceService/ModelInfer")
    try:
        return call(b"\xff\xff\xff\xff", metadata=[("x-user-id", user)])
    except grpc.RpcError as error:
        raise status(error) from error


raises("bytes that are no message", nonsense, Place(MAKAS, "iris", False), "RuntimeError", "INVALID_ARGUMENT")
raises("an unknown model", lambda p, u: infer(p, u, numbers()), Place(MAKAS, "nobody", False), "RuntimeError", "NOT_FOUND")


def metadata(place: Place, user: str):
    answer = stubs[place.url].ModelMetadata(pb.ModelMetadataRequest(name=place.model), metadata=[("x-user-id", user)])
    expect_equal(answer.name, place.model)
    answer.name = ""
    return MessageToDict(answer)


def ready(place: Place, user: str):
    request = pb.ModelReadyRequest(name=place.model)
    return stubs[place.url].ModelReady(request, metadata=[("x-user-id", user)]).ready


same("ModelMetadata", metadata, **places("iris"), differs=False)
same("ModelReady", ready, **places("iris"), differs=False)


@check("ServerLive, ServerReady, ServerMetadata")
def _():
    stub = stubs[MAKAS]
    expect(stub.ServerLive(pb.ServerLiveRequest()).live, "not live")
    expect(stub.ServerReady(pb.ServerReadyRequest()).ready, "not ready")
    return MessageToDict(stub.ServerMetadata(pb.ServerMetadataRequest()))["name"]


@check("grpc.health.v1.Health for the server and for the inference service")
def _():
    call = channels[MAKAS].unary_unary("/grpc.health.v1.Health/Check")
    named = b"\x0a\x1e" + b"inference.GRPCInferenceService"
    for request in (b"", named):
        expect_equal(call(request, timeout=5), b"\x08\x01")


@check("RepositoryModelUnload is refused")
def _():
    try:
        stubs[MAKAS].RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="iris"))
    except grpc.RpcError as error:
        expect(error.code().name in ("PERMISSION_DENIED", "UNIMPLEMENTED", "NOT_FOUND"), error)
        return str(status(error))
    expect(False, "it was done")


@check("a deadline of the client")
def _():
    try:
        infer_late = ModelInferRequestConverter.from_types(numbers(), "iris", None)
        stubs[MAKAS].ModelInfer(infer_late, metadata=[("x-user-id", USERS[0])], timeout=0.000_5)
    except grpc.RpcError as error:
        expect_equal(error.code().name, "DEADLINE_EXCEEDED")
        return str(status(error))
    expect(False, "it was in time")
