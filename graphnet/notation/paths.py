"""Paths from one entry to the output: the chain rule as a sum over paths, each the product of its slopes."""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from graphnet.core.node import Node, Numbers
from graphnet.engine.passes import BackwardPass
from graphnet.engine.rules import apply_backward, as_messages, read_only
from graphnet.engine.units import is_custom
from graphnet.ops.elementwise import Elementwise

Place = tuple[int, ...]

MOST_STEPS = 20_000
"""How many entries all paths together may visit. Where they visit more, the search goes on with a few."""

KEPT_WAYS = 16
"""How many those few are."""

MOST_WORK = 120_000
"""Inputs given to rules, in all their runs together; a run itself counts as twenty."""


@dataclass(frozen=True)
class Path:
    """One way from an entry to the output. Printed without nodes that merely pass an entry on, with slope 1.

    Attributes
    ----------
    places : tuple of (str, tuple of int)
        The label of each node on the way and the entry of its value, from where it starts to the output.
    slopes : tuple of float
        ∂(each place)/∂(the one before it); one fewer than places, and at the end the error signal the output starts with.
    product : float
        The product of the slopes: what this path adds to the gradient.
    """

    places: tuple[tuple[str, Place], ...]
    slopes: tuple[float, ...]
    product: float

    def __str__(self) -> str:
        shown = list(self.places[:1])
        for i, place in enumerate(self.places[1:]):
            if self.slopes[i] != 1 or place[1] != self.places[i][1] or place is self.places[-1]:
                shown.append(place)
        return " → ".join(itertools.starmap(place_text, shown))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        places = [{"node": label, "entry": list(entry)} for label, entry in self.places]
        return {"places": places, "slopes": list(self.slopes), "product": self.product}


def place_text(label: str, entry: Place) -> str:
    """Return an entry of a node in words, as ``W1[0, 2]``."""
    return label + (str(list(entry)) if entry else "")


class _Trail(NamedTuple):
    """The last place of a path, and how it was reached; and what all ways on from there add to the gradient."""

    node: Node
    entry: Place
    slope: float
    product: float
    adds: float
    before: _Trail | None


def paths(bwd: BackwardPass, node: Node, entry: Place, most: int) -> tuple[tuple[Path, ...], int, bool]:
    """Return paths from an entry to the outputs, `most` of largest product; how many were found; whether these are all.

    All ways are followed at once, from node to node in topological order. Once it is clear that they are too many to be
    followed to their ends, only those few are whose product of slopes so far times error signal is largest. Paths on
    which a slope is exactly 0 add nothing and are left out.
    """
    slopes, ahead = Slopes(bwd), _ahead(bwd)
    found: list[tuple[_Trail, float]] = []
    ways = {node: [_Trail(node, entry, 1.0, 1.0, 0.0, None)]}
    steps, complete = ahead[node], True
    for here in bwd.graph.nodes:
        if here not in ways:
            continue
        if not complete:
            ways = _largest(ways, max(KEPT_WAYS, most))
        received = bwd.messages(here)
        for trail in ways.pop(here, ()):
            for consumer, slot, delta in received:
                if consumer is None or slot is None:
                    found.append((trail, float(delta[trail.entry])))
                    continue
                if slopes.work >= MOST_WORK // (1 + complete):  # half of it is left to follow some ways to their ends
                    complete = False
                    break
                column, signal = slopes.column(consumer, slot, trail.entry), bwd.error_signals[consumer]
                onward = ways.setdefault(consumer, [])
                for output, slope in column:
                    product = trail.product * slope
                    adds = abs(product * signal.item(output))
                    onward.append(_Trail(consumer, output, slope, product, adds, trail))
                steps += ahead[consumer] * len(column)
            steps -= ahead[here] - 1  # what was ahead of it is ahead of those it leads to
        complete = complete and steps <= MOST_STEPS
    found.sort(key=lambda end: -abs(end[0].product * end[1]))
    return tuple(_path(bwd, *end) for end in found[:most]), len(found), complete


def _ahead(bwd: BackwardPass) -> dict[Node, int]:
    """Return how many nodes the shortest way from each node to an output visits."""
    ahead: dict[Node, int] = {}
    for node in reversed(bwd.graph.nodes):
        if node in bwd.error_signals:
            ahead[node] = 1 + min(0 if consumer is None else ahead[consumer] for consumer, *_ in bwd.messages(node))
    return ahead


def _largest(ways: dict[Node, list[_Trail]], count: int) -> dict[Node, list[_Trail]]:
    """Return as many ways as `count`, those that add most."""
    kept: dict[Node, list[_Trail]] = {}
    for trail in heapq.nlargest(count, itertools.chain.from_iterable(ways.values()), key=lambda trail: trail.adds):
        kept.setdefault(trail.node, []).append(trail)
    return kept


