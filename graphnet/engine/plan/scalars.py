"""Graphs of scalar nodes at vector speed.

A graph built one number at a time, as in micrograd, has many nodes and almost no work in each. Its nodes of one op that have
the same depth don't depend on each other, so they are one call: gather their operands, apply the op to a vector, and let the
vector lie side by side in one array of all values. Then the slopes of all edges are computed at once. Going back, a depth is
three calls whatever its ops are: gather the error signals of the consumers, multiply them with the slopes of the edges, and
add up what each node has received (``np.add.reduceat``; edges are sorted by receiver).

The ops' own rules are read as graph once for each op, and stamped out for each group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import known
from graphnet.engine.plan.calls import Call, calls_for
from graphnet.engine.plan.memory import require_memory, value_dtype
from graphnet.engine.plan.program import Program, function_name
from graphnet.engine.plan.scalar_layout import (
    Cohort,
    Edges,
    Family,
    ScalarLayout,
    Sums,
    Template,
    families_of,
    is_entry,
    template_of,
)

FEWEST_SCALARS = 256
"""From how many nodes on it pays."""


def is_scalar_graph(graph: Graph) -> bool:
    """Tell whether a graph is one of many scalar nodes; its leaves may be arrays that are read entry by entry."""
    if len(graph) < FEWEST_SCALARS or any(node.dtype.kind != "f" for node in graph.nodes):
        return False
    arrays = [node for node in graph.nodes if node.shape != ()]
    if any(node.op is not None for node in arrays):
        return False
    return all(is_entry(reader) for leaf in arrays for reader, _ in graph.consumers(leaf))


def build_scalars(
    graph: Graph, wrt: Sequence[Node], dtype: np.dtype[Any], own: Mapping[Node, Numbers] = MappingProxyType({})
) -> Program | None:
    """Build the program of a graph of scalars and its gradients; the parameters are those of `build`.

    Returns
    -------
    Program or None
        None if a rule is not elementwise, or gradients of an entry of a leaf are asked for.

    Raises
    ------
    PlanError
        If it would need more memory than the machine has; nothing was allocated then.
    """
    if any(map(is_entry, wrt)):
        return None  # an entry's place holds what all its readers send back, through this node or another
    edges, values = sum(len(node.inputs) for node in graph.nodes), sum(node.size for node in graph.nodes)
    require_memory((2 * values + 3 * edges) * dtype.itemsize + 2 * edges * np.dtype(np.intp).itemsize)
    layout = ScalarLayout(graph)
    templates: dict[Op, Template] = {}
    for op, groups in layout.families.items():
        template = template_of(op, len(groups[0].sources), dtype, with_backward=bool(wrt))
        if template is None:
            return None
        templates[op] = template
    return _Stamping(graph, wrt, dtype, layout, templates, own).program()


class _Stamping:
    """Makes the calls of a program from the templates of its ops."""

    def __init__(
        self,
        graph: Graph,
        wrt: Sequence[Node],
        dtype: np.dtype[Any],
        layout: ScalarLayout,
        templates: Mapping[Op, Template],
        own: Mapping[Node, Numbers],
    ) -> None:
        self.graph, self.wrt, self.dtype, self.layout, self.templates = graph, wrt, dtype, layout, templates
        self.own = own
        self.calls: list[Call] = []
        self.lines: list[tuple[str, ...]] = []
        self.scratch: dict[tuple[object, str], Numbers] = {}
        self.parts: dict[tuple[object, str], dict[int, Numbers]] = {}
        self.bytes = 0

    def program(self) -> Program:
        """Return the program."""
        reached = self.layout.reached(self.templates) if self.wrt else np.zeros(len(self.layout), bool)
        families = families_of(self.layout, self.templates, reached) if self.wrt else []
        slopes = sum(len(family.computed) * family.count for family in families)
        self.pool = self._memory(len(self.layout) + slopes + 1)
        self.pool[-1] = 0  # the slope of edges that carry nothing
        self._stamp_leaves()
        for level in self.layout.levels:
            self._stamp_forward(level)
        gradients: dict[str, Numbers] = {}
        if self.wrt:
            for family in families:
                self._stamp_slopes(family)
            found = [node for node in self.wrt if reached[self.layout.entries_of([node])].any()]
            receives = np.arange(len(self.layout)) >= self.layout.after_leaves
            receives[self.layout.entries_of(found)] = True
            nothing = len(self.layout), len(self.pool) - 1
            signals = self._stamp_backward(Edges(self.layout, families, receives, nothing), receives)
            gradients = {self.graph.label(node): self._entry(signals, node) for node in found}
        outputs = (self._entry(self.pool, self.graph.outputs[0]),)
        fed = tuple(self._entry(self.pool, node) for node in self.graph.inputs)
        passes = [("scalars by depth", f"{len(self.graph):,} nodes in {len(self.layout.levels):,} depths")]
        return Program(self.calls, fed, outputs, gradients, self.lines, self.bytes, passes)

    def _stamp_leaves(self) -> None:
        for node in self.layout.leaves:
            place = self._entry(self.pool, node)
            if isinstance(node, Constant):
                place[...] = node.value
            elif isinstance(node, Parameter):
                self.calls.append((place.__setitem__, (..., self.own.get(node, node.value))))
                shape = str(node.shape)
                self.lines.append((node.name or "-", "copy", shape, shape, "values", str(place.nbytes)))

    def _stamp_forward(self, level: list[Cohort]) -> None:
        """Add the calls of one depth: gather all operands, then apply each op."""
        sources = list(chain.from_iterable(group.sources for group in level))
        gathered = self._gather(self.pool, np.concatenate(sources), "operands")
        parts = iter(np.split(gathered, np.cumsum([len(source) for source in sources])[:-1]))
        for group in level:
            template = self.templates[group.op]
            arrays = {node: next(parts) for node in template.inputs}
            self._stamp(group.op.name, arrays, {template.result: self.pool[group.first : group.stop]})

    def _stamp_slopes(self, family: Family) -> None:
        """Add the calls that compute ∂output/∂input for all nodes of one op."""
        if not family.count:
            return
        read = set(topological_order(list(family.computed)))
        arrays = {
            node: self._gather(self.pool, positions, f"slopes {number}")
            for number, (node, positions) in enumerate(family.places.items())
            if node in read
        }
        places = {slope: self.pool[start:][: family.count] for slope, start in family.computed.items()}
        for slope, place in places.items():
            if isinstance(slope, Constant):
                place[:] = slope.value  # once and for all
        varying = {slope: place for slope, place in places.items() if not isinstance(slope, Constant)}
        self._stamp("slopes", arrays, varying)

    def _stamp_backward(self, edges: Edges, receives: Numbers) -> Numbers:
        """Add the calls of the way back, as far as the leaves that receive; return the error signals."""
        signals = self._memory(len(self.layout) + 1)
        signals[-2:] = 1, 0  # E is the last node, and ∂E/∂E = 1; the 0 behind it is nobody's
        ranges = [(level[0].first, level[-1].stop) for level in reversed(self.layout.levels[:-1])]
        ranges += _runs(np.flatnonzero(receives[: self.layout.after_leaves]))
        all_sums = [edges.sums(first, stop) for first, stop in ranges]
        slopes = self._memory(sum(len(sums.slope) for sums in all_sums))
        self._call(
            "slopes", (self.pool.take, (np.concatenate([s.slope for s in all_sums]), None, slopes, "clip")), slopes
        )
        start = 0
        for sums in all_sums:
            self._stamp_sums(sums, slopes[start : start + len(sums.slope)], signals)
            start += len(sums.slope)
        return signals

    def _stamp_sums(self, sums: Sums, slopes: Numbers, signals: Numbers) -> None:
        """Add the calls that compute the error signals of nodes that lie side by side."""
        out = signals[sums.first : sums.stop]
        one_each = len(sums.consumer) == len(out)
        messages = self._gather(signals, sums.consumer, "messages", out if one_each else None)
        if not sums.all_one:
            self._call("messages", (np.multiply, (messages, slopes, messages)), messages)
        if sums.starts is not None:
            self._call("error signals", (np.add.reduceat, (messages, sums.starts, 0, None, out)), out)
        elif not one_each:
            rows = len(messages) // len(out)
            self._call("error signals", (np.ones(rows, self.dtype).dot, (messages.reshape(rows, -1), out)), out)

    def _stamp(self, label: str, arrays: dict[Node, Numbers], places: Mapping[Node, Numbers]) -> None:
        """Add the calls that compute nodes of a template into `places`, from the `arrays` known."""
        for number, node in enumerate(topological_order(list(places))):
            if isinstance(node, Constant):
                arrays[node] = node.value
            elif node.op is not None:
                length = len(next(iter(arrays.values())))
                out = places.get(node)
                if out is None:
                    out = self._scratch(length, value_dtype(node, self.dtype), number)
                arrays[node] = out
                for call in calls_for(node, [arrays[source] for source in node.inputs], out):
                    self._call(label, call, out)
        for node, place in places.items():
            if arrays[node] is not place:  # an operand or a constant as it is
                self._call(label, (place.__setitem__, (..., arrays[node])), place)

    def _gather(self, source: Numbers, positions: Numbers, purpose: str, out: Numbers | None = None) -> Numbers:
        """Add the call that collects entries; return where they are."""
        out = self._scratch(len(positions), self.dtype, purpose) if out is None else out
        self._call(f"gather {purpose}", (source.take, (positions, None, out, "clip")), out)
        return out

    def _entry(self, array: Numbers, node: Node) -> Numbers:
        at = self.layout.position[node]
        return array[at : at + node.size].reshape(known(node.shape, "a graph of scalars"))

    def _memory(self, count: int) -> Numbers:
        """Return memory for this many numbers, counted."""
        memory = np.empty(count, self.dtype)
        self.bytes += memory.nbytes
        return memory

    def _scratch(self, length: int, dtype: np.dtype[Any], purpose: object) -> Numbers:
        """Return memory for an intermediate result: one piece for each purpose, shared by all groups."""
        key = purpose, dtype.char
        whole = self.scratch.get(key)
        if whole is None or len(whole) < length:
            whole = self.scratch[key] = np.empty(max(length, 64), dtype)
            self.bytes += whole.nbytes
            self.parts.pop(key, None)
        parts = self.parts.setdefault(key, {})
        if length not in parts:
            parts[length] = whole[:length]  # one array object for all groups: it stays in the processor's cache
        return parts[length]

    def _call(self, label: str, call: Call, out: Numbers) -> None:
        self.calls.append(call)
        self.lines.append((label, function_name(call), "-", str(out.shape), "-", str(out.nbytes)))


def _runs(positions: Numbers) -> list[tuple[int, int]]:
    """Return sorted positions as (first, stop) of each run without a gap."""
    runs = np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs if len(run)]
