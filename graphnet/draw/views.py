"""The two views of a network, and how each is written: what `Drawing` needs to know of a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphnet.draw import dot, mermaid, svg, words
from graphnet.draw.picture import Picture
from graphnet.draw.render import render
from graphnet.draw.units import dot as units_dot
from graphnet.draw.units import mermaid as units_mermaid
from graphnet.draw.units import svg as units_svg
from graphnet.draw.units import words as units_words
from graphnet.draw.units.diagram import Diagram
from graphnet.draw.units.layout import lay_out


@dataclass(frozen=True)
class View:
    """The writers of one kind of picture, and the engine of Graphviz that makes PNG and PDF of its DOT."""

    dot: Callable[[Any], str]
    svg: Callable[[Any], str]
    mermaid: Callable[[Any], str]
    text: Callable[[Any], str]
    engine: str


def _svg_of_units(diagram: Diagram) -> str:
    return units_svg.to_svg(lay_out(diagram), diagram.title, units_words.to_text(diagram))


def _svg_of_ops(picture: Picture) -> str:
    return svg.finish(render(dot.to_dot(picture), "svg").decode(), picture)


def _dot_of_units(diagram: Diagram) -> str:
    return units_dot.to_dot(lay_out(diagram))


VIEWS: dict[type, View] = {
    Picture: View(dot.to_dot, _svg_of_ops, mermaid.to_mermaid, words.to_text, "dot"),
    Diagram: View(_dot_of_units, _svg_of_units, units_mermaid.to_mermaid, units_words.to_text, units_dot.ENGINE),
}
