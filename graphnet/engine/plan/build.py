"""From a graph to its program, by one pass after the other."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, constant
from graphnet.core.node import Node, Numbers, describe
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.gradients import depending_on, error_signal_nodes
from graphnet.engine.plan.program import Buffer, Call, MemoryLayout, Program, calls_for, function_name, view_of
from graphnet.engine.rewrite import Copy, depends_on_numbers, lower, with_sizes
from graphnet.errors import PlanError


def build_program(
    graph: Graph, wrt: Sequence[Node], fed: Mapping[Input, tuple[int, ...]], dtype: np.dtype[Any]
) -> Program:
    """Build the program of a graph, and of its gradients with respect to `wrt`.

    Parameters
    ----------
    graph, wrt
        What to compute.
    fed
        The shape of each input.
    dtype
        What to compute in.

    Raises
    ------
    PlanError
        If it would need more memory than the machine has; nothing was allocated then.
    """
    sized = with_sizes(graph, fed)
    outputs = [sized[node] for node in graph.outputs]
    passes = [("sizes", f"{len(sized):,} nodes")]
    slopes: dict[str, Node] = {}
    if wrt:
        signals = error_signal_nodes(Graph(*outputs), [sized[node] for node in wrt], constant(1.0))
        wanted = set(wrt)
        # In the order in which the backward pass meets them, the last layer's first: then error signals die soon.
        reached = [node for node in reversed(graph.nodes) if node in wanted and sized[node] in signals]
        slopes = {graph.label(node): signals[sized[node]] for node in reached}
        on_the_way = len(depending_on(graph, wrt) | wanted)
        passes.append(("pruning", f"error signals of {on_the_way:,} nodes, those on the way to what is asked for"))
    count = len(outputs)
    done: Counter[str] = Counter()
    lowered = lower([*outputs, *slopes.values()], dtype, done)
    results = [*lowered[:count], *in_memory_of_their_own(lowered[count:])]
    order = topological_order(results)
    passes.append(("lowering", f"{len(order):,} nodes; {in_words(done)}"))
    layout = allot(order, results, dtype)
    unread = [fed[node] for node in graph.inputs if sized[node] not in layout.buffer]
    require_memory(layout.bytes + sum(math.prod(shape) * dtype.itemsize for shape in unread))
    of_slope = dict(zip(slopes, results[count:], strict=True))
    gradients = {graph.label(node): of_slope[graph.label(node)] for node in wrt if graph.label(node) in of_slope}
    inputs = [(sized[node], fed[node]) for node in graph.inputs]
    return _Assembly(layout, results[:count], gradients, dtype).program(inputs, passes)


def in_words(done: Counter[str]) -> str:
    """Return in words what was done how often."""
    return ", ".join(f"{what}: {count:,}" for what, count in sorted(done.items())) or "nothing to do"


def in_memory_of_their_own(gradients: Sequence[Node]) -> Iterator[Node]:
    """Yield gradients, copied where one is the value of a leaf as it is, or the same as another.

    In sum(w * p) the gradient of w is p itself, in u + v that of u is also that of v: changing one must not change the other.
    """
    taken: set[Node] = set()
    for gradient in gradients:
        source = gradient
        while is_view(source):
            source = source.inputs[0]
        shared = source.op is None or source in taken
        taken.add(source)
        yield Node(Copy(), (gradient,), gradient.shape, gradient.dtype) if shared else gradient


# Memory -------------------------------------------------------------------------------------------------------------
# A value needs memory until its last reader has run. Then it is free for a value of the same size that is computed later.
# A transpose, a slice or a broadcast needs none: it is another view of its input's memory.

ALWAYS_THERE = 1 << 24
"""How many bytes there are always."""


def allot(order: Sequence[Node], results: Sequence[Node], dtype: np.dtype[Any]) -> MemoryLayout:
    """Give every node of a program its memory.

    Parameters
    ----------
    order
        The nodes, lowered, in the order in which they are computed.
    results
        Those whose values are handed out: their memory is not used again.
    dtype
        What the program computes in.
    """
    views = {node: node.inputs[0] for node in order if is_view(node)}
    last_read = _last_reads(order, views)
    kept = {owner_of(node, views) for node in results}
    buffer: dict[Node, Buffer] = {}
    free: dict[tuple[int, np.dtype[Any]], list[Buffer]] = {}
    count = 0
    for position, node in enumerate(order):
        if node in views or not needs_memory(node, dtype):
            continue
        if None in node.shape:  # of a mask within a composite
            raise depends_on_numbers(node.shape).locate(describe(node))
        size, kind = node.size, value_dtype(node, dtype)
        dying = [
            owner
            for owner in dict.fromkeys([owner_of(source, views) for source in node.inputs])
            if last_read[owner] == position and owner in buffer and owner not in kept and owner.op is not None
        ]
        if free.get((size, kind)) and node.op is not None:  # inputs are filled before all else
            buffer[node] = free[size, kind].pop()
        else:
            buffer[node] = Buffer(count, size, kind)
            count += 1
        for owner in dying:
            free.setdefault((buffer[owner].size, buffer[owner].dtype), []).append(buffer[owner])
    return MemoryLayout(tuple(order), buffer, views)


def is_view(node: Node) -> bool:
    """Tell whether a node's value is its input's memory, seen in another way."""
    op = node.op
    if isinstance(op, (ops.Transpose, ops.ExpandDims, ops.Squeeze, ops.BroadcastTo, ops.Getitem)):
        return True
    return isinstance(op, ops.Reshape) and is_contiguous(node.inputs[0])


def is_contiguous(node: Node) -> bool:
    """Tell whether a node's value lies in memory entry after entry, row after row, wherever it is put."""
    while isinstance(node.op, (ops.Reshape, ops.ExpandDims, ops.Squeeze)) and is_view(node):
        node = node.inputs[0]
    return not is_view(node)


