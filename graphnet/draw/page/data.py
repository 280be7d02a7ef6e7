"""All that the page shows, as plain data that JSON can hold. Every text in it is clean; nothing is escaped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node, Parameter
from graphnet.draw.arrays import fits_table
from graphnet.draw.build import MOST_BOXES_WITH_TABLES
from graphnet.draw.edges import norm
from graphnet.draw.kinds import kind_of, signal_role
from graphnet.draw.outline import Item
from graphnet.draw.page.arrays import describe, share
from graphnet.draw.page.cards import Card, card_size
from graphnet.draw.page.formulas import infix
from graphnet.draw.page.layout import layout
from graphnet.draw.page.scene import Scene, SceneStep
from graphnet.draw.page.sentences import Sentences
from graphnet.draw.page.steps import PHASES, Step, new_value, steps_of
from graphnet.draw.picture import Box, Picture
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import number, short
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError

LONGEST_NAME = 200


def page_data(
    picture: Picture,
    graph: Graph,
    items: Sequence[Item],
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    picture
        Gives the boxes with their words, the groups, and which boxes are joined.
    graph
        What the picture shows.
    items
        The nodes of each box.
    passes
        Runs of the graph, by the name that the page calls each; none for a picture without numbers.
    learning_rate
        η of the update.

    Raises
    ------
    DrawError
        If the passes don't take the same steps, or there is no Graphviz.
    """
    scene = Scene(items, [edge for edge in picture.edges if edge.role == "value"])
    nodes = {f"n{i}": item.nodes[0] for i, item in enumerate(items) if not item.title}
    runs = _Runs(graph, scene, nodes, learning_rate, most=share(3 * len(nodes) * len(passes)))
    told = {name: scene.steps(steps_of(run, learning_rate)) for name, run in passes.items()}
    plots = [[shown for shown, _ in steps] for steps in told.values()]
    if any(plot != plots[0] for plot in plots):
        raise DrawError(
            "the passes reach different nodes, so that they can't share the steps of one page",
            repair="Draw passes of the same outputs and delta, or save a page for each.",
        )
    in_numbers = [runs.data(name, run, told[name]) for name, run in passes.items()]
    return {
        "title": picture.title,
        "notice": picture.notice,
        "rate": number(learning_rate),
        "loss": runs.sentences.loss,
        "scales": _scales(nodes.values(), passes.values()),
        **_plot(plots[0] if plots else []),
        "passes": in_numbers,
        **_scenery(picture, scene, runs.sentences, nodes, passes, in_numbers),
    }


class _Runs:
    """Turns runs of one graph into plain data."""

    def __init__(self, graph: Graph, scene: Scene, nodes: Mapping[str, Node], learning_rate: float, most: int) -> None:
        self.graph, self.scene, self.nodes = graph, scene, nodes
        self.learning_rate, self.most = learning_rate, most
        self.sentences = Sentences(graph, number(learning_rate))

    def data(self, name: str, run: ForwardPass, steps: Sequence[tuple[SceneStep, Step]]) -> dict[str, Any]:
        outputs = self.graph.outputs
        error = number(run.values[outputs[0]][()]) if len(outputs) == 1 and not run.values[outputs[0]].ndim else ""
        return {
            "name": short(name),
            "title": f"{short(name)}: {self.sentences.name(outputs[0])} = {error}" if error else short(name),
            "error": error,
            "arrays": {box: self._arrays(run, node) for box, node in self.nodes.items()}
            | {box: self._inside(run, item) for box, item in self.scene.folded.items()},
            "says": [self._says(shown, step) for shown, step in steps],
        }

    def _arrays(self, run: ForwardPass, node: Node) -> dict[str, Any]:
        """Return what a node has: its value, and where there is one its error signal with the messages it adds up."""
        told: dict[str, Any] = {"value": self._array(run.values[node])}
        if not isinstance(run, BackwardPass) or node not in run.error_signals:
            return told
        told["signal"] = self._array(run.error_signals[node])
        messages = run.messages(node)
        told["messages"] = [
            {
                "from": None if message.consumer is None else self.scene.box_of[message.consumer],
                "name": "" if message.consumer is None else self.sentences.name(message.consumer),
                "slot": message.slot,
            }
            | ({"array": self._array(message.delta)} if len(messages) > 1 else {})
            for message in messages
        ]
        if isinstance(node, Parameter):
            told["update"] = self._array(new_value(run, node, self.learning_rate))
        return told

    def _inside(self, run: ForwardPass, item: Item) -> dict[str, Any]:
        """Return what is said of a folded box: the largest error signal inside."""
        if not isinstance(run, BackwardPass):
            return {}
        norms = [(norm(run.error_signals[node]), node) for node in item.nodes if node in run.error_signals]
        if not norms:
            return {}
        size, node = max(norms, key=lambda pair: pair[0])
        return {"largest": {"norm": number(size), "name": self.sentences.name(node)}}

    def _array(self, array: Array) -> dict[str, Any]:
        return describe(array, self.most)

    def _says(self, shown: SceneStep, step: Step) -> str:
        folded = self.scene.folded.get(shown.boxes[0])
        if folded is None or len(shown.boxes) > 1:
            return self.sentences.of(step)
        return self.sentences.of_many(step, len(folded.nodes), short(folded.title))


