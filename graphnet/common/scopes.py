"""Paths of scopes, and how those opened without a name are numbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count


class Scope(str):
    """The path of a scope. One that was opened without a name has a `stem`, and a graph may number it anew.

    Attributes
    ----------
    stem
        What the made-up name begins with, as ``dense``; empty if the name was given.
    outer
        The scope around it.
    key
        What tells it from others of the same path.
    """

    stem: str
    outer: str
    key: object

    def __new__(cls, path: str, stem: str = "", outer: str = "") -> Scope:
        """Make a path that knows how it came about."""
        made = super().__new__(cls, path)
        made.stem, made.outer, made.key = stem, outer, object()
        return made


def key_of(scope: str) -> object:
    """Return what tells a scope from others: its key, or its path."""
    return getattr(scope, "key", scope)


def renumbered(scopes: Iterable[str], names: Iterable[str | None]) -> dict[object, str]:
    """Return {key: path} of the scopes whose path is not what they say.

    Where scopes opened without names would have one path, each is numbered, in the order given, by numbers that nothing else
    has; what lies in them goes with them.
    """
    found: dict[object, str] = {}
    for scope in scopes:
        chain = [scope]
        while chain[-1] and key_of(chain[-1]) not in found:
            chain.append(getattr(chain[-1], "outer", ""))
        found |= {key_of(each): each for each in reversed(chain[:-1])}
    unnamed = Counter(str(each) for each in found.values() if getattr(each, "stem", ""))
    if not unnamed:
        return {}
    taken = {*found.values(), *names}
    given = {each for each in found.values() if not getattr(each, "stem", "")}
    paths: dict[object, str] = {}
    for key, each in found.items():
        stem, outer = getattr(each, "stem", ""), getattr(each, "outer", "")
        around = paths.get(key_of(outer), outer)
        path = around + each[len(outer) :]
        if stem and (unnamed[each] > 1 or each in given):
            numbered = (f"{around}/{stem}_{n}" if around else f"{stem}_{n}" for n in count(1))
            path = next(candidate for candidate in numbered if candidate not in taken)
            taken.add(path)
        if path != each:
            paths[key] = path
    return paths
