"""KServe's clients before a model that is reached over another protocol than theirs."""

import asyncio

import numpy
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

from checks import ADDRESSES, check, expect_equal
from kserve_places import ARRAYS

MAKAS = ADDRESSES["makas"]
MAKAS_GRPC = ADDRESSES["makasGrpc"].split("://")[1]
ROWS = numpy.array([[0.1, 2.0], [-3.5, 1e300]])
BINARY = {"parameters": {"binary_data_output": True}}
# What JSON cannot carry, and the server reads in the binary form alone.
RARE = {"FP16": ARRAYS["FP16"], "FP32": numpy.array([numpy.nan, -numpy.inf, 1], dtype=numpy.float32)}


def request_for(model: str, arrays: dict, binary: bool, **more) -> InferRequest:
    inputs = []
    for datatype, array in arrays.items():
        tensor = InferInput(datatype, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    return InferRequest(model, inputs, request_id="r1", **more)


async def over_rest(url: str, model: str, *arguments, **more):
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:
        return await client.infer(url, request_for(model, *arguments, **more), model)


async def over_grpc(url: str, model: str, *arguments, **more):
    async with InferenceGRPCClient(url, retries=0) as client:
        return await client.infer(request_for(model, *arguments, **more))


def values(output) -> list:
    # Over REST the client gives texts as text, over gRPC as bytes.
    found = output.as_numpy().tolist()
    return [v.decode() if isinstance(v, bytes) else v for v in found]


def plain(answer, model: str):
    expect_equal((answer.model_name, answer.id), (model, "r1"))
    return {o.name: (o.datatype, list(o.shape), values(o)) for o in answer.outputs}


def same(title: str, ask, model: str, *arguments, **more):
    """The model must answer as it does over its own gRPC, which has a form for everything."""

    @check(title)
    async def _():
        url = MAKAS if ask is over_rest else MAKAS_GRPC
        direct = ADDRESSES["kserveGrpc"].split("://")[1]
        wanted = plain(await over_grpc(direct, "numbers-a", arguments[0], True), "numbers-a")
        found = plain(await ask(url, model, *arguments, **more), model)
        expect_equal(list(found), list(wanted))
        for name in wanted:
            # Not a number is not equal to itself.
            expect_equal(repr(found[name]), repr(wanted[name]))


TYPED = {name: array for name, array in ARRAYS.items() if name not in ("FP16", "BYTES")}
same("V2 REST to gRPC, JSON", over_rest, "to-grpc", TYPED, False)
same("V2 REST to gRPC, binary", over_rest, "to-grpc", ARRAYS, True, **BINARY)
same("V2 REST to gRPC, what JSON cannot carry", over_rest, "to-grpc", RARE, True)
same("V2 gRPC to REST, typed contents", over_grpc, "to-v2", TYPED, False)
same("V2 gRPC to REST, raw contents", over_grpc, "to-v2", ARRAYS, True, **BINARY)
same("V2 gRPC to REST, what JSON cannot carry", over_grpc, "to-v2", RARE, True, **BINARY)


def check_rows(title: str, ask, url: str, *arguments, **more):
    @check(title)
    async def _():
        wanted = {"predict": ("FP64", [2, 2], (ROWS * 2).tolist())}
        expect_equal(plain(await ask(url, "to-v1", {"FP64": ROWS}, *arguments, **more), "to-v1"), wanted)


check_rows("V2 REST to V1, JSON", over_rest, MAKAS, False)
check_rows("V2 REST to V1, binary", over_rest, MAKAS, True, **BINARY)
check_rows("V2 gRPC to V1, typed contents", over_grpc, MAKAS_GRPC, False)
check_rows("V2 gRPC to V1, raw contents", over_grpc, MAKAS_GRPC, True)


@check("V1 to V2 gRPC")
async def _():
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=0)) as client:
        answer = await client.infer(MAKAS, {"instances": ROWS.tolist()}, "to-grpc")
        expect_equal(answer["predictions"], (ROWS * 2).tolist())


@check("readiness of the model")
async def _():
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:
        found = [await client.is_model_ready(MAKAS, model) for model in ("to-v1", "to-grpc")]
    async with InferenceGRPCClient(MAKAS_GRPC, retries=0) as client:
        found += [await client.is_model_ready(model) for model in ("to-v1", "to-v2")]
    expect_equal(found, [True] * 4)


def check_refused(title: str, ask, url: str, array: numpy.ndarray, datatype: str, part: str):
    @check(title)
    async def _():
        try:
            await ask(url, "to-v1", {datatype: array}, True)
        except Exception as error:
            expect_equal(part in str(error), True)
            return str(error)[:300]
        raise RuntimeError("an answer")


for each, array in RARE.items():
    for title, ask, url in (("REST", over_rest, MAKAS), ("gRPC", over_grpc, MAKAS_GRPC)):
        check_refused(f"V2 {title} to V1, {each} that JSON cannot carry", ask, url, array, each, f'The input "{each}"')
