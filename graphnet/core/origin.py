"""Where a node comes from: its name, the scopes it was made in, and the source line that made it."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

from graphnet.common.caller import Scope, callers_frame
from graphnet.errors import GraphError, shown

_scope: contextvars.ContextVar[str] = contextvars.ContextVar("scope", default="")
_made_at: contextvars.ContextVar[tuple[str, int] | None] = contextvars.ContextVar("made_at", default=None)


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
    if found is not None:
        return found
    frame = callers_frame()[0]
    return frame.f_code.co_filename, frame.f_lineno
