"""NumPy's words in autograd: its own where it has them right, and for the rest formulas of those."""

from __future__ import annotations

from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd.extend import notrace_primitive
from autograd.tracer import getval


@notrace_primitive
def argsort(z, axis=-1):
    return np.argsort(z, axis, kind="stable")


def sort(z, axis=-1):
    z, axis = (anp.ravel(z), 0) if axis is None else (z, axis % z.ndim)
    return take_along_axis(z, argsort(z, axis), axis)


def rows(z, axis):
    axes = range(z.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [a % z.ndim for a in axes]
    others = [a for a in range(z.ndim) if a not in axes]
    return anp.reshape(anp.transpose(z, others + axes), [z.shape[a] for a in others] + [-1])


def kept(value, z, axis, keepdims):
    axes = range(z.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return (
        anp.reshape(value, [1 if a in [b % z.ndim for b in axes] else n for a, n in enumerate(z.shape)])
        if keepdims
        else value
    )


def quantile(z, q, axis=None, keepdims=False):
    if isinstance(q, list):
        return anp.array([quantile(z, share, axis, keepdims) for share in q])
    ordered = sort(rows(z, axis))
    n = ordered.shape[-1]
    weights = np.interp(q * (n - 1), np.arange(n), np.arange(n))
    hats = np.maximum(0, 1 - np.abs(np.arange(n) - weights))
    return kept(anp.sum(ordered * hats, -1), z, axis, keepdims)


def cumprod(z, axis=None):
    z, axis = (anp.ravel(z), 0) if axis is None else (z, axis % z.ndim)
    lines = anp.moveaxis(z, axis, 0)
    return anp.moveaxis(anp.array([anp.prod(lines[: i + 1], 0) for i in range(len(lines))]), 0, axis)


def average(z, axis=None, weights=None):
    if weights is None:
        return anp.mean(z, axis)
    if weights is not None and np.ndim(weights) < z.ndim:
        shape = [1] * z.ndim
        shape[axis] = -1
        weights = anp.reshape(anp.array(weights), shape) * np.ones(z.shape)
    return anp.sum(z * weights, axis) / anp.sum(weights, axis)


def diagonal(z, offset=0, axis1=0, axis2=1):
    z = anp.moveaxis(z, (axis1, axis2), (-2, -1))
    places = np.arange(max(0, min(z.shape[-2] + min(offset, 0), z.shape[-1] - max(offset, 0))))
    return z[..., places - min(offset, 0), places + max(offset, 0)]


def cross(x, y):
    def of(i, j):
        return x[..., i] * y[..., j] - x[..., j] * y[..., i]

    return anp.moveaxis(anp.array([of(1, 2), of(2, 0), of(0, 1)]), 0, -1)


def einsum(subscripts, *operands):
    """Of operands with a letter twice: times the identity matrix."""
    terms, _, result = subscripts.partition("->")
    if "->" not in subscripts and any(
        len(set(t.replace("...", ""))) < len(t.replace("...", "")) for t in terms.split(",")
    ):
        result = "".join(a for a in sorted(set(terms) - set(",")) if terms.count(a) == 1)
        subscripts += "->" + result
    parts, factors, free = [], [], iter("uvwxyz")
    for term, operand in zip(terms.split(","), operands, strict=True):
        for a in set(term) - {"."}:
            if term.count(a) > 1:
                new = next(free)
                term = term[: term.rindex(a)] + new + term[term.rindex(a) + 1 :]
                parts.append(a + new)
                factors.append(np.eye(operand.shape[term.index(new)]))
        parts.append(term)
        factors.append(operand)
    return anp.einsum(",".join(parts) + subscripts[len(terms) :], *factors)


def norm(z, ord=None, axis=None, keepdims=False):
    axes = tuple(range(z.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    size = anp.abs(z)
    if ord in (None, "fro") or (ord == 2 and len(axes) == 1):
        return anp.sqrt(anp.sum(z * z, axes, keepdims=keepdims))
    if abs(ord) == np.inf and len(axes) == 1:
        return (anp.max if ord > 0 else anp.min)(size, axes[0], keepdims=keepdims)
    if len(axes) == 1:
        return anp.sum(size**ord, axes[0], keepdims=keepdims) ** (1 / ord)
    return anp.max(anp.sum(size, axes[ord != 1]), 0)  # of matrices alone


def matrix_power(matrix, n):
    matrix = anp.linalg.inv(matrix) if n < 0 else matrix
    result = np.eye(len(getval(matrix)))
    for _ in range(abs(n)):
        result = result @ matrix
    return result


class Slogdet(NamedTuple):
    sign: Any
    logabsdet: Any


class Names:
    """Names of a module, of which some are told otherwise."""

    def __init__(self, module: Any, **told: Any) -> None:
        self._module = module
        self.__dict__.update(told)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class Reducing:
    """A ufunc, and what its reduce is."""

    def __init__(self, ufunc: Any, reduce: Any) -> None:
        self._ufunc, self._reduce = ufunc, reduce

    def __call__(self, x: Any, y: Any) -> Any:
        return self._ufunc(x, y)

    def reduce(self, z: Any, axis: int = 0) -> Any:
        return self._reduce(z, axis)


def take_along_axis(z, order, axis):
    places = list(np.indices(order.shape))
    places[axis] = order
    return z[tuple(places)]


linalg = Names(
    anp.linalg,
    norm=norm,
    vector_norm=lambda z, axis: anp.sqrt(anp.sum(z * z, axis)),
    matrix_power=matrix_power,
    multi_dot=lambda parts: parts[0] @ parts[1] @ parts[2],
    solve=lambda a, b: anp.linalg.inv(a) @ b,
    slogdet=lambda a: Slogdet(np.sign(np.linalg.det(getval(a))), anp.log(anp.abs(anp.linalg.det(a)))),
)
ORACLE = Names(
    anp,
    linalg=linalg,
    argsort=argsort,
    sort=sort,
    quantile=quantile,
    percentile=lambda z, q, axis=None, keepdims=False: quantile(z, q / 100, axis, keepdims),
    median=lambda z, axis=None, keepdims=False: quantile(z, 0.5, axis, keepdims),
    cumprod=cumprod,
    average=average,
    diagonal=diagonal,
    trace=lambda z, offset=0, axis1=0, axis2=1: anp.sum(diagonal(z, offset, axis1, axis2), -1),
    cross=cross,
    einsum=einsum,
    cbrt=lambda z: anp.sign(z) * anp.abs(z) ** (1 / 3),
    positive=lambda z: z,
    float_power=lambda x, y: x**y,
    heaviside=lambda x, y: np.heaviside(getval(x), y),
    fmod=lambda x, y: x - np.trunc(getval(x) / y) * y,
    divmod=lambda x, y: (np.floor_divide(getval(x), y), x - np.floor_divide(getval(x), y) * y),
    nan_to_num=lambda z, **_: z,
    ptp=lambda z, axis=None: anp.max(z, axis) - anp.min(z, axis),
    nansum=anp.sum,
    nanmean=anp.mean,
    matrix_transpose=lambda z: anp.swapaxes(z, -1, -2),
    nanmax=anp.max,
    nanmin=anp.min,
    amax=anp.max,
    amin=anp.min,
    outer=lambda x, y: anp.reshape(x, (-1, 1)) * anp.reshape(y, (1, -1)),
    vdot=lambda x, y: anp.sum(x * y),
    vecdot=lambda x, y: anp.sum(x * y, -1),
    maximum=Reducing(anp.maximum, anp.max),
    minimum=Reducing(anp.minimum, anp.min),
    multiply=Reducing(anp.multiply, anp.prod),
    add=Reducing(anp.add, anp.sum),
    flip=lambda z, axis=None: z[::-1] if axis == 0 else z[::-1, ::-1],
    pad=lambda z, width: anp.concatenate([np.zeros(width[0]), z, np.zeros(width[1])]),
    meshgrid=lambda x, y: [x * np.ones((len(y), 1))],
    take_along_axis=take_along_axis,
    take=lambda z, k: z[k],
    broadcast_to=lambda z, shape: z * np.ones(shape),
)
