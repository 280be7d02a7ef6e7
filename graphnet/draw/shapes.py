"""Shapes at places: what a diagram becomes before it becomes a file, and how they are written as SVG and as DOT.

The y axis points down, lengths are in pixels. There are few kinds of shapes, so that both writers are short; that of DOT, for
PNG and PDF, makes a drawing in the background of the shapes, and nodes of the texts.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias
from unicodedata import east_asian_width

from graphnet.common.text import markup
from graphnet.draw import colours
from graphnet.draw.colours import Shade
from graphnet.draw.picture import Point
from graphnet.errors import DrawError
from graphnet.notation.writers import Tree

Circle: TypeAlias = tuple[float, float, float]
"""Its middle and its radius."""

# How far the control points of a Bézier curve lie, in radii, for it to look like a quarter of a circle.
_ARC = 0.5523

# How large an index is, in multiples of its symbol.
_LOW = 0.72

# Widths of the letters of Helvetica, and of the typefaces made to take its place, in hundredths of their size; others have 56.
_WIDTHS = {
    letter: width / 100
    for width, letters in (
        (19, "'"), (22, "ijl"), (26, "|"), (28, " !,./:;I[\\]ft"), (33, "()-`r{}"), (36, '"'), (39, "*"), (47, "^"),
        (50, "Jcksvxyz∂"), (56, "#$?0123456789L_abdeghnopqu"), (58, "+<=>~−×"), (61, "FTZ"), (67, "&ABEKPSVXY"),
        (72, "CDHNRUw"), (78, "GOQ"), (83, "Mm"), (89, "%"), (94, "W"), (100, "…→←"), (102, "@"),
    )
    for letter in letters
}  # fmt: skip

# Dots of a bitmap: an inch, along one side (Cairo has room for 32,767), and of all.
_SHARP, _MOST_DOTS, _MOST_PIXELS = 144.0, 32_000, 12e6

# The width of a text's node in DOT, in multiples of what it should need: a text wider than its node would only make noise.
_ROOM = 1.3


@dataclass(frozen=True)
class Stroke:
    """A stroke through points, or with a fill a closed outline; if `curved`, they are those of cubic Bézier curves."""

    points: tuple[Point, ...]
    colour: Shade
    width: float = 1.0
    fill: Shade | None = None
    curved: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Disc:
    """A circle, filled or (without a fill) only its line."""

    x: float
    y: float
    r: float
    colour: Shade
    width: float = 1.0
    fill: Shade | None = None


@dataclass(frozen=True)
class Span:
    """A piece of text of one look."""

    text: str
    low: bool = False
    italic: bool = False


@dataclass(frozen=True)
class Text:
    """One line of text at its base line. In a still picture one that is `fitted` is as wide as here in any typeface."""

    x: float
    y: float
    spans: tuple[Span, ...]
    size: float
    colour: Shade
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False
    fitted: bool = False

    @property
    def width(self) -> float:
        """How wide it is in Helvetica."""
        wide = math.fsum(text_width(span.text) * (_LOW if span.low else 1) for span in self.spans) * self.size
        return wide * 1.08 if self.bold else wide

    @property
    def before(self) -> float:
        """Which share of it lies before its x."""
        return {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]


Drawn: TypeAlias = Stroke | Disc | Text


@dataclass(frozen=True)
class Element:
    """Shapes, from the lowest to the topmost, that are one element of the picture.

    Attributes
    ----------
    id
        Opaque; empty if nothing needs to find it.
    classes
        What it is, and ``"n12"`` for each node it shows.
    shapes
        What is drawn.
    tip
        What to show when the mouse rests on it: symbols and numbers only.
    updated
        What takes the place of the last piece of its text after the update, if anything.
    """

    id: str
    classes: tuple[str, ...]
    shapes: tuple[Drawn, ...]
    tip: str = ""
    updated: str = ""

    def moved(self, x: float, y: float) -> Element:
        """Return it so far to the right and down."""
        return replace(self, shapes=tuple(moved(shape, x, y) for shape in self.shapes))

    @property
    def texts(self) -> list[Text]:
        """Those of its shapes that are text."""
        return [shape for shape in self.shapes if isinstance(shape, Text)]


@dataclass(frozen=True)
class Sheet:
    """All parts, from the lowest to the topmost, and the size of the paper."""

    width: float
    height: float
    parts: tuple[Element, ...]


def below_each_other(sheets: Sequence[Sheet]) -> Sheet:
    """Return several sheets as one, in which the ids of the second one begin with ``p2-``, and so on; one alone as it is."""
    if len(sheets) == 1:
        return sheets[0]
    parts: list[Element] = []
    y = 0.0
    for number, sheet in enumerate(sheets, start=1):
        for part in sheet.parts:
            parts.append(replace(part.moved(0.0, y), id=f"p{number}-{part.id}" if number > 1 and part.id else part.id))
        y += sheet.height
    return Sheet(max(sheet.width for sheet in sheets), y, tuple(parts))


# How shapes are made ------------------------------------------------------------------------------------------------


def text_width(text: str) -> float:
    """Return about how wide a text is, in multiples of its size.

    Examples
    --------
    >>> round(text_width("W1 = −0.5"), 2)
    4.62
    """
    return math.fsum(_WIDTHS.get(letter) or (1.0 if east_asian_width(letter) in "WF" else 0.56) for letter in text)


def moved(shape: Drawn, x: float, y: float) -> Drawn:
    """Return a shape so far to the right and down."""
    if isinstance(shape, Stroke):
        return replace(shape, points=tuple((a + x, b + y) for a, b in shape.points))
    return replace(shape, x=shape.x + x, y=shape.y + y)


def on_paper(text: Text, width: float = 0.0) -> tuple[Stroke, Text]:
    """Return text on a piece of paper at least this wide, so that no line runs through it."""
    wide = max(text.width, width)
    corners = rectangle(text.x - text.before * wide - 1, text.y - text.size * 0.85, wide + 2, text.size * 1.3)
    return Stroke(corners, colours.PAPER, 0.0, colours.PAPER), replace(text, fitted=True)


def arrow_head(before: Point, tip: Point, colour: Shade, width: float) -> tuple[Point, Stroke]:
    """Return where the shaft of an arrow that comes from some point ends, and its head."""
    length = math.dist(before, tip)
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    head, side = 6.0 + 1.4 * width, 2.6 + 0.8 * width
    base = tip[0] - ux * head, tip[1] - uy * head
    wings = (base[0] - uy * side, base[1] + ux * side), (base[0] + uy * side, base[1] - ux * side)
    return base, Stroke((tip, *wings), colour, 0.5, colour)


def plain(text: str) -> tuple[Span, ...]:
    """Return text of one look."""
    return (Span(text),)


def formula(text: str) -> tuple[Span, ...]:
    """Return text in which letters with an index, as ``δ_k``, are set as symbols; ``~`` is a space that goes with its symbol.

    Examples
    --------
    >>> [span.text for span in formula("δ_k = Σ_p a_p~w_pq")]
    ['δ', 'k', ' = ', 'Σ', 'p', ' ', 'a', 'p', ' w', 'pq']
    """
    made: list[Span] = []
    for piece in filter(None, re.split(r"(~?(?:g′|\w)_\w+)", text)):
        name, low, index = piece.replace("~", " ").partition("_")
        made.append(Span(name, italic=bool(low) and name.strip().isalpha() and name != "Σ"))
        made += [Span(index, low=True, italic=True)] if low else []
    return tuple(made)


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Return the corners of a rectangle from its upper left one."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def between(start: Point, end: Point, share: float) -> Point:
    """Return the point that far along the way."""
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def rounded(corners: Sequence[Point], radius: float) -> tuple[Point, ...]:
    """Return a line through corners that are rounded, as Bézier curves; the first and the last point stay."""
    path = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        into, out = (
            between(corner, end, min(radius / (math.dist(corner, end) or radius), 0.5)) for end in (before, after)
        )
        path += [path[-1], into, into, between(into, corner, _ARC), between(out, corner, _ARC), out]
    return (*path, path[-1], corners[-1], corners[-1])


def edge_line(start: Circle, end: Circle) -> tuple[Point, Point]:
    """Return the line between the rims of two circles."""
    a, b, length = start[:2], end[:2], math.dist(start[:2], end[:2])
    return between(a, b, start[2] / length), between(b, a, end[2] / length)


def half_disc(x: float, y: float, r: float, fill: Shade, *, right: bool) -> Stroke:
    """Return the left or the right half of a disc."""
    s, k = (r, r * _ARC) if right else (-r, -r * _ARC)
    top, side, bottom = (x, y - r), (x + s, y), (x, y + r)
    arc = (top, (x + k, y - r), (x + s, y - r * _ARC), side, (x + s, y + r * _ARC), (x + k, y + r), bottom)
    return Stroke((*arc, bottom, top, top), colours.FRAME, 0.8, fill, curved=True)


def back_arrow(start: Circle, end: Circle, colour: Shade, width: float, bend: float) -> tuple[Stroke, Stroke]:
    """Return an arrow that leaves one rim and enters another, bent to run beside the straight line between them."""
    length = math.dist(start[:2], end[:2])
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    px, py = (-uy, ux) if ux >= 0 else (uy, -ux)  # downwards
    turn = math.radians(20)  # a little aside of where the straight line meets the rims

    def beside(centre: Circle, r: float, way: float) -> Point:
        cos, sin = math.cos(turn) * r, math.sin(turn) * r
        return centre[0] + way * ux * cos + px * sin, centre[1] + way * uy * cos + py * sin

    first, tip = beside(start, start[2], 1), beside(end, end[2] + 1.5, -1)
    base, head = arrow_head(between(tip, start[:2], 0.1), tip, colour, width)
    span = math.dist(first, base)
    out = first[0] + ux * span * 0.3 + px * bend, first[1] + uy * span * 0.3 + py * bend
    back = base[0] - ux * span * 0.3 + px * bend * 0.6, base[1] - uy * span * 0.3 + py * bend * 0.6
    return Stroke((first, out, back, base), colour, width, curved=True), head


def curve_in(points: tuple[Point, ...], x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Return a curve scaled into a rectangle whose middle is (x, y), upwards being larger."""
    low = min(b for _, b in points)
    left, across, up = points[0][0], points[-1][0] - points[0][0], max(b for _, b in points) - low or 1.0
    return tuple((x + width * ((a - left) / across - 0.5), y - height * ((b - low) / up - 0.5)) for a, b in points)


