"""The arrows of a picture: values forward, messages back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node
from graphnet.draw.names import kind_of, signal_role
from graphnet.draw.outline import Item, Use, uses_between
from graphnet.draw.picture import Arrow
from graphnet.draw.scale import Scale, norm
from graphnet.draw.text import number_text
from graphnet.engine.passes import BackwardPass

_MOST_PARALLEL = 4  # two boxes with more edges between them than this get one arrow, with a count


def edges_of(
    graph: Graph, items: Sequence[Item], ids: Sequence[str], back: BackwardPass | None, scale: Scale
) -> tuple[Arrow, ...]:
    """Return the arrows between boxes, whose ids are given: one forward for each use of a node, one back for each message."""
    between: dict[tuple[int, int], list[Use]] = {}
    for start, end, use in uses_between(graph, items):
        between.setdefault((start, end), []).append(use)
    messages = dict(_messages(back, {use.source for uses in between.values() for use in uses})) if back else {}
    arrows: list[Arrow] = []
    for (start, end), uses in between.items():
        merged = bool(items[start].title or items[end].title) or len(uses) > _MOST_PARALLEL
        for bundle in [uses] if merged else [[use] for use in uses]:
            slot = None if merged else bundle[0].slot
            count = f"× {len(bundle):,}" if len(bundle) > 1 else ""
            arrows.append(Arrow(ids[start], ids[end], slot, "value", text=count))
            sent = [(use, messages[key]) for use in bundle if (key := (id(use.consumer), use.slot)) in messages]
            if back is not None and sent:
                strength, text = _look(sent, back, scale)
                arrows.append(Arrow(ids[end], ids[start], slot, signal_role(sent[0][0].source), strength, text))
    return tuple(arrows)


def _messages(back: BackwardPass, sources: set[Node]) -> Iterator[tuple[tuple[int, int | None], Array]]:
    """Yield what arrived at `sources`, by the consumer's id (nodes can't be compared, as == builds graph) and slot.

    Numbers written in the code are left out: their arrows would only be clutter.
    """
    for node in sources:
        if node in back.error_signals and kind_of(node) != "literal":
            for message in back.messages(node):
                yield (id(message.consumer), message.slot), message.delta


def _look(sent: Sequence[tuple[Use, Array]], back: BackwardPass, scale: Scale) -> tuple[float | None, str]:
    """Return the strength of an arrow back, and what stands beside it: how large its message is, if a node receives several."""
    size = math.hypot(*(norm(delta) for _, delta in sent))
    if size == 0:
        return None, "exactly 0"
    if not math.isfinite(size):
        return 1.0, "not finite"
    (use, delta), *others = sent
    if others or len(back.messages(use.source)) == 1:  # alone, a message is the node's error signal
        return scale.strength(size), ""
    return scale.strength(size), number_text(delta[()]) if delta.ndim == 0 else f"norm {number_text(size)}"
