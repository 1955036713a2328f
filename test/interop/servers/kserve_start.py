"""Starts KServe's Python server with models of our own. Arguments: HTTP port, gRPC port."""

import asyncio
import sys

import grpc.aio
import numpy
import uvicorn

http_port, grpc_port = (int(port) for port in sys.argv[1:3])
# KServe parses the command line when it is imported.
sys.argv = sys.argv[:1]

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository, ModelServer  # noqa: E402
from kserve.errors import InferenceError, InvalidInput  # noqa: E402
from kserve.protocol.grpc import server as grpc_server  # noqa: E402


class LoopbackConfig(uvicorn.Config):
    def __init__(self, *args, **options):
        super().__init__(*args, **{**options, "host": "127.0.0.1"})


# KServe has no setting for the address that it listens on; tests stay on loopback.
uvicorn.Config = LoopbackConfig
make_grpc_server = grpc_server.aio.server


def make_loopback_server(*args, **options):
    server = make_grpc_server(*args, **options)
    add_port = server.add_insecure_port
    server.add_insecure_port = lambda address: add_port(address.replace("[::]", "127.0.0.1"))
    return server


grpc_server.aio.server = make_loopback_server

FAILURES = {"invalid": InvalidInput("this input is not to my taste"), "broken": InferenceError("the model broke")}


class Numbers(Model):
    """Every number times `scale`, text with a mark; the same over V1, V2 and gRPC."""

    def __init__(self, name: str, scale: int):
        super().__init__(name)
        self.scale = scale
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, InferRequest):
            return self.infer(payload)
        rows = payload["instances"] if "instances" in payload else payload["inputs"]
        match rows:
            case ["stream", *words]:
                return self.stream(words)
            case [str() as failure]:
                raise FAILURES.get(failure, RuntimeError("nobody caught this"))
        return {"predictions": (numpy.array(rows) * self.scale).tolist()}

    async def stream(self, words):
        for word in words:
            await asyncio.sleep(0.01)
            yield f"{self.scale}{word}\n"

    def infer(self, request: InferRequest) -> InferResponse:
        if (request.parameters or {}).get("fail"):
            raise InvalidInput("this input is not to my taste")
        outputs = []
        for tensor in request.inputs:
            values = tensor.as_numpy()
            if tensor.datatype == "BYTES":
                mark = str(self.scale).encode()
                texts = [mark + (v if isinstance(v, bytes) else str(v).encode()) for v in values.flatten()]
                values = numpy.array(texts, dtype=object).reshape(values.shape)
            elif tensor.datatype != "BOOL":
                values = values * numpy.array(self.scale, dtype=values.dtype)
            output = InferOutput(tensor.name, list(values.shape), tensor.datatype)
            output.set_data_from_numpy(values, binary_data=request.use_binary_outputs or tensor.datatype == "FP16")
            outputs.append(output)
        return InferResponse(
            response_id=request.id,
            model_name=self.name,
            infer_outputs=outputs,
            requested_outputs=request.request_outputs,
            use_binary_outputs=request.use_binary_outputs,
        )

    async def explain(self, payload, headers=None):
        return {"explanations": [{"weight": self.scale, "row": row} for row in payload["instances"]]}


class Asleep(Numbers):
    def __init__(self, name: str):
        super().__init__(name, 1)
        self.ready = False

    def start(self):
        """Would make it ready."""


if __name__ == "__main__":
    # The server itself takes only models that are ready.
    models = ModelRepository()
    models.update(Asleep("asleep"))
    server = ModelServer(http_port, grpc_port, registered_models=models, enable_latency_logging=False)
    server.start([Numbers("numbers-a", 2), Numbers("numbers-b", 3)])
