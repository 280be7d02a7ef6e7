"""The backward pass as a graph: the same backward loop and the same rules, given nodes instead of arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.common.origin import one_source_line, scope
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import as_node, constant
from graphnet.core.node import Array, Node, as_nodes, describe, made_like
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, matches
from graphnet.engine.rules import as_messages, check_message, located, messages_of
from graphnet.engine.run import propagate
from graphnet.errors import GraphError, NoBackwardRuleError, OpaqueError, RuleError, ShapeError, UnreachableError


def gradients(target: Target, wrt: Node | Iterable[Node], *, delta: Any = None) -> list[Node]:
    """Build the nodes that compute ∂E/∂(each node of `wrt`).

    They are nodes like any others: to run, draw, and take gradients of again.

    Parameters
    ----------
    target
        The output E, or a graph of one output.
    wrt
        The nodes to differentiate by: parameters, inputs, or anything that E depends on. A single node is a list of one.
    delta
        The error signal to start from, a node or an array of E's shape; needed if E is not a scalar.

    Returns
    -------
    list of Node
        One for each of `wrt`, of the same shape and dtype.

    Raises
    ------
    UnreachableError
        If E does not depend on a node of `wrt`, or not smoothly.
    ShapeError
        If E is not a scalar and there is no `delta`.
    NoBackwardRuleError, RuleError
        If an op on the way has no backward rule, or its rule returns the wrong count or shape.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x")
    >>> (slope,) = gn.gradients(x**3, [x])
    >>> (curvature,) = gn.gradients(slope, [x])
    >>> float(gn.forward(slope, {x: 2.0})[slope]), float(gn.forward(curvature, {x: 2.0})[curvature])
    (12.0, 12.0)
    """
    graph = as_graph(target)
    wanted = as_nodes(wrt, "gradients")
    for node in wanted:
        _require_depended_on(graph, node)
    error_signals = error_signal_nodes(graph, wanted, _start(graph, delta))
    require_reached(graph, wanted, error_signals)
    return [_of_dtype(error_signals[node], node.dtype) for node in wanted]


def _require_depended_on(graph: Graph, node: Node) -> None:
    """Raise `UnreachableError` unless the output depends on a node, or is it."""
    try:
        graph[node]
    except GraphError as error:
        raise UnreachableError(
            f"{graph.label(graph.outputs[0])!r} does not depend on it: {error.problem}",
            repair="So the derivative is zero everywhere, as that of a constant is. If that is no surprise, leave it out.",
        ) from None


def require_reached(graph: Graph, wanted: Sequence[Node], reached: Collection[Node]) -> None:
    """Raise `UnreachableError` for the first wanted node that no error signal reaches."""
    for node in wanted:
        if node not in reached:
            raise UnreachableError(
                f"{graph.label(graph.outputs[0])!r} does not depend smoothly on {describe(node, graph.label(node))}",
                repair="Only comparisons or positions lie between them, whose derivative is zero or does not exist.",
            )


def error_signal_nodes(graph: Graph, wanted: Sequence[Node], start: Node) -> dict[Node, Node]:
    """Build the backward pass as far as `wanted` needs it; return the error signal of each node that one reaches.

    Each rule's nodes are in a scope named after the node whose rule it is: ``gradients/a1``.
    """
    on_the_way = depending_on(graph, wanted)

    def rule(graph: Graph, node: Node, delta: Array, output: Array, inputs: list[Array]) -> Sequence[Array]:
        if node not in on_the_way:
            return ()
        with scope(f"gradients/{graph.label(node)}"):
            return message_nodes(graph, node, delta, output, inputs)

    with one_source_line():
        return propagate(graph, {node: node for node in graph.nodes}, {graph.outputs[0]: start}, rule)[0]


def the_output(graph: Graph, repair: str = "") -> Node:
    """Return the one output of a graph; with a `repair` for the error if it is not, it must be a scalar."""
    if len(graph.outputs) != 1:
        raise GraphError(f"the graph has {len(graph.outputs)} outputs", repair="Give the one to differentiate.")
    (output,) = graph.outputs
    if repair and output.shape != ():
        raise ShapeError(
            f"output {graph.label(output)!r} has shape {output.shape}, and only a scalar has a gradient", repair=repair
        )
    return output


def _start(graph: Graph, delta: Any) -> Node:
    if delta is None:
        return constant(1.0, dtype=the_output(graph, "Say what to start from: gradients(..., delta=node).").dtype)
    output = the_output(graph)
    node = as_node(delta)
    if not matches(node.shape, output.shape):
        raise ShapeError(
            f"delta has shape {node.shape}, expected {output.shape}",
            repair="Give one number for each entry of the output.",
        )
    return node


def depending_on(graph: Graph, sources: Sequence[Node]) -> set[Node]:
    """Return the nodes of the graph that depend on any of `sources`, but for the sources that depend on none."""
    reached = set(sources)
    depending: set[Node] = set()
    for node in graph.nodes:
        if any(source in reached for source in node.inputs):
            reached.add(node)
            depending.add(node)
    return depending


def message_nodes(graph: Graph, node: Node, delta: Array, output: Array, inputs: list[Array]) -> list[Node | None]:
    """Apply a node's backward rule to nodes; a rule that no primitives cover becomes one opaque node for each input."""
    op = node.op
    assert op is not None
    try:
        try:
            returned = op.backward(delta, output, *inputs)
        except RuleError:
            raise
        except Exception:  # of any kind: node.astype, an unknown size ... What is wrong fails in a run too.
            returned = [
                BackwardOf(op, slot)(delta, output, *inputs) if source.dtype.kind == "f" else None
                for slot, source in enumerate(inputs)
            ]
        nodes = [None if message is None else as_node(message) for message in messages_of(op, returned, len(inputs))]
        for slot, (message, source) in enumerate(zip(nodes, inputs, strict=True)):
            if message is not None and source.dtype.kind == "f" and not matches(message.shape, source.shape):
                raise RuleError(
                    f"its backward rule returned for input {slot} shape {message.shape}, expected {source.shape}",
                    repair="An error signal has the shape of the value it belongs to.",
                )
    except RuleError as error:
        raise located(error, graph, node) from None
    return nodes


