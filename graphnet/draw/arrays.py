"""From an array to what a box shows of it: its numbers if they are few, else its norm, its range and its look."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.core.tables import distinct
from graphnet.draw.picture import Cell, Field, Role
from graphnet.draw.scale import Scale
from graphnet.draw.text import number, shape_text

Array = np.ndarray[Any, Any]

MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 6, 6, 24
"""A table within these limits is read at a glance."""

THUMBNAIL_ROWS, THUMBNAIL_COLUMNS = 6, 16


def fits_table(array: Array) -> bool:
    """Tell whether all numbers of an array can be shown."""
    if array.ndim > 2 or not 0 < array.size <= MOST_CELLS:
        return False
    rows, columns = np.atleast_2d(array).shape
    return bool(rows <= MOST_ROWS and columns <= MOST_COLUMNS)


def field(role: Role, caption: str, array: Array, scale: Scale, *, tables: bool = True) -> Field:
    """Return what a box shows of an array: a vector is one row; without room for `tables`, no numbers are shown."""
    if array.size == 0:
        return Field(role, caption, lines=(f"empty, {shape_text(array.shape)}",))
    entries, times = distinct(array)
    if role != "value" and not entries.any():
        return Field(role, caption, lines=("exactly 0",), state="zero")
    bad = array.size - int(np.isfinite(entries).sum()) * times
    lines = (f"{bad} of {array.size} not finite",) if bad else ()
    if tables and fits_table(array):
        return Field(role, caption, rows=_cells(np.atleast_2d(array), scale), lines=lines)
    thumbnail = tuple(tuple(map(scale.strength, row)) for row in tiles(array)) if tables and array.size > 1 else ()
    return Field(role, caption, lines=lines + _summary(entries, times), thumbnail=thumbnail)


def _cells(array: Array, scale: Scale) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(number(entry), scale.strength(entry)) for entry in row) for row in array)


def _summary(array: Array, times: int) -> tuple[str, ...]:
    """Return what is said of entries that stand so often each."""
    if array.dtype == bool:
        return (f"{np.count_nonzero(array) * times} of {array.size * times} true",)
    finite = array[np.isfinite(array)]
    if array.size * times == 1 or not finite.size:
        return tuple(number(entry) for entry in array.ravel()[:1])
    if not finite.any():
        return ("all 0",)
    norm = number(np.linalg.norm(finite.astype(float)) * times**0.5)
    return (f"norm {norm}", f"{number(finite.min())} … {number(finite.max())}")


def tiles(array: Array) -> Array:
    """Return the size of the largest entry in each tile of an array: a small picture of it.

    Examples
    --------
    >>> tiles(np.arange(100.0).reshape(50, 2)).shape
    (6, 2)
    """
    sizes = np.abs(np.atleast_2d(distinct(array)[0]).astype(float))
    sizes = sizes.reshape(-1, sizes.shape[-1])
    return largest_in_tiles(sizes, min(len(sizes), THUMBNAIL_ROWS), min(sizes.shape[1], THUMBNAIL_COLUMNS))


def largest_in_tiles(matrix: Array, rows: int, columns: int) -> Array:
    """Return the entry of largest size in each of so many nearly equal tiles, in rows and columns."""
    starts = [np.arange(parts) * size // parts for size, parts in zip(matrix.shape, (rows, columns), strict=True)]
    high, low = (
        extreme.reduceat(extreme.reduceat(matrix, starts[0], axis=0), starts[1], axis=1)
        for extreme in (np.maximum, np.minimum)
    )
    largest: Array = np.where(np.asarray(high, float) >= -np.asarray(low, float), high, low)
    return largest


def on_scale(array: Array) -> Array:
    """Return the numbers of an array that get a colour."""
    return array if fits_table(array) or not array.size else tiles(array)
