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
    work : int
        How many inputs the rules were given that were run for single entries; a run itself counts as twenty.
    """

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd = bwd
        self.work = 0
        self._probes: dict[Node, tuple[Array, list[Any]]] = {}
        self._rows: dict[tuple[Node, Entry], list[Any]] = {}
        self._columns: dict[tuple[Node, int, Entry], list[tuple[Entry, float]]] = {}

    def column(self, consumer: Node, slot: int, entry: Entry) -> list[tuple[Entry, float]]:
        """Return the outputs of `consumer` that an entry of its input moves, each with ∂output/∂entry."""
        key = (consumer, slot, entry)
        if key not in self._columns:
            passed_on = self._passed_on(consumer, slot, entry)
            self._columns[key] = (
                [
                    (output, slope)
                    for output in self._outputs(consumer, slot, entry)
                    if (slope := self._slope(consumer, output, slot, entry)) != 0
                ]
                if passed_on is None
                else [(passed_on, 1.0)]
            )
        return self._columns[key]

    def _passed_on(self, consumer: Node, slot: int, entry: Entry) -> Entry | None:
        """Return the output whose error signal itself is what the entry is sent; None if the rule computes what it sends.

        Concatenation sends views of its error signal, and so do many others. One run tells of all inputs where they lie.
        """
        if consumer not in self._probes:
            delta = np.zeros(self.bwd.values[consumer].shape, self.bwd.values[consumer].dtype)
            self._probes[consumer] = delta, list(messages(self.bwd, consumer, delta))
        delta, sent = self._probes[consumer]
        if sent[slot] is None:
            return None
        place, odd = divmod(sent[slot][*entry, ...].ctypes.data - delta.ctypes.data, delta.itemsize)
        if odd or not 0 <= place < delta.size:
            return None
        return tuple(int(i) for i in np.unravel_index(place, delta.shape))

    def _slope(self, consumer: Node, output: Entry, slot: int, entry: Entry) -> float:
        row = self._rows.get((consumer, output))
        if row is None:
            self.work += 20 + len(consumer.inputs)
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
            self.work += len(inputs)
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
