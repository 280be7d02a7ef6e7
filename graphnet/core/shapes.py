"""Shapes: tuples of sizes, where ``None`` is a size that is known only when arrays are fed.

Every function here works on shapes alone and raises `ShapeError` without naming nodes: the caller knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from graphnet.common.settings import LARGEST_COUNT, listed, whole
from graphnet.errors import ShapeError, UnknownSizeError, shown

Size: TypeAlias = int | None
Shape: TypeAlias = tuple[Size, ...]


class _Wanted(int):
    def __reduce__(self) -> str:
        return "WANTED"


WANTED = _Wanted(1)
"""The size of an axis that was written on purpose, by None, expand_dims or keepdims, and so may stretch. It equals any 1."""


def as_shape(shape: object) -> Shape:
    """Return `shape` as a tuple of sizes; an int stands for a vector of that length."""
    sizes = listed(shape, "shape", "sizes", ShapeError) if isinstance(shape, Iterable) else [shape]
    if all(size is None or size is WANTED or (type(size) is int and 0 <= size <= LARGEST_COUNT) for size in sizes):
        return tuple(sizes)  # before any words are made: this is asked of every node
    what = f"a size in shape {shown(shape)}"
    repair = "A size is an integer ≥ 0, or None for one that is known when fed."
    return tuple(None if size is None else whole(size, what, repair, least=0, error=ShapeError) for size in sizes)


def ones_of(shapes: Iterable[Shape]) -> tuple[Any, ...]:
    """Return what tells apart shapes that are equal but for which 1 is `WANTED`, as the key of a cache must."""
    return tuple([tuple(map(type, shape)) for shape in shapes if 1 in shape])


def known(shape: Shape, purpose: str) -> tuple[int, ...]:
    """Return `shape` if it has no ``None``; else raise, saying what it was needed for."""
    if None in shape:
        raise UnknownSizeError(
            f"{purpose} needs every size, but the shape is {shape}",
            repair="Declare the inputs with all their sizes, for example shape=(16, 2) instead of (None, 2).",
        )
    return tuple(size for size in shape if size is not None)


def same_size(first: Size, second: Size) -> bool:
    """Tell whether two sizes can be equal: an unknown one equals any."""
    return first is None or second is None or first == second


def matches(shape: Shape, other: Shape) -> bool:
    """Tell whether two shapes can be equal, as that of an array and the one that was declared for it."""
    return shape == other or (len(shape) == len(other) and all(map(same_size, shape, other)))


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of an elementwise result.

    As in NumPy, but the result is never larger than its largest operand: (n, k) with (k,), with (n, 1) and with scalars
    fit; (n, 1) with (n,) would silently become (n, n) and is refused, unless the 1 is `WANTED`. An unknown size is taken not
    to be stretched.

    Examples
    --------
    >>> broadcast((None, 3), (3,))
    (None, 3)
    """
    first = shapes[0]
    if shapes.count(first) == len(shapes) and 1 not in first:
        return first
    ndim = max(len(shape) for shape in shapes)
    aligned = [(WANTED,) * (ndim - len(shape)) + shape for shape in shapes]
    result: list[Size] = []
    for axis, sizes in enumerate(zip(*aligned, strict=True)):
        stretched_to = {size for size in sizes if size != 1}
        numbers = stretched_to - {None}
        if len(numbers) > 1:
            raise ShapeError(
                f"shapes {list_shapes(shapes)} don't fit: axis {axis - ndim} has sizes {list_shapes(sizes)}",
                repair="Elementwise operands need equal sizes, or 1 where one value serves a whole axis.",
            )
        one = WANTED if all(size is WANTED for size in sizes) else 1
        result.append(numbers.pop() if numbers else None if None in stretched_to else one)
    if not any(
        len(shape) == ndim
        and all(size == 1 or mine != 1 or mine is WANTED for mine, size in zip(shape, result, strict=True))
        for shape in shapes
    ):
        raise ShapeError(
            f"shapes {list_shapes(shapes)} would broadcast to {tuple(result)}, larger than every operand",
            repair="If that is meant, write the axis of size 1 where it stretches, as z[:, None], or spread one operand "
            "with broadcast_to(...); if not, give the operands equal shapes with reshape(...).",
        )
    return tuple(result)


