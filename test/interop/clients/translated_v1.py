"""KServe's V1 client before a V2 model, over REST and gRPC."""

import asyncio

import httpx
import numpy
from kserve import InferenceRESTClient, RESTConfig

from checks import ADDRESSES, USERS, check, expect, expect_equal

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
MAKAS = ADDRESSES["makas"]


def direct() -> list:
    tensor = {"name": "predict", "shape": [2, 4], "datatype": "FP64", "data": ROWS}
    url = f"{ADDRESSES['mlserver']}/v2/models/iris-a/infer"
    return httpx.post(url, json={"inputs": [tensor]}).json()["outputs"][0]["data"]


async def ask(user: str, data: dict, model: str = "flower"):
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=0)) as client:
        headers: dict = {}
        answer = await client.infer(MAKAS, data, model, headers={"x-user-id": user}, response_headers=headers)
        return answer, headers["makas-backend"]


def ask_all(data: dict, model: str = "flower"):
    """What everybody got, which must be the same, when all backends took part."""
    found = [asyncio.run(ask(user, data, model)) for user in USERS]
    expect_equal({backend.rsplit("-", 1)[-1] for _, backend in found}, {"rest", "grpc"})
    expect(all(answer == found[0][0] for answer, _ in found), found)
    return found[0][0]


@check("instances become a tensor, its answer predictions")
def _():
    predictions = ask_all({"instances": ROWS})["predictions"]
    expect_equal(numpy.array(predictions).flatten().tolist(), direct())
    return str(predictions)


@check("texts become BYTES")
def _():
    return str(ask_all({"instances": ["çay", "two"]}, "text"))


@check("rows of objects become a tensor for each key")
def _():
    return str(ask_all({"instances": [{"price": 1.5, "name": "x"}, {"price": 2.5, "name": "y"}]}, "text"))


@check("rows that are no tensor are refused, and the message says why")
def _():
    try:
        ask_all({"instances": [[1, 2], [3]]})
    except httpx.HTTPStatusError as error:
        expect_equal(error.response.status_code, 400)
        return str(error)
    expect(False, "an answer")


@check("an error of the model")
def _():
    try:
        ask_all({"instances": [["a", "b"], ["c", "d"]]})
    except httpx.HTTPStatusError as error:
        expect(error.response.status_code >= 400, error)
        return str(error)[:300]
    expect(False, "an answer")
