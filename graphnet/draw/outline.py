"""Which boxes a picture has: one for each node, or, in a graph too large to read, folded ones."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.draw.repeats import longest_repeat
from graphnet.draw.text import count, short

MOST_READABLE = 300
"""Above this many boxes a picture is folded, unless it was asked for in full."""

MOST_BOXES, MOST_LENGTH, MOST_CROWDED = 1200, 2400, 40_000
"""Above this many boxes, this total length of arrows counted in columns, or this length times the number of arrows side by
side in a column, the layout takes more than a few seconds: all three measured."""

MOST_ALIKE = 24
"""Of more scopes alike in a row than this, those in the middle become one box."""

KEPT_OF_REPEATS = 6
"""About so many nodes of repeated layers stay at either end."""

KEPT_AT_EACH_END = (20, 10, 5, 2)
"""How many boxes stay at either end of a picture whose middle is left out: the first of these that fits."""

MOST_FOLDS = 12

DEEPEST = 8
"""Scopes nested deeper than this share the frame of the last one drawn."""


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Item:
    """What becomes one box: a node, or several folded into it, and the scope around it."""

    nodes: tuple[Node, ...]
    scope: str
    title: str = ""
    """What a folded box is called; empty for a single node."""
    kind: str = "node"
    """Or what was folded: ``"scope"``, ``"repeat"`` or ``"middle"``."""


def outline(graph: Graph, depth: int | None = None, unfold: int | None = None) -> tuple[tuple[Item, ...], str]:
    """Return the boxes of a picture, and a notice of what was folded: empty if nothing was.

    `depth` is how many levels of scopes are opened: 0 gives each scope one box. By default as many as can be read: a graph
    with too many nodes has its scopes folded, the innermost first, then its repeated layers. `unfold` is the place in
    ``graph.nodes`` of a node in a folded box: the nodes of that box get a box each.

    What can't be laid out in reasonable time is folded further whatever the depth: in the end the first and last nodes in
    topological order are kept, with one box for all between them.
    """
    deepest = max(_depth(node.scope) for node in graph.nodes)
    opened = deepest if depth is None else min(depth, deepest)
    items = _fold_scopes(graph, opened)
    fits = _can_be_read if depth is None else _can_be_drawn
    while not fits(graph, items) and opened:
        opened = min(opened - 1, DEEPEST)
        items = _fold_scopes(graph, opened)
    if depth is None and opened < deepest:
        items = _fold_repeats(items, MOST_ALIKE)
    if not fits(graph, items):
        items = _fold_repeats(items, 0)
    if not _can_be_drawn(graph, items):
        items = _fold_middle(graph, items)
    if unfold is not None:
        items = _unfold(items, graph.nodes[unfold])
    return items, _notice(graph, items)


def _unfold(items: Sequence[Item], node: Node) -> tuple[Item, ...]:
    """Return the items with a box for each node of the one that a node is in."""
    here = next(i for i, item in enumerate(items) if any(member is node for member in item.nodes))
    return (*items[:here], *(Item((member,), member.scope) for member in items[here].nodes), *items[here + 1 :])


def _notice(graph: Graph, items: Sequence[Item]) -> str:
    scopes = sum(item.kind == "scope" for item in items)
    repeated = sum(len(item.nodes) for item in items if item.kind == "repeat")
    left_out = sum(len(item.nodes) for item in items if item.kind == "middle")
    notices = [f"{count(scopes, 'scope')} shown as one box each"] if scopes else []
    notices += [f"{repeated:,} in repeated layers folded"] if repeated else []
    notices += [f"{count(left_out, 'node')} not drawn"] if left_out else []
    return f"{count(len(graph), 'node')}: {', '.join(notices)}" if notices else ""


# What fits ----------------------------------------------------------------------------------------------------------


def _can_be_read(graph: Graph, items: Sequence[Item]) -> bool:
    return len(items) <= MOST_READABLE and _can_be_drawn(graph, items)


def _can_be_drawn(graph: Graph, items: Sequence[Item]) -> bool:
    if len(items) > MOST_BOXES:
        return False
    columns, length = _extent(graph, items)
    return length <= MOST_LENGTH and length * length / columns <= MOST_CROWDED


def _extent(graph: Graph, items: Sequence[Item]) -> tuple[int, int]:
    """Return the number of columns, and the total length of all arrows counted in columns.

    An arrow across many columns makes the layout as slow as many arrows do. A box with no arrow to it, as a
    parameter's, stands right before the first box it leads to.
    """
    box_of = {node: index for index, item in enumerate(items) for node in item.nodes}
    column = [0] * len(items)
    has_sources = [False] * len(items)
    pairs: dict[tuple[int, int], None] = {}
    for node in graph.nodes:
        end = box_of[node]
        for source in node.inputs:
            start = box_of[source]
            if start != end:
                column[end] = max(column[end], column[start] + 1)
                has_sources[end] = True
                pairs[start, end] = None
    first_use: dict[int, int] = {}
    for start, end in pairs:
        first_use[start] = min(first_use.get(start, len(items)), column[end])
    for start, used in first_use.items():
        if not has_sources[start]:
            column[start] = used - 1
    length = sum(min(abs(column[end] - column[start]), len(items)) for start, end in pairs)
    return max(column) + 1, length


# Folding ------------------------------------------------------------------------------------------------------------


def _depth(scope: str) -> int:
    return scope.count("/") + 1 if scope else 0


def _fold_scopes(graph: Graph, opened: int) -> tuple[Item, ...]:
    """Return one item for each scope within `opened` others, with all that lies in it, and one for each node outside."""
    members: dict[str, list[Node]] = {}
    order: dict[str | Node, None] = {}  # keeps the place of the first node of each scope
    for node in graph.nodes:
        if _depth(node.scope) <= opened:
            order[node] = None
            continue
        path = "/".join(node.scope.split("/")[: opened + 1])
        members.setdefault(path, []).append(node)
        order[path] = None
    return tuple(
        Item((key,), key.scope) if isinstance(key, Node) else _scope_item(key, tuple(members[key])) for key in order
    )


def _scope_item(path: str, nodes: tuple[Node, ...]) -> Item:
    outer, _, own = path.rpartition("/")
    return Item(nodes, outer, own, "scope")


def _fold_repeats(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    """Fold the middle of each long enough run of repeats, so that one sees how it begins and how it ends."""
    for _ in range(MOST_FOLDS):
        repeat = longest_repeat([_signature(item) for item in items])
        if repeat is None or repeat.end - repeat.start <= most:
            break
        kept = max(1, -(-KEPT_OF_REPEATS // repeat.period))
        folded = repeat.times - 2 * kept
        if folded < 2:
            break
        start = repeat.start + kept * repeat.period
        stop = start + folded * repeat.period
        between = items[start:stop]
        nodes = tuple(node for item in between for node in item.nodes)
        items = (
            *items[:start],
            Item(nodes, _common(between), _pattern(between[: repeat.period], folded), "repeat"),
            *items[stop:],
        )
    return items


def _signature(item: Item) -> Hashable:
    """Return what makes two items alike: their ops and shapes, not their names and numbers."""
    if item.kind in ("repeat", "middle"):
        return id(item)
    scope = "" if item.kind == "scope" else item.scope
    return item.kind, _depth(scope), tuple((node.kind, node.shape) for node in item.nodes)


def _pattern(items: Sequence[Item], times: int) -> str:
    """Return what is repeated, in words."""
    names = [short(item.title or item.nodes[0].kind, 16) for item in items if item.title or not _is_leaf(item.nodes[0])]
    if items[0].kind == "scope":
        return (
            f"{count(times, 'more scope')} like {names[0]}"
            if len(names) == 1
            else f"{times:,} × ({', '.join(names[:4])})"
        )
    shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    return f"{times:,} × {shown}" if len(names) == 1 else f"{times:,} × ({shown})"


def _is_leaf(node: Node) -> bool:
    return node.op is None or isinstance(node, Constant)


def _common(items: Sequence[Item]) -> str:
    """Return the scope around all items."""
    paths = [item.scope.split("/") for item in (items[0], items[-1])]
    same = 0
    while same < min(map(len, paths)) and paths[0][same] == paths[1][same]:
        same += 1
    return "/".join(paths[0][:same])


def _fold_middle(graph: Graph, items: tuple[Item, ...]) -> tuple[Item, ...]:
    fewer = items
    for kept in KEPT_AT_EACH_END:
        if len(items) <= 2 * kept:
            continue
        between = tuple(node for item in items[kept:-kept] for node in item.nodes)
        fewer = (*items[:kept], Item(between, "", f"… {len(between):,} nodes not drawn …", "middle"), *items[-kept:])
        if _can_be_drawn(graph, fewer):
            break
    return fewer
