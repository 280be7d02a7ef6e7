"""Graphs of scalars: the rules of their ops, and where values, slopes and edges lie, so that many nodes are one call.

A rule that is elementwise calls and nothing else does to a vector of scalars what it does to each of them. And a message is
linear in the error signal, δ times a slope that depends on values only: ∂output/∂input, which is what the rule returns for
δ = 1. So the slopes of all nodes are computed together once the values are known, and going back is nothing but products
and sums.

The pool is one array: first the leaves, then depth after depth, op after op; then the slopes that are computed. A leaf may be
an array that is read entry by entry: an entry has its place in the leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, constant
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.plan.lowering import lower
from graphnet.engine.rules import messages_of
from graphnet.ops.elementwise import ElementwisePrimitive


@dataclass(frozen=True)
class Template:
    """The rules of one op on scalars, as elementwise primitives.

    Attributes
    ----------
    inputs, output
        The nodes that stand for what the rules are given.
    result
        The node whose value is the output.
    slopes
        For each input the node whose value is ∂output/∂input, or None if it has no error signal. Empty if the backward rule
        was not asked for.
    """

    inputs: tuple[Node, ...]
    output: Node
    result: Node
    slopes: tuple[Node | None, ...]


def template_of(op: Op, count: int, dtype: np.dtype[Any], *, with_backward: bool) -> Template | None:
    """Read the rules of an op of `count` inputs.

    Returns
    -------
    Template or None
        None if the rules are more than elementwise calls, or send something else than a multiple of δ to an input.
    """
    inputs, output, delta = tuple(_scalar() for _ in range(count)), _scalar(), _scalar()
    (result,) = lower([Node(op, inputs, (), np.dtype(float))], dtype)
    slopes: list[Node | None] = []
    if with_backward:
        try:
            messages, found = (messages_of(op, op.backward(d, output, *inputs), count) for d in (delta, constant(1.0)))
        except Exception:  # of any kind: there is no rule, or it asks of a node what only an array can do
            return None
        if not all(isinstance(message, (Node, type(None))) for message in (*messages, *found)):
            return None
        if not all(is_multiple(message, delta) for message in _lowered(messages, dtype) if message is not None):
            return None
        slopes = _lowered(found, dtype)
    needed = topological_order([result, *(slope for slope in slopes if slope is not None)])
    if any(node.shape != () or not isinstance(node.op, (ElementwisePrimitive, type(None))) for node in needed):
        return None
    return Template(inputs, output, result, tuple(slopes))


def _lowered(messages: Sequence[Node | None], dtype: np.dtype[Any]) -> list[Node | None]:
    """Return messages through primitives only; None stays None."""
    lowered = iter(lower([message for message in messages if message is not None], dtype))
    return [None if message is None else next(lowered) for message in messages]


def is_multiple(message: Node, delta: Node) -> bool:
    """Tell whether a lowered node is δ times something that does not depend on δ, whatever the values are."""
    multiples = {delta}
    depending = {delta}
    for node in topological_order([message]):
        if not any(source in depending for source in node.inputs):
            continue
        depending.add(node)
        terms = [source in multiples or _is_zero(source) for source in node.inputs]
        constant_in_delta = [source not in depending for source in node.inputs]
        match node.op:
            case ops.Negative():
                linear = terms[0]
            case ops.Add() | ops.Subtract():
                linear = all(terms)
            case ops.Multiply():
                linear = (terms[0] and constant_in_delta[1]) or (constant_in_delta[0] and terms[1])
            case ops.Divide():
                linear = terms[0] and constant_in_delta[1]
            case ops.Where():
                linear = constant_in_delta[0] and terms[1] and terms[2]
            case _:
                linear = False
        if linear:
            multiples.add(node)
    return message in multiples


def _scalar() -> Node:
    return Input(None, (), (), np.dtype(float))


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()


@dataclass
class Cohort:
    """Nodes of one op and one depth, side by side.

    Attributes
    ----------
    op, members
        The op, and the nodes.
    first
        The position of its first member.
    sources
        For each input, the positions of all members' operands.
    """

    op: Op
    members: list[Node]
    first: int = 0
    sources: list[Numbers] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """The position behind its last member."""
        return self.first + len(self.members)


def is_entry(node: Node) -> bool:
    """Tell whether a node is one entry of a leaf of known sizes."""
    if not isinstance(node.op, ops.Getitem) or node.shape != ():
        return False
    (source,) = node.inputs
    return source.op is None and None not in source.shape


class ScalarLayout:
    """The place of every node.

    Attributes
    ----------
    leaves
        The nodes without an op; their positions come first.
    levels
        The groups, by depth.
    position
        Of each node: that of its first entry.
    after_leaves
        The position behind the last leaf.
    """

    def __init__(self, graph: Graph) -> None:
        self.leaves = [node for node in graph.nodes if node.op is None]
        self.levels = _levels(graph)
        self.position: dict[Node, int] = {}
        self._count = 0
        for leaf in self.leaves:
            self.position[leaf] = self._count
            self._count += leaf.size
        self.after_leaves = self._count
        self.position.update(self._entries(graph))
        for group in chain.from_iterable(self.levels):
            group.first = self._count
            self._count += len(group.members)
            self.position.update(zip(group.members, range(group.first, group.stop), strict=True))
        find = self.position.__getitem__
        for group in chain.from_iterable(self.levels):
            group.sources = [
                np.fromiter(map(find, operands), np.intp, len(group.members))
                for operands in zip(*[member.inputs for member in group.members], strict=True)
            ]

    def __len__(self) -> int:
        return self._count

    def _entries(self, graph: Graph) -> Iterator[tuple[Node, int]]:
        """Yield the position of each entry of a leaf that is read."""
        of_leaf: dict[Node, Numbers] = {}
        for node in graph.nodes:
            if is_entry(node):
                (leaf,) = node.inputs
                if leaf not in of_leaf:
                    of_leaf[leaf] = self.position[leaf] + np.arange(leaf.size).reshape(known(leaf.shape, "a leaf"))
                assert node.op is not None
                yield node, int(node.op.forward(of_leaf[leaf]))

    def entries_of(self, nodes: Iterable[Node]) -> Numbers:
        """Return the positions of all entries of nodes."""
        return np.concatenate([np.arange(0), *(self.position[node] + np.arange(node.size) for node in nodes)])

    def reached(self, templates: Mapping[Op, Template]) -> Numbers:
        """Tell for each position whether an error signal reaches it."""
        reached = np.zeros(len(self), bool)
        reached[-1] = True  # E is the last node
        for group in chain.from_iterable(reversed(self.levels)):
            for sources, slope in zip(group.sources, templates[group.op].slopes, strict=True):
                if slope is not None:
                    reached[sources[reached[group.first : group.stop]]] = True
        return reached

    @property
    def families(self) -> dict[Op, list[Cohort]]:
        """The groups by op."""
        families: dict[Op, list[Cohort]] = {}
        for group in chain.from_iterable(self.levels):
            families.setdefault(group.op, []).append(group)
        return families


def _levels(graph: Graph) -> list[list[Cohort]]:
    """Return the op nodes by depth, and by op within a depth."""
    depth: dict[Node, int] = {}
    same_op: dict[Op, Op] = {}
    by_id: dict[int, Op] = {}
    levels: list[dict[int, Cohort]] = []
    for node in graph.nodes:
        op = node.op
        if op is None or is_entry(node):
            depth[node] = 0
            continue
        deepest = max([depth[source] for source in node.inputs])
        depth[node] = deepest + 1
        op = by_id.get(id(op)) or by_id.setdefault(id(op), same_op.setdefault(op, op))
        if deepest == len(levels):
            levels.append({})
        group = levels[deepest].get(id(op))
        if group is None:
            levels[deepest][id(op)] = Cohort(op, [node])
        else:
            group.members.append(node)
    return [list(level.values()) for level in levels]


@dataclass
class Family:
    """All nodes of one op that an error signal reaches, and the slopes that are computed for them.

    Attributes
    ----------
    template
        The op's rules.
    count
        How many nodes there are.
    places
        For each input and for the output of the template, where in the pool its values lie.
    computed
        The slopes that are neither an input nor the output as it is, and where in the pool their values begin.
    """

    template: Template
    count: int
    places: dict[Node, Numbers]
    computed: dict[Node, int]

    def place_of(self, slope: Node) -> Numbers:
        """Return where in the pool the values of a slope lie, for each node."""
        return self.places[slope] if slope in self.places else np.arange(self.count) + self.computed[slope]


def families_of(layout: ScalarLayout, templates: Mapping[Op, Template], reached: Numbers) -> list[Family]:
    """Return the nodes that are reached by op, with places for their slopes behind the values."""
    families = []
    end = len(layout)
    for op, groups in layout.families.items():
        template = templates[op]
        sources = [np.concatenate(parts) for parts in zip(*[group.sources for group in groups], strict=True)]
        members = np.concatenate([np.arange(group.first, group.stop) for group in groups])
        lanes = zip((*template.inputs, template.output), (*sources, members), strict=True)
        places = {node: positions[reached[members]] for node, positions in lanes}
        count = int(reached[members].sum())
        computed = {}
        for slope in dict.fromkeys(template.slopes):
            if slope is not None and slope not in places:
                computed[slope] = end
                end += count
        families.append(Family(template, count, places, computed))
    return families


@dataclass
class Sums:
    """How the error signals of nodes that lie side by side are added up: Σ δ(consumer) · slope over the edges of each.

    Attributes
    ----------
    first, stop
        The nodes' positions.
    consumer
        The position of each edge's consumer.
    slope
        Where in the pool each edge's slope lies.
    all_one
        Whether all slopes are 1 whatever the values.
    starts
        Where the edges of each node begin; None if the edges are rows instead, the first of all nodes, the second ...
    """

    first: int
    stop: int
    consumer: Numbers
    slope: Numbers
    all_one: bool
    starts: Numbers | None


class Edges:
    """All edges that an error signal goes back along, sorted by receiver.

    Parameters
    ----------
    layout, families
        Of all nodes.
    receives
        Which nodes an error signal is asked for: all but some leaves, so that nodes of one depth are without a gap. To those
        that none reaches goes an edge that carries nothing.
    nothing
        The position of an error signal that is 0, and that of a slope.
    """

    SMALL = 1024
    """Up to how many edges, those that are filled in included, rows are made."""

    def __init__(
        self, layout: ScalarLayout, families: Iterable[Family], receives: Numbers, nothing: tuple[int, int]
    ) -> None:
        self.nothing = nothing
        edges = [
            (
                family.places[source],
                family.places[family.template.output],
                family.place_of(slope),
                np.full(family.count, isinstance(slope, Constant) and bool(slope.value == 1)),
            )
            for family in families
            for source, slope in zip(family.template.inputs, family.template.slopes, strict=True)
            if slope is not None
        ]
        unreached = receives.copy()
        unreached[-1] = False  # E itself
        for receiver, *_ in edges:
            unreached[receiver] = False
        empty = np.flatnonzero(unreached)
        edges.append((empty, np.full_like(empty, nothing[0]), np.full_like(empty, nothing[1]), empty < 0))
        receivers, consumer, places, is_one = map(np.concatenate, zip(*edges, strict=True))
        kept = np.flatnonzero(receives[receivers])
        kept = kept[np.argsort(receivers[kept], kind="stable")]
        self.consumer, self.slope, self.is_one = consumer[kept], places[kept], is_one[kept]
        self.offsets = np.concatenate([[0], np.cumsum(np.bincount(receivers[kept], minlength=len(layout)))])

    def sums(self, first: int, stop: int) -> Sums:
        """Return how the error signals at positions `first` to `stop` are added up.

        Few edges become rows, which a product with ones adds up faster than ``np.add.reduceat``. Where a node has fewer
        edges than another, nothing is filled in.
        """
        begin, end = self.offsets[first], self.offsets[stop]
        consumer, slope = self.consumer[begin:end], self.slope[begin:end]
        all_one = bool(self.is_one[begin:end].all())
        starts, count = self.offsets[first:stop] - begin, np.diff(self.offsets[first : stop + 1])
        rows = int(count.max())
        if rows * len(count) > max(self.SMALL, len(consumer)):
            return Sums(first, stop, consumer, slope, all_one, starts)
        filled = np.empty((2, rows, len(count)), np.intp)
        filled[0], filled[1] = self.nothing
        receiver = np.repeat(np.arange(len(count)), count)
        filled[:, np.arange(len(consumer)) - starts[receiver], receiver] = consumer, slope
        return Sums(first, stop, filled[0].ravel(), filled[1].ravel(), all_one, None)
