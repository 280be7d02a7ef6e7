"""From the neutral description of the unit view to shapes at places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from graphnet.draw import colours
from graphnet.draw.colours import BLUE, GREEN, RED, Shade
from graphnet.draw.picture import STATE_MARKS, Bundle, Cell, Column, Diagram, ErrorBox, Unit, Weight
from graphnet.draw.units import frame, shapes
from graphnet.draw.units.shapes import Area, Disc, Drawn, Element, Line, Point, Sheet, Text, formula, plain


@dataclass(frozen=True)
class _Style:
    """How large things are, in pixels, and whether every number is written."""

    labelled: bool
    r: float
    input_r: float
    column: float
    row: float
    above: float
    below: float


_SMALL = _Style(labelled=True, r=38, input_r=25, column=340, row=146, above=44, below=36)
_LARGE = _Style(labelled=False, r=15, input_r=11, column=240, row=38, above=12, below=12)

_MOST_LABELLED_UNITS, _MOST_LABELLED_COLUMNS, _MOST_LABELLED_HEIGHT = 16, 6, 1000
_LABEL_AT, _LABEL_HEIGHT = 0.62, 29  # numbers of a weight stand this far along its line, and need this much room

# With more lines between two layers than this, arrows back would only hide them: the rims show the error signals.
_MOST_BACK_ARROWS = 12


def sheet_of(diagram: Diagram) -> Sheet:
    """Return the unit view as shapes at places.

    In a small network every number stands beside what it is of; in a larger one colours and widths show them.
    """
    return _Placing(diagram).sheet()


@dataclass(frozen=True)
class _Circle:
    """Where a unit stands, and its column."""

    x: float
    y: float
    r: float
    column: Column

    @property
    def centre(self) -> Point:
        return self.x, self.y


class _Placing:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        rows = _labelled_rows(diagram)
        self.style = style = _SMALL if rows else _LARGE
        self.rows = rows or [style.row] * len(diagram.columns)
        self.spans = [self._drop(c, max(0, len(column.units) - 1)) for c, column in enumerate(diagram.columns)]
        height = max(self.spans) + 2 * style.r
        self.top = frame.top(diagram)
        self.middle = self.top + style.above + height / 2
        self.bottom = self.middle + height / 2 + style.below
        self.circles = {
            unit.id: _Circle(
                self.x(c),
                self.middle + (self._drop(c, place) - self.spans[c] / 2),
                style.input_r if column.kind == "input" else style.r,
                column,
            )
            for c, column in enumerate(diagram.columns)
            for place, unit in enumerate(column.units)
        }

    def x(self, c: int) -> float:
        """Return where a column stands."""
        return 60 + self.style.input_r + c * self.style.column

    def _drop(self, c: int, place: int) -> float:
        """Return how far below the first unit of its column a unit stands: an ellipsis takes a place, too."""
        column = self.diagram.columns[c]
        below_ellipsis = place >= (len(column.units) + 1) // 2 and len(column.units) < column.size
        return (place + (1.0 if below_ellipsis else 0.0)) * self.rows[c] if column.units else 0.0

    def sheet(self) -> Sheet:
        diagram, labelled = self.diagram, self.style.labelled
        lines: list[Element] = []
        labels: list[Element] = []
        for bundle in diagram.bundles:
            for weight in sorted(bundle.weights, key=_strength):  # strong ones on top
                lines += self._line(bundle, weight)
                labels += self._weight_label(bundle, weight) if labelled else []
        units = [part for column in diagram.columns for unit in column.units for part in self._unit(unit)]
        gaps = [part for c in range(len(diagram.columns)) for part in self._gap(c)]
        room = self.x(len(diagram.columns) - 1) + self.style.r + (90 if labelled else 60)
        error, right = self._error(diagram.error) if diagram.error else ([], room)
        below = self.bottom + frame.feet_height(diagram, labelled=labelled)
        feet = frame.feet(diagram, self.x, self.bottom, labelled=labelled)
        around = [*frame.heads(diagram, self.x, self.top), *feet, *frame.legend(diagram, below)]
        width = max([right, *map(frame.right_end, around)]) + 24
        parts = (*lines, *units, *gaps, *labels, *error, *around)
        return Sheet(width, below + frame.legend_height(diagram), parts)

    # Weights --------------------------------------------------------------------------------------------------------

    def _line(self, bundle: Bundle, weight: Weight) -> Iterator[Element]:
        start, end = self.circles[weight.source], self.circles[weight.target]
        strength = weight.weight.strength if weight.weight else 0.4
        heaviest = 4.0 if self.style.labelled else max(0.9, min(2.4, 140 / len(bundle.weights)))
        width = round(0.5 + heaviest * _full(strength), 2)
        colour = colours.weight(weight.negative, strength)
        line = Line(shapes.edge_line(start.centre, start.r, end.centre, end.r), colour, width)
        gradient = f", ∂E/∂w = {weight.gradient.text}" if weight.gradient else ""
        tip = f"w = {weight.weight.text}{gradient}" if weight.weight else ""
        yield Element(weight.id, ("weight", f"n{bundle.node}"), (line,), tip)
        few = self.style.labelled and len(bundle.weights) <= _MOST_BACK_ARROWS
        if few and weight.message and start.column.kind != "input":
            arrow = shapes.back_arrow(end.centre, end.r, start.centre, start.r, RED, _thickness(weight.message), 16)
            classes = ("message", "backward", f"n{start.column.a}")
            yield Element(f"{weight.id}m", classes, arrow, f"δ w = {weight.message.text}")

    def _weight_label(self, bundle: Bundle, weight: Weight) -> Iterator[Element]:
        start, end = self.circles[weight.source], self.circles[weight.target]
        x, y = shapes.between(start.centre, end.centre, _LABEL_AT)
        w, node = f"w_{start.column.index}{end.column.index}", f"n{bundle.node}"
        if weight.weight is None:
            yield _label(f"{weight.id}w", ("label", node), Text(x, y + 4, formula(w), 12, colours.INK))
            return
        height = y - 3 if weight.gradient else y + 4
        ink = colours.weight(weight.negative, 1.0)
        number = Text(x, height, formula(w + _behind(weight.weight)), 11, ink, bold=True)
        yield _label(f"{weight.id}w", ("label", node), number, weight.updated)
        yield from _gradient(weight.id, node, weight.gradient, x, y + 10)

    # Units ----------------------------------------------------------------------------------------------------------

    def _unit(self, unit: Unit) -> Iterator[Element]:
        circle, labelled = self.circles[unit.id], self.style.labelled
        (x, y), r, column = circle.centre, circle.r, circle.column
        words = [f"{name} = {text}" for name, text in unit.numbers.items()] + ([unit.flat] if unit.flat else [])
        tip = f"unit {unit.number}: {', '.join(words)}" if words else ""
        yield self._ring(unit, circle)
        if column.kind == "input":
            inside: list[Drawn] = [Disc(x, y, r, _fill(unit.a), colours.BOX["input"][1], 1.0)]
            inside += _symbol_and_number(x, y, f"a_{column.index}", unit.a) if labelled else []
            yield Element(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(inside), tip)
            return
        at_x, at_y, size = (-r * 0.5, -r * 0.3, 16) if labelled else (-r * 0.48, 4.5, 12)
        z_shapes: list[Drawn] = [shapes.half_disc(x, y, r, _fill(unit.z), colours.FRAME, right=False)]
        a_shapes: list[Drawn] = [shapes.half_disc(x, y, r, _fill(unit.a), colours.FRAME, right=True)]
        z_shapes.append(Text(x + at_x, y + at_y, plain("Σ"), size, colours.INK))
        if column.curve:
            up, *sides = (r * 0.42, 0.62 * r, 0.42 * r) if labelled else (0, 0.55 * r, 0.6 * r)
            a_shapes.append(
                Line(shapes.curve_in(column.curve, x + r * 0.45, y - up, sides[0], sides[1]), colours.INK, 1.3)
            )
        if labelled:
            z_shapes += _symbol_and_number(x - r * 0.49, y, f"z_{column.index}", unit.z)
            a_shapes += _symbol_and_number(x + r * 0.49, y, f"g_{column.index}", None)
            if column.activation:
                name = column.activation if len(column.activation) <= 8 else f"{column.activation[:7]}…"
                a_shapes.append(Text(x + r * 0.42, y + r * 0.46, plain(name), 7.5, colours.INK))
        yield Element(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(a_shapes), tip)
        yield Element(f"{unit.id}z", ("z", "forward", f"n{column.product}", f"n{column.z}"), tuple(z_shapes), tip)
        if labelled:
            yield from self._around(unit, circle)
        elif unit.marks:
            text = Text(x + r + 5, y + 3.5, plain(unit.marks), 9, RED, "start", bold=True)
            yield _label(f"{unit.id}k", ("label", "backward", f"n{column.z}"), text)

    def _ring(self, unit: Unit, circle: _Circle) -> Element:
        """Return the circle's line: red and wide by the size of the error signal."""
        (x, y), r, column = circle.centre, circle.r, circle.column
        if column.kind == "input" or unit.delta is None:
            ring = Disc(x, y, r, None, colours.BOX["input" if column.kind == "input" else "op"][1], 1.2)
            return Element(unit.id, ("ring", f"n{column.a}"), (ring,))
        width = 1.2 + (5.0 if self.style.labelled else 3.5) * _full(unit.delta.strength)
        ring = Disc(x, y, r + width / 2, None, colours.line("error signal", unit.delta.strength), round(width, 2))
        return Element(unit.id, ("ring", "backward", f"n{column.z}"), (ring,))

    def _around(self, unit: Unit, circle: _Circle) -> Iterator[Element]:
        """Yield the numbers outside of a circle: activation, bias, error signal."""
        (x, y), r, column = circle.centre, circle.r, circle.column
        q = column.index
        out = Text(x + r * 0.8, y - r * 0.8, formula(f"a_{q}{_behind(unit.a)}"), 11.5, BLUE, "start", bold=True)
        yield _label(f"{unit.id}o", ("label", "forward", f"n{column.a}"), out)
        if column.bias is not None:
            yield from self._bias(unit, circle)
        if unit.delta:
            classes = ("label", "backward", f"n{column.z}")
            marked = formula(f"{STATE_MARKS['zero']} " * unit.silent + f"δ_{q} {unit.delta.text}")
            yield _label(f"{unit.id}d", classes, Text(x, y + r + 19, marked, 11.5, RED, bold=True))
            if unit.flat:
                flat = plain(f"{STATE_MARKS['saturated']} {unit.flat}")
                yield _label(f"{unit.id}k", classes, Text(x, y + r + 31, flat, 10, RED))

    def _bias(self, unit: Unit, circle: _Circle) -> Iterator[Element]:
        (x, y), r, column = circle.centre, circle.r, circle.column
        node = f"n{column.bias}"
        at, up = x - r * 0.35, r + (22 if unit.bias_gradient else 12)
        text = Text(at - 4, y - up, formula(f"b_{column.index}{_behind(unit.bias)}"), 11, colours.INK, "end")
        yield Element("", ("bias", node), (Line(((at, y - r - 20), (at, y - r * 0.95)), colours.QUIET, 1.0),))
        yield _label(f"{unit.id}b", ("label", "bias", node), text, unit.bias_updated)
        yield from _gradient(unit.id, node, unit.bias_gradient, at - 4, y - r - 9, "end")

    # What is left out, and what comes last --------------------------------------------------------------------------

    def _gap(self, c: int) -> Iterator[Element]:
        x, column = self.x(c), self.diagram.columns[c]
        if column.kind == "folded":
            dots = Text(x, self.middle + 8, plain("· · ·"), 30, colours.QUIET, bold=True)
            yield Element(column.id, ("folded",), (dots,))
        elif column.left_out:
            y = self.middle + (len(column.units) + 1) // 2 * self.rows[c] - self.spans[c] / 2
            discs = tuple(Disc(x, y + shift, 1.8, colours.QUIET, colours.QUIET, 0.5) for shift in (-7.0, 0.0, 7.0))
            more = Text(x + self.style.r + 6, y + 4, plain(f"{column.left_out:,} more"), 10, colours.QUIET, "start")
            yield Element("", ("ellipsis",), discs)
            yield _label(f"{column.id}x", ("ellipsis",), more)

    def _error(self, error: ErrorBox) -> tuple[list[Element], float]:
        """Return the box of the error with its arrows, and where the picture ends on the right."""
        last = len(self.diagram.columns) - 1
        wide, high = max(84.0, 6.4 * max(len(error.call), len(error.name) + len(error.value) + 4)), 46.0
        away = 210 if self.style.labelled else 110 + 0.35 * self.spans[last]  # no arrow across units
        left, middle = self.x(last) + away, self.middle
        box = Area(shapes.rectangle(left, middle - high / 2, wide, high), colours.OUTPUT[0], colours.OUTPUT[1], 1.5)
        name = Text(left + wide / 2, middle - 3, plain(error.equation), 13, colours.INK, bold=True)
        call = Text(left + wide / 2, middle + 14, plain(error.call), 9.5, colours.QUIET)
        units = self.diagram.columns[last].units
        few = len(units) <= _MOST_BACK_ARROWS
        parts = [part for unit in units for part in self._to_error(error, unit, (left, middle), arrow_back=few)]
        return [*parts, Element("e", ("error", "forward", f"n{error.node}"), (box, name, call))], left + wide

    def _to_error(self, error: ErrorBox, unit: Unit, end: Point, *, arrow_back: bool) -> Iterator[Element]:
        circle = self.circles[unit.id]
        x, y, r, column = circle.x, circle.y, circle.r, circle.column
        line = Line(shapes.edge_line((x, y), r, end, 4), BLUE, 1.2)
        yield Element(f"{unit.id}f", ("forward", f"n{error.node}"), (line,))
        back = ("backward", f"n{column.a}")
        if unit.error and arrow_back:
            arrow = shapes.back_arrow(end, 2, (x, y), r, RED, _thickness(unit.error), 12)
            yield Element(f"{unit.id}m", ("message", *back), arrow, f"∂E/∂a = {unit.error.text}")
        if self.style.labelled and unit.error:
            signal = formula(f"∂E/∂a_{column.index} {unit.error.text}")
            yield _label(f"{unit.id}e", ("label", *back), Text(x + r + 20, y + 36, signal, 11, RED, "start"))
        if self.style.labelled and error.target is not None:
            target = formula(f"t_{column.index}{_behind(unit.target)}")
            text = Text(x + r + 20, y - 9, target, 11, colours.QUIET, "start")
            yield _label(f"{unit.id}t", ("label", "forward", f"n{error.target}"), text)


