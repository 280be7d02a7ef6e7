"""What to write instead: of NumPy functions that no op covers, and of gradients asked for by what is no label."""

from __future__ import annotations

from typing import Any, NoReturn

from graphnet.errors import GraphError, shown

_VARIANCE = "var = np.mean((z - np.mean(z, axis=0, keepdims=True)) ** 2, axis=0)"
_AFTER = "It has no slope: compute it from the value, gn.forward(z, feeds)[z]"
WRITTEN_OUT = {
    "std": f"Write it out: {_VARIANCE}; std = np.sqrt(var + 1e-12)",
    "var": f"Write it out: {_VARIANCE}",
    "linalg.norm": "Write it out: np.sqrt(np.sum(z ** 2))",
    "cumsum": "Write it out for the last axis, of n entries: z @ np.triu(np.ones((n, n)))",
    "einsum": "Write it out with @, *, np.sum and np.transpose",
    "insert": "Write np.concatenate([z[:i], values, z[i:]])",
    "nonzero": "Take the entries, z[mask], or keep the shape, np.where(mask, z, 0)",
    "argmax": _AFTER,
    "argmin": _AFTER,
    "round": _AFTER,
}
"""What to write in place of NumPy functions that no op covers."""


class ByName(dict[str, Any]):
    """Gradients by label, which say how to ask for one."""

    def __missing__(self, key: object) -> NoReturn:
        raise GraphError(
            f"there is no gradient called {shown(key)}; there are {', '.join(map(repr, self)) or 'none'}",
            repair="They go by the labels of the graph, graph.label(W); bwd.gradient(W) takes the node.",
        )
