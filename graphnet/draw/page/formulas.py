"""The formulas of a graph's rules as plain data.

A rule comes twice: in symbols, and with a place for an array in place of each symbol, where the page puts in the numbers of the
pass that it shows: ``["array", "n12", "value" or "signal"]`` for the node at place 12 of ``graph.nodes``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.units.shapes import Tree
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.notation.formula import Formula
from graphnet.notation.reading import rule_formulas
from graphnet.notation.symbols import Symbol
from graphnet.notation.terms import Leaf

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
    replaced = {node for run in runs for node in run.replaced}
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
