"""The members of a zip, as bytes of the file they lie in.

The list of members is read by ``zipfile``; their bytes are read straight into the memory they are meant for.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401  zipfile decodes names with it, and must not look for it while a file is read
import io
import os
import stat
import struct
import threading
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from graphnet.errors import LoadError, shown

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
