"""The arrows of a picture: values forward, messages back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node
from graphnet.draw.kinds import kind_of, signal_role
from graphnet.draw.outline import Item
from graphnet.draw.picture import Edge
from graphnet.draw.scale import Scale
from graphnet.draw.text import number
from graphnet.engine.passes import BackwardPass

MOST_PARALLEL = 4
"""Two boxes with more edges between them than this get one arrow, with a count."""


class Use(NamedTuple):
    """One edge of the graph."""

    source: Node
    consumer: Node
    slot: int


def norm(array: Array) -> float:
    """Return the Euclidean norm over all entries."""
    return float(np.linalg.norm(np.ravel(array)))


def edges_of(graph: Graph, items: Sequence[Item], back: BackwardPass | None, scale: Scale) -> tuple[Edge, ...]:
    """Return the arrows between boxes: one forward for each use of a node, and one back for each message."""
    edges: list[Edge] = []
    for (source, target), uses in _uses_between(graph, items).items():
        merged = bool(items[source].title or items[target].title) or len(uses) > MOST_PARALLEL
        for bundle in [uses] if merged else [[use] for use in uses]:
            slot = None if merged else bundle[0].slot
            count = f"× {len(bundle):,}" if len(bundle) > 1 else ""
            edges.append(Edge(f"n{source}", f"n{target}", slot, "value", text=count))
            if back is not None:
                edges += _message(f"n{target}", f"n{source}", slot, bundle, back, scale)
    return tuple(edges)


def _uses_between(graph: Graph, items: Sequence[Item]) -> dict[tuple[int, int], list[Use]]:
    box_of = {node: index for index, item in enumerate(items) for node in item.nodes}
    uses: dict[tuple[int, int], list[Use]] = {}
    for consumer in graph.nodes:
        for slot, source in enumerate(consumer.inputs):
            ends = box_of[source], box_of[consumer]
            if ends[0] != ends[1]:
                uses.setdefault(ends, []).append(Use(source, consumer, slot))
    return uses


def _message(
    source: str, target: str, slot: int | None, uses: Sequence[Use], back: BackwardPass, scale: Scale
) -> list[Edge]:
    """Return the arrow back for these uses: none if they carry no message, or only to numbers written in the code."""
    deltas = [(use, delta) for use in uses if (delta := _delta(use, back)) is not None]
    if not deltas:
        return []
    size = math.hypot(*(norm(delta) for _, delta in deltas))
    role = signal_role(deltas[0][0].source)
    if size == 0:
        return [Edge(source, target, slot, role, None, "exactly 0")]
    if not math.isfinite(size):
        return [Edge(source, target, slot, role, 1.0, "not finite")]
    return [Edge(source, target, slot, role, scale.strength(size), _amount(deltas, size, back))]


def _delta(use: Use, back: BackwardPass) -> Array:
    if use.source not in back.error_signals or kind_of(use.source) == "literal":
        return None
    received = back.messages(use.source)
    return next((m.delta for m in received if m.consumer is use.consumer and m.slot == use.slot), None)


def _amount(deltas: Sequence[tuple[Use, Array]], size: float, back: BackwardPass) -> str:
    """Return how large a message is, where a node receives several: alone, a message is the node's error signal."""
    (use, delta), *others = deltas
    if others or len(back.messages(use.source)) == 1:
        return ""
    return number(delta[()]) if delta.ndim == 0 else f"norm {number(size)}"
