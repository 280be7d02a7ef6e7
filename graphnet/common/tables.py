"""Numbers and tables as plain text, and as HTML for notebooks: no script, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

import numpy as np

LARGE_VIEW = 2**20


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
    if array.size <= LARGE_VIEW:
        return array, 1
    kept = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    return kept, array.size // kept.size


def length(*arrays: np.ndarray[Any, Any]) -> float:
    """Return the Euclidean norm over all entries, also where their squares would leave the range, in float32 above all.

    Examples
    --------
    >>> length(np.array([3.0]), np.array([4.0])), f"{length(np.array([3e-30, 4e-30], np.float32)):.6g}"
    (5.0, '5e-30')
    """
    parts = [(kept, times) for kept, times in map(distinct, arrays) if kept.size]
    largest = max((float(np.abs(kept).max()) for kept, _ in parts), default=0.0)
    if not 0 < largest < math.inf:
        largest = 1.0  # nothing, an infinity, or NaN: as the squares say
    with np.errstate(over="ignore"):  # beside an infinity
        squares = [times * float(np.square(kept / largest, dtype=float).sum()) for kept, times in parts]
    return largest * math.sqrt(sum(squares))


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


_CELL = "padding:2px 10px;text-align:left;border-bottom:1px solid #e3e8ee"


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    marks: Mapping[int, tuple[str, str]] = MappingProxyType({}),
    most: int = 60,
) -> str:
    """Return rows as an HTML table, at most the first `most` of them, and a line that says how many more there are.

    Parameters
    ----------
    header, rows
        The text of every cell, which is escaped here.
    marks
        For rows by their number: the colour of the last cell, and text to set across the table under them.
    most
        Rows that are shown.

    Examples
    --------
    >>> html_table(["node"], [["a & b"]]).count("&amp;")
    1
    """

    def cell(tag: str, text: str, style: str = "") -> str:
        return f'<{tag} style="{_CELL};{style or "white-space:nowrap"}">{escape(text)}</{tag}>'

    lines = ["".join(cell("th", title) for title in header)]
    for place, (*first, last) in enumerate(rows[:most]):
        ink, note = marks.get(place, ("", ""))
        bold = f"white-space:nowrap;font-weight:bold;color:{ink}" if ink else ""
        lines.append("".join(cell("td", text) for text in first) + cell("td", last, bold))
        if note:
            lines.append(f'<td colspan="{len(header)}" style="{_CELL};color:{ink}">{escape(note)}</td>')
    more = f"<div>… and {len(rows) - most} more</div>" if len(rows) > most else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse;margin:0.3em 0 0.8em">{body}</table>{more}'


def html_text(text: str) -> str:
    """Return text of several lines as HTML, as it stands."""
    return f'<pre style="font-family:monospace;white-space:pre-wrap;word-break:normal">{escape(text)}</pre>'
