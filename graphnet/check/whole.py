"""The gradients of a graph from end to end, and the gradients of these."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from graphnet.check.differences import ROUNDING, Judged, Judgement, judge
from graphnet.check.methods import Settings, compare, conclude
from graphnet.check.report import ADDS_UP, Finding, Part
from graphnet.check.vocabulary import there
from graphnet.common import cached_property
from graphnet.core.graph import Graph
from graphnet.core.leaves import constant
from graphnet.core.node import Node, Numbers, describe
from graphnet.core.shapes import known
from graphnet.engine.feeds import Values, leaf_values
from graphnet.engine.gradients import error_signal_nodes
from graphnet.engine.passes import Message
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.probes import StackError, multiply_adds
from graphnet.engine.perturb.responses import Joint, Response
from graphnet.engine.rewrite import with_sizes
from graphnet.engine.rules import apply_backward
from graphnet.engine.run import propagate, run_forward
from graphnet.errors import GraphnetError, RuleError, UnreachableError

ROUNDINGS = 10.0
"""How much more an error signal rounds on its way through a graph than in one rule."""


@dataclass
class Whole:
    """The gradients of a whole graph, in a random direction of outputs that are no scalars.

    Attributes
    ----------
    graph, values
        Of every node, in float64.
    settings
        How much, and how.
    local
        What was found of each rule alone: where all are right, and some only as far as a difference can tell, a difference
        from end to end can't tell either.
    part
        What the findings are filed under.
    asked
        Whether somebody asked for these leaves, each of which must then be reached.
    signals, messages
        What its backward pass gave.
    """

    graph: Graph
    values: Values
    settings: Settings
    local: Sequence[Finding]
    part: Part = "gradient"
    asked: bool = False
    signals: Mapping[Node, Numbers] = field(init=False)
    messages: Mapping[Node, Sequence[Message]] = field(init=False)

    def check(self, leaves: Sequence[Node]) -> tuple[list[Finding], str]:
        """Check the gradients of leaves.

        Returns
        -------
        findings, skipped
            And why there are none, if there are none.

        Raises
        ------
        UnreachableError
            If no error signal reaches a leaf that was asked for, and the outputs do not move with it either.
        """
        graph, values, settings = self.graph, self.values, self.settings
        shapes = {node: values[node].shape for node in graph.outputs if node.dtype.kind == "f"}
        directions = {node: np.asarray(settings.rng.normal(size=s) if s else 1.0) for node, s in shapes.items()}
        try:
            with np.errstate(all="ignore"):
                run_forward(graph, {node: values[node] for node in graph.nodes if node.op is None})  # state is fresh
                self.signals, self.messages = propagate(graph, values, directions)
        except RuleError as error:
            return [], f"Not checked from end to end: {error.subject}: {error.problem}."
        except (GraphnetError, StackError) as error:  # of a rule that works with what another call was given
            return [], f"Not checked from end to end: {error}."
        found: dict[Node, Finding] = {}
        waiting: dict[frozenset[Any], list[tuple[Node, Response]]] = {}  # by the outputs they reach
        for leaf in leaves:
            response = Response(self.calls, values, leaf, directions, settings.checked, settings.budget)
            if settings.method == "central" and response.can_join:
                waiting.setdefault(frozenset(response.directions), []).append((leaf, response))
            else:
                what = f"{graph.label(leaf)!r} from end to end"
                judged = compare(response, self.rule(leaf), settings, what, scale=self.rounding)
                found[leaf] = self.finding(leaf, response, judged)
        for together in waiting.values():
            for (leaf, response), judged in zip(together, self.judged_together(together), strict=True):
                found[leaf] = self.finding(leaf, response, judged)
        return [found[leaf] for leaf in leaves], ""

    @cached_property
    def rounding(self) -> float:
        """The size of the largest error signal, or what it may have rounded to on its way."""
        return ROUNDINGS * max([1.0, *(float(np.max(np.abs(s), initial=1.0)) for s in self.signals.values())])

    @cached_property
    def calls(self) -> list[OpCall]:
        """The uses of ops, in topological order."""
        uses = ((node.op, node, [self.values[x] for x in node.inputs]) for node in self.graph.nodes if node.op)
        return [OpCall(op, node.inputs, node, multiply_adds(op, inputs)) for op, node, inputs in uses]

    def rule(self, leaf: Node) -> Numbers:
        """Return what the backward pass says of a leaf: zero where no error signal arrives."""
        return np.asarray(self.signals.get(leaf, np.zeros(self.values[leaf].shape)))

    def judged_together(self, together: Sequence[tuple[Node, Response]]) -> list[Judged]:
        """Judge leaves whose entries move in the same runs."""
        joint = Joint(self.calls, [response for _, response in together])
        chosen = [self.settings.choose(response) for _, response in together]
        entries = np.concatenate([own + start for own, start in zip(chosen, joint.starts, strict=True)])
        rule = np.concatenate([self.rule(leaf).ravel() for leaf, _ in together])
        judged = judge(joint, rule, entries, step=self.settings.step, scale=self.rounding)
        ends = np.cumsum([len(own) for own in chosen])[:-1]
        columns = (judged.rule, judged.difference, judged.judgement, judged.kinked)
        return [Judged(*each) for each in zip(chosen, *(np.split(column, ends) for column in columns), strict=True)]

    def finding(self, leaf: Node, response: Response, judged: Judged | None) -> Finding:
        """Return the finding on a leaf; raise `UnreachableError` if it was asked for, and nothing depends on it."""
        label = self.graph.label(leaf)
        verdict, evidence, more = conclude(response, self.rule(leaf), self.settings, judged)
        if judged:
            more["there"] = there(judged, response.array)
        finding = Finding(self.part, leaf, label, None, label, response.array.shape, verdict, evidence, **more)
        if leaf not in self.signals and self.asked and verdict != "wrong":
            raise unreachable(self.graph, "smoothly on", describe(leaf, label))
        if verdict == "kink" and all(other.verdict == "right" for other in self.local):
            # Each rule was decided alone, and their total lies between the slopes on the two sides: nothing is left open.
            return replace(finding, verdict="right")
        if verdict != "wrong" or any(other.verdict == "wrong" for other in self.local):
            return finding
        what = self._broken_sum()
        return replace(finding, diagnosis=what) if what else self._in_doubt(finding, response)

    def _broken_sum(self) -> str:
        """Say at which node the error signals are not what the rules give, if there is one: a second way to the same sums.

        A message is what the consumer's rule gives of the consumer's error signal; an error signal is the sum of its
        messages.
        """
        graph, values = self.graph, self.values
        for node in reversed(graph.nodes):
            if node not in self.signals:
                continue
            received = [np.asarray(message.delta) for message in self.messages[node]]
            signal = np.asarray(self.signals[node])
            if not np.array_equal(signal, reduce(operator.add, received), equal_nan=True):
                what = f"the error signal of {graph.label(node)!r} is not the sum of its {len(received)} messages"
                for word, one in (("last", received[-1]), ("first", received[0])):
                    if np.array_equal(signal, one):
                        return f"the {word} contribution is kept instead of the sum: {what}, but the {word} of them"
                return what
            if node.op is None:
                continue
            sent = apply_backward(graph, node, signal, values[node], [values[source] for source in node.inputs])
            for slot, (source, message) in enumerate(zip(node.inputs, sent, strict=True)):
                arrived = [m.delta for m in self.messages[source] if m.consumer is node and m.slot == slot]
                expected = [] if message is None or source.dtype.kind != "f" else [message]
                if len(arrived) != len(expected) or not all(map(np.allclose, arrived, expected)):
                    return f"what {graph.label(node)!r} sends to {graph.label(source)!r} is not what has arrived there"
        return ""

    def _in_doubt(self, finding: Finding, response: Response) -> Finding:
        """Return a finding that differs, though each rule is right, and so is the sum of the messages.

        Behind rules at kinks, or which no difference can judge, such a difference tells nothing: relu(x) − relu(−x) has
        the slope 1 at 0, and the rules may say 0.
        """
        behind = {call.output for call in response.calls}
        local = [other for other in self.local if other.node in behind]
        doubts = [other for other in local if other.kinks or other.blurred or other.torn]
        if doubts:
            verdict: Judgement = "blurred" if any(other.blurred for other in doubts) else "kink"
            compared = finding.compared.excused(np.asarray(True), verdict)
            return replace(finding, verdict=verdict, compared=compared, diagnosis="")
        if finding.diagnosis:
            return finding
        sampled = " Of some rules a sample was compared only." if any(other.sampled for other in local) else ""
        return replace(finding, diagnosis=f"{ADDS_UP}: does a rule depend on more than its arguments?{sampled}")


def unreachable(graph: Graph, on: str, leaf: str) -> UnreachableError:
    """Return the error that a graph does not depend on a leaf that was asked for."""
    problem = f"{graph.label(graph.outputs[0])!r} does not depend {on} {leaf}"
    return UnreachableError(problem, repair="There is no gradient to check: leave it out of wrt.")


# Second order -------------------------------------------------------------------------------------------------------

_CLOSE = 1e-9
"""How far the gradient as a graph may be from the gradient on arrays, as a share of its largest entry."""


def slopes_of(
    graph: Graph, feeds: Mapping[Any, Any], leaves: Sequence[Node], rng: np.random.Generator
) -> tuple[Graph, dict[Any, Any], list[Node], list[Finding]]:
    """Build the gradients by these leaves, at the sizes fed, all summed in a random direction: one scalar.

    Returns
    -------
    graph, feeds, leaves, unlike
        Its graph, what its inputs are fed, the leaves that it depends on, and a finding for each gradient that is another as
        a graph than on arrays.

    Raises
    ------
    UnreachableError
        If no error signal reaches any of them.
    """
    values = leaf_values(graph, feeds, np.float64)
    copies = with_sizes(graph, {node: values[node].shape for node in graph.inputs})
    fed = {copies[node]: values[node] for node in graph.inputs}
    outputs = [copies[node] for node in graph.outputs if node.dtype.kind == "f"]
    E = outputs[0]
    if len(outputs) != 1 or E.shape != ():
        E = _weighted(outputs, rng)
    sized = Graph(E)
    signals = error_signal_nodes(sized, [copies[leaf] for leaf in leaves if copies[leaf] in sized], constant(1.0))
    reached = [leaf for leaf in leaves if copies[leaf] in signals]
    if not reached:
        raise UnreachableError("no gradient to differentiate again", repair="Give leaves that the output depends on.")
    parts = {leaf: signals[copies[leaf]] for leaf in reached}
    both = Graph(E, *parts.values())
    values = run_forward(both, leaf_values(both, {node: x for node, x in fed.items() if node in both}, np.float64))
    on_arrays, _ = propagate(sized, values, {E: np.asarray(1.0)})
    rounding = ROUNDING * max(float(np.max(np.abs(signal), initial=1.0)) for signal in on_arrays.values())
    unlike = []
    for leaf, part in parts.items():
        one, other, label = np.asarray(on_arrays[copies[leaf]]), values[part], graph.label(leaf)
        wrong = np.abs(one - other) > _CLOSE * np.max(np.abs(one), initial=0.0) + rounding
        if wrong.any():
            judged = Judged(np.arange(one.size), other.ravel(), one.ravel(), np.where(wrong, "wrong", "right").ravel())
            what = "a rule gives another gradient as a graph, given nodes, than on arrays"
            finding = Finding("second order gradient", leaf, label, None, label, one.shape, "wrong", what, judged)
            unlike.append(replace(finding, there=there(judged, one)))
    slopes = Graph(_weighted(list(parts.values()), rng))
    moving = [copies[leaf] for leaf in reached if copies[leaf] in slopes]
    return slopes, {node: array for node, array in fed.items() if node in slopes}, moving, unlike


def _weighted(nodes: Sequence[Node], rng: np.random.Generator) -> Node:
    """Return the sum of all entries of all nodes, each times a random number."""
    terms = [(node * rng.normal(size=known(node.shape, "a gradient"))).sum() for node in nodes]
    return reduce(operator.add, terms)
