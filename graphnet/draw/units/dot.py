"""The DOT writer of scenes, for PNG and PDF: shapes are a drawing in the background, texts are nodes in their places."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.text import dot_markup
from graphnet.draw.units.scene import Area, Disc, Line, Point, Scene, Shape, Text, px

ENGINE = "nop2"
"""The engine of Graphviz that leaves everything where it is."""

_FONT = "Helvetica,Arial,Liberation Sans,sans-serif"
_ROOM = 1.3
"""The width of a text's node, in multiples of what it should need: a text wider than its node would only make noise."""


def to_dot(scene: Scene) -> str:
    """Return a scene as DOT for ``neato -n2``; the y axis of Graphviz points up."""
    shapes = [shape for part in scene.parts for shape in part.shapes]
    drawing = [_operations(shape, scene.height) for shape in shapes if not isinstance(shape, Text)]
    texts = [shape for shape in shapes if isinstance(shape, Text)]
    lines = [
        "digraph graphnet {",
        f'bb="0,0,{scene.width:g},{scene.height:g}" bgcolor="{colours.PAPER}" pad="0"',
        f"_background={_long(drawing)}",
        f'node [shape="none" margin="0" fixedsize="shape" fontname="{_FONT}"]',
        *(_text(f"t{i}", text, scene.height) for i, text in enumerate(texts)),
        *(_corner(f"corner{i}", *at) for i, at in enumerate([(0.0, 0.0), (scene.width, scene.height)])),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _long(pieces: list[str]) -> str:
    """Return pieces as one string of DOT, which takes no quoted text of more than 16,384 bytes in one go."""
    return " +\n".join(f'"{piece} "' for piece in pieces)


def _operations(shape: Shape, height: float) -> str:
    """Return a shape in the language of xdot: its colours, its line, its outline."""
    assert not isinstance(shape, Text)  # text in the background crashes some versions of Graphviz
    line = shape.colour if isinstance(shape, Line) else shape.line
    fill = "" if isinstance(shape, Line) else shape.fill
    dash = "dashed" if isinstance(shape, Line) and shape.dashed else "solid"
    look = f"c {_string(line)} S {_string(f'setlinewidth({shape.width:g})')} S {_string(dash)}"
    look += f" C {_string(fill)}" if fill else ""
    if isinstance(shape, Disc):
        return f"{look} {'E' if fill else 'e'} {px(shape.x)} {px(height - shape.y)} {px(shape.r)} {px(shape.r)}"
    kinds = {(Line, False): "L", (Line, True): "B", (Area, False): "P", (Area, True): "b"}
    return f"{look} {kinds[type(shape), shape.curved]} {len(shape.points)} {_places(shape.points, height)}"


def _text(id: str, text: Text, height: float) -> str:
    width = text.width * _ROOM
    shift = {"start": 0.5, "middle": 0.0, "end": -0.5}[text.anchor]
    side = {"start": "left", "middle": "center", "end": "right"}[text.anchor]
    pieces = "".join(_run(run.text, run.low, run.italic) for run in text.runs)
    pieces = f"<b>{pieces}</b>" if text.bold else pieces
    label = f'<font point-size="{text.size:g}" color="{text.colour}">{pieces}</font>'
    row = f'<tr><td align="{side}" width="{width:.0f}">{label}</td></tr>'
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{row}</table>'
    x, y = text.x + shift * width, height - text.y + text.size * 0.35
    size = f'width="{width / 72:.3f}" height="{text.size * 1.4 / 72:.3f}"'
    return f'{id} [pos="{px(x)},{px(y)}" {size} label=<{table}>]'


def _run(text: str, low: bool, italic: bool) -> str:
    piece = dot_markup(text)
    piece = f"<sub>{piece}</sub>" if low else piece
    return f"<i>{piece}</i>" if italic else piece


def _corner(id: str, x: float, y: float) -> str:
    """Return a node that can't be seen: Graphviz cuts its paper to the size of the nodes."""
    return f'{id} [pos="{px(x)},{px(y)}" width="0.001" height="0.001" label=""]'


def _places(points: tuple[Point, ...], height: float) -> str:
    return " ".join(f"{px(x)} {px(height - y)}" for x, y in points)


def _string(text: str) -> str:
    return f"{len(text.encode())} -{text}"
