"""Matrix products, biases and transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.op import Op, Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.arithmetic import add
from graphnet.ops.elementwise import sum_to
from graphnet.ops.functions import function
from graphnet.ops.sums import total


@builtin
class Matmul(Primitive):
    """Matrix product, z = x @ W.

    x receives δ Wᵀ and W receives xᵀ δ: the matrix form of Eq. 10 and Eq. 5. Vectors and stacks of matrices mean what
    they mean to NumPy.

    Examples
    --------
    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """

    stretched = slice(None, -2)

    def forward(self, x: Array, y: Array) -> Array:
        return np.matmul(x, y)

    def backward(self, delta: Array, z: Array, x: Array, y: Array) -> Array:
        if x.ndim == y.ndim == 2:
            return delta @ y.T, x.T @ delta
        if x.ndim == y.ndim == 1:
            return delta * y, delta * x
        if x.ndim == 1 and y.ndim == 2:
            return delta @ y.T, _outer(x, delta)
        if x.ndim == 2 and y.ndim == 1:
            return _outer(delta, y), x.T @ delta
        # Stacks of matrices. A vector on the left is a matrix of one row, on the right of one column.
        row, column = x.ndim == 1, y.ndim == 1
        X = x[np.newaxis, :] if row else x
        Y = y[:, np.newaxis] if column else y
        delta = delta[..., np.newaxis] if column else delta
        delta = delta[..., np.newaxis, :] if row else delta
        dX = sum_to(delta @ np.swapaxes(Y, -1, -2), X.shape)
        dY = sum_to(np.swapaxes(X, -1, -2) @ delta, Y.shape)
        return dX[0] if row else dX, dY[:, 0] if column else dY

    def shape(self, x: Shape, y: Shape) -> Shape:
        return shapes.matmul_shape(x, y)


def _outer(column: Array, row: Array) -> Array:
    """Return the matrix of all products of an entry of one vector and one of another."""
    return column[:, np.newaxis] @ row[np.newaxis, :]


@builtin
class BiasAdd(Op):
    """Bias added to each row, a = z + b.

    z receives δ; b receives δ summed over the samples, since each of them used it (Eq. 6 and 12).

    Examples
    --------
    >>> bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0])
    array([[11., 22.],
           [13., 24.]])
    """

    stretched = slice(None)

    def forward(self, z: Array, b: Array) -> Array:
        return add(z, b)  # not z + b: of nodes, that is this op again

    def backward(self, delta: Array, a: Array, z: Array, b: Array) -> Array:
        return delta, total(delta, tuple(range(delta.ndim - 1)))

    def shape(self, z: Shape, b: Shape) -> Shape:
        if len(b) != 1 or not z or not shapes.same_size(z[-1], b[0]):
            repair = "The bias is a vector with one entry for each column of z (its last axis)."
            raise ShapeError(f"z has shape {z}, b has shape {b}", repair=repair)
        return z[:-1] + (z[-1:] if b[0] is None else b)


@builtin
class Transpose(Primitive):
    """Transpose of z; the error signal is transposed back.

    Attributes
    ----------
    axes
        The order of the axes; None reverses them.
    """

    axes: tuple[int, ...] | None = None

    def forward(self, z: Array) -> Array:
        return np.transpose(z, self.axes)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        return np.transpose(delta, None if self.axes is None else tuple(int(i) for i in np.argsort(self.axes)))

    def shape(self, z: Shape) -> Shape:
        if self.axes is None:
            return z[::-1]
        if sorted(self.axes) != list(range(len(z))):
            problem = f"axes {self.axes} don't order the axes of shape {z}"
            raise ShapeError(problem, repair=f"Name each of 0 to {len(z) - 1} once.")
        return tuple(z[axis] for axis in self.axes)

    def dtype(self, z: np.dtype[Any]) -> np.dtype[Any]:
        return z


matmul = function(Matmul(), np.matmul, shapes="Shapes (..., n, k) and (k, m) or (..., k, m); vectors as in NumPy.")
bias_add = function(BiasAdd(), shapes="z has shape (..., k), b has shape (k,).")


@implements(np.add)
def plus(x: Array, y: Array) -> Array:
    """Build ``x + y``: a `bias_add` if one operand is a vector along the other's last axis, else an `add`."""
    x, y = as_operand(x, "x"), as_operand(y, "y")
    if x.shape and y.shape:
        for z, b in ((x, y), (y, x)):
            if b.ndim == 1 and z.ndim > 1 and z.shape[-1] == b.shape[0]:
                return bias_add(z, b)
    return add(x, y)


@implements(np.transpose)
def transpose(z: Array, axes: int | Sequence[int] | None = None, *, name: str | None = None) -> Array:
    """Permute the axes; reverse them if no order is given.

    Parameters
    ----------
    z : node or array
        Any shape.
    axes : sequence of int, optional
        Which axis of `z` comes first, second, ... in the result.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        With the axes permuted.

    Raises
    ------
    ShapeError
        When the node is made, if `axes` does not name each axis once.

    Examples
    --------
    >>> transpose([[1.0, 2.0, 3.0]]).shape
    (3, 1)
    """
    if axes is None:
        return Transpose()(z, name=name)
    z = as_operand(z, "z")
    return Transpose(tuple(axis + np.ndim(z) * (axis < 0) for axis in shapes.as_axes(axes)))(z, name=name)
