"""From a graph to its program, by one pass after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, constant
from graphnet.core.node import Node, Numbers
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.gradients import depending_on, error_signal_nodes
from graphnet.engine.plan.lowering import Copy, lower
from graphnet.engine.plan.memory import MemoryLayout, allot, is_view, require_memory
from graphnet.engine.plan.program import Call, Program, calls_for, function_name, view_of
from graphnet.engine.rewrite import with_sizes


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
