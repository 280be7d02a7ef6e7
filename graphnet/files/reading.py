"""Archives, read: every array is checked against the manifest before it gets memory, and hashed as it comes.

The list of members is read by ``zipfile``; their bytes are read straight into the memory they are meant for.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401  zipfile decodes names with it, and must not look for it while a file is read
import io
import json
import math
import os
import stat
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from graphnet.errors import LoadError, shown
from graphnet.files import archive as form
from graphnet.files.archive import CHUNK, LARGEST_MANIFEST, MANIFEST, SMALL, VERSION, digest, member

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field


class Members:
    """The members of a zip file that is open to be read, none compressed, doubled or larger than the file has room for.

    Attributes
    ----------
    path : str
        The file.
    sizes : dict of str to int
        The bytes of each member.
    comment : bytes
        The archive's comment.

    Raises
    ------
    LoadError
        If the file is not there or is no such archive; when read, if a member is not where it should be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self._file = _open(path)
        self._turn = threading.Lock()
        try:
            infos, self.comment = self._list()
            self._infos = {info.filename: info for info in infos}
            self.sizes = {info.filename: info.file_size for info in infos}
            self._check(infos)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def error(self, problem: str, name: str = "", repair: str = "") -> LoadError:
        """Return the error that says what is wrong with the file, or with one member of it."""
        return LoadError(
            f"{self.path!r}{f', member {name!r}' if name else ''}: {problem}",
            repair=repair or "The file is damaged, or gn.save did not write it: take another copy.",
        )

    def start(self, name: str) -> int:
        """Return where in the file a member's bytes start."""
        info = self._infos[name]
        local = bytearray(_LOCAL_HEADER.size)
        self.read_into(memoryview(local), info.header_offset, name)
        signature: bytes
        name_length: int
        extra_length: int
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(local)
        found = bytearray(name_length)
        self.read_into(memoryview(found), info.header_offset + len(local), name)
        if signature != b"PK\x03\x04" or found != name.encode("utf-8", "replace"):
            raise self.error("it does not start where the archive says", name)
        return info.header_offset + len(local) + name_length + extra_length

    def read_into(self, view: memoryview, start: int, name: str) -> None:
        """Fill a view with the bytes from `start` on; threads take turns."""
        done = 0
        with self._turn:
            try:
                self._file.seek(start)
                while done < len(view) and (count := self._file.readinto(view[done:])):
                    done += count
            except (OSError, ValueError, OverflowError) as error:
                raise self.error(f"it can't be read: {error}", name) from error
        if done < len(view):
            raise self.error("the file ends within it", name)

    def _list(self) -> tuple[list[ZipInfo], bytes]:
        try:
            with ZipFile(self._file) as archive:
                return archive.infolist(), archive.comment
        except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error, IndexError) as error:
            raise self.error(f"it is no zip archive, or not a whole one ({error})") from error

    def _check(self, infos: list[ZipInfo]) -> None:
        for info in infos:
            if info is not self._infos[info.filename]:
                raise self.error("there are two members of this name", info.filename)
            if info.compress_type != ZIP_STORED or info.flag_bits & 1 or info.compress_size != info.file_size:
                raise self.error("it is compressed or encrypted, which gn.save never does", info.filename)
        size, claimed = os.fstat(self._file.fileno()).st_size, sum(self.sizes.values())
        if claimed > size:  # else members that overlap would need more memory than the file has bytes
            raise self.error(f"its members claim {claimed:,} bytes together, and the file has {size:,}")


def _open(path: str | os.PathLike[str]) -> tuple[str, io.FileIO]:
    try:
        name = os.fsdecode(path)
        found = os.path.realpath(name)  # as saving does: a slash at the end changes nothing
        regular = stat.S_ISREG(os.stat(found).st_mode)
        file = open(found, "rb", buffering=0) if regular else None  # noqa: SIM115  Members closes it
    except (TypeError, ValueError) as error:
        raise LoadError(
            f"{shown(path)} is not the path of a file: {error}", repair='Write for example "net.gn".'
        ) from None
    except OSError as error:
        raise LoadError(f"can't read {name!r}: {error.strerror or error}", repair="Is the path right?") from error
    if file is None:
        raise LoadError(f"can't read {name!r}: it is not a file", repair="Give the path of a file that gn.save wrote.")
    return name, file


