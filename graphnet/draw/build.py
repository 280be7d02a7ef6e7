"""From a graph or a pass to the neutral description of its picture."""

from __future__ import annotations

from collections.abc import Mapping

from graphnet.core.graph import Graph
from graphnet.core.node import Constant, Node, Parameter
from graphnet.draw.arrays import field, fits_table, on_scale
from graphnet.draw.edges import edges_of, norm
from graphnet.draw.groups import groups_of
from graphnet.draw.kinds import kind_of, own_name, signal_role
from graphnet.draw.legend import legend_of
from graphnet.draw.outline import Item, outline
from graphnet.draw.picture import Box, Direction, Field, Kind, Mark, Picture
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import clean, count, number, setting_text, shape_text, short
from graphnet.draw.title import title_of
from graphnet.engine.passes import BackwardPass, ForwardPass

MOST_BOXES_WITH_TABLES = 80
MOST_ARGUMENTS = 4
LONGEST_ARGUMENT, LONGEST_SYMBOL = 16, 12


def build(
    shown: Graph | ForwardPass, direction: Direction = "right", marks: Mapping[Node, Mark] | None = None
) -> Picture:
    """Return the description of the picture of a graph, with the numbers of a pass if one is given.

    Parameters
    ----------
    shown
        A graph, or a forward or backward pass.
    direction
        Where values flow to.
    marks
        Remarks on nodes.
    """
    return _Builder(shown, direction, marks or {}).picture()


class _Builder:
    """What all parts of one picture need to know."""

    def __init__(self, shown: Graph | ForwardPass, direction: Direction, marks: Mapping[Node, Mark]) -> None:
        self.run = shown if isinstance(shown, ForwardPass) else None
        self.back = shown if isinstance(shown, BackwardPass) else None
        self.graph = shown.graph if isinstance(shown, ForwardPass) else shown
        self.direction: Direction = direction
        self.marks = marks
        self.items, self.notice = outline(self.graph)
        self.tables = len(self.items) <= MOST_BOXES_WITH_TABLES
        self.values, self.signals = self._scales()
        self.loss = _symbol(self.graph, self.graph.outputs[0]) if len(self.graph.outputs) == 1 else ""

    def picture(self) -> Picture:
        groups, group_ids = groups_of(self.items)
        boxes = tuple(self._box(i, item, group_ids.get(item.scope)) for i, item in enumerate(self.items))
        edges = edges_of(self.graph, self.items, self.back, self.signals)
        legend = legend_of(boxes, edges, self.values, self.signals)
        return Picture(title_of(self.run or self.graph), self.notice, self.direction, boxes, edges, groups, legend)

    def _scales(self) -> tuple[Scale, Scale]:
        """Return the scales of values and of error signals, over the numbers that are shown."""
        single = [item.nodes[0] for item in self.items if not item.title]
        if self.run is None:
            return linear(node.value for node in single if isinstance(node, Constant)), Scale(0.1, 1.0, log=True)
        outputs = set(self.graph.outputs)
        values = linear(on_scale(self.run.values[node]) for node in single if node not in outputs or node.op is None)
        if self.back is None:
            return values, Scale(0.1, 1.0, log=True)
        reached = [node for node in single if node in self.back.error_signals]
        numbers = [on_scale(self.back.error_signals[node]) for node in reached]
        norms = [norm(message.delta) for node in reached for message in self.back.messages(node)]
        return values, logarithmic([*numbers, norms])

    def _box(self, index: int, item: Item, group: str | None) -> Box:
        if item.title:
            parameters = sum(isinstance(node, Parameter) for node in item.nodes)
            counts = f"scope with {count(len(item.nodes), 'node')}" if item.is_scope else "folded"
            counts += f", {count(parameters, 'parameter')}" if parameters else ""
            output = any(node is member for node in self.graph.outputs for member in item.nodes)
            return Box(f"n{index}", "folded", short(item.title), (counts,), output, group=group)
        node = item.nodes[0]
        kind = kind_of(node)
        title = number(node.value[()]) if kind == "literal" else short(own_name(self.graph.label(node), node.scope))  # type: ignore[attr-defined]
        lines = () if kind == "literal" else (*self._what(node), shape_text(self._shape(node)))
        output = any(node is other for other in self.graph.outputs)
        mark = self.marks.get(node)
        mark = mark and Mark(mark.kind, " ".join(clean(mark.text).split()))
        return Box(f"n{index}", kind, title, lines, output, self._fields(node, kind), group, mark)

    def _shape(self, node: Node) -> tuple[int | None, ...]:
        return node.shape if self.run is None else self.run.values[node].shape

    def _what(self, node: Node) -> tuple[str, ...]:
        """Return what a node is: its kind, or the call that made it, and the settings of its op."""
        if node.op is None:
            return (node.kind,)
        arguments = [self._argument(source, node.scope) for source in node.inputs[:MOST_ARGUMENTS]]
        more = ["…"] if len(node.inputs) > MOST_ARGUMENTS else []
        settings = [
            setting_text(name, value)
            for name, value in node.op.settings.items()
            if value is not None and value is not False
        ]
        return (f"{short(node.op.name)}({', '.join(arguments + more)})", *([", ".join(settings)] if settings else []))

    def _argument(self, source: Node, scope: str) -> str:
        if kind_of(source) == "literal":
            return number(source.value[()])  # type: ignore[attr-defined]
        return short(own_name(self.graph.label(source), scope), LONGEST_ARGUMENT)

    def _fields(self, node: Node, kind: Kind) -> tuple[Field, ...]:
        if kind == "literal":
            return ()
        if self.run is None:
            few = isinstance(node, Constant) and fits_table(node.value)
            return (field("value", "value", node.value, self.values),) if few else ()  # type: ignore[attr-defined]
        value = field("value", "value", self.run.values[node], self.values, tables=self.tables)
        return (value,) if self.back is None else (value, self._signal(node, self.back))

    def _signal(self, node: Node, back: BackwardPass) -> Field:
        role = signal_role(node)
        symbol = _symbol(self.graph, node)
        derivative = f" ∂{self.loss}/∂{symbol}" if self.loss and symbol else ""
        word = "gradient" if role == "gradient" else "error signal"
        if node not in back.error_signals:
            return Field("unused signal", "no error signal")
        return field(role, word + derivative, back.error_signals[node], self.signals, tables=self.tables)


def _symbol(graph: Graph, node: Node) -> str:
    """Return a name short enough for a formula, or nothing."""
    name = own_name(graph.label(node), node.scope)
    return clean(name) if len(name) <= LONGEST_SYMBOL and len(clean(name)) <= LONGEST_SYMBOL else ""
