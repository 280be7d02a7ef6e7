"""A picture on the page: how its boxes take the steps of a pass, how large they are, and where they stand."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from graphnet.common.text import short
from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.build import MOST_BOXES_WITH_TABLES
from graphnet.draw.dot import render
from graphnet.draw.names import kind_of, signal_role
from graphnet.draw.page.steps import Event, Sentences
from graphnet.draw.picture import STATE_MARKS, Box, Frame, Picture
from graphnet.draw.scale import fits_table
from graphnet.engine.passes import ForwardPass

Card = Literal["words", "numbers", "maps", "sizes"]
"""What a box shows of its arrays: nothing, tables of numbers, small heat maps, or their norms alone."""

# Heights and widths in pixels. The style sheet of the page has the same.
_TITLE, _LINE, _CAPTION, _ROW, _MAP, _NORM, _PADDING, _GAP = 22.0, 16.0, 16.0, 21.0, 32.0, 17.0, 8.0, 4.0
_WIDEST, _NARROWEST = 300.0, 84.0
_TITLE_LETTER, _LETTER, _DIGIT, _CELL_ROOM, _MAP_WIDTH = 7.8, 6.5, 7.0, 10.0, 120.0
_POINTS_PER_INCH = 72.0
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
            bundle = bundles.pop(key, [])  # taken out and put back: it moves to the place of its last step
            bundle.append(step)
            bundles[key] = bundle
        return [(self._bundled(bundle), bundle[-1]) for bundle in bundles.values()]

    def _bundled(self, bundle: Sequence[Event]) -> dict[str, Any]:
        boxes = dict.fromkeys(self.box_of[node] for step in bundle for node in step.nodes)
        edges = dict.fromkeys(self._edges(bundle))
        return {"phase": bundle[-1].phase, "shows": bundle[-1].shows, "boxes": [*boxes], "edges": [*edges]}

    def _edges(self, bundle: Sequence[Event]) -> Iterator[int]:
        for step in bundle:
            for use in step.uses:
                ends = self.box_of[use.source], self.box_of[use.consumer]
                found = self._edge_at.get((*ends, use.slot), self._edge_at.get((*ends, None)))
                if found is not None:  # edges inside a folded box are not drawn
                    yield found

    def scenery(
        self, sentences: Sentences, runs: Collection[ForwardPass], told: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return what is drawn apart from the numbers, and where.

        The passes decide what a box shows of its arrays; `told`, what each of them says of each box, how large the boxes are.

        Raises
        ------
        DrawError
            If there is no Graphviz.
        """
        picture = self.picture
        roomy = len(picture.boxes) <= MOST_BOXES_WITH_TABLES
        cards = {box.id: _card(self.single.get(box.id), runs, roomy=roomy) for box in picture.boxes}
        sizes = {box.id: _card_size(box, cards[box.id], [run.get(box.id, {}) for run in told]) for box in picture.boxes}
        places = self._places(sizes)
        boxes = []
        for box in picture.boxes:
            made: dict[str, Any] = {"id": box.id, "card": cards[box.id], "place": places[box.id]}
            made |= {"kind": box.kind, "title": box.title, "lines": list(box.lines), "output": box.output}
            made |= {"mark": vars(box.mark)} if box.mark else {}
            node = self.single.get(box.id)
            made |= self._node(sentences, node) if node is not None else {"members": len(self.folded[box.id])}
            boxes.append(made)
        edges = [
            {"source": e.source, "target": e.target, "slot": e.slot, "path": places[f"e{i}"], "text": e.text}
            for i, e in enumerate(self.edges)
        ]
        groups = [{"title": group.title, "place": places[f"cluster_{group.id}"]} for group in picture.groups]
        return {**places["page"], "direction": picture.direction, "groups": groups, "boxes": boxes, "edges": edges}

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

    def _places(self, sizes: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
        """Return where Graphviz places boxes of these sizes and the frames around them, and the paths of the edges in SVG.

        A place is left, top, width and height in pixels. That of the frame ``"g0"`` goes by ``"cluster_g0"``, the path of the
        edge at place 7 by ``"e7"``, and the size of all by ``"page"``.
        """
        placed = json.loads(render("\n".join(self._dot(sizes)), "json0"))
        _, _, width, height = _numbers(placed["bb"])
        places: dict[str, Any] = {"page": {"width": width, "height": height}}
        for thing in placed["objects"]:
            name = thing["name"]
            if name in sizes:
                (x, y), (wide, high) = _numbers(thing["pos"]), sizes[name]
                places[name] = [round(x - wide / 2, 1), round(height - y - high / 2, 1), wide, high]
            else:
                left, bottom, right, top = _numbers(thing["bb"])
                places[name] = [round(left, 1), round(height - top, 1), round(right - left, 1), round(top - bottom, 1)]
        for edge in placed.get(
            "edges", ()
        ):  # Graphviz gives its first point and then three for each piece of the curve
            points = [_numbers(point) for point in edge["pos"].split() if point[0] not in "se"]
            pairs = [f"{x:.1f} {height - y:.1f}" for x, y in points]
            places[edge["id"]] = f"M{pairs[0]}C{' '.join(pairs[1:])}"
        return places

    def _dot(self, sizes: Mapping[str, tuple[float, float]]) -> Iterator[str]:
        yield "digraph page {"
        yield f'rankdir="{self.picture.rankdir}" nodesep="0.25" ranksep="0.45" pad="0"'
        yield 'node [shape="box" fixedsize="true" label="" margin="0"] edge [arrowhead="none"]'
        for id, (width, height) in sizes.items():
            yield f'{id} [width="{width / _POINTS_PER_INCH:.4f}" height="{height / _POINTS_PER_INCH:.4f}"]'
        for part in self.picture.nested():
            if isinstance(part, Frame):
                yield f'subgraph "cluster_{part.id}" {{ margin="14" label=" "'
            else:
                yield "}" if part is None else part.id
        kinds = {box.id: box.kind for box in self.picture.boxes}
        for i, edge in enumerate(self.edges):
            pull = 8 if kinds[edge.source] in ("op", "folded") else 1  # keeps the main line straight
            yield f'{edge.source} -> {edge.target} [id="e{i}" weight="{pull}"]'
        yield "}"


# How large ----------------------------------------------------------------------------------------------------------


def _card(node: Node | None, runs: Collection[ForwardPass], *, roomy: bool) -> Card:
    """Return what the box of a node shows of its arrays."""
    if node is None or not runs or kind_of(node) == "literal":
        return "words"
    if not roomy:
        return "sizes"
    return "numbers" if all(fits_table(run.values[node]) for run in runs) else "maps"


def _card_size(box: Box, card: Card, arrays: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the width and height of a box: room for its words and its numbers, whichever pass is shown."""
    if box.kind == "literal":
        return max(30.0, _width(box.title, _LETTER) + 12), 26.0
    marks = [_marks(one) for one in arrays]
    lines = [*box.lines, *([f"✗ {box.mark.text}"] if box.mark else [])]
    words = [*lines, *(line for of_one in marks for line in of_one)]
    width = min(max(_width(box.title, _TITLE_LETTER), *(_width(line, _LETTER) for line in words), _NARROWEST), _WIDEST)
    height = _TITLE + _LINE * (len(lines) + max(map(len, marks), default=0)) + 2 * _PADDING
    if any(one.get("largest") for one in arrays):
        height += _NORM
    for keys in (("value", "update"), ("signal",)):  # a new value takes the place of the old one
        versions = [one[key]["rows"] for one in arrays for key in keys if one.get(key)]
        if versions and card == "numbers":
            digits = max(len(text) for rows in versions for row in rows for text in row)
            width = max(width, max(len(rows[0]) for rows in versions) * (digits * _DIGIT + _CELL_ROOM))
            height += _GAP + _CAPTION + _ROW * max(map(len, versions))
        elif versions and card == "maps":
            width, height = max(width, _MAP_WIDTH), height + _GAP + _CAPTION + _MAP
        elif versions and card == "sizes":
            height += _NORM
    return round(width + 2 * _PADDING), round(height)


def _marks(one: Mapping[str, Any]) -> list[str]:
    """Return the marks that stand below the arrays of a box."""
    flat = [f"{STATE_MARKS['saturated']} {words}" for words in one.get("flat", {}).values()]
    return flat + [f"{STATE_MARKS['unreachable']} no error signal"] * one.get("unreached", 0)


def _width(text: str, letter: float) -> float:
    """Return about how wide a text is: letters of East Asian scripts and emoji take the room of two."""
    return letter * sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]
