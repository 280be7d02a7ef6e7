"""How well the check does on wrong rules: are they caught, located, and called by a right name?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

import graphnet as gn
from graphnet.core.function_op import FunctionOp
from tests.wrong_rules.faults import WrongRule
from tests.wrong_rules.graphs import random_network

EQUIVALENT = 1e-6
"""A rule that differs by less than this share of the largest entry is as good as right."""


@dataclass
class Score:
    """Counts for one wrong rule over its graphs."""

    fault: WrongRule
    graphs: int = 0
    equivalent: int = 0
    caught: int = 0
    located: int = 0
    named: int = 0
    unknown: int = 0
    misnamed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.graphs - self.equivalent

    @property
    def perfect(self) -> bool:
        return self.tried == self.caught == self.located and not self.misnamed


def score(fault: WrongRule, seeds: Sequence[int]) -> Score:
    """Check the wrong rule in a random graph for each seed."""
    result = Score(fault)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        arguments = fault.base.arguments(rng)
        op = FunctionOp(fault.base.op.forward, fault.make())
        loss = random_network(op, arguments, rng, plain=fault.plain)
        result.graphs += 1
        if is_equivalent(fault, loss):
            result.equivalent += 1
            continue
        report = gn.check_gradients(loss, {}, rng=np.random.default_rng(seed))
        found = {(finding.label, finding.slot) for finding in report.failures if finding.local}
        where = f"{fault.name}, {fault.base.op.name}, seed {seed}"
        if report.ok or not (found or report.broken):
            result.missed.append(f"{where}: {report.verdict}")
            continue
        result.caught += 1
        expected = {("tested", slot) for slot in fault.slots if not is_position(loss, slot)}
        if found == expected:
            result.located += 1
        else:
            result.missed.append(f"{where}: found at {found}, planted at {expected}")
        for finding in report.failures:
            if finding.local and finding.label == "tested":
                if finding.diagnosis.startswith(fault.names):
                    result.named += 1
                elif finding.diagnosis.startswith("no known signature"):
                    result.unknown += 1
                else:
                    result.misnamed.append(f"{where}, input {finding.slot}: {finding.diagnosis}")
                break
    return result


def is_position(loss: gn.Node, slot: int) -> bool:
    return gn.Graph(loss)["tested"].inputs[slot].dtype.kind != "f"


def is_equivalent(fault: WrongRule, loss: gn.Node) -> bool:
    """Tell whether the wrong rule gives the same as the right one in this graph."""
    fwd = gn.forward(loss, {})
    node = fwd.graph["tested"]
    inputs = [fwd[source].copy() for source in node.inputs]
    delta = np.asarray(np.random.default_rng(1).normal(size=fwd[node].shape))
    right = fault.base.messages(delta, fwd[node], inputs)
    try:
        with np.errstate(all="ignore"):
            wrong = fault.make()(delta.copy(), fwd[node].copy(), *[array.copy() for array in inputs])
    except Exception:
        return False
    wrong = list(wrong) if isinstance(wrong, (tuple, list)) else [wrong]
    if (
        len(fault.slots) != 1
        or len(right) != len(wrong)
        or any(
            w is None or np.asarray(w).dtype != np.float64 or np.shape(w) != np.shape(r)
            for r, w in zip(right, wrong, strict=True)
            if r is not None
        )
    ):
        return False
    if fault.name.startswith(("counts", "one array", "writes", "random")):
        return False
    pairs = [(r, w) for r, w in zip(right, wrong, strict=True) if r is not None]
    return all(np.max(np.abs(r - w), initial=0) <= EQUIVALENT * np.max(np.abs(r), initial=1e-12) for r, w in pairs)
