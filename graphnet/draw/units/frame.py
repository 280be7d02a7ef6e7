"""What stands around the units: title, heads and feet of the columns, the legend."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from graphnet.draw import colours
from graphnet.draw.colours import BLUE, GREEN, RED, Shade
from graphnet.draw.names import WHY
from graphnet.draw.picture import STATE_MARKS, Diagram
from graphnet.draw.text import count
from graphnet.draw.units.shapes import Area, Disc, Drawn, Element, Line, Span, Text, formula, plain, rectangle

_LEFT, _LINE = 24.0, 18.0
_LONGEST = 90  # letters of a line below the title
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def right_end(part: Element) -> float:
    """Return how far the texts of a part reach to the right."""
    return max((text.x + (1 - text.before) * text.width for text in part.texts), default=0.0)


def top(diagram: Diagram) -> float:
    """Return where the units may begin."""
    return 92.0 + _LINE * len(_told(diagram))


def _told(diagram: Diagram) -> list[str]:
    """Return the lines below the title."""
    return [line for text in (diagram.sample, diagram.notice) for line in textwrap.wrap(text, _LONGEST)]


def heads(diagram: Diagram, x: Callable[[int], float], bottom: float) -> Iterator[Element]:
    """Yield the title lines and what stands above each column."""
    yield Element("", ("title",), (Text(_LEFT, 34, plain(diagram.title), 17, colours.INK, "start", bold=True),))
    for i, line in enumerate(_told(diagram), start=1):
        yield Element("", ("notice",), (Text(_LEFT, 34.0 + i * _LINE, plain(line), 12, colours.QUIET, "start"),))
    for c, column in enumerate(diagram.columns):
        name = f"{column.name}, {column.activation}" if column.activation else column.name
        title = Text(x(c), bottom - 18, plain(column.title), 12.5, colours.INK, bold=True)
        yield Element(column.id, ("head",), (title, *_texts(x(c), bottom - 3, [(plain(name), colours.QUIET)], 10.5)))


def _texts(x: float, y: float, lines: list[tuple[tuple[Span, ...], Shade]], size: float = 11.5) -> list[Text]:
    """Return lines below each other, empty ones left out."""
    return [Text(x, y + i * _LINE, spans, size, ink) for i, (spans, ink) in enumerate(lines) if spans[0].text]


def feet(diagram: Diagram, x: Callable[[int], float], top: float, *, labelled: bool) -> Iterator[Element]:
    """Yield what stands below: the formulas of a small network, the sizes of a large one."""
    place = {column.id: c for c, column in enumerate(diagram.columns)}
    for c in place.values():
        texts = _texts(x(c), top + 16, _foot(diagram, c, labelled=labelled))
        if texts:
            yield Element("", ("foot",), tuple(texts))
    for bundle in diagram.bundles:
        p, q = (diagram.columns[place[end]].index for end in (bundle.source, bundle.target))
        middle = (x(place[bundle.source]) + x(place[bundle.target])) / 2
        shapes = [Text(middle, top + 16, plain(bundle.summary), 10.5, colours.INK)]
        if labelled and diagram.has_signals:
            shapes.append(Text(middle, top + 16 + 2 * _LINE, formula(f"∂E/∂w_{p}{q} = δ_{q}~a_{p}"), 11.5, GREEN))
        elif bundle.gradient_summary:
            shapes.append(Text(middle, top + 16 + 3 * _LINE, plain(bundle.gradient_summary), 10.5, GREEN))
        yield Element("", ("foot", f"n{bundle.node}"), tuple(shapes))


def feet_height(diagram: Diagram, *, labelled: bool) -> float:
    """Return how much room the feet need."""
    lines = [len(_foot(diagram, c, labelled=labelled)) for c in range(len(diagram.columns))]
    return _LINE * max(*lines, 3 if labelled else 4) + 22


def _foot(diagram: Diagram, c: int, *, labelled: bool) -> list[tuple[tuple[Span, ...], Shade]]:
    column = diagram.columns[c]
    if labelled:
        return _formulas(diagram, c)
    if column.kind == "folded":
        return []
    signals = column.signal_summary if column.kind != "input" else ""
    lines = [(count(column.size, "unit"), colours.INK), (column.summary, BLUE), (signals, RED)]
    return [(plain(text), ink) for text, ink in lines if text]


def _formulas(diagram: Diagram, c: int) -> list[tuple[tuple[Span, ...], Shade]]:
    """Return how the numbers of a column come about (Eq. 4 to 12), in the letters of its units."""
    column = diagram.columns[c]
    if column.kind == "input":
        return []
    p, q = diagram.columns[c - 1].index, column.index
    mixed = bool(column.activation) and not column.curve  # each entry depends on others, as in softmax
    bias = f"b_{q} + " if column.bias is not None else ""
    g = formula(f"a_{q} = " + (f"g_{q}(z_{q})" if column.activation else f"z_{q}"))
    if mixed:
        of_all = (Span("g", italic=True), Span("("), Span("z", italic=True), Span(")"), Span(q, low=True, italic=True))
        g = (*formula(f"a_{q} = "), *of_all)
    lines = [(formula(f"z_{q} = {bias}Σ_{p} a_{p}~w_{p}{q}"), BLUE), (g, BLUE)]
    if not diagram.has_signals:
        return lines
    slope = f"g′_{q}(z_{q}) " if column.activation else ""
    if mixed:
        back = f"∂E/∂z_{q}"
    elif column.kind == "output":
        back = f"{slope}∂E/∂a_{q}"
    else:
        r = diagram.columns[c + 1].index
        back = f"{slope}Σ_{r}~δ_{r}~w_{q}{r}"
    lines.append((formula(f"δ_{q} = {back}"), RED))
    return lines + ([(formula(f"∂E/∂b_{q} = δ_{q}"), GREEN)] if column.bias is not None else [])


# The legend ---------------------------------------------------------------------------------------------------------


def legend(diagram: Diagram, top: float) -> Iterator[Element]:
    """Yield what colours, widths and marks mean."""
    ends = {what: (low, high) for what, low, high in diagram.scales}
    for i, (what, words, colour) in enumerate(_meanings(diagram)):
        y = top + 14 + i * _LINE
        shapes: list[Drawn] = [Text(_LEFT + 216, y, plain(words), 11, colour, "start")]
        if what in ends:
            low, high = ends[what]
            shapes.append(Text(_LEFT + 56, y, plain(low), 10, colours.INK, "end"))
            shapes.append(Text(_LEFT + 174, y, plain(high), 10, colours.INK, "start"))
            shapes += _samples(what, _LEFT + 64, y - 4)
        else:
            shapes.append(Text(_LEFT + 114, y, plain(what), 11, colour))
        yield Element("", ("legend",), tuple(shapes))


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
        rows.append((STATE_MARKS["saturated"], f"{why}; hardly any error signal gets through", RED))
    if any(unit.silent for unit in units):
        rows.append((STATE_MARKS["zero"], "error signal exactly 0", RED))
    return rows


def _samples(what: str, x: float, y: float) -> Iterator[Drawn]:
    """Yield five samples of a scale."""
    for i, step in enumerate(_STEPS):
        at = x + 21 * i
        if what == "value":
            yield Area(rectangle(at, y - 5, 18, 10), colours.cell("value", step), colours.FRAME, 0.6)
        elif what == "error signal":
            width = 1.2 + 4 * step
            yield Disc(at + 9, y, 4 + width / 2, None, colours.line("error signal", step), round(width, 2))
        else:
            for negative, shift in ((False, -3.0), (True, 3.5)):
                ends = (at, y + shift), (at + 18, y + shift)
                yield Line(ends, colours.weight(negative, step), round(0.6 + 4 * step, 2))


def legend_height(diagram: Diagram) -> float:
    """Return how much room the legend needs."""
    return _LINE * len(_meanings(diagram)) + 24
