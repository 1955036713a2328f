"""Starts Seldon Core's wrapper of a Python model, REST and gRPC, on loopback. Arguments: REST port, gRPC port, scale."""

import sys

import numpy
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.metrics import SeldonMetrics
from seldon_core.wrapper import get_grpc_server, get_rest_microservice
from werkzeug.serving import WSGIRequestHandler, make_server

http_port, grpc_port, scale = (int(argument) for argument in sys.argv[1:4])


class Scorer:
    def predict(self, values, names, meta=None):
        if isinstance(values, str):
            if values == "fail":
                raise SeldonMicroserviceException("the model broke", status_code=400, reason="BROKEN")
            return f"{scale}{values}"
        if isinstance(values, bytes):
            return bytes(str(scale), "ascii") + values
        if isinstance(values, dict):
            return {"scale": scale, "seen": values}
        return numpy.asarray(values) * scale

    def class_names(self):
        return ["score"]

    def tags(self):
        return {"scale": scale}

    def metrics(self):
        return [{"type": "COUNTER", "key": "asked", "value": 1}]

    def send_feedback(self, features, names, reward, truth, routing=None):
        return []

    def init_metadata(self):
        return {"name": "scorer", "versions": [str(scale)]}


class KeepAlive(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


if __name__ == "__main__":
    # The wrapper's own command listens on every address.
    metrics = SeldonMetrics()
    model = Scorer()
    server = get_grpc_server(model, metrics, annotations={}, trace_interceptor=None)
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    server.start()
    app = get_rest_microservice(model, metrics)
    make_server("127.0.0.1", http_port, app, threaded=True, request_handler=KeepAlive).serve_forever()
