"""The whole rule set as one table."""

from __future__ import annotations

import inspect

from graphnet.common.tables import table
from graphnet.core.op import Op
from graphnet.core.registry import OPS
from graphnet.core.shapes import Shape
from graphnet.errors import GraphnetError
from graphnet.ops.activations import Polynomial
from graphnet.ops.images import Conv2dToInput, Conv2dToKernel, MaxPool2d
from graphnet.ops.indexing import Getitem, Scatter, ScatterAdd
from graphnet.ops.normalisation import BatchNorm
from graphnet.ops.shaping import BroadcastTo, ExpandDims, Reshape, Squeeze

_WITH_SETTINGS: dict[type[Op], Op] = {
    type(op): op
    for op in (
        BatchNorm((0,)),
        BroadcastTo((4, 2, 3)),
        Conv2dToInput((6, 5)),
        Conv2dToKernel((3, 2)),
        Scatter((4, 3), ((1, 3, None),)),
        ExpandDims((0,)),
        Getitem((0,)),
        MaxPool2d((2, 2), (2, 2)),
        Polynomial((1.0, 2.0, 3.0)),
        ScatterAdd((5, 3), 0),
        Reshape((3, 2)),
        Squeeze((0,)),
    )
}
"""An example of each op that can't be made without settings."""

_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((2, 3),),
    ((1, 3),),
    ((2, 3), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (2, 3)),
    ((2, 3), (2,)),
    ((2, 3), (2, 3), (2, 3)),
    ((2, 3, 6, 5),),
    ((2, 3, 6, 5), (3, 3, 3, 2)),
)
"""Shapes to try, until an op accepts them."""


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
    rows = []
    for name, kind in sorted(OPS.items()):
        op = _WITH_SETTINGS[kind] if kind in _WITH_SETTINGS else kind()
        rows.append([name, ", ".join(_reads(op)) or "-", (inspect.getdoc(kind) or "").partition("\n")[0]])
    return table(["op", "its rule reads", "what it computes"], rows, most=len(rows))


def _reads(op: Op) -> tuple[str, ...]:
    for shapes in _SHAPES:
        try:
            op.check_count(len(shapes))
            return op.reads(*shapes)
        except GraphnetError:
            continue
    raise AssertionError(f"no shapes to try op {op.name} with")
