"""All that the page shows, as plain data that JSON can hold. Every text in it is clean; nothing is escaped.

Its scenes are pictures of one graph: the first one, and one for each folded box, where that box is open. A node has the
same id in all of them, ``"n12"`` for the one at place 12 of ``graph.nodes``, so that they share its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node
from graphnet.draw.names import WHY
from graphnet.draw.page.arrays import MOST_ARRAYS, share
from graphnet.draw.page.formulas import rule_trees
from graphnet.draw.page.runs import Runs
from graphnet.draw.page.scene import Scene, SceneStep
from graphnet.draw.page.scenery import scenery
from graphnet.draw.page.steps import PHASES, Step, new_value, steps_of
from graphnet.draw.page.units import unit_view
from graphnet.draw.picture import MARKS, Picture
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import number
from graphnet.draw.units.build import Scales
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError

MOST_UNIT_TEXT = 2_000_000
"""Characters that unit views of all passes may take; beyond that the page has the op view alone."""

MOST_INSIDE, MOST_BOXES = 100, 1_500
"""A folded box of more nodes can't be opened; neither can those after which all scenes have more boxes."""


def page_data(
    picture: Picture,
    graph: Graph,
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
    *,
    unfold: Callable[[int], Picture],
    sample: int | None = None,
    view: Literal["ops", "units"] = "ops",
) -> dict[str, Any]:
    """Return what the page shows of a graph, and of runs of it by the name that the page calls each.

    The picture gives the boxes with their words, the groups, and which boxes are joined; ``unfold(place)`` gives the picture
    where the folded box with the node at a place of ``graph.nodes`` is open. If `view` is "units", the page starts with the
    unit view alone.

    Raises
    ------
    DrawError
        If the passes don't take the same steps or are too many, or there is no Graphviz.
    """
    pictures = {"": picture, **_opened(picture, unfold)}
    scenes = {name: Scene(one, graph) for name, one in pictures.items()}
    nodes = list(dict.fromkeys(node for scene in scenes.values() for node in scene.single.values()))
    count = 3 * len(nodes) * len(passes)
    if count > MOST_ARRAYS and len(passes) > 1:
        raise DrawError(
            f"{len(passes):,} passes of {len(nodes):,} nodes are too much for one page",
            repair=f"Draw one in {-(-count // MOST_ARRAYS)} of them.",
        )
    runs = Runs(graph, learning_rate, most=share(count))
    arrays = [runs.arrays(name, run, nodes) for name, run in passes.items()]
    steps = [steps_of(run, learning_rate) for run in passes.values()]
    formulas = rule_trees(graph, passes.values())
    scales = _scales(graph, nodes, passes.values())
    units = _unit_views(list(passes.values()), graph, sample, scales, learning_rate)
    named = {runs.id_of[use.consumer] for node in nodes for use in graph.consumers(node)}
    named |= {node for view in units for part in view["parts"] for node in part["nodes"]}
    return {
        "title": picture.title,
        "view": view,
        "rate": number(learning_rate),
        "loss": runs.sentences.names.loss,
        "scales": {"value": _ends(scales.values), "signal": _ends(scales.signals)},
        "marks": MARKS,
        "why": WHY,
        "formulas": {runs.id_of[node]: formulas.get(runs.id_of[node]) for node in nodes if node.op is not None},
        "passes": arrays,
        "scenes": {
            name: _scene(pictures[name], scene, runs, list(passes.values()), arrays, steps)
            | {"within": {node: box for node, box in scene.within.items() if node in named}}
            for name, scene in scenes.items()
        },
        "units": units,
    }


def _opened(picture: Picture, unfold: Callable[[int], Picture]) -> dict[str, Picture]:
    """Return a picture for each folded box that can be opened."""
    opened = {}
    room = MOST_BOXES - len(picture.boxes)
    for box in picture.boxes:
        needed = len(picture.boxes) + len(box.nodes)
        if box.kind == "folded" and len(box.nodes) <= MOST_INSIDE and needed <= room:
            room -= needed
            opened[box.id] = unfold(box.nodes[0])
    return opened


def _scene(
    picture: Picture,
    scene: Scene,
    runs: Runs,
    passes: Sequence[ForwardPass],
    arrays: Sequence[Mapping[str, Any]],
    steps: Sequence[Sequence[Step]],
) -> dict[str, Any]:
    """Return one picture with its steps."""
    shown = [scene.steps(of_one) for of_one in steps]
    plots = [[plotted for plotted, _ in of_one] for of_one in shown]
    if any(plot != plots[0] for plot in plots):
        raise DrawError(
            "the passes reach different nodes, so that they can't share the steps of one page",
            repair="Draw passes of the same outputs and delta, or save a page for each.",
        )
    told = [runs.told(run, scene, of_one) for run, of_one in zip(passes, shown, strict=True)]
    contents = [one["arrays"] | other["folded"] for one, other in zip(arrays, told, strict=True)]
    return {
        "notice": picture.notice,
        "told": told,
        **_plot(plots[0] if plots else []),
        **scenery(picture, scene, runs.sentences, passes, contents),
    }


def _plot(steps: Sequence[SceneStep]) -> dict[str, Any]:
    """Return the steps without numbers: they are the same for all passes."""
    present = [step.phase for step in steps]
    phases = [
        {"key": key, "title": title, "first": present.index(key)} for key, title in PHASES.items() if key in present
    ]
    return {"steps": [vars(step) for step in steps], "phases": phases}


def _scales(graph: Graph, nodes: Collection[Node], runs: Collection[ForwardPass]) -> Scales:
    """Return the colour scales of both views over all passes."""
    backward = [run for run in runs if isinstance(run, BackwardPass)]
    return Scales(
        linear(run.values[node] for run in runs for node in nodes if node.op is None or run.values[node].ndim),
        logarithmic(run.error_signals[node] for run in backward for node in nodes if node in run.error_signals),
        linear(run.values[node] for run in runs for node in graph.parameters if run.values[node].ndim == 2),
    )


def _ends(scale: Scale) -> dict[str, Any]:
    return {"low": scale.low, "high": scale.high, "ends": [number(scale.low, 2), number(scale.high, 2)]}


def _unit_views(
    passes: Sequence[ForwardPass], graph: Graph, sample: int | None, scales: Scales, learning_rate: float
) -> list[dict[str, Any]]:
    """Return the unit view of each pass, or none if the graph has none or if they would be too much."""

    def view(run: ForwardPass) -> dict[str, Any] | None:
        updated: dict[Node, Array] = {}
        if isinstance(run, BackwardPass):
            updated = {w: new_value(run, w, learning_rate) for w in graph.parameters if w in run.error_signals}
        return unit_view(run, sample, scales, updated)

    first = view(passes[0]) if passes else unit_view(graph, sample)
    if first is None or len(json.dumps(first)) * len(passes) > MOST_UNIT_TEXT:
        return []
    return [first, *(other for run in passes[1:] if (other := view(run)))]
