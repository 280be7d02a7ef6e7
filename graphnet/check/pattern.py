"""What is left of a fault without a name: which entries are wrong, and by how much, by place and by sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.check.evidence import Evidence
from graphnet.core.tables import number

Array = np.ndarray[Any, Any]
TRIED = "signs, factors, terms, sums, orders and places"


def pattern(e: Evidence) -> str:
    """Return what was tried, and what can be said of the entries that are wrong."""
    wrong, known = e.wrong & e.known, int(e.known.sum())
    parts = [f"tried: {TRIED}", f"{int(wrong.sum())} of {known} entries are wrong"]
    if not wrong.any():
        return "; ".join(parts)
    parts.append(f"rule / difference {_range(e, wrong)}, rule − difference {_between((e.rule - e.right)[wrong])}")
    for axis, name in enumerate(("row", "column")) if wrong.ndim == 2 else ():
        slabs = [(i, np.take(wrong, i, axis), axis) for i in range(wrong.shape[axis])]
        counts = ", ".join(str(int(slab.sum())) for _, slab, _ in slabs[:8]) + ", …" * (len(slabs) > 8)
        parts.append(f"wrong by {name}: {counts}")
    for word, where in (("positive", e.input > 0), ("negative", e.input < 0)):
        if (where & e.known).any():
            some = wrong & where
            ratios = f", ratio {_range(e, some)}" if some.any() else ""
            parts.append(f"where the input is {word}: {int(some.sum())} of {int((where & e.known).sum())}{ratios}")
    return "; ".join(parts)


def _range(e: Evidence, where: Array) -> str:
    at = where & (e.right != 0)
    return _between(e.rule[at] / e.right[at]) if at.any() else "infinite"


def _between(values: Array) -> str:
    return f"{number(values.min(), 3)} to {number(values.max(), 3)}"
