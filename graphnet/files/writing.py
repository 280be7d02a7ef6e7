"""Archives, written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np

from graphnet.common.replace import replacing
from graphnet.errors import SaveError
from graphnet.files import npy
from graphnet.files.archive import FORMAT, LARGEST_MANIFEST, MANIFEST, SMALL, VERSION, comment, digest, member
from graphnet.files.crc import crc32, joined
from graphnet.files.pieces import Pieces


def write(path: str | os.PathLike[str], contents: Mapping[str, Any], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write an archive of these contents, which refer to the arrays by position; equal ones give equal bytes.

    The small arrays come first, each written as a whole; then the large ones, by several threads.

    Raises
    ------
    SaveError
        If the file can't be written, or would be too large to be loaded; the one that was there is as it was.
    """
    with replacing(path) as file, ZipFile(file, "w") as archive:
        digests = {
            position: _write_small(archive, member(position), array)
            for position, array in enumerate(arrays)
            if array.nbytes < SMALL
        }
        with Pieces(file) as pieces:
            large = {
                position: LargeMember(archive, pieces, member(position), array)
                for position, array in enumerate(arrays)
                if position not in digests
            }
        digests |= {position: started.finish(archive, file) for position, started in large.items()}
        described = [
            {"dtype": array.dtype.name, "shape": array.shape, "sha256": digests[position]}
            for position, array in enumerate(arrays)
        ]
        contents = {"format": FORMAT, "version": VERSION, **contents, "arrays": described}
        manifest = json.dumps(contents, allow_nan=False, separators=(",", ":")).encode("ascii")
        if len(manifest) > LARGEST_MANIFEST:
            raise SaveError(
                f"all but the arrays takes {len(manifest):,} bytes, and a file that can be loaded has at most "
                f"{LARGEST_MANIFEST:,} of it",
                repair="In state, keep many numbers as an array, not as a list: np.array(numbers).",
            )
        archive.writestr(ZipInfo(MANIFEST), manifest)
        archive.comment = comment(manifest)


def _write_small(archive: ZipFile, name: str, array: np.ndarray[Any, Any]) -> list[str]:
    """Write a member of at most one piece; return the digests of its pieces."""
    data = bytes(npy.as_bytes(array))
    archive.writestr(ZipInfo(name), npy.header(array.dtype, array.shape) + data)
    return [digest(data)] if data else []


class LargeMember:
    """A member whose place in the archive is fixed, and whose bytes come in pieces, in any order.

    ``zipfile`` writes a member from its first byte to its last, and sums it on the way, on one core. So only its list of
    members is told of this one: by the attributes that its own ``mkdir`` sets.
    """

    def __init__(self, archive: ZipFile, pieces: Pieces, name: str, array: np.ndarray[Any, Any]) -> None:
        self._npy_header, data = npy.header(array.dtype, array.shape), npy.as_bytes(array)
        self._info = info = ZipInfo(name)
        info.external_attr = 0o600 << 16  # as zipfile does
        info.file_size = info.compress_size = len(self._npy_header) + len(data)
        info.CRC = crc32(self._npy_header)  # of the start, to which the pieces are joined
        info.header_offset = archive.start_dir
        start = info.header_offset + len(info.FileHeader()) + len(self._npy_header)
        archive.start_dir = start + len(data)  # where the next member goes, or the list of them
        self._pieces = pieces.write(data, start)

    def finish(self, archive: ZipFile, file: BinaryIO) -> list[str]:
        """Write what stands before the pieces, now that their sums are known; return their digests."""
        pieces = [piece.result() for piece in self._pieces]
        for piece in pieces:
            self._info.CRC = joined(self._info.CRC, piece.crc, piece.length)
        file.seek(self._info.header_offset)
        file.write(self._info.FileHeader() + self._npy_header)
        archive.filelist.append(self._info)
        archive.NameToInfo[self._info.filename] = self._info
        return [piece.sha256 for piece in pieces]