def value_dtype(node: Node, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a node's value in a program that computes in `dtype`."""
    return dtype if node.dtype.kind == "f" else node.dtype


def needs_memory(node: Node, dtype: np.dtype[Any]) -> bool:
    """Tell whether a node needs memory of the program's own: not a constant, nor a parameter that is used where it is."""
    return not isinstance(node, Constant) and not (isinstance(node, Parameter) and node.dtype == dtype)


def owner_of(node: Node, views: dict[Node, Node]) -> Node:
    """Return the node whose memory a view shows; any other node itself."""
    while node in views:
        node = views[node]
    return node


def _last_reads(order: Sequence[Node], views: dict[Node, Node]) -> dict[Node, int]:
    last: dict[Node, int] = {}
    for position, node in enumerate(order):
        last[owner_of(node, views)] = position
        for source in node.inputs:
            last[owner_of(source, views)] = position
    return last


def require_memory(needed: int) -> None:
    """Raise `PlanError` if a program needs more bytes than this machine has left.

    To ask the system takes longer than the rest of this pass for a small network: it is asked about large ones only.
    """
    available = _available_memory() if needed > ALWAYS_THERE else None
    if available is not None and needed > available:
        raise PlanError(
            f"the program needs {needed:,} bytes, and this machine has {available:,} available",
            repair="Feed fewer samples at a time.",
        )


def _available_memory() -> int | None:
    """Return how many bytes can be had without swapping; None on a system that does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


# The program itself --------------------------------------------------------------------------------------------------


class _Assembly:
    """Takes memory for a layout, and makes the calls.

    Parameters
    ----------
    layout
        Where everything lives.
    outputs, gradients
        The nodes of the results; gradients by name.
    dtype
        What the program computes in.
    """

    def __init__(
        self, layout: MemoryLayout, outputs: Sequence[Node], gradients: Mapping[str, Node], dtype: np.dtype[Any]
    ) -> None:
        self.layout, self.outputs, self.gradients, self.dtype = layout, outputs, gradients, dtype
        self.arrays = self._allocate()

    def program(self, inputs: Sequence[tuple[Node, tuple[int, ...]]], passes: Sequence[tuple[str, str]]) -> Program:
        """Return the program."""
        calls: list[Call] = []
        lines: list[tuple[str, ...]] = []
        for node in self.layout.order:
            if isinstance(node, Parameter) and node in self.layout.buffer:
                made: list[Call] = [(np.copyto, (self.arrays[node], node.value))]
            elif node.op is None or node in self.layout.views:
                continue
            else:
                made = calls_for(node, [self.arrays[source] for source in node.inputs], self.arrays[node])
            calls += made
            lines += [self._line(node, call) for call in made]
        return Program(
            calls,
            [self.arrays[node] if node in self.arrays else np.empty(shape) for node, shape in inputs],
            [self.arrays[node] for node in self.outputs],
            {name: self.arrays[node] for name, node in self.gradients.items()},
            lines,
            self.layout.bytes,
            passes,
            self.layout,
        )

    def _allocate(self) -> dict[Node, Numbers]:
        """Return the array of every node."""
        layout = self.layout
        memory = {buffer: np.empty(buffer.size, buffer.dtype) for buffer in set(layout.buffer.values())}
        arrays: dict[Node, Numbers] = {}
        for node in layout.order:
            if node in layout.views:
                arrays[node] = view_of(node, arrays[layout.views[node]])
            elif node in layout.buffer:
                arrays[node] = memory[layout.buffer[node]].reshape(known(node.shape, "a program"))
            else:
                assert isinstance(node, (Parameter, Constant))
                arrays[node] = node.value
        return arrays

    def _line(self, node: Node, call: Call) -> tuple[str, ...]:
        shapes = [str(self.arrays[source].shape) for source in node.inputs]
        alike = len(shapes) > 3 and len(set(shapes)) == 1
        operands = f"{len(shapes):,} × {shapes[0]}" if alike else ", ".join(shapes)
        buffer = self.layout.buffer[node]
        shape = str(self.arrays[node].shape)
        return node.scope or "-", function_name(call), operands or "-", shape, str(buffer.number), str(buffer.bytes)
