"""What happens in a pass, in which order, with which numbers and words: the five steps of backpropagation, node by node.

1. forward: what is given, then the value of every op in topological order;
2. error: ∂E/∂E = 1 at the output, and what the loss makes of it, the output error;
3. backward: the error signal of every other node, in the order of the engine's backward loop;
4. gradients: what arrived at the parameters;
5. update: w ← w − η ∂E/∂w.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.common.text import short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.build import MOST_BOXES_WITH_TABLES
from graphnet.draw.folding import Use
from graphnet.draw.names import Names, kind_of, signal_role
from graphnet.draw.picture import STATE_MARKS, Box, Picture
from graphnet.draw.placing import place
from graphnet.draw.scale import fits_table
from graphnet.draw.shapes import text_width
from graphnet.engine.passes import BackwardPass, ForwardPass, Message

Phase = Literal["forward", "error", "backward", "gradients", "update"]

PHASES: dict[Phase, str] = {
    "forward": "Forward",
    "error": "Output error",
    "backward": "Error signals back",
    "gradients": "Gradients",
    "update": "Update",
}
"""The five, with their titles."""

_MOST_NAMES, _LONGEST_NAME = 4, 24


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Event:
    """One thing that happens, to one node, except where nothing is computed.

    Attributes
    ----------
    phase
        Which of the five it belongs to.
    shows
        What it makes known of its nodes; ``"none"``: that no error signal reaches them.
    nodes
        Whom it happens to.
    messages
        What flows back; in this order they add up to the error signal.
    """

    phase: Phase
    shows: Literal["value", "signal", "update", "none"]
    nodes: tuple[Node, ...]
    messages: tuple[Message, ...] = ()

    @property
    def uses(self) -> tuple[Use, ...]:
        """The edges along which something flows, forward for a value and back for an error signal."""
        node = self.nodes[0]
        if self.shows == "value":
            return tuple(Use(source, node, slot) for slot, source in enumerate(node.inputs))
        return tuple(Use(node, c, slot) for c, slot, _ in self.messages if c is not None and slot is not None)


def steps_of(run: ForwardPass) -> list[Event]:
    """Return what happens in a pass; a forward pass has the first of the five parts only.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0])
    >>> bwd = gn.backward(gn.sse(gn.square(w, name="a"), [0.0], name="E"), {})
    >>> for step in steps_of(bwd):
    ...     print(step.phase, step.shows, [bwd.graph.label(node) for node in step.nodes])
    forward value ['w', 'constant_1']
    forward value ['a']
    forward value ['E']
    error signal ['E']
    error signal ['a']
    gradients signal ['w']
    update update ['w']
    """
    given = tuple(node for node in run.graph.nodes if node.op is None)
    steps = [Event("forward", "value", given)] if given else []
    steps += [Event("forward", "value", (node,)) for node in run.graph.nodes if node.op is not None]
    if isinstance(run, BackwardPass):
        steps += sorted(_back(run), key=lambda step: list(PHASES).index(step.phase))
        steps += [Event("update", "update", (node,)) for node in run.graph.parameters if node in run.error_signals]
    return steps


def new_value(run: BackwardPass, parameter: Parameter, learning_rate: float) -> Array:
    """Return w − η ∂E/∂w, as `graphnet.GradientDescent` computes it."""
    with np.errstate(all="ignore"):  # of numbers that are not finite the page says so itself
        return run.values[parameter] - learning_rate * run.error_signals[parameter]


def _back(run: BackwardPass) -> Iterator[Event]:
    """Yield the steps back, those of one phase in order.

    A node comes when all its messages are there, so each of its consumers came before. What arrives at a constant goes
    no further and changes nothing, so it is no step.
    """
    nodes = [node for node in run.graph.nodes if not isinstance(node, Constant)]
    for node in reversed(nodes):
        if node in run.error_signals:
            yield Event(_phase(run, node), "signal", (node,), run.messages(node))
    unreached = tuple(node for node in nodes if node not in run.error_signals)
    if unreached:
        yield Event("backward", "none", unreached)


def _phase(run: BackwardPass, node: Node) -> Phase:
    """Return when an error signal comes: the output error is what a loss sends back that nothing else reaches."""
    if isinstance(node, Parameter):
        return "gradients"
    consumers = [message.consumer for message in run.messages(node) if message.consumer is not None]
    starts = all(message.consumer is None for consumer in consumers for message in run.messages(consumer))
    return "error" if starts and all(_is_loss(run, consumer) for consumer in consumers) else "backward"


def _is_loss(run: BackwardPass, node: Node) -> bool:
    """Tell whether a node turns arrays into one number. In a sum of several losses none of them is the end itself."""
    sources = [source for source in node.inputs if kind_of(source) != "literal"]
    return run.values[node].ndim == 0 and all(run.values[source].ndim > 0 for source in sources)


# Sentences ----------------------------------------------------------------------------------------------------------


class Sentences:
    """Puts the steps of one graph into words, given η as text: what stands below the picture, and what a screen reader says.

    A sentence that ends with a space is followed by a number, which the page adds.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0])
    >>> bwd = gn.backward(gn.sse(gn.square(w, name="a"), [0.0], name="E"), {})
    >>> sentences = Sentences(bwd.graph, "0.01")
    >>> for step in steps_of(bwd):
    ...     print(sentences.of(step).rstrip())
    Given: parameter w.
    a = square(w) =
    E = sse(a, constant_1) =
    The way back starts at E: ∂E/∂E =
    E (sse) sends back the output error: ∂E/∂a =
    The gradient of w, sent back by a (square): ∂E/∂w =
    w ← w − 0.01 · ∂E/∂w =
    """

    def __init__(self, graph: Graph, learning_rate: str) -> None:
        self.names = Names(graph)
        self.learning_rate = learning_rate

    def name(self, node: Node) -> str:
        """Return the label of a node, clean, and cut if it is long."""
        return self.names.full(node, _LONGEST_NAME)

    def caption(self, node: Node) -> str:
        """Return what stands above the error signal of a node: ``∂E/∂a1``, or a word if the names are long."""
        return self.names.derivative(node) or ("gradient" if isinstance(node, Parameter) else "error signal")

    def of(self, step: Event) -> str:
        """Return one sentence, up to its number."""
        node = step.nodes[0]
        name = self.name(node)
        if step.shows == "none":
            return f"No error signal reaches {self._names(step.nodes)}: no output depends on it smoothly."
        if step.shows == "value" and node.op is None:
            return self._given(step.nodes)
        if step.shows == "value":
            return f"{name} = {self.names.call(node)} = "
        derivative = self.names.derivative(node) or f"{self.caption(node)} of {name}"
        if step.shows == "update":
            return f"{name} ← {name} − {self.learning_rate} · {derivative} = "
        return f"{self._received(node, step)}: {derivative} = "

    def of_many(self, step: Event, count: int, title: str) -> str:
        """Return one sentence for what happens to all nodes of a folded box."""
        what = {"value": "values", "signal": "error signals", "update": "new values", "none": "no error signals"}
        return f"{title}, {count:,} nodes: their {what[step.shows]}"

    def _received(self, node: Node, step: Event) -> str:
        name = self.name(node)
        consumers = [message.consumer for message in step.messages]
        senders = [f"{self.name(c)} ({short(c.kind)})" if c is not None else "its start" for c in consumers]
        if len(senders) > 1:
            return f"{len(senders)} messages to {name}, from {_list(senders)}, add up"
        if step.messages[0].consumer is None:
            return f"The way back starts at {name}"
        if isinstance(node, Parameter):
            return f"The gradient of {name}, sent back by {senders[0]}"
        return f"{senders[0]} sends back {'the output error' if step.phase == 'error' else 'one message'}"

    def _given(self, nodes: Sequence[Node]) -> str:
        kinds = {"input": Input, "parameter": Parameter}
        given = {kind: [node for node in nodes if isinstance(node, of)] for kind, of in kinds.items()}
        parts = [f"{kind}{'s' if len(of) > 1 else ''} {self._names(of)}" for kind, of in given.items() if of]
        return f"Given: {'; '.join(parts) or 'constants'}."

    def _names(self, nodes: Sequence[Node]) -> str:
        return _list([self.name(node) for node in nodes])


def _list(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# A picture on the page: how its boxes take the steps, how large they are, and where they stand -----------------------


Card = Literal["words", "numbers", "maps", "sizes"]
"""What a box shows of its arrays: nothing, tables of numbers, small heat maps, or their norms alone."""

# Heights and widths in pixels. The style sheet of the page has the same.
_TITLE, _LINE, _CAPTION, _ROW, _MAP, _NORM, _PADDING, _GAP = 22.0, 16.0, 16.0, 21.0, 32.0, 17.0, 6.0, 4.0
_IMAGES = 114.0
_WIDEST, _NARROWEST = 300.0, 84.0
_BOLD, _WORDS, _DIGIT, _CELL_ROOM, _MAP_WIDTH = 17.3, 14.0, 8.9, 10.0, 120.0
_WIDEST_ROW, _FEW_BOXES = 1100.0, 40
_FEW_COLUMNS, _LONG = 3, 9  # columns that have room for a number of so many letters, whatever is there at first
_LONGEST_SCOPE = 200


class Stage:
    """The boxes of a picture and the nodes behind them.

    Attributes
    ----------
    picture : Picture
        What is drawn.
    box_of : dict
        The id of each node's box.
    single, folded : dict
        The node of each box that stands for one, and the nodes of each that stands for several.
    titles : dict
        What each box is called.
    within : dict
        For each node in a folded box, by the id that its own box would have, the id of the folded one.
    edges : list of Arrow
        Those forward.
    """

    def __init__(self, picture: Picture, graph: Graph) -> None:
        self.picture = picture
        nodes = {box.id: tuple(graph.nodes[place] for place in box.nodes) for box in picture.boxes}
        folded = [box for box in picture.boxes if box.kind == "folded"]
        self.box_of = {node: box for box, members in nodes.items() for node in members}
        self.folded = {box.id: nodes[box.id] for box in folded}
        self.single = {box: members[0] for box, members in nodes.items() if box not in self.folded}
        self.within = {f"n{place}": box.id for box in folded for place in box.nodes}
        self.titles = {box.id: box.title for box in picture.boxes}
        self.edges = [edge for edge in picture.edges if edge.role == "value"]
        self._edge_at = {(edge.source, edge.target, edge.slot): i for i, edge in enumerate(self.edges)}

    def steps(self, steps: Iterable[Event]) -> list[tuple[dict[str, Any], Event]]:
        """Return the steps as this picture shows them, each with the last of those it stands for.

        A step has its phase, what it shows, ids of boxes that are lit, and numbers of edges along which something flows.

        What happens inside a folded box in one phase is one step: it comes when the last of it has happened.
        """
        bundles: dict[object, list[Event]] = {}
        for step in steps:
            box = self.box_of[step.nodes[0]]
            key = (step.phase, step.shows, box) if len(step.nodes) == 1 and box in self.folded else step
            bundles[key] = [*bundles.pop(key, []), step]  # taken out and put back: at the place of its last step
        return [(self._bundled(bundle), bundle[-1]) for bundle in bundles.values()]

    def _bundled(self, bundle: Sequence[Event]) -> dict[str, Any]:
        boxes = dict.fromkeys(self.box_of[node] for step in bundle for node in step.nodes)
        uses = [(self.box_of[use.source], self.box_of[use.consumer], use.slot) for step in bundle for use in step.uses]
        found = [self._edge_at.get((a, b, slot), self._edge_at.get((a, b, None))) for a, b, slot in uses]
        edges = dict.fromkeys(edge for edge in found if edge is not None)  # those inside a folded box are not drawn
        return {"phase": bundle[-1].phase, "shows": bundle[-1].shows, "boxes": [*boxes], "edges": [*edges]}

    def scenery(
        self,
        sentences: Sentences,
        runs: Collection[ForwardPass],
        told: Sequence[Mapping[str, Any]],
        samples: Mapping[str, int],
    ) -> dict[str, Any]:
        """Return what is drawn apart from the numbers, and where: in "all", and in "one" if a single sample can be shown.

        The passes decide what a box shows of its arrays; `told`, what each of them says of each box, how large the boxes are.
        `samples` says of some boxes how many samples their arrays have, of which one may be shown alone.
        """
        picture = self.picture
        roomy = len(picture.boxes) <= MOST_BOXES_WITH_TABLES
        cards = {box.id: _card(self.single.get(box.id), runs, roomy=roomy) for box in picture.boxes}
        captions = {id: sentences.caption(node) for id, node in self.single.items()}
        box_of = {box.id: box for box in picture.boxes}
        contents = {id: [run.get(id, {}) for run in told] for id in box_of}

        def sizes(samples: Mapping[str, int]) -> dict[str, tuple[float, float]]:
            return {
                id: _card_size(box, cards[id], contents[id], captions.get(id, ""), samples.get(id, 1))
                for id, box in box_of.items()
            }

        layouts = {"all": self._layout(sizes({}))}
        if roomy and samples:
            layouts["one"] = self._layout(sizes(samples))
        boxes = []
        for box in picture.boxes:
            made: dict[str, Any] = {"id": box.id, "card": cards[box.id]}
            made |= {"kind": box.kind, "title": box.title, "lines": list(box.lines), "output": box.output}
            made |= {"mark": vars(box.mark)} if box.mark else {}
            node = self.single.get(box.id)
            made |= self._node(sentences, node) if node is not None else {"members": len(self.folded[box.id])}
            boxes.append(made)
        edges = [{"source": e.source, "target": e.target, "slot": e.slot, "text": e.text} for e in self.edges]
        return {"direction": picture.direction, "layouts": layouts, "boxes": boxes, "edges": edges}

    def _node(self, sentences: Sentences, node: Node) -> dict[str, Any]:
        """Return what is to be known of a node apart from its numbers."""
        told: dict[str, Any] = {
            "role": signal_role(node).replace(" ", "-"),
            "symbol": sentences.names.symbol(node),
            "derivative": sentences.caption(node),
            "scope": short(sentences.names.graph.scope(node), _LONGEST_SCOPE),
            "inputs": [self.box_of[source] for source in node.inputs],
        }
        return told | ({"op": short(node.op.name)} if node.op is not None else {})

    def _layout(self, sizes: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
        """Return where boxes of these sizes go, the frames around them, and the paths of the edges in SVG.

        A place is left, top, width and height in pixels.
        """
        widest = _WIDEST_ROW if len(self.picture.boxes) <= _FEW_BOXES else 2 * _WIDEST_ROW
        placed = place(self.picture, sizes, self.edges, widest=widest)

        def rounded(rectangle: Iterable[float]) -> list[float]:
            return [round(number, 1) for number in rectangle]

        groups = [
            {"title": group.title if i == 0 else f"… {group.title}", "place": rounded(piece)}
            for group in self.picture.groups
            for i, piece in enumerate(placed.frames[group.id])
        ]
        pairs = [[f"{x:.1f} {y:.1f}" for x, y in path] for path in placed.paths]
        return {
            "width": placed.width,
            "height": placed.height,
            "places": {id: rounded(rectangle) for id, rectangle in placed.boxes.items()},
            "groups": groups,
            "paths": [f"M{points[0]}C{' '.join(points[1:])}" for points in pairs],
        }


# How large ----------------------------------------------------------------------------------------------------------


def _card(node: Node | None, runs: Collection[ForwardPass], *, roomy: bool) -> Card:
    """Return what the box of a node shows of its arrays."""
    if node is None or not runs or kind_of(node) == "literal":
        return "words"
    if not roomy:
        return "sizes"
    return "numbers" if all(fits_table(run.values[node]) for run in runs) else "maps"


def _card_size(
    box: Box, card: Card, arrays: Sequence[Mapping[str, Any]], caption: str, samples: int
) -> tuple[float, float]:
    """Return the width and height of a box: room for its words and its numbers, whichever pass or sample is shown.

    The caption stands above its error signal.
    """
    if box.kind == "literal":
        return max(30.0, _width(box.title, _WORDS) + 12), 26.0
    marks = [_marks(one) for one in arrays]
    lines = [*box.lines, *([f"✗ {box.mark.text}"] if box.mark else [])]
    words = [*lines, *(line for of_one in marks for line in of_one)]
    words += [caption] * (card in ("numbers", "maps") and any(one.get("signal") for one in arrays))
    width = min(max(_width(box.title, _BOLD), *(_width(line, _WORDS) for line in words), _NARROWEST), _WIDEST)
    height = _TITLE + _LINE * (len(lines) + max(map(len, marks), default=0)) + 2 * _PADDING
    if any(one.get("largest") for one in arrays):
        height += _NORM
    for keys in (("value", "update"), ("signal",)):  # a new value takes the place of the old one
        versions = [one[key]["rows"] for one in arrays for key in keys if one.get(key)]
        if versions and card == "numbers":
            digits = max(len(text) for rows in versions for row in rows for text in row)
            columns = max(len(rows[0]) for rows in versions)
            digits = max(digits, _LONG) if columns <= _FEW_COLUMNS else digits
            width = max(width, columns * (digits * _DIGIT + _CELL_ROOM))
            height += _GAP + _CAPTION + _ROW * (max(map(len, versions)) // samples)
        elif versions and card == "maps":
            of_images = any("images" in one[key] for one in arrays for key in keys if one.get(key))
            width, height = max(width, _MAP_WIDTH), height + _GAP + _CAPTION + (_IMAGES if of_images else _MAP)
        elif versions and card == "sizes":
            height += _NORM
    return round(width + 2 * _PADDING), round(height)


def _marks(one: Mapping[str, Any]) -> list[str]:
    """Return the marks that stand below the arrays of a box."""
    flat = [f"{STATE_MARKS['saturated']} {words}" for words in one.get("flat", {}).values()]
    return flat + [f"{STATE_MARKS['unreachable']} no error signal"] * one.get("unreached", 0)


def _width(text: str, size: float) -> float:
    """Return about how wide a text of this size is in the typeface of the page, which is wider than that of still pictures."""
    return 1.2 * size * text_width(text)
