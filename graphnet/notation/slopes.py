"""Slopes: the entries of Jacobians, by the ops' own backward rules at the values of one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.engine.rules import apply_backward

Array = np.ndarray[Any, Any]
Entry = tuple[int, ...]

FEW = 64
"""With no more outputs than this, each is asked for its slope; with more, those that move when the input does."""


class Slopes:
    """The slopes of single entries in one pass, found when asked for.

    Attributes
    ----------
    evaluations : int
        How many times a backward rule was run.
    """

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd = bwd
        self.evaluations = 0
        self._rows: dict[tuple[Node, Entry], list[Any]] = {}
        self._columns: dict[tuple[Node, int, Entry], list[tuple[Entry, float]]] = {}

    def column(self, consumer: Node, slot: int, entry: Entry) -> list[tuple[Entry, float]]:
        """Return the outputs of `consumer` that an entry of its input moves, each with ∂output/∂entry."""
        key = (consumer, slot, entry)
        if key not in self._columns:
            self._columns[key] = [
                (output, slope)
                for output in self._outputs(consumer, slot, entry)
                if (slope := self._slope(consumer, output, slot, entry)) != 0
            ]
        return self._columns[key]

    def _slope(self, consumer: Node, output: Entry, slot: int, entry: Entry) -> float:
        row = self._rows.get((consumer, output))
        if row is None:
            self.evaluations += 1
            delta = np.zeros_like(self.bwd.values[consumer])
            delta[output] = 1
            row = self._rows[consumer, output] = list(messages(self.bwd, consumer, delta))
        return 0.0 if row[slot] is None else float(row[slot][entry])

    def _outputs(self, consumer: Node, slot: int, entry: Entry) -> list[Entry]:
        """Return the outputs to ask: all of them if they are few, else those that move, and the one in the same place."""
        value = self.bwd.values[consumer]
        if value.size <= FEW:
            return list(np.ndindex(value.shape))
        op = consumer.op
        assert op is not None
        inputs = [self.bwd.values[source] for source in consumer.inputs]
        moved = np.zeros(value.shape, bool)
        if inputs[slot].shape == value.shape:
            moved[entry] = True
        for sign in (-1, 1):
            changed = inputs[slot].copy()
            changed[entry] += sign * 1e-3 * max(1.0, abs(float(changed[entry])))
            with np.errstate(all="ignore"):
                result = op.forward(*[changed if i == slot else x for i, x in enumerate(inputs)])
            moved |= np.asarray(result) != value
        return [tuple(int(i) for i in place) for place in np.argwhere(moved)]


def messages(bwd: BackwardPass, node: Node, delta: Array) -> Any:
    """Return what a node's backward rule sends to each input, given an error signal."""
    inputs = [bwd.values[source] for source in node.inputs]
    with np.errstate(all="ignore"):  # the pass itself has shown what is not finite
        return apply_backward(bwd.graph, node, delta, bwd.values[node], inputs)
