"""The gradients of a graph from end to end."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from graphnet.check import taylor
from graphnet.check.cuts import Call
from graphnet.check.differences import Judged, judge, not_analytic
from graphnet.check.directions import DIRECTIONS, judge_directions
from graphnet.check.findings import finding_of, verdict_of
from graphnet.check.report import ADDS_UP, Finding, Part
from graphnet.check.responses import Joint, Response
from graphnet.check.settings import Settings
from graphnet.check.stack import StackError
from graphnet.check.work import multiply_adds
from graphnet.core.graph import Graph
from graphnet.core.node import Node, describe
from graphnet.engine.feeds import Values
from graphnet.engine.passes import Message
from graphnet.engine.rules import apply_backward
from graphnet.engine.run import propagate, run_forward
from graphnet.errors import GraphError, GraphnetError, RuleError, UnreachableError

Array = np.ndarray[Any, Any]
ROUNDINGS = 10.0
"""How much more an error signal rounds on its way through a graph than in one rule."""


def check_whole(
    graph: Graph,
    values: Values,
    leaves: Sequence[Node],
    settings: Settings,
    local: Sequence[Finding],
    part: Part = "gradient",
    *,
    asked: bool,
) -> tuple[list[Finding], str]:
    """Check the gradients of the whole graph, in a random direction of outputs that are no scalars.

    `local` is what was found of each rule alone: where all are right, and some only as far as a difference can tell, a
    difference from end to end can't tell either.

    Returns
    -------
    findings, skipped
        And why there are none, if there are none.

    Raises
    ------
    UnreachableError
        If no error signal reaches a leaf that was asked for, and the outputs do not move with it either.
    """
    directions = {
        node: np.asarray(settings.rng.normal(size=values[node].shape) if values[node].shape else 1.0)
        for node in graph.outputs
        if node.dtype.kind == "f"
    }
    messages: dict[Node, list[Message]] = {node: [] for node in graph.nodes}
    for node, direction in directions.items():
        messages[node].append(Message(None, None, direction))
    try:
        with np.errstate(all="ignore"):
            run_forward(
                graph, {node: values[node] for node in graph.nodes if node.op is None}
            )  # before each backward pass
            error_signals = propagate(graph, values, messages, apply_backward)
    except RuleError as error:
        return [], f"Not checked from end to end: {error.subject}: {error.problem}."
    except (GraphnetError, StackError) as error:  # of a rule that works with what another call was given
        return [], f"Not checked from end to end: {error}."
    rounding = ROUNDINGS * max(
        [1.0, *(float(np.max(np.abs(signal), initial=1.0)) for signal in error_signals.values())]
    )
    calls = [
        Call(node.op, node.inputs, node, multiply_adds(node.op, [values[source] for source in node.inputs]))
        for node in graph.nodes
        if node.op is not None
    ]
    found: dict[Node, Finding] = {}
    waiting: dict[frozenset[Any], list[tuple[Node, Response]]] = {}  # by the outputs they reach

    def rule_of(leaf: Node) -> Array:
        said = error_signals.get(leaf)
        return np.zeros(values[leaf].shape) if said is None else np.asarray(said)

    def keep(leaf: Node, response: Response, finding: Finding) -> None:
        if leaf not in error_signals and asked and finding.verdict != "wrong":
            raise UnreachableError(
                f"{graph.label(graph.outputs[0])!r} does not depend smoothly on {describe(leaf, graph.label(leaf))}",
                repair="There is no gradient to check: leave it out of wrt.",
            )
        if finding.verdict == "kink" and all(other.verdict == "right" for other in local):
            # Each rule was decided alone, and their total lies between the slopes on the two sides: nothing is left open.
            finding = replace(finding, verdict="right")
        if finding.verdict == "wrong" and not any(other.verdict == "wrong" for other in local):
            finding = _diagnosed(finding, graph, values, error_signals, messages) or _in_doubt(finding, response, local)
        found[leaf] = finding

    for leaf in leaves:
        response = Response(calls, values, leaf, directions, settings.checked, settings.budget)
        if settings.method == "central" and response.can_join:
            waiting.setdefault(frozenset(response.directions), []).append((leaf, response))
        else:
            keep(leaf, response, _check_leaf(graph, leaf, response, rule_of(leaf), settings, part, rounding))
    for together in waiting.values():
        joint = Joint(calls, [response for _, response in together])
        chosen = [settings.choose(response) for _, response in together]
        entries = np.concatenate([own + start for own, start in zip(chosen, joint.starts, strict=True)])
        rule = np.concatenate([rule_of(leaf).ravel() for leaf, _ in together])
        judged = judge(joint, rule, entries, step=settings.step, scale=rounding)
        ends = np.cumsum([len(own) for own in chosen])[:-1]
        columns = (judged.rule, judged.difference, judged.judgement, judged.kinked)
        parts = zip(chosen, *(np.split(column, ends) for column in columns), strict=True)
        for (leaf, response), columns in zip(together, parts, strict=True):
            keep(leaf, response, _conclude(graph, leaf, response, rule_of(leaf), settings, part, Judged(*columns)))
    return [found[leaf] for leaf in leaves], ""


def _check_leaf(
    graph: Graph, leaf: Node, response: Response, rule: Array, settings: Settings, part: Part, scale: float
) -> Finding:
    label, array = graph.label(leaf), response.array
    if settings.method == "taylor":
        order, verdict, evidence = taylor.order(response, rule, settings.rng)
        more: dict[str, Any] = {"order": order, "directions": taylor.DIRECTIONS}
        return finding_of(part, leaf, label, None, label, array, None, verdict, evidence, **more)
    is_complex = settings.method == "complex"
    if is_complex and (problem := not_analytic(response, settings.rng)):
        raise GraphError(
            f"the complex step can't check {label!r} from end to end: {problem}", repair='Use method="central".'
        )
    entries = settings.choose(response)
    judged = judge(response, rule, entries, step=settings.step, complex_step=is_complex, scale=scale)
    return _conclude(graph, leaf, response, rule, settings, part, judged)


def _conclude(
    graph: Graph, leaf: Node, response: Response, rule: Array, settings: Settings, part: Part, judged: Judged
) -> Finding:
    """Return the finding on a leaf whose entries, or a sample of them, were judged."""
    label, array = graph.label(leaf), response.array
    verdict, evidence = verdict_of(judged), ""
    count = DIRECTIONS if len(judged.entries) < array.size else 0
    if count and verdict != "wrong":
        verdict, evidence = judge_directions(response, rule, settings.rng, verdict)
    return finding_of(part, leaf, label, None, label, array, judged, verdict, evidence, directions=count)


def _diagnosed(
    finding: Finding,
    graph: Graph,
    values: Values,
    error_signals: Mapping[Node, Array],
    messages: Mapping[Node, Sequence[Message]],
) -> Finding | None:
    """Say at which node the error signals are not what the rules give, if there is one: a second way to the same sums.

    A message is what the consumer's rule gives of the consumer's error signal; an error signal is the sum of its messages.
    """
    for node in reversed(graph.nodes):
        if node not in error_signals:
            continue
        received = [np.asarray(message.delta) for message in messages[node]]
        signal = np.asarray(error_signals[node])
        if not np.array_equal(signal, reduce(operator.add, received), equal_nan=True):
            what = f"the error signal of {graph.label(node)!r} is not the sum of its {len(received)} messages"
            for word, one in (("last", received[-1]), ("first", received[0])):
                if np.array_equal(signal, one):
                    what = f"the {word} contribution is kept instead of the sum: {what}, but the {word} of them"
                    break
            return replace(finding, diagnosis=what)
        if node.op is None:
            continue
        sent = apply_backward(graph, node, signal, values[node], [values[source] for source in node.inputs])
        for slot, (source, message) in enumerate(zip(node.inputs, sent, strict=True)):
            arrived = [m.delta for m in messages[source] if m.consumer is node and m.slot == slot]
            expected = [] if message is None or source.dtype.kind != "f" else [message]
            if len(arrived) != len(expected) or not all(map(np.allclose, arrived, expected)):
                what = f"what {graph.label(node)!r} sends to {graph.label(source)!r} is not what has arrived there"
                return replace(finding, diagnosis=what)
    return None


def _in_doubt(finding: Finding, response: Response, local: Sequence[Finding]) -> Finding:
    """Return a finding that differs, though each rule is right, and so is the sum of the messages.

    Behind rules at kinks, or which no difference can judge, such a difference tells nothing: relu(x) − relu(−x) has the
    slope 1 at 0, and the rules may say 0.
    """
    behind = {call.output for call in response.calls}
    doubts = [other for other in local if other.node in behind and (other.kinks or other.blurred or other.torn)]
    if doubts:
        kinks = not any(other.blurred for other in doubts)
        wrong = finding.wrong
        return replace(
            finding,
            verdict="kink" if kinks else "blurred",
            kinks=finding.kinks + (wrong if kinks else 0),
            blurred=finding.blurred + (0 if kinks else wrong),
            diagnosis="",
        )
    if finding.diagnosis:
        return finding
    what = f"{ADDS_UP}: does a rule depend on more than its arguments?"
    sampled = any(other.node in behind and other.sampled for other in local)
    return replace(finding, diagnosis=what + (" Of some rules a sample was compared only." if sampled else ""))
