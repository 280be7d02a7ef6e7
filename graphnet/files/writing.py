"""Archives, written: small arrays first, each as a whole; then the large ones in chunks, by several threads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cache, reduce
from operator import xor
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZipFile, ZipInfo

import numpy as np

from graphnet.common.replace import replacing
from graphnet.errors import SaveError
from graphnet.files import archive as form
from graphnet.files.archive import CHUNK, LARGEST_MANIFEST, SMALL, WORKERS, digest, several_threads

try:
    from zlib_ng.zlib_ng import crc32  # ten times as fast: else it takes a fifth of the time of saving
except ImportError:  # where it has no wheel
    from zlib import crc32

CHUNKS_A_SYNC = 32


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
            writer = ChunkWriter(file, start)
            large = {
                position: LargeMember(archive, writer, form.member(position), array)
                for position, array in enumerate(arrays)
                if position not in digests
            }
        digests |= {position: started.finish(writer) for position, started in large.items()}
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


class LargeMember:
    """A member whose place in the archive is fixed, and whose bytes come in chunks, in any order.

    ``zipfile`` writes a member from its first byte to its last, and sums it on the way, on one core. So only its list of
    members is told of this one: by the attributes that its own ``mkdir`` sets.
    """

    def __init__(self, archive: ZipFile, writer: ChunkWriter, name: str, array: np.ndarray[Any, Any]) -> None:
        self._npy_header, data = form.header(array.dtype, array.shape), form.as_bytes(array)
        self._info = info = ZipInfo(name)
        info.external_attr = 0o600 << 16  # as zipfile does
        info.file_size = info.compress_size = len(self._npy_header) + len(data)
        info.CRC = crc32(self._npy_header)  # of the start, to which the chunks are joined
        info.header_offset = archive.start_dir
        start = info.header_offset + len(info.FileHeader()) + len(self._npy_header)
        archive.start_dir = start + len(data)  # where the next member goes, or the list of them
        archive.filelist.append(info)
        archive.NameToInfo[name] = info
        self._chunks = writer.write_chunks(data, start)

    def finish(self, writer: ChunkWriter) -> list[str]:
        """Write what stands before the chunks, now that their sums are known; return their digests."""
        chunks = [chunk.result() for chunk in self._chunks]
        for chunk in chunks:
            self._info.CRC = joined(self._info.CRC, chunk.crc, chunk.length)
        writer.write(self._info.FileHeader() + self._npy_header, self._info.header_offset)
        return [chunk.sha256 for chunk in chunks]


class Chunk(NamedTuple):
    """What the file says about a chunk: its SHA-256 stands in the manifest, its CRC-32 goes into that of the member."""

    sha256: str
    crc: int
    length: int


class ChunkWriter:
    """Writes the chunks of large arrays into a file, a few at a time.

    Each is copied first, so that its sums and the file agree whatever another thread does to the array meanwhile; a
    copy lasts only until it is written. Summing and writing leave Python's lock free. Now and then what is written is
    sent on to the disk, which would otherwise be idle until the end.
    """

    def __init__(self, file: BinaryIO, start: Callable[..., Future[Chunk]]) -> None:
        self._file, self._start = file, start
        self._turn = threading.Lock()
        self._room = threading.Semaphore(2 * WORKERS)  # so that few arrays are held that had to be brought into order
        self._count = 0

    def write_chunks(self, data: memoryview, start: int) -> list[Future[Chunk]]:
        """Write bytes from `start` on; return the chunks to come."""
        coming = []
        for offset in range(0, len(data), CHUNK):
            self._count += 1
            self._room.acquire()
            chunk, sync = data[offset : offset + CHUNK], self._count % CHUNKS_A_SYNC == 0
            coming.append(self._start(self._write_chunk, chunk, start + offset, sync))
        return coming

    def _write_chunk(self, chunk: memoryview, start: int, sync: bool) -> Chunk:
        try:
            copy = bytes(chunk)
            self.write(copy, start)
            if sync:
                os.fsync(self._file.fileno())
            return Chunk(digest(copy), crc32(copy), len(copy))
        finally:
            self._room.release()

    def write(self, data: bytes, start: int) -> None:
        """Write bytes from `start` on; threads take turns."""
        with self._turn:
            self._file.seek(start)
            self._file.write(data)


def joined(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two strings of bytes, one after the other, from the sums of both and the second's length.

    The sum of a string with zeros appended is linear in the sum before them, over the field of 0 and 1 where adding is
    exclusive or; to put other bytes in the place of the zeros adds their own sum.

    Examples
    --------
    >>> joined(crc32(b"back"), crc32(b"prop"), 4) == crc32(b"backprop")
    True
    """
    for power in range(length.bit_length()):
        if length >> power & 1:
            first = _applied(_appended_zeros(power), first)
    return first ^ second


@cache
def _appended_zeros(power: int) -> tuple[int, ...]:
    """Return what 2**power zero bytes, appended, make of each bit of a sum: the columns of a matrix."""
    if power == 0:
        return tuple(crc32(b"\0", 1 << bit) ^ crc32(b"\0") for bit in range(32))
    half = _appended_zeros(power - 1)
    return tuple(_applied(half, column) for column in half)


def _applied(columns: tuple[int, ...], crc: int) -> int:
    """Return a matrix times the bits of a sum."""
    return reduce(xor, (column for bit, column in enumerate(columns) if crc >> bit & 1), 0)
