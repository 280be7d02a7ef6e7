"""Verdicts: what is said of a node that something happens at to the error signal, in one sentence."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Constant, Node, Parameter
from graphnet.core.tables import number
from graphnet.engine.passes import BackwardPass
from graphnet.explain.diagnosis import NodeDiagnosis, percent
from graphnet.explain.factors import rms
from graphnet.explain.slopes import best_slope, local_slope

NOTABLE = 2.0
"""Times that an error signal must shrink or grow at a node to be spoken of."""


class Verdicts:
    """The verdicts on the nodes of one pass."""

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd, self.graph = bwd, bwd.graph
        self.cut_at = _where_cut(bwd)

    def of(self, found: NodeDiagnosis) -> str:
        """Return what is to be said of a node, by what was measured there; empty if nothing."""
        node = self.graph[found.label]
        match found.state:
            case "unreachable" if not isinstance(node, Constant):
                return (
                    f"no error signal reaches {found.label!r}: no output depends on it smoothly, so none was computed"
                )
            case "not finite" if not any(self._is_not_finite(consumer) for consumer, _ in self.graph.consumers(node)):
                return f"the error signal at {found.label!r} is the first that is not finite"
            case "exactly zero" if not isinstance(node, Constant):  # nobody asks for that of a constant
                return self._of_zero(node, found.label)
            case "passes":
                return self._of_change(node, found)
        return ""

    def _is_not_finite(self, node: Node) -> bool:
        return node in self.bwd.error_signals and not np.isfinite(self.bwd.error_signals[node]).all()

    def _of_zero(self, node: Node, label: str) -> str:
        """Say why an error signal is exactly zero: of the first node that it is, and of parameters, which can't learn."""
        bwd, cut = self.bwd, self.cut_at.get(node)
        if cut is None:
            return f"the error signal at {label!r} is exactly 0: it starts with 0"
        where = self.graph.label(cut)
        if not any(m.consumer is cut for m in bwd.messages(node)) and not isinstance(node, Parameter):
            return ""  # said of the first one
        slope = local_slope(bwd, cut)
        if slope is not None and not np.any(slope):
            reason = f"every unit of {where!r} has slope 0"
        elif not np.any(bwd.error_signals[cut]):
            reason = f"that at {where!r} is"
        elif cut.kind == "matmul" and any(not np.any(bwd.values[source]) for source in cut.inputs):
            zeros = next(self.graph.label(source) for source in cut.inputs if not np.any(bwd.values[source]))
            reason = f"{zeros!r} is exactly 0, and {where!r} multiplies by it"
        else:
            reason = f"{where!r} sends back zeros only"
        return f"the error signal at {label!r} is exactly 0: {reason}"

    def _of_change(self, node: Node, found: NodeDiagnosis) -> str:
        label, passed_on, saturated, dead = found.label, found.passed_on, found.saturated, found.dead
        if passed_on is None or (node.shape == () and passed_on):  # a norm of one number and one of many don't compare
            return ""
        if passed_on == 0:
            why = "every one of its units has slope 0" if found.factor == "slope" else "it sends back zeros only"
            return f"the error signal ends at {label!r}: {why}"
        if 1 / NOTABLE < passed_on < 10:
            if dead:
                return f"{percent(dead)} of the units of {label!r} are dead: their slope is 0 in every sample"
            if saturated and saturated > 0.5:
                return f"{percent(saturated)} of the units of {label!r} are saturated"
            return ""
        if passed_on >= 10:
            return f"the error signal grows {number(passed_on, 2)}× at {label!r}"
        shrinks = f"the error signal shrinks {number(1 / passed_on, 2)}× at {label!r}"
        if found.factor == "weights":
            weights = next((source for source in node.inputs if isinstance(source, Parameter)), node.inputs[-1])
            size = number(rms(self.bwd.values[weights]), 2)
            return f"{shrinks}: its weights {self.graph.label(weights)!r} are small, {size} in root mean square"
        if dead:
            return f"{shrinks}: {percent(dead)} of its units are dead"
        if saturated:
            return f"{shrinks}: {percent(saturated)} of its units are saturated"
        if found.factor == "slope":
            assert node.op is not None
            slopes, best = rms(local_slope(self.bwd, node)), best_slope(node.op)[0]
            return f"{shrinks}: its slopes are {number(slopes, 2)} in root mean square, and can be {number(best, 2)} at most"
        return shrinks


def _where_cut(bwd: BackwardPass) -> dict[Node, Node]:
    """Return for each node whose error signal is exactly zero at which node it became so, if it did on the way."""
    cut_at: dict[Node, Node] = {}
    for node in reversed(bwd.graph.nodes):
        signal = bwd.error_signals.get(node)
        if signal is not None and not np.any(signal):
            sender = next((message.consumer for message in bwd.messages(node) if message.consumer is not None), None)
            if sender is not None:
                cut_at[node] = cut_at.get(sender, sender)
    return cut_at
