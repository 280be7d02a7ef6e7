"""The form of a file: a stored zip of one manifest and one ``.npy`` member for each array.

``manifest.json`` is one JSON object. Its ``format`` is "graphnet", its ``version`` a whole number; ``arrays`` lists the
dtype and shape of each array and the SHA-256 of every MiB of its bytes. All other entries are the graph, the parameters
and the state, and refer to arrays by position: array 0 is the member ``arrays/0.npy``. The zip's comment holds the
SHA-256 of the manifest, so that all that is read is covered by a digest.

The header of a member is written by NumPy, and compared when it is read back, never interpreted: what it must say is known
from the manifest. ``np.load(member, allow_pickle=False)`` reads any member. Nothing in a file is a name that is looked up:
neither code, nor another file, nor a member that is not of this form.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

FORMAT = "graphnet"
VERSION = 1
MANIFEST = "manifest.json"

LARGEST_MANIFEST = 1 << 28
"""Bytes, enough for two million nodes. Only a manifest needs more memory than it is long."""

CHUNK = 1 << 20
"""Bytes that one digest covers. Chunks are hashed side by side: a file of one large array is as quick as any other."""

WORKERS = 4
"""Threads that read or write chunks, and hash them; more would wait for the disk."""

SMALL = 1 << 16
"""Bytes from which on it pays to let another thread hash a chunk."""


def member(position: int) -> str:
    """Return the name of the member that holds the array of this position."""
    return f"arrays/{position}.npy"


def digest(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of some bytes, as a manifest has it."""
    return hashlib.sha256(data).hexdigest()


def comment(manifest: bytes) -> bytes:
    """Return the zip's comment for this manifest."""
    return f"graphnet manifest sha256 {digest(manifest)}".encode()


@contextmanager
def several_threads() -> Iterator[Callable[..., Future[Any]]]:
    """Give a function that lets a thread call another; at the end of the block all calls are done, or one's error is raised."""
    coming: list[Future[Any]] = []
    pool = ThreadPoolExecutor(WORKERS)

    def start(call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        coming.append(pool.submit(call, *arguments))
        return coming[-1]

    try:
        yield start
        for each in coming:
            each.result()
    finally:
        pool.shutdown(cancel_futures=True)


# Arrays -------------------------------------------------------------------------------------------------------------

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
