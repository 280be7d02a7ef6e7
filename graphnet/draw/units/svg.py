"""The SVG writer of scenes."""

from __future__ import annotations

from collections.abc import Callable

from graphnet.draw import colours
from graphnet.draw.colours import Shade
from graphnet.draw.text import markup
from graphnet.draw.units.scene import Area, Disc, Line, Part, Point, Scene, Shape, Text, px

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


Paint = Callable[[Shade], str]
"""What is written for a colour."""


def to_svg(scene: Scene, title: str, description: str, paint: Paint = str) -> str:
    """Return a scene as an SVG document: the same scene gives the same text.

    Each part that has an id is a ``<g>`` with that id and with its classes. For each colour stands what `paint` makes of it.
    """
    width, height = f"{scene.width:g}", f"{scene.height:g}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg role="img" class="units" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' xmlns="http://www.w3.org/2000/svg" font-family="{FONT}">',
        f"<title>{markup(title)}</title>",
        f"<desc>{markup(description)}</desc>",
        f'<rect width="{width}" height="{height}" fill="{paint(colours.PAPER)}"/>',
        *(_part(part, paint) for part in scene.parts),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _part(part: Part, paint: Paint) -> str:
    id = f' id="{part.id}"' if part.id else ""
    tip = f"<title>{markup(part.tip)}</title>" if part.tip else ""
    return f'<g{id} class="{" ".join(part.classes)}">{tip}{"".join(_shape(shape, paint) for shape in part.shapes)}</g>'


def _shape(shape: Shape, paint: Paint) -> str:
    if isinstance(shape, Text):
        return _text(shape, paint)
    colour = shape.colour if isinstance(shape, Line) else shape.line
    stroke = f'stroke="{paint(colour)}" stroke-width="{shape.width:g}"'
    if isinstance(shape, Disc):
        fill = paint(shape.fill) if shape.fill else "none"
        return f'<circle cx="{px(shape.x)}" cy="{px(shape.y)}" r="{px(shape.r)}" fill="{fill}" {stroke}/>'
    path = _path(shape.points, shape.curved)
    if isinstance(shape, Area):
        return f'<path d="{path}Z" fill="{paint(shape.fill)}" {stroke}/>'
    dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
    return f'<path d="{path}" fill="none" {stroke}{dash}/>'


def _path(points: tuple[Point, ...], curved: bool) -> str:
    first, *rest = [f"{px(x)} {px(y)}" for x, y in points]
    return f"M{first}{'C' if curved else 'L'}{' '.join(rest)}"


def _text(text: Text, paint: Paint) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    pieces, low = [], False
    for run in text.runs:
        shift = text.size * 0.22 if run.low and not low else -text.size * 0.22 if low and not run.low else 0.0
        low = run.low
        look = (f' dy="{shift:.2g}"' if shift else "") + (f' font-size="{text.size * 0.72:.3g}"' if run.low else "")
        look += ' font-style="italic"' if run.italic else ""
        pieces.append(f"<tspan{look}>{markup(run.text)}</tspan>" if look else markup(run.text))
    return (
        f'<text x="{px(text.x)}" y="{px(text.y)}" font-size="{text.size:g}" fill="{paint(text.colour)}"'
        f' text-anchor="{text.anchor}"{weight}>{"".join(pieces)}</text>'
    )