def refuse_hidden_stretch(declared: Sequence[Shape], actual: Sequence[tuple[int, ...]]) -> None:
    """Refuse that a size declared unknown is 1 when fed and is stretched by broadcasting.

    Shapes were inferred, and the backward pass as a graph was built, on the promise that only a declared 1 stretches.
    """
    ndim = max(len(shape) for shape in actual)
    for axis in range(-ndim, 0):
        sizes = {
            shape[axis]
            for promise, shape in zip(declared, actual, strict=True)
            if len(shape) >= -axis and promise[axis] != 1
        }
        if len(sizes) > 1:
            raise ShapeError(
                f"axis {axis} has sizes {list_shapes(sorted(sizes))}, in shapes {list_shapes(actual)}",
                repair="Only an axis declared with size 1 is broadcast. Feed equal sizes, or declare the 1.",
            )


def matmul_shape(x: Shape, y: Shape) -> Shape:
    """Return the shape of ``x @ y``, with NumPy's meaning of one and of more than two dimensions.

    Examples
    --------
    >>> matmul_shape((None, 64), (64, 10))
    (None, 10)
    """
    if not x or not y:
        repair = "A matrix product takes no scalars: write * instead of @."
        raise ShapeError(f"x has shape {x}, y has shape {y}", repair=repair)
    inner_x, inner_y = x[-1], y[-2] if len(y) > 1 else y[-1]
    if not same_size(inner_x, inner_y):
        raise ShapeError(
            f"x has shape {x}, y has shape {y}: the inner sizes {inner_x} and {inner_y} differ",
            repair=_matmul_repair(x, y),
        )
    return broadcast(x[:-2], y[:-2]) + (x[-2:-1] if len(x) > 1 else ()) + (y[-1:] if len(y) > 1 else ())


def _matmul_repair(x: Shape, y: Shape) -> str:
    # The inner sizes are known, since they differ; a size that is not known is no reason to suspect a transpose.
    if len(y) == 2 and y[1] == x[-1]:
        return "y.T would fit: is it stored transposed?"
    if len(x) == 2 and x[0] == (y[-2] if len(y) > 1 else y[-1]):
        return "x.T would fit: is it stored transposed?"
    return "x @ y needs as many columns in x as y has rows."


def as_axes(axis: Any) -> tuple[int, ...]:
    """Return an axis, or several, as a tuple of integers."""
    several = isinstance(axis, Iterable) and not isinstance(axis, (str, bytes)) and getattr(axis, "shape", True) != ()
    axes = listed(axis, "axis", "integers", ShapeError) if several else [axis]
    return tuple(whole(a, "axis", "Name an axis by its position, from 0.", error=ShapeError) for a in axes)


def normal_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return axes as a sorted tuple of numbers from 0; ``None`` means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = as_axes(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ShapeError(
                f"axis {a} of an array with {ndim} dimensions",
                repair=f"Axes run from {-ndim} to {ndim - 1}." if ndim else "A scalar has no axes.",
            )
    normal = tuple(sorted(a % ndim for a in axes))
    if len(set(normal)) < len(normal):
        raise ShapeError(f"axis {axis} names one axis twice", repair="Name each axis once.")
    return normal


def reduce(shape: Shape, axis: int | Sequence[int] | None, keepdims: bool) -> Shape:
    """Return the shape left by a reduction over `axis`."""
    axes = normal_axes(axis, len(shape))
    return tuple(WANTED if i in axes else size for i, size in enumerate(shape) if keepdims or i not in axes)


def require_entries(shape: Shape, axis: int | Sequence[int] | None, what: str) -> None:
    """Raise `ShapeError` if there are values to be computed along `axis` of no entries, which have no `what`."""
    if 0 in shape and 0 not in reduce(shape, axis, False):
        raise ShapeError(
            f"{what} of no entries, in an array of shape {shape}",
            repair="Give at least one: is a selection or a batch empty?",
        )


def list_shapes(shapes: Iterable[object]) -> str:
    """Return things joined as ``(2, 3) and (3,)``."""
    texts = [str(shape) for shape in shapes]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
