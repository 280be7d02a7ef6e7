"""Archives, written."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from graphnet.files import npy
from graphnet.files.archive import FORMAT, MANIFEST, PIECE, SMALL, VERSION, WORKERS, comment, digest, member
from graphnet.files.replace import replacing

PIECES_A_SYNC = 32


def write(path: str | os.PathLike[str], contents: Mapping[str, Any], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write an archive of these contents, which refer to the arrays by position; equal ones give equal bytes.

    Raises
    ------
    SaveError
        If the file can't be written; the one that was there is as it was.
    """
    with replacing(path) as file, ZipFile(file, "w") as archive, ThreadPoolExecutor(WORKERS) as pool:
        copies = Copies(pool, file.fileno())
        described = [
            {
                "dtype": array.dtype.name,
                "shape": array.shape,
                "sha256": _write_array(archive, copies, member(position), array),
            }
            for position, array in enumerate(arrays)
        ]
        contents = {"format": FORMAT, "version": VERSION, **contents, "arrays": described}
        manifest = json.dumps(contents, allow_nan=False, separators=(",", ":")).encode("ascii")
        archive.writestr(ZipInfo(MANIFEST), manifest)
        archive.comment = comment(manifest)
        copies.finish()


class Copies:
    """Copies of the pieces of large arrays, hashed by other threads while they are written.

    Copies, so that digest and file agree whatever another thread does to the array meanwhile. Their memory is used in
    turns: a handful of pieces, however large the arrays are. Now and then what is written is sent on to the disk, which
    would otherwise be idle until the end.
    """

    def __init__(self, pool: Executor, descriptor: int) -> None:
        self._pool = pool
        self._descriptor = descriptor
        self._in_use: deque[tuple[bytearray, Future[str]]] = deque()
        self._taken = 0
        self._syncs: list[Future[None]] = []

    def take(self, piece: memoryview) -> tuple[memoryview, Future[str]]:
        """Return a copy, which lasts until some more are taken, and its digest to come."""
        if len(self._in_use) < WORKERS + 2:
            buffer = bytearray(PIECE)
        else:
            buffer, hashed = self._in_use.popleft()
            hashed.result()
        copy = memoryview(buffer)[: len(piece)]
        copy[:] = piece
        coming = self._pool.submit(digest, copy)
        self._in_use.append((buffer, coming))
        self._taken += 1
        if self._taken % PIECES_A_SYNC == 0:
            self._syncs.append(self._pool.submit(os.fsync, self._descriptor))
        return copy, coming

    def finish(self) -> None:
        """Raise the first error of the disk: it tells each only once."""
        for sync in self._syncs:
            sync.result()


def _write_array(archive: ZipFile, copies: Copies, name: str, array: np.ndarray[Any, Any]) -> list[str]:
    """Write one member; return the digests of its pieces."""
    header, data = npy.header(array.dtype, array.shape), npy.as_bytes(array)
    if len(data) < SMALL:
        whole = bytes(data)
        archive.writestr(ZipInfo(name), header + whole)
        return [digest(whole)] if whole else []
    info = ZipInfo(name)
    info.file_size = len(header) + len(data)
    digests = []
    with archive.open(info, "w") as target:
        target.write(header)
        for start in range(0, len(data), PIECE):
            piece, coming = copies.take(data[start : start + PIECE])
            target.write(piece)
            digests.append(coming)
    return [coming.result() for coming in digests]
