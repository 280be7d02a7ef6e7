"""Third set: outputs that solve an equation, or are the end of a loop."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, spd, three

F = Family("third, solvers")


def settle(w, x):
    z = np.zeros_like(x)
    for _ in range(120):
        z = np.tanh(z @ w.T + x)
    return z


@F.forward(
    *three(lambda r, n: (normal(n, n, scale=0.25), normal(r, n)), (3, 4), (2, 3), (5, 2)),
    slots=("real", "real"), span=(1e-8, 1),
)  # fmt: skip
def equilibrium(w, x):
    return settle(w, x)


def equilibrium_signals(d, z, w, solve):
    slope = 1 - z * z
    u = np.stack([solve(np.eye(len(w)) - s[:, None] * w, e) for s, e in zip(slope, d, strict=True)]) * slope
    return u.T @ z, u


@equilibrium.right
def _(d, a, w, x):
    return equilibrium_signals(d, a, w, lambda m, e: np.linalg.solve(m.T, e))


@equilibrium.wrong("detached", "a fixed point: one step differentiated, its starting point taken for a constant")
def equilibrium_one_step(d, a, w, x):
    return equilibrium_signals(d, a, w, lambda m, e: e)


@equilibrium.wrong("transposed", "a fixed point: the linear system of the Jacobian, not of its transpose")
def equilibrium_not_transposed(d, a, w, x):
    return equilibrium_signals(d, a, w, np.linalg.solve)


@F.forward(
    *three(lambda *s: (normal(*s), positive(*s)), (3, 4), (6,), (2, 2, 2)), slots=("real", "positive"), span=(1e-4, 10)
)
def cubic_root(x, a):
    """Solve y + a y³ = x."""
    y = x / (1 + np.cbrt(a * x * x))
    for _ in range(60):
        y = y - (y + a * y**3 - x) / (1 + 3 * a * y * y)
    return y


@cubic_root.right
def _(d, y, x, a):
    under = 1 + 3 * a * y * y
    return d / under, -d * y**3 / under


@cubic_root.wrong("sign", "a root: the implicit rule without its minus")
def cubic_root_sign(d, y, x, a):
    under = 1 + 3 * a * y * y
    return d / under, d * y**3 / under


@cubic_root.wrong("wrong factor", "a root: 1 + a y² for 1 + 3 a y², the power's 3 forgotten")
def cubic_root_without_three(d, y, x, a):
    under = 1 + a * y * y
    return d / under, -d * y**3 / under


def path(z, w, steps=4):
    found = [z]
    for _ in range(steps):
        found.append(found[-1] + 0.3 * np.tanh(found[-1] @ w))
    return found


@F.forward(*three(lambda r, n: (normal(r, n), normal(n, n)), (3, 4), (2, 3), (5, 2)), slots=("real", "real"),
           span=(1e-8, 1))  # fmt: skip
def flow(z, w):
    return path(z, w)[-1]


def flow_signals(d, z, w, states=slice(0, -1), carry=1.0, order=-1):
    dw = np.zeros_like(w)
    for s in path(z, w)[states][::order]:
        e = 0.3 * d * (1 - np.tanh(s @ w) ** 2)
        dw += s.T @ e
        d = carry * d + e @ w.T
    return d, dw


@flow.right
def _(d, a, z, w):
    return flow_signals(d, z, w)


@flow.wrong("missing term", "Euler's steps: each keeps the state and adds to it; the state's own way was forgotten")
def flow_without_identity(d, a, z, w):
    return flow_signals(d, z, w, carry=0.0)


@flow.wrong("wrong axis", "Euler's steps: the adjoint run from the first state on")
def flow_in_time(d, a, z, w):
    return flow_signals(d, z, w, order=1)


@flow.wrong("output for input", "Euler's steps: each linearised at the state after it")
def flow_states_after(d, a, z, w):
    return flow_signals(d, z, w, states=slice(1, None))


@F.forward(
    *three(lambda n, k: (normal(n, k), normal(n), positive()), (5, 3), (4, 2), (6, 4)),
    slots=("real", "real", "positive"), span=(1e-2, 30), ties=False,
)  # fmt: skip
def ridge(x, y, weight):
    return np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), x.T @ y)


def ridge_signals(d, w, x, y, weight, fitted=1.0, sign=-1.0):
    u = np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), d)
    return np.outer(y - x @ w, u) - fitted * np.outer(x @ u, w), x @ u, sign * np.array(u @ w)


@ridge.right
def _(d, a, x, y, weight):
    return ridge_signals(d, a, x, y, weight)


@ridge.wrong("missing term", "ridge regression: the matrix depends on the samples too; one of three terms is lost")
def ridge_one_term(d, a, x, y, weight):
    return ridge_signals(d, a, x, y, weight, fitted=0.0)


@ridge.wrong("sign", "ridge regression: a larger penalty was told to make weights larger")
def ridge_penalty_sign(d, a, x, y, weight):
    return ridge_signals(d, a, x, y, weight, sign=1.0)


@F.forward(
    *three(lambda n: (normal(n), positive(n), positive(n), normal(n)), (4,), (7,), (2,)),
    slots=("real", "positive", "positive", "real"),
)
def filtered(mean, spread, noise, seen):
    return mean + spread / (spread + noise) * (seen - mean)


@filtered.right
def _(d, a, mean, spread, noise, seen):
    total = spread + noise
    off = d * (seen - mean) / total**2
    return d * noise / total, off * noise, -off * spread, d * spread / total


@filtered.wrong("no signal", "a Kalman filter: its gain taken for a constant")
def filtered_gain_constant(d, a, mean, spread, noise, seen):
    total = spread + noise
    return d * noise / total, np.zeros_like(spread), np.zeros_like(noise), d * spread / total


@filtered.wrong("missing term", "a Kalman filter: the mean stands in the innovation, too")
def filtered_innovation_forgotten(d, a, mean, spread, noise, seen):
    total = spread + noise
    off = d * (seen - mean) / total**2
    return d.copy(), off * noise, -off * spread, d * spread / total


@F.forward(
    *three(lambda n: (normal(n), spd(n), normal(n)), (3,), (4,), (2,)),
    slots=("real", "fixed", "real"),
)
def descended(w, a, b):
    for _ in range(3):
        w = w - 0.2 * (a @ w - b)
    return w


def descended_signals(d, w, a, b, curvature=1.0):
    seen = [w]
    for _ in range(2):
        seen.append(seen[-1] - 0.2 * (a @ seen[-1] - b))
    da, db = np.zeros_like(a), np.zeros_like(b)
    for s in reversed(seen):
        da -= 0.2 * np.outer(d, s)
        db += 0.2 * d
        d = d - 0.2 * curvature * a.T @ d
    return d, da, db


@descended.right
def _(d, out, w, a, b):
    return descended_signals(d, w, a, b)


@descended.wrong("detached", "three steps of descent: the gradient in each step taken for a constant")
def descended_first_order(d, out, w, a, b):
    return descended_signals(d, w, a, b, curvature=0.0)


@descended.wrong("transposed", "three steps of descent: the matrix's signal transposed")
def descended_matrix_transposed(d, out, w, a, b):
    dw, da, db = descended_signals(d, w, a, b)
    return dw, da.T, db


@F.forward(
    *three(lambda i, j, k, n: (normal(i, j), normal(j, k), normal(k, n)), (2, 3, 4, 2), (3, 3, 2, 3), (1, 4, 2, 3)),
    slots=("real", "real", "real"), span=(1e-4, 1e4),
)  # fmt: skip
def chain(a, b, c):
    return a @ b @ c


@chain.right
def _(d, out, a, b, c):
    return d @ (b @ c).T, a.T @ d @ c.T, (a @ b).T @ d


@chain.wrong(
    "constant factor", "a chain of matrices: the middle one's signal added on both ways, to the left and right"
)
def chain_middle_twice(d, out, a, b, c):
    return d @ (b @ c).T, 2 * (a.T @ d @ c.T), (a @ b).T @ d