# SVG ----------------------------------------------------------------------------------------------------------------

_LEAST = 0.6  # a picture does not shrink to less than this of its size

SVG_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def as_svg(sheet: Sheet, view: str, title: str, description: str) -> str:
    """Return a sheet as an SVG document: the same sheet gives the same text.

    Each part that has an id is a ``<g>`` with that id and with its classes. The picture shrinks with its container as far as
    its text can be read.
    """
    width, height = f"{sheet.width:g}", f"{sheet.height:g}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg role="img" class="{view}" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' style="max-width:max(100%,{sheet.width * _LEAST:.0f}px);height:auto"'
        f' xmlns="http://www.w3.org/2000/svg" font-family="{SVG_FONT}">',
        f"<title>{markup(title)}</title>",
        f"<desc>{markup(description)}</desc>",
        f'<rect width="{width}" height="{height}" fill="{colours.PAPER}"/>',
    ]
    for part in sheet.parts:
        tip = [["title", {}, part.tip]] if part.tip else []
        shapes = [element_of(shape, still=True) for shape in part.shapes]
        named = {"id": part.id} if part.id else {}
        lines.append(_xml(["g", {**named, "class": " ".join(part.classes)}, *tip, *shapes]))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _xml(tree: Tree) -> str:
    tag, attributes, *children = tree
    opened = "".join([tag, *(f' {name}="{value}"' for name, value in attributes.items())])
    inside = "".join(markup(child) if isinstance(child, str) else _xml(child) for child in children)
    return f"<{opened}>{inside}</{tag}>" if children else f"<{opened}/>"


