"""Which of NumPy's words work on nodes: expressions in NumPy's names, run on arrays and on nodes.

python -m tools.vocabulary      prints what is refused, and writes docs/vocabulary.md
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphnet as gn
from graphnet.common.text import OF_SCIPY, WRITTEN_OUT
from graphnet.core.registry import BUILDERS, read_all
from graphnet.core.registry import _name as called
from graphnet.errors import GraphnetError

RNG = np.random.default_rng(4)
ARRAYS: dict[str, Any] = {
    "z": RNG.normal(size=(3, 4)),
    "t": RNG.normal(size=(3, 4)),
    "p": RNG.uniform(0.1, 0.9, (3, 4)),
    "v": RNG.normal(size=4),
    "w": RNG.normal(size=4),
    "b": RNG.normal(size=3),
    "A": RNG.normal(size=(3, 3)) + 2 * np.eye(3),
    "S": (lambda m: m @ m.T + np.eye(3))(RNG.normal(size=(3, 3))),
    "B": RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3),
    "T": RNG.normal(size=(2, 3, 4)),
    "s": np.array(0.7),
    "k": np.array([2, 0, 3]),
}
"""What the letters of the expressions stand for; k is of integers, p from 0 to 1, S symmetric and positive definite."""

FROM_NUMPYS_PAGES = """
np.sin(z * np.pi / 2) | np.sin(np.pi / 2 * s) | np.cos(z) | np.tan(p) | np.arcsin(p) | np.arccos(p) | np.arctan(z)
np.arctan2(z, t) | np.arctan2(z, t) * 180 / np.pi | np.sinh(z) | np.cosh(z) | np.tanh(z) | np.arcsinh(z)
np.arccosh(p + 1) | np.arctanh(p) | np.hypot(3 * p, 4 * p) | np.hypot(z, 4.0) | np.deg2rad(180 * p) | np.rad2deg(z)
np.degrees(z) | np.radians(z) | np.exp(z) | np.exp2(z) | np.expm1(z) | np.log(p) | np.log10(p) | np.log2(p)
np.log1p(p) | np.logaddexp(z, t) | np.logaddexp2(z, t) | np.sqrt(p) | np.cbrt(z) | np.square(z) | np.reciprocal(p)
np.positive(z) | np.negative(z) | np.absolute(z) | np.fabs(z) | np.sign(z) | np.power(p, 3.0) | np.power(p, t)
np.float_power(p, 1.5) | np.heaviside(z, 0.5) | np.floor(z) | np.ceil(z) | np.trunc(z) | np.rint(z) | np.round(z, 1)
np.round(z, decimals=2) | np.around(z) | np.remainder(z, 1.5) | np.mod(z, 0.5) | np.fmod(z, 0.5)
np.floor_divide(z, 0.5) | np.divmod(z, 0.5)[1] | np.nan_to_num(z) | np.nan_to_num(z, nan=1.0, posinf=2.0)
np.clip(z, -1, 1) | np.clip(z, -0.5, None) | np.maximum(z, t) | np.minimum(z, v) | np.fmax(z, t) | np.fmin(z, t)
np.isnan(z) | np.isfinite(z) | np.isinf(z) | np.signbit(z) | np.isclose(z, t) | np.logical_and(z > 0, t > 0)
np.logical_or(z > 0, t > 0) | np.logical_not(z > 0) | np.logical_xor(z > 0, t > 0) | np.greater(z, t)
np.less_equal(z, t) | np.equal(z, t) | np.add(z, t) | np.subtract(z, v) | np.multiply(z, t) | np.divide(z, p)
np.true_divide(z, p) | np.sum(z) | np.sum(z, axis=0) | np.sum(z, axis=(0, 1)) | np.sum(z, axis=1, keepdims=True)
np.mean(z) | np.mean(z, axis=0) | np.mean(z, axis=1) | np.std(z) | np.std(z, axis=0) | np.std(z, axis=1, ddof=1)
np.var(z) | np.var(z, axis=0) | np.var(z, axis=1, ddof=1) | np.prod(z) | np.prod(z, axis=1) | np.cumsum(z)
np.cumsum(z, axis=0) | np.cumsum(z, axis=1) | np.cumprod(z) | np.cumprod(z, axis=0) | np.cumprod(z, axis=1) | np.max(z)
np.max(z, axis=0) | np.min(z, axis=1) | np.amax(z, axis=1) | np.amin(z) | np.ptp(z, axis=1) | np.ptp(z) | np.median(z)
np.median(z, axis=0) | np.median(z, axis=1) | np.median(z, axis=1, keepdims=True) | np.quantile(z, 0.5)
np.quantile(z, 0.25, axis=0) | np.quantile(z, [0.25, 0.5], axis=1) | np.vecdot(z, t) | np.linalg.vector_norm(z, axis=1)
np.matrix_transpose(B) | np.percentile(z, 50) | np.percentile(z, 30, axis=1, keepdims=True) | np.average(v)
np.average(v, weights=p[0]) | np.average(z, axis=1, weights=p[0]) | np.average(z, axis=0, weights=p)
np.count_nonzero(z) | np.count_nonzero(z, axis=0) | np.nansum(z) | np.nanmean(z, axis=0)
np.sort(z) | np.sort(z, axis=None) | np.sort(z, axis=0) | np.argsort(z, axis=0) | np.argmax(z)
np.argmax(z, axis=0) | np.argmin(z, axis=1) | np.all(z > -9) | np.all(z > 0, axis=0) | np.any(z > 0)
np.any(z > 0, axis=1) | np.einsum("ii", A) | np.trace(A) | np.einsum("ii->i", A) | np.diag(A) | np.einsum("ij->i", A)
np.einsum("...j->...", A) | np.einsum("ji", A) | np.einsum("ij->ji", A) | np.einsum("i,i", v, w)
np.einsum("ij,j", A, b) | np.einsum("...j,j", A, b) | np.einsum("..., ...", s, A) | np.einsum("i,j", v, w)
np.einsum("ijk,jl->kl", T, A) | np.einsum("ki,jk->ij", A, S) | np.tensordot(T, A, axes=([1], [0])) | np.tensordot(z, t)
np.tensordot(v, w, 0) | np.inner(v, w) | np.inner(T, v) | np.inner(A, S) | np.outer(v, w) | np.outer(z, b)
np.vdot(z, t) | np.dot(A, S) | np.dot(v, w) | np.dot(T, v) | np.dot(z, s) | np.kron(v, b)
np.kron(A, z) | np.cross(b, A) | np.cross(A, S) | np.trace(B, axis1=1, axis2=2) | np.diag(A, k=1) | np.diag(A, k=-1)
np.diag(np.diag(A)) | np.diagonal(A) | np.diagonal(A, 1) | np.diagonal(B, 0, 1, 2) | np.triu(A, -1) | np.tril(z, -1)
np.tril(B) | np.linalg.norm(v) | np.linalg.norm(A) | np.linalg.norm(A, "fro") | np.linalg.norm(v, np.inf)
np.linalg.norm(A, np.inf) | np.linalg.norm(v, -np.inf) | np.linalg.norm(v, 1) | np.linalg.norm(A, 1)
np.linalg.norm(v, 3) | np.linalg.norm(z, axis=0) | np.linalg.norm(z, axis=1) | np.linalg.norm(z, ord=1, axis=1)
np.linalg.norm(B, axis=(1, 2)) | np.linalg.solve(A, b) | np.linalg.solve(B, A) | np.linalg.inv(A) | np.linalg.inv(B)
np.linalg.det(A) | np.linalg.det(B) | np.linalg.slogdet(A)[1] | np.linalg.slogdet(B).logabsdet | np.linalg.cholesky(S)
np.linalg.multi_dot([A, S, z]) | np.linalg.matrix_power(A, 3) | np.linalg.matrix_power(A, 0)
np.linalg.matrix_power(A, -3)
np.linalg.svd(A)[1] | np.linalg.eigh(S)[0]
np.linalg.pinv(A) | np.linalg.lstsq(A, b)[0] | np.linalg.cond(A, 1) | np.interp(s, [0, 1], [2, 3])
"""
"""Expressions as on the pages of NumPy's manual that describe these functions."""

