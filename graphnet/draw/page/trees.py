"""From a document in XML to plain data that a page can build again, element by element, with nothing else in it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

Tree = list[Any]
"""``[tag, {attribute: value}, child, ...]``; a child is a tree or text."""

_KEPT = frozenset(
    {"class", "cx", "cy", "d", "dy", "fence", "fill", "font-size", "font-style", "font-weight", "height", "lspace", "r"}
    | {"mathvariant", "rspace", "stroke", "stroke-dasharray", "stroke-width", "text-anchor", "width", "x", "y"}
)
"""Attributes of looks and places: none that runs, loads or links."""


def tree(element: ElementTree.Element) -> Tree:
    """Return an element as plain data; attributes that are not known are left out.

    Examples
    --------
    >>> tree(ElementTree.fromstring('<text x="1" onclick="f()">a<tspan dy="2">b</tspan>c</text>'))
    ['text', {'x': '1'}, 'a', ['tspan', {'dy': '2'}, 'b'], 'c']
    """
    made: Tree = [element.tag.rpartition("}")[2], {k: v for k, v in element.attrib.items() if k in _KEPT}]
    if element.text:
        made.append(element.text)
    for child in element:
        made.append(tree(child))
        if child.tail:
            made.append(child.tail)
    return made
