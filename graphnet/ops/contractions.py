"""Products summed over indices, by NumPy's names: einsum and what it stands for; diagonals and triangles of matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import OpaqueError, ShapeError
from graphnet.ops.arithmetic import multiply
from graphnet.ops.composites import provided
from graphnet.ops.functions import word
from graphnet.ops.indexing import take
from graphnet.ops.linear import matmul
from graphnet.ops.reductions import sum


@builtin
class Einsum(Primitive):
    """Products summed over indices, as ``np.einsum``; each operand receives the product of δ and the others, summed.

    Attributes
    ----------
    subscripts
        A letter for each axis, all operands and the result: ``"ij,jk->ik"``. No letter stands twice in one of them.
    """

    subscripts: str

    def forward(self, *operands: Array) -> Array:
        self.shape(*[operand.shape for operand in operands])  # NumPy would stretch sizes of 1
        return np.einsum(self.subscripts, *operands, optimize=True)

    def backward(self, delta: Array, a: Array, *operands: Array) -> Array:
        terms, result = _terms(self.subscripts)
        messages = []
        for i, (term, operand) in enumerate(zip(terms, operands, strict=True)):
            others, factors = [result, *terms[:i], *terms[i + 1 :]], [delta, *operands[:i], *operands[i + 1 :]]
            if set(term) - set("".join(others)):  # summed in this operand alone: each entry receives the same
                others, factors = [*others, term], [*factors, np.ones_like(operand)]
            messages.append(Einsum(f"{','.join(others)}->{term}")(*factors))
        return tuple(messages)

    def shape(self, *operands: Shape) -> Shape:
        terms, result = _terms(self.subscripts)
        if [len(term) for term in terms] != [len(shape) for shape in operands]:
            problem = f"subscripts {self.subscripts!r} of shapes {shapes.list_shapes(operands)}"
            raise ShapeError(problem, repair="Write a letter for each axis of each operand.")
        sizes: dict[str, Any] = {}
        for letter, size in zip("".join(terms), itertools.chain(*operands), strict=True):
            known = sizes.setdefault(letter, size)
            if not shapes.same_size(known, size):
                problem = f"index {letter!r} of {self.subscripts!r} has the sizes {known} and {size}"
                raise ShapeError(problem, repair="An index has one size wherever it stands: 1 is not stretched here.")
            sizes[letter] = size if known is None else known
        if len(set(result)) < len(result) or not set(result) <= set(sizes):
            raise ShapeError(f"the result of {self.subscripts!r}", repair="Its letters stand once, and in an operand.")
        return tuple(sizes[letter] for letter in result)


def _terms(subscripts: str) -> tuple[list[str], str]:
    operands, _, result = subscripts.partition("->")
    return operands.split(","), result


@word(np.einsum, shapes="An axis has the size of the others with its letter: one of size 1 is not stretched.")
def einsum(subscripts: str, *operands: Array, optimize: Any = True) -> Array:
    """Products of entries summed over indices, in Einstein's notation: ``einsum("ij,jk->ik", x, y)`` is x @ y.

    Each operand receives the product of δ and the others, summed over the indices that it does not have.

    Attributes
    ----------
    subscripts
        A letter for each axis of each operand, and of the result after ``->``; without it, the letters that stand once. A
        letter twice in one operand means its diagonal; ``...`` stands for all other axes.
    optimize
        Taken as NumPy takes it, and of no effect: products of more than two operands are always put in a good order.

    Examples
    --------
    >>> einsum("ij,j->i", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    if not isinstance(subscripts, str):
        raise OpaqueError("einsum without a text of subscripts", repair='Write np.einsum("ij,jk->ik", a, b).')
    inputs = list(operands)
    terms, result = _terms("".join(subscripts.split()))
    if len(terms) != len(inputs):
        problem = f"subscripts {subscripts!r} of {len(inputs)} operands"
        raise ShapeError(problem, repair="Write letters for each, with commas.")
    given = "".join(terms)
    if "->" not in subscripts:
        result = "..." * ("..." in given) + "".join(sorted(a for a in {*given} - {"."} if given.count(a) == 1))
    free = [a for a in ascii_letters if a not in given]
    widths = [z.ndim - len(term.replace("...", "")) for term, z in zip(terms, inputs, strict=True)]
    most = max([width for width, term in zip(widths, terms, strict=True) if "..." in term], default=0)
    terms = [term.replace("...", "".join(free[most - width : most])) for term, width in zip(terms, widths, strict=True)]
    for i, term in enumerate(terms):
        while again := next((a for a in term if term.count(a) > 1), ""):  # a diagonal
            first = term.index(again)
            second = term.index(again, first + 1)
            inputs[i] = diagonal(inputs[i], 0, first, second, square=True)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + again
        terms[i] = term
    return Einsum(f"{','.join(terms)}->{result.replace('...', ''.join(free[:most]))}")(*inputs)


@word(np.tensordot, shapes="Any shapes whose summed axes have equal sizes.")
def tensordot(x: Array, y: Array, axes: int | Sequence[Any] = 2) -> Array:
    """Products of entries summed over pairs of axes.

    The result has the other axes of `x`, then those of `y`.

    Attributes
    ----------
    axes
        The last so many axes of `x` with the first of `y`; or which of `x`, and which of `y`.

    Examples
    --------
    >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), 1).shape
    (2, 4)
    """
    if isinstance(axes, (tuple, list)) and len(axes) == 2:
        of_x, of_y = (
            [shapes.normal_axes(a, z.ndim)[0] for a in shapes.as_axes(of)] for z, of in zip((x, y), axes, strict=True)
        )
    else:
        n = whole(
            axes, "axes", "Write how many, or ([of x], [of y]).", least=0, most=min(x.ndim, y.ndim), error=ShapeError
        )
        of_x, of_y = list(range(x.ndim - n, x.ndim)), list(range(n))
    if len(of_x) != len(of_y) or len({*of_x}) < len(of_x) or len({*of_y}) < len(of_y):
        raise ShapeError(
            f"axes {of_x} of x, and {of_y} of y", repair="They are paired: name as many of both, each once."
        )
    letters, free = list(ascii_letters[: x.ndim]), iter(ascii_letters[x.ndim :])
    others = [letters[of_x[of_y.index(i)]] if i in of_y else next(free) for i in range(y.ndim)]
    result = [a for i, a in enumerate(letters) if i not in of_x] + [a for i, a in enumerate(others) if i not in of_y]
    return Einsum(f"{''.join(letters)},{''.join(others)}->{''.join(result)}")(x, y)


@word(np.dot, shapes="Shapes (..., n) and (n,) or (..., n, m); or a scalar and any shape.")
def dot(x: Array, y: Array) -> Array:
    """Matrix product as ``np.dot`` means it, over the last axis of `x` and the second last of `y`; of scalars the product.

    The result has the other axes of `x`, then those of `y`.

    Examples
    --------
    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    if not (x.ndim and y.ndim):
        return multiply(x, y)
    return matmul(x, y) if y.ndim < 3 else tensordot(x, y, (-1, -2))


@word(np.vecdot, shapes="Shapes that broadcast to each other, of equal sizes along the axis.")
def vecdot(x: Array, y: Array, *, axis: int = -1) -> Array:
    """Products summed over an axis of both.

    Attributes
    ----------
    axis
        The axis.

    Examples
    --------
    >>> vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.])
    """
    first, second = (z.shape[shapes.normal_axes(axis, z.ndim)[0]] for z in (x, y))
    if not shapes.same_size(first, second) or (first != second and 1 in (first, second)):
        raise ShapeError(
            f"vecdot: sizes {first} and {second} along axis {axis}", repair="Vectors must be equally long."
        )
    return sum(multiply(x, y), axis)


@word(*filter(None, [getattr(np, "matvec", None)]), shapes="Shapes (..., m, n) and (..., n).")  # since NumPy 2.2
def matvec(x: Array, y: Array) -> Array:
    """Matrix times vector, in stacks of both.

    Examples
    --------
    >>> matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.])
    """
    return matmul(x, y[..., None])[..., 0]


@word(np.inner, shapes="Shapes (..., n) and (..., n); or a scalar and any shape.")
def inner(x: Array, y: Array) -> Array:
    """Products summed over the last axes of both.

    The result has the other axes of `x`, then those of `y`.

    Examples
    --------
    >>> float(inner(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    return tensordot(x, y, (-1, -1)) if x.ndim and y.ndim else multiply(x, y)


@provided(np.outer)
def outer(x: Array, y: Array) -> Array:
    """All products of an entry of x with one of y, both taken as vectors: the matrix x yᵀ.

    Examples
    --------
    >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """
    return np.reshape(x, (-1, 1)) @ np.reshape(y, (1, -1))


@provided(np.vdot)
def vdot(x: Array, y: Array) -> Array:
    """Sum of the products of the entries of x and y, both taken as vectors.

    Examples
    --------
    >>> float(vdot(np.eye(2), np.eye(2)))
    2.0
    """
    return np.ravel(x) @ np.ravel(y)


@provided(np.kron)
def kron(x: Array, y: Array) -> Array:
    """Kronecker product: each entry of x times the whole of y, side by side.

    Examples
    --------
    >>> kron(np.array([1.0, 10.0]), np.array([2.0, 3.0]))
    array([ 2.,  3., 20., 30.])
    """
    n = max(x.ndim, y.ndim)
    x, y = (np.reshape(z, (1,) * (n - z.ndim) + z.shape) for z in (x, y))
    pairs = x[(slice(None), None) * n] * y[(None, slice(None)) * n]
    return np.reshape(pairs, [None if None in both else math.prod(both) for both in zip(x.shape, y.shape, strict=True)])


@provided(np.diagonal)
def diagonal(z: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, *, square: bool = False) -> Array:
    """Entries of a diagonal, as a last axis in the place of two; all others receive 0.

    Attributes
    ----------
    offset
        The diagonal: 0 for the main one, above it from 1, below it from −1.
    axis1, axis2
        The axes of rows and columns.
    square
        Whether there must be as many rows as columns, as for an index that ``np.einsum`` is given twice.

    Examples
    --------
    >>> diagonal(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """
    last = [shapes.normal_axes(axis, z.ndim)[0] for axis in (axis1, axis2)]
    z = np.transpose(z, [*(axis for axis in range(z.ndim) if axis not in last), *last])
    rows, columns = z.shape[-2:]
    if square and not shapes.same_size(rows, columns):
        raise ShapeError(
            f"an index of the sizes {rows} and {columns}", repair="An index has one size wherever it stands."
        )
    if square:
        rows = columns = columns if rows is None else rows
    rows, columns = shapes.known((rows, columns), "diagonal")
    places = np.arange(min(rows + min(offset, 0), columns - max(offset, 0)))
    return z[..., places - min(offset, 0), places + max(offset, 0)]


@provided(np.diag)
def diag(z: Array, k: int = 0) -> Array:
    """Diagonal of a matrix, or of a vector the matrix that has it as its diagonal and is 0 elsewhere.

    Attributes
    ----------
    k
        The diagonal: 0 for the main one, above it from 1, below it from −1.

    Examples
    --------
    >>> diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    if z.ndim != 1:
        if z.ndim != 2:
            problem = f"shape {z.shape} is no vector's and no matrix's"
            raise ShapeError(problem, repair="Use diagonal, which takes two axes.")
        return np.diagonal(z, k)
    (length,) = shapes.known(z.shape, "diag of a vector")
    before, after = np.zeros(max(-k, 0), z.dtype), np.zeros(max(k, 0), z.dtype)
    column = np.concatenate([before, z, after])[:, np.newaxis]
    return np.where(np.eye(length + abs(k), k=k, dtype=bool), column, 0)


@provided(np.trace)
def trace(z: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum of the entries of a diagonal, which receive δ.

    Attributes
    ----------
    offset
        The diagonal: 0 for the main one, above it from 1, below it from −1.
    axis1, axis2
        The axes of rows and columns.

    Examples
    --------
    >>> float(trace(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    return np.sum(np.diagonal(z, offset, axis1, axis2), -1)


@provided(np.tril)
def tril(z: Array, k: int = 0) -> Array:
    """Lower triangle of a matrix: what is above a diagonal becomes 0, and receives 0.

    Attributes
    ----------
    k
        The diagonal: 0 for the main one, above it from 1, below it from −1.

    Examples
    --------
    >>> tril(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    shapes.normal_axes(1, z.ndim)
    rows, columns = shapes.known(z.shape[-2:], "tril")
    return np.where(np.tri(rows, columns, k, dtype=bool), z, 0)


@provided(np.triu)
def triu(z: Array, k: int = 0) -> Array:
    """Upper triangle of a matrix: what is below a diagonal becomes 0, and receives 0.

    Attributes
    ----------
    k
        The diagonal: 0 for the main one, above it from 1, below it from −1.

    Examples
    --------
    >>> triu(np.ones((2, 2)))
    array([[1., 1.],
           [0., 1.]])
    """
    shapes.normal_axes(1, z.ndim)
    rows, columns = shapes.known(z.shape[-2:], "triu")
    return np.where(np.tri(rows, columns, k - 1, dtype=bool), 0, z)


@provided(np.cross)
def cross(x: Array, y: Array, *, axis: int = -1) -> Array:
    """Cross product of vectors of three entries.

    Attributes
    ----------
    axis
        The axis of the three.

    Examples
    --------
    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    for z in (x, y):
        size = z.shape[shapes.normal_axes(axis, z.ndim)[0]]
        if size not in (3, None):
            repair = "Vectors have 3 entries here; of two, write x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]."
            raise ShapeError(f"vectors of size {size} along axis {axis}", repair=repair)
    ahead, behind = [1, 2, 0], [2, 0, 1]
    first = take(x, ahead, axis) * take(y, behind, axis)
    return first - take(x, behind, axis) * take(y, ahead, axis)


Outer, Vdot, Kron, Diagonal = (f.kind for f in (outer, vdot, kron, diagonal))
Diag, Trace, Tril, Triu, Cross = (f.kind for f in (diag, trace, tril, triu, cross))
