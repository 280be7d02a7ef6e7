"""The order in which everything visits nodes."""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.core.node import Node


def topological_order(outputs: Sequence[Node], done: set[Node] | None = None) -> tuple[Node, ...]:
    """Return all nodes that `outputs` depend on, each after its inputs.

    Depth first, inputs from left to right, with a stack of our own: a chain of 100,000 nodes needs no recursion. Nodes in
    `done`, and what only they depend on, are left out; the others are put there.
    """
    order: list[Node] = []
    done = set() if done is None else done
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