def _scales(nodes: Collection[Node], runs: Collection[ForwardPass]) -> dict[str, dict[str, Any]]:
    """Return the ends of the colour scales over all passes: linear for values, logarithmic for error signals."""
    values = linear(run.values[node] for run in runs for node in nodes if node.op is None or run.values[node].ndim)
    signals = logarithmic(
        run.error_signals[node]
        for run in runs
        if isinstance(run, BackwardPass)
        for node in nodes
        if node in run.error_signals
    )
    return {name: _ends(scale) for name, scale in (("value", values), ("signal", signals))}


def _ends(scale: Scale) -> dict[str, Any]:
    return {"low": scale.low, "high": scale.high, "ends": [number(scale.low, 2), number(scale.high, 2)]}


def _plot(steps: Sequence[SceneStep]) -> dict[str, Any]:
    """Return the steps without numbers: they are the same for all passes."""
    told = [
        {"phase": step.phase, "shows": step.shows, "boxes": list(step.boxes), "edges": list(step.edges)}
        for step in steps
    ]
    present = [step.phase for step in steps]
    phases = [
        {"key": key, "title": title, "first": present.index(key)} for key, title in PHASES.items() if key in present
    ]
    return {"steps": told, "phases": phases}


def _scenery(
    picture: Picture,
    scene: Scene,
    sentences: Sentences,
    nodes: Mapping[str, Node],
    passes: Mapping[str, ForwardPass],
    runs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return boxes, edges and groups with their places."""
    roomy = len(picture.boxes) <= MOST_BOXES_WITH_TABLES
    cards = {box: _card(node, passes.values(), roomy) for box, node in nodes.items()}
    sizes = {
        box.id: card_size(box, cards.get(box.id, "words"), [run["arrays"][box.id] for run in runs])
        for box in picture.boxes
    }
    forward = [edge for edge in picture.edges if edge.role == "value"]
    places = layout(picture, sizes, [(edge.source, edge.target) for edge in forward], picture.direction)
    return {
        "width": places.width,
        "height": places.height,
        "direction": picture.direction,
        "groups": [{"title": group.title, "place": list(places.groups[group.id])} for group in picture.groups],
        "boxes": [
            {"id": box.id, "card": cards.get(box.id, "words"), "place": list(places.boxes[box.id])}
            | _words(box)
            | (
                _node(scene, sentences, nodes[box.id])
                if box.id in nodes
                else {"members": len(scene.folded[box.id].nodes)}
            )
            for box in picture.boxes
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "slot": edge.slot, "path": path, "text": edge.text}
            for edge, path in zip(forward, places.edges, strict=True)
        ],
    }


def _words(box: Box) -> dict[str, Any]:
    told = {"kind": box.kind, "title": box.title, "lines": list(box.lines), "output": box.output}
    return told | ({"mark": {"kind": box.mark.kind, "text": box.mark.text}} if box.mark else {})


def _node(scene: Scene, sentences: Sentences, node: Node) -> dict[str, Any]:
    """Return what is to be known of a node apart from its numbers."""
    told: dict[str, Any] = {
        "name": short(node.name or "", LONGEST_NAME),
        "role": signal_role(node).replace(" ", "-"),
        "symbol": sentences.symbol(node),
        "derivative": sentences.caption(node),
        "scope": short(node.scope, LONGEST_NAME),
        "inputs": [scene.box_of[source] for source in node.inputs],
    }
    if node.op is not None:
        told |= {"op": short(node.op.name), "infix": infix(node)}
    return told


def _card(node: Node, runs: Collection[ForwardPass], roomy: bool) -> Card:
    """Return what the box of a node shows of its arrays."""
    if not runs or kind_of(node) == "literal":
        return "words"
    if not roomy:
        return "sizes"
    return "numbers" if all(fits_table(run.values[node]) for run in runs) else "maps"
