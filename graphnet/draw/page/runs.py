"""The numbers of passes as plain data: for each box its arrays, and for each step a sentence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.names import counted
from graphnet.draw.page.arrays import describe
from graphnet.draw.page.scene import Scene, SceneStep
from graphnet.draw.page.sentences import Sentences
from graphnet.draw.page.steps import Step, new_value
from graphnet.draw.scale import norm
from graphnet.draw.text import number, short
from graphnet.engine.passes import BackwardPass, ForwardPass, Message
from graphnet.engine.units import flat_units


class Runs:
    """Turns runs of one graph into plain data, which carry at most so many numbers of an array."""

    def __init__(self, graph: Graph, learning_rate: float, most: int) -> None:
        self.graph = graph
        self.learning_rate, self.most = learning_rate, most
        self.sentences = Sentences(graph, number(learning_rate))
        self.id_of = {node: f"n{place}" for place, node in enumerate(graph.nodes)}

    def arrays(self, name: str, run: ForwardPass, nodes: Collection[Node]) -> dict[str, Any]:
        """Return the numbers of one run, under the name that the page calls it."""
        outputs = self.graph.outputs
        error = number(run.values[outputs[0]][()]) if len(outputs) == 1 and not run.values[outputs[0]].ndim else ""
        return {
            "name": short(name),
            "title": f"{short(name)}: {self.sentences.name(outputs[0])} = {error}" if error else short(name),
            "error": error,
            "arrays": {self.id_of[node]: self._arrays(run, node) for node in nodes},
        }

    def told(self, run: ForwardPass, scene: Scene, steps: Sequence[tuple[SceneStep, Step]]) -> dict[str, Any]:
        """Return what one run says in one scene: a sentence for each step, and what is in its folded boxes."""
        return {
            "says": [self._says(scene, shown, step) for shown, step in steps],
            "folded": {box: self._inside(run, nodes) for box, nodes in scene.folded.items()},
        }

    def _arrays(self, run: ForwardPass, node: Node) -> dict[str, Any]:
        """Return what a node has: its value, and where there is one its error signal with the messages it adds up.

        What arrives at a constant goes no further and changes nothing: of that nothing is said.
        """
        told: dict[str, Any] = {"value": self._array(run.values[node])}
        if not isinstance(run, BackwardPass) or isinstance(node, Constant):
            return told
        if flat := flat_units(run, node):
            told["flat"] = {what: counted(what, where) for what, where in flat.items()}
        if node not in run.error_signals:
            return told | {"unreached": True}
        told["signal"] = self._array(run.error_signals[node])
        messages = run.messages(node)
        told["messages"] = [self._message(message, alone=len(messages) == 1) for message in messages]
        if isinstance(node, Parameter):
            told["update"] = self._array(new_value(run, node, self.learning_rate))
        return told

    def _message(self, message: Message, *, alone: bool) -> dict[str, Any]:
        """Return a message; alone it is the error signal, which is there already."""
        consumer = message.consumer
        told: dict[str, Any] = {"from": None, "name": ""}
        if consumer is not None:
            told = {"from": self.id_of[consumer], "name": self.sentences.name(consumer), "slot": message.slot}
        return told if alone else told | {"array": self._array(message.delta)}

    def _inside(self, run: ForwardPass, nodes: Sequence[Node]) -> dict[str, Any]:
        """Return what is said of a folded box: the largest error signal inside."""
        if not isinstance(run, BackwardPass):
            return {}
        norms = [(norm(run.error_signals[node]), node) for node in nodes if node in run.error_signals]
        if not norms:
            return {}
        size, node = max(norms, key=lambda pair: pair[0])
        return {"largest": {"norm": number(size), "name": self.sentences.name(node)}}

    def _array(self, array: Array) -> dict[str, Any]:
        return describe(array, self.most)

    def _says(self, scene: Scene, shown: SceneStep, step: Step) -> str:
        box = shown.boxes[0]
        if len(shown.boxes) > 1 or box in scene.single:
            return self.sentences.of(step)
        return self.sentences.of_many(step, len(scene.folded[box]), scene.titles[box])
