"""Paths from one entry to the output: the chain rule as a sum over paths, each the product of its slopes."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.explain.slopes import Entry, Slopes

MOST_STEPS = 20_000
"""Entries visited, along all paths together."""

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

    places: tuple[tuple[str, Entry], ...]
    slopes: tuple[float, ...]
    product: float

    def __str__(self) -> str:
        shown = list(self.places[:1])
        for i, place in enumerate(self.places[1:]):
            if self.slopes[i] != 1 or place[1] != self.places[i][1] or place is self.places[-1]:
                shown.append(place)
        return " → ".join(label + (str(list(entry)) if entry else "") for label, entry in shown)


@dataclass(frozen=True)
class _Trail:
    """The last place of a path, and how it was reached."""

    node: Node
    entry: Entry
    slope: float
    product: float
    before: _Trail | None


def paths(bwd: BackwardPass, node: Node, entry: Entry, most: int) -> tuple[tuple[Path, ...], int, bool]:
    """Return paths from an entry to the outputs, `most` of largest product; how many were found; whether these are all.

    At each place the search goes on where product of slopes so far times error signal is largest: what all ways on from
    there add to the gradient. Paths on which a slope is exactly 0 add nothing and are left out.
    """
    slopes = Slopes(bwd)
    found: list[tuple[_Trail, float]] = []
    counter = itertools.count()
    heap: list[tuple[float, int, _Trail]] = [(0.0, next(counter), _Trail(node, entry, 1.0, 1.0, None))]
    steps = 0
    while heap and steps < MOST_STEPS and slopes.work < MOST_WORK:
        steps += 1
        _, _, trail = heapq.heappop(heap)
        for consumer, slot, delta in bwd.messages(trail.node):
            if consumer is None or slot is None:
                found.append((trail, float(delta[trail.entry])))
                continue
            if slopes.work >= MOST_WORK:  # within one node's uses, too: there may be as many as nodes
                heapq.heappush(heap, (0.0, next(counter), trail))
                break
            for output, slope in slopes.column(consumer, slot, trail.entry):
                product = trail.product * slope
                weight = -abs(product * float(bwd.error_signals[consumer][output]))
                heapq.heappush(heap, (weight, next(counter), _Trail(consumer, output, slope, product, trail)))
    found.sort(key=lambda end: -abs(end[0].product * end[1]))
    return tuple(_path(bwd, *end) for end in found[:most]), len(found), not heap


def _path(bwd: BackwardPass, end: _Trail, start: float) -> Path:
    trails = [end]
    while (before := trails[-1].before) is not None:
        trails.append(before)
    trails.reverse()
    places = tuple((bwd.graph.label(trail.node), trail.entry) for trail in trails)
    return Path(places, (*(trail.slope for trail in trails[1:]), start), end.product * start)
