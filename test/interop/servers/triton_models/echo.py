"""A model for Triton's Python backend: numbers times two or three, text with a mark."""

import json

import numpy
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        self.mark = json.loads(args["model_config"])["parameters"]["mark"]["string_value"]

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        given = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        if "t" in given and b"fail" in given["t"]:
            return triton.InferenceResponse(error=triton.TritonError("the model broke", triton.TritonError.INTERNAL))
        outputs = [triton.Tensor(name, self.echo(values)) for name, values in given.items()]
        return triton.InferenceResponse(outputs)

    def echo(self, values):
        if values.dtype != object:
            return values * values.dtype.type(2 if self.mark == "a" else 3)
        return numpy.array([self.mark.encode() + value for value in values], dtype=object)