def _of_dtype(gradient: Node, dtype: np.dtype[Any]) -> Node:
    """Return a gradient in the dtype of what it belongs to: constants on the way may have made it another."""
    if gradient.op is None or gradient.dtype == dtype:
        return gradient
    return made_like(gradient.op, gradient.inputs, gradient.shape, gradient, dtype)


@dataclass(frozen=True)
class BackwardOf(Op):
    """What an op's backward rule sends to one input, as an opaque op: numbers only, not differentiable again."""

    of: Op
    slot: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.of.name}_backward")

    def forward(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Run the rule on arrays."""
        if isinstance(delta, Node):
            raise OpaqueError(f"the backward rule of {self.of.name} can't be read as a graph")
        message = as_messages(self.of, self.of.backward(delta, output, *inputs), len(inputs))[self.slot]
        if message is None:
            raise RuleError(
                f"its backward rule returned None for input {self.slot}, but a gradient through it is asked for",
                repair="Write the rule so that it runs on nodes, or return zeros.",
            )
        check_message(self.of, self.slot, message, inputs[self.slot], np.asarray(delta).dtype)
        return message

    def backward(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Refuse: a rule that is not a graph can't be differentiated."""
        raise NoBackwardRuleError(
            f"the backward rule of {self.of.name} could not be read as a graph, so it can't be differentiated again",
            repair="If inputs have sizes that are None, declare them, for example shape=(16, 2) instead of (None, 2); "
            "if the rule is your own, write it with functions that work on nodes.",
        )

    @property
    def has_backward(self) -> bool:
        """False: what it computes is a backward rule itself."""
        return False

    def shape(self, delta: Shape, output: Shape, *inputs: Shape) -> Shape:
        """Return the input's shape."""
        return inputs[self.slot]