class Described(NamedTuple):
    """What the manifest says about an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    digests: list[Any]


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Give the archive in a file: in the block arrays are asked for, after it they may be used.

    Raises
    ------
    LoadError
        When opened, when an array is asked for, or at the end of the block: if anything is not as it must be.
    """
    with closing(Members(path)) as members, form.several_threads() as start:
        yield Archive(members, start)


class Archive:
    """An archive that is open to be read.

    Attributes
    ----------
    manifest : dict
        What the file holds; its digest, format and version, and its list of arrays, are verified.
    """

    def __init__(self, members: Members, start: Callable[..., Future[None]]) -> None:
        self._members, self._start = members, start
        self.error = members.error
        self.manifest = self._read_manifest()
        self._arrays = self._list_arrays()
        self._taken: set[int] = set()

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
        start, size = self._members.start(name), math.prod(shape) * dtype.itemsize
        header = bytearray(self._members.sizes[name] - size)
        self._members.read_into(memoryview(header), start, name)
        if not form.is_header(header, dtype, shape):
            raise self.error(f"its header does not say {dtype} and {shape}, as the manifest does", name)
        try:
            array = np.empty(shape, dtype)
        except (ValueError, OverflowError) as error:
            raise self.error(f"there is no array of shape {shape}: {error}"[:300], name) from None
        data = form.as_bytes(array)
        for number, expected in enumerate(digests):
            first = number * CHUNK
            chunk = (data[first : first + CHUNK], start + len(header) + first, name, expected, dtype)
            if wait or size < SMALL:
                self._read_chunk(*chunk)
            else:
                self._start(self._read_chunk, *chunk)
        return array

    def _read_chunk(self, chunk: memoryview, start: int, name: str, expected: str, dtype: np.dtype[Any]) -> None:
        self._members.read_into(chunk, start, name)
        if digest(chunk) != expected:
            raise self.error("its SHA-256 is not the one in the manifest", name)
        if dtype.kind == "b" and np.frombuffer(chunk, np.uint8).max() > 1:
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
        if self._members.comment != form.comment(text):
            raise self.error("its SHA-256 is not the one in the archive's comment", MANIFEST)
        try:
            manifest = parse_json(text)
        except ValueError as error:
            raise self.error(f"it is not the JSON that gn.save writes: {error}"[:300], MANIFEST) from None
        if not isinstance(manifest, dict) or manifest.get("format") != form.FORMAT:
            raise self.error(f"it does not say that the format is {form.FORMAT!r}", MANIFEST)
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
        if dtype not in form.DTYPES:
            raise self.error(f"its dtype is {dtype!r}, and a file holds only numbers"[:300], name)
        if len(shape) > 64 or not all(type(size) is int and size >= 0 for size in shape):
            raise self.error(f"its shape is {shape!r}"[:300], name)
        described = Described(form.DTYPES[dtype], tuple(shape), digests)
        size = math.prod(shape) * described.dtype.itemsize
        if size > self._members.sizes[name]:
            raise self.error(f"{dtype} of shape {shape} needs more bytes than it has"[:300], name)
        if len(digests) != math.ceil(size / CHUNK):
            raise self.error(f"there are {len(digests)} digests for {size:,} bytes", name)
        return described


def parse_json(text: bytes) -> Any:
    """Return what a text says, without what JSON does not have, and what only a mistake or an attack writes.

    Raises
    ------
    ValueError
        If it is not JSON in UTF-8, or has a key twice, NaN or an infinity, a number too large for its type, or more
        levels or digits than Python reads.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_not_a_number
        )
    except RecursionError as error:
        raise ValueError("its lists and objects are nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r} is there twice"[:200])
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")
