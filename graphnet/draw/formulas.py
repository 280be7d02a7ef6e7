"""Backward rules as formulas: a rule that is given nodes builds graph, and that graph is written as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.core.node import Constant, Input, Node
from graphnet.core.op import messages_of
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.draw.text import count, number

MOST_LINES = 4

_SUM, _PRODUCT, _ATOM = 1, 2, 3
"""How tightly a piece of formula holds together: what is looser than its place gets brackets."""

_BETWEEN = {"add": (" + ", _SUM), "subtract": (" − ", _SUM), "divide": (" / ", _PRODUCT), "matmul": (" ", _PRODUCT)}


def backward_formulas(node: Node, shape: Shape, shapes: Sequence[Shape], name: str, names: Sequence[str]) -> list[str]:
    """Return what the backward rule of a node sends to its inputs, as ``"to z1: δ ⊙ (1 − a1 ⊙ a1)"``.

    Parameters
    ----------
    node
        Whose rule; δ is its error signal.
    shape, shapes
        Of its value, and of its inputs.
    name, names
        What it is called, and its inputs.

    Returns
    -------
    list of str
        One line for each input that receives something. A rule that can't be read as a formula gives one line that
        says so.
    """
    op = node.op
    if op is None or not op.has_backward:
        return []
    delta, output = (Input(None, (), shape, np.dtype(float)) for _ in range(2))
    inputs = [Input(None, (), size, source.dtype) for size, source in zip(shapes, node.inputs, strict=True)]
    known: dict[Node, str] = {delta: "δ", output: name, **dict(zip(inputs, names, strict=True))}
    try:
        messages = messages_of(op, op.backward(delta, output, *inputs), len(inputs))
    except Exception:  # a rule of anyone's: on nodes it may raise whatever it likes
        return ["its rule is no formula"]
    sent = [(target, message) for target, message in zip(names, messages, strict=True) if message is not None]
    return [f"to {target}: {formula(message, known)}" for target, message in sent[:MOST_LINES]]


def formula(result: Any, known: dict[Node, str]) -> str:
    """Return what a node computes, in terms of nodes that have names.

    Examples
    --------
    >>> import graphnet as gn
    >>> z, w = gn.input("z", (2, 3)), gn.input("w", (2, 3))
    >>> formula(z * (1 - z * w), {z: "z", w: "w"})
    'z ⊙ (1 − z ⊙ w)'
    """
    if not isinstance(result, Node):
        return number(result) if np.ndim(result) == 0 else count(np.size(result), "number")
    pieces: dict[Node, tuple[str, int]] = {}
    for node in topological_order([result]):
        pieces[node] = (known[node], _ATOM) if node in known else _piece(node, pieces)
        if len(pieces[node][0]) > 200:
            pieces[node] = ("…", _ATOM)
    return pieces[result][0]


def _piece(node: Node, pieces: dict[Node, tuple[str, int]]) -> tuple[str, int]:
    kind = node.kind
    if isinstance(node, Constant):
        return (number(node.value[()]), _ATOM) if node.ndim == 0 else (f"constant {node.shape}", _ATOM)
    inputs = node.inputs
    if kind in _BETWEEN or kind == "multiply":
        sign, level = _BETWEEN.get(kind, (" ⊙ " if inputs[0].ndim and inputs[1].ndim else " · ", _PRODUCT))
        left = _within(pieces[inputs[0]], level)
        right = _within(pieces[inputs[1]], level + (kind in ("subtract", "divide")))
        return left + sign + right, level
    first = pieces[inputs[0]]
    if kind == "negative":
        return "−" + _within(first, _PRODUCT), _SUM
    if kind == "transpose" or kind == "square":
        return _within(first, _ATOM) + ("ᵀ" if kind == "transpose" else "²"), _ATOM
    settings = node.op.settings if node.op is not None else {}
    axis = settings.get("axis")
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    more = f", axis={axis}" if axis is not None else ""
    return f"{kind}({', '.join(pieces[source][0] for source in inputs)}{more})", _ATOM


def _within(piece: tuple[str, int], level: int) -> str:
    text, own = piece
    return text if own >= level else f"({text})"
