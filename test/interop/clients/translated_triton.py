"""Triton's HTTP and gRPC clients before a model that is reached over the other of the two."""

import numpy
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client

from checks import ADDRESSES, USERS, check, expect, expect_equal, short

ROWS = numpy.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
CLIENTS = {
    "http": (http_client, ADDRESSES["makas"].split("://")[1], ADDRESSES["mlserver"].split("://")[1]),
    "grpc": (grpc_client, ADDRESSES["makasGrpc"].split("://")[1], ADDRESSES["mlserverGrpc"].split("://")[1]),
}


def iris(library, **options):
    tensor = library.InferInput("predict", [2, 4], "FP64")
    tensor.set_data_from_numpy(ROWS, **options)
    return [tensor], ["predict"]


def words(library, **options):
    tensor = library.InferInput("words", [3], "BYTES")
    tensor.set_data_from_numpy(numpy.array(["çay".encode(), b"", b"a" * 300], dtype=object), **options)
    return [tensor], ["words"]


def ask(library, url: str, model: str, user: str, tensors, **options):
    inputs, names = tensors(library, **options)
    with library.InferenceServerClient(url) as client:
        outputs = [library.InferRequestedOutput(name, **options) for name in names]
        result = client.infer(model, inputs, outputs=outputs, headers={"x-user-id": user}, request_id="r1")
        answer = result.get_response()
        expect_equal(answer["model_name"] if library is http_client else answer.model_name, model)
        return {name: result.as_numpy(name).tolist() for name in names}


def same(title: str, kind: str, model: str, server_model: str, tensors, **options):
    library, makas, _ = CLIENTS[kind]

    @check(title)
    def _():
        found = [ask(library, makas, model, user, tensors, **options) for user in USERS]
        expect(all(each == found[0] for each in found), short(found))
        # MLServer takes no binary tensors over REST, so the wanted answer comes over gRPC.
        wanted = ask(grpc_client, CLIENTS["grpc"][2], server_model, USERS[0], tensors)
        if options.get("binary_data") is False:
            wanted = {name: [v.decode() if isinstance(v, bytes) else v for v in each] for name, each in wanted.items()}
        expect_equal(found[0], wanted)


same("HTTP, JSON tensors in", "http", "flower", "iris-a", iris, binary_data=False)
same("HTTP, binary tensors to gRPC alone", "http", "flower-over-grpc", "iris-a", iris, binary_data=True)
same("HTTP, BYTES as JSON", "http", "text", "text-a", words, binary_data=False)
same("HTTP, binary BYTES to gRPC alone", "http", "text-over-grpc", "text-a", words, binary_data=True)
same("gRPC", "grpc", "flower", "iris-a", iris)
same("gRPC, BYTES", "grpc", "text", "text-a", words)


@check("model readiness and metadata, by both clients")
def _():
    for library, makas, _ in CLIENTS.values():
        with library.InferenceServerClient(makas) as client:
            for user in USERS:
                headers = {"x-user-id": user}
                expect(client.is_model_ready("flower", headers=headers), "not ready")
                client.get_model_metadata("flower", headers=headers)


@check("an error of the model, by both clients")
def _():
    texts = []
    for library, makas, _ in CLIENTS.values():
        with library.InferenceServerClient(makas) as client:
            for user in USERS:
                tensor = library.InferInput("predict", [1, 3], "FP64")
                options = {"binary_data": False} if library is http_client else {}
                tensor.set_data_from_numpy(numpy.zeros((1, 3)), **options)
                try:
                    client.infer("flower", [tensor], headers={"x-user-id": user})
                except library.InferenceServerException as error:
                    texts.append(str(error))
    expect_equal(len(texts), 2 * len(USERS))
    return " / ".join(sorted(set(texts)))[:400]