def _labelled_rows(diagram: Diagram) -> list[float] | None:
    """Return the distance between the units of each column so that all labels have room; ``None`` if that is too much."""
    columns = diagram.columns
    if any(column.kind == "folded" or column.left_out or not column.index for column in columns):
        return None
    if sum(column.size for column in columns) > _MOST_LABELLED_UNITS or len(columns) > _MOST_LABELLED_COLUMNS:
        return None
    rows: list[float] = []
    for column in columns:
        needed = _SMALL.row if column.kind != "input" else 100.0
        if rows:
            fan = (len(columns[len(rows) - 1].units) - 1) * (1 - _LABEL_AT) * rows[-1]
            needed = max(needed, (_LABEL_HEIGHT + fan) / _LABEL_AT)
        rows.append(needed)
    tallest = max(row * (len(column.units) - 1) for row, column in zip(rows, columns, strict=True))
    return rows if tallest <= _MOST_LABELLED_HEIGHT else None


def _symbol_and_number(x: float, y: float, symbol: str, cell: Cell | None) -> list[Drawn]:
    letters = Text(x, y + (1 if cell else 4), formula(symbol), 11, colours.INK)
    if cell is None:
        return [letters]
    return [letters, Text(x, y + 14, plain(cell.text), 10.5 if len(cell.text) <= 6 else 9.0, colours.INK, bold=True)]


