"""Plain data as JSON: the settings of ops, and the state of a training.

Numbers, strings, true, false, None, lists and dicts with text as keys are themselves. What JSON lacks is an object with
one key: ``{"array": 3}`` and ``{"scalar": 3}`` (a number of NumPy's) refer to an array by position, ``{"tuple": [...]}``,
``{"slice": [start, stop, step]}``, ``{"float": "inf"}``, ``{"ellipsis": null}``; and ``{"dict": {...}}`` is a dict.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from graphnet.errors import SaveError, shown
from graphnet.files.archive import DTYPES

DEEPEST = 50
"""Levels of dicts, lists and tuples."""

_MOST_BITS = 8192  # of a whole number; Python refuses to read numbers of several thousand digits from text


def pack(value: Any, arrays: list[np.ndarray[Any, Any]], what: str, level: int = 0) -> Any:
    """Return a value as JSON has it; arrays are appended to `arrays`.

    Raises
    ------
    SaveError
        If there is something else in it, or nested too deeply. `what` says where.
    """
    if level > DEEPEST:
        raise SaveError(f"{what} is nested more than {DEEPEST} levels deep", repair="Does it contain itself?")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        if value.bit_length() > _MOST_BITS:
            raise SaveError(
                f"{what} is a whole number of {value.bit_length():,} bits, and a file holds {_MOST_BITS:,}",
                repair="Make an array of it.",
            )
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (np.ndarray, np.memmap) or isinstance(value, np.generic):
        return {"array" if kind in (np.ndarray, np.memmap) else "scalar": _place(value, arrays, what)}
    if kind in (list, tuple):
        items = [pack(item, arrays, f"{what}[{i}]", level + 1) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is slice:
        return {"slice": [pack(item, arrays, what, level + 1) for item in (value.start, value.stop, value.step)]}
    if kind is EllipsisType:
        return {"ellipsis": None}
    if kind is dict and all(type(key) is str for key in value):
        return {"dict": {key: pack(item, arrays, f"{what}[{key!r}]", level + 1) for key, item in value.items()}}
    raise SaveError(
        f"{what} is {shown(value)}, of type {kind.__name__}, which can't be saved",
        repair="Numbers, strings, None, slices, arrays of numbers, and tuples, lists and dicts (with text as keys) can.",
    )


def _place(value: Any, arrays: list[np.ndarray[Any, Any]], what: str) -> int:
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        raise SaveError(
            f"{what} has dtype {array.dtype}, which can't be saved",
            repair="Arrays of numbers or truth values can; make it one, for example with .astype(float).",
        )
    arrays.append(array)
    return len(arrays) - 1


def unpack(packed: Any, array: Callable[[Any], np.ndarray[Any, Any]], level: int = 0) -> Any:
    """Return the value that `pack` made this of; `array` gives the array of a position.

    Raises
    ------
    ValueError
        If `pack` never writes this.
    """
    if level > 2 * DEEPEST + 2:  # a dict and a tuple take two levels of JSON
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    if isinstance(packed, list):
        return [unpack(item, array, level + 1) for item in packed]
    if not isinstance(packed, dict):
        return packed
    match packed:
        case {"array": position}:
            value: Any = array(position)
        case {"scalar": position}:
            value = array(position)[()]
        case {"tuple": list(items)}:
            value = tuple(unpack(items, array, level + 1))
        case {"slice": [start, stop, step]}:
            value = slice(*[unpack(item, array, level + 1) for item in (start, stop, step)])
        case {"float": "inf" | "-inf" | "nan" as text}:
            value = float(text)
        case {"ellipsis": None}:
            value = ...
        case {"dict": dict(items)}:
            value = {key: unpack(item, array, level + 1) for key, item in items.items()}
        case _:
            raise ValueError(f"there is no such value: {packed!r}"[:200])
    if len(packed) != 1:
        raise ValueError(f"there is no such value: {packed!r}"[:200])
    return value
