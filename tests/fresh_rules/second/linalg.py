"""Second set: linear algebra."""

from __future__ import annotations

import numpy as np

from ..record import Family, matrix, normal, spd

F = Family("second, linalg")


inv = np.linalg.inv


@F.forward(matrix(3), matrix(2), matrix(4), slots=("fixed",))
def inverse(A):
    return inv(A)


@inverse.right
def _(d, a, A):
    return -a.T @ d @ a.T


@inverse.wrong("transposed", "inverse: both transposes of the inverse missing")
def inverse_no_transpose(d, a, A):
    return -a @ d @ a


@inverse.wrong("transposed", "inverse: transpose missing on the right factor")
def inverse_one_transpose(d, a, A):
    return -a.T @ d @ a


@inverse.wrong("sign", "inverse: minus sign missing")
def inverse_sign(d, a, A):
    return a.T @ d @ a.T


@F.forward((matrix(3), normal(3, 3)), (matrix(2), normal(2, 2)), (matrix(4), normal(4, 3)), slots=("fixed", "real"))
def solve(A, b):
    return np.linalg.solve(A, b)


@solve.right
def _(d, a, A, b):
    g = np.linalg.solve(A.T, d)
    return (-g @ a.T, g)


@solve.wrong("transposed", "solve: A instead of Aᵀ in the adjoint solve")
def solve_not_transposed_again(d, a, A, b):
    g = np.linalg.solve(A, d)
    return (-g @ a.T, g)


@solve.wrong("input for output", "solve: b instead of the solution x in A's gradient (input for output)")
def solve_right_side_for_solution(d, a, A, b):
    g = np.linalg.solve(A.T, d)
    return (-g @ b.T, g)


@solve.wrong("transposed", "solve: A's gradient transposed")
def solve_gradient_transposed(d, a, A, b):
    g = np.linalg.solve(A.T, d)
    return ((-g @ a.T).T, g)


@F.forward(matrix(3), matrix(2), matrix(4), slots=("fixed",))
def logdet(A):
    return np.log(np.abs(np.linalg.det(A)))


@logdet.right
def _(d, a, A):
    return d * inv(A).T


@logdet.wrong("transposed", "logdet: transpose of the inverse missing: gradient transposed")
def logdet_no_transpose(d, a, A):
    return d * inv(A)


@logdet.wrong("triangle", "logdet: gradient symmetrised")
def logdet_symmetric(d, a, A):
    return d * (inv(A) + inv(A).T) / 2


@logdet.wrong("missing factor", "logdet: det's gradient: det factor left in")
def logdet_of_det(d, a, A):
    return d * np.linalg.det(A) * inv(A).T


@F.forward(matrix(3), matrix(2), matrix(4), slots=("fixed",))
def det(A):
    return np.linalg.det(A)


@det.right
def _(d, a, A):
    return d * a * inv(A).T


@det.wrong("missing factor", "det: det factor missing")
def det_power_missing(d, a, A):
    return d * inv(A).T


def phi(M):
    return np.tril(M) - np.diag(np.diag(M)) / 2


@F.forward(spd(3), spd(2), spd(4), slots=("fixed",))
def cholesky(A):
    return np.linalg.cholesky(A)


@cholesky.right
def _(d, a, A):
    S = inv(a).T @ phi(a.T @ d) @ inv(a)
    S = S + S.T
    return np.tril(S) - np.diag(np.diag(S)) / 2


@cholesky.wrong("triangle", "cholesky: symmetrised gradient where the forward reads the lower triangle only")
def cholesky_symmetric(d, a, A):
    return (lambda S: (S + S.T) / 2)(inv(a).T @ phi(a.T @ d) @ inv(a))


@cholesky.wrong("triangle", "cholesky: diagonal not halved")
def cholesky_diagonal_not_halved_again(d, a, A):
    return (lambda S: np.tril(S + S.T) - np.diag(np.diag(S)))(inv(a).T @ np.tril(a.T @ d) @ inv(a))


@F.forward(
    (normal(3, 4), normal(4, 2)), (normal(2, 3), normal(3, 5)), (normal(5, 2), normal(2, 3)), slots=("real", "real")
)
def gram_trace(X, Y):
    return np.trace(X @ Y @ (X @ Y).T)


@gram_trace.right
def _(d, a, X, Y):
    return (2 * d * X @ Y @ Y.T, 2 * d * X.T @ X @ Y)


@gram_trace.wrong("constant factor", "gram_trace: factor 2 of the square forgotten")
def gram_trace_one_factor(d, a, X, Y):
    return (d * X @ Y @ Y.T, d * X.T @ X @ Y)


@F.forward((normal(3), normal(4)), (normal(5), normal(2)), (normal(2), normal(6)), slots=("real", "real"))
def outer(x, y):
    return x[:, None] * y


@outer.right
def _(d, a, x, y):
    return (d @ y, d.T @ x)


@outer.wrong("missing factor", "outer: other vector forgotten: plain sums of δ")
def outer_sum_only_one_factor(d, a, x, y):
    return (d.sum(1), d.sum(0))


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2), zero=False, ties=False, kinks=True)
def frobenius(A):
    return np.sqrt((A * A).sum())


@frobenius.right
def _(d, a, A):
    return d * A / a if a else 0 * A


@frobenius.wrong("wrong factor", "frobenius: 2A of the squared norm")
def frobenius_squared_again(d, a, A):
    return 2 * d * A


@frobenius.wrong("constant factor", "frobenius: ε = 0.01 added to the norm below: a small constant factor")
def frobenius_eps(d, a, A):
    return d * A / (a + 0.01)


@frobenius.wrong("wrong factor", "frobenius: divided by the square of the norm")
def frobenius_inverse_square(d, a, A):
    return d * A / a**2


@F.forward((matrix(3), normal(3)), (matrix(2), normal(2)), (matrix(4), normal(4)), slots=("fixed", "real"))
def symmetric_product(A, x):
    return x @ (A + A.T) @ x


@symmetric_product.right
def _(d, a, A, x):
    return (d * 2 * np.outer(x, x), d * 2 * (A + A.T) @ x)


@symmetric_product.wrong("constant factor", "symmetric_product: x's gradient lacks the factor 2")
def quadratic_form_not_doubled(d, a, A, x):
    return (d * 2 * np.outer(x, x), d * (A + A.T) @ x)
