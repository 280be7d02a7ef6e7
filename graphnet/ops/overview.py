"""The whole rule set as one table, and what a rule reads."""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import MISSING, fields
from itertools import product
from typing import Any

import numpy as np

from graphnet.common.text import table
from graphnet.core.function_op import as_op
from graphnet.core.leaves import Input
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.registry import OPS, read_all
from graphnet.core.shapes import Shape, as_shape
from graphnet.errors import GraphnetError, OpaqueError, ShapeError

_SETTINGS: dict[str, tuple[Any, ...]] = {
    "int": (0,),
    "str": ("ij,jk->ik",),
    "Pair": ((6, 5),),
    "Steps": ((2, 2),),
    "Index": ((0,), ((1, 3, None),)),
    "tuple[int, ...]": ((0,), (3, 2), (4, 3), (4, 2, 3)),
    "tuple[float, ...]": ((1.0, 2.0, 3.0),),
}
"""Settings to try, where an op can't be made without: by what its fields are annotated with."""

_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((2, 3),),
    ((3, 3),),
    ((1, 3),),
    ((3, 3), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (2, 3)),
    ((2, 3), (2, 3), (2, 3)),
    ((2, 3, 6), (3, 3, 2)),
    ((2, 3, 6, 5),),
    ((2, 3, 6, 5), (3, 3, 3, 2)),
)
"""Shapes to try with each of the settings."""


def overview() -> str:
    """Return every built-in op, what it computes, and what its backward rule reads, as a table.

    What a rule reads is found out by running it: "output" means that the value cached in the forward pass is used, and
    "-" that the error signal alone is enough.

    Returns
    -------
    str
        A line for each op, by name.

    Examples
    --------
    >>> print(next(line for line in overview().splitlines() if line.startswith("exp ")))
    exp                   output              Exponential, a = eᶻ, g′ = a, the cached output.
    """
    read_all()
    rows = []
    for name, kind in sorted(OPS.items()):
        rows.append([name, ", ".join(_reads(kind)) or "-", (inspect.getdoc(kind) or "").partition("\n")[0]])
    return table(["op", "its rule reads", "what it computes"], rows, most=len(rows))


def _reads(kind: type[Op]) -> tuple[str, ...]:
    """Return the least that its rule is seen to read: where settings and shapes don't fit, it seems to read everything."""
    needed = [
        _SETTINGS[str(field.type).replace("int | None", "int")] for field in fields(kind) if field.default is MISSING
    ]
    found = []
    for settings, shapes in product(product(*needed), _SHAPES):
        with suppress(GraphnetError):
            found.append(reads(kind(*settings), *shapes))
    return min(found, key=len)


def reads(op: Any, *shapes: Shape) -> tuple[str, ...]:
    """Find out what an op's backward rule reads besides ``delta``: the cached ``output``, and inputs by name.

    The rule is run on nodes, and what its results depend on is what it read; a shape alone is not counted. An opaque
    rule can't be looked into, and is taken to read everything.

    Parameters
    ----------
    op
        An op, or a function made with ``@gn.op``.
    *shapes
        Shapes of inputs that it accepts.

    Returns
    -------
    tuple of str
        ``("output",)`` for tanh, for example.

    Raises
    ------
    NoBackwardRuleError
        If the op has no backward rule.
    GraphError
        If it is no op, or takes another number of inputs.
    ShapeError
        If it does not accept these shapes.

    Examples
    --------
    >>> import graphnet as gn
    >>> reads(gn.ops.Tanh(), (2, 3)), reads(gn.ops.Matmul(), (2, 3), (3, 4)), reads(gn.ops.Add(), (2,), (2,))
    (('output',), ('x', 'y'), ())
    """
    op, shapes = as_op(op), tuple(map(as_shape, shapes))
    op.check_count(len(shapes))
    names = ["output", *op.input_names(len(shapes))]
    for dtype in (float, int):  # positions, as take's, are integers
        inputs = [Input(None, (), shape, np.dtype(dtype)) for shape in shapes]
        delta, output = (Input(None, (), op.shape(*shapes), np.dtype(float)) for _ in range(2))
        try:
            returned = op.backward(delta, output, *inputs)
        except (OpaqueError, ShapeError):
            continue
        messages = returned if isinstance(returned, (tuple, list)) else [returned]
        read = set(topological_order([message for message in messages if isinstance(message, Node)]))
        return tuple(name for name, node in zip(names, (output, *inputs), strict=True) if node in read)
    return tuple(names)