SHAPES = """
np.stack([z, t]) | np.stack([v, w], axis=-1) | np.vstack((v, w)) | np.hstack((v, b))
np.hstack((A, S)) | np.column_stack((v, w)) | np.append(z, t, axis=0) | np.concatenate((z, t), axis=1)
np.split(z, 2, axis=1)[0] | np.pad(v, (2, 3)) | np.tile(v, 2) | np.tile(v, (2, 2)) | np.repeat(z, 2)
np.repeat(z, 3, axis=1) | np.roll(v, 2) | np.roll(z, 1, axis=1) | np.flip(z) | np.flip(z, 0) | np.fliplr(A)
np.flipud(A) | np.rot90(A) | np.moveaxis(T, 0, -1) | np.swapaxes(T, 0, 2) | np.transpose(z) | np.diff(v)
np.diff(z, axis=0) | np.atleast_2d(v) | np.expand_dims(v, axis=0) | np.squeeze(z[None]) | np.ravel(z)
np.reshape(z, (2, 6)) | np.take_along_axis(z, np.argsort(z, axis=1), axis=1) | np.take(v, k) | np.where(z > 0, z, -1)
np.broadcast_to(v, (3, 4)) | np.zeros_like(z) | np.ones_like(z) | np.meshgrid(v, b)[0]
"""
"""The same of the functions that move entries."""

