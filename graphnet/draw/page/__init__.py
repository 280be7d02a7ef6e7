"""The page: one self-contained HTML file that steps through a pass.

`steps` says what happens in which order, with which numbers and words. `scenery` brings the steps to the boxes of a picture,
and finds places for them. `runs` bounds what the page carries of arrays, `formulas` makes plain data of rules, and `data`
gathers all. The style and the scripts in ``assets`` show these data; they compute nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.resources import files
from operator import attrgetter
from typing import Any, Literal

from graphnet.common.text import markup
from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node
from graphnet.draw.names import WHY, number_text
from graphnet.draw.page.numbers import PassData, rule_trees, share
from graphnet.draw.page.scenery import Stage, scenery
from graphnet.draw.page.steps import PHASES, Event, new_value, steps_of
from graphnet.draw.picture import STATE_MARKS, Picture
from graphnet.draw.scale import linear, logarithmic
from graphnet.draw.units.build import Scales, diagram_of
from graphnet.draw.units.layout import sheet_of
from graphnet.draw.units.shapes import SVG_FONT, Element, element_of
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.errors import DrawError

_SCRIPTS = (
    "dom", "state", "arrays", "formula", "hover", "camera", "graph", "units", "views", "panel", "player", "main",
)  # fmt: skip
"""In the order in which they are needed."""

_AS_ESCAPES = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})


def write_html(data: Mapping[str, Any]) -> str:
    """Return the page as one HTML document, given what `page_data` returns.

    Nothing in it is loaded from elsewhere, and its Content-Security-Policy lets only the style and the script run that
    this function put in, told by their hashes. The data are a block of JSON in which no character can end the block.
    """
    script = '"use strict";\n(() => {\n' + "\n".join(_asset(f"{name}.js") for name in _SCRIPTS) + "})();\n"
    style = _asset("style.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": markup(data["title"]),
        "style": style,
        "script": script,
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_AS_ESCAPES),
    }
    return re.sub(r"{{(\w+)}}", lambda place: parts[place[1]], _asset("page.html"))  # in one go: no part is looked into


def _asset(name: str) -> str:
    return files("graphnet.draw.page").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_MOST_ARRAYS = 30_000  # arrays that one page carries at most

# Characters that unit views of all passes may take; beyond that the page has the op view alone.
_MOST_UNIT_TEXT = 2_000_000

# A folded box of more nodes can't be opened; neither can those after which all scenes have more boxes.
_MOST_INSIDE, _MOST_BOXES = 100, 1_500

_ON_THE_PAGE_ITSELF = frozenset({"title", "notice", "legend"})


def page_data(
    graph: Graph,
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
    *,
    unfold: Callable[..., Picture],
    sample: int | None = None,
    view: Literal["ops", "units"] = "ops",
) -> dict[str, Any]:
    """Return what the page shows of a graph, and of runs of it by the name that the page calls each.

    ``unfold()`` gives the picture: the boxes with their words, the groups, and which boxes are joined; ``unfold(unfold=place)``
    one where the folded box with the node at a place of ``graph.nodes`` is open. If `view` is "units", the page starts with
    the unit view alone.

    Raises
    ------
    DrawError
        If the passes don't take the same steps or are too many, or there is no Graphviz.
    """
    picture = unfold()
    scenes = {name: Stage(one, graph) for name, one in _pictures(picture, unfold).items()}
    nodes = list(dict.fromkeys(node for scene in scenes.values() for node in scene.single.values()))
    count = 3 * len(nodes) * len(passes)
    if count > _MOST_ARRAYS and len(passes) > 1:
        raise DrawError(
            f"{len(passes):,} passes of {len(nodes):,} nodes are too much for one page",
            repair=f"Draw one in {-(-count // _MOST_ARRAYS)} of them.",
        )
    several = list(passes.values())
    runs = PassData(graph, learning_rate, most=share(count))
    arrays = [runs.arrays(name, run, nodes) for name, run in passes.items()]
    steps = [steps_of(run, learning_rate) for run in several]
    formulas = rule_trees(graph, several)
    scales = _scales(graph, nodes, several)
    units = _unit_views(several, graph, sample, scales, learning_rate)
    named = {runs.id_of[use.consumer] for node in nodes for use in graph.consumers(node)}
    named |= {node for view in units for part in view["parts"] for node in part["nodes"]}
    return {
        "title": picture.title,
        "view": view,
        "rate": number_text(learning_rate),
        "loss": runs.sentences.names.loss,
        "scales": {
            name: {
                "low": scale.low,
                "high": scale.high,
                "ends": [number_text(scale.low, 2), number_text(scale.high, 2)],
            }
            for name, scale in (("value", scales.values), ("signal", scales.signals))
        },
        "marks": STATE_MARKS,
        "why": WHY,
        "formulas": {runs.id_of[node]: formulas.get(runs.id_of[node]) for node in nodes if node.op is not None},
        "passes": arrays,
        "scenes": {name: _scene(scene, runs, several, arrays, steps, named) for name, scene in scenes.items()},
        "units": units,
    }


def _pictures(picture: Picture, unfold: Callable[..., Picture]) -> dict[str, Picture]:
    """Return the picture, and by its id one for each folded box that can be opened."""
    pictures = {"": picture}
    room = _MOST_BOXES - len(picture.boxes)
    for box in picture.boxes:
        needed = len(picture.boxes) + len(box.nodes)
        if box.kind == "folded" and len(box.nodes) <= _MOST_INSIDE and needed <= room:
            room -= needed
            pictures[box.id] = unfold(unfold=box.nodes[0])
    return pictures


def _scene(
    scene: Stage,
    runs: PassData,
    passes: Sequence[ForwardPass],
    arrays: Sequence[Mapping[str, Any]],
    steps: Sequence[Sequence[Event]],
    named: Collection[str],
) -> dict[str, Any]:
    """Return one picture with its steps, which are the same for all passes."""
    shown = [scene.steps(of_one) for of_one in steps]
    plots = [[plotted for plotted, _ in of_one] for of_one in shown] or [[]]
    if any(plot != plots[0] for plot in plots):
        raise DrawError(
            "the passes reach different nodes, so that they can't share the steps of one page",
            repair="Draw passes of the same outputs and delta, or save a page for each.",
        )
    told = [runs.told(run, scene, of_one) for run, of_one in zip(passes, shown, strict=True)]
    contents = [one["arrays"] | other["folded"] for one, other in zip(arrays, told, strict=True)]
    present = [step.phase for step in plots[0]]
    phases = {key: title for key, title in PHASES.items() if key in present}
    return {
        "notice": scene.picture.notice,
        "told": told,
        "steps": [vars(step) for step in plots[0]],
        "phases": [{"key": key, "title": title, "first": present.index(key)} for key, title in phases.items()],
        **scenery(scene, runs.sentences, passes, contents),
        "within": {node: box for node, box in scene.within.items() if node in named},
    }


def _scales(graph: Graph, nodes: Collection[Node], runs: Collection[ForwardPass]) -> Scales:
    """Return the colour scales of both views over all passes."""
    backward = [run for run in runs if isinstance(run, BackwardPass)]
    return Scales(
        linear(run.values[node] for run in runs for node in nodes if node.op is None or run.values[node].ndim),
        logarithmic(run.error_signals[node] for run in backward for node in nodes if node in run.error_signals),
        linear(run.values[node] for run in runs for node in graph.parameters if run.values[node].ndim == 2),
    )


# The unit view ------------------------------------------------------------------------------------------------------


def _unit_views(
    passes: Sequence[ForwardPass], graph: Graph, sample: int | None, scales: Scales, learning_rate: float
) -> list[dict[str, Any]]:
    """Return the unit view of each pass, or none if the graph is no row of layers or if they would be too much."""
    views: list[dict[str, Any]] = []
    for run in passes or (None,):
        updated: dict[Node, Array] = {}
        if isinstance(run, BackwardPass):
            updated |= {w: new_value(run, w, learning_rate) for w in graph.parameters if w in run.error_signals}
        try:
            diagram = diagram_of(run, sample, scales, updated) if run else diagram_of(graph, sample)
        except DrawError:
            return views
        sheet = sheet_of(diagram)
        views.append(
            {
                "width": float(f"{sheet.width:g}"),
                "height": float(f"{sheet.height:g}"),
                "notice": " ".join(filter(None, [diagram.sample, diagram.notice and f"{diagram.notice}."])),
                "marks": [
                    state for state, mark in STATE_MARKS.items() if any(_bears(part, mark) for part in sheet.parts)
                ],
                "font": SVG_FONT,
                "parts": [_part(part) for part in sheet.parts if not _ON_THE_PAGE_ITSELF & set(part.classes)],
            }
        )
        if len(views) == 1 and len(json.dumps(views)) * len(passes) > _MOST_UNIT_TEXT:
            return []
    return views


def _bears(part: Element, mark: str) -> bool:
    """Tell whether a part is a label of an error signal that bears a mark."""
    return {"label", "backward"} <= {*part.classes} and any(mark in s.text for text in part.texts for s in text.spans)


def _part(part: Element) -> dict[str, Any]:
    nodes = [name for name in part.classes if re.fullmatch(r"n\d+", name)]
    told = {
        "classes": [name for name in part.classes if name not in nodes],
        "nodes": nodes,
        "shapes": [element_of(shape, paint=attrgetter("name")) for shape in part.shapes],
        "tip": part.tip,
    }
    return told | ({"updated": part.updated} if part.updated else {})
