"""Graphs of scalar nodes at vector speed.

A graph built one number at a time, as in micrograd, has many nodes and almost no work in each. Its nodes of one op that have
the same depth don't depend on each other, so they are one call: gather their operands, apply the op to a vector, and let the
vector lie side by side in one array of all values. Going back, a depth is two calls and the messages of its ops: gather all
that its nodes have received, sorted by receiver, and add up each receiver's part (``np.add.reduceat``).

The ops' own rules are read as graph once for each op, on vectors of unknown length, and stamped out for each group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Constant, Input, Node, Parameter
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.engine.plan.calls import Array, Call, calls_for
from graphnet.engine.plan.lowering import lower
from graphnet.engine.plan.memory import value_dtype
from graphnet.engine.plan.program import Program
from graphnet.ops.elementwise import Elementwise, ElementwisePrimitive

FEWEST = 256
"""From how many nodes on it pays."""


def is_scalar_graph(graph: Graph) -> bool:
    """Tell whether a graph is one of many scalar nodes whose ops all work entry by entry."""
    return len(graph) >= FEWEST and all(
        node.shape == () and node.dtype.kind == "f" and (node.op is None or isinstance(node.op, Elementwise))
        for node in graph.nodes
    )


@dataclass(frozen=True)
class Template:
    """The rules of one op, read as elementwise calls on vectors.

    Attributes
    ----------
    inputs, output, delta
        The nodes that stand for what the rules are given.
    forward
        The nodes that compute the output, the output last.
    result
        The node whose value is the output.
    backward
        The nodes that compute the messages.
    messages
        For each input the node whose value is its message, or None.
    """

    inputs: tuple[Node, ...]
    output: Node
    delta: Node
    forward: tuple[Node, ...]
    result: Node
    backward: tuple[Node, ...]
    messages: tuple[Node | None, ...]


def template_of(op: Op, count: int, dtype: np.dtype[Any], *, with_backward: bool) -> Template | None:
    """Read an op's rules on vectors; return None if they are more than elementwise calls."""

    def vector() -> Node:
        return Input(None, (), (2,), np.dtype(float))

    inputs, output, delta = tuple(vector() for _ in range(count)), vector(), vector()
    (result,) = lower([Node(op, inputs, (2,), np.dtype(float))], dtype)
    try:
        returned = op.backward(delta, output, *inputs) if with_backward else [None] * count
    except Exception:  # of any kind: there is no rule, or it asks of a node what only an array can do
        return None
    messages = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if with_backward and (len(messages) != count or not all(isinstance(message, Node) for message in messages)):
        return (
            None  # also where an input has no error signal: then some nodes are not reached, and no zero may stand in
        )
    lowered = iter(lower([message for message in messages if message is not None], dtype))
    found = tuple(None if message is None else next(lowered) for message in messages)
    forward = topological_order([result])
    backward = topological_order([message for message in found if message is not None])
    if any(not isinstance(node.op, ElementwisePrimitive) for node in (*forward, *backward) if node.op is not None):
        return None
    return Template(inputs, output, delta, forward, result, backward, found)


@dataclass
class Group:
    """Nodes of one op and one depth: positions ``first`` to ``first + len(members)`` of the array of all values."""

    op: Op
    members: list[Node]
    first: int = 0


def build_scalars(graph: Graph, wrt: Sequence[Node], dtype: np.dtype[Any]) -> Program | None:
    """Build the program of a graph of scalars and its gradients; None if a rule is not elementwise."""
    levels = _levels(graph)
    templates: dict[Op, Template] = {}
    for group in (group for level in levels for group in level):
        if group.op not in templates:
            template = template_of(group.op, len(group.members[0].inputs), dtype, with_backward=bool(wrt))
            if template is None:
                return None
            templates[group.op] = template
    return _Stamping(graph, wrt, dtype, levels, templates).program()


def _levels(graph: Graph) -> list[list[Group]]:
    """Return the op nodes by depth, and by op within a depth."""
    depth: dict[Node, int] = {}
    same_op: dict[Op, Op] = {}
    by_id: dict[int, Op] = {}
    levels: list[dict[int, Group]] = []
    for node in graph.nodes:
        op = node.op
        if op is None:
            depth[node] = 0
            continue
        deepest = max([depth[source] for source in node.inputs])
        depth[node] = deepest + 1
        op = by_id.get(id(op)) or by_id.setdefault(id(op), same_op.setdefault(op, op))
        if deepest == len(levels):
            levels.append({})
        group = levels[deepest].get(id(op))
        if group is None:
            levels[deepest][id(op)] = Group(op, [node])
        else:
            group.members.append(node)
    return [list(level.values()) for level in levels]


