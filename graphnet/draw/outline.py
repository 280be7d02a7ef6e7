"""Which boxes a picture has: one for each node, or, in a graph too large to read, folded ones."""

from __future__ import annotations

from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.node import Node

MOST_BOXES = 300
"""Above this many boxes a picture can neither be read nor laid out quickly."""

MOST_LENGTH = 600
"""Above this total length of arrows, counted in columns, the layout takes more than a few seconds."""

KEPT_AT_EACH_END = (20, 10, 5, 2)
"""How many boxes stay at either end of a picture whose middle is left out: the first of these that fits."""


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Item:
    """What becomes one box.

    Attributes
    ----------
    nodes
        One node, or the nodes folded into this box.
    scope
        The scope around the box.
    title
        What a folded box is called; empty for a single node.
    is_scope
        Whether the nodes are those of one scope.
    """

    nodes: tuple[Node, ...]
    scope: str
    title: str = ""
    is_scope: bool = False


def outline(graph: Graph, most: int = MOST_BOXES) -> tuple[tuple[Item, ...], str]:
    """Return the boxes of a picture, and a notice of what was folded: empty if nothing was.

    A graph with too many nodes has its scopes folded, the innermost first. If that is not enough, its first and last
    nodes in topological order are kept, with one box for all between them.
    """
    items = tuple(Item((node,), node.scope) for node in graph.nodes)
    if _fits(graph, items, most):
        return items, ""
    deepest = max(_depth(node.scope) for node in graph.nodes)
    for depth in range(deepest, 0, -1):
        items = _fold_scopes(graph, depth)
        if _fits(graph, items, most):
            break
    notices = []
    folded = [item for item in items if item.is_scope]
    if not _fits(graph, items, most):
        items, left_out = _fold_middle(graph, items)
        notices.append(f"{left_out:,} nodes not drawn")
        folded = [item for item in items if item.is_scope]
    if folded:
        notices.insert(0, f"{len(folded)} scopes shown as one box each")
    return items, f"{len(graph):,} nodes: {', '.join(notices)}"


def _fits(graph: Graph, items: tuple[Item, ...], most: int) -> bool:
    return len(items) <= most and _length(graph, items) <= MOST_LENGTH


def _length(graph: Graph, items: tuple[Item, ...]) -> int:
    """Return the total length of all arrows: an arrow across many columns makes the layout as slow as many arrows."""
    box_of = {node: index for index, item in enumerate(items) for node in item.nodes}
    column = [0] * len(items)
    pairs: dict[tuple[int, int], None] = {}
    for node in graph.nodes:
        for source in node.inputs:
            start, end = box_of[source], box_of[node]
            if start != end:
                column[end] = max(column[end], column[start] + 1)
                pairs[start, end] = None
    return sum(min(abs(column[end] - column[start]), len(items)) for start, end in pairs)


def _depth(scope: str) -> int:
    return scope.count("/") + 1 if scope else 0


def _fold_scopes(graph: Graph, depth: int) -> tuple[Item, ...]:
    """Return one item for each scope at `depth`, with all that lies in it, and one for each node outside of these."""
    members: dict[str, list[Node]] = {}
    order: dict[str | Node, None] = {}  # keeps the place of the first node of each scope
    for node in graph.nodes:
        if _depth(node.scope) < depth:
            order[node] = None
            continue
        path = "/".join(node.scope.split("/")[:depth])
        members.setdefault(path, []).append(node)
        order[path] = None
    return tuple(
        Item((key,), key.scope) if isinstance(key, Node) else _folded(key, tuple(members[key])) for key in order
    )


def _folded(path: str, nodes: tuple[Node, ...]) -> Item:
    outer, _, own = path.rpartition("/")
    return Item(nodes, outer, own, is_scope=True)


def _fold_middle(graph: Graph, items: tuple[Item, ...]) -> tuple[tuple[Item, ...], int]:
    for kept in KEPT_AT_EACH_END:
        if len(items) <= 2 * kept:
            continue
        between = tuple(node for item in items[kept:-kept] for node in item.nodes)
        fewer = (*items[:kept], Item(between, "", f"… {len(between):,} nodes not drawn …"), *items[-kept:])
        if _length(graph, fewer) <= MOST_LENGTH:
            break
    return fewer, len(between)