def _gradient(id: str, node: str, cell: Cell | None, x: float, y: float, anchor: Any = "middle") -> Iterator[Element]:
    if cell:
        yield _label(f"{id}g", ("label", "gradient", node), Text(x, y, plain(cell.text), 11, GREEN, anchor))


def _behind(cell: Cell | None) -> str:
    return f" {cell.text}" if cell else ""


def _strength(weight: Weight) -> float:
    return (weight.weight.strength or 0.0) if weight.weight else 0.0


def _fill(cell: Cell | None) -> Shade:
    return colours.PAPER if cell is None else colours.cell("value", cell.strength)


def _full(strength: float | None) -> float:
    """Return a strength; what is not finite is as strong as can be."""
    return 1.0 if strength is None else strength


def _thickness(cell: Cell) -> float:
    return round(0.8 + 2.2 * _full(cell.strength), 2)


def _label(id: str, classes: tuple[str, ...], text: Text, updated: str = "") -> Element:
    """Return a text on a piece of paper, so that lines don't run through it, nor through what its last piece becomes."""
    after = replace(text, spans=(*text.spans[:-1], *plain(f" {updated}")))
    width = max(text.width, after.width if updated else 0.0)
    start = text.x - text.before * width
    corners = shapes.rectangle(start - 1, text.y - text.size * 0.85, width + 2, text.size * 1.1)
    return Element(id, classes, (Area(corners, colours.PAPER, colours.PAPER, 0.0), text), updated=updated)
