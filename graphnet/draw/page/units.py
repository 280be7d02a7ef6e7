"""The unit view on the page: its parts, and the nodes that they show."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from operator import attrgetter
from typing import Any

from graphnet.core.graph import Graph
from graphnet.draw.page.trees import tree
from graphnet.draw.picture import MARKS
from graphnet.draw.units.build import Scales, Updated, build_units
from graphnet.draw.units.layout import lay_out
from graphnet.draw.units.scene import Part, Text
from graphnet.draw.units.svg import to_svg
from graphnet.engine.passes import ForwardPass
from graphnet.errors import DrawError

_NODE = re.compile(r"n\d+")
_ON_THE_PAGE_ITSELF = frozenset({"title", "notice", "legend"})


def unit_view(
    shown: Graph | ForwardPass, sample: int | None, scales: Scales | None = None, updated: Updated | None = None
) -> dict[str, Any] | None:
    """Return the unit view as plain data, or ``None`` if the graph is no row of layers."""
    try:
        diagram = build_units(shown, sample, scales, updated)
    except DrawError:
        return None
    scene = lay_out(diagram)
    svg = ElementTree.fromstring(to_svg(scene, "", "", paint=attrgetter("name")))
    elements = [element for element in svg if element.tag.endswith("}g")]
    parts = [_part(*both) for both in zip(scene.parts, elements, strict=True)]
    return {
        "width": float(svg.attrib["width"]),
        "height": float(svg.attrib["height"]),
        "notice": " ".join(filter(None, [diagram.sample, diagram.notice and f"{diagram.notice}."])),
        "marks": [state for state, mark in MARKS.items() if any(_shows(part, mark) for part in scene.parts)],
        "font": svg.attrib["font-family"],
        "parts": [part for part in parts if not _ON_THE_PAGE_ITSELF & set(part["classes"])],
    }


def _shows(part: Part, mark: str) -> bool:
    """Tell whether a part is a label of an error signal that bears a mark."""
    texts = [shape for shape in part.shapes if isinstance(shape, Text)]
    return {"label", "backward"} <= {*part.classes} and any(mark in run.text for text in texts for run in text.runs)


def _part(part: Part, element: ElementTree.Element) -> dict[str, Any]:
    told = {
        "classes": [name for name in part.classes if not _NODE.fullmatch(name)],
        "nodes": [name for name in part.classes if _NODE.fullmatch(name)],
        "shapes": [tree(child) for child in element if not child.tag.endswith("}title")],
        "tip": part.tip,
    }
    return told | ({"updated": part.updated} if part.updated else {})
