"""SeldonClient over REST and gRPC, as if Makas were the ingress of the cluster."""

import httpx
import numpy
from google.protobuf.json_format import MessageToDict
from seldon_core.seldon_client import SeldonClient

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, same

MAKAS = ADDRESSES["makas"].split("://")[1]
MAKAS_GRPC = ADDRESSES["makasGrpc"].split("://")[1]
VALUES = numpy.array([[1.0, 2.5], [3.0, -4.0]])


def client(deployment: str = "scorer", grpc: bool = False, **options) -> SeldonClient:
    return SeldonClient(
        gateway="ambassador",
        transport="grpc" if grpc else "rest",
        namespace="shop",
        deployment_name=deployment,
        gateway_endpoint=MAKAS_GRPC if grpc else MAKAS,
        **options,
    )


def places(grpc: bool = False) -> dict:
    name = "seldonGrpc" if grpc else "seldon"
    direct = tuple(Place(ADDRESSES[f"{name}{mark}"], "scorer", True) for mark in "AB")
    return {"direct": direct, "makas": Place(MAKAS_GRPC if grpc else MAKAS, "scorer", False)}


def ask(place: Place, user: str, grpc: bool = False, **more):
    if place.is_direct:
        # Straight at the wrapper the client needs the same paths as behind an ingress.
        endpoint = place.url.split("://")[1]
        options = {"gateway_endpoint": endpoint} if grpc else {"gateway_endpoint": endpoint, "gateway_prefix": ""}
    else:
        options = {}
    answer = client(grpc=grpc).predict(headers={"x-user-id": user}, **options, **more)
    if not answer.success:
        # The wrapper writes the reason of a status in capitals, which HTTP leaves to everyone.
        raise RuntimeError(f"{answer.msg.lower()} {answer.response}")
    return answer.response if place.is_direct else without_decision(answer.response)


def without_decision(response):
    """What Makas adds: a name of the prediction and the arm that made it."""
    if not isinstance(response, dict):
        expect(response.meta.puid != "" and len(response.meta.routing) == 1, response)
        response.meta.ClearField("puid")
        response.meta.ClearField("routing")
        return response
    meta = response["meta"]
    expect(meta.pop("puid", "") != "" and len(meta.pop("routing", {})) == 1, response)
    if not meta:
        del response["meta"]
    return response


rest = places()
rpc = places(True)
for payload in ("tensor", "ndarray"):
    same(f"REST, {payload}", lambda p, u, t=payload: ask(p, u, data=VALUES, payload_type=t, names=["x", "y"]), **rest)
same("REST, strData", lambda p, u: ask(p, u, str_data="çay"), **rest)
same("REST, binData", lambda p, u: ask(p, u, bin_data=b"\x00\xff"), **rest)
same("REST, jsonData", lambda p, u: ask(p, u, json_data={"a": [1, None]}), **rest)
same("REST, meta tags", lambda p, u: ask(p, u, str_data="x", meta={"mine": "7"}), **rest)
same("REST, an error of the model", lambda p, u: ask(p, u, str_data="fail"), **rest, differs=False)
for payload in ("tensor", "ndarray"):
    same(f"gRPC, {payload}", lambda p, u, t=payload: ask(p, u, True, data=VALUES, payload_type=t, names=["x", "y"]), **rpc)
same("gRPC, strData", lambda p, u: ask(p, u, True, str_data="çay"), **rpc)
same("gRPC, binData", lambda p, u: ask(p, u, True, bin_data=b"\x00\xff"), **rpc)
same("gRPC, an error of the model", lambda p, u: ask(p, u, True, str_data="fail"), **rpc, differs=False)


def post(place: Place, user: str, body: bytes, path: str = "predictions"):
    base = place.url if place.is_direct else f"http://{MAKAS}/seldon/shop/scorer"
    headers = {"x-user-id": user, "content-type": "application/json"}
    response = httpx.post(f"{base}/api/v1.0/{path}", content=body, headers=headers)
    return response.status_code, response.text


same("REST, a body that is no JSON", lambda p, u: post(p, u, b"{"), **rest, differs=False)
same("REST, a message without data", lambda p, u: post(p, u, b'{"meta": {}}'), **rest, differs=False)


@check("REST, metadata and health")
def _():
    base = f"http://{MAKAS}/seldon/shop/scorer"
    metadata = httpx.get(f"{base}/api/v1.0/metadata", headers={"x-user-id": USERS[0]})
    expect_equal(metadata.json()["name"], "scorer")
    expect_equal(httpx.get(f"{base}/api/v1.0/health/status").status_code, 200)


@check("an unknown deployment, REST and gRPC")
def _():
    answer = client("nobody").predict(str_data="x")
    expect(not answer.success and answer.msg.startswith("404"), answer)
    called = client("nobody", True).predict(str_data="x")
    expect(not called.success and "NOT_FOUND" in str(called.msg), called)
    return f"{answer.msg} {answer.response} / {called.msg}"


@check("SeldonClient.feedback, REST: the reward of a bandit")
def _():
    ranker = client("ranker", client_return_type="proto")
    answer = ranker.predict(str_data="x", headers={"x-user-id": USERS[0]})
    tags = dict(answer.response.meta.tags)
    expect("makas-decision" in tags and "scale" in tags, tags)
    sent = ranker.feedback(prediction_request=answer.request, prediction_response=answer.response, reward=1)
    expect(sent.success, f"{sent.msg} {sent.response}")
    again = ranker.feedback(prediction_request=answer.request, prediction_response=answer.response, reward=1)
    return f"first {MessageToDict(sent.response)}, again {again.success} {again.msg}"


@check("SeldonClient.feedback without the decision goes to the server")
def _():
    sent = client("ranker").feedback(reward=1)
    expect(sent.success, sent.response)
    return f"{sent.msg} {sent.response}"
