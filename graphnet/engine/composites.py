"""The chain rule through a composite: the backward loop over what its forward rule is made of.

Of nodes it builds the nodes of the backward rule. Of arrays it runs these very nodes, made and lowered once for inputs that are
alike, one NumPy call after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from graphnet.common.origin import inside
from graphnet.core.leaves import Constant, Input, as_node
from graphnet.core.node import Array, Node
from graphnet.core.order import topological_order
from graphnet.core.shapes import WANTED
from graphnet.engine.gradients import message_nodes
from graphnet.engine.rewrite import lower
from graphnet.engine.run import propagate
from graphnet.ops.composites import Composite


def chain_rule(op: Composite, delta: Array, output: Array, inputs: Sequence[Array]) -> Sequence[Array]:
    """Return what the chain rule sends to each input of a composite; None to one that its output does not depend on."""
    if any(isinstance(value, Node) for value in (delta, output, *inputs)):
        return _on_nodes(op, as_node(delta), as_node(output), [as_node(value) for value in inputs])
    traced = any(hasattr(value, "__graphnet_op__") for value in (delta, output, *inputs))
    given = [value if traced else np.asarray(value) for value in (delta, output, *inputs)]
    program = _program(op.name, op, tuple([(array.shape, array.dtype) for array in given]))
    values = dict(zip(program.places, given, strict=True))
    for node in program.order:
        if node.op is not None:
            rule = node.op if traced else node.op.forward
            values[node] = rule(*[values[source] for source in node.inputs])
        elif isinstance(node, Constant):
            values[node] = node.value
    return [None if message is None else values[message] for message in program.messages]


def _on_nodes(op: Composite, delta: Node, output: Node, inputs: Sequence[Node]) -> list[Node | None]:
    """Build the chain rule's nodes; the last step of the forward rule has the composite itself as its cached output."""
    expansion = op.expansion([node.shape for node in inputs], [node.dtype for node in inputs])
    values: dict[Node, Array] = dict(zip(expansion.inputs, inputs, strict=True))
    for node in expansion.graph.nodes:
        if node is expansion.output and node.op is not None:
            values[node] = output
        elif node.op is not None:
            values[node] = node.op(*[values[source] for source in node.inputs])
        else:
            values.setdefault(node, node)
    signals, _ = propagate(expansion.graph, values, {expansion.output: delta}, message_nodes)
    return [signals.get(place) for place in expansion.inputs]


class _Program(NamedTuple):
    """The chain rule through a composite as NumPy calls.

    Attributes
    ----------
    places
        What stands for the error signal, the output and each input.
    messages
        The node of the message to each input.
    order
        All that is computed, each after its inputs.
    """

    places: Sequence[Node]
    messages: Sequence[Node | None]
    order: Sequence[Node]


@lru_cache(maxsize=256)
def _program(name: str, op: Composite, kinds: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]) -> _Program:
    with inside(""):
        # What the graph accepted is not asked again: a 1 may have been written to stretch, and arrays don't say so.
        wanted = [tuple(WANTED if size == 1 else size for size in shape) for shape, _ in kinds]
        places = [Input(None, (), shape, dtype) for shape, (_, dtype) in zip(wanted, kinds, strict=True)]
        messages = _on_nodes(op, places[0], places[1], places[2:])
    lowered = iter(lower([message for message in messages if message is not None], kinds[0][1]))
    messages = [None if message is None else next(lowered) for message in messages]
    return _Program(places, messages, topological_order([message for message in messages if message is not None]))
