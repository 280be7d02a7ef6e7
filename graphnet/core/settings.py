"""Settings of ops and layers: what is no number is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.errors import GraphError


def real(value: Any, what: str) -> float:
    """Return a setting as a float; raise `GraphError` if it is no real number."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise GraphError(f"{what} is {value!r}"[:200] + ", expected a number", repair="Write for example 0.1.")
    return float(value)


def whole(value: Any, what: str, repair: str = "Give a whole number.") -> int:
    """Return a setting as an int; raise `GraphError` if it is no integer."""
    if not hasattr(value, "__index__") or isinstance(value, (bool, np.ndarray)):
        raise GraphError(f"{what} is {value!r}"[:200] + ", expected an integer", repair=repair)
    return int(value)


def op_function(value: Any, what: str) -> None:
    """Raise `GraphError` unless a setting is a function to apply to nodes."""
    if not callable(value) or isinstance(value, type):
        raise GraphError(
            f"{what} is {value!r}"[:200] + ", expected an op function",
            repair="Give a function, as gn.tanh, not its name.",
        )
