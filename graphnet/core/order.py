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
    stack = list(reversed(outputs))
    while stack:
        node = stack[-1]
        waiting = [] if node in done else [source for source in node.inputs if source not in done]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return tuple(order)