class _Stamping:
    """Makes the calls of a program from the templates of its ops."""

    def __init__(
        self,
        graph: Graph,
        wrt: Sequence[Node],
        dtype: np.dtype[Any],
        levels: list[list[Group]],
        templates: dict[Op, Template],
    ) -> None:
        self.graph, self.wrt, self.dtype, self.levels, self.templates = graph, wrt, dtype, levels, templates
        self.leaves = [node for node in graph.nodes if node.op is None]
        self.position = {node: i for i, node in enumerate(self.leaves)}
        self.calls: list[Call] = []
        self.lines: list[tuple[str, ...]] = []
        self.scratch: dict[tuple[int, str], Array] = {}
        self.bytes = 0
        self._place()

    def _place(self) -> None:
        """Give every node its place among all values: the leaves first, then depth after depth, op after op."""
        count = len(self.leaves)
        for level in self.levels:
            for group in level:
                group.first = count
                for member in group.members:
                    self.position[member] = count
                    count += 1
        self.values = self._memory(count)

    def _memory(self, count: int) -> Array:
        """Return memory for so many numbers, counted."""
        memory = np.empty(count, self.dtype)
        self.bytes += memory.nbytes
        return memory

    def program(self) -> Program:
        """Return the program."""
        self._stamp_leaves()
        operands = [self._stamp_forward(level) for level in self.levels]
        outputs = (self._entry(self.values, self.graph.outputs[0]),)
        gradients: dict[str, Array] = {}
        if self.wrt:
            received = _Received(self.graph, self.levels, self.templates, self.position)
            deltas = self._stamp_backward(operands, received)
            gradients = {self.graph.label(node): self._entry(deltas, node) for node in self.wrt}
        fed = tuple(self._entry(self.values, node) for node in self.graph.inputs)
        return Program(tuple(self.calls), fed, outputs, gradients, tuple(self.lines), self.bytes)

    def _entry(self, array: Array, node: Node) -> Array:
        at = self.position[node]
        return array[at : at + 1].reshape(())

    def _stamp_leaves(self) -> None:
        for node in self.leaves:
            place = self._entry(self.values, node)
            if isinstance(node, Constant):
                place[...] = node.value
            elif isinstance(node, Parameter):
                self.calls.append((place.__setitem__, (..., node.value)))
                self.lines.append((node.name or "-", "copy", "()", "()", "values", str(place.nbytes)))

    def _stamp_forward(self, level: list[Group]) -> list[list[Array]]:
        """Add the calls of one depth; return the operands of each of its groups."""
        sources = [
            np.fromiter((self.position[m.inputs[slot]] for m in group.members), np.intp, len(group.members))
            for group in level
            for slot in range(len(group.members[0].inputs))
        ]
        gathered = self._memory(sum(map(len, sources)))
        self._call("gather", (self.values.take, (np.concatenate(sources), None, gathered, "clip")), gathered)
        parts = iter(np.split(gathered, np.cumsum([len(source) for source in sources])[:-1]))
        operands = []
        for group in level:
            template = self.templates[group.op]
            operands.append([next(parts) for _ in template.inputs])
            arrays = dict(zip(template.inputs, operands[-1], strict=True))
            out = self.values[group.first : group.first + len(group.members)]
            self._stamp(group.op.name, template.forward, arrays, [(template.result, out)])
        return operands

    def _stamp_backward(self, operands: list[list[list[Array]]], received: _Received) -> Array:
        """Add the calls of the way back; return the error signal of every node."""
        signals = self._memory(len(self.values) + received.explicit + 1)
        signals[-1] = 1
        for level, arrays in zip(reversed(self.levels), reversed(operands), strict=True):
            self._stamp_sum(received, signals, level[0].first, level[-1].first + len(level[-1].members))
            for group, inputs in zip(level, arrays, strict=True):
                template = self.templates[group.op]
                members = slice(group.first, group.first + len(group.members))
                known = dict(zip(template.inputs, inputs, strict=True))
                known |= {template.output: self.values[members], template.delta: signals[members]}
                places = [
                    (message, signals[received.first[id(group), slot] :][: len(group.members)])
                    for slot, message in enumerate(template.messages)
                    if message is not None and (id(group), slot) in received.first
                ]
                self._stamp(f"gradients/{group.op.name}", template.backward, known, places)
        self._stamp_sum(received, signals, 0, len(self.leaves))
        return signals

    def _stamp_sum(self, received: _Received, signals: Array, start: int, stop: int) -> None:
        """Add the calls that add up what the nodes at positions `start` to `stop` have received."""
        edges, starts = received.by(start, stop)
        out = signals[start:stop]
        if len(edges) == len(out):
            self._call("gather", (signals.take, (edges, None, out, "clip")), out)
            return
        gathered = self._scratch(len(edges), self.dtype, -1)
        self._call("gather", (signals.take, (edges, None, gathered, "clip")), gathered)
        self._call("add up", (np.add.reduceat, (gathered, starts, 0, None, out)), out)

    def _stamp(
        self, label: str, order: Sequence[Node], arrays: dict[Node, Array], results: list[tuple[Node, Array]]
    ) -> None:
        """Add the calls of a template for one group: `arrays` are known, each result goes to its place."""
        length = len(next(iter(arrays.values())))
        places = dict(reversed(results))  # of a node that is several results, the first place
        for i, node in enumerate(order):
            if isinstance(node, Constant):  # zeros_like makes one as long as the template's vectors: all entries equal
                arrays[node] = node.value.ravel()[:1].reshape(())
            elif node.op is not None:
                out = places.get(node)
                if out is None:
                    out = self._scratch(length, value_dtype(node, self.dtype), i)
                arrays[node] = out
                for call in calls_for(node, [arrays[source] for source in node.inputs], out):
                    self._call(label, call, out)
        for node, place in results:
            if arrays[node] is not place:  # another result is the same node, or it is an operand or a constant as it is
                self._call(label, (place.__setitem__, (..., arrays[node])), place)

    def _scratch(self, length: int, dtype: np.dtype[Any], number: int) -> Array:
        """Return memory for an intermediate result, shared by all groups."""
        key = number, dtype.char
        if key not in self.scratch or len(self.scratch[key]) < length:
            self.scratch[key] = np.empty(max(length, 64), dtype)
            self.bytes += self.scratch[key].nbytes
        return self.scratch[key][:length]

    def _call(self, label: str, call: Call, out: Array) -> None:
        self.calls.append(call)
        function = getattr(getattr(call[0], "func", call[0]), "__name__", "call")
        self.lines.append((label, function, "-", str(out.shape), "-", str(out.nbytes)))


