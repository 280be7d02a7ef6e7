"""What the page carries of an array: all its numbers as text if they are few, else a reduced map, and what bounds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.core.node import Array
from graphnet.core.tables import distinct
from graphnet.draw.scale import largest_in_tiles
from graphnet.draw.text import number

MOST_NUMBERS = 120_000
"""Numbers that one page carries at most, over all its arrays."""

MOST_IN_ONE, FEWEST_IN_ONE = 640, 12
"""Numbers that one array gets at most, and at least: a page of very many arrays carries a few of each."""

LONGEST_SIDE = 64

MOST_ARRAYS = 30_000
"""Arrays that one page carries at most."""


def share(arrays: int) -> int:
    """Return how many numbers each of so many arrays may have.

    Examples
    --------
    >>> share(10), share(1_000), share(1_000_000)
    (640, 120, 12)
    """
    return min(MOST_IN_ONE, max(FEWEST_IN_ONE, MOST_NUMBERS // max(arrays, 1)))


def describe(array: Array, most: int) -> dict[str, Any]:
    """Return an array as plain data that carry at most so many numbers; axes beyond two are laid below each other.

    It has ``shape``, ``rows`` of numbers as text, ``range`` as text, and ``norm``. If rows are reduced, ``each`` says how many
    entries (rows, columns) one number stands for at most: it is the entry of largest size among them. ``bad`` counts the
    entries that are not finite.

    Examples
    --------
    >>> describe(np.array([[1.0, -2.0]]), most=6)
    {'shape': [1, 2], 'rows': [['1', '−2']], 'norm': '2.236', 'range': ['−2', '1']}
    >>> describe(np.arange(12.0).reshape(2, 6), most=4)["rows"], describe(np.zeros((2, 6)), most=4)["each"]
    ([['2', '5'], ['8', '11']], [1, 3])
    """
    shape = [int(size) for size in array.shape]
    if not array.size:
        return {"shape": shape, "rows": []}
    entries, times = distinct(array)
    matrix = np.atleast_2d(entries).reshape(-1, entries.shape[-1] if array.ndim else 1)
    shown = _reduced(matrix, most)
    told: dict[str, Any] = {"shape": shape, "rows": [[number(entry) for entry in row] for row in shown]}
    columns = array.shape[-1] if array.ndim else 1
    if shown.size != array.size:
        told["each"] = [-(-a // b) for a, b in zip((array.size // columns, columns), shown.shape, strict=True)]
    if array.dtype == bool:
        return told | {"true": int(entries.sum()) * times}
    finite = entries[np.isfinite(entries)]
    if finite.size < entries.size:
        told["bad"] = int(entries.size - finite.size) * times
    if finite.size:
        with np.errstate(over="ignore"):
            told["norm"] = number(np.linalg.norm(np.asarray(finite, float).ravel()) * times**0.5)
        told["range"] = [number(finite.min()), number(finite.max())]
    return told


def _reduced(matrix: Array, most: int) -> Array:
    """Return the entry of largest size in each tile, for as many tiles as are allowed, in proportion to the sides."""
    rows, columns = matrix.shape
    if rows * columns <= most and max(rows, columns) <= max(LONGEST_SIDE, FEWEST_IN_ONE):
        return matrix
    return largest_in_tiles(matrix, *_sides(rows, columns, most))


def _sides(rows: int, columns: int, most: int) -> tuple[int, int]:
    """Return how many rows and columns are kept: the longer side is cut first."""
    short = min(rows, columns, int(most**0.5))
    long = min(max(rows, columns), LONGEST_SIDE, most // short)
    return (short, long) if rows <= columns else (long, short)
