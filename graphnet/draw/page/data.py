"""All that the page shows, as plain data that JSON can hold. Every text in it is clean; nothing is escaped."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.page.arrays import share
from graphnet.draw.page.formulas import rule_trees
from graphnet.draw.page.runs import Runs
from graphnet.draw.page.scene import Scene, SceneStep
from graphnet.draw.page.scenery import scenery
from graphnet.draw.page.steps import PHASES, steps_of
from graphnet.draw.page.units import unit_view
from graphnet.draw.picture import Picture
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import number
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError

MOST_UNIT_TEXT = 2_000_000
"""Characters that unit views of all passes may take; beyond that the page has the op view alone."""


def page_data(
    picture: Picture,
    graph: Graph,
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
    *,
    sample: int | None = None,
    view: Literal["ops", "units"] = "ops",
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    picture
        Gives the boxes with their words, the groups, and which boxes are joined.
    graph
        What the picture shows.
    passes
        Runs of the graph, by the name that the page calls each; none for a picture without numbers.
    learning_rate
        η of the update.
    sample
        Whose numbers the unit view shows; ``None`` for averages.
    view
        What is asked for: with the unit view the page starts with that alone.

    Raises
    ------
    DrawError
        If the passes don't take the same steps, or there is no Graphviz.
    """
    scene = Scene(picture, graph)
    told = {name: scene.steps(steps_of(run, learning_rate)) for name, run in passes.items()}
    plots = [[shown for shown, _ in steps] for steps in told.values()]
    if any(plot != plots[0] for plot in plots):
        raise DrawError(
            "the passes reach different nodes, so that they can't share the steps of one page",
            repair="Draw passes of the same outputs and delta, or save a page for each.",
        )
    runs = Runs(graph, scene, learning_rate, most=share(3 * len(scene.single) * len(passes)))
    in_numbers = [runs.data(name, run, told[name]) for name, run in passes.items()]
    return {
        "title": picture.title,
        "notice": picture.notice,
        "view": view,
        "rate": number(learning_rate),
        "loss": runs.sentences.loss,
        "scales": _scales(scene.single.values(), passes.values()),
        **_plot(plots[0] if plots else []),
        **scenery(picture, scene, runs.sentences, passes.values(), in_numbers, rule_trees(graph, scene.box_of)),
        "passes": in_numbers,
        "units": _unit_views(list(passes.values()) or [graph], sample, scene.box_of),
    }


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


def _unit_views(
    shown: Sequence[Graph | ForwardPass], sample: int | None, box_of: Mapping[Node, str]
) -> list[dict[str, Any]]:
    """Return the unit view of each pass, or none if the graph has none or if they would be too much."""
    first = unit_view(shown[0], sample, box_of)
    if first is None or len(json.dumps(first)) * len(shown) > MOST_UNIT_TEXT:
        return []
    return [first, *(view for run in shown[1:] if (view := unit_view(run, sample, box_of)))]
