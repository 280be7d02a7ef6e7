"""Which boxes a picture has: one for each node, or, in a graph too large to read, folded ones."""

from __future__ import annotations

from dataclasses import dataclass

from graphnet.core.graph import Graph
from graphnet.core.node import Node

MOST_BOXES = 300
"""Above this many boxes a picture can neither be read nor laid out quickly."""

MOST_EDGES = 1500

KEPT_AT_EACH_END = 20


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
    """

    nodes: tuple[Node, ...]
    scope: str
    title: str = ""


def outline(graph: Graph, most: int = MOST_BOXES) -> tuple[tuple[Item, ...], str]:
    """Return the boxes of a picture, and a notice of what was folded: empty if nothing was.

    A graph with too many nodes has its scopes folded, the innermost first. If that is not enough, its first and last
    nodes in topological order are kept, with one box for all between them.
    """
    items = tuple(Item((node,), node.scope) for node in graph.nodes)
    if _fits(items, most):
        return items, ""
    deepest = max(_depth(node.scope) for node in graph.nodes)
    for depth in range(deepest, 0, -1):
        items = _fold_scopes(graph, depth)
        if _fits(items, most):
            break
    notices = []
    folded = [item for item in items if item.title]
    if not _fits(items, most):
        items, left_out = _fold_middle(items)
        notices.append(f"{left_out:,} nodes not drawn")
        folded = [item for item in folded if item in items]
    if folded:
        notices.insert(0, f"{len(folded)} scopes shown as one box each")
    return items, f"{len(graph):,} nodes: {', '.join(notices)}"


def _fits(items: tuple[Item, ...], most: int) -> bool:
    edges = sum(len(set(item.nodes[0].inputs)) for item in items if not item.title)
    return len(items) <= most and edges <= MOST_EDGES


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
    return Item(nodes, outer, own)


def _fold_middle(items: tuple[Item, ...]) -> tuple[tuple[Item, ...], int]:
    first, last = items[:KEPT_AT_EACH_END], items[-KEPT_AT_EACH_END:]
    between = tuple(node for item in items[KEPT_AT_EACH_END:-KEPT_AT_EACH_END] for node in item.nodes)
    return (*first, Item(between, "", f"… {len(between):,} nodes not drawn …"), *last), len(between)
