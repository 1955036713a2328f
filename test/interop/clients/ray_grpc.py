"""A gRPC service of one's own on Ray Serve, and the two calls that Ray adds."""

import sys
from pathlib import Path

import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

sys.path.append(str(Path(__file__).parent.parent / "servers"))

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, same  # noqa: E402
from ray_messages import Asked, Stub  # noqa: E402

# Directly, the name of the app goes with each call; through Makas its backend sets it.
direct = tuple(Place(ADDRESSES["rayGrpc"], f"app-{mark}", True) for mark in "ab")
makas = Place(ADDRESSES["makasGrpc"], "app", False)
here = {"direct": direct, "makas": makas}
channels = {place.url: grpc.insecure_channel(place.url.split("://")[1]) for place in (direct[0], makas)}
stubs = {url: Stub(channel) for url, channel in channels.items()}


def metadata(place: Place, user: str, **more: str):
    application = {"application": place.model} if place.is_direct else {}
    return list({"x-user-id": user, **application, **more}.items())


def status(error: grpc.RpcError) -> Exception:
    return RuntimeError(f"{error.code().name}: {error.details().splitlines()[0]}")


def score(place: Place, user: str, text: str, **more: str):
    try:
        answer, call = stubs[place.url].score.with_call(Asked(text=text), metadata=metadata(place, user, **more), timeout=30)
    except grpc.RpcError as error:
        raise status(error) from error
    expect("request_id" in dict(call.trailing_metadata()), "no request_id in the trailers")
    return answer.text


def stream(place: Place, user: str, text: str):
    found = []
    try:
        for answer in stubs[place.url].score_stream(Asked(text=text), metadata=metadata(place, user), timeout=30):
            found.append(answer.text)
    except grpc.RpcError as error:
        found.append(error.code().name)
    return found


same("a unary call", lambda p, u: score(p, u, "one"), **here)
same("the id of a multiplexed model", lambda p, u: score(p, u, "one", multiplexed_model_id="m7"), **here)
same("a stream of answers", lambda p, u: stream(p, u, "one two three"), **here)
same("a stream that breaks off", lambda p, u: stream(p, u, "one fail"), **here)


def failing(place: Place, user: str):
    try:
        return score(place, user, "fail")
    except RuntimeError as error:
        return str(error).split(":")[0]


same("an exception in the app", failing, **here, differs=False)


@check("Healthz and ListApplications of RayServeAPIService")
def _():
    texts = []
    for method in ("Healthz", "ListApplications"):
        call = channels[makas.url].unary_unary(f"/ray.serve.RayServeAPIService/{method}")
        try:
            texts.append(f"{method} {call(b'', timeout=10)!r}")
        except grpc.RpcError as error:
            texts.append(f"{method} {error.code().name}")
    return ", ".join(texts)


@check("reflection names what is served")
def _():
    names = ProtoReflectionDescriptorDatabase(channels[makas.url]).get_services()
    expect("grpc.health.v1.Health" in names, names)
    return ", ".join(names)


@check("a service that is not listed")
def _():
    try:
        channels[makas.url].unary_unary("/interop.Other/Score")(b"", metadata=[("x-user-id", USERS[0])])
    except grpc.RpcError as error:
        expect_equal(error.code().name, "UNIMPLEMENTED")
        return str(status(error))
    expect(False, "an answer")
