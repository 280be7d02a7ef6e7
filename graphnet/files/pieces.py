"""The pieces of large arrays, each copied, summed and written by one of several threads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from graphnet.files.archive import PIECE, WORKERS, digest
from graphnet.files.crc import crc32

PIECES_A_SYNC = 32


class Piece(NamedTuple):
    """What the file says about a piece: its SHA-256 stands in the manifest, its CRC-32 goes into that of the member."""

    sha256: str
    crc: int
    length: int


class Pieces:
    """Writes pieces into a file, a few at a time; at the end of the ``with`` block all are there.

    Each is copied first, so that its sums and the file agree whatever another thread does to the array meanwhile; a
    copy lasts only until it is written. Summing and writing leave Python's lock free. Now and then what is written is
    sent on to the disk, which would otherwise be idle until the end.

    Raises
    ------
    OSError
        At the end of the block, if a piece can't be written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._turn = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS)
        self._room = threading.Semaphore(2 * WORKERS)  # so that few arrays are held that had to be brought into order
        self._coming: list[Future[Piece]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            for piece in self._coming if error is None else ():
                piece.result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def write(self, data: memoryview, start: int) -> list[Future[Piece]]:
        """Write bytes into the file from `start` on; return the pieces to come."""
        first = len(self._coming)
        for offset in range(0, len(data), PIECE):
            piece = data[offset : offset + PIECE]
            sync = len(self._coming) % PIECES_A_SYNC == PIECES_A_SYNC - 1
            self._room.acquire()
            self._coming.append(self._pool.submit(self._write_piece, piece, start + offset, sync))
        return self._coming[first:]

    def _write_piece(self, piece: memoryview, start: int, sync: bool) -> Piece:
        try:
            copy = bytes(piece)
            with self._turn:
                self._file.seek(start)
                self._file.write(copy)
            if sync:
                os.fsync(self._file.fileno())
            return Piece(digest(copy), crc32(copy), len(copy))
        finally:
            self._room.release()
