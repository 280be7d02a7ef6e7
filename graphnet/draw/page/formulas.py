"""The formulas of a graph's rules as plain data.

A rule comes twice: in symbols, and with a place for an array in the stead of each symbol, where the page puts in the
numbers of the pass that it shows: ``["array", "n12", "value" or "signal"]`` for the node at place 12 of ``graph.nodes``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graphnet.core.graph import Graph
from graphnet.draw.page.trees import Tree, tree
from graphnet.explain import Formula, rule_formulas
from graphnet.explain.formula import Call, Signal, Value
from graphnet.explain.symbols import Symbol

MOST_NODES = 1_000
"""The formulas of larger graphs are not read."""

LARGEST, DEEPEST = 60, 20
"""Formulas above this size or depth are neither read nor filled with numbers by anybody."""

_PLACE = "\ue000"  # of no script: no name or function is written with it


def rule_trees(graph: Graph) -> dict[str, dict[str, Any]]:
    """Return the formulas of every node that has an op, by ``"n12"`` for the node at place 12 of ``graph.nodes``.

    Parameters
    ----------
    graph
        Whose rules are read.

    Returns
    -------
    dict
        For each node ``value`` and ``signal``, its symbols; ``forward``, its rule; ``backward``, one for each input, or
        ``None``. A rule is ``{"symbols": tree, "numbers": tree or None}``, or ``None`` if it is too large to be read.

    Examples
    --------
    >>> import graphnet as gn
    >>> z = gn.input("z1")
    >>> a = gn.exp(z, name="a1")
    >>> rule_trees(gn.Graph(a))["n1"]["forward"]["numbers"]
    ['msup', {}, ['mi', {}, 'e'], ['array', 'n0', 'value']]
    """
    if len(graph) > MOST_NODES:
        return {}
    ids = {graph.label(node): f"n{place}" for place, node in enumerate(graph.nodes)}
    return {
        ids[graph.label(node)]: {
            "value": _tree(rules.value),
            "signal": _tree(rules.signal),
            "forward": _rule(rules.forward, ids),
            "backward": [message and _rule(message, ids) for message in rules.backward],
        }
        for node, rules in rule_formulas(graph).items()
    }


def _rule(formula: Formula, ids: Mapping[str, str]) -> dict[str, Any] | None:
    if formula.size > LARGEST or formula.depth > DEEPEST:
        return None
    return {"symbols": _tree(formula), "numbers": _tree(_with_places(formula, ids))}


def _with_places(formula: Formula, ids: Mapping[str, str]) -> Formula:
    """Return a formula with a place for an array in the stead of each symbol. Its depth is bounded."""
    if isinstance(formula, Value | Signal):
        what = "signal" if isinstance(formula, Signal) else "value"
        return Value(formula.label, Symbol(f"{_PLACE}{ids[formula.label]} {what}"), formula.shape)
    if isinstance(formula, Call):
        return replace(formula, args=tuple(_with_places(part, ids) for part in formula.args))
    return formula


def _tree(formula: Formula) -> Tree:
    return _filled(tree(ElementTree.fromstring(f"<math>{formula.mathml}</math>")[0]))


def _filled(made: Tree) -> Tree:
    """Turn the names of places into places for arrays."""
    name = made[-1]
    if isinstance(name, str):
        return ["array", *name[1:].split(" ")] if name.startswith(_PLACE) else made
    return [*made[:2], *map(_filled, made[2:])]
