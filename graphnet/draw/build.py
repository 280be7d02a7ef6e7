"""From a graph or a pass to the neutral description of its picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node
from graphnet.draw.edges import edges_of
from graphnet.draw.names import WHY, Names, kind_of, legend_of, share_text, signal_role, title_of
from graphnet.draw.outline import Item, frames_of, outline
from graphnet.draw.picture import Box, Direction, Field, Mark, Picture, Role
from graphnet.draw.scale import Scale, field_of, fits_table, linear, logarithmic, norm, on_scale
from graphnet.draw.text import clean, count, index_text, setting_text, shape_text, short
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import flat_units
from graphnet.notation.reading import Reader, rules_of
from graphnet.notation.symbols import Symbol
from graphnet.notation.terms import Leaf
from graphnet.ops.indexing import Getitem, Scatter

EVERYTHING = frozenset({"shapes", "values", "error signals", "gradients", "messages", "formulas"})
"""What can be shown of a backward pass."""

MOST_BOXES_WITH_TABLES = 80
_MOST_FORMULAS, _LONGEST_FORMULA, _LONGEST_ARGUMENT = 4, 60, 16


def picture_of(
    what: Graph | ForwardPass,
    direction: Direction = "right",
    marks: Mapping[Node, Mark] | None = None,
    *,
    shown: frozenset[str] = EVERYTHING - {"formulas"},
    depth: int | None = None,
    unfold: int | None = None,
    title: str = "",
) -> Picture:
    """Return the description of the picture of a graph, with the numbers of a pass if one is given.

    `unfold` is the place in ``graph.nodes`` of a node in a folded box: that box is drawn node by node.
    """
    items, notice = outline(what.graph if isinstance(what, ForwardPass) else what, depth, unfold)
    builder = _Builder(what, marks or {}, shown, items)
    return builder.picture(title or title_of(what), notice, direction)


class _Builder:
    """What all parts of one picture need to know."""

    def __init__(
        self, what: Graph | ForwardPass, marks: Mapping[Node, Mark], shown: frozenset[str], items: tuple[Item, ...]
    ) -> None:
        self.run = what if isinstance(what, ForwardPass) else None
        self.back = (
            what if isinstance(what, BackwardPass) and shown & {"error signals", "gradients", "messages"} else None
        )
        self.forward_only = self.run is not None and not isinstance(what, BackwardPass)
        self.graph = what.graph if isinstance(what, ForwardPass) else what
        self.marks, self.shown = marks, shown
        self.names = Names(self.graph)
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.outputs = frozenset(self.graph.outputs)
        self.items = items
        self.ids = [f"n{min(self.positions[node] for node in item.nodes)}" for item in self.items]
        self.tables = len(self.items) <= MOST_BOXES_WITH_TABLES
        self.largest = {item: self._largest(item.nodes) for item in self.items if item.title}
        self.values, self.signals = self._scales()

    def picture(self, title: str, notice: str, direction: Direction) -> Picture:
        frames, frame_ids = frames_of(self.items)
        boxes = tuple(
            (self._folded if item.title else self._single)(id, item, frame_ids.get(item.scope))
            for id, item in zip(self.ids, self.items, strict=True)
        )
        back = self.back if "messages" in self.shown else None
        edges = edges_of(self.graph, self.items, self.ids, back, self.signals)
        edges = tuple(edge for edge in edges if edge.role != "gradient" or "gradients" in self.shown)
        # An output may lie beyond the scale of values, as the error needs no colours of its own.
        run = self.run
        above = run is not None and linear(run.values[node] for node in self.graph.outputs).high > self.values.high
        legend = legend_of(boxes, edges, self.values, self.signals, above=above, forward_only=self.forward_only)
        return Picture(title, notice, direction, boxes, edges, frames, legend)

    def _scales(self) -> tuple[Scale, Scale]:
        """Return the scales of values and of error signals, over the numbers that are shown."""
        single = [item.nodes[0] for item in self.items if not item.title and kind_of(item.nodes[0]) != "literal"]
        run, back = self.run, self.back
        if run is None:
            return linear(node.value for node in single if isinstance(node, Constant)), Scale(0.1, 1.0, log=True)
        values = linear(on_scale(run.values[node]) for node in single if node not in self.outputs or node.op is None)
        if back is None:
            return values, Scale(0.1, 1.0, log=True)
        reached = [node for node in single if node in back.error_signals]
        numbers = [on_scale(back.error_signals[node]) for node in reached]
        norms = [norm(message.delta) for node in reached for message in back.messages(node)]
        folded = [size for found in self.largest.values() for size, _ in found.values()]
        return values, logarithmic([*numbers, norms, folded])

    # Boxes ----------------------------------------------------------------------------------------------------------

    def _single(self, id: str, item: Item, group: str | None) -> Box:
        (node,) = item.nodes
        kind = kind_of(node)
        title = self.names.within(node, self.names.graph.scope(node))
        output, places = node in self.outputs, (self.positions[node],)
        if kind == "literal":
            return Box(id, kind, title, (), output, (), (), group, self._mark(node), places)
        shape = node.shape if self.run is None else self.run.values[node].shape
        lines = (*self._what(node), *([shape_text(shape)] if "shapes" in self.shown else []))
        fields = tuple(self._fields(node))
        return Box(id, kind, title, lines, output, self._formulas(node), fields, group, self._mark(node), places)

    def _folded(self, id: str, item: Item, group: str | None) -> Box:
        parameters = sum(isinstance(node, Parameter) for node in item.nodes)
        words = ("scope with " if item.kind == "scope" else "") + count(len(item.nodes), "node")
        words += f", {count(parameters, 'parameter')}" if parameters else ""
        title = short(item.title) if item.kind == "scope" else item.title
        fields = tuple(self._largest_field(role, *found) for role, found in self.largest[item].items())
        # The first fault inside shows through the box.
        faulty = next((node for node in item.nodes if node in self.marks and self.marks[node].kind == "fault"), None)
        mark = self._mark(faulty, f"{self.names.full(faulty)}: ") if faulty is not None else None
        places = tuple(self.positions[node] for node in item.nodes)
        return Box(
            id, "folded", title, (words,), not self.outputs.isdisjoint(item.nodes), (), fields, group, mark, places
        )

    def _mark(self, node: Node, whose: str = "") -> Mark | None:
        mark = self.marks.get(node)
        return mark and Mark(mark.kind, whose + " ".join(clean(mark.text).split()))

    def _largest(self, nodes: Iterable[Node]) -> dict[Role, tuple[float, Node]]:
        """Return the largest entry of the error signals, and of the gradients, of many nodes, and whose it is."""
        found: dict[Role, tuple[float, Node]] = {}
        for node in nodes if self.back is not None else ():
            signal = self.back.error_signals.get(node) if self.back is not None else None
            role = signal_role(node)
            if signal is None or not signal.size or role == "unused signal" or not self._is_shown(role):
                continue
            size = float(np.abs(signal).max())
            if role not in found or size > found[role][0] or np.isnan(size):
                found[role] = size, node
                if np.isnan(size):
                    break
        return dict(sorted(found.items()))

    def _largest_field(self, role: Role, size: float, node: Node) -> Field:
        if size == 0:
            return Field(role, f"every {role}", lines=("exactly 0",), state="zero")
        where = f"at {self.names.full(node, 24)}"
        return Field(role, f"largest {role}", rows=((self.signals.cell(size),),), lines=(where,))

    def _what(self, node: Node) -> tuple[str, ...]:
        """Return what a node is: its kind, or the call that made it, and the settings of its op."""
        op = node.op
        if op is None:
            return (node.kind,)
        if isinstance(op, Getitem) and len(node.inputs) == 1:
            part_of = self.names.within(node.inputs[0], self.names.graph.scope(node), _LONGEST_ARGUMENT)
            return (short(part_of + index_text(op.index)),)
        settings = ", ".join(
            f"index={short(index_text(value))}"
            if isinstance(op, Scatter) and name == "index"
            else setting_text(name, value)
            for name, value in op.settings.items()
            if value is not None and value is not False
        )
        call = self.names.call(node, self.names.graph.scope(node), _LONGEST_ARGUMENT)
        return (call, settings) if settings else (call,)

    def _formulas(self, node: Node) -> tuple[str, ...]:
        """Return what its backward rule sends to each input, in the names of the boxes; δ is its error signal."""
        if "formulas" not in self.shown or node.op is None or not node.op.has_backward:
            return ()
        rules = rules_of(node, self.reader)
        if rules.problem:
            return ("its rule is no formula",)

        def symbol(of: Leaf) -> Symbol:
            return Symbol("δ" if of.is_signal else name(self.graph[of.label]))

        def name(node: Node) -> str:
            return self.names.within(node, self.names.graph.scope(node), _LONGEST_ARGUMENT)

        messages = zip(node.inputs, rules.backward, strict=True)
        lines = [f"to {name(source)}: {replace(sent, called=symbol)}" for source, sent in messages if sent is not None]
        return tuple(short(line, _LONGEST_FORMULA) for line in lines[:_MOST_FORMULAS])

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.graph, starts_with_one=False)

    def _fields(self, node: Node) -> Iterable[Field]:
        """Yield the arrays of a node: its value, its error signal, and at how many entries hardly any gets through."""
        if "values" in self.shown:
            if self.run is not None:
                yield field_of("value", "value", self.run.values[node], self.values, tables=self.tables)
            elif isinstance(node, Constant) and fits_table(node.value):
                yield field_of("value", "value", node.value, self.values)
        role = signal_role(node)
        if self.back is None or not self._is_shown(role):
            return
        caption = f"{'gradient' if role == 'gradient' else 'error signal'} {self.names.derivative(node)}".rstrip()
        if node in self.back.error_signals:
            yield field_of(role, caption, self.back.error_signals[node], self.signals, tables=self.tables)
        else:
            yield Field("unused signal", "no error signal", state="unreachable")
        for what, where in flat_units(self.back, node).items():
            yield Field("error signal", f"{share_text(what, where)}: {WHY[what]}", state="saturated")

    def _is_shown(self, role: Role) -> bool:
        return ("gradients" if role == "gradient" else "error signals") in self.shown
