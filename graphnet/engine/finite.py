"""Infinities and NaN: where the first of them came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from graphnet.common.text import number
from graphnet.core.graph import Graph
from graphnet.core.node import Node, Numbers, describe
from graphnet.errors import GraphError, GraphnetError, NonFiniteError, shown

OnNonFinite = Literal["ignore", "raise"]


def check_option(on_nonfinite: object, error: type[GraphnetError] = GraphError) -> None:
    """Raise `error` if it is no `OnNonFinite`."""
    if not isinstance(on_nonfinite, str) or on_nonfinite not in ("ignore", "raise"):
        raise error(f"on_nonfinite is {shown(on_nonfinite)}", repair='Use "ignore" or "raise".')


def is_finite(array: Numbers) -> bool:
    """Tell whether an array has neither infinities nor NaN."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def not_finite(
    graph: Graph, node: Node, what: str, array: Numbers, origins: Sequence[tuple[Node | None, Numbers]]
) -> NonFiniteError:
    """Return the error for the first node with an infinity or NaN, with the ranges of what its array came from."""
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    error = NonFiniteError(
        f"the {what} has {nan} NaN and {infinite} infinite of {array.size} entries, the first node to have any",
        repair="Look at the ranges above: a logarithm, division or root at 0 (add 1e-12 before it), an overflow, or data with "
        "NaN?",
    )
    names = ["the start" if source is None else graph.label(source) for source, _ in origins]
    of = "message from " if what == "error signal" else ""
    lines = [f"{of}{name}: {_range(origin)}" for name, (_, origin) in zip(names, origins, strict=True)]
    return error.locate(f"{node.kind} {graph.label(node)!r}", [f"node: {describe(node, graph.label(node))}", *lines])


def _range(array: Numbers) -> str:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    span = f"{number(finite.min())} to {number(finite.max())}" if finite.size else "no finite entry"
    return f"shape {array.shape}, {span}"
