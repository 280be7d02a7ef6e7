"""From the scopes of nodes to the frames drawn around them."""

from __future__ import annotations

from collections.abc import Iterable

from graphnet.draw.outline import DEEPEST, Item
from graphnet.draw.picture import Group
from graphnet.draw.text import short


def groups_of(items: Iterable[Item]) -> tuple[tuple[Group, ...], dict[str, str]]:
    """Return the frames, outer ones first, and the id of the frame for each scope."""
    groups: dict[str, Group] = {}
    id_of_scope: dict[str, str] = {}
    for scope in dict.fromkeys(item.scope for item in items if item.scope):
        parent: Group | None = None
        names = scope.split("/")[:DEEPEST]
        for depth, name in enumerate(names, start=1):
            path = "/".join(names[:depth])
            if path not in groups:
                groups[path] = Group(f"g{len(groups)}", short(name), parent.id if parent else None)
            parent = groups[path]
        if parent:
            id_of_scope[scope] = parent.id
    return tuple(groups.values()), id_of_scope
