"""From the neutral description of the unit view to shapes at places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphnet.draw import colours
from graphnet.draw.colours import BLUE, GREEN, RED, Shade
from graphnet.draw.picture import MARKS, Cell
from graphnet.draw.units import frame
from graphnet.draw.units.diagram import Bundle, Column, Diagram, Unit, Weight
from graphnet.draw.units.geometry import back_arrow, between, curve_in, edge_line, half_disc
from graphnet.draw.units.scene import Area, Disc, Line, Part, Point, Run, Scene, Shape, Text, symbol


@dataclass(frozen=True)
class Style:
    """How large things are, in pixels, and whether every number is written."""

    labelled: bool
    r: float
    input_r: float
    column: float
    row: float
    above: float
    below: float


SMALL = Style(labelled=True, r=38, input_r=25, column=340, row=146, above=44, below=36)
LARGE = Style(labelled=False, r=15, input_r=11, column=240, row=38, above=12, below=12)

MOST_LABELLED_UNITS, MOST_LABELLED_COLUMNS, MOST_LABELLED_HEIGHT = 16, 6, 1000
LABEL_AT, LABEL_HEIGHT = 0.62, 29
"""Numbers of a weight stand this far along its line, and need this much room."""

MOST_BACK_ARROWS = 12
"""With more lines between two layers than this, arrows back would only hide them: the rims show the error signals."""


def lay_out(diagram: Diagram) -> Scene:
    """Return the unit view as a scene.

    In a small network every number stands beside what it is of; in a larger one colours and widths show them.
    """
    return _Layout(diagram).scene()


class _Layout:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        rows = _labelled_rows(diagram)
        self.style = SMALL if rows else LARGE
        self.rows = rows or [self.style.row] * len(diagram.columns)
        height = max(self._span(c) for c in range(len(diagram.columns))) + 2 * self.style.r
        self.top = frame.top(diagram)
        self.middle = self.top + self.style.above + height / 2
        self.bottom = self.middle + height / 2 + self.style.below
        self.left = 60 + self.style.input_r
        self.at: dict[str, Point] = {}
        self.radius: dict[str, float] = {}
        self.column_of: dict[str, Column] = {}
        for c, column in enumerate(diagram.columns):
            for place, unit in enumerate(column.units):
                self.at[unit.id] = (
                    self.x(c),
                    self.middle + (self._slot(column, place) * self.rows[c] - self._span(c) / 2),
                )
                self.radius[unit.id] = self.style.input_r if column.kind == "input" else self.style.r
                self.column_of[unit.id] = column

    def x(self, c: int) -> float:
        """Return where a column stands."""
        return self.left + c * self.style.column

    def _slot(self, column: Column, place: int) -> float:
        """Return the place of a unit in its column: an ellipsis takes one, too."""
        return place + (1.0 if place >= (len(column.units) + 1) // 2 and len(column.units) < column.size else 0.0)

    def _span(self, c: int) -> float:
        column = self.diagram.columns[c]
        return self._slot(column, max(0, len(column.units) - 1)) * self.rows[c] if column.units else 0.0

    def scene(self) -> Scene:
        diagram = self.diagram
        lines: list[Part] = []
        labels: list[Part] = []
        for bundle in diagram.bundles:
            for weight in sorted(bundle.weights, key=_strength):  # strong ones on top
                lines += self._line(bundle, weight)
                if self.style.labelled:
                    labels += self._weight_label(bundle, weight)
        units = [part for column in diagram.columns for unit in column.units for part in self._unit(column, unit)]
        gaps = [part for c, column in enumerate(diagram.columns) for part in self._gap(c, column)]
        error, right = self._error()
        heads = frame.heads(diagram, self.x, self.top)
        feet = frame.feet(diagram, self.x, self.bottom, labelled=self.style.labelled)
        legend_top = self.bottom + frame.feet_height(diagram, labelled=self.style.labelled)
        legend = frame.legend(diagram, legend_top)
        width = max([right, *(frame.right_end(part) for part in (*heads, *feet, *legend))]) + 24
        height = legend_top + frame.legend_height(diagram)
        return Scene(width, height, (*lines, *units, *gaps, *labels, *error, *heads, *feet, *legend))

    # Weights --------------------------------------------------------------------------------------------------------

    def _line(self, bundle: Bundle, weight: Weight) -> list[Part]:
        start, end = self.at[weight.source], self.at[weight.target]
        radii = self.radius[weight.source], self.radius[weight.target]
        strength = weight.weight.strength if weight.weight else 0.4
        heaviest = 4.0 if self.style.labelled else max(0.9, min(2.4, 140 / len(bundle.weights)))
        width = 0.5 + heaviest * (strength if strength is not None else 1.0)
        colour = colours.weight(weight.negative, strength)
        line = Line(edge_line(start, radii[0], end, radii[1]), colour, round(width, 2))
        parts = [Part(weight.id, ("weight", f"n{bundle.node}"), (line,), self._weight_tip(weight))]
        source = self.column_of[weight.source]
        few = self.style.labelled and len(bundle.weights) <= MOST_BACK_ARROWS
        if few and weight.message and source.kind != "input":
            shapes = back_arrow(end, radii[1], start, radii[0], RED, _thickness(weight.message), 16)
            tip = f"δ w = {weight.message.text}"
            parts.append(Part(f"{weight.id}m", ("message", "backward", f"n{source.a}"), shapes, tip))
        return parts

    def _weight_tip(self, weight: Weight) -> str:
        if weight.weight is None:
            return ""
        gradient = f", ∂E/∂w = {weight.gradient.text}" if weight.gradient else ""
        return f"w = {weight.weight.text}{gradient}"

    def _weight_label(self, bundle: Bundle, weight: Weight) -> list[Part]:
        x, y = between(self.at[weight.source], self.at[weight.target], LABEL_AT)
        pair = self.column_of[weight.source].index + self.column_of[weight.target].index
        node = f"n{bundle.node}"
        named = symbol("w", pair)
        if weight.weight is None:
            return [_label(f"{weight.id}w", ("label", node), Text(x, y + 4, named, 12, colours.INK))]
        ink = colours.weight(weight.negative, 1.0)
        height = y - 3 if weight.gradient else y + 4
        number = Text(x, height, (*named, Run(f" {weight.weight.text}")), 11, ink, bold=True)
        parts = [_label(f"{weight.id}w", ("label", node), number, weight.updated)]
        if weight.gradient:
            gradient = Text(x, y + 10, (Run(weight.gradient.text),), 11, GREEN)
            parts.append(_label(f"{weight.id}g", ("label", "gradient", node), gradient))
        return parts

    # Units ----------------------------------------------------------------------------------------------------------

    def _unit(self, column: Column, unit: Unit) -> list[Part]:
        x, y = self.at[unit.id]
        r = self.radius[unit.id]
        tip = self._unit_tip(unit)
        parts = [self._ring(column, unit, x, y, r)]
        if column.kind == "input":
            return [*parts, self._input(column, unit, x, y, r, tip)]
        left = half_disc(x, y, r, _fill(unit.z), colours.FRAME, right=False)
        right = half_disc(x, y, r, _fill(unit.a), colours.FRAME, right=True)
        sum_at, sum_size = ((-r * 0.5, -r * 0.3), 16) if self.style.labelled else ((-r * 0.48, 4.5), 12)
        sigma = Text(x + sum_at[0], y + sum_at[1], (Run("Σ"),), sum_size, colours.INK)
        z_shapes: list[Shape] = [left, sigma]
        a_shapes: list[Shape] = [right]
        curve_y = y - r * 0.42 if self.style.labelled else y
        if column.curve:
            box = (0.62 * r, 0.42 * r) if self.style.labelled else (0.55 * r, 0.6 * r)
            a_shapes.append(Line(curve_in(column.curve, x + r * 0.45, curve_y, *box), colours.INK, 1.3))
        if self.style.labelled:
            z_shapes += self._symbol_and_number(x - r * 0.49, y, "z", column.index, unit.z)
            a_shapes += self._symbol_and_number(x + r * 0.49, y, "g", column.index, None)
            if column.activation:
                short_name = column.activation if len(column.activation) <= 8 else f"{column.activation[:7]}…"
                a_shapes.append(Text(x + r * 0.42, y + r * 0.46, (Run(short_name),), 7.5, colours.INK))
        parts.append(Part(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(a_shapes), tip))
        parts.append(Part(f"{unit.id}z", ("z", "forward", f"n{column.product}", f"n{column.z}"), tuple(z_shapes), tip))
        if self.style.labelled:
            parts += self._around(column, unit, x, y, r)
        elif unit.marks:
            text = Text(x + r + 5, y + 3.5, (Run(unit.marks),), 9, RED, "start", bold=True)
            parts.append(_label(f"{unit.id}k", ("label", "backward", f"n{column.z}"), text))
        return parts

    def _ring(self, column: Column, unit: Unit, x: float, y: float, r: float) -> Part:
        """Return the circle's line: red and wide by the size of the error signal."""
        if column.kind == "input" or unit.delta is None:
            ring = Disc(x, y, r, None, colours.BOX_LINE["input" if column.kind == "input" else "op"], 1.2)
            return Part(unit.id, ("ring", f"n{column.a}"), (ring,))
        width = 1.2 + (5.0 if self.style.labelled else 3.5) * _full(unit.delta.strength)
        ring = Disc(x, y, r + width / 2, None, colours.line("error signal", unit.delta.strength), round(width, 2))
        return Part(unit.id, ("ring", "backward", f"n{column.z}"), (ring,))

    def _input(self, column: Column, unit: Unit, x: float, y: float, r: float, tip: str) -> Part:
        shapes: list[Shape] = [Disc(x, y, r, _fill(unit.a), colours.BOX_LINE["input"], 1.0)]
        if self.style.labelled:
            shapes += self._symbol_and_number(x, y, "a", column.index, unit.a)
        return Part(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(shapes), tip)

    def _symbol_and_number(self, x: float, y: float, name: str, index: str, cell: Cell | None) -> list[Shape]:
        letters = Text(x, y + (1 if cell else 4), symbol(name, index), 11, colours.INK)
        if cell is None:
            return [letters]
        size = 10.5 if len(cell.text) <= 6 else 9.0
        return [letters, Text(x, y + 14, (Run(cell.text),), size, colours.INK, bold=True)]

    def _around(self, column: Column, unit: Unit, x: float, y: float, r: float) -> list[Part]:
        """Return the numbers outside of a circle: activation, bias, error signal."""
        q = column.index
        number = (Run(f" {unit.a.text}"),) if unit.a else ()
        out = Text(x + r * 0.8, y - r * 0.8, (*symbol("a", q), *number), 11.5, BLUE, "start", bold=True)
        parts = [_label(f"{unit.id}o", ("label", "forward", f"n{column.a}"), out)]
        if column.bias is not None:
            parts += self._bias(column, unit, x, y, r)
        if unit.delta:
            mark = (Run(f"{MARKS['zero']} "),) if unit.silent else ()
            runs = (*mark, *symbol("δ", q), Run(f" {unit.delta.text}"))
            texts = [Text(x, y + r + 19, runs, 11.5, RED, bold=True)]
            if unit.flat:
                texts.append(Text(x, y + r + 31, (Run(f"{MARKS['saturated']} {unit.flat}"),), 10, RED))
            parts += [
                _label(f"{unit.id}{end}", ("label", "backward", f"n{column.z}"), text)
                for end, text in zip("dk", texts, strict=False)
            ]
        return parts

    def _bias(self, column: Column, unit: Unit, x: float, y: float, r: float) -> list[Part]:
        node = f"n{column.bias}"
        at = x - r * 0.35
        runs = (*symbol("b", column.index), *((Run(f" {unit.bias.text}"),) if unit.bias else ()))
        text = Text(at - 4, y - r - (22 if unit.bias_gradient else 12), runs, 11, colours.INK, "end")
        stem = Line(((at, y - r - 20), (at, y - r * 0.95)), colours.QUIET, 1.0)
        label = _label(f"{unit.id}b", ("label", "bias", node), text, unit.bias_updated)
        parts = [Part("", ("bias", node), (stem,)), label]
        if unit.bias_gradient:
            gradient = Text(at - 4, y - r - 9, (Run(unit.bias_gradient.text),), 11, GREEN, "end")
            parts.append(_label(f"{unit.id}g", ("label", "gradient", node), gradient))
        return parts

    def _unit_tip(self, unit: Unit) -> str:
        cells = {"z": unit.z, "a": unit.a, "δ": unit.delta}
        words = [f"{name} = {cell.text}" for name, cell in cells.items() if cell] + ([unit.flat] if unit.flat else [])
        return f"unit {unit.number}: {', '.join(words)}" if words else ""

    # What is left out, and what comes last --------------------------------------------------------------------------

    def _gap(self, c: int, column: Column) -> list[Part]:
        x = self.x(c)
        if column.kind == "folded":
            return [
                Part(column.id, ("folded",), (Text(x, self.middle + 8, (Run("· · ·"),), 30, colours.QUIET, bold=True),))
            ]
        left_out = column.size - len(column.units)
        if not left_out:
            return []
        place = (len(column.units) + 1) // 2
        y = self.middle + place * self.rows[c] - self._span(c) / 2
        dots = tuple(Disc(x, y + shift, 1.8, colours.QUIET, colours.QUIET, 0.5) for shift in (-7.0, 0.0, 7.0))
        text = Text(x + self.style.r + 6, y + 4, (Run(f"{left_out:,} more"),), 10, colours.QUIET, "start")
        return [Part("", ("ellipsis",), dots), _label(f"{column.id}x", ("ellipsis",), text)]

    def _error(self) -> tuple[list[Part], float]:
        """Return the box of the error with its arrows, and where the picture ends on the right."""
        error, column = self.diagram.error, self.diagram.columns[-1]
        x = self.x(len(self.diagram.columns) - 1)
        if error is None:
            return [], x + self.style.r + (90 if self.style.labelled else 60)
        wide, high = max(84.0, 6.4 * max(len(error.call), len(error.name) + len(error.value) + 4)), 46.0
        away = (
            210 if self.style.labelled else 110 + 0.35 * self._span(len(self.diagram.columns) - 1)
        )  # no arrow across units
        left = x + away
        outline = frame.rectangle(left, self.middle - high / 2, wide, high)
        value = f"{error.name} = {error.value}" if error.value else error.name
        words = (
            Text(left + wide / 2, self.middle - 3, (Run(value),), 13, colours.INK, bold=True),
            Text(left + wide / 2, self.middle + 14, (Run(error.call),), 9.5, colours.QUIET),
        )
        box = Area(outline, colours.OUTPUT[0], colours.OUTPUT[1], 1.5)
        node = f"n{error.node}"
        parts: list[Part] = []
        for unit in column.units:
            parts += self._to_error(column, unit, (left, self.middle), node)
        return [*parts, Part("e", ("error", "forward", node), (box, *words))], left + wide

    def _to_error(self, column: Column, unit: Unit, end: Point, node: str) -> list[Part]:
        x, y = self.at[unit.id]
        r = self.radius[unit.id]
        start, stop = edge_line((x, y), r, end, 4)
        parts = [Part(f"{unit.id}f", ("forward", node), (Line((start, stop), BLUE, 1.2),))]
        back = ("backward", f"n{column.a}")
        if unit.error and len(column.units) <= MOST_BACK_ARROWS:
            shapes = back_arrow(end, 2, (x, y), r, RED, _thickness(unit.error), 12)
            parts.append(Part(f"{unit.id}m", ("message", *back), shapes, f"∂E/∂a = {unit.error.text}"))
        if not self.style.labelled:
            return parts
        if unit.error:
            runs = (Run("∂E/∂"), *symbol("a", column.index), Run(f" {unit.error.text}"))
            parts.append(_label(f"{unit.id}e", ("label", *back), Text(x + r + 20, y + 36, runs, 11, RED, "start")))
        target = self.diagram.error.target if self.diagram.error else None
        if target is not None:
            number = (Run(f" {unit.target.text}"),) if unit.target else ()
            text = Text(x + r + 20, y - 9, (*symbol("t", column.index), *number), 11, colours.QUIET, "start")
            parts.append(_label(f"{unit.id}t", ("label", "forward", f"n{target}"), text))
        return parts


