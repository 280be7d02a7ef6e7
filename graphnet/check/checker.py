"""The two checks that make a verdict: each backward rule alone, and the gradients from end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from graphnet.check.differences import Entry, Slope, judge
from graphnet.check.report import Finding, Report, Verdict
from graphnet.check.signatures import signature
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Constant, Node, input
from graphnet.core.op import as_op
from graphnet.engine.feeds import Values, leaf_values
from graphnet.engine.passes import Message
from graphnet.engine.rules import apply_backward, as_messages, check_message, read_only, rule_error
from graphnet.engine.run import propagate, run_forward
from graphnet.errors import GraphError, RuleError

Array = np.ndarray[Any, Any]
Entries = int | Literal["all"]
DEFAULT_ENTRIES = 2000
"""Entries compared of one array, unless told otherwise: beyond that, a random sample."""


def check_gradients(
    target: Target,
    feeds: Mapping[Any, Any],
    *,
    wrt: Sequence[Node] | None = None,
    entries: Entries = DEFAULT_ENTRIES,
    rng: np.random.Generator | None = None,
) -> Report:
    """Check every backward rule by finite differences, alone and all together.

    Local: each node's rule at the values of this pass, with a random error signal, so that a wrong rule is named rather
    than everything upstream of it. End to end: the gradients of the whole graph. Computed in float64 always.

    Parameters
    ----------
    target
        The output, or a graph. An output that is not a scalar is checked in a random direction.
    feeds
        As for `forward`.
    wrt
        The leaves to check from end to end; by default all parameters, or all inputs if there are none.
    entries
        How many entries of each array to compare, ``"all"`` or a number; of larger arrays a random sample, and the report
        says so.
    rng
        Chooses the error signals and the samples; by default one with seed 0.

    Returns
    -------
    Report
        ``print(report)``, ``report.ok``, ``report.failures``, ``report.raise_if_failed()``.

    Raises
    ------
    FeedError, ShapeError, DtypeError, RuleError
        As for `forward`. A wrong backward rule is not raised but reported.
    NonFiniteError
        If a value in the forward pass is not finite.
    GraphError
        If a node of `wrt` is not a leaf.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, -2.0])
    >>> print(gn.check_gradients(gn.sse(gn.tanh(w), [0.0, 0.0]), {}).verdict)
    ALL RIGHT: 3 inputs of rules, 1 gradients from end to end
    """
    graph = as_graph(target)
    if isinstance(wrt, Node):
        raise GraphError("wrt is a single node, expected a list", repair="Write wrt=[node].")
    rng = rng or np.random.default_rng(0)
    values = run_forward(graph, leaf_values(graph, feeds, np.float64), "raise")
    local = [finding for node in graph.nodes if node.op for finding in _check_node(graph, node, values, entries, rng)]
    whole, skipped = _check_whole(graph, values, _leaves(graph, wrt), entries, rng)
    return Report(graph, (*local, *whole), skipped)


def check_op(
    op: Any, *arrays: Any, entries: Entries = DEFAULT_ENTRIES, rng: np.random.Generator | None = None
) -> Report:
    """Check one backward rule alone, at given arrays.

    Parameters
    ----------
    op
        An op, as ``gn.ops.Tanh()``, or a function made with ``@gn.op``.
    *arrays
        Its inputs. Integers beside floating arrays are positions or labels, without an error signal.
    entries, rng
        As for `check_gradients`.

    Returns
    -------
    Report
        As of `check_gradients`, the local part.

    Raises
    ------
    GraphError
        If `op` is not an op, or takes another number of inputs.
    ShapeError, DtypeError, RuleError, NonFiniteError
        As for `check_gradients`.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.check_op(gn.ops.Tanh(), np.linspace(-2, 2, 5)).ok
    True
    """
    rule = as_op(op)
    rule.check_count(len(arrays))
    given = [np.asarray(array) for array in arrays]
    any_floating = any(array.dtype.kind == "f" for array in given)
    nodes = []
    for name, array in zip(rule.input_names(len(given)), given, strict=True):
        positions = array.dtype.kind in "iu" and any_floating
        nodes.append(input(name, array.shape, dtype=int if positions else bool if array.dtype.kind == "b" else float))
    graph = Graph(rule(*nodes, name=f"{rule.name} alone"))
    values = run_forward(graph, leaf_values(graph, dict(zip(nodes, given, strict=True)), np.float64), "raise")
    rng = rng or np.random.default_rng(0)
    return Report(graph, tuple(_check_node(graph, graph.outputs[0], values, entries, rng)))


# Each rule alone ----------------------------------------------------------------------------------------------------


def _check_node(graph: Graph, node: Node, values: Values, entries: Entries, rng: np.random.Generator) -> list[Finding]:
    """Check the backward rule of one node, at the values of the pass, for a random error signal."""
    op = node.op
    if op is None or node.dtype.kind != "f":
        return []
    output, inputs = values[node], [values[source] for source in node.inputs]
    slots = [slot for slot, source in enumerate(node.inputs) if source.dtype.kind == "f"]
    names = op.input_names(len(inputs))
    delta = read_only(np.asarray(rng.normal(size=output.shape)))

    def finding(slot: int, judged: Sequence[Entry], verdict: Verdict, diagnosis: str = "") -> Finding:
        source = f"{names[slot]}: {graph.label(node.inputs[slot])}"
        return _finding(node, graph.label(node), slot, source, inputs[slot].size, judged, verdict, diagnosis)

    try:
        returned = as_messages(op, op.backward(delta, output, *inputs), len(inputs))
    except Exception as error:  # whatever a wrong rule does is what the report is for
        problem = rule_error("backward", [delta, output, *inputs], error).problem
        return [finding(slot, (), "wrong", problem) for slot in slots]

    def differences(slot: int) -> Array | None:
        """Return the right error signal by finite differences, if every entry may be compared."""
        indices = _chosen(inputs[slot].shape, entries, rng)
        if len(indices) < inputs[slot].size:
            return None
        right = np.zeros(inputs[slot].shape)
        for entry in judge(inputs[slot], right, indices, _local_slope(op, slot, inputs, delta)):
            right[entry.index] = entry.difference
        return right

    findings = []
    for slot in slots:
        message = returned[slot]
        rule = np.zeros(inputs[slot].shape) if message is None else message
        judged: list[Entry] = []
        problem = ""
        try:
            check_message(op, slot, rule, inputs[slot], delta.dtype)
        except RuleError as error:
            problem = error.problem
        if rule.shape == inputs[slot].shape:
            indices = _chosen(rule.shape, entries, rng)
            judged = judge(inputs[slot], rule, indices, _local_slope(op, slot, inputs, delta))
        verdict = "wrong" if problem else _verdict(judged)
        diagnosis = ""
        if verdict == "wrong":
            everywhere = [differences(i) if i in slots else None for i in range(len(inputs))]
            diagnosis = signature(op, slot, rule, everywhere, delta, output, inputs)
            if message is None:
                diagnosis = f"it returns None, although the output depends on this input ({diagnosis})"
            elif rule.dtype != delta.dtype:
                diagnosis = f"{problem} ({diagnosis})"
        if verdict == "blurred" and isinstance(node.inputs[slot], Constant):
            continue  # nobody asks for it: the 2 of x ** 2, where x is negative
        findings.append(finding(slot, judged, verdict, diagnosis))
    return findings


def _local_slope(op: Any, slot: int, inputs: Sequence[Array], delta: Array) -> Slope:
    """Return how delta · output changes with one input of an op.

    The outputs are subtracted before they are summed, so that entries that do not change cancel exactly.
    """

    def output(array: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(op.forward(*[read_only(array) if i == slot else x for i, x in enumerate(inputs)]))

    def slope(below: Array, above: Array) -> tuple[float, float]:
        low, high = output(below), output(above)
        changed = low != high
        if not changed.any():  # there may have been a change that rounding swallowed
            return 0.0, float(np.max(np.abs(delta * high), initial=0.0))
        parts = delta[changed] * (high[changed] - low[changed])
        return float(parts.sum()), float(np.abs(delta[changed] * high[changed]).sum())

    return slope


# From end to end ----------------------------------------------------------------------------------------------------


def _check_whole(
    graph: Graph, values: Values, leaves: Sequence[Node], entries: Entries, rng: np.random.Generator
) -> tuple[list[Finding], str]:
    """Check the gradients of the whole graph; return the findings, and why there are none if so."""
    directions = {
        node: np.asarray(rng.normal(size=values[node].shape) if values[node].shape else 1.0)
        for node in graph.outputs
        if node.dtype.kind == "f"
    }
    messages: dict[Node, list[Message]] = {node: [] for node in graph.nodes}
    for node, direction in directions.items():
        messages[node].append(Message(None, None, direction))
    try:
        error_signals = propagate(graph, values, messages, apply_backward)
    except RuleError as error:
        return [], f"Not checked from end to end: {error.subject}: {error.problem}."
    findings = []
    for leaf in leaves:
        label = graph.label(leaf)
        rule = error_signals.get(leaf, np.zeros(leaf_shape := values[leaf].shape))
        judged = judge(
            values[leaf], rule, _chosen(leaf_shape, entries, rng), _whole_slope(graph, leaf, values, directions)
        )
        findings.append(_finding(leaf, label, None, label, values[leaf].size, judged, _verdict(judged), ""))
    return findings, ""


def _whole_slope(graph: Graph, leaf: Node, values: Values, directions: Mapping[Node, Array]) -> Slope:
    """Return how the outputs, in the directions chosen, change with one leaf: only what lies downstream is run again."""
    reached = {leaf}
    downstream = []
    for node in graph.nodes:
        if node.op is not None and any(source in reached for source in node.inputs):
            reached.add(node)
            downstream.append((node, node.op))

    def outputs(array: Array) -> Values:
        changed: Values = {leaf: read_only(array)}
        with np.errstate(all="ignore"):
            for node, op in downstream:
                inputs = [changed[source] if source in changed else values[source] for source in node.inputs]
                changed[node] = np.asarray(op.forward(*inputs))
        return changed

    def slope(below: Array, above: Array) -> tuple[float, float]:
        low, high = outputs(below), outputs(above)
        change = size = 0.0
        for node, direction in directions.items():
            if node in high:
                change += float((direction * (high[node] - low[node])).sum())
                size += float(np.abs(direction * high[node]).sum())
        return change, size

    return slope


def _leaves(graph: Graph, wrt: Sequence[Node] | None) -> Sequence[Node]:
    if wrt is None:
        return graph.parameters or tuple(node for node in graph.inputs if node.dtype.kind == "f")
    leaves = [graph[node] for node in wrt]
    for node in leaves:
        if node.op is not None or isinstance(node, Constant):
            raise GraphError(
                f"{graph.label(node)!r} ({node.kind}) is neither a parameter nor an input",
                repair="The check from end to end perturbs leaves; every rule in between is checked alone anyway.",
            )
    return leaves


# Shared by both -----------------------------------------------------------------------------------------------------


def _chosen(shape: tuple[int, ...], entries: Entries, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return all indices of an array, or a random sample of them in order."""
    if entries != "all" and (isinstance(entries, bool) or not isinstance(entries, (int, np.integer)) or entries < 1):
        raise GraphError(
            f"entries is {entries!r}", repair='Give "all", or how many of each array to compare: at least 1.'
        )
    size = int(np.prod(shape))
    if entries == "all" or entries >= size:
        return list(np.ndindex(shape))
    flat = np.sort(rng.choice(size, entries, replace=False))
    return [tuple(int(i) for i in index) for index in zip(*np.unravel_index(flat, shape), strict=True)]


def _verdict(judged: Sequence[Entry]) -> Verdict:
    if any(entry.judgement == "wrong" for entry in judged):
        return "wrong"
    if judged and not any(entry.judgement == "right" for entry in judged):
        return "kink" if any(entry.judgement == "kink" for entry in judged) else "blurred"
    return "right"


def _finding(
    node: Node,
    label: str,
    slot: int | None,
    source: str,
    size: int,
    judged: Sequence[Entry],
    verdict: Verdict,
    diagnosis: str,
) -> Finding:
    kinks = sum(entry.judgement == "kink" for entry in judged)
    blurred = sum(entry.judgement == "blurred" for entry in judged)
    worst = max(
        judged,
        key=lambda e: (e.judgement == "wrong", e.judgement == "right", np.nan_to_num(e.error, nan=np.inf)),
        default=None,
    )
    return Finding(
        node,
        label,
        node.kind,
        slot,
        source,
        len(judged),
        size,
        kinks,
        blurred,
        worst.index if worst else None,
        worst.rule if worst else float("nan"),
        worst.difference if worst else float("nan"),
        worst.error if worst else float("nan"),
        verdict,
        diagnosis,
    )
