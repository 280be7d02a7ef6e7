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
from graphnet.check.differences import judge, not_analytic
from graphnet.check.directions import DIRECTIONS, judge_directions
from graphnet.check.findings import finding_of, verdict_of
from graphnet.check.report import Finding, Part
from graphnet.check.responses import Response
from graphnet.check.settings import Settings
from graphnet.check.work import multiply_adds
from graphnet.core.graph import Graph
from graphnet.core.node import Node, describe
from graphnet.engine.feeds import Values
from graphnet.engine.passes import Message
from graphnet.engine.rules import apply_backward
from graphnet.engine.run import propagate
from graphnet.errors import GraphError, RuleError, UnreachableError

Array = np.ndarray[Any, Any]
ROUNDINGS = 10.0
"""How much more an error signal rounds on its way through a graph than in one rule."""


def check_whole(
    graph: Graph, values: Values, leaves: Sequence[Node], settings: Settings, part: Part = "gradient", *, asked: bool
) -> tuple[list[Finding], str]:
    """Check the gradients of the whole graph, in a random direction of outputs that are no scalars.

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
            error_signals = propagate(graph, values, messages, apply_backward)
    except RuleError as error:
        return [], f"Not checked from end to end: {error.subject}: {error.problem}."
    rounding = ROUNDINGS * max(
        [1.0, *(float(np.max(np.abs(signal), initial=1.0)) for signal in error_signals.values())]
    )
    calls = [
        Call(node.op, node.inputs, node, multiply_adds(node.op, [values[source] for source in node.inputs]))
        for node in graph.nodes
        if node.op is not None
    ]
    findings = []
    for leaf in leaves:
        response = Response(calls, values, leaf, directions, settings.checked, settings.budget)
        said = error_signals.get(leaf)
        rule = np.zeros(values[leaf].shape) if said is None else np.asarray(said)
        finding = _check_leaf(graph, leaf, response, rule, settings, part, rounding)
        if said is None and asked and finding.verdict != "wrong":
            raise UnreachableError(
                f"{graph.label(graph.outputs[0])!r} does not depend smoothly on {describe(leaf, graph.label(leaf))}",
                repair="There is no gradient to check: leave it out of wrt.",
            )
        if finding.verdict == "wrong" and not finding.diagnosis:
            findings.append(_diagnosed(finding, graph, error_signals, messages))
        else:
            findings.append(finding)
    return findings, ""


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
    verdict, evidence = verdict_of(judged), ""
    count = DIRECTIONS if len(entries) < array.size else 0
    if count and verdict != "wrong":
        verdict, evidence = judge_directions(response, rule, settings.rng, verdict)
    return finding_of(part, leaf, label, None, label, array, judged, verdict, evidence, directions=count)


def _diagnosed(
    finding: Finding, graph: Graph, error_signals: Mapping[Node, Array], messages: Mapping[Node, Sequence[Message]]
) -> Finding:
    """Say which node's error signal is not the sum of its messages, if there is one."""
    for node in reversed(graph.nodes):
        received = [np.asarray(message.delta) for message in messages[node]]
        if node not in error_signals:
            continue
        signal = np.asarray(error_signals[node])
        if np.array_equal(signal, reduce(operator.add, received), equal_nan=True):
            continue
        what = f"the error signal of {graph.label(node)!r} is not the sum of its {len(received)} messages"
        for word, message in (("last", received[-1]), ("first", received[0])):
            if np.array_equal(signal, message):
                what = f"the {word} contribution is kept instead of the sum: {what}, but the {word} of them"
                break
        return replace(finding, diagnosis=what)
    return finding
