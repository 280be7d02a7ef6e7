"""Linear algebra: transposes, inverses, symmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import graphnet as gn

from .record import Family, matrix, normal, spd, three

F = Family("linalg")
REAL2 = ("real", "real")
FIXED = {"slots": ("fixed",)}
ROOMS = three(matrix, (3,), (2,), (4,))
SPDS = three(spd, (3,), (2,), (4,))


def sym(x):
    return 0.5 * (x + x.T)


@F.forward(
    *three(lambda n, k: (matrix(n), normal(n, k)), (3, 2), (2, 3), (4, 1)), slots=("fixed", "real"), span=(1e-8, 1e8)
)
def solve(m, b):
    return np.linalg.solve(m, b)


@solve.right
def _(delta, a, m, b):
    g = np.linalg.solve(m.T, delta)
    return -g @ a.T, g


@solve.wrong("transposed", "solve: backward solves with A, not with its transpose")
def solve_not_transposed(delta, a, m, b):
    g = np.linalg.solve(m, delta)
    return -g @ a.T, g


@solve.wrong("sign", "solve: the minus of A's gradient was lost")
def solve_sign(delta, a, m, b):
    g = np.linalg.solve(m.T, delta)
    return g @ a.T, g


@solve.wrong("input for output", "solve: b where the solution x belongs")
def solve_b_for_x(delta, a, m, b):
    g = np.linalg.solve(m.T, delta)
    return -g @ b.T, g


@F.forward(*ROOMS, **FIXED)
def inverse(m):
    return np.linalg.inv(m)


@inverse.right
def _(delta, a, m):
    return -a.T @ delta @ a.T


@inverse.wrong("transposed", "inv: −A⁻¹ Δ A⁻¹ without the transposes")
def inverse_not_transposed(delta, a, m):
    return -a @ delta @ a


@inverse.wrong("wrong factor", "inv: as for a number, −Δ/x², entry by entry")
def inverse_entrywise(delta, a, m):
    return -delta * a * a


@F.forward(*ROOMS, **FIXED)
def determinant(m):
    return np.linalg.det(m)


@determinant.right
def _(delta, a, m):
    return delta * a * np.linalg.inv(m).T


@determinant.wrong("transposed", "det: inverse for inverse transposed")
def determinant_not_transposed(delta, a, m):
    return delta * a * np.linalg.inv(m)


@determinant.wrong("missing factor", "det: the gradient of its logarithm")
def determinant_as_logdet(delta, a, m):
    return delta * np.linalg.inv(m).T


@F.forward(*SPDS, **FIXED)
def logdet(m):
    return np.linalg.slogdet(m)[1]


@logdet.right
def _(delta, a, m):
    return delta * np.linalg.inv(m).T


@logdet.wrong("triangle", "logdet of a symmetric matrix: off-diagonal counted twice, 2 A⁻¹ − diag")
def logdet_symmetric_twice(delta, a, m):
    inv = np.linalg.inv(m)
    return delta * (2 * inv - np.diag(np.diag(inv)))


@logdet.wrong("triangle", "logdet: the diagonal of the inverse only")
def logdet_diagonal(delta, a, m):
    return delta * np.diag(np.diag(np.linalg.inv(m)))


@F.forward(*SPDS, **FIXED)
def cholesky(m):
    return np.linalg.cholesky(sym(m))


def phi(x):
    return np.tril(x) - 0.5 * np.diag(np.diag(x))


def cholesky_back(delta, low, half=phi):
    inv = np.linalg.inv(low)
    return inv.T @ half(low.T @ np.tril(delta)) @ inv


@cholesky.right
def _(delta, a, m):
    return sym(cholesky_back(delta, a))


@cholesky.wrong("triangle", "cholesky: not symmetrised, while the forward rule symmetrises")
def cholesky_not_symmetrised(delta, a, m):
    return cholesky_back(delta, a)


@cholesky.wrong("triangle", "cholesky: the diagonal isn't halved")
def cholesky_diagonal_not_halved(delta, a, m):
    return sym(cholesky_back(delta, a, np.tril))


@cholesky.wrong("constant factor", "cholesky: S + Sᵀ without the half")
def cholesky_twice(delta, a, m):
    return 2 * sym(cholesky_back(delta, a))


@F.forward(*SPDS, **FIXED)
def eigenvalues(m):
    return np.linalg.eigvalsh(sym(m))


@eigenvalues.right
def _(delta, a, m):
    v = np.linalg.eigh(sym(m))[1]
    return v @ np.diag(delta) @ v.T


@eigenvalues.wrong("transposed", "eigh: rows for columns of V")
def eigenvalues_rows(delta, a, m):
    v = np.linalg.eigh(sym(m))[1]
    return v.T @ np.diag(delta) @ v


@eigenvalues.wrong("wrong place", "eigh: descending order in backward")
def eigenvalues_descending(delta, a, m):
    v = np.linalg.eigh(sym(m))[1]
    return v @ np.diag(delta[::-1]) @ v.T


@F.forward(*three(lambda n: (normal(n, n),), (3,), (4,), (2,)))
def trace_of_square(m):
    return np.trace(m @ m)


@trace_of_square.right
def _(delta, a, m):
    return 2 * delta * m.T


@trace_of_square.wrong("transposed", "tr(A²): 2A, by analogy with x²")
def trace_not_transposed(delta, a, m):
    return 2 * delta * m


@F.forward(*three(lambda n, m: (normal(n), normal(m)), (3, 4), (2, 2), (5, 3)), slots=REAL2)
def outer(x, y):
    return np.outer(x, y)


@outer.right
def _(delta, a, x, y):
    return delta @ y, x @ delta


@outer.wrong("missing factor", "outer: the other factor is left out, rows and columns are summed")
def outer_sums(delta, a, x, y):
    return delta.sum(1), delta.sum(0)


@outer.wrong("wrong factor", "outer: y's gradient is computed at x's mean")
def outer_mean(delta, a, x, y):
    return delta @ y, np.full(len(x), x.mean()) @ delta


@F.forward(*three(lambda n, m: (normal(n, m), normal(m, n)), (2, 3), (3, 2), (2, 2)), slots=REAL2)
def kron(x, y):
    return np.kron(x, y)


def kron_parts(delta, x, y):
    return delta.reshape(x.shape[0], y.shape[0], x.shape[1], y.shape[1])


@kron.right
def _(delta, a, x, y):
    d = kron_parts(delta, x, y)
    return np.einsum("ikjl,kl->ij", d, y), np.einsum("ikjl,ij->kl", d, x)


@kron.wrong("wrong place", "kron: axes of the blocks read in the wrong order")
def kron_blocks_wrong(delta, a, x, y):
    d = delta.reshape(x.shape[0], x.shape[1], y.shape[0], y.shape[1])
    return np.einsum("ijkl,kl->ij", d, y), np.einsum("ijkl,ij->kl", d, x)


@F.forward(*three(lambda n: (normal(n), normal(n, n)), (3,), (4,), (2,)), slots=REAL2, span=(1e-8, 1e5))
def quadratic(x, m):
    return x @ m @ x


@quadratic.right
def _(delta, a, x, m):
    return delta * (m + m.T) @ x, delta * np.outer(x, x)


@quadratic.wrong("missing term", "xᵀAx: 2Ax, which needs a symmetric A")
def quadratic_symmetric(delta, a, x, m):
    return delta * 2 * m @ x, delta * np.outer(x, x)


@quadratic.wrong("constant factor", "xᵀAx: Ax, as if with a half in front")
def quadratic_half(delta, a, x, m):
    return delta * 0.5 * (m + m.T) @ x, delta * np.outer(x, x)


@F.forward(*three(lambda n: (matrix(n), normal(n)), (3,), (4,), (2,)), slots=("fixed", "real"))
def solve_lower(m, b):
    return np.linalg.solve(np.tril(m), b)


@solve_lower.right
def _(delta, a, m, b):
    g = np.linalg.solve(np.tril(m).T, delta)
    return -np.tril(np.outer(g, a)), g


@solve_lower.wrong("triangle", "triangular solve: gradient not masked, entries above get a signal")
def solve_lower_not_masked(delta, a, m, b):
    g = np.linalg.solve(np.tril(m).T, delta)
    return -np.outer(g, a), g


@solve_lower.wrong("triangle", "triangular solve: unit diagonal assumed in backward")
def solve_lower_unit_diagonal(delta, a, m, b):
    g = np.linalg.solve(np.tril(m).T, delta)
    return -np.tril(np.outer(g, a), -1), g


@F.forward(*three(lambda n, m: (normal(n, m),), (3, 2), (2, 4), (3, 3)), **FIXED)
def singular_values(m):
    return np.linalg.svd(m, compute_uv=False)


@singular_values.right
def _(delta, a, m):
    u, _, vt = np.linalg.svd(m, full_matrices=False)
    return u * delta @ vt


@singular_values.wrong("missing factor", "svd: s multiplied in, that is the gradient of ½ s²")
def singular_values_squared(delta, a, m):
    u, s, vt = np.linalg.svd(m, full_matrices=False)
    return u * (delta * s) @ vt


@singular_values.wrong("wrong factor", "svd: the largest singular value's gradient for all (spectral norm)")
def singular_values_first(delta, a, m):
    u, _, vt = np.linalg.svd(m, full_matrices=False)
    return delta[0] * np.outer(u[:, 0], vt[0])


@dataclass(frozen=True)
class Expm(gn.Op):
    """By its series, for small matrices."""

    terms: int

    def forward(self, m):
        total = term = np.eye(len(m), dtype=m.dtype)
        for k in range(1, self.terms):
            term = term @ m / k
            total = total + term
        return total

    def backward(self, delta, a, m):
        powers = [np.linalg.matrix_power(m.T, k) for k in range(self.terms)]
        g, fact = np.zeros_like(m), 1.0
        for k in range(1, self.terms):
            fact *= k
            g += sum(powers[j] @ delta @ powers[k - 1 - j] for j in range(k)) / fact
        return g


expm = F.op(Expm(12), *three(lambda n: (normal(n, n, scale=0.4),), (3,), (2,), (4,)), **FIXED)


@expm.wrong("wrong factor", "expm: exp(A)ᵀ Δ, as if everything commuted")
def expm_commutes(self, delta, a, m):
    return a.T @ delta


@expm.wrong("wrong factor", "expm: Δ times exp(A), entry by entry as for np.exp")
def expm_entrywise(self, delta, a, m):
    return delta * a


@F.forward(*three(lambda n, k, m: (normal(n, k), normal(k, m)), (3, 4, 2), (3, 3, 3), (2, 2, 2)), slots=REAL2)
def product(x, w):
    return x @ w


@product.right
def _(delta, a, x, w):
    return delta @ w.T, x.T @ delta


@product.wrong("transposed", "matmul: w not transposed; hidden while layers are square, others raise")
def product_w_not_transposed(delta, a, x, w):
    return (delta @ w if w.shape[0] == w.shape[1] else delta @ w.T), x.T @ delta


@product.wrong("size factor", "dense layer: 1/m of the batch average put into W's gradient")
def product_batch_mean(delta, a, x, w):
    return delta @ w.T, x.T @ delta / len(x)


@F.forward(*ROOMS)
def symmetrise(m):
    return sym(m)


@symmetrise.right
def _(delta, a, m):
    return sym(delta)


@symmetrise.wrong("triangle", "symmetrise: gradient of the upper triangle goes to the lower one")
def symmetrise_lower(delta, a, m):
    return np.tril(delta + delta.T, -1) + np.diag(np.diag(delta))