EVERYDAY = """
z.std() | z.std(axis=0) | z.var(axis=1, ddof=1) | z.prod() | z.cumsum(axis=1) | z.cumprod(0) | z.min() | z.min(axis=1)
z.max(axis=0) | z.argmax(axis=1) | z.argsort(axis=-1) | z.any() | z.all(axis=0) | z.round(1) | z.clip(-1, 1) | z.dot(v)
A.trace() | A.diagonal() | z.ravel() | z.squeeze() | z.swapaxes(0, 1) | z.sum(0) | z.mean(1) | z.T @ z | z @ v | abs(z)
-z | +z | z ** 2 | 2 ** z | p ** p | z // 0.5 | z % 1.5 | divmod(z, 0.5)[0] | 1 / p | z / (1 + abs(z))
(z - z.mean(0)) / z.std(0) | (z - z.min()) / np.ptp(z) | np.exp(z) / np.exp(z).sum()
np.exp(z - z.max(1, keepdims=True)) | np.log(np.exp(z).sum(axis=1)) | np.sum((z - t) ** 2) | np.mean(np.abs(z - t))
np.sqrt(np.mean(np.square(z - t))) | np.sum(p * np.log(p)) | -np.sum(p * np.log2(p), axis=1) | np.linalg.norm(z - t)
z / np.linalg.norm(z, axis=1, keepdims=True) | np.sum(z * t) / (np.linalg.norm(z) * np.linalg.norm(t))
v @ w / np.sqrt(v @ v * (w @ w)) | np.cos(z) ** 2 + np.sin(z) ** 2 | np.sin(z) / (1.1 + np.cos(z))
np.arctan2(np.sin(z), np.cos(z)) | np.hypot(z, t).sum() | np.logaddexp(0, z) | np.log1p(np.exp(-np.abs(z)))
np.maximum(z, 0) ** 2 | np.where(z > 0, z, np.expm1(z)) | np.where(np.isnan(z), 0, z)
np.where(np.abs(z) < 1, 0.5 * z ** 2, np.abs(z) - 0.5) | np.sign(z) * np.sqrt(np.abs(z)) | np.tanh(z) * np.log(p)
np.maximum.reduce(z) | np.minimum.reduce(z, axis=1) | np.multiply.reduce(z, axis=1) | np.add.reduce(z, axis=1)
np.logical_and.reduce(z > 0, axis=0) | np.sort(z)[:, -2:] | np.sort(v)[::-1] | np.sort(z, axis=1)[:, 1:-1].mean(axis=1)
np.median(np.abs(z - np.median(z))) | np.percentile(z, 75) - np.percentile(z, 25) | np.cumsum(v[::-1])[::-1]
np.cumsum(z, axis=1)[:, -1] | np.prod(1 - p, axis=1) | 1 - np.prod(1 - p) | np.cumprod(1 - p, axis=1) | b @ A @ b
np.trace(A @ S) | np.trace(A.T @ A) | np.diag(v) @ w | np.diag(b) @ A | np.diag(A).sum()
np.linalg.det(A) * np.linalg.inv(A) | np.linalg.solve(S, A @ b) | b @ np.linalg.solve(S, b)
-0.5 * (b @ np.linalg.solve(S, b) + np.linalg.slogdet(S)[1]) | np.linalg.cholesky(S) @ b
np.log(np.diag(np.linalg.cholesky(S))).sum() | np.linalg.inv(np.eye(3) + A.T @ A) | np.einsum("bij,bjk->bik", B, B)
np.einsum("bij,j->bi", B, b) | np.einsum("bij,bij->b", B, B) | np.einsum("ij,ij", z, t) | np.einsum("i,ij,j->", b, A, b)
np.einsum("bii->b", B) | np.outer(v, v) - np.eye(4) | np.tril(A) + np.triu(A, 1) | np.triu(np.ones((4, 4))) @ v
np.mean(z, axis=0, keepdims=True) - z | np.average(z, axis=0, weights=[1.0, 2.0, 1.0]) | np.cov(z) | np.corrcoef(z)
np.trapezoid(v) | np.gradient(v) | np.sinc(z) | np.polyval([1, 2, 3], z)
np.logspace(0, s, 3) | np.linspace(0, s, 3) | v[:, None] * w | v[:, None] - v
((A[:, None] - S) ** 2).sum(-1) | z[np.arange(3), k] | z[z > 0] | z[:, ::-1] | z[-1] | z[..., 0] | v[k] | T[:, 0, 1:3]
z[1:] - z[:-1] | np.zeros_like(z) + v
"""
"""Expressions as people write them."""

