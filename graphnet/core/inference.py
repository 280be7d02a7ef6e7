"""Shapes found out by running a rule, where an op does not say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.core.leaves import Input, numbers
from graphnet.core.node import Array, Node, Numbers
from graphnet.core.shapes import Shape
from graphnet.errors import DtypeError, RuleError, ShapeError

if TYPE_CHECKING:
    from graphnet.core.op import Op


def require_value(value: Any) -> Any:
    """Return what a forward rule returned, or raise `RuleError` if that is nothing."""
    if value is None:
        raise RuleError("its forward rule returned None", repair="Is a return missing?")
    parts = value if isinstance(value, (tuple, list)) else ()
    if isinstance(value, tuple) or any(isinstance(part, (Node, np.ndarray)) for part in parts):
        raise RuleError(
            f"its forward rule returned a {type(value).__name__} of {len(value)}, and an op has one output",
            repair="Make an op for each; or join them, np.concatenate([...]) or np.stack([...]), and index the node.",
        )
    return value


def shape_of_rule(
    op: Op, shapes: Sequence[Shape], dtypes: Sequence[np.dtype[Any]], held: Sequence[Array | None] = ()
) -> Shape:
    """Find out the output's shape by running the forward rule.

    First on nodes, which knows unknown sizes exactly. If the rule asks of a node what only an array can do, on arrays: the
    values that parameters and constants hold, and for the rest ones (or the position 0), or numbers that are as good as any
    for a rule with a domain. It is run at two sizes: a size that differs between the two runs depends on an unknown one.
    """
    try:
        nodes = [Input(None, (), shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
        output = require_value(op.forward(*nodes))
        return output.shape if isinstance(output, Node) else _array_shape(output)
    except RuleError:
        raise
    except Exception:  # of any kind: node.astype, range(None) ... If the rule itself is wrong, arrays fail too.
        held = held or [None] * len(shapes)
        first, second = (_shape_with(op, shapes, dtypes, held, unknown) for unknown in (3, 5))
    return tuple(size if size == other else None for size, other in zip(first, second, strict=True))


def _shape_with(
    op: Op, shapes: Sequence[Shape], dtypes: Sequence[np.dtype[Any]], held: Sequence[Array | None], unknown: int
) -> tuple[int, ...]:
    problems = []
    for fill in (_ones, _well_conditioned):
        arrays = [
            fill([unknown if size is None else size for size in shape], dtype) if value is None else np.array(value)
            for shape, dtype, value in zip(shapes, dtypes, held, strict=True)
        ]
        try:
            with np.errstate(all="ignore"):
                return _array_shape(require_value(op.forward(*arrays)))
        except RuleError:
            raise
        except Exception as error:  # of any kind: it is the rule's own
            problems.append(error)
    whole = isinstance(problems[0], (IndexError, TypeError)) and any(
        x is not None and (x == np.round(x)).all() for x in held
    )
    raise ShapeError(
        f"the forward rule of {op.name} fails on arrays of shapes {[a.shape for a in arrays]}: {problems[0]} (ones); "
        f"{problems[1]} (numbers between 0 and 1, well conditioned matrices where square)",
        repair="Whole numbers become float64: give positions as gn.constant(..., dtype=int). " * whole
        + "If these shapes should work, give the op a method shape(self, *shapes), or with @gn.op @name.shape.",
    ) from problems[0]


def _array_shape(output: Any) -> tuple[int, ...]:
    """Return the shape of what a forward rule returned, or raise `RuleError` if it is no array."""
    try:
        return tuple(numbers(output, "what its forward rule returned").shape)
    except DtypeError as error:
        raise RuleError(error.problem, repair="Return one array.") from None


def _ones(shape: Sequence[int], dtype: np.dtype[Any]) -> Numbers:
    return np.full(shape, dtype.kind != "i", dtype)


def _well_conditioned(shape: Sequence[int], dtype: np.dtype[Any]) -> Numbers:
    """Return numbers between 0 and 1, all different; symmetric and positive definite where the last two axes are equal."""
    if dtype.kind in "ib":
        return np.zeros(shape, dtype)
    numbers = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        numbers = (numbers + np.swapaxes(numbers, -1, -2)) / (4 * shape[-1]) + 0.5 * np.eye(shape[-1])
    return numbers.astype(dtype)