def element_of(shape: Drawn, *, still: bool) -> Tree:
    """Return a shape as an element of SVG: in a still picture text keeps its width, on a page colours go by their names."""
    ink = str(shape.colour) if still else shape.colour.name
    if isinstance(shape, Text):
        return _text_element(shape, ink, still=still)
    fill = "none" if shape.fill is None else str(shape.fill) if still else shape.fill.name
    look = {"fill": fill, "stroke": ink, "stroke-width": f"{shape.width:g}"}
    if isinstance(shape, Stroke) and shape.dashed:
        look |= {"stroke-dasharray": "6 4"}
    if isinstance(shape, Disc):
        return ["circle", {"cx": _px(shape.x), "cy": _px(shape.y), "r": _px(shape.r), **look}]
    first, *rest = [f"{_px(x)} {_px(y)}" for x, y in shape.points]
    path = f"M{first}{'C' if shape.curved else 'L'}{' '.join(rest)}"
    return ["path", {"d": f"{path}Z" if shape.fill else path, **look}]


def _text_element(text: Text, ink: str, *, still: bool) -> Tree:
    place = {"x": _px(text.x), "y": _px(text.y), "font-size": f"{text.size:g}", "fill": ink}
    place |= {"text-anchor": text.anchor} | ({"font-weight": "bold"} if text.bold else {})
    if still and text.fitted and all(letter in _WIDTHS for span in text.spans for letter in span.text):
        place |= {"textLength": _px(text.width), "lengthAdjust": "spacingAndGlyphs"}
    made: Tree = ["text", place]
    low = False
    for span in text.spans:
        look = {"dy": f"{text.size * (0.22 if span.low else -0.22):.2g}"} if span.low != low else {}
        look |= {"font-size": f"{text.size * _LOW:.3g}"} if span.low else {}
        look |= {"font-style": "italic"} if span.italic else {}
        made.append(["tspan", look, span.text] if look else span.text)
        low = span.low
    return made


