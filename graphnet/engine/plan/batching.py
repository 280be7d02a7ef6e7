"""The fourth pass: equal small nodes are one call.

Nodes of one op and one shape that don't depend on each other are computed together, where their operands can lie side by side
in memory: the local slopes of all layers of a deep network, for example, and the gradients of all its weights. A call costs
half a microsecond, which is more than the work in a small layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from graphnet import ops
from graphnet.core.node import Node, made_like, with_inputs
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import normal_axes
from graphnet.engine.plan.memory import Joined, Stacked, in_columns, is_view
from graphnet.ops.elementwise import ElementwisePrimitive

FEWEST_ALIKE = 4
"""From how many equal nodes on it pays."""

LARGEST_BATCHED = 4096
"""Up to how many entries of a node it pays: beyond, the work is more than the call."""

Generation: TypeAlias = tuple[int, int]
VALUES, ERROR_SIGNALS, GRADIENTS = range(3)


def equal_nodes_together(results: Sequence[Node], order: Sequence[Node], outputs: int) -> Sequence[Node]:
    """Compute nodes of one op, one shape and one generation by one call.

    Parameters
    ----------
    results, order
        What the program computes, lowered, and all nodes it needs, each after its inputs.
    outputs
        How many of the results are outputs; the others are gradients.
    """
    likeness = {node: _likeness(node) for node in order if node.op is not None and _is_batchable(node)}
    if max(Counter(likeness.values()).values(), default=0) < FEWEST_ALIKE:
        return results
    return _Batching(generations(results[:outputs], order), likeness).rewritten(results)


def generations(outputs: Sequence[Node], order: Sequence[Node]) -> dict[Node, Generation]:
    """Return for each node a generation: nodes of one don't depend on each other, but for a view on what it views.

    First come those that the outputs need, by their distance from the leaves. Then those that only gradients need, by their
    distance from these: the slopes of all layers, which depend on values alone, are then one generation. Last come
    those that nothing reads, as the gradients of the weights.
    """
    forward = set(topological_order(outputs))
    read: set[Node] = set()
    for node in reversed(order):
        if not is_view(node) or node in read:
            read.update(node.inputs)
    found: dict[Node, Generation] = {}
    for node in order:
        if node.op is None:
            found[node] = VALUES, 0
        elif is_view(node):
            found[node] = found[node.inputs[0]]
        elif node in forward or node in read:
            phase = VALUES if node in forward else ERROR_SIGNALS
            depths = [depth for other, depth in map(found.__getitem__, node.inputs) if other == phase]
            found[node] = phase, 1 + max(depths, default=0)
        else:
            found[node] = GRADIENTS, 0
    return found


class _Batching:
    def __init__(self, generations: dict[Node, Generation], likeness: dict[Node, Any]) -> None:
        self.generations, self.likeness = generations, likeness
        self.columns = in_columns(list(generations))
        self.joined = {source for node in self.generations if isinstance(node.op, Joined) for source in node.inputs}
        self.new: dict[Node, Node] = {}
        self.place: dict[Node, tuple[Node, int]] = {}

    def rewritten(self, results: Sequence[Node]) -> list[Node]:
        """Return the results, computed by fewer calls."""
        by_generation: dict[Generation, list[Node]] = {}
        for node, generation in self.generations.items():
            by_generation.setdefault(generation, []).append(node)
        for _, nodes in sorted(by_generation.items()):
            alike: dict[Any, list[Node]] = {}
            for node in nodes:
                if node in self.likeness and node not in self.joined:  # what is joined is computed where it lies
                    alike.setdefault(self.likeness[node], []).append(node)
            for group in alike.values():
                for run in self._runs(group):
                    if len(run) >= FEWEST_ALIKE:
                        self._batch(run)
            for node in nodes:
                if node not in self.new:
                    self.new[node] = with_inputs(node, tuple([self.new[source] for source in node.inputs]))
        return [self.new[node] for node in results]

    def _runs(self, alike: list[Node]) -> Iterator[list[Node]]:
        """Cut nodes into runs whose operands lie side by side already, or can be laid so, or are one and the same."""
        run: list[Node] = []
        relations: list[str] = []
        taken: set[Node] = set()
        for node in alike:
            sources = [_viewed(operand) for operand in node.inputs]
            now = self._relations(run, sources, taken) if run else []
            if run and ("" in now or now != (relations or now)):
                yield run
                run, now, taken = [], [], set()
            run.append(node)
            relations = now
            taken.update(sources)
        yield run

    def _relations(self, run: list[Node], sources: list[Node], taken: set[Node]) -> list[str]:
        """Return for each operand of the next node how it lies to the same operand of the run's last node."""
        first, last = ([_viewed(operand) for operand in node.inputs] for node in (run[0], run[-1]))
        relations: list[str] = []
        for slot, (before, source) in enumerate(zip(last, sources, strict=True)):
            # The first slot with these operands:
            twin = next(i for i, other in enumerate(first) if other is first[slot])
            if twin < slot:
                relations.append(relations[twin] if source is sources[twin] else "")
            elif source is before:
                relations.append("shared")
            elif before in self.place and source in self.place:
                (whole, index), (other, place) = self.place[before], self.place[source]
                relations.append("placed" if other is whole and place == index + 1 else "")
            else:
                free = self._is_free(before) and self._is_free(source) and source not in taken
                relations.append("free" if free and not any(source is other for other in sources[:slot]) else "")
        return relations

    def _is_free(self, node: Node) -> bool:
        """Tell whether a node's memory may be chosen, and lie row after row."""
        if (
            node.op is None
            or node in self.columns
            or node in self.place
            or node in self.joined
            or isinstance(node.op, Joined)
        ):
            return False
        return node.dtype.kind == "f" and not is_view(node)

    def _batch(self, run: list[Node]) -> None:
        """Put one node in the place of a run, and views of it in the places of its members."""
        first, count = run[0], len(run)
        operands = tuple(self._operand([node.inputs[slot] for node in run]) for slot in range(len(first.inputs)))
        whole = made_like(_on_stack(first), operands, (count, *first.shape), first)
        for index, node in enumerate(run):
            self.new[node] = made_like(ops.Getitem((index,)), (whole,), node.shape, node)
            self.place[node] = whole, index

    def _operand(self, nodes: list[Node]) -> Node:
        """Return one operand of all nodes of a run, along a new first axis."""
        sources, count = [_viewed(node) for node in nodes], len(nodes)
        if sources[0] is sources[1]:
            return self.new[nodes[0]]  # one and the same for all, though it may be seen through a transpose of each
        if sources[0] not in self.place:
            parts = tuple(self.new[source] for source in sources)
            stack = made_like(Stacked(), parts, (count, *sources[0].shape), sources[0])
            self.place.update((source, (stack, index)) for index, source in enumerate(sources))
        whole, start = self.place[sources[0]]
        if whole.shape[0] != count:
            part = ops.Getitem(((start, start + count, None),))
            whole = made_like(part, (whole,), (count, *whole.shape[1:]), whole)
        if sources[0] is nodes[0]:
            return whole
        axes = nodes[0].op.axes or range(whole.ndim - 1)[::-1]  # type: ignore[union-attr]  # a transpose
        transpose = ops.Transpose((0, *(axis + 1 for axis in axes)))
        return made_like(transpose, (whole,), (count, *nodes[0].shape), whole)


