"""The numbers of passes as plain data: for each box its arrays, all numbers as text if they are few, else a reduced map."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphnet.common.tables import distinct
from graphnet.common.text import short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Array, Node
from graphnet.draw.names import number_text, share_text
from graphnet.draw.page.scenery import Stage, StageStep
from graphnet.draw.page.steps import Event, Sentences, new_value
from graphnet.draw.scale import largest_in_tiles, norm, summary_of
from graphnet.draw.units.shapes import Tree
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import flat_units
from graphnet.notation.formula import Formula
from graphnet.notation.reading import rule_formulas
from graphnet.notation.symbols import Symbol
from graphnet.notation.terms import Leaf

# Numbers that one page carries at most, over all its arrays; and that one array gets at most, and at least: a page of very
# many arrays carries a few of each.
_MOST_NUMBERS, _MOST_IN_ONE, _FEWEST_IN_ONE = 120_000, 640, 12

_LONGEST_SIDE = 64


def share(arrays: int) -> int:
    """Return how many numbers each of this many arrays may have.

    Examples
    --------
    >>> share(10), share(1_000), share(1_000_000)
    (640, 120, 12)
    """
    return min(_MOST_IN_ONE, max(_FEWEST_IN_ONE, _MOST_NUMBERS // max(arrays, 1)))


def array_data(array: Array, most: int) -> dict[str, Any]:
    """Return an array as plain data that carry at most `most` numbers; axes beyond two are laid below each other.

    It has ``shape``, ``rows`` of numbers as text, ``range`` as text, and ``norm``. If rows are reduced, ``each`` says how many
    entries (rows, columns) one number stands for at most: it is the entry of largest size among them. ``bad`` counts the
    entries that are not finite.

    Examples
    --------
    >>> array_data(np.array([[1.0, -2.0]]), most=6)
    {'shape': [1, 2], 'rows': [['1', '−2']], 'norm': '2.236', 'range': ['−2', '1']}
    >>> array_data(np.arange(12.0).reshape(2, 6), most=4)["rows"], array_data(np.zeros((2, 6)), most=4)["each"]
    ([['2', '5'], ['8', '11']], [1, 3])
    """
    shape = [int(size) for size in array.shape]
    if not array.size:
        return {"shape": shape, "rows": []}
    entries, _ = distinct(array)
    matrix = np.atleast_2d(entries).reshape(-1, entries.shape[-1] if array.ndim else 1)
    shown = _reduced(matrix, most)
    told: dict[str, Any] = {"shape": shape, "rows": [[number_text(entry) for entry in row] for row in shown]}
    columns = array.shape[-1] if array.ndim else 1
    if shown.size != array.size:
        told["each"] = [-(-a // b) for a, b in zip((array.size // columns, columns), shown.shape, strict=True)]
    return told | summary_of(array)


def _reduced(matrix: Array, most: int) -> Array:
    """Return the entry of largest size in each tile, for as many tiles as are allowed: the longer side is cut first."""
    rows, columns = matrix.shape
    if rows * columns <= most and max(rows, columns) <= _LONGEST_SIDE:
        return matrix
    narrow = min(rows, columns, int(most**0.5))
    long = min(max(rows, columns), _LONGEST_SIDE, most // narrow)
    return largest_in_tiles(matrix, *((narrow, long) if rows <= columns else (long, narrow)))


class PassData:
    """Turns runs of one graph into plain data, which carry at most `most` numbers of an array."""

    def __init__(self, graph: Graph, learning_rate: float, most: int) -> None:
        self.graph = graph
        self.learning_rate, self.most = learning_rate, most
        self.sentences = Sentences(graph, number_text(learning_rate))
        self.id_of = {node: f"n{place}" for place, node in enumerate(graph.nodes)}

    def arrays(self, name: str, run: ForwardPass, nodes: Collection[Node]) -> dict[str, Any]:
        """Return the numbers of one run, under the name that the page calls it."""
        outputs = self.graph.outputs
        error = number_text(run.values[outputs[0]][()]) if len(outputs) == 1 and not run.values[outputs[0]].ndim else ""
        return {
            "name": short(name),
            "title": f"{short(name)}: {self.sentences.name(outputs[0])} = {error}" if error else short(name),
            "error": error,
            "arrays": {self.id_of[node]: self._arrays(run, node) for node in nodes},
        }

    def told(self, run: ForwardPass, scene: Stage, steps: Sequence[tuple[StageStep, Event]]) -> dict[str, Any]:
        """Return what one run says in one scene: a sentence for each step, and what is in its folded boxes."""
        return {
            "says": [self._says(scene, shown, step) for shown, step in steps],
            "folded": {box: self._inside(run, nodes) for box, nodes in scene.folded.items()},
        }

    def _arrays(self, run: ForwardPass, node: Node) -> dict[str, Any]:
        """Return what a node has: its value, and where there is one its error signal with the messages it adds up.

        What arrives at a constant goes no further and changes nothing: of that nothing is said. A message that comes alone is
        the error signal, which is there already.
        """
        told: dict[str, Any] = {"value": array_data(run.values[node], self.most)}
        if not isinstance(run, BackwardPass) or isinstance(node, Constant):
            return told
        if flat := flat_units(run, node):
            told["flat"] = {what: share_text(what, where) for what, where in flat.items()}
        if node not in run.error_signals:
            return told | {"unreached": True}
        told["signal"] = array_data(run.error_signals[node], self.most)
        told["messages"] = []
        messages = run.messages(node)
        for consumer, slot, delta in messages:
            sender: dict[str, Any] = {"from": None, "name": ""}
            if consumer is not None:
                sender = {"from": self.id_of[consumer], "name": self.sentences.name(consumer), "slot": slot}
            told["messages"].append(sender | ({"array": array_data(delta, self.most)} if len(messages) > 1 else {}))
        if isinstance(node, Parameter):
            told["update"] = array_data(new_value(run, node, self.learning_rate), self.most)
        return told

    def _inside(self, run: ForwardPass, nodes: Sequence[Node]) -> dict[str, Any]:
        """Return what is said of a folded box: the largest error signal inside."""
        signals = run.error_signals if isinstance(run, BackwardPass) else {}
        norms = [(norm(signals[node]), node) for node in nodes if node in signals]
        if not norms:
            return {}
        size, node = max(norms, key=lambda pair: pair[0])
        return {"largest": {"norm": number_text(size), "name": self.sentences.name(node)}}

    def _says(self, scene: Stage, shown: StageStep, step: Event) -> str:
        box = shown.boxes[0]
        if len(shown.boxes) > 1 or box in scene.single:
            return self.sentences.of(step)
        return self.sentences.of_many(step, len(scene.folded[box]), scene.titles[box])


# Formulas -----------------------------------------------------------------------------------------------------------

_MOST_NODES = 1_000  # the formulas of larger graphs are not read
_LARGEST, _DEEPEST = 60, 20  # formulas above this size or depth are neither read nor filled with numbers by anybody
_CLOSE = 1e-4  # relative difference up to which a formula gives a message: rounding in float32 makes some
_PLACE = "\ue000"  # of no script: no name or function is written with it

# Attributes of looks: none that runs, loads or links.
_KEPT = frozenset({"class", "fence", "height", "lspace", "mathvariant", "rspace", "width"})


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
    checks = [_Check(run) for run in runs if isinstance(run, BackwardPass)]
    has_one_output = len(graph.outputs) == 1
    trees = {}
    for node, rules in rule_formulas(graph).items():
        backward = [
            _rule(message, ids) if message and all(check.gives(message, node, slot) for check in checks) else None
            for slot, message in enumerate(rules.backward)
            if has_one_output
        ]
        trees[ids[graph.label(node)]] = {
            "value": _tree(rules.value),
            "signal": _tree(rules.signal) if has_one_output else None,
            "forward": _rule(rules.forward, ids),
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
    size, depth = formula.extent
    return size > _LARGEST or depth > _DEEPEST


def _rule(formula: Formula, ids: Mapping[str, str]) -> dict[str, Any] | None:
    if _is_too_large(formula):
        return None

    def place(of: Leaf) -> Symbol:
        return Symbol(f"{_PLACE}{ids[of.label]} {'signal' if of.is_signal else 'value'}")

    return {"symbols": _tree(formula), "numbers": _tree(replace(formula, called=place))}


def _tree(formula: Formula) -> Tree:
    return _element_tree(ElementTree.fromstring(f"<math>{formula.mathml}</math>")[0])


def _element_tree(element: ElementTree.Element) -> Tree:
    """Return an element as plain data, the name of a place as a place for an array. Its depth is bounded."""
    text = element.text or ""
    if text.startswith(_PLACE):
        return ["array", *text[1:].split(" ")]
    made: Tree = [element.tag, {name: value for name, value in element.attrib.items() if name in _KEPT}]
    made += [text] if text else []
    for child in element:
        made += [_element_tree(child), child.tail] if child.tail else [_element_tree(child)]
    return made
