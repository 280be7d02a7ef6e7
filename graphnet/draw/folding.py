"""Which boxes there are: one for each node, or, in a graph too large to read, folded ones; and frames around them."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal, NamedTuple

import numpy as np

from graphnet.common.text import count, listing, short
from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.layered import columns_of
from graphnet.draw.picture import Frame

# About this many boxes are read at a glance: a picture of more is folded, unless it was asked for in full.
_READABLE = 15

# Above this many boxes, this total length of arrows counted in columns, or this length times the number of arrows side by side
# in a column, no eye follows the arrows, and drawing takes more than a few seconds.
_MOST_BOXES, _MOST_LENGTH, _MOST_CROWDED = 1200, 2400, 40_000

_KEPT_AT_EACH_END = (20, 10, 5, 2)  # boxes that stay around a middle that is left out: the first of these that fits
_MOST_FOLDS, _LONGEST_PATTERN, _LEAST_REPEATS = 12, 40, 4
_LEAST_SAVED = 0.1  # of all boxes: less is not worth a fold
_DEEPEST = 8  # scopes nested deeper than this share the frame of the last one drawn


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Item:
    """What becomes one box: a node, or several folded into it, and the scope around it.

    Attributes
    ----------
    nodes, scope
        What it stands for, and where.
    title
        What a folded box is called; empty for a single node.
    kind
        ``"node"``, or what was folded: ``"scope"``, ``"repeat"`` or ``"middle"``.
    """

    nodes: tuple[Node, ...]
    scope: str
    title: str = ""
    kind: str = "node"


class Use(NamedTuple):
    """One edge of the graph."""

    source: Node
    consumer: Node
    slot: int


def outline(
    graph: Graph, depth: int | Literal["all"] | None = None, unfold: int | None = None
) -> tuple[tuple[Item, ...], str]:
    """Return the boxes of a picture, and a notice of what was folded: empty if nothing was.

    `depth` is how many levels of scopes are opened: 0 gives each scope one box, "all" each node its own. By default as many
    as can be read, and of layers, steps and scopes that repeat there are the first, the last, and one box for those between.
    `unfold` is the place in ``graph.nodes`` of a node in a folded box: the nodes of that box get a box each.

    What can't be laid out in reasonable time is folded further whatever the depth: in the end the first and last nodes in
    topological order are kept, with one box for all between them.
    """
    deepest = max(_depth(graph.scope(node)) for node in graph.nodes)
    if depth is None:
        items = _readable(graph, deepest)
    else:
        opened = deepest if depth == "all" else min(depth, deepest)
        items = _fold_scopes(graph, opened)
        while not _fits(graph, items) and opened:
            opened = min(opened - 1, _DEEPEST)
            items = _fold_scopes(graph, opened)
    if not _fits(graph, items):
        items = _fold_repeats(items, 0)
    if not _fits(graph, items):
        items = _fold_middle(graph, items)
    notice = _notice(graph, items)
    if notice and depth is None and all(item.kind != "middle" for item in items):
        notice += '; depth="all" draws every node'
    if unfold is not None:
        opened_box = next(item for item in items if any(node is graph.nodes[unfold] for node in item.nodes))
        here = items.index(opened_box)
        items = (*items[:here], *(Item((node,), graph.scope(node)) for node in opened_box.nodes), *items[here + 1 :])
    return items, notice


def _readable(graph: Graph, deepest: int) -> tuple[Item, ...]:
    """Return the boxes with that many levels of scopes opened that gives about as many as can be read."""
    found: list[tuple[float, tuple[Item, ...]]] = []
    for opened in [deepest, *range(min(deepest - 1, _DEEPEST), -1, -1)]:
        items = _fold_scopes(graph, opened)
        if len(items) > _READABLE:
            items = _fold_repeats(_in_steps(items), _READABLE)
        ratio = math.log(len(items) / _READABLE)
        found.append((max(2 * ratio, -ratio), items))  # too many are worse than too few
        if ratio <= 0:
            break
    return min(found, key=lambda pair: pair[0])[1]


def _notice(graph: Graph, items: Sequence[Item]) -> str:
    scopes = sum(item.kind == "scope" for item in items)
    repeated = sum(len(item.nodes) for item in items if item.kind == "repeat")
    left_out = sum(len(item.nodes) for item in items if item.kind == "middle")
    notices = [f"{count(scopes, 'scope')} shown as one box each"] if scopes else []
    notices += [f"{repeated:,} in repeated layers folded"] if repeated else []
    notices += [f"{count(left_out, 'node')} not drawn"] if left_out else []
    return f"{count(len(graph), 'node')}: {', '.join(notices)}" if notices else ""


def frames_of(items: Iterable[Item]) -> tuple[tuple[Frame, ...], dict[str, str]]:
    """Return the frames around the boxes, outer ones first, and the id of the frame for each scope."""
    frames: dict[str, Frame] = {}
    id_of_scope: dict[str, str] = {}
    for scope in dict.fromkeys(item.scope for item in items if item.scope):
        parent: str | None = None
        names = scope.split("/")[:_DEEPEST]
        for depth, name in enumerate(names, start=1):
            frame = frames.setdefault("/".join(names[:depth]), Frame(f"g{len(frames)}", short(name), parent))
            id_of_scope[scope] = parent = frame.id
    return tuple(frames.values()), id_of_scope


def uses_between(graph: Graph, items: Sequence[Item]) -> Iterator[tuple[int, int, Use]]:
    """Yield every edge of the graph that is not inside a box, with the places of the boxes at its ends."""
    box_of = {node: place for place, item in enumerate(items) for node in item.nodes}
    for consumer in graph.nodes:
        end = box_of[consumer]
        for slot, source in enumerate(consumer.inputs):
            if box_of[source] != end:
                yield box_of[source], end, Use(source, consumer, slot)


# What fits ----------------------------------------------------------------------------------------------------------


def _fits(graph: Graph, items: Sequence[Item]) -> bool:
    """Tell whether boxes can be laid out: by their number, and the total length of all arrows counted in columns.

    An arrow across many columns makes the layout as slow as many arrows do. A box with no arrow to it, as a
    parameter's, stands right before the first box it leads to.
    """
    if len(items) > _MOST_BOXES:
        return False
    pairs = [(start, end) for start, end, _ in uses_between(graph, items)]
    column, _ = columns_of(range(len(items)), pairs)
    length = sum(min(abs(column[end] - column[start]), len(items)) for start, end in set(pairs))
    return length <= _MOST_LENGTH and length * length / (max(column.values()) + 1) <= _MOST_CROWDED


# Folding ------------------------------------------------------------------------------------------------------------


def _depth(scope: str) -> int:
    return scope.count("/") + 1 if scope else 0


def _fold_scopes(graph: Graph, opened: int) -> tuple[Item, ...]:
    """Return one item for each scope within `opened` others, with all that lies in it, and one for each node outside."""
    members: dict[str | Node, list[Node]] = {}
    for node in graph.nodes:
        scope = graph.scope(node)
        is_open = _depth(scope) <= opened
        members.setdefault(node if is_open else "/".join(scope.split("/")[: opened + 1]), []).append(node)
    items = tuple(
        Item((key,), graph.scope(key))
        if isinstance(key, Node)
        else Item(tuple(nodes), key.rpartition("/")[0], key.rpartition("/")[2], "scope")
        for key, nodes in members.items()
    )
    in_order = all(source < i for i, of in enumerate(_sources(items)) for source in of)
    return items if in_order else _in_steps(items)


def _sources(items: Sequence[Item]) -> list[list[int]]:
    """Return the places of the items that each takes values from."""
    box_of = {node: place for place, item in enumerate(items) for node in item.nodes}
    return [sorted({box_of[s] for node in item.nodes for s in node.inputs} - {i}) for i, item in enumerate(items)]


def _in_steps(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return items in an order in which repeated steps come one after the other: what is short comes right before its use.

    In ``graph.nodes`` what all steps of a recurrence take from the input may come before the first of them.
    """
    sources = _sources(items)
    length: dict[int, int] = {}
    try:
        for place in TopologicalSorter(dict(enumerate(sources))).static_order():
            length[place] = max((length[source] + 1 for source in sources[place]), default=0)
    except CycleError:  # folded scopes are joined both ways: there is no such order
        return items
    ordered: dict[int, None] = {}
    waiting = sorted(set(range(len(items))).difference(*sources), reverse=True)  # what nothing else uses
    while waiting:
        here = waiting.pop()
        ahead = [source for source in sources[here] if source not in ordered]
        if here in ordered:
            continue
        if ahead:
            waiting += [here, *sorted(ahead, key=lambda source: (length[source], -source))]
        else:
            ordered[here] = None
    return tuple(items[place] for place in ordered)


