"""Targets: what a command works on, found in a Python file or in a saved one; errors in a Python file are told by its line."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import linecache
import sys
import traceback
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

import graphnet as gn
from graphnet.errors import TargetError, shown


@dataclass(frozen=True)
class Subject:
    """What a target is: a graph, and as the case may be what to feed it and how to train it."""

    name: str
    graph: gn.Graph
    feeds: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> Any:
        """Return the feeds, or raise if there are none and the graph has inputs."""
        if self.feeds is not None:
            return self.feeds
        if self.graph.inputs:
            names = ", ".join(repr(self.graph.label(node)) for node in self.graph.inputs[:5])
            raise TargetError(
                f"{self.name}: nothing is said about what to feed its inputs {names}",
                repair="Let the function return (E, feeds), or give arrays by name: --feeds data.npz.",
            )
        return {}

    def arrays(self) -> Mapping[Any, Any]:
        """Return the feeds, which must be a dict."""
        feeds = self.data()
        if not isinstance(feeds, Mapping):
            raise TargetError(
                f"{self.name}: its feeds are {type(feeds).__name__}, expected a dict",
                repair="Return (E, {input: array, ...}).",
            )
        return feeds


def find(target: str, ops: Sequence[str] = (), feeds: Path | None = None) -> Subject:
    """Find what a target names.

    Parameters
    ----------
    target
        ``file.py:function``, or a saved file.
    ops
        ``file.py:name`` of each custom op that a saved file names.
    feeds
        An ``.npz`` file of arrays, in place of the feeds that a function returns.

    Raises
    ------
    TargetError
        If there is no such file or function, it fails, or it returns something else; with the line of the user's file.
    LoadError
        If a saved file can't be loaded.
    """
    file, name = _split(target)
    if file.suffix == ".py":
        found = _called(file, name, target)
    elif name:
        raise TargetError(f"{target!r}: {name!r} is looked for in Python files only", repair="Write file.py:function.")
    else:
        found = Subject(target, gn.load(file, ops=[_op(op) for op in ops]))
    return found if feeds is None else Subject(found.name, found.graph, _read_feeds(feeds), found.options)


def _split(target: str) -> tuple[Path, str]:
    """Return file and function; a file whose name has a colon is found as well."""
    path, colon, name = target.rpartition(":")
    if not colon or Path(target).exists():
        return Path(target), ""
    return Path(path), name


def _op(text: str) -> Any:
    file, name = _split(text)
    return _member(load_script(file), file, name, text)


def _read_feeds(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise TargetError(
            f"can't read feeds from {str(path)!r}: {error}", repair="Write them with np.savez(path, x=X, t=T)."
        ) from error


# A function in a Python file ----------------------------------------------------------------------------------------


def _called(file: Path, name: str, target: str) -> Subject:
    """Call a function; return what it returns as a subject."""
    function = _member(load_script(file), file, name, target)
    if not inspect.isfunction(function):
        raise TargetError(
            f"{target} is {type(function).__name__}, expected a function", repair="Write def network(): ..."
        )
    where = f"{file}:{function.__code__.co_firstlineno}, {name}"
    optional = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    parameters = inspect.signature(function).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in optional]
    if needed:
        raise TargetError(
            f"{where}: it needs arguments, {', '.join(needed)}", repair="It is called without any: give them defaults."
        )
    with blamed(file):
        returned = function()
    return _subject(returned, target, where)


def _subject(returned: Any, name: str, where: str) -> Subject:
    """Return as a subject what a function returned: a node, nodes or a graph, with feeds, with feeds and options."""
    options: Any
    output, feeds, options = returned, None, {}
    if isinstance(returned, (tuple, list)) and len(returned) in (2, 3) and not isinstance(returned[1], gn.Node):
        output, feeds, *more = returned
        options = more[0] if more else {}
    outputs = output if isinstance(output, (list, tuple)) else [output]
    is_graph = isinstance(output, gn.Graph)
    if not is_graph and not (outputs and all(isinstance(node, gn.Node) for node in outputs)):
        raise TargetError(
            f"{where}: returned {shown(returned)}, expected a node or graph, or (E, feeds)",
            repair="Return the output node, or (E, {input: array, ...})."
            if returned is not None
            else "Is a return missing?",
        )
    if not isinstance(options, Mapping):
        raise TargetError(
            f"{where}: returned options that are {type(options).__name__}, expected a dict",
            repair='Return (E, feeds, {"epochs": 20, ...}).',
        )
    return Subject(name, output if is_graph else gn.Graph(*outputs), feeds, options)


def _member(module: ModuleType, file: Path, name: str, target: str) -> Any:
    """Return what a module calls by this name."""
    if name and hasattr(module, name):
        return getattr(module, name)
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    raise TargetError(
        f"{str(file)!r} has no {name!r}" if name else f"{target!r} does not say which function of the file",
        repair=f"It has {', '.join(own)}: write {file}:{own[0]}." if own else "Write def network(): ... in it.",
    )


# Python files, imported and blamed -------------------------------------------------------------------------------------

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
