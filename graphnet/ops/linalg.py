"""Linear algebra by the names of ``np.linalg``: systems of equations, inverses, determinants, Cholesky factors, norms.

Each op takes a matrix, or a stack of matrices along the axes before the last two.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphnet.common.settings import real
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin, implements
from graphnet.core.shapes import Shape
from graphnet.errors import NonFiniteError, OpaqueError, ShapeError, shown
from graphnet.ops.comparisons import abs
from graphnet.ops.composites import provided
from graphnet.ops.elementary import ratio
from graphnet.ops.elementwise import sum_to
from graphnet.ops.functions import Parts, function, word
from graphnet.ops.linear import matmul
from graphnet.ops.reductions import Axes, AxisSetting, max, min, spread, sum

__all__ = ["cholesky", "det", "inv", "matrix_power", "multi_dot", "norm", "slogdet", "solve"]  # gn.linalg's


def turned(matrix: Array) -> Array:
    """Return the transpose of each matrix of a stack."""
    return matrix.T if matrix.ndim == 2 else np.swapaxes(matrix, -1, -2)


def square(shape: Shape) -> Shape:
    """Return the shape of a square matrix, or of a stack of them, as it is; raise if it is none."""
    if len(shape) < 2 or not shapes.same_size(shape[-1], shape[-2]):
        raise ShapeError(f"shape {shape} is no square matrix's", repair="Its last two sizes must be equal.")
    return shape


class OfSquare(Primitive):
    """An op of a square matrix, or of a stack of them."""

    def shape(self, matrix: Shape) -> Shape:
        return square(matrix)


def _solved(function: Callable[..., Array], *matrices: Array) -> Array:
    """Return what a function of NumPy gives, or raise `NonFiniteError` if the matrix has no such thing."""
    try:
        return function(*matrices)
    except np.linalg.LinAlgError as error:
        repair = (
            "Is a row a sum of others, or a matrix not positive definite? A + 1e-6 * np.eye(n) may be far from that."
        )
        raise NonFiniteError(f"np.linalg.{function.__name__}: {error}", repair=repair) from None


@builtin
class Inv(OfSquare):
    """Inverse of a matrix, A⁻¹, which receives −A⁻ᵀ δ A⁻ᵀ, from the cached output.

    Examples
    --------
    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """

    def forward(self, matrix: Array) -> Array:
        return _solved(np.linalg.inv, matrix)

    def backward(self, delta: Array, a: Array, matrix: Array) -> Array:
        return -(turned(a) @ delta @ turned(a))


@builtin
class Solve(OfSquare):
    """Solution X of A X = B: B receives A⁻ᵀ δ, A receives −A⁻ᵀ δ Xᵀ, from the cached output.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0])
    array([0.5 , 0.25])
    """

    def forward(self, matrix: Array, right: Array) -> Array:
        return _solved(np.linalg.solve, matrix, right)

    def backward(self, delta: Array, a: Array, matrix: Array, right: Array) -> Array:
        to_right = Solve()(turned(matrix), delta)
        left, solution = (to_right[:, None], a[:, None]) if right.ndim == 1 else (to_right, a)
        return sum_to(-(left @ turned(solution)), matrix.shape), sum_to(to_right, right.shape)

    def shape(self, matrix: Shape, right: Shape) -> Shape:  # type: ignore[override]
        return shapes.matmul_shape(super().shape(matrix), right)


@builtin
class LogAbsDet(OfSquare):
    """Logarithm of the size of the determinant, ln |det A|, which sends δ A⁻ᵀ to a matrix."""

    def forward(self, matrix: Array) -> Array:
        return np.linalg.slogdet(matrix)[1]

    def backward(self, delta: Array, a: Array, matrix: Array) -> Array:
        return delta[..., None, None] * turned(Inv()(matrix))

    def shape(self, matrix: Shape) -> Shape:
        return super().shape(matrix)[:-2]


@builtin
class Det(LogAbsDet):
    """Determinant, which sends δ det A A⁻ᵀ to a matrix, from the cached output: one that is singular has none.

    Examples
    --------
    >>> float(det([[2.0, 0.0], [0.0, 4.0]]).round(9))
    8.0
    """

    def forward(self, matrix: Array) -> Array:
        return np.linalg.det(matrix)

    def backward(self, delta: Array, a: Array, matrix: Array) -> Array:
        return super().backward(delta * a, a, matrix)


@builtin
class SignOfDet(LogAbsDet):
    """Sign of the determinant, −1, 0 or 1. No error signal goes back."""

    def forward(self, matrix: Array) -> Array:
        return np.linalg.slogdet(matrix)[0]

    def backward(self, delta: Array, a: Array, matrix: Array) -> Array:
        return (None,)


@builtin
class Cholesky(OfSquare):
    """Lower triangular L with L Lᵀ = ½ (A + Aᵀ), of a positive definite A: both triangles of A are read, and receive a share.

    A receives ½ L⁻ᵀ S L⁻¹, where S is symmetric, and its lower triangle that of Lᵀ δ (Murray, 2016).

    Examples
    --------
    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 0.],
           [1., 2.]])
    """

    def forward(self, matrix: Array) -> Array:
        return _solved(np.linalg.cholesky, (matrix + turned(matrix)) / 2)

    def backward(self, delta: Array, a: Array, matrix: Array) -> Array:
        product = turned(a) @ delta
        half = np.linalg.solve(turned(a), np.tril(product) + turned(np.tril(product, -1)))
        return np.linalg.solve(turned(a), turned(half)) / 2


inv = function(Inv(), np.linalg.inv)
solve = function(Solve(), np.linalg.solve)
det = function(Det(), np.linalg.det)
cholesky = function(Cholesky(), np.linalg.cholesky)
SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


@implements(np.linalg.slogdet)
def slogdet(matrix: Array) -> Any:
    """Sign of the determinant and logarithm of its size, which never overflow. The second has an error signal, δ A⁻ᵀ.

    Parameters
    ----------
    matrix : node or array
        A square matrix, or a stack of them: shape (..., n, n).

    Returns
    -------
    SlogdetResult
        As NumPy's, ``sign`` and ``logabsdet``: two nodes, or arrays.

    Raises
    ------
    ShapeError
        When the nodes are made, if the matrix is not square.

    Examples
    --------
    >>> sign, size = slogdet(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(sign), float(size)
    (-1.0, 0.0)
    """
    return SlogdetResult(SignOfDet()(matrix), LogAbsDet()(matrix))


@word(np.linalg.multi_dot)
def multi_dot(matrices: Parts) -> Array:
    """Product of several matrices, from left to right; the first and the last may be vectors.

    Attributes
    ----------
    matrices
        Two or more, whose sizes fit.

    Examples
    --------
    >>> float(multi_dot([np.ones(2), np.eye(2), np.ones(2)]))
    2.0
    """
    if len(matrices) < 2:
        raise ShapeError("multi_dot got fewer than two matrices", repair="Give at least two.")
    return functools.reduce(matmul, matrices)


@provided(np.linalg.matrix_power)
def matrix_power(matrix: Array, n: int = 1) -> Array:
    """Product of n times a square matrix; of its inverse, if n is negative.

    Attributes
    ----------
    n
        How many times.

    Examples
    --------
    >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 3)
    array([[1., 3.],
           [0., 1.]])
    """
    if n < 0:
        return matrix_power(inv(matrix), -n)
    last = square(matrix.shape)[-1:]
    if n == 0:
        return np.where(np.eye(shapes.known(last, "matrix_power")[0], dtype=bool), 1, np.zeros_like(matrix))
    even = matrix if n < 2 else matmul(half := matrix_power(matrix, n // 2), half)
    return matmul(even, matrix) if n % 2 and n > 1 else even


@provided()
def length(z: Array, axis: Axes = None, *, order: float = 2, keepdims: bool = False) -> Array:
    """Length of vectors along axes, a = (Σ |z|ᵖ)^(1/p): z receives δ sign z (|z| / a)ᵖ⁻¹, and 0 where a is 0.

    Attributes
    ----------
    axis
        The axis or axes; all if not given.
    order
        The p; 2 for Euclid's length.
    keepdims
        Keep the axes, with size 1.
    """
    if order == 2:
        return np.sqrt(np.sum(np.square(z), axis, keepdims=keepdims))
    return np.sum(np.abs(z) ** order, axis, keepdims=keepdims) ** (1 / order)


@length.backward
def _length(delta: Array, a: Array, z: Array, axis: Axes, order: float, keepdims: bool) -> Array:
    if order == 2:
        return spread(ratio(delta, a), z, axis, keepdims) * z
    size, a = np.abs(z), spread(a, z, axis, keepdims)
    share = ratio(size, a) ** (order - 1) if order >= 1 else ratio(a, size) ** (1 - order)
    return spread(delta, z, axis, keepdims) * np.sign(z) * share


@word(np.linalg.norm)
def norm(z: Array, ord: Any = None, axis: AxisSetting = None, *, keepdims: bool = False) -> Array:
    """Length of vectors, or a norm of matrices, along one axis or two. Where it is 0, 0 goes back.

    Attributes
    ----------
    ord
        None for √Σ z²; of vectors p, inf or −inf; of matrices "fro", 1, −1, inf or −inf.
    axis
        The axis of the vectors, or the two of the matrices; all if not given.
    keepdims
        Keep the axes, with size 1.

    Examples
    --------
    >>> float(norm(np.array([3.0, 4.0])))
    5.0
    """
    axes = shapes.as_axes(range(z.ndim) if axis is None else axis)
    if ord is None or (ord == "fro" and len(axes) == 2):
        return length(z, axes, keepdims=keepdims)
    order = 0.0 if isinstance(ord, str) else real(ord, "ord", finite=False)
    if len(axes) == 1 and order:
        return vector_norm(z, axis=axes, keepdims=keepdims, ord=order)
    if len(axes) == 2 and (order in (1, -1) or math.isinf(order)):
        sums = sum(abs(z), axes[math.isinf(order)], keepdims=True)
        return (max if order > 0 else min)(sums, axes, keepdims=keepdims)
    repair = "Of vectors there are p, inf, -inf; of matrices 'fro', 1, -1, inf, -inf."
    raise OpaqueError(f"norm {shown(ord)} along axes {axes}", repair=repair)


@word(np.linalg.vector_norm)
def vector_norm(z: Array, *, axis: AxisSetting = None, keepdims: bool = False, ord: float = 2) -> Array:
    """Length of vectors along axes, those of all entries if none are given. Where it is 0, 0 goes back.

    Attributes
    ----------
    axis
        The axis or axes.
    keepdims
        Keep the axes, with size 1.
    ord
        p of (Σ |z|ᵖ)^(1/p), inf or −inf.

    Examples
    --------
    >>> float(vector_norm([[3.0], [4.0]]))
    5.0
    """
    axes = shapes.normal_axes(axis, z.ndim)
    if not ord:
        return norm(z, ord, axes, keepdims=keepdims)  # which says what there is
    if math.isinf(ord):
        return (max if ord > 0 else min)(abs(z), axes, keepdims=keepdims)
    return length(z, axes, order=float(ord), keepdims=keepdims)


MatrixPower, Length = (f.kind for f in (matrix_power, length))
