"""Files that are replaced as a whole: whatever happens, the old or the new one is there, never half of one."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from graphnet.errors import GraphnetError, SaveError, shown

if sys.platform != "win32":
    import fcntl


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a file to write to; when all is written, it takes the place of `path`.

    It lies beside `path` under a name of its own until its content has reached the disk, and then is renamed, so that
    neither a crash nor a full disk harms what was there. It gets the mode of the file that it replaces. A link is
    followed. What a killed process left is removed by the next one; saves to one path wait for each other.

    Raises
    ------
    SaveError
        If `path` is nothing that a file can be, or can't be written to.
    """
    target = _target(path)
    try:
        mode = _mode(target)
        unfinished = target.parent / f".{target.name[:40]}.unfinished"
        with _newly_made(unfinished) as file:
            try:
                yield file
                file.flush()
                if mode is not None:
                    os.chmod(unfinished, mode)
                os.fsync(file.fileno())
                os.replace(unfinished, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(unfinished)
                raise
        _sync_folder(target.parent)
    except GraphnetError:
        raise
    except OSError as error:
        raise SaveError(
            f"can't write {str(target)!r}: {error.strerror or error}",
            repair="Choose a place with enough room, in a folder that exists and that you may write to.",
        ) from error


def _target(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(os.path.realpath(os.fspath(path)))
    except (TypeError, ValueError) as error:
        raise SaveError(
            f"{shown(path)} is not the path of a file: {error}", repair='Write for example "net.gn".'
        ) from None


def _mode(target: Path) -> int | None:
    """Return the permissions of the file that will be replaced, if there is one."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise SaveError(f"can't write {str(target)!r}: it is {what}", repair="Give the path of a file.")
    return stat.S_IMODE(found.st_mode)


def _newly_made(path: Path) -> BinaryIO:
    """Make a file that only we write to, by an exclusive lock. One that a killed process left is removed first."""
    while True:
        try:
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except FileExistsError:
            _remove_when_free(path)
            continue
        file = open(made, "w+b")  # noqa: SIM115  the caller closes it
        _lock(file)
        if _is_at(file, path):  # else another process took it for a stray before it was locked
            return file
        file.close()


def _remove_when_free(path: Path) -> None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with contextlib.suppress(FileNotFoundError), open(os.open(path, flags), "rb") as file:
        _lock(file)
        if _is_at(file, path):
            os.unlink(path)


def _lock(file: BinaryIO) -> None:
    """Wait until no one else has the file locked. The lock goes with the file's closing, also by a kill."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # some network drives have no locks
            fcntl.flock(file, fcntl.LOCK_EX)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make a renaming last through a power cut, where folders can be opened."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
