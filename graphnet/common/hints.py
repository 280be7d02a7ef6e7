"""What to write instead: of NumPy functions that no op covers, and of gradients asked for by what is no label."""

from __future__ import annotations

from typing import Any, NoReturn

from graphnet.errors import GraphError, shown

_AFTER = "It has no slope: compute it from the value, gn.forward(z, feeds)[z]"
_VALID = "np.{}(np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b))"
_OF_MATRICES = "Write its rule yourself: an op whose forward calls it on arrays"
WRITTEN_OUT = {
    "fmax": f"Write {_VALID.format('maximum')}",
    "fmin": f"Write {_VALID.format('minimum')}",
    "nanmean": "Write np.nansum(z, axis=0) / np.sum(~np.isnan(z), axis=0)",
    "nanmax": "Write np.max(np.where(np.isnan(z), -np.inf, z))",
    "nanmin": "Write np.min(np.where(np.isnan(z), np.inf, z))",
    "linalg.svd": _OF_MATRICES,
    "linalg.eigh": _OF_MATRICES,
    "linalg.eig": _OF_MATRICES,
    "linalg.qr": "Its R, with a positive diagonal, is np.linalg.cholesky(A.T @ A).T",
    "linalg.pinv": "Of independent columns write np.linalg.solve(A.T @ A, A.T)",
    "linalg.lstsq": "Write np.linalg.solve(A.T @ A, A.T @ b)",
    "linalg.cond": "Write np.linalg.norm(A, 1) * np.linalg.norm(np.linalg.inv(A), 1)",
    "interp": "Between two points write y0 + (y1 - y0) * np.clip((x - x0) / (x1 - x0), 0, 1)",
    "cov": "With u = z - z.mean(1, keepdims=True) write u @ u.T / (z.shape[1] - 1)",
    "corrcoef": "With u = z - z.mean(1, keepdims=True), divided by np.linalg.norm(u, axis=1, keepdims=True), write u @ u.T",
    "trapezoid": "Write np.sum(y[1:] + y[:-1]) / 2, times the step",
    "gradient": "Write (z[2:] - z[:-2]) / 2 with z[1:2] - z[:1] before it and z[-1:] - z[-2:-1] behind",
    "sinc": "Write np.where(z == 0, 1, np.sin(np.pi * z) / (np.pi * np.where(z == 0, 1, z)))",
    "polyval": "Write gn.polynomial(z, coefficients), from the constant one on",
    "linspace": "Write start + (stop - start) * np.linspace(0, 1, n)",
    "logspace": "Write 10 ** (start + (stop - start) * np.linspace(0, 1, n))",
    "meshgrid": "Write np.broadcast_to(x, (m, n)) and np.broadcast_to(y[:, None], (m, n)), of m rows and n columns",
    "searchsorted": _AFTER,
    "digitize": _AFTER,
    "histogram": _AFTER,
    "unique": _AFTER,
    "insert": "Write np.concatenate([z[:i], values, z[i:]])",
    "nonzero": "Take the entries, z[mask], or keep the shape, np.where(mask, z, 0)",
}
"""What to write in place of NumPy functions that no op covers."""


class ByName(dict[str, Any]):
    """Gradients by label, which say how to ask for one."""

    def __missing__(self, key: object) -> NoReturn:
        raise GraphError(
            f"there is no gradient called {shown(key)}; there are {', '.join(map(repr, self)) or 'none'}",
            repair="They go by the labels of the graph, graph.label(W); bwd.gradient(W) takes the node.",
        )
