"""The steps of a pass on the boxes of a picture: which boxes are lit, along which edges something flows, and the words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.draw.page.steps import Phase, Shows, Step
from graphnet.draw.picture import Picture


@dataclass(frozen=True)
class SceneStep:
    """One step as a picture can show it: ids of boxes that are lit, numbers of edges along which something flows."""

    phase: Phase
    shows: Shows
    boxes: tuple[str, ...]
    edges: tuple[int, ...]


class Scene:
    """The boxes of a picture and the nodes behind them.

    Attributes
    ----------
    box_of : dict
        The id of each node's box.
    single : dict
        The node of each box that stands for one.
    folded : dict
        The nodes of each box that stands for several.
    titles : dict
        What each box is called.
    within : dict
        For each node in a folded box, by the id that its own box would have, the id of the folded one.
    edges : list of Edge
        Those forward.
    """

    def __init__(self, picture: Picture, graph: Graph) -> None:
        nodes = {box.id: tuple(graph.nodes[place] for place in box.nodes) for box in picture.boxes}
        self.box_of = {node: box for box, members in nodes.items() for node in members}
        self.single = {box.id: nodes[box.id][0] for box in picture.boxes if box.kind != "folded"}
        self.folded = {box.id: nodes[box.id] for box in picture.boxes if box.kind == "folded"}
        self.within = {f"n{place}": box.id for box in picture.boxes if box.kind == "folded" for place in box.nodes}
        self.titles = {box.id: box.title for box in picture.boxes}
        self.edges = [edge for edge in picture.edges if edge.role == "value"]
        self._edge_at = {(edge.source, edge.target, edge.slot): i for i, edge in enumerate(self.edges)}

    def steps(self, steps: Iterable[Step]) -> list[tuple[SceneStep, Step]]:
        """Return the steps as this picture shows them, each with the last of those it stands for.

        What happens inside a folded box in one phase is one step: it comes when the last of it has happened.
        """
        bundles: dict[object, list[Step]] = {}
        for step in steps:
            box = self.box_of[step.nodes[0]]
            key = (step.phase, step.shows, box) if len(step.nodes) == 1 and box in self.folded else step
            bundle = bundles.pop(key, [])  # taken out and put back: it moves to the place of its last step
            bundle.append(step)
            bundles[key] = bundle
        return [(self._bundled(bundle), bundle[-1]) for bundle in bundles.values()]

    def _bundled(self, bundle: Sequence[Step]) -> SceneStep:
        boxes = dict.fromkeys(self.box_of[node] for step in bundle for node in step.nodes)
        edges = dict.fromkeys(self._edges(bundle))
        return SceneStep(bundle[-1].phase, bundle[-1].shows, tuple(boxes), tuple(edges))

    def _edges(self, bundle: Sequence[Step]) -> Iterable[int]:
        for step in bundle:
            for use in step.uses:
                ends = self.box_of[use.source], self.box_of[use.consumer]
                found = self._edge_at.get((*ends, use.slot), self._edge_at.get((*ends, None)))
                if found is not None:  # edges inside a folded box are not drawn
                    yield found
