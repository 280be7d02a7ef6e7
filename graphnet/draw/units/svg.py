"""The SVG writer of scenes."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.text import markup
from graphnet.draw.units.scene import Area, Disc, Line, Part, Point, Scene, Shape, Text, px

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def to_svg(scene: Scene, title: str, description: str) -> str:
    """Return a scene as an SVG document: the same scene gives the same text.

    Each part that has an id is a ``<g>`` with that id and with its classes.
    """
    width, height = f"{scene.width:g}", f"{scene.height:g}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg role="img" class="units" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' xmlns="http://www.w3.org/2000/svg" font-family="{FONT}">',
        f"<title>{markup(title)}</title>",
        f"<desc>{markup(description)}</desc>",
        f'<rect width="{width}" height="{height}" fill="{colours.PAPER}"/>',
        *map(_part, scene.parts),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _part(part: Part) -> str:
    id = f' id="{part.id}"' if part.id else ""
    tip = f"<title>{markup(part.tip)}</title>" if part.tip else ""
    return f'<g{id} class="{" ".join(part.classes)}">{tip}{"".join(map(_shape, part.shapes))}</g>'


def _shape(shape: Shape) -> str:
    if isinstance(shape, Text):
        return _text(shape)
    stroke = f'stroke="{shape.line if not isinstance(shape, Line) else shape.colour}" stroke-width="{shape.width:g}"'
    if isinstance(shape, Disc):
        fill = shape.fill or "none"
        return f'<circle cx="{px(shape.x)}" cy="{px(shape.y)}" r="{px(shape.r)}" fill="{fill}" {stroke}/>'
    path = _path(shape.points, shape.curved)
    if isinstance(shape, Area):
        return f'<path d="{path}Z" fill="{shape.fill}" {stroke}/>'
    dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
    return f'<path d="{path}" fill="none" {stroke}{dash}/>'


def _path(points: tuple[Point, ...], curved: bool) -> str:
    first, *rest = [f"{px(x)} {px(y)}" for x, y in points]
    return f"M{first}{'C' if curved else 'L'}{' '.join(rest)}"


def _text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    pieces, low = [], False
    for run in text.runs:
        shift = text.size * 0.22 if run.low and not low else -text.size * 0.22 if low and not run.low else 0.0
        low = run.low
        look = (f' dy="{shift:.2g}"' if shift else "") + (f' font-size="{text.size * 0.72:.3g}"' if run.low else "")
        look += ' font-style="italic"' if run.italic else ""
        pieces.append(f"<tspan{look}>{markup(run.text)}</tspan>" if look else markup(run.text))
    return (
        f'<text x="{px(text.x)}" y="{px(text.y)}" font-size="{text.size:g}" fill="{text.colour}"'
        f' text-anchor="{text.anchor}"{weight}>{"".join(pieces)}</text>'
    )