def _px(value: float) -> str:
    """Return a coordinate as text, to a hundredth of a pixel."""
    return f"{round(value, 2) + 0.0:g}"


# DOT ----------------------------------------------------------------------------------------------------------------

# Typefaces of the same widths: whichever of them is found, boxes fit their text in Graphviz and in browsers alike.
FONT = "Helvetica,Arial,Liberation Sans,sans-serif"


def as_dot(sheet: Sheet) -> str:
    """Return a sheet as DOT for ``neato -n2``; the y axis of Graphviz points up."""
    shapes = [shape for part in sheet.parts for shape in part.shapes]
    drawing = [_operations(shape, sheet.height) for shape in shapes if not isinstance(shape, Text)]
    texts = [shape for shape in shapes if isinstance(shape, Text)]
    corner = 'width="0.001" height="0.001" label=""]'  # Graphviz cuts its paper to the size of the nodes
    lines = [
        "digraph graphnet {",
        f'bb="0,0,{sheet.width:g},{sheet.height:g}" bgcolor="{colours.PAPER}" pad="0" dpi="{_resolution(sheet):.1f}"',
        # No quoted text of DOT may have more than 16,384 bytes, so it is added up from pieces.
        "_background=" + " +\n".join(f'"{piece} "' for piece in drawing),
        f'node [shape="none" margin="0" fixedsize="shape" fontname="{FONT}"]',
        *(f"t{i} {_text_node(text, sheet.height)}" for i, text in enumerate(texts)),
        f'corner0 [pos="0,0" {corner}',
        f'corner1 [pos="{_px(sheet.width)},{_px(sheet.height)}" {corner}',
        "}",
    ]
    return "\n".join(lines) + "\n"


