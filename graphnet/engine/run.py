"""The two passes. Everything else in graphnet stands on the two loops below.

Forward: visit the nodes in topological order and compute each from its inputs. Backward: visit them in reverse order,
add up the messages that a node has received into its error signal, and let its backward rule send one message along
each of its inputs. In reverse order a node comes after all of its consumers, so its messages are all there by then.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Literal

import numpy as np

from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import numbers
from graphnet.core.node import Array, Node, Numbers
from graphnet.engine.feeds import Values, frozen, leaf_values
from graphnet.engine.finite import is_finite, not_finite
from graphnet.engine.passes import BackwardPass, ForwardPass, Message
from graphnet.engine.rules import apply_backward, apply_forward, read_only
from graphnet.errors import DtypeError, GraphError, ShapeError, shown

OnNonFinite = Literal["ignore", "raise"]
Rule = Callable[[Graph, Node, Array, Array, list[Array]], Sequence[Array]]


def forward(target: Target, feeds: Mapping[Any, Any], *, on_nonfinite: OnNonFinite = "ignore") -> ForwardPass:
    """Compute the value of every node.

    Parameters
    ----------
    target
        An output node, several, or a graph.
    feeds
        {input node or its name: array}. Integers are cast; computed in float32 if all parameters and feeds are, else in
        float64.
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
        If a feed is not as declared, or sizes unknown until now don't fit.
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
    """
    _check_option(on_nonfinite)
    graph = as_graph(target)
    values = run_forward(graph, leaf_values(graph, feeds), on_nonfinite)
    return ForwardPass(graph, values)


def backward(
    target: Target, feeds: Mapping[Any, Any], *, delta: Any = None, on_nonfinite: OnNonFinite = "ignore"
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
    """
    _check_option(on_nonfinite)
    graph = as_graph(target)
    values = run_forward(graph, leaf_values(graph, feeds), on_nonfinite)
    error_signals, messages = propagate(graph, values, start(graph, values, delta))
    error_signals = {node: read_only(np.asarray(signal)) for node, signal in error_signals.items()}
    for node, signal in error_signals.items():
        if on_nonfinite == "raise" and not is_finite(signal):
            senders = ["the start" if m.consumer is None else graph.label(m.consumer) for m in messages[node]]
            received = [(f"message from {s}", m.delta) for s, m in zip(senders, messages[node], strict=True)]
            raise not_finite(graph, node, "error signal", signal, received)
    return BackwardPass(graph, values, error_signals, messages)


def _check_option(on_nonfinite: object) -> None:
    if not isinstance(on_nonfinite, str) or on_nonfinite not in ("ignore", "raise"):
        raise GraphError(f"on_nonfinite is {shown(on_nonfinite)}", repair='Use "ignore" or "raise".')


def run_forward(graph: Graph, leaves: Values, on_nonfinite: OnNonFinite = "ignore") -> Values:
    """Compute every node from the values of the leaves: the forward loop."""
    values = dict(leaves)
    dtype = next((array.dtype for array in leaves.values() if array.dtype.kind == "f"), np.dtype(np.float64))
    for node in graph.nodes:
        if node.op is not None:
            values[node] = apply_forward(graph, node, [values[source] for source in node.inputs], dtype)
        if on_nonfinite == "raise" and not is_finite(values[node]):
            inputs = [(graph.label(source), values[source]) for source in node.inputs]
            raise not_finite(graph, node, "value", values[node], inputs)
    return values


def propagate(
    graph: Graph, values: Mapping[Node, Array], starts: Mapping[Node, Array], rule: Rule = apply_backward
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
        if not messages[node]:
            continue  # nothing that was asked for depends on it
        error_signals[node] = reduce(operator.add, [message.delta for message in messages[node]])
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
    for key, array in delta.items():
        output = graph[key]
        if output not in outputs:
            raise GraphError(
                f"delta is given for {graph.label(output)!r}, which is no output", repair="Give outputs only."
            )
        if output in starts:
            raise GraphError(f"delta is given twice for {graph.label(output)!r}", repair="Give it by node or by name.")
        starts[output] = _start_of(graph, output, values[output], array)
    return starts


def _start_of(graph: Graph, output: Node, value: Numbers, delta: Any) -> Numbers:
    label = graph.label(output)
    if output.dtype.kind != "f":
        raise DtypeError(
            f"output {label!r} holds {output.dtype} values", repair="Only real numbers have an error signal."
        )
    if delta is None:
        if value.shape != ():
            raise ShapeError(
                f"output {label!r} has shape {value.shape}, and only a scalar has a gradient",
                repair="End in a loss, as gn.sse(a, t), or say what to start from: backward(..., delta=array).",
            )
        delta = 1.0
    array = numbers(delta, f"delta of {label!r}")
    if array.dtype.kind not in "fiu":
        raise DtypeError(f"delta of {label!r} has dtype {array.dtype}", repair="Give real numbers.")
    if array.shape != value.shape:
        raise ShapeError(
            f"delta of {label!r} has shape {array.shape}, expected {value.shape}", repair="Give one number an entry."
        )
    return frozen(array.astype(value.dtype), value.dtype)
