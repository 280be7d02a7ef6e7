"""Archives, written: small arrays first, each as a whole; then the large ones in pieces, by several threads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np

from graphnet.common.replace import replacing
from graphnet.errors import SaveError
from graphnet.files import archive as form
from graphnet.files.archive import LARGEST_MANIFEST, PIECE, SMALL, WORKERS, digest, several_threads

try:
    from zlib_ng.zlib_ng import crc32  # ten times as fast: else it takes a fifth of the time of saving
except ImportError:  # where it has no wheel
    from zlib import crc32

PIECES_A_SYNC = 32


def write(path: str | os.PathLike[str], contents: Mapping[str, Any], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write an archive of these contents, which refer to the arrays by position; equal ones give equal bytes.

    Raises
    ------
    SaveError
        If the file can't be written, or would be too large to be loaded; the one that was there is as it was.
    """
    digests: dict[int, list[str]] = {}
    with replacing(path) as file, ZipFile(file, "w") as archive:
        for position, array in enumerate(arrays):
            if array.nbytes < SMALL:
                data = bytes(form.as_bytes(array))
                archive.writestr(ZipInfo(form.member(position)), form.header(array.dtype, array.shape) + data)
                digests[position] = [digest(data)] if data else []
        with several_threads() as start:
            writer = PieceWriter(file, start)
            coming = {
                position: _add_large(archive, writer, form.member(position), array)
                for position, array in enumerate(arrays)
                if position not in digests
            }
        digests |= {position: [each.result() for each in pieces] for position, pieces in coming.items()}
        described = [
            {"dtype": array.dtype.name, "shape": array.shape, "sha256": digests[position]}
            for position, array in enumerate(arrays)
        ]
        contents = {"format": form.FORMAT, "version": form.VERSION, **contents, "arrays": described}
        manifest = json.dumps(contents, allow_nan=False, separators=(",", ":")).encode("ascii")
        if len(manifest) > LARGEST_MANIFEST:
            raise SaveError(
                f"all but the arrays takes {len(manifest):,} bytes, and a file that can be loaded has at most "
                f"{LARGEST_MANIFEST:,} of it",
                repair="In state, keep many numbers as an array, not as a list: np.array(numbers).",
            )
        archive.writestr(ZipInfo(form.MANIFEST), manifest)
        archive.comment = form.comment(manifest)


def _add_large(archive: ZipFile, writer: PieceWriter, name: str, array: np.ndarray[Any, Any]) -> list[Future[str]]:
    """Add a member whose pieces are written by threads; return their digests to come.

    ``zipfile`` writes a member from its first byte to its last, on one core. So only its list of members is told of this
    one: by the attributes that its own ``mkdir`` sets.
    """
    npy_header, data = form.header(array.dtype, array.shape), form.as_bytes(array)
    info = ZipInfo(name)
    info.external_attr = 0o600 << 16  # as zipfile does
    info.file_size = info.compress_size = len(npy_header) + len(data)
    info.CRC = crc32(npy_header)
    info.header_offset = archive.start_dir
    start = info.header_offset + len(info.FileHeader()) + len(npy_header)
    archive.start_dir = start + len(data)  # where the next member goes, or the list of them
    info.CRC, digests = writer.write(data, start, info.CRC)
    writer.write_bytes(info.FileHeader() + npy_header, info.header_offset)
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info
    return digests


class PieceWriter:
    """Writes the pieces of large arrays into a file, a few at a time.

    Each is copied first, so that its sums and the file agree whatever another thread does to the array meanwhile; a
    copy lasts only until it is written. Hashing and writing leave Python's lock free. Now and then what is written is
    sent on to the disk, which would otherwise be idle until the end.
    """

    def __init__(self, file: BinaryIO, start: Callable[..., Future[str]]) -> None:
        self._file, self._start = file, start
        self._turn = threading.Lock()
        self._room = threading.Semaphore(2 * WORKERS)
        self._count = 0

    def write(self, data: memoryview, start: int, crc: int) -> tuple[int, list[Future[str]]]:
        """Write bytes from `start` on; return the CRC-32 of what had the sum `crc` and of them, and the digests to come."""
        digests = []
        for offset in range(0, len(data), PIECE):
            self._room.acquire()
            piece = bytes(data[offset : offset + PIECE])
            crc = crc32(piece, crc)
            self._count += 1
            digests.append(self._start(self._write_piece, piece, start + offset, self._count % PIECES_A_SYNC == 0))
        return crc, digests

    def _write_piece(self, piece: bytes, start: int, sync: bool) -> str:
        try:
            self.write_bytes(piece, start)
            if sync:
                os.fsync(self._file.fileno())
            return digest(piece)
        finally:
            self._room.release()

    def write_bytes(self, data: bytes, start: int) -> None:
        """Write bytes from `start` on; threads take turns."""
        with self._turn:
            self._file.seek(start)
            self._file.write(data)
