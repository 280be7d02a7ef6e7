"""The op view without its numbers as plain data: boxes, edges and groups with their places."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from graphnet.core.node import Node
from graphnet.draw.build import MOST_BOXES_WITH_TABLES
from graphnet.draw.names import kind_of, signal_role
from graphnet.draw.page.cards import Card, card_size
from graphnet.draw.page.layout import layout
from graphnet.draw.page.scene import Scene
from graphnet.draw.page.sentences import Sentences
from graphnet.draw.picture import Box, Picture
from graphnet.draw.scale import fits_table
from graphnet.draw.text import short
from graphnet.engine.passes import ForwardPass

LONGEST_SCOPE = 200


def scenery(
    picture: Picture,
    scene: Scene,
    sentences: Sentences,
    runs: Collection[ForwardPass],
    told: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what is drawn, and where.

    The passes decide what a box shows of its arrays; `told`, what each of them says of each box, how large the boxes are.
    """
    roomy = len(picture.boxes) <= MOST_BOXES_WITH_TABLES
    cards = {box: _card(node, runs, roomy) for box, node in scene.single.items()}
    sizes = {
        box.id: card_size(box, cards.get(box.id, "words"), [run.get(box.id, {}) for run in told])
        for box in picture.boxes
    }
    joined = [(edge.source, edge.target) for edge in scene.edges]
    places = layout(picture, sizes, joined, picture.direction)
    boxes = []
    for box in picture.boxes:
        made = {"id": box.id, "card": cards.get(box.id, "words"), "place": list(places.boxes[box.id]), **_words(box)}
        if box.id in scene.single:
            made |= _node(scene, sentences, scene.single[box.id])
        else:
            made["members"] = len(scene.folded[box.id])
        boxes.append(made)
    return {
        "width": places.width,
        "height": places.height,
        "direction": picture.direction,
        "groups": [{"title": group.title, "place": list(places.groups[group.id])} for group in picture.groups],
        "boxes": boxes,
        "edges": [
            {"source": edge.source, "target": edge.target, "slot": edge.slot, "path": path, "text": edge.text}
            for edge, path in zip(scene.edges, places.edges, strict=True)
        ],
    }


def _words(box: Box) -> dict[str, Any]:
    told = {"kind": box.kind, "title": box.title, "lines": list(box.lines), "output": box.output}
    return told | ({"mark": {"kind": box.mark.kind, "text": box.mark.text}} if box.mark else {})


def _node(scene: Scene, sentences: Sentences, node: Node) -> dict[str, Any]:
    """Return what is to be known of a node apart from its numbers."""
    told: dict[str, Any] = {
        "role": signal_role(node).replace(" ", "-"),
        "symbol": sentences.names.symbol(node),
        "derivative": sentences.caption(node),
        "scope": short(node.scope, LONGEST_SCOPE),
        "inputs": [scene.box_of[source] for source in node.inputs],
    }
    if node.op is not None:
        told["op"] = short(node.op.name)
    return told


def _card(node: Node, runs: Collection[ForwardPass], roomy: bool) -> Card:
    """Return what the box of a node shows of its arrays."""
    if not runs or kind_of(node) == "literal":
        return "words"
    if not roomy:
        return "sizes"
    return "numbers" if all(fits_table(run.values[node]) for run in runs) else "maps"
