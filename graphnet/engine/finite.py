"""Infinities and NaN: where the first of them came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from graphnet.common.text import clean, number
from graphnet.core.graph import Graph
from graphnet.core.node import Node, Numbers, describe
from graphnet.engine.passes import Message
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
        repair="Look at the ranges above: a logarithm, division or root at 0 (add 1e-12 before it, or give it "
        "np.where(x > 0, x, 1) for x), an overflow, or data with NaN?",
    )
    names = ["the start" if source is None else graph.label(source) for source, _ in origins]
    of = "message from " if what == "error signal" else ""
    lines = [f"{of}{name}: {_range(origin)}" for name, (_, origin) in zip(names, origins, strict=True)]
    return error.locate(f"{node.kind} {graph.label(node)!r}", [f"node: {describe(node, graph.label(node))}", *lines])


def signal_not_finite(
    graph: Graph,
    node: Node,
    values: Mapping[Node, Numbers],
    signals: Mapping[Node, Numbers],
    messages: Sequence[Message],
) -> NonFiniteError:
    """Return the error for the first error signal with an infinity or NaN, with whose rule made it, and of what."""
    origins = [(message.consumer, message.delta) for message in messages]
    error = not_finite(graph, node, "error signal", signals[node], origins)
    error.where = (*error.where, *made_by(graph, values, signals, messages))
    return error


def made_by(
    graph: Graph, values: Mapping[Node, Numbers], signals: Mapping[Node, Numbers], messages: Sequence[Message]
) -> list[str]:
    """Say whose rules made the infinities and NaN of messages, and what these had there; of 0 · ∞ how it is mended."""
    lines = []
    for message in messages:
        if message.consumer is None or is_finite(message.delta):
            continue
        maker, bad = message.consumer, ~np.isfinite(message.delta)
        arrays = [("δ", signals[maker]), *((clean(graph.label(source)), values[source]) for source in maker.inputs)]
        had = [f"{name} is {_span(array[bad])}" for name, array in arrays if array.shape == bad.shape]
        line = f"the rule of {maker.kind} at {graph.label(maker)!r} made that" + f", where {', '.join(had)}" * bool(had)
        if arrays[0][1].shape == bad.shape and not arrays[0][1][bad].any():
            x = clean(graph.label(maker.inputs[message.slot or 0]))
            line += f": 0 · ∞. The 0 that a where() sends back comes too late: give {maker.kind} np.where(..., {x}, 1) instead"
        lines.append(line)
    return lines


def _range(array: Numbers) -> str:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return f"shape {array.shape}, {_span(finite) if finite.size else 'no finite entry'}"


def _span(array: Numbers) -> str:
    low, high = number(array.min()), number(array.max())
    return low if low == high else f"{low} to {high}"
