"""Where a node comes from: its name, the scopes it was made in, and the line of the user's program that made it."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import count
from types import FrameType
from typing import Any

import numpy as np

from graphnet.errors import GraphError, GraphnetWarning, shown

_OUR_FILES = (
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(np.__file__) + os.sep,
    contextlib.__file__,
)


def written_at(function: Any) -> str:
    """Return where a function is written, as ``"rules.py:12"``; nothing if that can't be known."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else ""


def warn(message: str, category: type[Warning] = GraphnetWarning) -> None:
    """Warn at the line of the caller's code: once for each place, as Python's filters have it."""
    warnings.warn(message, category, stacklevel=callers_frame()[1])


def callers_frame() -> tuple[FrameType, int]:
    """Return the nearest frame that is neither ours nor NumPy's, and how many calls it is above the caller's, plus one."""
    frame, level = sys._getframe(1), 1
    while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return frame, level


@lru_cache(maxsize=1024)  # asked at every node, of some eight frames
def _is_ours(file: str) -> bool:
    return file.startswith(_OUR_FILES)


_made_at: contextvars.ContextVar[tuple[str, int] | None] = contextvars.ContextVar("made_at", default=None)


@contextlib.contextmanager
def one_source_line() -> Iterator[None]:
    """Let all nodes made inside have the source line of the caller's code: it is looked up once, not for each."""
    token = _made_at.set(source_line())
    try:
        yield
    finally:
        _made_at.reset(token)


def source_line() -> tuple[str, int]:
    """Return file and line of the caller's code."""
    found = _made_at.get()
    if found is None:
        frame, _ = callers_frame()
        found = _one_for_all(frame.f_code.co_filename, frame.f_lineno)
    return found


@lru_cache(maxsize=1024)
def _one_for_all(file: str, line: int) -> tuple[str, int]:
    """Return file and line as the one tuple that all nodes made there share: a loop makes very many."""
    return file, line


# Scopes, and how those opened without a name are numbered ------------------------------------------------------------

_scope: contextvars.ContextVar[str] = contextvars.ContextVar("scope", default="")


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix the names of the nodes made inside, and group them in pictures.

    Parameters
    ----------
    name
        The prefix; scopes nest, joined by ``/``.

    Raises
    ------
    GraphError
        If `name` is not a non-empty string.

    Examples
    --------
    >>> import graphnet as gn
    >>> with scope("hidden"):
    ...     gn.parameter("W", [1.0])
    <parameter 'hidden/W' (1,)>
    """
    check_name(name, "a scope")
    with inside(Scope(in_scope(name), getattr(name, "stem", ""), current_scope())):
        yield


@contextlib.contextmanager
def inside(path: str) -> Iterator[None]:
    """Make nodes in exactly the scope `path`, whatever scope is open now."""
    token = _scope.set(path)
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> str:
    """Return the scopes open now, joined by ``/``."""
    return _scope.get()


def in_scope(name: str) -> str:
    """Return a name with the scopes open now before it."""
    outer = current_scope()
    return f"{outer}/{name}" if outer else name


def check_name(name: object, what: str, repair: str = 'Write for example "x".') -> None:
    """Raise `GraphError` unless a name is a non-empty string."""
    if not isinstance(name, str) or not name:
        raise GraphError(f"{what} needs a name that is a non-empty string, got {shown(name)}", repair=repair)


class Scope(str):
    """The path of a scope. One that was opened without a name has a `stem`, and a graph may number it anew.

    Attributes
    ----------
    stem
        What the made-up name begins with, as ``dense``; empty if the name was given.
    outer
        The scope around it.
    key
        What tells it from others of the same path.
    """

    stem: str
    outer: str
    key: object

    def __new__(cls, path: str, stem: str = "", outer: str = "") -> Scope:
        """Make a path that knows how it came about."""
        made = super().__new__(cls, path)
        made.stem, made.outer, made.key = stem, outer, object()
        return made


def key_of(scope: str) -> object:
    """Return what tells a scope from others: its key, or its path."""
    return getattr(scope, "key", scope)


def renumbered(scopes: Iterable[str], names: Iterable[str | None]) -> dict[object, str]:
    """Return {key: path} of the scopes whose path is not what they say.

    Where scopes opened without names would have one path, each is numbered, in the order given, by numbers that nothing else
    has; what lies in them goes with them.
    """
    found: dict[object, str] = {}
    for scope in scopes:
        chain = [scope]
        while chain[-1] and key_of(chain[-1]) not in found:
            chain.append(getattr(chain[-1], "outer", ""))
        found |= {key_of(each): each for each in reversed(chain[:-1])}
    unnamed = Counter(str(each) for each in found.values() if getattr(each, "stem", ""))
    if not unnamed:
        return {}
    taken = {*found.values(), *names}
    given = {each for each in found.values() if not getattr(each, "stem", "")}
    paths: dict[object, str] = {}
    for key, each in found.items():
        stem, outer = getattr(each, "stem", ""), getattr(each, "outer", "")
        around = paths.get(key_of(outer), outer)
        path = around + each[len(outer) :]
        if stem and (unnamed[each] > 1 or each in given):
            numbered = (f"{around}/{stem}_{n}" if around else f"{stem}_{n}" for n in count(1))
            path = next(candidate for candidate in numbered if candidate not in taken)
            taken.add(path)
        if path != each:
            paths[key] = path
    return paths