REPAIRS = {
    "np.nansum(z)": "np.sum(np.where(np.isnan(z), 0, z))",
    "np.fmax(z, t)": "np.maximum(np.where(np.isnan(z), t, z), np.where(np.isnan(t), z, t))",
    "np.fmin(z, t)": "np.minimum(np.where(np.isnan(z), t, z), np.where(np.isnan(t), z, t))",
    "np.nanmean(z, axis=0)": "np.sum(np.where(np.isnan(z), 0, z), axis=0) / np.sum(~np.isnan(z), axis=0)",
    "np.linalg.svd(A)[1]": "singular_values(A)",
    "np.linalg.eigh(S)[0]": "eigenvalues(S)",
    "np.linalg.pinv(A)": "np.linalg.solve(A.T @ A, A.T)",
    "np.linalg.lstsq(A, b)[0]": "np.linalg.solve(A.T @ A, A.T @ b)",
    "np.linalg.cond(A, 1)": "np.linalg.norm(A, 1) * np.linalg.norm(np.linalg.inv(A), 1)",
    "np.interp(s, [0, 1], [2, 3])": "2 + (3 - 2) * np.clip((s - 0) / (1 - 0), 0, 1)",
    "np.cov(z)": "(z - z.mean(1, keepdims=True)) @ (z - z.mean(1, keepdims=True)).T / (z.shape[1] - 1)",
    "np.corrcoef(z)": "[u := z - z.mean(1, keepdims=True), u := u / np.linalg.norm(u, axis=1, keepdims=True), u @ u.T][-1]",
    "np.trapezoid(v)": "np.sum(v[1:] + v[:-1]) / 2",
    "np.gradient(v)": "np.concatenate([v[1:2] - v[:1], (v[2:] - v[:-2]) / 2, v[-1:] - v[-2:-1]])",
    "np.sinc(z)": "np.where(z == 0, 1, np.sin(np.pi * z) / (np.pi * np.where(z == 0, 1, z)))",
    "np.polyval([1, 2, 3], z)": "gn.polynomial(z, [3, 2, 1])",
    "np.linspace(0, s, 3)": "0 + (s - 0) * np.linspace(0, 1, 3)",
    "np.logspace(0, s, 3)": "10 ** (0 + (s - 0) * np.linspace(0, 1, 3))",
}
"""Expressions that are refused, and what to write instead."""


@gn.op
def singular_values(matrix: Any) -> Any:
    return np.linalg.svd(matrix)[1]


@singular_values.backward
def singular_values_backward(delta: Any, a: Any, matrix: Any) -> Any:
    left, _, right = np.linalg.svd(matrix)
    return left * delta @ right


@gn.op
def eigenvalues(matrix: Any) -> Any:
    return np.linalg.eigvalsh((matrix + matrix.T) / 2)


@eigenvalues.backward
def eigenvalues_backward(delta: Any, a: Any, matrix: Any) -> Any:
    vectors = np.linalg.eigh((matrix + matrix.T) / 2)[1]
    return vectors * delta @ vectors.T


