"""Archives, read: every array is checked against the manifest before it gets memory, and hashed as it comes."""

from __future__ import annotations

import math
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from graphnet.files import npy, strict_json
from graphnet.files.archive import (
    FORMAT,
    LARGEST_MANIFEST,
    MANIFEST,
    PIECE,
    SMALL,
    VERSION,
    WORKERS,
    comment,
    digest,
    member,
)
from graphnet.files.members import Members


class Described(NamedTuple):
    """What the manifest says about an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    digests: list[Any]


class Archive:
    """An archive that is open to be read: in its ``with`` block arrays are asked for, after it they may be used.

    Attributes
    ----------
    manifest : dict
        What the file holds; its digest, format and version, and its list of arrays, are verified.

    Raises
    ------
    LoadError
        When opened, when an array is asked for, or at the end of the block: if anything is not as it must be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._members = Members(path)
        self.error = self._members.error
        self._pool = ThreadPoolExecutor(WORKERS)
        self._coming: list[Future[None]] = []
        self._taken: set[int] = set()
        try:
            self.manifest = self._read_manifest()
            self._arrays = self._list_arrays()
        except BaseException:
            self._members.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                for piece in self._coming:
                    piece.result()
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._members.close()

    def array(self, position: Any, *, wait: bool = False) -> np.ndarray[Any, Any]:
        """Return an array, and give it away: each has one place.

        Unless told to wait, a large one is filled and verified only by the end of the block.
        """
        if type(position) is not int or not 0 <= position < len(self._arrays) or position in self._taken:
            raise self.error(
                f"it refers to array {position!r}, which is not there or has a place already"[:300], MANIFEST
            )
        self._taken.add(position)
        name, (dtype, shape, digests) = member(position), self._arrays[position]
        start, size = self._members.start(name), npy.length(dtype, shape)
        header = bytearray(self._members.sizes[name] - size)
        self._members.read_into(memoryview(header), start, name)
        if not npy.is_header(header, dtype, shape):
            raise self.error(f"its header does not say {dtype} and {shape}, as the manifest does", name)
        try:
            array = np.empty(shape, dtype)
        except (ValueError, OverflowError) as error:
            raise self.error(f"there is no array of shape {shape}: {error}"[:300], name) from None
        data = npy.as_bytes(array)
        for number, expected in enumerate(digests):
            first = number * PIECE
            piece = (data[first : first + PIECE], start + len(header) + first, name, expected, dtype)
            if wait or size < SMALL:
                self._read_piece(*piece)
            else:
                self._coming.append(self._pool.submit(self._read_piece, *piece))
        return array

    def _read_piece(self, piece: memoryview, start: int, name: str, expected: str, dtype: np.dtype[Any]) -> None:
        self._members.read_into(piece, start, name)
        if digest(piece) != expected:
            raise self.error("its SHA-256 is not the one in the manifest", name)
        if dtype.kind == "b" and np.frombuffer(piece, np.uint8).max() > 1:
            raise self.error("it holds bytes that are neither true nor false", name)

    # The manifest -------------------------------------------------------------------------------------------------

    def _read_manifest(self) -> dict[str, Any]:
        size = self._members.sizes.get(MANIFEST)
        if size is None:
            raise self.error(f"it has no member {MANIFEST!r}", repair="Is it a file that gn.save wrote?")
        if size > LARGEST_MANIFEST:
            raise self.error(f"it has {size:,} bytes, more than {LARGEST_MANIFEST:,}", MANIFEST)
        buffer = bytearray(size)
        self._members.read_into(memoryview(buffer), self._members.start(MANIFEST), MANIFEST)
        text = bytes(buffer)
        if self._members.comment != comment(text):
            raise self.error("its SHA-256 is not the one in the archive's comment", MANIFEST)
        try:
            manifest = strict_json.parse(text)
        except ValueError as error:
            raise self.error(f"it is not the JSON that gn.save writes: {error}"[:300], MANIFEST) from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise self.error(f"it does not say that the format is {FORMAT!r}", MANIFEST)
        if manifest.get("version") != VERSION:
            raise self.error(
                f"the format has version {manifest.get('version')!r}, and this graphnet reads version {VERSION}"[:300],
                MANIFEST,
                "Read the file with the graphnet that wrote it.",
            )
        return manifest

    def _list_arrays(self) -> list[Described]:
        """Return what the manifest says about the arrays, as far as the archive has room for them."""
        entries = self.manifest.get("arrays")
        if not isinstance(entries, list):
            raise self.error("it does not list the arrays", MANIFEST)
        names = [member(position) for position in range(len(entries))]
        wrong = {MANIFEST, *names} ^ self._members.sizes.keys()
        if wrong:
            raise self.error("it is in the manifest and not in the archive, or in the archive only", min(wrong))
        return [self._described(entry, name) for entry, name in zip(entries, names, strict=True)]

    def _described(self, entry: Any, name: str) -> Described:
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "sha256": list(digests)} if len(entry) == 3:
                pass
            case _:
                raise self.error("the manifest must say its dtype, shape and sha256, and nothing else", name)
        if dtype not in npy.DTYPES:
            raise self.error(f"its dtype is {dtype!r}, and a file holds only numbers"[:300], name)
        if len(shape) > 64 or not all(type(size) is int and size >= 0 for size in shape):
            raise self.error(f"its shape is {shape!r}"[:300], name)
        described = Described(npy.DTYPES[dtype], tuple(shape), digests)
        size = npy.length(described.dtype, shape)
        if size > self._members.sizes[name]:
            raise self.error(f"{dtype} of shape {shape} needs more bytes than it has"[:300], name)
        if len(digests) != math.ceil(size / PIECE):
            raise self.error(f"there are {len(digests)} digests for {size:,} bytes", name)
        return described
