"""The unit view on the page: its parts, and the nodes that they show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node
from graphnet.draw.picture import MARKS
from graphnet.draw.units.build import Scales, diagram_of
from graphnet.draw.units.layout import lay_out
from graphnet.draw.units.shapes import SVG_FONT, Part, element_of
from graphnet.engine.passes import ForwardPass
from graphnet.errors import DrawError

_NODE = re.compile(r"n\d+")
_ON_THE_PAGE_ITSELF = frozenset({"title", "notice", "legend"})


def unit_view(
    shown: Graph | ForwardPass,
    sample: int | None,
    scales: Scales | None = None,
    updated: Mapping[Node, Array] | None = None,
) -> dict[str, Any] | None:
    """Return the unit view as plain data, or ``None`` if the graph is no row of layers."""
    try:
        diagram = diagram_of(shown, sample, scales, updated)
    except DrawError:
        return None
    sheet = lay_out(diagram)
    return {
        "width": float(f"{sheet.width:g}"),
        "height": float(f"{sheet.height:g}"),
        "notice": " ".join(filter(None, [diagram.sample, diagram.notice and f"{diagram.notice}."])),
        "marks": [state for state, mark in MARKS.items() if any(_shows(part, mark) for part in sheet.parts)],
        "font": SVG_FONT,
        "parts": [_part(part) for part in sheet.parts if not _ON_THE_PAGE_ITSELF & set(part.classes)],
    }


def _shows(part: Part, mark: str) -> bool:
    """Tell whether a part is a label of an error signal that bears a mark."""
    return {"label", "backward"} <= {*part.classes} and any(mark in s.text for text in part.texts for s in text.spans)


def _part(part: Part) -> dict[str, Any]:
    told = {
        "classes": [name for name in part.classes if not _NODE.fullmatch(name)],
        "nodes": [name for name in part.classes if _NODE.fullmatch(name)],
        "shapes": [element_of(shape, paint=attrgetter("name")) for shape in part.shapes],
        "tip": part.tip,
    }
    return told | ({"updated": part.updated} if part.updated else {})
