"""Sizes that are known only when arrays are fed, as the number of samples N.

A rule that asks for such a size is run on a copy of the graph in which a number stands in for it; and on another copy, with
another number: what has changed tells how the formula depends on the size.
"""

from __future__ import annotations

import fractions
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice, product
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input
from graphnet.core.node import Node
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.engine.plan.sizes import with_sizes
from graphnet.errors import GraphnetError

STAND_INS = (1680, 1848, 2184, 2640)
_OTHER = 2280
"""Divisible by 2, 3, 4, 6, 8, 12 and 24: an axis may be split into parts."""

MOST_TRIES = 60
"""Of sizes that may have to be those of something else in the graph."""


class NoFormula(Exception):
    """A rule depends on a size in a way that is not found out."""


@dataclass(frozen=True)
class Copies:
    """Nodes without inputs to run the rules of a graph's nodes on, of the same dtype and shape.

    Attributes
    ----------
    numbers : dict of int to int
        What stands in for the size of each unknown axis.
    places : list of dict
        The copies of all nodes at these sizes; and once more for each axis, with another size there.
    """

    numbers: Mapping[int, int]
    places: Sequence[Mapping[Node, Node]]

    @staticmethod
    def of(graph: Graph) -> Copies:
        """Return copies of a graph's nodes; with sizes that are None if no numbers fit."""
        unknown = sorted({axis for x in graph.inputs for axis, size in enumerate(x.shape) if size is None})
        known = sorted({size for node in graph.nodes for size in node.shape if size is not None}, reverse=True)
        for fixed in islice(product([None, *known], repeat=len(unknown)), MOST_TRIES if unknown else 0):
            free = [axis for axis, size in zip(unknown, fixed, strict=True) if size is None]
            numbers = dict(zip(free, STAND_INS, strict=False))
            sizes = dict(zip(unknown, fixed, strict=True)) | numbers
            try:
                return Copies(
                    numbers, [_copy(graph, sizes), *(_copy(graph, sizes | {axis: _OTHER}) for axis in numbers)]
                )
            except GraphnetError:  # a size can only be that of something beside it, as of a constant of so many rows
                continue
        return Copies({}, [{node: _place(node, node.shape) for node in graph.nodes}])

    def side_by_side(self, roots: Sequence[Node]) -> Iterator[tuple[Node, Sequence[Node]]]:
        """Yield the nodes that the first root is made of, in order, each with those in the same place of the others."""
        order = topological_order(roots[:1])
        twins: dict[Node, Sequence[Node]] = {roots[0]: roots[1:]}
        for node in reversed(order):
            for twin in twins[node]:
                if type(twin.op) is not type(node.op) or len(twin.inputs) != len(node.inputs):
                    raise NoFormula
            for slot, source in enumerate(node.inputs):
                twins.setdefault(source, [twin.inputs[slot] for twin in twins[node]])
        yield from ((node, twins[node]) for node in order)

    def shape(self, node: Node, twins: Sequence[Node]) -> Shape:
        """Return a shape with None for what changes with a size."""
        return tuple(
            size if all(twin.shape[axis] == size for twin in twins) else None for axis, size in enumerate(node.shape)
        )

    def settings(
        self, node: Node, twins: Sequence[Node], size: Callable[[Sequence[int]], Node]
    ) -> dict[str, tuple[Any, ...]]:
        """Return the settings that change with a size, with `size` of the numbers in all copies in their place."""
        found = {}
        for setting in fields(node.op) if twins else ():  # type: ignore[arg-type]
            values = [getattr(of.op, setting.name) for of in (node, *twins)]
            if any(value != values[0] for value in values):
                if not isinstance(values[0], tuple):
                    raise NoFormula
                found[setting.name] = _with_sizes(values, size)
        return found

    def sizes(self, axis: int) -> list[int]:
        """Return the numbers for the size of an unknown axis, in all copies."""
        return [self.numbers[axis], *(_OTHER if other == axis else self.numbers[axis] for other in self.numbers)]

    def number(self, node: Constant, twins: Sequence[Node]) -> tuple[float, dict[int, int]]:
        """Return c and the power p of each size N that a number is made of, c · Nᵖ, by how it changes with them."""
        value: Any = node.value.item()
        powers: dict[int, int] = {}
        for axis, twin in zip(self.numbers, twins, strict=True):
            other = twin.value.item()  # type: ignore[attr-defined]
            if other == value:
                continue
            ratio, change = _OTHER / self.numbers[axis], other / value if value else 0.0
            power = next((p for p in (-2, -1, 1, 2) if np.isclose(change, ratio**p, rtol=1e-12, atol=0)), None)
            if power is None:
                raise NoFormula
            powers[axis] = power
        for axis, power in powers.items():
            value = value / float(self.numbers[axis]) ** power
        return value, powers


def ratio_of(number: float) -> tuple[float, float]:
    """Return a number as a ratio of whole numbers, if it is one: 2 / 3027 · 1009 is 2/3."""
    exact = fractions.Fraction(number).limit_denominator(10**6)
    is_ratio = abs(float(exact) - number) < 1e-12 * abs(number)
    return (float(exact.numerator), float(exact.denominator)) if is_ratio else (number, 1.0)


def _with_sizes(values: Sequence[Any], size: Callable[[Sequence[int]], Node]) -> Any:
    """Return sizes, in tuples however deep, with a `size` in place of each that is not the same in all copies."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, tuple) and len(value) == len(values[0]) for value in values):
        return tuple(_with_sizes(parts, size) for parts in zip(*values, strict=True))
    return size(values)


def _copy(graph: Graph, sizes: Mapping[int, int | None]) -> dict[Node, Node]:
    fed: dict[Input, tuple[Any, ...]] = {
        x: tuple(sizes[axis] if size is None else size for axis, size in enumerate(x.shape)) for x in graph.inputs
    }
    return {node: _place(node, sized.shape) for node, sized in with_sizes(graph, fed).items()}


def _place(node: Node, shape: Shape) -> Node:
    return node if isinstance(node, Constant) and node.shape == () else Input(None, (), shape, node.dtype)