def _viewed(node: Node) -> Node:
    """Return what a transpose shows; any other node itself."""
    return node.inputs[0] if isinstance(node.op, ops.Transpose) else node


def _is_batchable(node: Node) -> bool:
    """Tell whether an op does the same to a stack of arrays as to each of them, and is little work."""
    if not all(0 < array.size <= LARGEST_BATCHED for array in (node, *node.inputs)):
        return False
    match node.op:
        case ElementwisePrimitive():
            return all(operand.op is None or operand.ndim == node.ndim for operand in node.inputs)
        case ops.Matmul():
            return all(operand.ndim == 2 for operand in node.inputs)
        case _:
            return isinstance(node.op, (ops.Sum, ops.Mean, ops.Max))


def _likeness(node: Node) -> Any:
    """Return what nodes that can be computed by one call have in common."""
    operands = [(x.shape, x.dtype, x.op.axes if isinstance(x.op, ops.Transpose) else 0) for x in node.inputs]
    return node.op, node.shape, tuple(operands)


def _on_stack(node: Node) -> Op:
    """Return the op that does to a stack of arrays what a node's op does to one."""
    op = node.op
    assert op is not None
    if isinstance(op, (ops.Sum, ops.Mean, ops.Max)):
        axes = normal_axes(op.axis, node.inputs[0].ndim)
        return type(op)(tuple(axis + 1 for axis in axes), op.keepdims)
    return op
