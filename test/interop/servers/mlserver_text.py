"""A model for MLServer: every input comes back as an output, text with a mark; streams give one token at a time."""

from typing import AsyncIterator

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, Parameters, RequestInput, ResponseOutput


class TextModel(MLModel):
    @property
    def mark(self) -> str:
        return self.settings.parameters.extra["mark"]

    def echo(self, tensor: RequestInput) -> ResponseOutput:
        data = tensor.data
        if tensor.datatype == "BYTES":
            data = [self.mark.encode() + (value if isinstance(value, bytes) else value.encode()) for value in data]
        return ResponseOutput(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape, data=data)

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        parameters = payload.parameters.model_dump() if payload.parameters is not None else {}
        match parameters.get("fail"):
            case "known":
                raise InferenceError("the model does not like this")
            case "crash":
                raise ValueError("the model broke")
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            parameters=Parameters(mark=self.mark, seen=parameters.get("note", "")),
            outputs=[self.echo(tensor) for tensor in payload.inputs],
        )

    async def predict_stream(self, payloads: AsyncIterator[InferenceRequest]) -> AsyncIterator[InferenceResponse]:
        async for payload in payloads:
            for word in StringCodec.decode_input(payload.inputs[0])[0].split(" "):
                if word == "fail":
                    raise InferenceError("the stream broke off")
                token = StringCodec.encode_output("token", [self.mark + word], use_bytes=True)
                yield InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=[token])
