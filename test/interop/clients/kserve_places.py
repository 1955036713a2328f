"""The models of the KServe server, and tensors for them."""

import logging

import numpy

from checks import ADDRESSES, Place

# The client logs each error that it raises, with a stack.
logging.disable(logging.CRITICAL)


def places(server: str, makas: str) -> dict:
    direct = tuple(Place(ADDRESSES[server], f"numbers-{mark}", True) for mark in "ab")
    return {"direct": direct, "makas": Place(ADDRESSES[makas], "numbers", False)}


def asleep(server: str, makas: str) -> dict:
    place = Place(ADDRESSES[server], "asleep", True)
    return {"direct": (place, place), "makas": Place(ADDRESSES[makas], "asleep", False), "differs": False}


# One array of each datatype that NumPy has; the server multiplies each by the number of its model.
ARRAYS = {
    "BOOL": numpy.array([True, False, True]),
    "INT8": numpy.array([-1, 2, 3], dtype=numpy.int8),
    "UINT16": numpy.array([[1, 2], [3, 4]], dtype=numpy.uint16),
    "INT32": numpy.array([-5, 7], dtype=numpy.int32),
    "INT64": numpy.array([2**53 + 1, -(2**61)], dtype=numpy.int64),
    "UINT64": numpy.array([2**62 + 1], dtype=numpy.uint64),
    "FP32": numpy.array([[0.1, -0.0, 3e38 / 4]], dtype=numpy.float32),
    "FP64": numpy.array([0.1, 1e-320, 1e300]),
    "FP16": numpy.array([0.5, -2.25, 6e-8], dtype=numpy.float16),
    "BYTES": numpy.array([b"caf\xc3\xa9", b"", b"a" * 300], dtype=object),
}
