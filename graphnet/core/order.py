"""The order in which everything visits nodes, and in which they are pickled and copied."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphnet.core.node import Node


def topological_order(outputs: Sequence[Node], done: set[Node] | None = None) -> tuple[Node, ...]:
    """Return all nodes that `outputs` depend on, each after its inputs.

    Depth first, inputs from left to right, with a stack of our own: a chain of 100,000 nodes needs no recursion. Nodes in
    `done`, and what only they depend on, are left out; the others are put there.
    """
    order: list[Node] = []
    done = set() if done is None else done
    stack = list(reversed(outputs))
    are_done = done.issuperset
    while stack:
        node = stack.pop()
        if node in done:
            continue
        if are_done(node.inputs):
            done.add(node)
            order.append(node)
        else:
            stack.append(node)  # again when what it waits for is done
            stack.extend([source for source in reversed(node.inputs) if source not in done])
    return tuple(order)


NESTED = 50
"""This many nodes may be nested in each other in a pickle, each the input of the next."""


class InOrder(list[Any]):
    """Nodes to be pickled or copied one after the other, each after its inputs: however many, none is nested in another.

    Whoever pickles or copies keeps it until the end, and so it is told which nodes need not be listed again.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        _listed.nodes.update(self)
        return list, (), None, iter(self)

    def __del__(self) -> None:
        _listed.nodes.difference_update(self)


class _Listed(threading.local):
    """The nodes that are being pickled or copied in order just now."""

    def __init__(self) -> None:
        self.nodes: set[Node] = set()


_listed = _Listed()


def restored(below: object, kind: type[Node], slots: Sequence[tuple[str, Any]]) -> Node:
    """Return the node that was pickled or copied."""
    node = object.__new__(kind)
    for slot, value in slots:
        object.__setattr__(node, slot, value)
    return node


def below(node: Node) -> InOrder | None:
    """Return what a node depends on, each after its inputs, if it is much: to be pickled or copied before it."""
    seen, ahead = {node}, [node]
    while node not in _listed.nodes and ahead and len(seen) <= NESTED:
        new = set(ahead.pop().inputs) - seen - _listed.nodes
        seen |= new
        ahead += new
    return InOrder(topological_order(node.inputs, _listed.nodes)) if len(seen) > NESTED else None
