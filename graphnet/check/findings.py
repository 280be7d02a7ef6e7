"""From judged entries to a finding."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphnet.check.differences import Judged
from graphnet.check.report import Finding, Part, Verdict
from graphnet.check.vocabulary import aligned
from graphnet.core.node import Node
from graphnet.core.tables import number

NOTHING: Mapping[str, Any] = MappingProxyType({})


def verdict_of(judged: Judged) -> Verdict:
    """Return the verdict on an array: no entry may be wrong, and one must be right."""
    if judged.count("wrong"):
        return "wrong"
    if len(judged.entries) and not judged.count("right"):
        return "kink" if judged.count("kink") else "blurred"
    return "right"


def finding_of(
    part: Part,
    node: Node,
    label: str,
    slot: int | None,
    source: str,
    array: np.ndarray[Any, Any],
    judged: Judged | None,
    verdict: Verdict,
    diagnosis: str = "",
    *,
    directions: int = 0,
    order: float | None = None,
    beside: Mapping[str, np.ndarray[Any, Any]] = NOTHING,
    torn: bool = False,
) -> Finding:
    """Return the finding on one array; `judged` is None if no entry could be compared.

    `beside` are arrays that are told at the worst entry too, if they have such an entry.
    """
    worst = judged.worst if judged else None
    place, numbers, there = None, (float("nan"),) * 3, ""
    if judged is not None and worst is not None:
        place = tuple(int(i) for i in np.unravel_index(int(judged.entries[worst]), array.shape))
        numbers = (float(judged.rule[worst]), float(judged.difference[worst]), float(judged.error[worst]))
        there = f"the input is {number(array[place], 6)}"
        fitting = {name: aligned(other, array.shape) for name, other in beside.items()}
        there += "".join(f", {name} {number(x[place], 6)}" for name, x in fitting.items() if x is not None)
    return Finding(
        part,
        node,
        label,
        node.kind,
        slot,
        source,
        len(judged.entries) if judged else 0,
        array.size,
        directions,
        judged.count("kink") if judged else 0,
        judged.count("blurred") if judged else 0,
        place,
        *numbers,
        order,
        verdict,
        diagnosis,
        there,
        judged,
        torn,
    )
