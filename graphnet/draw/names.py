"""What stands on a picture in words: what nodes are and are called, the title, the legend, and what a check found."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.check.report import Report
from graphnet.common.text import LONGEST, count, listing, number, short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter
from graphnet.core.node import Node
from graphnet.core.shapes import Shape
from graphnet.draw.picture import BoxKind, Mark, Role
from graphnet.engine.interventions import Difference
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import SATURATED, Flags

WHY = {"saturated": f"slope below {100 * SATURATED:.0f} % of its largest", "off": "slope exactly 0"}
"""Why hardly any error signal gets through an activation, by the words for it."""

_MOST_ARGUMENTS, _MOST_OUTPUTS, _LONGEST_SYMBOL = 4, 3, 12


def kind_of(node: Node) -> BoxKind:
    """Return what the box of a node stands for: a number written in the code is a literal."""
    if isinstance(node, Constant):
        return "literal" if node.shape == () and node.name is None else "constant"
    return "input" if isinstance(node, Input) else "parameter" if isinstance(node, Parameter) else "op"


def signal_role(node: Node) -> Role:
    """Return what the error signal of a node is to the network."""
    if node.op is not None:
        return "error signal"
    return "gradient" if isinstance(node, Parameter) else "unused signal"


class Names:
    """Names of one graph's nodes, clean and short.

    Attributes
    ----------
    loss : str
        The symbol of the output; empty if there are several or its name is long.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.loss = self.symbol(graph.outputs[0]) if len(graph.outputs) == 1 else ""

    def full(self, node: Node, most: int = LONGEST) -> str:
        """Return the label of a node."""
        return short(self.graph.label(node), most)

    def within(self, node: Node, scope: str, most: int = LONGEST) -> str:
        """Return what a node is called where the frame around it names its scope already; of a literal, its number."""
        if isinstance(node, Constant) and kind_of(node) == "literal":
            return number_text(node.value[()])
        return short(self._own(node, scope), most)

    def symbol(self, node: Node) -> str:
        """Return a name short enough for a formula, or nothing."""
        name = short(self._own(node, self.graph.scope(node)))
        return name if len(name) <= _LONGEST_SYMBOL else ""

    def derivative(self, node: Node) -> str:
        """Return the error signal of a node as ``∂E/∂a1``, or nothing if the names are long."""
        symbol = self.symbol(node)
        return f"∂{self.loss}/∂{symbol}" if self.loss and symbol else ""

    def call(self, node: Node, scope: str = "", most: int = 24) -> str:
        """Return what makes a node, as ``tanh(z1)``, seen from within a scope."""
        arguments = [self.within(source, scope, most) for source in node.inputs[: _MOST_ARGUMENTS + 1]]
        return f"{short(node.kind)}({listing(arguments, _MOST_ARGUMENTS)})"

    def _own(self, node: Node, scope: str) -> str:
        return self.graph.label(node).removeprefix(f"{scope}/" if scope else "")


def title_of(shown: Graph | ForwardPass) -> str:
    """Return the one line above a picture: of a graph its counts, of a pass its outputs."""
    run = shown if isinstance(shown, ForwardPass) else None
    graph = shown.graph if isinstance(shown, ForwardPass) else shown

    def output(node: Node) -> str:
        name = short(graph.label(node))
        if run is None:
            return name
        value = run.values[node]
        name = f"Δ{name}" if isinstance(run, Difference) else name
        return f"{name} = {number_text(value[()])}" if value.ndim == 0 else f"{name} of {shape_text(value.shape)}"

    names = listing([output(node) for node in graph.outputs[: _MOST_OUTPUTS + 1]], _MOST_OUTPUTS)
    if run is not None:
        kind = "Backward pass" if isinstance(run, BackwardPass) else "Forward pass"
        return f"{'Difference of two passes' if isinstance(run, Difference) else kind}: {names}{_by_hand(run)}"
    counts = [(len(graph), "node"), (len(graph.inputs), "input"), (len(graph.parameters), "parameter")]
    return f"Graph of {names}: {', '.join(count(n, what) for n, what in counts)}"


def _by_hand(run: ForwardPass) -> str:
    """Return which numbers of a pass were set by hand, if any, as part of its title."""
    signals = run.replaced_error_signals if isinstance(run, BackwardPass) else ()
    names = [short(run.graph.label(node)) for node in run.graph.nodes if node in run.replaced]
    names += [f"error signal of {short(run.graph.label(node))}" for node in run.graph.nodes if node in signals]
    return f"; set by hand: {listing(names, _MOST_OUTPUTS)}" if names else ""


def share_text(what: str, where: Flags) -> str:
    """Return at how many entries something is so, in words.

    Examples
    --------
    >>> share_text("off", np.array([True, False, True])), share_text("off", np.array([True]))
    ('2 of 3 off', 'off')
    """
    return what if where.size == 1 else f"{np.count_nonzero(where):,} of {where.size:,} {what}"


# Gradient checks ----------------------------------------------------------------------------------------------------


def marks_of(report: Report) -> dict[Node, Mark]:
    """Return a mark for each node that was checked: what is wrong with its rule, or that it was checked."""
    found = [finding for finding in report.findings if finding.node in report.graph]
    marks = {f.node: Mark("checked", "checked, in a sample" if f.sampled else "checked") for f in found}
    why = {"kink": "undecided: at a kink", "blurred": "undecided: no usable difference"}
    marks |= {f.node: Mark("checked", why[f.verdict]) for f in found if f.verdict in why}
    rules = {p.node: Mark("fault", f"rule breaks a property, {p.name}: {p.evidence}") for p in report.broken}
    wrong = [f for f in found if f.verdict == "wrong"]
    for f in reversed([f for f in wrong if f.local]):
        rules[f.node] = Mark("fault", f"rule wrong for {f.input}: {f.diagnosis.partition(';')[0]}")
    if rules:
        return marks | {f.node: Mark("checked", "its gradient is wrong too") for f in wrong if not f.local} | rules
    whole = {f.node: Mark("fault", "gradient from end to end is wrong") for f in report.failures if not f.local}
    return marks | {node: mark for node, mark in whole.items() if node in report.graph}


def report_title(report: Report) -> str:
    """Return the outcome of a check in one line."""
    wrong = [f"{finding.op} at {finding.label}" for finding in report.failures if finding.local]
    rules = list(dict.fromkeys(short(name) for name in [*wrong, *(f"{p.op} at {p.label}" for p in report.broken)]))
    if rules:
        return f"Gradient check: wrong rule of {listing(rules, 3)}"
    if report.failures:
        return "Gradient check: every rule is right, but a gradient from end to end is wrong"
    if report.ok:
        return f"Gradient check: all right, {count(sum(f.local for f in report.findings), 'input')} of rules"
    return "Gradient check: undecided"


# Words and numbers ------------------------------------------------------------------------------------------------------


def number_text(value: Any, digits: int = 4) -> str:
    """Return a number in a few digits with a real minus sign, a truth value in words.

    Examples
    --------
    >>> number_text(-0.123456), number_text(0.0), number_text(np.True_)
    ('−0.1235', '0', 'true')
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return number(value, digits).replace("-", "−")


def shape_text(shape: Shape) -> str:
    """Return a shape in words.

    Examples
    --------
    >>> shape_text((4, 3)), shape_text(())
    ('shape (4, 3)', 'scalar')
    """
    return f"shape {shape}" if shape else "scalar"
