"""Nodes, graphs and passes that show themselves in a notebook."""

from __future__ import annotations

from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.drawing import draw
from graphnet.engine.passes import ForwardPass


def install() -> None:
    """Give nodes, graphs and passes the method by which a notebook asks for a picture.

    It is set from here because the core knows nothing of pictures. Calling it again changes nothing.

    Examples
    --------
    >>> import graphnet as gn
    >>> install()
    >>> gn.input("x")._repr_html_().startswith("<div")
    True
    """
    for shown in (Node, Graph, ForwardPass):
        shown._repr_html_ = _picture_or_nothing  # type: ignore[union-attr]


def _picture_or_nothing(shown: Any) -> str | None:
    """Return the picture as HTML; ``None`` makes the notebook fall back to the plain text."""
    try:
        return draw(shown)._repr_html_()
    except Exception:  # showing a value must never fail: without Graphviz there is still its text
        return None