def _fold_repeats(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    """Fold each long enough run of repeats but its first, and its last where there is room for it.

    It ends where there are no more than `most` boxes.
    """
    for _ in range(_MOST_FOLDS):
        repeat = longest_repeat(_signatures(items)) if len(items) > most else None
        if repeat is None:
            break
        start, period, times = repeat
        begins = (k for k in range(1, period) if items[start + k].scope != items[start + k - 1].scope)
        if start and items[start].scope == items[start - 1].scope and (k := next(begins, 0)):  # whole scopes only
            start, times = start + k, times - 1
        room = len(items) - (times - 2) * period < _READABLE  # for the last one, too
        start, stop = start + period, start + (times - room) * period
        between = items[start:stop]
        if len(between) < max(2 * period, _LEAST_SAVED * len(items)):
            break
        nodes = tuple(node for item in between for node in item.nodes)
        around = posixpath.commonpath([between[0].scope, between[-1].scope])
        box = Item(nodes, around, _pattern(between, period, len(around)), "repeat")
        items = (*items[:start], box, *items[stop:])
    return items


class Repeat(NamedTuple):
    """A run of `times` copies of a pattern of `period` entries, from `start` on."""

    start: int
    period: int
    times: int


def longest_repeat(signatures: Sequence[Hashable]) -> Repeat | None:
    """Return the run of repeats that covers most entries of a sequence; of equal ones the shortest pattern.

    Examples
    --------
    >>> longest_repeat("x" + "abc" * 5 + "y")
    Repeat(start=1, period=3, times=5)
    >>> longest_repeat("abcdef") is None
    True
    """
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(signature, len(numbers)) for signature in signatures])
    best: Repeat | None = None
    for period in range(1, min(_LONGEST_PATTERN, len(codes) // _LEAST_REPEATS) + 1):
        same = np.concatenate([[0], codes[period:] == codes[:-period], [0]])
        edges = np.flatnonzero(np.diff(same))  # runs of equal entries start and end here
        if not edges.size:
            continue
        longest = int((edges[1::2] - edges[::2]).argmax())
        start, end = map(int, edges[2 * longest : 2 * longest + 2])
        found = Repeat(start, period, (end - start + period) // period)
        if found.times >= _LEAST_REPEATS and (best is None or found.times * period > best.times * best.period):
            best = found
    return best


def _signatures(items: Sequence[Item]) -> list[Hashable]:
    """Return what makes items alike: ops, shapes and where a scope begins, not names and numbers."""
    scopes = [None, *(item.scope for item in items)]
    return [
        id(item)
        if item.kind in ("repeat", "middle")
        else (item.kind, item.scope == before, _depth(item.scope), *((node.kind, node.shape) for node in item.nodes))
        for item, before in zip(items, scopes, strict=False)
    ]


def _pattern(items: Sequence[Item], period: int, around: int) -> str:
    """Return what is repeated, in words; `around` is the length of the scope that all of it is in."""
    times = len(items) // period
    if period == 1 and items[0].kind == "scope":
        ends = [items[0].title, items[-1].title]
    else:
        ends = [item.scope[around:].strip("/").partition("/")[0] for item in (items[0], items[-1])]
    if all(ends):
        return f"{times:,} × {short(ends[0], 12)} … {short(ends[1], 12)}"
    named = [item for item in items[:period] if item.title or item.nodes[0].op is not None]
    names = [short(item.title or item.nodes[0].kind, 16) for item in named]
    return f"{times:,} × {names[0]}" if len(names) == 1 else f"{times:,} × ({listing(names, 6)})"


def _fold_middle(graph: Graph, items: tuple[Item, ...]) -> tuple[Item, ...]:
    fewer = items
    for kept in _KEPT_AT_EACH_END:
        if len(items) <= 2 * kept:
            continue
        between = tuple(node for item in items[kept:-kept] for node in item.nodes)
        fewer = (*items[:kept], Item(between, "", f"… {len(between):,} nodes not drawn …", "middle"), *items[-kept:])
        if _fits(graph, fewer):
            break
    return fewer