def _resolution(sheet: Sheet) -> float:
    """Return at how many dots an inch a bitmap is sharp, and neither too large for Cairo, which draws it, nor slow to draw."""
    side, area = max(sheet.width, sheet.height) / 72, sheet.width * sheet.height / 72**2
    return min(_SHARP, _MOST_DOTS / side, math.sqrt(_MOST_PIXELS / area))


def _operations(shape: Stroke | Disc, height: float) -> str:
    """Return a shape in the language of xdot (text in the background crashes some versions of Graphviz)."""
    style = "dashed" if isinstance(shape, Stroke) and shape.dashed else "solid"
    look = f"c {_string(shape.colour)} S {_string(f'setlinewidth({shape.width:g})')} S {_string(style)}"
    look += f" C {_string(shape.fill)}" if shape.fill else ""
    if isinstance(shape, Disc):
        radius = _px(shape.r)
        return f"{look} {'E' if shape.fill else 'e'} {_px(shape.x)} {_px(height - shape.y)} {radius} {radius}"
    kind = ("bP" if shape.fill else "BL")[not shape.curved]
    places = " ".join(f"{_px(x)} {_px(height - y)}" for x, y in shape.points)
    return f"{look} {kind} {len(shape.points)} {places}"


def _string(text: str) -> str:
    return f"{len(text.encode())} -{text}"


def _text_node(text: Text, height: float) -> str:
    width = text.width * _ROOM
    side = {"start": "left", "middle": "center", "end": "right"}[text.anchor]
    pieces = "".join(map(_span, text.spans))
    pieces = f"<b>{pieces}</b>" if text.bold else pieces
    label = f'<font point-size="{text.size:g}" color="{text.colour}">{pieces}</font>'
    row = f'<tr><td align="{side}" width="{width:.0f}">{label}</td></tr>'
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{row}</table>'
    x, y = text.x + (0.5 - text.before) * width, height - text.y + text.size * 0.35
    size = f'width="{width / 72:.3f}" height="{text.size * 1.4 / 72:.3f}"'
    return f'[pos="{_px(x)},{_px(y)}" {size} label=<{table}>]'


def _span(span: Span) -> str:
    piece = dot_markup(span.text)
    piece = f"<sub>{piece}</sub>" if span.low else piece
    return f"<i>{piece}</i>" if span.italic else piece


def dot_markup(text: str) -> str:
    r"""Return clean text escaped for the HTML-like labels of DOT.

    They are XML, but in their text Graphviz also replaces ``\N`` by the id of the node, and two backslashes by one.

    Examples
    --------
    >>> print(dot_markup(r"<b> \N"))
    &lt;b&gt; \\N
    """
    return markup(text).replace("\\", "\\\\")


def render(dot: str, format: str) -> bytes:
    """Return a picture in DOT whose places are known as SVG, PNG or PDF.

    Raises
    ------
    DrawError
        If neither way works, saying what to install.
    """
    failures = []
    for way, run in (("dot", _with_command), ("pygraphviz", _with_pygraphviz)):
        try:
            return run(dot, format)
        except Exception as error:  # whatever goes wrong in one way, the other may still work
            failures.append(f"{way}: {error}")
    raise DrawError(
        f"nothing on this machine could draw the picture ({'; '.join(failures)})",
        repair='Run: pip install "pygraphviz>=2.0". Until then, all formats but .png and .pdf work without it.',
    )


def _with_command(dot: str, format: str) -> bytes:
    if shutil.which("dot") is None:
        raise FileNotFoundError("not on the PATH")
    import graphviz

    picture: bytes = graphviz.pipe("neato", format, dot.encode(), quiet=True, neato_no_op=2)
    return picture


def _with_pygraphviz(dot: str, format: str) -> bytes:
    import pygraphviz

    picture: bytes = pygraphviz.AGraph(string=dot).draw(format=format, prog="nop2")
    return picture
