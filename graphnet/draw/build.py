"""From a graph or a pass to the neutral description of its picture: which boxes there are, what is in them, and the arrows."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from graphnet.common import cached_property
from graphnet.common.text import clean, count, norm_of, short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.folding import Item, Use, frames_of, outline, uses_between
from graphnet.draw.names import WHY, Names, kind_of, number_text, shape_text, share_text, signal_role, title_of
from graphnet.draw.picture import Arrow, Box, Direction, Field, LegendEntry, Mark, Picture, Role
from graphnet.draw.scale import Images, Scale, field_of, fits_table, fitted, on_scale
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import flat_units
from graphnet.notation.formula import index_text
from graphnet.notation.names import Symbol
from graphnet.notation.reading import Reader, rules_of
from graphnet.notation.terms import Leaf
from graphnet.ops.indexing import Getitem, Scatter

EVERYTHING = frozenset({"shapes", "values", "error signals", "gradients", "messages", "formulas"})
"""What can be shown of a backward pass."""

_MEANINGS: dict[Role, str] = {
    "error signal": "error signal, flowing back",
    "gradient": "gradient of a parameter",
    "unused signal": "error signal of an input or a constant: goes no further",
}

MOST_BOXES_WITH_TABLES = 80
_MOST_FORMULAS, _LONGEST_FORMULA, _LONGEST_ARGUMENT = 4, 60, 16


def picture_of(
    what: Graph | ForwardPass,
    direction: Direction = "right",
    marks: Mapping[Node, Mark] | None = None,
    *,
    shown: frozenset[str] = EVERYTHING - {"formulas"},
    depth: int | Literal["all"] | None = None,
    unfold: int | None = None,
    title: str = "",
    images: Mapping[Node, Images] | None = None,
) -> Picture:
    """Return the description of the picture of a graph, with the numbers of a pass if one is given.

    `unfold` is the place in ``graph.nodes`` of a node in a folded box: that box is drawn node by node.
    """
    items, notice = outline(what.graph if isinstance(what, ForwardPass) else what, depth, unfold)
    builder = _Builder(what, marks or {}, shown, items, images or {})
    return builder.picture(title or title_of(what), notice, direction)


class _Builder:
    """What all parts of one picture need to know."""

    def __init__(
        self,
        what: Graph | ForwardPass,
        marks: Mapping[Node, Mark],
        shown: frozenset[str],
        items: tuple[Item, ...],
        images: Mapping[Node, Images],
    ) -> None:
        self.run = what if isinstance(what, ForwardPass) else None
        wanted = bool(shown & {"error signals", "gradients", "messages"})
        self.back = what if isinstance(what, BackwardPass) and wanted else None
        self.graph = what.graph if isinstance(what, ForwardPass) else what
        self.marks, self.shown, self.items, self.images = marks, shown, items, images
        self.names = Names(self.graph)
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.outputs = frozenset(self.graph.outputs)
        self.ids = [f"n{min(self.positions[node] for node in item.nodes)}" for item in items]
        self.tables = len(items) <= MOST_BOXES_WITH_TABLES
        self.error_signals = self.back.error_signals if self.back is not None else {}
        self.largest = {item: self._largest(item.nodes) for item in items if item.title}
        self.scales = self._scales()

    def picture(self, title: str, notice: str, direction: Direction) -> Picture:
        frames, frame_ids = frames_of(self.items)
        boxes = tuple(
            (self._folded if item.title else self._single)(id, item, frame_ids.get(item.scope))
            for id, item in zip(self.ids, self.items, strict=True)
        )
        edges = edges_of(self.graph, self.items, self.ids, self.back if "messages" in self.shown else None)
        edges = tuple(edge for edge in edges if edge.role != "gradient" or "gradients" in self.shown)
        return Picture(title, notice, direction, boxes, edges, frames, tuple(self._legend(boxes, edges)))

    def _scales(self) -> dict[Role, Scale]:
        """Return the scale of each role, over the numbers that are shown."""
        single = [item.nodes[0] for item in self.items if not item.title and kind_of(item.nodes[0]) != "literal"]
        if self.run is None:
            values = fitted(node.value for node in single if isinstance(node, Constant))
        else:
            coloured = [node for node in single if node not in self.outputs or node.op is None]
            values = fitted(on_scale(self.run.values[node]) for node in coloured)
        numbers: dict[Role, list[Any]] = {role: [] for role in _MEANINGS}
        for node in single:
            if node in self.error_signals:
                numbers[signal_role(node)].append(on_scale(self.error_signals[node]))
        for found in self.largest.values():
            for role, (size, _) in found.items():
                numbers[role].append([size])
        return {"value": values, **{role: fitted(arrays) for role, arrays in numbers.items()}}

    def _legend(self, boxes: Iterable[Box], edges: Iterable[Arrow]) -> Iterator[LegendEntry]:
        """Yield an entry for each colour that has a meaning in this picture, and one that says what was not computed."""
        coloured = {field.role for box in boxes for field in box.fields if field.rows or field.thumbnail}
        arrows = {edge.role for edge in edges}
        if "value" in coloured:
            high, run = self.scales["value"].high, self.run
            # An output may lie beyond the scale of values, as the error needs no colours of its own.
            above = run is not None and fitted(run.values[node] for node in self.graph.outputs).high > high
            text = "value, flowing forward" + (f"; outputs may lie beyond {number_text(high, 3)}" if above else "")
            yield LegendEntry("value", text, *self.scales["value"].ends, arrow="value" in arrows)
        elif arrows - {"value"}:
            yield LegendEntry("value", "value, flowing forward")
        for role, meaning in _MEANINGS.items():
            if role in coloured | arrows:
                yield LegendEntry(role, meaning, *self.scales[role].ends, role in arrows)
        if self.run is not None and not isinstance(self.run, BackwardPass):
            yield LegendEntry("error signal", "error signals: not computed, this is a forward pass", arrow=False)

    # Boxes ----------------------------------------------------------------------------------------------------------

    def _single(self, id: str, item: Item, group: str | None) -> Box:
        (node,) = item.nodes
        kind, title, output = kind_of(node), self.names.within(node, self.graph.scope(node)), node in self.outputs
        places, mark = (self.positions[node],), self._mark(node)
        if kind == "literal":
            return Box(id, kind, title, (), output, group=group, mark=mark, nodes=places)
        shape = node.shape if self.run is None else self.run.values[node].shape
        lines = (*self._what(node), *([shape_text(shape)] if "shapes" in self.shown else []))
        fields = tuple(self._fields(node))
        return Box(id, kind, title, lines, output, self._formulas(node), fields, group, mark, places)

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
        output = not self.outputs.isdisjoint(item.nodes)
        return Box(id, "folded", title, (words,), output, (), fields, group, mark, places)

    def _mark(self, node: Node, whose: str = "") -> Mark | None:
        mark = self.marks.get(node)
        return mark and Mark(mark.kind, whose + " ".join(clean(mark.text).split()))

    def _largest(self, nodes: Iterable[Node]) -> dict[Role, tuple[float, Node]]:
        """Return the largest entry of the error signals, and of the gradients, of many nodes, and whose it is."""
        found: dict[Role, tuple[float, Node]] = {}
        for node in nodes:
            signal, role = self.error_signals.get(node), signal_role(node)
            if signal is None or not signal.size or role == "unused signal" or not self._is_shown(role):
                continue
            size = float(np.abs(signal).max())
            if role not in found or not size <= found[role][0]:
                found[role] = size, node
            if np.isnan(size):
                break
        return dict(sorted(found.items()))

    def _largest_field(self, role: Role, size: float, node: Node) -> Field:
        if size == 0:
            return Field(role, f"every {role}", lines=("exactly 0",), state="zero")
        where = f"at {self.names.full(node, 24)}"
        return Field(role, f"largest {role}", rows=((self.scales[role].cell(size),),), lines=(where,))

    def _what(self, node: Node) -> tuple[str, ...]:
        """Return what a node is: its kind, or the call that made it, and the settings of its op."""
        op = node.op
        if op is None:
            return (node.kind,)
        if isinstance(op, Getitem) and len(node.inputs) == 1:
            part_of = self.names.within(node.inputs[0], self.names.graph.scope(node), _LONGEST_ARGUMENT)
            return (short(f"{part_of}[{index_text(op.index)}]"),)
        given = {name: value for name, value in op.settings.items() if value is not None and value is not False}
        settings = [
            f"index={short(f'[{index_text(value)}]')}"
            if isinstance(op, Scatter) and name == "index"
            else setting_text(name, value)
            for name, value in given.items()
        ]
        call = self.names.call(node, self.graph.scope(node), _LONGEST_ARGUMENT)
        return (call, ", ".join(settings)) if settings else (call,)

    def _formulas(self, node: Node) -> tuple[str, ...]:
        """Return what its backward rule sends to each input, in the names of the boxes; δ is its error signal."""
        if "formulas" not in self.shown or node.op is None or not node.op.has_backward:
            return ()
        rules = rules_of(node, self.reader)
        if rules.problem:
            return ("its rule is no formula",)

        def name(source: Node) -> str:
            return self.names.within(source, self.graph.scope(source), _LONGEST_ARGUMENT)

        def symbol(of: Leaf) -> Symbol:
            return Symbol("δ" if of.is_signal else name(self.graph[of.label]))

        messages = zip(node.inputs, rules.backward, strict=True)
        lines = [f"to {name(source)}: {replace(sent, called=symbol)}" for source, sent in messages if sent is not None]
        return tuple(short(line, _LONGEST_FORMULA) for line in lines[:_MOST_FORMULAS])

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.graph, starts_with_one=False)

    def _fields(self, node: Node) -> Iterator[Field]:
        """Yield the arrays of a node: its value, its error signal, and at how many entries hardly any gets through."""

        def field(role: Role, caption: str, array: Array, by_hand: Container[Node]) -> Field:
            caption += ", set by hand" if node in by_hand else ""
            return field_of(role, caption, array, self.scales[role], tables=self.tables, images=self.images.get(node))

        if "values" in self.shown and self.run is not None:
            yield field("value", "value", self.run.values[node], self.run.replaced)
        elif "values" in self.shown and isinstance(node, Constant) and fits_table(node.value):
            yield field_of("value", "value", node.value, self.scales["value"])
        role = signal_role(node)
        if self.back is None or not self._is_shown(role):
            return
        if node in self.error_signals:
            caption = f"{'gradient' if role == 'gradient' else 'error signal'} {self.names.derivative(node)}".rstrip()
            yield field(role, caption, self.error_signals[node], self.back.replaced_error_signals)
        else:
            yield Field("unused signal", "no error signal", state="unreachable")
        for what, where in flat_units(self.back, node).items():
            yield Field("error signal", f"{share_text(what, where)}: {WHY[what]}", state="saturated")

    def _is_shown(self, role: Role) -> bool:
        return ("gradients" if role == "gradient" else "error signals") in self.shown


def setting_text(name: str, value: Any) -> str:
    """Return one setting of an op, as ``slope=0.01``; a large array by its shape alone.

    Examples
    --------
    >>> setting_text("slope", 0.01), setting_text("index", np.zeros((50, 2)))
    ('slope=0.01', 'index=array (50, 2)')
    """
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"{name}=array {value.shape}"
    return short(f"{name}={' '.join(repr(value).split())}")


# Arrows -------------------------------------------------------------------------------------------------------------

_MOST_PARALLEL = 4  # two boxes with more edges between them than this get one arrow, with a count


def edges_of(graph: Graph, items: Sequence[Item], ids: Sequence[str], back: BackwardPass | None) -> tuple[Arrow, ...]:
    """Return the arrows between boxes, whose ids are given: one forward for each use of a node, one back for each message.

    The norms of messages share one scale, of those that are drawn.
    """
    between: dict[tuple[int, int], list[Use]] = {}
    for start, end, use in uses_between(graph, items):
        between.setdefault((start, end), []).append(use)
    messages: dict[tuple[int, int | None], Array] = {}  # by the consumer's id: comparing nodes would build graph
    if back is not None:
        # What is sent to numbers written in the code is left out: its arrows would only be clutter.
        sources = {use.source: None for uses in between.values() for use in uses if kind_of(use.source) != "literal"}
        received = [message for node in sources if node in back.error_signals for message in back.messages(node)]
        messages = {(id(message.consumer), message.slot): message.delta for message in received}
    scale = fitted([[norm_of(delta) for delta in messages.values()]])
    arrows: list[Arrow] = []
    for (start, end), uses in between.items():
        merged = bool(items[start].title or items[end].title) or len(uses) > _MOST_PARALLEL
        for bundle in [uses] if merged else [[use] for use in uses]:
            slot = None if merged else bundle[0].slot
            count = f"× {len(bundle):,}" if len(bundle) > 1 else ""
            arrows.append(Arrow(ids[start], ids[end], slot, "value", text=count))
            sent = [(use, messages[key]) for use in bundle if (key := (id(use.consumer), use.slot)) in messages]
            if back is not None and sent:
                role = signal_role(sent[0][0].source)
                strength, text = _look(sent, back, scale)
                arrows.append(Arrow(ids[end], ids[start], slot, role, strength, text))
    return tuple(arrows)


def _look(sent: Sequence[tuple[Use, Array]], back: BackwardPass, scale: Scale) -> tuple[float | None, str]:
    """Return the strength of an arrow back, and what stands beside it: how large its message is, if a node receives several."""
    size = norm_of(*(delta for _, delta in sent))
    if size == 0:
        return None, "exactly 0"
    if not math.isfinite(size):
        return 1.0, "not finite"
    (use, delta), *others = sent
    if others or len(back.messages(use.source)) == 1:  # alone, a message is the node's error signal
        return scale.strength(size), ""
    return scale.strength(size), number_text(delta[()]) if delta.ndim == 0 else f"norm {number_text(size)}"
