"""The form of a file: a stored zip of one manifest and one ``.npy`` member for each array.

``manifest.json`` is one JSON object. Its ``format`` is "graphnet", its ``version`` a whole number; ``arrays`` lists the
dtype and shape of each array and the SHA-256 of every MiB of its bytes. All other entries are the graph, the parameters
and the state, and refer to arrays by position: array 0 is the member ``arrays/0.npy``. The zip's comment holds the
SHA-256 of the manifest, so that all that is read is covered by a digest.

Nothing in a file is a name that is looked up: neither code, nor another file, nor a member that is not of this form.
"""

from __future__ import annotations

import hashlib

FORMAT = "graphnet"
VERSION = 1
MANIFEST = "manifest.json"

LARGEST_MANIFEST = 1 << 28
"""Bytes, enough for two million nodes. Only a manifest needs more memory than it is long."""

PIECE = 1 << 20
"""Bytes that one digest covers. Pieces are hashed side by side: a file of one large array is as quick as any other."""

WORKERS = 4
"""Threads that read or write pieces, and hash them; more would wait for the disk."""

SMALL = 1 << 16
"""Bytes from which on it pays to let another thread hash a piece."""


def member(position: int) -> str:
    """Return the name of the member that holds the array of this position."""
    return f"arrays/{position}.npy"


def digest(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of some bytes, as a manifest has it."""
    return hashlib.sha256(data).hexdigest()


def comment(manifest: bytes) -> bytes:
    """Return the zip's comment for this manifest."""
    return f"graphnet manifest sha256 {digest(manifest)}".encode()
