"""MLflow's client before a V2 model, over REST and gRPC."""

import json

import numpy
import pandas
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from checks import ADDRESSES, USERS, check, expect, expect_equal

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
MAKAS = ADDRESSES["makas"]


def direct() -> list:
    tensor = {"name": "predict", "shape": [2, 4], "datatype": "FP64", "data": ROWS}
    url = f"{ADDRESSES['mlserver']}/v2/models/iris-a/infer"
    return requests.post(url, json={"inputs": [tensor]}, timeout=10).json()["outputs"][0]["data"]


def ask_all(body: dict, prefix: str = "flower"):
    found = []
    for user in USERS:
        headers = {"x-user-id": user, "content-type": "application/json"}
        response = requests.post(f"{MAKAS}/{prefix}/invocations", data=json.dumps(body), headers=headers, timeout=10)
        found.append((response.status_code, response.json(), response.headers.get("makas-backend", "-none")))
    expect_equal({backend.rsplit("-", 1)[-1] for _, _, backend in found}, {"rest", "grpc"})
    expect(all(each[:2] == found[0][:2] for each in found), found)
    expect_equal(found[0][0], 200)
    return found[0][1]


@check("instances")
def _():
    found = ask_all({"instances": ROWS})
    expect_equal(numpy.array(found["predictions"]).flatten().tolist(), direct())
    return json.dumps(found)


@check("inputs")
def _():
    found = ask_all({"inputs": ROWS})
    expect_equal(numpy.array(found["predictions"]).flatten().tolist(), direct())


@check("as SageMaker's contract")
def _():
    found = ask_all({"instances": ROWS}, "sagemaker")
    expect_equal(numpy.array(found["predictions"]).flatten().tolist(), direct())


@check("ScoringServerClient with an array")
def _():
    host, port = MAKAS.split("://")[1].split(":")
    client = ScoringServerClient(host, port)
    client.url_prefix += "/flower"
    found = client.invoke(numpy.array(ROWS)).get_predictions()
    expect_equal(found.to_numpy().flatten().tolist(), direct())


@check("ScoringServerClient with a data frame")
def _():
    host, port = MAKAS.split("://")[1].split(":")
    client = ScoringServerClient(host, port)
    client.url_prefix += "/flower"
    frame = pandas.DataFrame(ROWS, columns=["a", "b", "c", "d"])
    found = client.invoke(frame).get_predictions()
    expect_equal(found.to_numpy().flatten().tolist(), direct())
