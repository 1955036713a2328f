"""KServe's InferenceGRPCClient."""

import asyncio

import grpc
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve import InferenceGRPCClient, InferInput, InferOutput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from checks import USERS, Place, check, expect, expect_equal, raises, same
from kserve_places import ARRAYS, asleep, places

here = places("kserveGrpc", "makasGrpc")
sleeping = asleep("kserveGrpc", "makasGrpc")
MAKAS = here["makas"].url


def client(place: Place) -> InferenceGRPCClient:
    return InferenceGRPCClient(place.url.split("://")[1], retries=0)


def plain(output: InferOutput):
    parameters = {name: str(value) for name, value in (output.parameters or {}).items()}
    return output.name, output.shape, output.datatype, parameters, output.as_numpy().tolist()


async def infer(place: Place, user: str, names, binary: bool, **more):
    inputs = []
    for name in names:
        tensor = InferInput(name, list(ARRAYS[name].shape), name)
        tensor.set_data_from_numpy(ARRAYS[name], binary_data=binary)
        inputs.append(tensor)
    request = InferRequest(place.model, inputs, request_id="r1", **more)
    async with client(place) as each:
        try:
            answer = await each.infer(request, headers=(("x-user-id", user),))
        except Exception as error:
            raise RuntimeError(f"{type(error).__name__} {error.code().name}: {error.details()}") from error
    expect_equal(answer.model_name, place.model)
    return answer.id, [plain(output) for output in answer.outputs]


TYPED = [name for name in ARRAYS if name != "FP16"]
same("typed contents of nine datatypes", lambda p, u: infer(p, u, TYPED, False), **here)
same("raw contents of ten datatypes", lambda p, u: infer(p, u, list(ARRAYS), True), **here)
BINARY = {"parameters": {"binary_data_output": True}}
same("typed in, raw out", lambda p, u: infer(p, u, TYPED, False, **BINARY), **here)
same("InvalidInput of the model", lambda p, u: infer(p, u, ["FP32"], True, parameters={"fail": True}), **here, differs=False)
same("infer of a model that is not ready", lambda p, u: infer(p, u, ["FP32"], True), **sleeping)
nobody = Place(MAKAS, "nobody", False)
raises("an unknown model", lambda p, u: infer(p, u, ["FP32"], True), nobody, "RuntimeError", "NOT_FOUND")


async def mixed(place: Place, user: str):
    message = pb.ModelInferRequest(model_name=place.model, raw_input_contents=[b"1234"])
    message.inputs.add(name="x", datatype="FP32", shape=[1]).contents.fp32_contents.append(1.0)
    async with client(place) as each:
        try:
            return await each._client_stub.ModelInfer(message, metadata=(("x-user-id", user),))
        except Exception as error:
            # The text is of whoever refuses it first.
            return error.code().name


same("raw and typed contents in one message", mixed, **here, differs=False)


async def ready(place: Place, user: str):
    async with client(place) as each:
        return await each.is_model_ready(place.model, headers=(("x-user-id", user),))


async def metadata(place: Place, user: str):
    async with client(place) as each:
        request = pb.ModelMetadataRequest(name=place.model)
        answer = await each._client_stub.ModelMetadata(request, metadata=(("x-user-id", user),))
        expect_equal(answer.name, place.model)
        answer.name = ""
        return MessageToDict(answer)


same("is_model_ready", ready, **here, differs=False)
same("is_model_ready of a model that is not", ready, **sleeping)
same("ModelMetadata", metadata, **here, differs=False)


@check("is_server_live, is_server_ready")
def _():
    async def both():
        async with client(here["makas"]) as each:
            return await each.is_server_live(), await each.is_server_ready()

    expect_equal(asyncio.run(both()), (True, True))


@check("64 calls at once on one connection")
def _():
    async def many():
        tensor = InferInput("FP32", [1, 3], "FP32")
        tensor.set_data_from_numpy(ARRAYS["FP32"])
        async with client(here["makas"]) as each:
            calls = [each.infer(InferRequest("numbers", [tensor]), headers=(("x-user-id", u),)) for u in USERS * 8]
            return await asyncio.gather(*calls)

    expect_equal(len(asyncio.run(many())), 64)


def health(name: str):
    request = health_pb2.HealthCheckRequest(service=name)
    with grpc.insecure_channel(MAKAS.split("://")[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        checked = stub.Check(request, timeout=10).status
        watched = next(iter(stub.Watch(request, timeout=10))).status
        return [health_pb2.HealthCheckResponse.ServingStatus.Name(status) for status in (checked, watched)]


@check("grpc_health: Check and Watch, of the server and of the inference service")
def _():
    for name in ("", "inference.GRPCInferenceService"):
        expect_equal(health(name), ["SERVING", "SERVING"])


@check("grpc_health: an unknown name")
def _():
    try:
        health("foo")
    except grpc.RpcError as error:
        expect_equal(error.code().name, "NOT_FOUND")
    else:
        expect(False, "an answer")