def _labelled_rows(diagram: Diagram) -> list[float] | None:
    """Return the distance between the units of each column so that all labels have room; ``None`` if that is too much."""
    columns = diagram.columns
    if any(column.kind == "folded" or len(column.units) < column.size or not column.index for column in columns):
        return None
    if sum(column.size for column in columns) > MOST_LABELLED_UNITS or len(columns) > MOST_LABELLED_COLUMNS:
        return None
    rows: list[float] = []
    for column in columns:
        needed = SMALL.row if column.kind != "input" else 100.0
        if rows:
            before = len(columns[len(rows) - 1].units)
            fan = (before - 1) * (1 - LABEL_AT) * rows[-1]
            needed = max(needed, (LABEL_HEIGHT + fan) / LABEL_AT)
        rows.append(needed)
    tallest = max(row * (len(column.units) - 1) for row, column in zip(rows, columns, strict=True))
    return rows if tallest <= MOST_LABELLED_HEIGHT else None


def _strength(weight: Weight) -> float:
    return (weight.weight.strength or 0.0) if weight.weight else 0.0


def _fill(cell: Cell | None) -> Shade:
    return colours.PAPER if cell is None else colours.cell("value", cell.strength)


def _full(strength: float | None) -> float:
    """Return a strength; what is not finite is as strong as can be."""
    return 1.0 if strength is None else strength


def _thickness(cell: Cell) -> float:
    return round(0.8 + 2.2 * _full(cell.strength), 2)


def _label(id: str, classes: tuple[str, ...], text: Text, updated: str = "") -> Part:
    """Return a text on a piece of paper, so that lines don't run through it, nor through what its last piece becomes."""
    after = replace(text, runs=(*text.runs[:-1], Run(f" {updated}")))
    width = max(text.width, after.width if updated else 0.0)
    start = text.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * width
    corners = frame.rectangle(start - 1, text.y - text.size * 0.85, width + 2, text.size * 1.1)
    return Part(id, classes, (Area(corners, colours.PAPER, colours.PAPER, 0.0), text), updated=updated)
