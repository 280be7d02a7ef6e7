"""The two passes. Everything else in graphnet stands on the two loops below.

Forward: visit the nodes in topological order and compute each from its inputs. Backward: visit them in reverse order,
add up the messages that a node has received into its error signal, and let its backward rule send one message along
each of its inputs. In reverse order a node comes after all of its consumers, so its messages are all there by then.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from graphnet.common.settings import called
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.node import Array, Node
from graphnet.engine.feeds import Values, leaf_values
from graphnet.engine.finite import OnNonFinite, check_option, is_finite, not_finite, signal_not_finite
from graphnet.engine.interventions import Replacement, by_node, like
from graphnet.engine.passes import BackwardPass, ForwardPass, Message
from graphnet.engine.rules import apply_backward, apply_forward, read_only
from graphnet.errors import DtypeError, GraphError, ShapeError

BackwardRule = Callable[[Graph, Node, Array, Array, list[Array]], Sequence[Array]]


@called("gn.forward(a, {x: X})")
def forward(
    target: Target,
    feeds: Mapping[Any, Any],
    *,
    replace: Mapping[Any, Any] | None = None,
    on_nonfinite: OnNonFinite = "ignore",
) -> ForwardPass:
    """Compute the value of every node.

    Parameters
    ----------
    target
        An output node, several, or a graph.
    feeds
        {input node or its name: array}. Integers are cast; computed in float32 if all parameters and feeds are, else in
        float64.
    replace
        {node or its name: array, or one number for all entries}: values set by hand in this pass alone, of any node or of
        a part of it, as ``{a[:, 0]: 0.0}``. What follows is computed from them; ``fwd.replaced`` has what was there.
    on_nonfinite
        ``"raise"``: the first node whose value has an infinity or NaN is an error that names it.

    Returns
    -------
    ForwardPass
        ``fwd[node]`` or ``fwd["name"]`` is the value.

    Raises
    ------
    FeedError
        If a feed is missing, unknown or given twice.
    ShapeError, DtypeError
        If a feed or a replacement is not as declared, or sizes unknown until now don't fit.
    GraphError
        If a replacement is for a node that is not in the graph.
    RuleError
        If a forward rule raises, or returns another shape or dtype than it must.
    NonFiniteError
        See `on_nonfinite`.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.tanh(x @ [[1.0], [2.0]], name="a")
    >>> gn.forward(a, {x: [[0.0, 0.0], [1.0, -0.5]]})["a"]
    array([[0.],
           [0.]])
    >>> gn.forward(a * 2, {x: [[0.0, 0.0]]}, replace={"a": 0.5})["multiply_1"]
    array([[1.]])
    """
    check_option(on_nonfinite)
    graph = as_graph(target)
    replacement = Replacement(graph, replace, "replace")
    values = run_forward(graph, leaf_values(graph, feeds), on_nonfinite, replacement)
    return ForwardPass(graph, values, replacement.computed, replacement.entries)


@called("gn.backward(E, {x: X, t: T})")
def backward(
    target: Target,
    feeds: Mapping[Any, Any],
    *,
    delta: Any = None,
    replace: Mapping[Any, Any] | None = None,
    replace_error_signal: Mapping[Any, Any] | None = None,
    on_nonfinite: OnNonFinite = "ignore",
) -> BackwardPass:
    """Compute the value and the error signal of every node. Nothing is kept between calls.

    Parameters
    ----------
    target
        The output E, or a graph.
    feeds
        As for `forward`.
    delta
        The error signal to start from, if E is not a scalar: an array of E's shape. For a graph with several outputs
        a dict {output node or name: array}; outputs left out contribute nothing.
    replace
        As for `forward`: "what if this unit were silent?" What is set is a constant of this pass, so no error signal goes
        back past it.
    replace_error_signal
        The same for error signals, which the backward rules are then given: one that is clipped, or one from behind a
        step without a slope. ``bwd.messages(node)`` still has what arrived.
    on_nonfinite
        ``"raise"``: the first node whose value or error signal has an infinity or NaN is an error that names it.

    Returns
    -------
    BackwardPass
        ``bwd.error_signal(node)``, ``bwd.gradients``, ``bwd.messages(node)`` and all that a forward pass has.

    Raises
    ------
    ShapeError
        If E is not a scalar and no `delta` is given, or its shape differs.
    NoBackwardRuleError
        If an error signal arrives at an op that has no backward rule.
    RuleError
        If a backward rule raises, or returns the wrong count, shape or dtype.
    FeedError, DtypeError, NonFiniteError
        As for `forward`.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0])
    >>> gn.backward(gn.sse(w * w, [0.0]), {}).gradient(w)  # ∂(½ w⁴)/∂w = 2 w³
    array([54.])
    >>> a = w * w
    >>> gn.backward(gn.sse(a, [0.0]), {}, replace_error_signal={a: 1.0}).gradient(w)  # 1 · 2 w
    array([6.])
    """
    check_option(on_nonfinite)
    graph = as_graph(target)
    replacement = Replacement(graph, replace, "replace")
    values = run_forward(graph, leaf_values(graph, feeds), on_nonfinite, replacement)
    signals = Replacement(graph, replace_error_signal, "replace_error_signal")
    error_signals, messages = propagate(graph, values, start(graph, values, delta), replacement.rule, signals)
    error_signals = {node: read_only(np.asarray(signal)) for node, signal in error_signals.items()}
    for node, signal in error_signals.items():
        if on_nonfinite == "raise" and not is_finite(signal):
            raise signal_not_finite(graph, node, values, error_signals, messages[node])
    by_hand = replacement.computed, replacement.entries, signals.entries
    return BackwardPass(graph, values, error_signals, messages, *by_hand)


def run_forward(
    graph: Graph, leaves: Values, on_nonfinite: OnNonFinite = "ignore", replacement: Callable[..., Any] | None = None
) -> Values:
    """Compute every node from the values of the leaves: the forward loop."""
    values = dict(leaves)
    dtype = next((array.dtype for array in leaves.values() if array.dtype.kind == "f"), np.dtype(np.float64))
    for node in graph.nodes:
        if node.op is not None:
            values[node] = apply_forward(graph, node, [values[source] for source in node.inputs], dtype)
        if replacement is not None:
            values[node] = replacement(node, values[node], values[node])
        if on_nonfinite == "raise" and not is_finite(values[node]):
            raise not_finite(graph, node, "value", values[node], [(source, values[source]) for source in node.inputs])
    return values


def propagate(
    graph: Graph,
    values: Mapping[Node, Array],
    starts: Mapping[Node, Array],
    rule: BackwardRule = apply_backward,
    replacement: Replacement | None = None,
) -> tuple[dict[Node, Array], dict[Node, list[Message]]]:
    """Send the error signals back through the graph: the backward loop.

    It is read in two ways. With arrays as values it computes numbers; with the nodes themselves as values the same
    rules build the backward pass as a graph.

    Parameters
    ----------
    graph
        What to go back through.
    values
        The value of each node.
    starts
        {output: the error signal that it starts with}.
    rule
        Applies a node's backward rule.
    replacement
        Error signals that take the place of what a node receives.

    Returns
    -------
    error_signals, messages
        The error signal of each node that one reaches, in the order visited; and what each node has received.
    """
    messages: dict[Node, list[Message]] = {node: [] for node in graph.nodes}
    for output, delta in starts.items():
        messages[output].append(Message(None, None, delta))
    error_signals: dict[Node, Array] = {}
    for node in reversed(graph.nodes):
        received = [message.delta for message in messages[node]]
        signal = reduce(operator.add, received) if received else None
        if replacement is not None:
            signal = replacement(node, signal, values[node])
        if signal is None:
            continue  # nothing that was asked for depends on it
        error_signals[node] = signal
        if node.op is None:
            continue  # a leaf: the end of the way back
        inputs = [values[source] for source in node.inputs]
        for slot, delta in enumerate(rule(graph, node, error_signals[node], values[node], inputs)):
            if delta is not None and node.inputs[slot].dtype.kind == "f":
                messages[node.inputs[slot]].append(Message(node, slot, delta))
    return error_signals, messages


def start(graph: Graph, values: Values, delta: Any) -> dict[Node, Array]:
    """Return the error signals that the outputs start with: ∂E/∂E = 1, or what `delta` says."""
    if not isinstance(delta, Mapping):
        if len(graph.outputs) > 1:
            raise GraphError(
                f"the graph has {len(graph.outputs)} outputs: {', '.join(map(graph.label, graph.outputs))}",
                repair='Give the one to differentiate, backward(graph["E"], ...), or delta={"E": 1.0, ...}.',
            )
        delta = {graph.outputs[0]: delta}
    if not delta:
        raise GraphError("delta is {}: no output starts with an error signal", repair='Write delta={"E": 1.0, ...}.')
    starts: dict[Node, Array] = {}
    outputs = set(graph.outputs)
    for output, given in by_node(graph, delta, "delta").items():
        label, value = graph.label(output), values[output]
        if output not in outputs:
            raise GraphError(f"delta is given for {label!r}, which is no output", repair="Give outputs only.")
        if given is None and value.shape != ():
            raise ShapeError(
                f"output {label!r} has shape {value.shape}, and only a scalar has a gradient",
                repair="End in a loss, as gn.sse(a, t), or say what to start from: backward(..., delta=array).",
            )
        if output.dtype.kind != "f":
            raise DtypeError(f"{label!r} holds {output.dtype} values", repair="Only real numbers have an error signal.")
        starts[output] = like(value, 1.0 if given is None else given, f"delta of {label!r}", spread=False)
    return starts