class _Received:
    """Where the messages to each node lie among all error signals and messages.

    The error signals of all nodes come first, in their places; then the messages that are not an error signal as it is; then
    a 1, the start. Every node receives something: each edge carries a message.
    """

    def __init__(
        self, graph: Graph, levels: list[list[Group]], templates: dict[Op, Template], position: dict[Node, int]
    ) -> None:
        count = len(position)
        self.explicit = 0
        self.first: dict[tuple[int, int], int] = {}
        receivers, edges = [], []
        for group in (group for level in levels for group in level):
            template, length = templates[group.op], len(group.members)
            for slot, message in enumerate(template.messages):
                if message is None:
                    continue
                start = group.first
                if message is not template.delta:
                    start = self.first[id(group), slot] = count + self.explicit
                    self.explicit += length
                edges.append(np.arange(start, start + length))
                receivers.append(np.fromiter((position[m.inputs[slot]] for m in group.members), np.intp, length))
        one = count + self.explicit
        receivers.append(np.array([position[graph.outputs[0]]]))
        edges.append(np.array([one]))
        receiver = np.concatenate(receivers)
        self.edges = np.concatenate(edges)[np.argsort(receiver, kind="stable")]
        self.offsets = np.concatenate([[0], np.cumsum(np.bincount(receiver, minlength=count))])

    def by(self, start: int, stop: int) -> tuple[Array, Array]:
        """Return the messages to the nodes at positions `start` to `stop`, and where each node's begin among them."""
        first, last = self.offsets[start], self.offsets[stop]
        return self.edges[first:last], self.offsets[start:stop] - first
