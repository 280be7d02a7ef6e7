"""A program: the flat list of calls, the arrays it reads and writes, and how it explains itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.graph import Graph
from graphnet.core.node import Constant, Input, Node, Parameter, constant
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape, known
from graphnet.core.tables import table
from graphnet.engine.gradients import error_signal_nodes
from graphnet.engine.plan.batching import equal_nodes_together
from graphnet.engine.plan.calls import Array, Call, calls_for, view_of
from graphnet.engine.plan.joined import Joined
from graphnet.engine.plan.lowering import lower
from graphnet.engine.plan.memory import Buffer, Layout, is_view, lay_out, needs_memory, owner_of, require_memory
from graphnet.engine.plan.rewrites import bias_in_product, sums_of_squares
from graphnet.engine.plan.sizes import with_sizes

MANY_GRADIENTS = 64
"""From how many gradients on they are copied as one block."""


@dataclass(frozen=True)
class Program:
    """A graph as a flat list of NumPy calls, for inputs of given shapes.

    Attributes
    ----------
    calls
        (function, arguments), in order.
    fed
        The array of each input, to be filled before the calls.
    outputs, gradients
        The arrays that hold the results after the calls; gradients by the name of what they belong to.
    lines
        For each call: whose rule it comes from, its function, shapes and buffer.
    bytes
        Memory of all values.
    layout
        Where each value lives; None for a graph of scalars, whose values lie side by side.
    """

    calls: tuple[Call, ...]
    fed: tuple[Array, ...]
    outputs: tuple[Array, ...]
    gradients: dict[str, Array]
    lines: tuple[tuple[str, ...], ...]
    bytes: int
    layout: Layout | None = None

    def run(self, feeds: Sequence[Array]) -> None:
        """Compute the results from the feeds, given in the order of the graph's inputs."""
        for array, fed in zip(self.fed, feeds, strict=True):
            array[...] = fed
        for function, arguments in self.calls:
            function(*arguments)

    def copies(self) -> dict[str, Array]:
        """Return copies of the gradients: one by one if they are few, else out of one copy of the block they lie in."""
        if self.block is None:
            return {name: array.copy() for name, array in self.gradients.items()}
        block = self.block.copy()
        return {name: block[start:stop].reshape(shape) for name, start, stop, shape in self.places}

    @cached_property
    def block(self) -> Array | None:
        """The memory that all gradients are contiguous parts of, if they are many."""
        arrays = list(self.gradients.values())
        bases = {id(array.base): array.base for array in arrays}
        if len(arrays) < MANY_GRADIENTS or len(bases) > 1 or not all(array.flags.c_contiguous for array in arrays):
            return None
        (base,) = bases.values()
        return base if isinstance(base, np.ndarray) and base.ndim == 1 else None

    @cached_property
    def places(self) -> list[tuple[str, int, int, tuple[int, ...]]]:
        """Where in the block each gradient lies: name, start, stop, shape."""
        assert self.block is not None
        first, item = self.block.ctypes.data, self.block.itemsize
        starts = {name: (array.ctypes.data - first) // item for name, array in self.gradients.items()}
        return [(name, starts[name], starts[name] + array.size, array.shape) for name, array in self.gradients.items()]

    def explain(self) -> str:
        """Return the program as a table, one line a call, and its memory."""
        header = ["call", "from", "function", "operands", "result", "buffer", "bytes"]
        text = table(header, [(str(i), *line) for i, line in enumerate(self.lines)], most=400)
        total = f"{text}\n\n{len(self.calls)} calls, {self.bytes:,} bytes"
        if self.layout is None:
            return f"{total} in which all values lie side by side"
        uses = Counter(self.layout.buffer.values())
        shared = [f"{buffer.number} ({count} values)" for buffer, count in uses.items() if count > 1]
        more = f"; shared: {', '.join(shared[:40])}" if shared else ""
        return f"{total} in {len(self.layout.buffers)} buffers{more}"


def build(graph: Graph, wrt: Sequence[Node], fed: Mapping[Input, tuple[int, ...]], dtype: np.dtype[Any]) -> Program:
    """Build the program of a graph, and of its gradients with respect to `wrt`.

    Raises
    ------
    PlanError
        If it would need more memory than the machine has; nothing was allocated then.
    """
    sized = with_sizes(graph, fed)
    outputs = [sized[node] for node in graph.outputs]
    slopes: dict[str, Node] = {}
    if wrt:
        signals = error_signal_nodes(Graph(*outputs), [sized[node] for node in wrt], constant(1.0))
        wanted = set(wrt)
        # In the order in which the backward pass meets them, the last layer's first: then error signals die soon.
        reached = [node for node in reversed(graph.nodes) if node in wanted and sized[node] in signals]
        slopes = {graph.label(node): signals[sized[node]] for node in reached}
    results = sums_of_squares(lower([*outputs, *slopes.values()], dtype))
    if not any(isinstance(node.op, ops.Reshape) for node in topological_order(results)):
        results = bias_in_product(results, dtype)
    results = equal_nodes_together(results, len(outputs))
    results = [*results[: len(outputs)], *map(own_memory, results[len(outputs) :])]
    order = topological_order(results)
    layout = lay_out(order, results, dtype)
    unread = [fed[node] for node in graph.inputs if sized[node] not in layout.buffer]
    require_memory(layout.bytes + sum(math.prod(shape) * dtype.itemsize for shape in unread))
    arrays = _allocate(layout, [owner_of(node, layout.views) for node in results], dtype)
    calls: list[Call] = []
    lines: list[tuple[str, ...]] = []
    for node in order:
        if isinstance(node, Parameter) and needs_memory(node, dtype):
            made: list[Call] = [(np.copyto, (arrays[node], node.value))]
        elif node.op is None or node in layout.views or isinstance(node.op, Joined):
            continue
        else:
            made = calls_for(node, [arrays[source] for source in node.inputs], arrays[node])
        calls += made
        lines += [_line(node, call, arrays, layout) for call in made]
    of_slope = dict(zip(slopes, results[len(outputs) :], strict=True))
    return Program(
        tuple(calls),
        tuple(arrays.get(sized[node], np.empty(fed[node])) for node in graph.inputs),
        tuple(arrays[node] for node in results[: len(outputs)]),
        {graph.label(node): arrays[of_slope[graph.label(node)]] for node in wrt if graph.label(node) in of_slope},
        tuple(lines),
        layout.bytes,
        layout,
    )


def own_memory(gradient: Node) -> Node:
    """Return a gradient as a copy if it is the value of a leaf as it is, as the gradient of w in sum(w * p) is p itself.

    Else an optimiser that changes one parameter would change another's gradient before that is used.
    """
    source = gradient
    while is_view(source):
        source = source.inputs[0]
    return gradient if source.op is not None else Node(Copy(), (gradient,), gradient.shape, gradient.dtype)


@dataclass(frozen=True)
class Copy(Primitive):
    """A copy in memory of its own."""

    def forward(self, z: Array) -> Array:
        """Return the same values."""
        return z

    def shape(self, z: Shape) -> Shape:
        """Return the same shape."""
        return z


def _side_by_side(buffers: Iterable[Buffer], dtype: np.dtype[Any]) -> dict[Buffer, Array]:
    """Return memory for buffers as parts of one block."""
    buffers = list(buffers)
    block = np.empty(sum(buffer.size for buffer in buffers), dtype)
    starts = accumulate((buffer.size for buffer in buffers), initial=0)
    return {buffer: block[start : start + buffer.size] for buffer, start in zip(buffers, starts, strict=False)}


def _allocate(layout: Layout, results: Sequence[Node], dtype: np.dtype[Any]) -> dict[Node, Array]:
    """Return the array of every node. Results lie side by side, so that they can be handed out as one copy."""
    handed_out = [layout.buffer[node] for node in results if node in layout.buffer and node.dtype.kind == "f"]
    memory = _side_by_side(dict.fromkeys(handed_out), dtype)
    memory |= {buffer: np.empty(buffer.size, buffer.dtype) for buffer in layout.buffers if buffer not in memory}
    for whole, _ in layout.inside.values():
        memory[layout.buffer[whole]].fill(1)  # the ones of a WithOnes stay; the parts are written over the rest
    arrays: dict[Node, Array] = {}
    for node in layout.order:
        if node in layout.views:
            arrays[node] = view_of(node, arrays[layout.views[node]])
        elif node in layout.buffer:
            shape = known(node.shape, "a program")
            start = layout.inside[node][1] if node in layout.inside else 0
            block = memory[layout.buffer[node]][start : start + node.size]
            arrays[node] = block.reshape(shape[::-1]).T if node in layout.columns else block.reshape(shape)
        else:
            assert isinstance(node, (Parameter, Constant))
            arrays[node] = node.value
    return arrays


def _line(node: Node, call: Call, arrays: Mapping[Node, Array], layout: Layout) -> tuple[str, ...]:
    operands = ", ".join(str(arrays[source].shape) for source in node.inputs)
    buffer = layout.buffer[node]
    return (
        node.scope or "-",
        function_name(call),
        operands or "-",
        str(arrays[node].shape),
        str(buffer.number),
        str(buffer.bytes),
    )


def function_name(call: Call) -> str:
    """Return the name of the function that a call calls."""
    return str(getattr(getattr(call[0], "func", call[0]), "__name__", "call"))
