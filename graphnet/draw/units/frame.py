"""What stands around the units: title, heads and feet of the columns, the legend."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from graphnet.draw import colours
from graphnet.draw.colours import BLUE, GREEN, RED, Shade
from graphnet.draw.picture import MARKS
from graphnet.draw.slopes import WHY
from graphnet.draw.text import count
from graphnet.draw.units.diagram import Column, Diagram
from graphnet.draw.units.scene import Area, Disc, Line, Part, Point, Run, Shape, Text, symbol

LEFT = 24.0
LINE = 18.0
LONGEST = 90
"""Letters of a line below the title."""


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Return the corners of a rectangle from its upper left one."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def right_end(part: Part) -> float:
    """Return how far the texts of a part reach to the right."""
    share = {"start": 1.0, "middle": 0.5, "end": 0.0}
    return max((s.x + share[s.anchor] * s.width for s in part.shapes if isinstance(s, Text)), default=0.0)


def top(diagram: Diagram) -> float:
    """Return where the units may begin."""
    return 92.0 + LINE * len(_told(diagram))


def _told(diagram: Diagram) -> list[str]:
    """Return the lines below the title."""
    return [line for text in (diagram.sample, diagram.notice) for line in textwrap.wrap(text, LONGEST)]


def heads(diagram: Diagram, x: Callable[[int], float], bottom: float) -> list[Part]:
    """Return the title lines and what stands above each column."""
    parts = [Part("", ("title",), (Text(LEFT, 34, (Run(diagram.title),), 17, colours.INK, "start", bold=True),))]
    y = 34.0
    for line in _told(diagram):
        y += LINE
        parts.append(Part("", ("notice",), (Text(LEFT, y, (Run(line),), 12, colours.QUIET, "start"),)))
    for c, column in enumerate(diagram.columns):
        name = f"{column.name}, {column.activation}" if column.activation else column.name
        shapes = [Text(x(c), bottom - 18, (Run(column.title),), 12.5, colours.INK, bold=True)]
        if name:
            shapes.append(Text(x(c), bottom - 3, (Run(name),), 10.5, colours.QUIET))
        parts.append(Part(column.id, ("head",), tuple(shapes)))
    return parts


def feet(diagram: Diagram, x: Callable[[int], float], top: float, *, labelled: bool) -> list[Part]:
    """Return what stands below: the formulas of a small network, the sizes of a large one."""
    parts = []
    place = {column.id: c for c, column in enumerate(diagram.columns)}
    for c, column in enumerate(diagram.columns):
        lines = _formulas(diagram, c) if labelled else _sizes(column)
        texts = [Text(x(c), top + 16 + i * LINE, runs, 11.5, colour) for i, (runs, colour) in enumerate(lines)]
        if texts:
            parts.append(Part("", ("foot",), tuple(texts)))
    for bundle in diagram.bundles:
        middle = (x(place[bundle.source]) + x(place[bundle.target])) / 2
        shapes = [Text(middle, top + 16, (Run(bundle.summary),), 10.5, colours.INK)]
        if labelled and diagram.has_signals:
            pair = diagram.columns[place[bundle.source]].index, diagram.columns[place[bundle.target]].index
            runs = (Run("∂E/∂"), *symbol("w", "".join(pair)), Run(" = "), *symbol("δ", pair[1]), *symbol(" a", pair[0]))
            shapes.append(Text(middle, top + 16 + 2 * LINE, runs, 11.5, GREEN))
        elif bundle.gradient_summary:
            shapes.append(Text(middle, top + 16 + 3 * LINE, (Run(bundle.gradient_summary),), 10.5, GREEN))
        parts.append(Part("", ("foot", f"n{bundle.node}"), tuple(shapes)))
    return parts


def feet_height(diagram: Diagram, *, labelled: bool) -> float:
    """Return how much room the feet need."""
    lines = [len(_formulas(diagram, c) if labelled else _sizes(column)) for c, column in enumerate(diagram.columns)]
    return LINE * max(*lines, 3 if labelled else 4) + 22


def _sizes(column: Column) -> list[tuple[tuple[Run, ...], Shade]]:
    if column.kind == "folded":
        return []
    lines: list[tuple[tuple[Run, ...], Shade]] = [((Run(count(column.size, "unit")),), colours.INK)]
    if column.summary:
        lines.append(((Run(column.summary),), BLUE))
    if column.signal_summary and column.kind != "input":
        lines.append(((Run(column.signal_summary),), RED))
    return lines


def _formulas(diagram: Diagram, c: int) -> list[tuple[tuple[Run, ...], Shade]]:
    """Return how the numbers of a column come about (Eq. 4 to 12), in the letters of its units."""
    column = diagram.columns[c]
    if column.kind == "input":
        return []
    p, q = diagram.columns[c - 1].index, column.index
    bias = (*symbol("b", q), Run(" + ")) if column.bias is not None else ()
    product = (*symbol("a", p), *symbol(" w", p + q))
    z = (*symbol("z", q), Run(" = "), *bias, *symbol("Σ", p), Run(" "), *product)
    g = (*symbol("g", q), Run("("), *symbol("z", q), Run(")")) if column.activation else symbol("z", q)
    if column.activation and not column.curve:  # each entry depends on others, as in softmax
        g = (Run("g", italic=True), Run("("), Run("z", italic=True), Run(")"), Run(q, low=True, italic=True))
    lines = [(z, BLUE), ((*symbol("a", q), Run(" = "), *g), BLUE)]
    if not diagram.has_signals:
        return lines
    slope = (*symbol("g′", q), Run("("), *symbol("z", q), Run(") ")) if column.activation else ()
    if column.activation and not column.curve:  # units of one layer depend on each other, as in softmax
        back: tuple[Run, ...] = (Run("∂E/∂"), *symbol("z", q))
    elif column.kind == "output":
        back = (*slope, Run("∂E/∂"), *symbol("a", q))
    else:
        r = diagram.columns[c + 1].index
        back = (*slope, *symbol("Σ", r), *symbol(" δ", r), *symbol(" w", q + r))
    lines.append(((*symbol("δ", q), Run(" = "), *back), RED))
    if column.bias is not None:
        lines.append(((Run("∂E/∂"), *symbol("b", q), Run(" = "), *symbol("δ", q)), GREEN))
    return lines


# The legend ---------------------------------------------------------------------------------------------------------

_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def legend(diagram: Diagram, top: float) -> list[Part]:
    """Return what colours, widths and marks mean."""
    ends = {what: (low, high) for what, low, high in diagram.scales}
    parts = []
    for i, (what, words, colour) in enumerate(_meanings(diagram)):
        y = top + 14 + i * LINE
        shapes: list[Shape] = [Text(LEFT + 216, y, (Run(words),), 11, colour, "start")]
        if what in ends:
            low, high = ends[what]
            shapes.append(Text(LEFT + 56, y, (Run(low),), 10, colours.INK, "end"))
            shapes.append(Text(LEFT + 174, y, (Run(high),), 10, colours.INK, "start"))
            shapes += _samples(what, LEFT + 64, y - 4)
        else:
            shapes.append(Text(LEFT + 114, y, (Run(what),), 11, colour))
        parts.append(Part("", ("legend",), tuple(shapes)))
    return parts


def _meanings(diagram: Diagram) -> list[tuple[str, str, Shade]]:
    """Return the lines of the legend: a scale, or else a sample, with its meaning."""
    rows = [("weight", "weight: width and depth of colour by size; grey is positive, orange negative", colours.INK)]
    if "value" in {what for what, *_ in diagram.scales}:
        rows.append(("value", "z and a, fed forward: inside of the circles", BLUE))
    if diagram.has_signals:
        rows.append(("error signal", "error signal δ = ∂E/∂z, flowing back: rim of the circles, arrows", RED))
        rows.append(("0.12", "gradient of a weight or a bias", GREEN))
    units = [unit for column in diagram.columns for unit in column.units]
    if any(unit.flat for unit in units):
        why = ", or ".join(f"{what}: {reason}" for what, reason in WHY.items())
        rows.append((MARKS["saturated"], f"{why}; hardly any error signal gets through", RED))
    if any(unit.silent for unit in units):
        rows.append((MARKS["zero"], "error signal exactly 0", RED))
    return rows


def _samples(what: str, x: float, y: float) -> list[Shape]:
    """Return five samples of a scale."""
    shapes: list[Shape] = []
    for i, step in enumerate(_STEPS):
        at = x + 21 * i
        if what == "weight":
            for negative, shift in ((False, -3.0), (True, 3.5)):
                ends = (at, y + shift), (at + 18, y + shift)
                shapes.append(Line(ends, colours.weight(negative, step), round(0.6 + 4 * step, 2)))
        elif what == "value":
            fill = colours.cell("value", step)
            shapes.append(Area(rectangle(at, y - 5, 18, 10), fill, colours.FRAME, 0.6))
        else:
            width = 1.2 + 4 * step
            shapes.append(Disc(at + 9, y, 4 + width / 2, None, colours.line("error signal", step), round(width, 2)))
    return shapes


def legend_height(diagram: Diagram) -> float:
    """Return how much room the legend needs."""
    return LINE * len(_meanings(diagram)) + 24
