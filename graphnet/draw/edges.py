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

Messages = dict[tuple[int, int, int | None], Array]
"""By the ids of source and consumer, and the slot: nodes themselves can't be compared, as == builds graph."""


class Use(NamedTuple):
    """One edge of the graph."""

    source: Node
    consumer: Node
    slot: int


def norm(array: Array) -> float:
    """Return the Euclidean norm over all entries."""
    return float(np.linalg.norm(np.ravel(array)))


def edges_of(
    graph: Graph, items: Sequence[Item], ids: Sequence[str], back: BackwardPass | None, scale: Scale
) -> tuple[Edge, ...]:
    """Return the arrows between boxes, whose ids are given: one forward for each use of a node, one back for each message."""
    edges: list[Edge] = []
    between = _uses_between(graph, items)
    messages = _messages(back, {use.source for uses in between.values() for use in uses}) if back else {}
    for (source, target), uses in between.items():
        merged = bool(items[source].title or items[target].title) or len(uses) > MOST_PARALLEL
        for bundle in [uses] if merged else [[use] for use in uses]:
            slot = None if merged else bundle[0].slot
            count = f"× {len(bundle):,}" if len(bundle) > 1 else ""
            edges.append(Edge(ids[source], ids[target], slot, "value", text=count))
            if back is not None:
                edges += _back(ids[target], ids[source], slot, bundle, messages, back, scale)
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


def _messages(back: BackwardPass, sources: set[Node]) -> Messages:
    """Return what arrived at `sources`. Numbers written in the code are left out: their arrows would only be clutter."""
    return {
        (id(node), id(message.consumer), message.slot): message.delta
        for node in sources
        if node in back.error_signals and kind_of(node) != "literal"
        for message in back.messages(node)
    }


def _back(
    source: str,
    target: str,
    slot: int | None,
    uses: Sequence[Use],
    messages: Messages,
    back: BackwardPass,
    scale: Scale,
) -> list[Edge]:
    """Return the arrow back for these uses: none if they carry no message."""
    sent = [(use, messages[key]) for use in uses if (key := (id(use.source), id(use.consumer), use.slot)) in messages]
    if not sent:
        return []
    size = math.hypot(*(norm(delta) for _, delta in sent))
    role = signal_role(sent[0][0].source)
    if size == 0:
        return [Edge(source, target, slot, role, None, "exactly 0")]
    if not math.isfinite(size):
        return [Edge(source, target, slot, role, 1.0, "not finite")]
    return [Edge(source, target, slot, role, scale.strength(size), _amount(sent, size, back))]


def _amount(sent: Sequence[tuple[Use, Array]], size: float, back: BackwardPass) -> str:
    """Return how large a message is, where a node receives several: alone, a message is the node's error signal."""
    (use, delta), *others = sent
    if others or len(back.messages(use.source)) == 1:
        return ""
    return number(delta[()]) if delta.ndim == 0 else f"norm {number(size)}"
