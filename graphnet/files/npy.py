"""Arrays as ``.npy`` members: which dtypes there are, and the header of each.

A header is written by NumPy, and compared when it is read back, never interpreted: what it must say is known from the
manifest. ``np.load(member, allow_pickle=False)`` reads any member.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
"""Name → dtype that a file can hold: numbers only, so that no object is ever unpickled."""

_START = 10  # bytes of magic string, version and the length of the text


def header(dtype: np.dtype[Any], shape: Sequence[int]) -> bytes:
    """Return the header that NumPy writes before an array, little-endian and in C order."""
    file = io.BytesIO()
    text = {"descr": dtype.newbyteorder("<").str, "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, text)
    return file.getvalue()


def is_header(found: bytes | bytearray, dtype: np.dtype[Any], shape: Sequence[int]) -> bool:
    """Tell whether these bytes are the header of such an array; its padding depends on the version of NumPy."""
    expected = header(dtype, shape)
    return (
        found[:8] == expected[:8]
        and int.from_bytes(found[8:_START], "little") == len(found) - _START
        and found[_START:].rstrip() == expected[_START:].rstrip()
    )


def as_bytes(array: np.ndarray[Any, Any]) -> memoryview:
    """Return the bytes of an array as they follow its header; a view wherever they lie so."""
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    return little.reshape(-1).view(np.uint8).data


def length(dtype: np.dtype[Any], shape: Sequence[int]) -> int:
    """Return the number of bytes of an array without its header."""
    return math.prod(shape) * dtype.itemsize
