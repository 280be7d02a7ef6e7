"""Numbers and tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LARGE = 2**20


def number(value: Any, digits: int = 4) -> str:
    """Return a number in a few digits, zero as ``0``.

    Examples
    --------
    >>> number(0.123456), number(-0.0), number(1e-9), number(2.0)
    ('0.1235', '0', '1e-09', '2')
    """
    return f"{value + 0.0:.{digits}g}" if value else "0"


def distinct(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """Return the entries of a large array without those that a broadcast view repeats, and how often each stands there.

    Such a view can have more entries than any memory.

    Examples
    --------
    >>> distinct(np.broadcast_to(1.0, (10**7, 10**7)))
    (array([[1.]]), 100000000000000)
    """
    if array.size <= LARGE:
        return array, 1
    kept = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    return kept, array.size // kept.size


def table(header: Sequence[str], rows: Sequence[Sequence[str]], most: int = 60) -> str:
    """Return rows as aligned columns; of more than `most` rows the middle is left out, with a count.

    Examples
    --------
    >>> print(table(["node", "op"], [["a1", "tanh"]]))
    node  op
    ----  ----
    a1    tanh
    """
    left_out = len(rows) - most
    shown = list(rows) if left_out <= 0 else [*rows[: most // 2], *rows[-(most // 2) :]]
    widths = [max(len(row[i]) for row in [header, *shown]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, ["-" * width for width in widths], *shown]
    ]
    if left_out > 0:
        lines.insert(2 + most // 2, f"... {left_out} more ...")
    return "\n".join(lines)
