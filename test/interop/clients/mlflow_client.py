"""MLflow's own client of its scoring server, and requests in each form that the server takes."""

import json

import numpy
import pandas
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from sklearn.datasets import load_iris

from checks import ADDRESSES, USERS, Place, check, expect, expect_equal, raises, same

direct = tuple(Place(ADDRESSES[name], "wine", True) for name in ("mlflowA", "mlflowB"))
MAKAS = ADDRESSES["makas"]
here = {"direct": direct, "makas": Place(f"{MAKAS}/wine", "wine", False)}
FRAME = load_iris(as_frame=True).data.iloc[[0, 60, 120]].reset_index(drop=True)


def client(place: Place) -> ScoringServerClient:
    # The client builds its address from host and port; a prefix goes beside them.
    host, _, rest = place.url.split("://")[1].partition(":")
    port, _, prefix = rest.partition("/")
    found = ScoringServerClient(host, port)
    if prefix:
        found.url_prefix += f"/{prefix}"
    return found


def invoke(place: Place, user: str, data):
    # The client has no way to send a header: each request is a unit of its own.
    return client(place).invoke(data).get_predictions().round(6).to_numpy().tolist()


@check("ScoringServerClient.invoke with a data frame, both models")
def _():
    wanted = [invoke(place, "", FRAME) for place in direct]
    seen = {wanted.index(invoke(here["makas"], "", FRAME)) for _ in range(24)}
    expect_equal(seen, {0, 1})


@check("ScoringServerClient.invoke with an array")
def _():
    array = FRAME.to_numpy()
    wanted = []
    for place in direct:
        try:
            wanted.append(invoke(place, "", array))
        except Exception as error:
            wanted.append(str(error))
    try:
        found = invoke(here["makas"], "", array)
    except Exception as error:
        found = str(error)
    expect(found in wanted, f"found {found}, directly {wanted}")
    return str(found)[:200]


@check("ping, wait_server_ready, get_version")
def _():
    each = client(here["makas"])
    each.ping()
    each.wait_server_ready(timeout=5)
    return f"get_version: {each.get_version()}, directly {client(direct[0]).get_version()}"


def post(place: Place, user: str, body, kind: str = "application/json", **headers: str):
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    sent = {"x-user-id": user, "content-type": kind, **headers}
    response = requests.post(f"{place.url}/invocations", data=content, headers=sent, timeout=30)
    expect(place.is_direct or response.status_code >= 400 or "makas-backend" in response.headers, "no makas-backend")
    try:
        answer = response.json()
    except ValueError:
        answer = response.text
    if isinstance(answer, dict):
        # A stack with addresses of objects and lines of the server.
        answer.pop("stack_trace", None)
    return response.status_code, response.headers.get("content-type"), answer


SPLIT = {"dataframe_split": json.loads(FRAME.to_json(orient="split"))}
RECORDS = {"dataframe_records": json.loads(FRAME.to_json(orient="records"))}
ROWS = FRAME.to_numpy().tolist()
same("dataframe_split", lambda p, u: post(p, u, SPLIT), **here)
same("dataframe_records", lambda p, u: post(p, u, RECORDS), **here)
same("instances", lambda p, u: post(p, u, {"instances": RECORDS["dataframe_records"]}), **here)
same("inputs, by column", lambda p, u: post(p, u, {"inputs": FRAME.to_dict(orient="list")}), **here)
same("CSV", lambda p, u: post(p, u, FRAME.to_csv(index=False), "text/csv"), **here)
same("JSON with a charset", lambda p, u: post(p, u, SPLIT, "application/json; charset=utf-8"), **here)
same("a body in no known form", lambda p, u: post(p, u, {"rows": ROWS}), **here, differs=False)
same("a column that is missing", lambda p, u: post(p, u, {"dataframe_records": [{"x": 1}]}), **here, differs=False)
same("a body that is no JSON", lambda p, u: post(p, u, "{"), **here, differs=False)
same("a content type that the server does not take", lambda p, u: post(p, u, "x", "text/plain"), **here, differs=False)
named = {"direct": direct, "makas": Place(f"{MAKAS}/any", "wine", False)}
WINE = {"x-model": "wine"}
same("the model named by a header", lambda p, u: post(p, u, SPLIT, **WINE), **named)
sagemaker = {"direct": direct, "makas": Place(f"{MAKAS}/endpoints/wine", "wine", False)}
same("as SageMaker's contract: /invocations", lambda p, u: post(p, u, SPLIT), **sagemaker)
same("as SageMaker's contract: CSV", lambda p, u: post(p, u, FRAME.to_csv(index=False), "text/csv"), **sagemaker)


@check("as SageMaker's contract: /ping")
def _():
    expect_equal(requests.get(f"{MAKAS}/endpoints/wine/ping", timeout=10).status_code, 200)


def unknown(place: Place, user: str):
    status, _, answer = post(place, user, SPLIT, **{"x-model": "nobody"})
    raise RuntimeError(f"{status} {json.dumps(answer)}")


raises("an unknown model", unknown, Place(f"{MAKAS}/any", "nobody", False), "RuntimeError", "404", "error_code")


def through_client(place: Place, user: str):
    return invoke(place, user, pandas.DataFrame({"x": numpy.array([1.0])}))


@check("an error as ScoringServerClient raises it")
def _():
    texts = []
    for place in (direct[0], here["makas"]):
        try:
            through_client(place, USERS[0])
        except Exception as error:
            texts.append(f"{type(error).__name__}: {str(error).split('stack_trace')[0]}")
    expect(len(texts) == 2 and texts[0] == texts[1], texts)
    return texts[1][:300]
