"""The rules of one op on scalars, read as calls that serve many nodes at once.

A rule that is elementwise calls and nothing else does to a vector of scalars what it does to each of them. And a message is
linear in the error signal, δ times a slope that depends on values only: ∂output/∂input, which is what the rule returns for
δ = 1. So the slopes of all nodes are computed together once the values are known, and going back is nothing but products
and sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet import ops
from graphnet.core.leaves import Constant, Input, constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.engine.plan.lowering import lower
from graphnet.engine.rules import messages_of
from graphnet.ops.elementwise import ElementwisePrimitive


@dataclass(frozen=True)
class Template:
    """The rules of one op on scalars, as elementwise primitives.

    Attributes
    ----------
    inputs, output
        The nodes that stand for what the rules are given.
    result
        The node whose value is the output.
    slopes
        For each input the node whose value is ∂output/∂input, or None if it has no error signal. Empty if the backward rule
        was not asked for.
    """

    inputs: tuple[Node, ...]
    output: Node
    result: Node
    slopes: tuple[Node | None, ...]


def template_of(op: Op, count: int, dtype: np.dtype[Any], *, with_backward: bool) -> Template | None:
    """Read the rules of an op of `count` inputs.

    Returns
    -------
    Template or None
        None if the rules are more than elementwise calls, or send something else than a multiple of δ to an input.
    """
    inputs, output, delta = tuple(_scalar() for _ in range(count)), _scalar(), _scalar()
    (result,) = lower([Node(op, inputs, (), np.dtype(float))], dtype)
    slopes: list[Node | None] = []
    if with_backward:
        try:
            messages, found = (messages_of(op, op.backward(d, output, *inputs), count) for d in (delta, constant(1.0)))
        except Exception:  # of any kind: there is no rule, or it asks of a node what only an array can do
            return None
        if not all(isinstance(message, (Node, type(None))) for message in (*messages, *found)):
            return None
        if not all(is_multiple(message, delta) for message in _lowered(messages, dtype) if message is not None):
            return None
        slopes = _lowered(found, dtype)
    needed = topological_order([result, *(slope for slope in slopes if slope is not None)])
    if any(node.shape != () or not isinstance(node.op, (ElementwisePrimitive, type(None))) for node in needed):
        return None
    return Template(inputs, output, result, tuple(slopes))


def _lowered(messages: Sequence[Node | None], dtype: np.dtype[Any]) -> list[Node | None]:
    """Return messages through primitives only; None stays None."""
    lowered = iter(lower([message for message in messages if message is not None], dtype))
    return [None if message is None else next(lowered) for message in messages]


def is_multiple(message: Node, delta: Node) -> bool:
    """Tell whether a lowered node is δ times something that does not depend on δ, whatever the values are."""
    multiples = {delta}
    depending = {delta}
    for node in topological_order([message]):
        if not any(source in depending for source in node.inputs):
            continue
        depending.add(node)
        terms = [source in multiples or _is_zero(source) for source in node.inputs]
        constant_in_delta = [source not in depending for source in node.inputs]
        match node.op:
            case ops.Negative():
                linear = terms[0]
            case ops.Add() | ops.Subtract():
                linear = all(terms)
            case ops.Multiply():
                linear = (terms[0] and constant_in_delta[1]) or (constant_in_delta[0] and terms[1])
            case ops.Divide():
                linear = terms[0] and constant_in_delta[1]
            case ops.Where():
                linear = constant_in_delta[0] and terms[1] and terms[2]
            case _:
                linear = False
        if linear:
            multiples.add(node)
    return message in multiples


def _scalar() -> Node:
    return Input(None, (), (), np.dtype(float))


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()
