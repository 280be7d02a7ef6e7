"""From a graph to its program, by one pass after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, constant
from graphnet.core.node import Node, Numbers
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.gradients import depending_on, error_signal_nodes
from graphnet.engine.plan.batching import equal_nodes_together
from graphnet.engine.plan.bias import bias_in_product
from graphnet.engine.plan.calls import Call, calls_for, view_of
from graphnet.engine.plan.lowering import Copy, lower
from graphnet.engine.plan.memory import (
    Augmented,
    Buffer,
    Joined,
    MemoryLayout,
    WithBias,
    allot,
    is_view,
    joined_already,
    owner_of,
    require_memory,
)
from graphnet.engine.plan.program import Program, Relocatable, function_name
from graphnet.engine.plan.sizes import with_sizes

NOT_COPIED = 1 << 15
"""From how many entries on a feed or a gradient is not copied: making its calls anew costs a few microseconds."""


def build_program(
    graph: Graph,
    wrt: Sequence[Node],
    fed: Mapping[Input, tuple[int, ...]],
    dtype: np.dtype[Any],
    own: Mapping[Node, Numbers] = MappingProxyType({}),
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
    own
        Arrays to read in the place of parameters' values, of that dtype.

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
    results: Sequence[Node] = [*lowered[:count], *in_memory_of_their_own(lowered[count:])]
    order = topological_order(results)
    passes.append(("lowering", f"{len(order):,} nodes; {in_words(done)}"))
    for name, rewrite in (
        ("bias in product", partial(bias_in_product, dtype=dtype)),
        ("equal nodes together", partial(equal_nodes_together, outputs=count)),
    ):
        rewritten = rewrite(results, order)
        if rewritten is not results:
            results, order = rewritten, topological_order(rewritten)
            passes.append((name, f"{len(order):,} nodes"))
    layout = allot(order, results, dtype)
    unread = [fed[node] for node in graph.inputs if sized[node] not in layout.buffer]
    require_memory(layout.bytes + sum(math.prod(shape) * dtype.itemsize for shape in unread))
    of_slope = dict(zip(slopes, results[count:], strict=True))
    gradients = {graph.label(node): of_slope[graph.label(node)] for node in wrt if graph.label(node) in of_slope}
    inputs = [(sized[node], fed[node]) for node in graph.inputs]
    return _Assembly(layout, results[:count], gradients, own, dtype).program(inputs, passes)


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
    own
        The arrays of parameters that are not read where they are.
    dtype
        What the program computes in.
    """

    def __init__(
        self,
        layout: MemoryLayout,
        outputs: Sequence[Node],
        gradients: Mapping[str, Node],
        own: Mapping[Node, Numbers],
        dtype: np.dtype[Any],
    ) -> None:
        self.layout, self.outputs, self.gradients, self.own, self.dtype = layout, outputs, gradients, own, dtype
        by_name = dict.fromkeys(owner_of(node, layout.views) for node in gradients.values())
        others = {owner_of(node, layout.views) for node in outputs}
        self.results = by_name | dict.fromkeys(others)
        self.large_gradients = [
            node
            for node in by_name
            if node.size >= NOT_COPIED and node.dtype.kind == "f" and node not in others | layout.inside.keys()
            if not isinstance(node.op, Joined) and not own
        ]
        self.arrays = self._allocate()

    def program(self, inputs: Sequence[tuple[Node, tuple[int, ...]]], passes: Sequence[tuple[str, str]]) -> Program:
        """Return the program."""
        calls: list[Call] = []
        lines: list[tuple[str, ...]] = []
        first_call: dict[Node, int] = {}
        for node in self.layout.order:
            if isinstance(node, Parameter) and node in self.layout.buffer:
                made: list[Call] = [(np.copyto, (self.arrays[node], self.own.get(node, node.value)))]
            elif node.op is None or node in self.layout.views or isinstance(node.op, Joined):
                continue
            elif isinstance(node.op, WithBias) and np.shares_memory(self.arrays[node], self.arrays[node.inputs[0]]):
                continue  # they lie one below the other as they are
            else:
                made = calls_for(node, [self.arrays[source] for source in node.inputs], self.arrays[node])
                first_call[node] = len(calls)
            calls += made
            lines += [self._line(node, call) for call in made]
        in_place = {i: node for i, (node, _) in enumerate(inputs) if self._is_read_in_place(node)}
        moving = self._moving([*in_place.values(), *self.large_gradients], first_call)
        return Program(
            calls,
            [self.arrays[node] if node in self.arrays else np.empty(shape) for node, shape in inputs],
            [self.arrays[node] for node in self.outputs],
            {name: self.arrays[node] for name, node in self.gradients.items()},
            lines,
            self.layout.bytes,
            passes,
            self.layout,
            {i: moving[node] for i, node in in_place.items()},
            [moving[node] for node in self.large_gradients],
        )

    def _is_read_in_place(self, node: Node) -> bool:
        """Tell whether an input is large, of the program's dtype, and nothing else lives in its memory."""
        return (
            node in self.layout.buffer
            and node.size >= NOT_COPIED
            and node.dtype.kind == "f"
            and node not in self.layout.inside
            and node not in self.layout.columns
            and node not in self.results
        )

    def _moving(self, nodes: Iterable[Node], first_call: Mapping[Node, int]) -> dict[Node, Relocatable]:
        """Return what it takes to move the values of nodes: their views, and the calls that use either."""
        moving = {node: Relocatable(node, self.arrays, [], []) for node in nodes}
        for view, viewed in self.layout.views.items():
            owner = owner_of(view, self.layout.views)
            if owner in moving:
                moving[owner].views.append((view, viewed))
        for user, first in first_call.items():
            for node in {user, *(owner_of(source, self.layout.views) for source in user.inputs)} & moving.keys():
                moving[node].uses.append((user, first))
        return moving

    def _allocate(self) -> dict[Node, Numbers]:
        """Return the array of every node. Small gradients lie side by side, by name: `fit` reads them as one vector.

        Large ones, which are handed out themselves, have memory that nothing else lives in.
        """
        layout, large = self.layout, set(self.large_gradients)
        small = [node for node in self.results if node in layout.buffer and node not in large]
        memory = _side_by_side({layout.buffer[node]: None for node in small if node.dtype.kind == "f"}, self.dtype)
        for node, buffer in layout.buffer.items():
            if buffer not in memory and node not in large:
                memory[buffer] = np.empty(buffer.size, buffer.dtype)
        for whole in layout.order:
            if isinstance(whole.op, Augmented):
                memory[layout.buffer[whole]].fill(1)  # the ones stay, x is written over the rest
        arrays: dict[Node, Numbers] = {}
        for node in layout.order:
            if node in layout.views:
                arrays[node] = view_of(node, arrays[layout.views[node]])
            elif node in large:
                arrays[node] = np.empty(node.size, self.dtype).reshape(known(node.shape, "a program"))
            elif node in layout.buffer:
                shape = known(node.shape, "a program")
                start = layout.inside[node][1] if node in layout.inside else 0
                block = memory[layout.buffer[node]][start : start + node.size]
                arrays[node] = block.reshape(shape[::-1]).T if node in layout.columns else block.reshape(shape)
                if isinstance(node.op, WithBias):
                    W, b = (arrays[source] for source in node.inputs)
                    arrays[node] = joined_already(W, b, otherwise=arrays[node])
            else:
                assert isinstance(node, (Parameter, Constant))
                arrays[node] = self.own.get(node, node.value)
        return arrays

    def _line(self, node: Node, call: Call) -> tuple[str, ...]:
        shapes = [str(self.arrays[source].shape) for source in node.inputs]
        alike = len(shapes) > 3 and len(set(shapes)) == 1
        operands = f"{len(shapes):,} × {shapes[0]}" if alike else ", ".join(shapes)
        buffer = self.layout.buffer[node]
        shape = str(self.arrays[node].shape)
        return node.scope or "-", function_name(call), operands or "-", shape, str(buffer.number), str(buffer.bytes)


def _side_by_side(buffers: Iterable[Buffer], dtype: np.dtype[Any]) -> dict[Buffer, Numbers]:
    """Return memory for buffers as parts of one block."""
    buffers = list(buffers)
    block = np.empty(sum(buffer.size for buffer in buffers), dtype)
    starts = accumulate((buffer.size for buffer in buffers), initial=0)
    return {buffer: block[start : start + buffer.size] for buffer, start in zip(buffers, starts, strict=False)}
