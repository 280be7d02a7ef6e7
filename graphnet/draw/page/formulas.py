"""The formulas of a node's rules as plain data: nested lists that a page can build MathML of, tag by tag."""

from __future__ import annotations

from typing import Any

from graphnet.core.node import Node

MathTree = list[Any]
"""``[tag, child, ...]``; a child is a tree or text."""

_INFIX = {
    "add": "+",
    "subtract": "−",
    "multiply": "⊙",
    "divide": "⊘",
    "matmul": "",
    "bias_add": "+",
}
"""Ops written between their inputs. ⊙ and ⊘ work entry by entry; a product of matrices needs no sign."""


def infix(node: Node) -> str | None:
    """Return the sign between a node's two inputs, or ``None`` if its op is written as a function."""
    return _INFIX.get(node.op.name) if node.op is not None and len(node.inputs) == 2 else None
