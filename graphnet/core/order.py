"""The order in which everything visits nodes."""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.core.node import Node


def topological_order(outputs: Sequence[Node]) -> tuple[Node, ...]:
    """Return all nodes that `outputs` depend on, each after its inputs.

    Depth first, inputs from left to right, with a stack of our own: a chain of 100,000 nodes needs no recursion.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(output, False) for output in reversed(outputs)]
    while stack:
        node, inputs_done = stack.pop()
        if node in done:
            continue
        if inputs_done:
            done.add(node)
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(node.inputs) if source not in done)
    return tuple(order)
