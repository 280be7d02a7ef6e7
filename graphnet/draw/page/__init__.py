"""The page: one self-contained HTML file that steps through a pass, and computes another one where a number is changed.

Its scenes are pictures of one graph: the first one, and one for each folded box, where that box is open. A node has the
same id in all of them, ``"n12"`` for the one at place 12 of ``graph.nodes``, so that they share its numbers. Here all that
the page shows is gathered as plain data that JSON can hold, formulas too; every text in it is clean, nothing is escaped.
`steps` says what happens in which order and in which words, brings that to the boxes of a picture, and finds places for them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from graphnet.common.text import markup, norm_of, short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.circles import sheet_of_units
from graphnet.draw.diagram import Scales, diagram_of
from graphnet.draw.names import WHY, number_text, share_text
from graphnet.draw.page.live import live_data
from graphnet.draw.page.steps import PHASES, Event, Sentences, Stage, new_value, steps_of
from graphnet.draw.picture import STATE_MARKS, Picture
from graphnet.draw.scale import Images, array_data, fitted
from graphnet.draw.shapes import SVG_FONT, Element, Sheet, element_of
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import SATURATED, NotInARowError, Units, chain_of, flat_units, slope_range
from graphnet.errors import DrawError
from graphnet.notation.formula import Formula
from graphnet.notation.names import Symbol
from graphnet.notation.reading import Reader, rules_of
from graphnet.notation.terms import Leaf
from graphnet.notation.writers import Tree, as_tree

_SCRIPTS = (
    "engine", "dom", "state", "numbers", "live", "arrays", "formula", "hover", "camera", "graph", "unitnumbers", "units",
    "views", "panel", "tuner", "player", "predict", "maps", "train", "share", "main", "embed",
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

# Numbers that one page carries at most, over all its arrays; and that one array gets at most, and at least: a page of very
# many arrays carries a few of each.
_MOST_NUMBERS, _MOST_IN_ONE, _FEWEST_IN_ONE = 120_000, 640, 12

# Characters that unit views of all passes may take; beyond that the page has the op view alone.
_MOST_UNIT_TEXT = 2_000_000

# A folded box of more nodes can't be opened; neither can those after which all scenes have more boxes.
_MOST_INSIDE, _MOST_BOXES = 100, 1_500

_RATE = "\ue000"  # of no script: no name is written with it

_ON_THE_PAGE_ITSELF = frozenset({"title", "notice", "legend"})


def page_data(
    graph: Graph,
    passes: Mapping[str, ForwardPass],
    learning_rate: float,
    *,
    unfold: Callable[..., Picture],
    sample: int | None = None,
    view: Literal["ops", "units"] = "ops",
    live: bool = True,
    images: Mapping[Node, Images] | None = None,
) -> dict[str, Any]:
    """Return what the page shows of a graph, and of runs of it by the name that the page calls each.

    ``unfold()`` gives the picture: the boxes with their words, the groups, and which boxes are joined; ``unfold(unfold=place)``
    one where the folded box with the node at a place of ``graph.nodes`` is open. If `view` is "units", the page starts with
    the unit view alone. A single backward pass is `live`: the page can compute it again, from other numbers.

    Raises
    ------
    DrawError
        If the passes don't take the same steps or are too many.
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
    page = _Page(graph, list(passes.values()), learning_rate, share(count), images or {})
    arrays = [page.arrays(name, run, nodes) for name, run in passes.items()]
    formulas = rule_trees(graph, page.passes)
    scales = page.scales(nodes)
    only = next(iter(passes.values())) if live and len(passes) == 1 else None
    program = live_data(graph, only, learning_rate) if isinstance(only, BackwardPass) else {}
    units = page.unit_views(sample, scales, alone=program.get("single") == "")
    samples = _samples(program) if "nodes" in program else {}
    named = {page.id_of[use.consumer] for node in nodes for use in graph.consumers(node)}
    named |= {node for shown in units for part in shown["parts"] for node in part["nodes"]}
    return {
        "title": picture.title,
        "view": view,
        "rate": number_text(learning_rate),
        "loss": page.sentences.names.loss,
        "scales": {w: {**vars(s), "ends": s.ends} for w, s in zip(("value", "signal", "weight"), scales, strict=True)},
        "marks": STATE_MARKS,
        "why": WHY,
        "formulas": {page.id_of[node]: formulas.get(page.id_of[node]) for node in nodes if node.op is not None},
        "passes": arrays,
        "scenes": {name: page.scene(scene, arrays, named, samples) for name, scene in scenes.items()},
        "units": units,
        "live": program or None,
        "edit": page.edit(only, sample) if isinstance(only, BackwardPass) and "nodes" in program else None,
    }