def _path(bwd: BackwardPass, end: _Trail, start: float) -> Path:
    trails = [end]
    while (before := trails[-1].before) is not None:
        trails.append(before)
    trails.reverse()
    places = tuple((bwd.graph.label(trail.node), trail.entry) for trail in trails)
    return Path(places, (*(trail.slope for trail in trails[1:]), start), end.product * start)


# Slopes -------------------------------------------------------------------------------------------------------------

_FEW = 16
"""With no more outputs than this, each is asked for its slope; with more, those that move when the input does."""


class Slopes:
    """The slopes of single entries in one pass, found when asked for.

    Attributes
    ----------
    work : int
        How many inputs the rules are given, were each asked of single entries alone; a run itself counts as twenty.
    """

    def __init__(self, bwd: BackwardPass) -> None:
        self.bwd, self.work = bwd, 0
        self.column = cache(self._column)
        self._row, self._probe = cache(self._messages_of_one), cache(self._messages_of_ones)

    def _column(self, consumer: Node, slot: int, entry: Place) -> list[tuple[Place, float]]:
        """Return the outputs of `consumer` that an entry of its input moves, each with ∂output/∂entry."""
        delta, sent = self._probe(consumer)
        message = sent[slot]
        if message is None:
            return self._moved(consumer, slot, entry)
        if (passed_on := _place_in(delta, message, entry)) is not None:
            return [(passed_on, 1.0)]
        is_entry_by_entry = isinstance(consumer.op, Elementwise) and not is_custom(consumer.op)
        if is_entry_by_entry and message.shape == delta.shape:
            self.work += 20 + 3 * len(consumer.inputs)
            return [(entry, message.item(entry))] if message[entry] else []
        return self._moved(consumer, slot, entry)

    def _moved(self, consumer: Node, slot: int, entry: Place) -> list[tuple[Place, float]]:
        moved = ((output, self._row(consumer, output)[slot]) for output in self._outputs(consumer, slot, entry))
        return [(output, row.item(entry)) for output, row in moved if row is not None and row[entry] != 0]

    def _messages_of_ones(self, consumer: Node) -> tuple[Numbers, Sequence[Any]]:
        """Return an error signal of ones, row after row, and what the rule sends for it."""
        delta = np.ones(self.bwd.values[consumer].shape, self.bwd.values[consumer].dtype)
        return delta, messages(self.bwd, consumer, delta)

    def _messages_of_one(self, consumer: Node, output: Place) -> Sequence[Any]:
        """Return what the rule sends for an error signal that is 1 at one output: the slopes of that."""
        self.work += 20 + len(consumer.inputs)
        delta = np.zeros_like(self.bwd.values[consumer])
        delta[output] = 1
        return messages(self.bwd, consumer, delta)

    def _outputs(self, consumer: Node, slot: int, entry: Place) -> list[Place]:
        """Return the outputs to ask: all of them if they are few, else those that move, and the one in the same place."""
        value = self.bwd.values[consumer]
        if value.size <= _FEW:
            return list(np.ndindex(value.shape))
        op = consumer.op
        assert op is not None
        inputs = [self.bwd.values[source] for source in consumer.inputs]
        moved = np.zeros(value.shape, bool)
        if inputs[slot].shape == value.shape:
            moved[entry] = True
        inputs[slot] = inputs[slot].copy()
        here = inputs[slot][entry]
        step = 1e-3 * max(1.0, abs(float(here)))
        with np.errstate(all="ignore"):
            for there in (here - step, here + step):
                inputs[slot][entry] = there
                moved |= np.asarray(op.forward(*inputs)) != value
        self.work += 2 * len(inputs)
        return list(zip(*(axis.tolist() for axis in np.nonzero(moved)), strict=True))


def _place_in(delta: Numbers, message: Numbers, entry: Place) -> Place | None:
    """Return which entry of an error signal itself an entry of a message is; None if the rule computes what it sends.

    Concatenation sends views of its error signal, and so do many others. One run tells of all inputs where they lie.
    """
    address = message.ctypes.data + sum(map(mul, message.strides, entry))
    place, odd = divmod(address - delta.ctypes.data, delta.itemsize)
    if odd or not 0 <= place < delta.size:
        return None
    return tuple(int(i) for i in np.unravel_index(place, delta.shape))


def messages(bwd: BackwardPass, node: Node, delta: Numbers) -> Sequence[Any]:
    """Return what a node's backward rule sends to each input, given an error signal."""
    op, inputs = node.op, [bwd.values[source] for source in node.inputs]
    assert op is not None
    with np.errstate(
        all="ignore"
    ):  # the pass itself has shown what is not finite, and that the rule keeps to its contract
        if all(array.dtype.kind == "f" for array in inputs):
            with contextlib.suppress(Exception):
                return as_messages(op, op.backward(read_only(delta), bwd.values[node], *inputs), len(inputs))
        return apply_backward(bwd.graph, node, delta, bwd.values[node], inputs)
