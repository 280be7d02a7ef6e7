"""Python files of the user's, imported and blamed: an error in one is told by its own line."""

from __future__ import annotations

import contextlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from graphnet.errors import TargetError

_PREFIX = "graphnet_script_"  # so that a file called numpy.py does not stand in the place of NumPy


class _Uncached(SourceFileLoader):
    """Loads a file as it is now, and leaves nothing beside it."""

    def get_code(self, fullname: str) -> CodeType:
        source: Any = self.get_data(self.path)
        return self.source_to_code(source, self.path)


def load_script(file: Path) -> ModuleType:
    """Import a Python file; modules beside it are found, as when it is run.

    Raises
    ------
    TargetError
        If there is no such file, or it fails; with the line that does.
    """
    if not file.is_file():
        raise TargetError(
            f"there is no file {str(file)!r}", repair="Write file.py:function, or the path of a saved file."
        )
    name = _PREFIX + file.stem
    loader = _Uncached(name, str(file))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(file)))
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses look for it there
    sys.path.insert(0, str(file.resolve().parent))
    with blamed(file):
        loader.exec_module(module)
    return module


@contextlib.contextmanager
def blamed(file: Path) -> Iterator[None]:
    """Turn whatever the user's code raises into a `TargetError` with its line; keep what it prints off our output."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        raise TargetError(f"{_place(error) or file}: {_words(error)}") from error


def blame(error: Exception) -> str:
    """Return what to say of an error that came out of a user's file, or nothing if it came from elsewhere."""
    place = _place(error)
    return f"{place}: {_words(error)}" if place else ""


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"


def _place(error: BaseException) -> str:
    """Return the line of the user's that failed, as ``net.py:12, in network``, and its text."""
    if isinstance(error, SyntaxError) and error.filename:
        file, number, inside = error.filename, error.lineno or 0, "<module>"
    else:
        frames = [
            (frame.f_code.co_filename, number, frame.f_code.co_name)
            for frame, number in traceback.walk_tb(error.__traceback__)
            if frame.f_globals.get("__name__", "").startswith(_PREFIX)
        ]
        if not frames:
            return ""
        file, number, inside = frames[-1]
    linecache.checkcache(file)
    line = linecache.getline(file, number).strip()
    return f"{file}:{number}" + (f", in {inside}" if inside != "<module>" else "") + (f", `{line}`" if line else "")
