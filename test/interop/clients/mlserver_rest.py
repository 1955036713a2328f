"""MLServer's own types and codecs over HTTP, as its users send them; with httpx."""

import json

import httpx
import numpy
import pandas
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, Parameters

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, raises, same

SERVER, MAKAS = ADDRESSES["mlserver"], ADDRESSES["makas"]
http = httpx.Client(timeout=30)


def places(kind: str):
    direct = tuple(Place(SERVER, f"{kind}-{mark}", True) for mark in "ab")
    return {"direct": direct, "makas": Place(MAKAS, kind, False)}


ROWS = numpy.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
PROBABILITIES = [{"name": "predict_proba"}]


def infer(place: Place, user: str, request: InferenceRequest, path: str = "infer", version: str = "") -> dict:
    url = f"{place.url}/v2/models/{place.model}{version}/{path}"
    body = request.model_dump(exclude_none=True, by_alias=True)
    response = http.post(url, content=json.dumps(body), headers={"x-user-id": user, "content-type": "application/json"})
    if response.status_code >= 400:
        raise RuntimeError(f"{response.status_code} {response.text}")
    if not place.is_direct:
        expect("makas-backend" in response.headers, "no makas-backend")
    answer = response.json()
    expect_equal(answer.pop("model_name"), place.model)
    if place.model == "iris":
        # The route is a bandit: its token is in the head and, as the route asks, in the answer.
        expect_equal(answer["parameters"].pop("makas_decision"), response.headers["makas-decision"])
    # MLServer makes a new id for a request without one, and echoes the given one.
    if request.id is None:
        answer.pop("id")
    return answer


def numbers(**more) -> InferenceRequest:
    inputs = [NumpyCodec.encode_input("predict", ROWS)]
    return InferenceRequest(inputs=inputs, outputs=PROBABILITIES, **more)


same("scikit-learn model, NumPy codec", lambda p, u: infer(p, u, numbers()), **places("iris"))
same("a request id is echoed", lambda p, u: infer(p, u, numbers(id="request-7")), **places("iris"))
same("a version in the path", lambda p, u: infer(p, u, numbers(), version="/versions/1"), **places("iris"))
same("a version that the server does not have", lambda p, u: infer(p, u, numbers(), version="/versions/9"), **places("iris"), differs=False)


def decoded(place: Place, user: str):
    answer = infer(place, user, NumpyRequestCodec.encode_request(ROWS), path="infer")
    response = InferenceResponse(model_name="any", **answer)
    return NumpyRequestCodec.decode_response(response).tolist()


same("an answer decoded by NumpyRequestCodec", decoded, **places("iris"), differs=False)


def strings(**parameters) -> InferenceRequest:
    inputs = [StringCodec.encode_input("words", ["çay", "a \u2028 b", ""], use_bytes=False)]
    return InferenceRequest(inputs=inputs, parameters=Parameters(**parameters))


same("BYTES as text, with parameters", lambda p, u: infer(p, u, strings(note="seen")), **places("text"))


def frame(place: Place, user: str):
    table = pandas.DataFrame({"price": [1.5, 2.25], "count": [3, 4]})
    return infer(place, user, PandasCodec.encode_request(table, use_bytes=False))


same("a data frame, pandas codec", frame, **places("text"))
same("generate", lambda p, u: infer(p, u, strings(), path="generate"), **places("text"))


def stream(place: Place, user: str, path: str, text: str):
    request = InferenceRequest(id="s", inputs=[StringCodec.encode_input("words", [text], use_bytes=False)])
    body = request.model_dump(exclude_none=True, by_alias=True)
    url = f"{place.url}/v2/models/{place.model}/{path}"
    events = []
    with http.stream("POST", url, json=body, headers={"x-user-id": user}) as response:
        expect_equal(response.headers["content-type"].split(";")[0], "text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                expect_equal(event.pop("model_name"), place.model)
                events.append(event["outputs"][0]["data"])
    return events


same("infer_stream", lambda p, u: stream(p, u, "infer_stream", "one two three"), **places("text"))
same("generate_stream", lambda p, u: stream(p, u, "generate_stream", "one two three"), **places("text"))


@check("a stream that breaks off")
def _():
    place = Place(MAKAS, "text", False)
    url = f"{MAKAS}/v2/models/text/infer_stream"
    request = InferenceRequest(inputs=[StringCodec.encode_input("words", ["one two fail"], use_bytes=False)])
    body = request.model_dump(exclude_none=True, by_alias=True)
    lines = []
    try:
        with http.stream("POST", url, json=body, headers={"x-user-id": USERS[0]}) as response:
            lines.extend(line for line in response.iter_lines() if line)
    except httpx.HTTPError as error:
        lines.append(f"{type(error).__name__}: {error}")
    expect(len(lines) > 2 and place.model in lines[1], lines)
    expect("error" in lines[-1].lower(), lines)
    return " | ".join(lines[2:])


same("an error of the model", lambda p, u: infer(p, u, strings(fail="known")), **places("text"), differs=False)
same("an exception in the model", lambda p, u: infer(p, u, strings(fail="crash")), **places("text"), differs=False)


def malformed(place: Place, user: str, body: bytes):
    url = f"{place.url}/v2/models/{place.model}/infer"
    response = http.post(url, content=body, headers={"x-user-id": user, "content-type": "application/json"})
    return response.status_code, response.text


same("a body without inputs", lambda p, u: malformed(p, u, b'{"input": []}'), **places("iris"), differs=False)
same("a body that is no JSON", lambda p, u: malformed(p, u, b'{"inputs": ['), **places("iris"), differs=False)
raises("an unknown model", lambda p, u: infer(p, u, numbers()), Place(MAKAS, "nobody", False), "RuntimeError", "404", "error")


def get(place: Place, path: str):
    response = http.get(f"{place.url}/v2/models/{place.model}{path}", headers={"x-user-id": USERS[0]})
    body = response.json() if response.content else None
    if isinstance(body, dict) and "name" in body:
        expect_equal(body.pop("name"), place.model)
    return response.status_code, body


same("model metadata", lambda p, u: get(p, ""), **places("iris"), differs=False)
same("model readiness", lambda p, u: get(p, "/ready"), **places("iris"), differs=False)


@check("health of the server")
def _():
    for path in ("live", "ready"):
        expect_equal(http.get(f"{MAKAS}/v2/health/{path}").status_code, 200)


@check("what changes the server is refused")
def _():
    answers = [http.post(f"{MAKAS}/v2/repository/{path}", json={}) for path in ("index", "models/iris/unload")]
    expect(all(answer.status_code in (403, 404) for answer in answers), [answer.status_code for answer in answers])
    return str([answer.status_code for answer in answers])


@check("gzip both ways")
def _():
    import gzip

    headers = {"x-user-id": USERS[0], "content-type": "application/json", "content-encoding": "gzip"}
    body = json.dumps(numbers(id="z").model_dump(exclude_none=True, by_alias=True)).encode()
    response = http.post(f"{MAKAS}/v2/models/iris/infer", content=gzip.compress(body), headers=headers)
    expect_equal(response.status_code, 200)
    plain = infer(Place(MAKAS, "iris", False), USERS[0], numbers(id="z"))
    expect_equal(response.json()["outputs"], plain["outputs"])
