"""Archives, written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from graphnet.files import npy
from graphnet.files.archive import FORMAT, MANIFEST, PIECE, SMALL, VERSION, WORKERS, comment, digest, member
from graphnet.files.replace import replacing


def write(path: str | os.PathLike[str], contents: Mapping[str, Any], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write an archive of these contents, which refer to the arrays by position; equal ones give equal bytes.

    Raises
    ------
    SaveError
        If the file can't be written; the one that was there is as it was.
    """
    with replacing(path) as file, ZipFile(file, "w") as archive, ThreadPoolExecutor(WORKERS) as pool:
        described = [
            {
                "dtype": array.dtype.name,
                "shape": array.shape,
                "sha256": _write_array(archive, pool, member(position), array),
            }
            for position, array in enumerate(arrays)
        ]
        contents = {"format": FORMAT, "version": VERSION, **contents, "arrays": described}
        manifest = json.dumps(contents, allow_nan=False, separators=(",", ":")).encode("ascii")
        archive.writestr(ZipInfo(MANIFEST), manifest)
        archive.comment = comment(manifest)


def _write_array(archive: ZipFile, pool: Executor, name: str, array: np.ndarray[Any, Any]) -> list[str]:
    """Write one member; return the digests of its pieces."""
    header, data = npy.header(array.dtype, array.shape), npy.as_bytes(array)
    if len(data) < SMALL:
        copy = bytes(data)
        archive.writestr(ZipInfo(name), header + copy)
        return [digest(copy)] if copy else []
    info = ZipInfo(name)
    info.file_size = len(header) + len(data)
    digests: list[Future[str]] = []
    with archive.open(info, "w") as target:
        target.write(header)
        for start in range(0, len(data), PIECE):
            # A copy, so that digest and file agree whatever another thread does to the array meanwhile.
            piece = bytes(data[start : start + PIECE])
            digests.append(pool.submit(digest, piece))
            target.write(piece)
            if len(digests) > WORKERS:
                digests[-WORKERS].result()  # no more copies at a time than are being worked on
    return [future.result() for future in digests]
