"""A decoupled model for Triton's Python backend: one answer for each word."""

import json

import numpy
import triton_python_backend_utils as triton

FINAL = triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    def initialize(self, args):
        self.mark = json.loads(args["model_config"])["parameters"]["mark"]["string_value"]

    def execute(self, requests):
        for request in requests:
            self.answer(request, request.get_response_sender())

    def answer(self, request, sender):
        [text] = triton.get_input_tensor_by_name(request, "text_input").as_numpy().flatten()
        words = text.decode().split(" ")
        for word in words[:-1]:
            sender.send(self.token(word))
        # Triton dies of an answer to a stream that an error has ended, so a last error is the final answer as well.
        if words[-1] == "fail":
            sender.send(self.token("fail"), flags=FINAL)
        else:
            sender.send(self.token(words[-1]))
            sender.send(flags=FINAL)

    def token(self, word):
        if word == "fail":
            return triton.InferenceResponse(error=triton.TritonError("the stream broke off"))
        token = numpy.array([f"{self.mark}{word}".encode()], dtype=object)
        return triton.InferenceResponse([triton.Tensor("text_output", token)])
