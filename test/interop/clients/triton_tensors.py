"""What the clients of Triton send to the model that echoes."""

import numpy

from checks import ADDRESSES, Place

FULL = {
    "x": numpy.array([0.1, -2.5, 3e30], dtype=numpy.float32),
    "h": numpy.array([0.5, -2.25], dtype=numpy.float16),
    "t": numpy.array([b"caf\xc3\xa9", b"", b"a" * 300, b"\x00\xff"], dtype=object),
}
TYPES = {"x": "FP32", "h": "FP16", "t": "BYTES"}


def places(kind: str, server: str, makas: str) -> dict:
    direct = tuple(Place(ADDRESSES[server].split("://")[1], f"{kind}-{mark}", True) for mark in "ab")
    return {"direct": direct, "makas": Place(ADDRESSES[makas].split("://")[1], kind, False)}


def inputs(client, names, **options) -> list:
    """`client` is tritonclient.http or tritonclient.grpc, whose inputs are classes of their own."""
    found = []
    for name in names:
        tensor = client.InferInput(name, list(FULL[name].shape), TYPES[name])
        tensor.set_data_from_numpy(FULL[name], **options)
        found.append(tensor)
    return found


def tensors(result, names) -> dict:
    return {name: result.as_numpy(name).tolist() for name in names}