def share(arrays: int) -> int:
    """Return how many numbers each of this many arrays may have.

    Examples
    --------
    >>> share(10), share(1_000), share(1_000_000)
    (640, 120, 12)
    """
    return min(_MOST_IN_ONE, max(_FEWEST_IN_ONE, _MOST_NUMBERS // max(arrays, 1)))


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


def _samples(program: Mapping[str, Any]) -> dict[str, int]:
    """Return how many samples arrays have, by the ids of their nodes, where one of several can be shown alone."""
    if program["single"] or program["samples"] < 2:
        return {}
    return {id: program["samples"] for id, node in program["nodes"].items() if node.get("batched")}


class _Page:
    """Turns runs of one graph into plain data, which carry at most `most` numbers of an array."""

    def __init__(
        self, graph: Graph, passes: Sequence[ForwardPass], rate: float, most: int, images: Mapping[Node, Images]
    ) -> None:
        self.graph, self.passes, self.rate, self.most, self.images = graph, passes, rate, most, images
        self.steps = [steps_of(run) for run in passes]
        self.sentences = Sentences(graph, _RATE)
        self.id_of: dict[Any, str] = {node: f"n{place}" for place, node in enumerate(graph.nodes)}

    def scales(self, nodes: Collection[Node]) -> Scales:
        """Return the colour scales of both views over all passes."""
        runs = self.passes
        backward = [run for run in runs if isinstance(run, BackwardPass)]
        return Scales(
            fitted(run.values[node] for run in runs for node in nodes if node.op is None or run.values[node].ndim),
            fitted(run.error_signals[node] for run in backward for node in nodes if node in run.error_signals),
            fitted(run.values[node] for run in runs for node in self.graph.parameters if run.values[node].ndim == 2),
        )

    # The numbers of one pass ----------------------------------------------------------------------------------------

    def arrays(self, name: str, run: ForwardPass, nodes: Collection[Node]) -> dict[str, Any]:
        """Return the numbers of one run, under the name that the page calls it."""
        output, *others = self.graph.outputs
        error = "" if others or run.values[output].ndim else number_text(run.values[output][()])
        return {
            "name": short(name),
            "title": f"{short(name)}: {self.sentences.name(output)} = {error}" if error else short(name),
            "error": error,
            "arrays": {self.id_of[node]: self._arrays(run, node) for node in nodes},
        }

    def _arrays(self, run: ForwardPass, node: Node) -> dict[str, Any]:
        """Return what a node has: its value, and where there is one its error signal with the messages it adds up.

        What arrives at a constant goes no further and changes nothing: of that nothing is said. A message that comes alone is
        the error signal, which is there already.
        """
        images = self.images.get(node)
        told: dict[str, Any] = {"value": array_data(run.values[node], self.most, images)}
        told |= {"byHand": True} if node in run.replaced else {}
        if not isinstance(run, BackwardPass) or isinstance(node, Constant):
            return told
        if flat := flat_units(run, node):
            told["flat"] = {what: share_text(what, where) for what, where in flat.items()}
        if node not in run.error_signals:
            return told | {"unreached": True}
        told["signal"] = array_data(run.error_signals[node], self.most, images)
        told |= {"signalByHand": True} if node in run.replaced_error_signals else {}
        told["messages"] = []
        messages = run.messages(node)
        for consumer, slot, delta in messages:
            sender: dict[str, Any] = {"from": None, "name": ""}
            if consumer is not None:
                sender = {"from": self.id_of[consumer], "name": self.sentences.name(consumer), "slot": slot}
            sender |= {"array": array_data(delta, self.most, images)} if len(messages) > 1 else {}
            told["messages"].append(sender)
        if isinstance(node, Parameter):
            told["update"] = array_data(new_value(run, node, self.rate), self.most, images)
        return told

    # What can be changed ------------------------------------------------------------------------------------------------

    def edit(self, run: BackwardPass, sample: int | None) -> dict[str, Any]:
        """Return what is to be known of a live page's nodes to say what comes of other numbers."""
        graph, ids = self.graph, self.id_of.get
        loss = graph.outputs[0]
        is_loss = len(graph.outputs) == 1 and not run.values[loss].ndim
        ranges = {n: slope_range(n.op) for n in graph.nodes if n.op is not None and Units.of(run, n) is not None}
        flat = {
            ids(node): {"largest": r.largest if r.largest < np.inf else None, "flat": r.flat, "straight": r.straight}
            for node, r in ranges.items()
        }
        try:
            row = chain_of(graph)
        except NotInARowError:
            chain = None
        else:
            parts = "signal", "weights", "bias", "z", "a"
            layers = [{p: ids(getattr(one, p)) for p in parts} | {"transposed": one.transposed} for one in row.layers]
            chain = {"input": ids(row.input), "layers": layers, "columns": row.columns, "target": ids(row.target)}
        return {
            "sample": sample,
            "most": self.most,
            "title": f"Backward pass: {self.sentences.name(loss)} = " if is_loss else "",
            "names": {ids(node): self.sentences.name(node) for node in graph.nodes},
            "labels": {ids(node): ascii(graph.label(node)) for node in graph.nodes},  # literals of Python
            "slopes": flat,
            "saturated": SATURATED,
            "chain": chain,
        }

    # The op view ----------------------------------------------------------------------------------------------------

    def scene(
        self,
        scene: Stage,
        arrays: Sequence[Mapping[str, Any]],
        named: Collection[str],
        samples: Mapping[str, int],
    ) -> dict[str, Any]:
        """Return one picture with its steps, which are the same for all passes."""
        shown = [scene.steps(of_one) for of_one in self.steps]
        first = shown[0] if shown else []
        steps = [plotted for plotted, _ in first]
        if any([plotted for plotted, _ in of_one] != steps for of_one in shown):
            raise DrawError(
                "the passes reach different nodes, so that they can't share the steps of one page",
                repair="Draw passes of the same outputs and delta, or save a page for each.",
            )
        told = []
        for run, of_one in zip(self.passes, shown, strict=True):
            folded = {box: self._inside(run, nodes) for box, nodes in scene.folded.items()}
            told.append({"says": [self._says(scene, *step) for step in of_one], "folded": folded})
        contents = [one["arrays"] | other["folded"] for one, other in zip(arrays, told, strict=True)]
        present = [step["phase"] for step in steps]
        phases = [(key, title) for key, title in PHASES.items() if key in present]
        return {
            "notice": scene.picture.notice,
            "told": told,
            "steps": steps,
            "phases": [{"key": key, "title": title, "first": present.index(key)} for key, title in phases],
            **scene.scenery(self.sentences, self.passes, contents, samples),
            "within": {node: box for node, box in scene.within.items() if node in named},
            "folds": {box: [self.id_of[node] for node in nodes] for box, nodes in scene.folded.items() if shown},
        }

    def _inside(self, run: ForwardPass, nodes: Sequence[Node]) -> dict[str, Any]:
        """Return what is said of a folded box: the largest error signal inside."""
        signals = run.error_signals if isinstance(run, BackwardPass) else {}
        norms = [(norm_of(signals[node]), node) for node in nodes if node in signals]
        if not norms:
            return {}
        size, node = max(norms, key=lambda pair: pair[0])
        return {"largest": {"norm": number_text(size), "name": self.sentences.name(node)}}

    def _says(self, scene: Stage, shown: Mapping[str, Any], step: Event) -> str:
        box, *others = shown["boxes"]
        if others or box in scene.single:
            return self.sentences.of(step)
        return self.sentences.of_many(step, len(scene.folded[box]), scene.titles[box])

    # The unit view --------------------------------------------------------------------------------------------------

    def unit_views(self, sample: int | None, scales: Scales, *, alone: bool) -> list[dict[str, Any]]:
        """Return the unit view of each pass, or none if the graph is no row of layers or if they would be too much.

        Where the page can run one sample `alone`, it says itself which one is on show, and E is of that.
        """
        views: list[dict[str, Any]] = []
        for run in self.passes or (None,):
            updated: dict[Node, Array] = {}
            if isinstance(run, BackwardPass):
                updated |= {w: new_value(run, w, self.rate) for w in self.graph.parameters if w in run.error_signals}
            try:
                diagram = diagram_of(run or self.graph, sample, scales if run else None, updated)
            except DrawError:
                return views
            if alone and diagram.error:
                diagram = replace(diagram, error=replace(diagram.error, share=""))
            sheet = sheet_of_units(diagram)
            notices = ["" if alone else diagram.sample, diagram.notice and f"{diagram.notice}."]
            view: dict[str, Any] = {"width": float(f"{sheet.width:g}"), "height": float(f"{sheet.height:g}")}
            view |= {"notice": " ".join(filter(None, notices)), "marks": _marks(sheet), "font": SVG_FONT}
            parts = [_part(part) for part in sheet.parts if not _ON_THE_PAGE_ITSELF & set(part.classes)]
            views.append(view | {"parts": parts})
            if len(views) == 1 and len(json.dumps(views)) * len(self.passes) > _MOST_UNIT_TEXT:
                return []
        return views


def _marks(sheet: Sheet) -> list[str]:
    """Return which states are marked at the labels of error signals."""
    labels = [part for part in sheet.parts if {"label", "backward"} <= set(part.classes)]
    words = "".join(span.text for part in labels for text in part.texts for span in text.spans)
    return [state for state, mark in STATE_MARKS.items() if mark in words]


def _part(part: Element) -> dict[str, Any]:
    nodes = [name for name in part.classes if re.fullmatch(r"n\d+", name)]
    told = {
        "id": part.id,
        "classes": [name for name in part.classes if name not in nodes],
        "nodes": nodes,
        "shapes": [element_of(shape, still=False) for shape in part.shapes],
        "tip": part.tip,
    }
    return told | ({"updated": part.updated} if part.updated else {})


# The formulas of a graph's rules -------------------------------------------------------------------------------------


_MOST_NODES = 1_000  # the formulas of larger graphs are not read
_LARGEST, _DEEPEST = 60, 20  # formulas above this size or depth are neither read nor filled with numbers by anybody
_CLOSE = 1e-4  # relative difference up to which a formula gives a message: rounding in float32 makes some
_PLACE = "\ue000"  # of no script: no name or function is written with it


def rule_trees(graph: Graph, runs: Collection[ForwardPass] = ()) -> dict[str, dict[str, Any]]:
    """Return the formulas of every node that has an op, by ``"n12"`` for the node at place 12 of ``graph.nodes``.

    They must give the messages of the passes: a formula that takes ∂E/∂E for 1 is left out where the way back started with
    something else. For each node there are ``value`` and ``signal``, its symbols; ``forward``, its rule; ``backward``, one
    for each input, or ``None``. A rule is ``{"symbols": tree, "numbers": tree or None}``, or ``None`` if it is too large.
    Where there are several outputs there is no one E to differentiate: ``signal`` and ``backward`` are ``None``.

    Examples
    --------
    >>> import graphnet as gn
    >>> z = gn.input("z1")
    >>> a = gn.exp(z, name="a1")
    >>> rule_trees(gn.Graph(a))["n1"]["forward"]["numbers"]
    ['msup', {}, ['mi', {}, 'e'], ['array', 'n0', 'value']]
    """
    if len(graph) > _MOST_NODES:
        return {}
    ids = {graph.label(node): f"n{place}" for place, node in enumerate(graph.nodes)}
    replaced = {node for run in runs for node in run.replaced}
    checks = [_Check(run) for run in runs if isinstance(run, BackwardPass)]
    has_one_output = len(graph.outputs) == 1
    trees = {}
    reader = Reader(graph, by_label=True)  # a node is called the same in formulas and on its box
    for node in graph.nodes:
        if node.op is None:
            continue
        rules = rules_of(node, reader)
        backward = [
            _rule(message, ids) if message and all(check.gives(message, node, slot) for check in checks) else None
            for slot, message in enumerate(rules.backward)
            if has_one_output
        ]
        trees[ids[graph.label(node)]] = {
            "value": as_tree(rules.value.box),
            "signal": as_tree(rules.signal.box) if has_one_output else None,
            "forward": None if node in replaced else _rule(rules.forward, ids),
            "backward": backward,
        }
    return trees


class _Check:
    """Compares formulas with the messages of one pass."""

    def __init__(self, run: BackwardPass) -> None:
        self.run = run
        self.signals = {run.graph.label(node): signal for node, signal in run.error_signals.items()}
        messages = (message for node in run.error_signals for message in run.messages(node))
        self.sent = {(id(message.consumer), message.slot): message.delta for message in messages}

    def gives(self, formula: Formula, node: Node, slot: int) -> bool:
        """Tell whether a formula gives the message that a node sent to an input; true if it sent none."""
        sent = self.sent.get((id(node), slot))
        if sent is None or _is_too_large(formula):
            return True
        try:
            with np.errstate(all="ignore"):
                given = np.asarray(formula.evaluate(self.run, self.signals))
                room = _CLOSE * float(np.max(np.abs(sent), initial=0.0))
                return given.shape == sent.shape and np.allclose(given, sent, _CLOSE, room, equal_nan=True)
        except Exception:  # a custom rule may do anything: without the formula there is still the message
            return False


def _is_too_large(formula: Formula) -> bool:
    return formula.extent[0] > _LARGEST or formula.extent[1] > _DEEPEST


def _rule(formula: Formula, ids: Mapping[str, str]) -> dict[str, Any] | None:
    if _is_too_large(formula):
        return None

    def place(of: Leaf) -> Symbol:
        return Symbol(f"{_PLACE}{ids[of.label]} {'signal' if of.is_signal else 'value'}")

    return {"symbols": as_tree(formula.box), "numbers": _with_places(as_tree(replace(formula, called=place).box))}


def _with_places(tree: Tree) -> Tree:
    """Return MathML with a place for an array where the name of one is. Its depth is bounded."""
    tag, attributes, *children = tree
    if children and isinstance(children[0], str):
        return ["array", *children[0][1:].split(" ")] if children[0].startswith(_PLACE) else tree
    return [tag, attributes, *map(_with_places, children)]
