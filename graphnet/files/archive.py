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

import encodings.cp437  # noqa: F401  zipfile decodes names with it, and must not look for it while a file is read
import hashlib
import io
import json
import math
import os
import stat
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from graphnet.common.replace import replacing
from graphnet.errors import LoadError, SaveError, shown

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
"""Bytes up to which a chunk is hashed at once: to let another thread do it pays for more."""


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
    """Give what lets a thread call a function on a chunk; at the end of the block all is done, or one's error is raised."""
    coming: list[Future[Any]] = []
    pool = ThreadPoolExecutor(WORKERS)

    def start(call: Callable[..., Any], chunk: bytes | memoryview, *more: Any) -> Future[Any]:
        if len(chunk) >= SMALL:
            coming.append(pool.submit(call, chunk, *more))
            return coming[-1]
        done: Future[Any] = Future()
        done.set_result(call(chunk, *more))
        return done

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


# Written ------------------------------------------------------------------------------------------------------------


def write_archive(
    path: str | os.PathLike[str], contents: Mapping[str, Any], arrays: Sequence[np.ndarray[Any, Any]]
) -> None:
    """Write an archive of these contents, which refer to the arrays by position; equal ones give equal bytes.

    Raises
    ------
    SaveError
        If the file can't be written, or would be too large to be loaded; the one that was there is as it was.
    """
    with replacing(path) as file, ZipFile(file, "w") as archive:
        with several_threads() as start:
            digests = [_write_array(archive, start, member(i), array) for i, array in enumerate(arrays)]
        described = [
            {"dtype": array.dtype.name, "shape": array.shape, "sha256": [chunk.result() for chunk in chunks]}
            for array, chunks in zip(arrays, digests, strict=True)
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


def _write_array(
    archive: ZipFile, start: Callable[..., Future[str]], name: str, array: np.ndarray[Any, Any]
) -> list[Future[str]]:
    """Write an array as a member; return the digests of its chunks to come.

    Each chunk is copied first, so that digest and file agree whatever another thread does to the array meanwhile.
    """
    first, data = header(array.dtype, array.shape), as_bytes(array)
    info = ZipInfo(name)
    info.file_size = len(first) + len(data)  # by which zipfile chooses how to write sizes
    digests: list[Future[str]] = []
    with archive.open(info, "w") as file:
        file.write(first)
        for offset in range(0, len(data), CHUNK):
            chunk = bytes(data[offset : offset + CHUNK])
            digests.append(start(digest, chunk))
            file.write(chunk)
            if len(digests) > WORKERS:
                digests[-WORKERS].result()  # so that few copies are held
    return digests


# Read: every array is checked against the manifest before it gets memory, and hashed as it comes ---------------------

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field


def _open(path: str | os.PathLike[str]) -> tuple[str, io.FileIO]:
    try:
        name = os.fsdecode(path)
        found = os.path.realpath(name)  # as saving does: a slash at the end changes nothing
        regular = stat.S_ISREG(os.stat(found).st_mode)
        file = open(found, "rb", buffering=0) if regular else None  # noqa: SIM115  `opened` closes it
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
    name, file = _open(path)
    with file, several_threads() as start:
        yield Archive(name, file, start)


class Archive:
    """An archive that is open to be read: no member is compressed, doubled, or larger than the file has room for.

    The list of members is read by ``zipfile``; their bytes are read straight into the memory they are meant for.

    Attributes
    ----------
    manifest : dict
        What the file holds; its digest, format and version, and its list of arrays, are verified.
    """

    def __init__(self, path: str, file: io.FileIO, start: Callable[..., Future[None]]) -> None:
        self._path, self._file, self._start, self._turn = path, file, start, threading.Lock()
        self._members, seal = self._list_members()
        self.manifest = self._read_manifest(seal)
        self._arrays = self._list_arrays()
        self._taken: set[int] = set()

    def error(self, problem: str, name: str = "", repair: str = "") -> LoadError:
        """Return the error that says what is wrong with the file, or with one member of it."""
        return LoadError(
            f"{self._path!r}{f', member {name!r}' if name else ''}: {problem}",
            repair=repair or "The file is damaged, or gn.save did not write it: take another copy.",
        )

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
        start, size = self._start_of(name), math.prod(shape) * dtype.itemsize
        found = bytearray(self._members[name].file_size - size)
        self._read_into(memoryview(found), start, name)
        if not is_header(found, dtype, shape):
            raise self.error(f"its header does not say {dtype} and {shape}, as the manifest does", name)
        try:
            array = np.empty(shape, dtype)
        except (ValueError, OverflowError) as error:
            raise self.error(f"there is no array of shape {shape}: {error}"[:300], name) from None
        data = as_bytes(array)
        for number, expected in enumerate(digests):
            first = number * CHUNK
            chunk = data[first : first + CHUNK]
            started = self._start(self._read_chunk, chunk, start + len(found) + first, name, expected, dtype)
            if wait:
                started.result()
        return array

    def _read_chunk(self, chunk: memoryview, start: int, name: str, expected: str, dtype: np.dtype[Any]) -> None:
        self._read_into(chunk, start, name)
        if digest(chunk) != expected:
            raise self.error("its SHA-256 is not the one in the manifest", name)
        if dtype.kind == "b" and np.frombuffer(chunk, np.uint8).max() > 1:
            raise self.error("it holds bytes that are neither true nor false", name)

    # Bytes --------------------------------------------------------------------------------------------------------

    def _start_of(self, name: str) -> int:
        """Return where in the file a member's bytes start."""
        place = self._members[name].header_offset
        local = bytearray(_LOCAL_HEADER.size)
        self._read_into(memoryview(local), place, name)
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(local)
        found = bytearray(name_length)
        self._read_into(memoryview(found), place + len(local), name)
        if signature != b"PK\x03\x04" or found != name.encode("utf-8", "replace"):
            raise self.error("it does not start where the archive says", name)
        start: int = place + len(local) + name_length + extra_length
        return start

    def _read_into(self, view: memoryview, start: int, name: str) -> None:
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

    def _list_members(self) -> tuple[dict[str, ZipInfo], bytes]:
        """Return the members by name, and the archive's comment."""
        try:
            with ZipFile(self._file) as archive:
                infos, seal = archive.infolist(), archive.comment
        except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error, IndexError) as error:
            raise self.error(f"it is no zip archive, or not a whole one ({error})") from error
        members = {info.filename: info for info in infos}
        for name, info in members.items():
            if info.compress_type != ZIP_STORED or info.flag_bits & 1 or info.compress_size != info.file_size:
                raise self.error("it is compressed or encrypted, which gn.save never does", name)
        if len(members) < len(infos):
            (twice, _), *_ = Counter(info.filename for info in infos).most_common(1)
            raise self.error("there are two members of this name", twice)
        size, claimed = os.fstat(self._file.fileno()).st_size, sum(info.file_size for info in infos)
        if claimed > size:  # else members that overlap would need more memory than the file has bytes
            raise self.error(f"its members claim {claimed:,} bytes together, and the file has {size:,}")
        return members, seal

    # The manifest -------------------------------------------------------------------------------------------------

    def _read_manifest(self, seal: bytes) -> dict[str, Any]:
        if MANIFEST not in self._members:
            raise self.error(f"it has no member {MANIFEST!r}", repair="Is it a file that gn.save wrote?")
        size = self._members[MANIFEST].file_size
        if size > LARGEST_MANIFEST:
            raise self.error(f"it has {size:,} bytes, more than {LARGEST_MANIFEST:,}", MANIFEST)
        buffer = bytearray(size)
        self._read_into(memoryview(buffer), self._start_of(MANIFEST), MANIFEST)
        text = bytes(buffer)
        if seal != comment(text):
            raise self.error("its SHA-256 is not the one in the archive's comment", MANIFEST)
        try:
            manifest = parse_json(text)
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
        wrong = {MANIFEST, *names} ^ self._members.keys()
        if wrong:
            raise self.error("it is in the manifest and not in the archive, or in the archive only", min(wrong))
        return [self._described(entry, name) for entry, name in zip(entries, names, strict=True)]

    def _described(self, entry: Any, name: str) -> Described:
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "sha256": list(digests)} if len(entry) == 3:
                pass
            case _:
                raise self.error("the manifest must say its dtype, shape and sha256, and nothing else", name)
        if dtype not in DTYPES:
            raise self.error(f"its dtype is {dtype!r}, and a file holds only numbers"[:300], name)
        if len(shape) > 64 or not all(type(size) is int and size >= 0 for size in shape):
            raise self.error(f"its shape is {shape!r}"[:300], name)
        described = Described(DTYPES[dtype], tuple(shape), digests)
        size = math.prod(shape) * described.dtype.itemsize
        if size > self._members[name].file_size:
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
