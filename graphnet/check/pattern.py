"""What is left of a fault without a name: which entries are wrong, and by how much, by place and by sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.check.evidence import Evidence
from graphnet.core.tables import number

Array = np.ndarray[Any, Any]
TRIED = "signs, factors, terms, sums, orders and places"
SHOWN = 6
"""Rows or columns that are told."""


def pattern(e: Evidence) -> str:
    """Return what was tried, and what can be said of the entries that are wrong."""
    wrong, known = e.wrong & e.known, int(e.known.sum())
    parts = [f"tried: {TRIED}", f"{int(wrong.sum())} of {known} entries are wrong"]
    if not wrong.any():
        return "; ".join(parts)
    parts.append(f"rule / difference {_range(e, wrong)}, rule − difference {_between((e.rule - e.right)[wrong])}")
    for axis, name in enumerate(("row", "column")) if wrong.ndim == 2 else ():
        lines = [np.indices(wrong.shape)[axis] == i for i in range(wrong.shape[axis])]
        told = ", ".join(_range(e, wrong & line) for line in lines[:SHOWN]) + ", …" * (len(lines) > SHOWN)
        parts.append(f"the ratio by {name}: {told}")
    for word, where in (("positive", e.input > 0), ("negative", e.input < 0)):
        if (where & e.known).any():
            count = f"{int((wrong & where).sum())} of {int((where & e.known).sum())} wrong"
            parts.append(f"where the input is {word}: {count}, ratio {_range(e, wrong & where)}")
    return "; ".join(parts)


def _range(e: Evidence, where: Array) -> str:
    at = where & (e.right != 0)
    return _between(e.rule[at] / e.right[at]) if at.any() else "infinite" if where.any() else "right"


def _between(values: Array) -> str:
    return f"{number(values.min(), 3)} to {number(values.max(), 3)}"
