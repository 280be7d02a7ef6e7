"""What every other part writes with; here, what Python gives otherwise: a property computed once, an import that may fail."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from graphnet.errors import DrawError, OverwrittenError

if not hasattr(sys.modules["graphnet"], "__distribution__"):
    _found = getattr(sys.modules["graphnet"], "__file__", None)
    raise OverwrittenError(
        f"graphnet/__init__.py is {f'not that of graphnet-dag: {_found}' if _found else 'missing'}; another package of this "
        "import name was installed over it, or removed with it",
        repair="Remove both, pip uninstall graphnet graphnet-dag, then install this one again.",
    )

T = TypeVar("T")


class cached_property(functools.cached_property[T]):
    """As Python 3.12's: without a lock, which in 3.11 all instances share, and which a child may find locked for ever."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        super().__init__(compute)
        self.lock = nullcontext()


@contextmanager
def matplotlib_needed() -> Iterator[None]:
    """Say what to install, as `DrawError`, if an import inside fails: only some users have matplotlib."""
    try:
        yield
    except ImportError as error:
        raise DrawError(
            f"plots need matplotlib, which can't be imported: {error}", repair='Run: pip install "matplotlib>=3.8.4".'
        ) from error