PAGE = Path(__file__).parent.parent / "docs" / "vocabulary.md"
HEAD = """# NumPy's words on nodes

Made by `python -m tools.vocabulary`, which runs {count} expressions on arrays and on nodes: {working} of them work on nodes,
and give what NumPy gives.

A function of NumPy, given a node, makes a node: `np.std(z, axis=0)`. The same function is `gn.std`, and `gn.linalg.solve` that
of `np.linalg`; where arrays have a method of the name, nodes have it: `z.std(axis=0)`. Options that say where to write
(`out=`, `dtype=`, `where=`) are not taken.

**Inside an op of your own, under `@gn.op`, all of NumPy works**: its rules are given arrays.

"""


class Row(NamedTuple):
    """What became of an expression: whether it works on nodes, and the message where not."""

    expression: str
    works: bool
    message: str


def expressions(text: str) -> list[str]:
    """Return the expressions of a text, one after another."""
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


def on_arrays(expression: str, numpy: Any = np, **arrays: Any) -> Any:
    """Evaluate an expression on the arrays, or on others, with NumPy or with what stands for it."""
    names = {"np": numpy, "gn": gn, "singular_values": singular_values, "eigenvalues": eigenvalues}
    return eval(expression, {**names, **ARRAYS, **arrays})


def letters(expression: str) -> list[str]:
    """Return the letters that an expression uses."""
    return sorted(
        set(re.findall(r"(?<![\w.\"'])([a-zA-Z])(?![\w(\"'=])", re.sub(r'"[^"]*"', "", expression))) & set(ARRAYS)
    )


def words(expression: str) -> list[str]:
    """Return the names of NumPy's functions that an expression calls, and of methods."""
    return re.findall(r"\.((?:linalg\.)?\w+)(?=\()", expression)


def inputs(expression: str, open_batch: bool = False) -> dict[str, gn.Node]:
    """Return an input node for each letter of an expression."""
    return {
        a: gn.input(
            a, (None, *ARRAYS[a].shape[1:]) if open_batch and ARRAYS[a].ndim else ARRAYS[a].shape, dtype=ARRAYS[a].dtype
        )
        for a in letters(expression)
    }


def tried(expression: str) -> Row:
    """Evaluate an expression on nodes, and hold its value to NumPy's."""
    given, right = inputs(expression), on_arrays(expression)
    try:
        node = on_arrays(expression, **given)
        if not isinstance(node, gn.Node):
            raise TypeError(f"it gave a {type(node).__name__}")
        used = set(gn.Graph(node).inputs)
        value = gn.forward(node, {leaf: ARRAYS[a] for a, leaf in given.items() if leaf in used})[node]
    except (GraphnetError, AttributeError, TypeError) as error:
        return Row(expression, False, str(error))
    np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-14, err_msg=expression)
    return Row(expression, True, "")


def rows() -> Iterator[Row]:
    """Try every expression."""
    yield from map(tried, itertools.chain(*map(expressions, (FROM_NUMPYS_PAGES, SHAPES, EVERYDAY))))


def provided() -> dict[str, Any]:
    """Return what works on nodes: the name in NumPy, and the function of graphnet."""
    found = {}
    read_all()
    for function in BUILDERS:
        name = called(function)
        door, _, last = name.removeprefix("np.").rpartition(".")
        public = getattr(getattr(gn, door) if door else gn, last, None)
        if public is not None:
            found[name] = public
    return dict(sorted(found.items()))


def page(tried_rows: Sequence[Row]) -> str:
    """Return the page docs/vocabulary.md."""
    working = sum(row.works for row in tried_rows)
    lines = [HEAD.format(working=working, count=len(tried_rows))]
    lines += ["| on nodes | what it gives |", "|---|---|"]
    for name, function in provided().items():
        meaning = (inspect.getdoc(function) or "").partition("\n")[0]
        meaning = meaning.replace("|", "\\|").replace("``", "`")
        lines.append(f"| `{name}` | {meaning} |")
    lines += ["", "## What is refused, and what to write instead", "", "| refused | instead |", "|---|---|"]
    for name, repair in sorted(WRITTEN_OUT.items() - OF_SCIPY.items()):
        if f"np.{name}" not in provided():
            lines.append(f"| `np.{name}` | {repair} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = list(rows())
    for row in found:
        if not row.works:
            print(f"{row.expression:55} {' '.join(row.message.split())[:150]}")
    print(f"{sum(row.works for row in found)} of {len(found)} work")
    PAGE.write_text(page(found), encoding="utf-8")
