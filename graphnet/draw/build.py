"""From a graph or a pass to the neutral description of its picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node
from graphnet.draw.arrays import field, fits_table, on_scale
from graphnet.draw.edges import edges_of, norm
from graphnet.draw.groups import groups_of
from graphnet.draw.kinds import kind_of, signal_role
from graphnet.draw.legend import legend_of
from graphnet.draw.names import Names
from graphnet.draw.outline import Item, outline
from graphnet.draw.picture import Box, Cell, Direction, Field, Kind, Mark, Picture, Role
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.shown import EVERYTHING_BUT_FORMULAS, Shown
from graphnet.draw.slopes import WHY, counted
from graphnet.draw.text import clean, count, index_text, number, setting_text, shape_text, short
from graphnet.draw.title import title_of
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import flat_units
from graphnet.notation.formula import Leaf
from graphnet.notation.reading import Reader, rules_of
from graphnet.notation.symbols import Symbol
from graphnet.ops.shaping import Embed, Getitem

MOST_BOXES_WITH_TABLES = 80
MOST_FORMULAS = 4
LONGEST_ARGUMENT, LONGEST_FORMULA = 16, 60


def build(
    what: Graph | ForwardPass,
    direction: Direction = "right",
    marks: Mapping[Node, Mark] | None = None,
    *,
    shown: Shown = EVERYTHING_BUT_FORMULAS,
    depth: int | None = None,
    unfold: int | None = None,
    title: str = "",
) -> Picture:
    """Return the description of the picture of a graph, with the numbers of a pass if one is given.

    `unfold` is the place in ``graph.nodes`` of a node in a folded box: that box is drawn node by node.
    """
    return _Builder(what, direction, marks or {}, shown, depth, unfold).picture(title)


@dataclass(eq=False)
class _Builder:
    """What all parts of one picture need to know."""

    what: Graph | ForwardPass
    direction: Direction
    marks: Mapping[Node, Mark]
    shown: Shown
    depth: int | None
    unfold: int | None

    def __post_init__(self) -> None:
        what = self.what
        self.run = what if isinstance(what, ForwardPass) else None
        wanted = self.shown & {"error signals", "gradients", "messages"}
        self.back = what if isinstance(what, BackwardPass) and wanted else None
        self.graph = what.graph if isinstance(what, ForwardPass) else what
        self.names = Names(self.graph)
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.items, self.notice = outline(self.graph, self.depth, self.unfold)
        self.ids = [f"n{min(self.positions[node] for node in item.nodes)}" for item in self.items]
        self.tables = len(self.items) <= MOST_BOXES_WITH_TABLES
        self.largest = {item: self._largest(item.nodes) for item in self.items if item.title}
        self.values, self.signals = self._scales()

    def picture(self, title: str) -> Picture:
        groups, group_ids = groups_of(self.items)
        boxes = tuple(
            self._box(id, item, group_ids.get(item.scope)) for id, item in zip(self.ids, self.items, strict=True)
        )
        back = self.back if "messages" in self.shown else None
        edges = edges_of(self.graph, self.items, self.ids, back, self.signals)
        edges = tuple(edge for edge in edges if edge.role != "gradient" or "gradients" in self.shown)
        legend = legend_of(
            boxes, edges, self.values, self.signals, above=self._is_above(), forward_only=self._is_forward
        )
        return Picture(title or title_of(self.what), self.notice, self.direction, boxes, edges, groups, legend)

    def _is_above(self) -> bool:
        """Tell whether a value lies beyond its scale: an output may, as the error needs no colours of its own."""
        if self.run is None:
            return False
        return linear(self.run.values[node] for node in self.graph.outputs).high > self.values.high

    @property
    def _is_forward(self) -> bool:
        return self.run is not None and not isinstance(self.run, BackwardPass)

    def _scales(self) -> tuple[Scale, Scale]:
        """Return the scales of values and of error signals, over the numbers that are shown."""
        single = [item.nodes[0] for item in self.items if not item.title and kind_of(item.nodes[0]) != "literal"]
        if self.run is None:
            return linear(node.value for node in single if isinstance(node, Constant)), Scale(0.1, 1.0, log=True)
        outputs = set(self.graph.outputs)
        run, back = self.run, self.back
        values = linear(on_scale(run.values[node]) for node in single if node not in outputs or node.op is None)
        if back is None:
            return values, Scale(0.1, 1.0, log=True)
        reached = [node for node in single if node in back.error_signals]
        numbers = [on_scale(back.error_signals[node]) for node in reached]
        norms = [norm(message.delta) for node in reached for message in back.messages(node)]
        folded = [size for found in self.largest.values() for size, _ in found.values()]
        return values, logarithmic([*numbers, norms, folded])

    # Boxes ----------------------------------------------------------------------------------------------------------

    def _box(self, id: str, item: Item, group: str | None) -> Box:
        return self._folded(id, item, group) if item.title else self._single(id, item.nodes[0], group)

    def _single(self, id: str, node: Node, group: str | None) -> Box:
        kind = kind_of(node)
        title = self.names.within(node, node.scope)
        shape = (shape_text(self._shape(node)),) if "shapes" in self.shown else ()
        lines = () if kind == "literal" else (*self._what(node), *shape)
        output = any(node is other for other in self.graph.outputs)
        mark = self.marks.get(node)
        mark = mark and Mark(mark.kind, " ".join(clean(mark.text).split()))
        fields = self._fields(node, kind)
        return Box(id, kind, title, lines, output, self._formulas(node), fields, group, mark, (self.positions[node],))

    def _folded(self, id: str, item: Item, group: str | None) -> Box:
        parameters = sum(isinstance(node, Parameter) for node in item.nodes)
        nodes = count(len(item.nodes), "node")
        words = f"scope with {nodes}" if item.kind == "scope" else nodes
        words += f", {count(parameters, 'parameter')}" if parameters else ""
        output = any(node is member for node in self.graph.outputs for member in item.nodes)
        title = short(item.title) if item.kind == "scope" else item.title
        fields = tuple(self._largest_field(role, *found) for role, found in self.largest[item].items())
        places = tuple(self.positions[node] for node in item.nodes)
        return Box(id, "folded", title, (words,), output, (), fields, group, self._worst_mark(item.nodes), places)

    def _largest(self, nodes: Iterable[Node]) -> dict[Role, tuple[float, Node]]:
        """Return the largest entry of the error signals, and of the gradients, of many nodes, and whose it is."""
        found: dict[Role, tuple[float, Node]] = {}
        if self.back is None:
            return found
        for node in nodes:
            signal = self.back.error_signals.get(node)
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
        where = self.names.full(node, 24)
        if size == 0:
            return Field(role, f"every {role}", lines=("exactly 0",), state="zero")
        cells = ((Cell(number(size), self.signals.strength(size)),),)
        return Field(role, f"largest {role}", rows=cells, lines=(f"at {where}",))

    def _worst_mark(self, nodes: Iterable[Node]) -> Mark | None:
        """Return the first fault among many nodes: it shows through the box they are folded into."""
        faults = [(node, self.marks[node]) for node in nodes if node in self.marks and self.marks[node].kind == "fault"]
        if not faults:
            return None
        node, mark = faults[0]
        return Mark("fault", f"{self.names.full(node)}: {' '.join(clean(mark.text).split())}")

    def _shape(self, node: Node) -> tuple[int | None, ...]:
        return node.shape if self.run is None else self.run.values[node].shape

    def _what(self, node: Node) -> tuple[str, ...]:
        """Return what a node is: its kind, or the call that made it, and the settings of its op."""
        if node.op is None:
            return (node.kind,)
        if isinstance(node.op, Getitem) and len(node.inputs) == 1:
            part_of = self.names.within(node.inputs[0], node.scope, LONGEST_ARGUMENT)
            return (short(part_of + index_text(node.op.index)),)
        settings = [
            setting_text(name, value)
            if not (isinstance(node.op, Embed) and name == "index")
            else f"index={short(index_text(value))}"
            for name, value in node.op.settings.items()
            if value is not None and value is not False
        ]
        return (self.names.call(node, node.scope, LONGEST_ARGUMENT), *([", ".join(settings)] if settings else []))

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
            return self.names.within(node, node.scope, LONGEST_ARGUMENT)

        lines = [
            f"to {name(source)}: {replace(message, called=symbol)}"
            for source, message in zip(node.inputs, rules.backward, strict=True)
            if message is not None
        ]
        return tuple(short(line, LONGEST_FORMULA) for line in lines[:MOST_FORMULAS])

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.graph, starts_with_one=False)

    def _fields(self, node: Node, kind: Kind) -> tuple[Field, ...]:
        if kind == "literal":
            return ()
        fields = []
        if self.run is None:
            if "values" in self.shown and isinstance(node, Constant) and fits_table(node.value):
                fields.append(field("value", "value", node.value, self.values))
        elif "values" in self.shown:
            fields.append(field("value", "value", self.run.values[node], self.values, tables=self.tables))
        if self.back is not None and self._is_shown(signal_role(node)):
            fields.append(self._signal(node, self.back))
            fields += self._flat(node, self.back)
        return tuple(fields)

    def _is_shown(self, role: Role) -> bool:
        return ("gradients" if role == "gradient" else "error signals") in self.shown

    def _signal(self, node: Node, back: BackwardPass) -> Field:
        role = signal_role(node)
        caption = "gradient" if role == "gradient" else "error signal"
        if derivative := self.names.derivative(node):
            caption += f" {derivative}"
        if node not in back.error_signals:
            return Field("unused signal", "no error signal", state="unreachable")
        return field(role, caption, back.error_signals[node], self.signals, tables=self.tables)

    def _flat(self, node: Node, back: BackwardPass) -> list[Field]:
        """Say at how many entries an activation lets no, or hardly any, error signal through."""
        words = [f"{counted(what, where)}: {WHY[what]}" for what, where in flat_units(back, node).items()]
        return [Field("error signal", word, state="saturated") for word in words]
