"""From the neutral description of the unit view to shapes at places: circles and lines, and what stands around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, product, starmap
from itertools import count as counting
from typing import Any, NamedTuple, TypeAlias

from graphnet.common.text import count
from graphnet.draw import colours, shapes
from graphnet.draw.blocks import Block, Meaning, in_line, sheet_of, swatch
from graphnet.draw.colours import BLUE, GREEN, RED, Shade
from graphnet.draw.names import WHY
from graphnet.draw.picture import STATE_MARKS, Bundle, Cell, Column, Diagram, ErrorBox, Point, Unit, Weight
from graphnet.draw.shapes import Disc, Drawn, Element, Sheet, Span, Stroke, Text, formula, plain

Line: TypeAlias = tuple[tuple[Span, ...], Shade]
"""A line of text, and its colour."""

_Labels: TypeAlias = dict[tuple[str, str], float]


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
    text: float
    line: float


_SMALL = _Style(labelled=True, r=42, input_r=29, column=276, row=160, above=42, below=38, text=12, line=18)
_LARGE = _Style(labelled=False, r=15, input_r=11, column=320, row=38, above=16, below=16, text=17, line=24)

_MOST_LABELLED_UNITS, _MOST_LABELLED_COLUMNS, _MOST_LABELLED_HEIGHT, _MOST_LABELS = 16, 6, 1000, 18

# Numbers of a weight stand this far along its line: beside each other where there are many, and the columns further apart.
_LABELS_AT, _LABELS_BESIDE, _BESIDE, _LABEL_HEIGHT = (0.62,), (0.7, 0.41), 24.0, 31.0
_LONGEST = 8  # letters of a number
_STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)

# With more lines between two layers than this, arrows back would only hide them: the rims show the error signals.
_MOST_BACK_ARROWS = 12


def sheet_of_units(diagram: Diagram) -> Sheet:
    """Return the unit view as shapes at places.

    In a small network every number stands beside what it is of; in a larger one colours and widths show them.
    """
    return _Placing(diagram).sheet()


class _Circle(NamedTuple):
    """Where a unit stands, and its column."""

    x: float
    y: float
    r: float
    column: Column

    @property
    def rim(self) -> shapes.Circle:
        return self[:3]


class _Placing:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram, self.columns = diagram, diagram.columns
        labelled = _labelled_rows(diagram)
        self.style = style = _SMALL if labelled else _LARGE
        self.rows, gaps = labelled or ([style.row] * len(self.columns), [])
        self.labels = dict(chain.from_iterable(gap.items() for gap in gaps))
        self.xs = [40 + style.input_r + c * style.column for c in range(len(self.columns))]
        for c, gap in enumerate(gaps, start=1):
            if _LABELS_BESIDE[0] in gap.values():
                self.xs[c:] = [x + _BESIDE for x in self.xs[c:]]
        self.spans = [self._drop(c, max(0, len(column.units) - 1)) for c, column in enumerate(self.columns)]
        height = max(self.spans) + 2 * style.r
        self.middle = 2 * style.text + 9 + style.above + height / 2
        self.bottom = self.middle + height / 2 + style.below
        self.circles: dict[str, _Circle] = {}
        for c, column in enumerate(self.columns):
            r = style.input_r if column.kind == "input" else style.r
            for place, unit in enumerate(column.units):
                y = self.middle + (self._drop(c, place) - self.spans[c] / 2)
                self.circles[unit.id] = _Circle(self.xs[c], y, r, column)

    def _drop(self, c: int, place: int) -> float:
        """Return how far below the first unit of its column a unit stands: an ellipsis takes a place, too."""
        column = self.columns[c]
        below_ellipsis = place >= (len(column.units) + 1) // 2 and len(column.units) < column.size
        return (place + (1.0 if below_ellipsis else 0.0)) * self.rows[c] if column.units else 0.0

    def sheet(self) -> Sheet:
        bundles = self.diagram.bundles
        # Strong ones on top.
        weights = [(bundle, weight) for bundle in bundles for weight in sorted(bundle.weights, key=_strength)]
        right = self.xs[-1] + self.style.r + (90 if self.style.labelled else 60)
        error, right = self._error(self.diagram.error) if self.diagram.error else ([], right)
        parts = [
            *chain.from_iterable(starmap(self._line, weights)),
            *error,
            *(part for column in self.columns for unit in column.units for part in self._unit(unit)),
            *(part for c in range(len(self.columns)) for part in self._gap(c)),
        ]
        if self.style.labelled:
            parts += chain.from_iterable(starmap(self._weight_label, weights))
        feet = [self._foot(c) for c in range(len(self.columns))]
        height = self.bottom + self.style.line * max(*map(len, feet), 3 if self.style.labelled else 4)
        around = [*self._heads(), *self._feet(feet)]
        ends = [text.x + (1 - text.before) * text.width for part in around for text in part.texts]
        size = max([right, *ends]), height
        parts = sorted([*parts, *around], key=lambda part: "label" in part.classes)  # no circle over a label
        notices = [self.diagram.sample, self.diagram.notice]
        return sheet_of(parts, size, self.diagram.title, notices, list(_meanings(self.diagram)))

    # Weights --------------------------------------------------------------------------------------------------------

    def _line(self, bundle: Bundle, weight: Weight) -> Iterator[Element]:
        start, end = self.circles[weight.source], self.circles[weight.target]
        strength = weight.weight.strength if weight.weight else 0.4
        heaviest = 4.0 if self.style.labelled else max(0.9, min(2.4, 140 / len(bundle.weights)))
        width = round(0.5 + heaviest * _full(strength), 2)
        ends, colour = shapes.edge_line(start.rim, end.rim), colours.weight(weight.negative, strength)
        line = Stroke(ends, colour, width, dashed=weight.negative)
        gradient = f", ∂E/∂w = {weight.gradient.text}" if weight.gradient else ""
        tip = f"w = {weight.weight.text}{gradient}" if weight.weight else ""
        yield Element(weight.id, ("weight", f"n{bundle.node}"), (line,), tip)
        few = self.style.labelled and len(bundle.weights) <= _MOST_BACK_ARROWS
        if few and weight.message and start.column.kind != "input":
            yield _message(f"{weight.id}m", start.column, end.rim, start.rim, "δ w", weight.message, 16)

    def _weight_label(self, bundle: Bundle, weight: Weight) -> Iterator[Element]:
        start, end = self.circles[weight.source], self.circles[weight.target]
        x, y = shapes.between(start[:2], end[:2], self.labels[weight.source, weight.target])
        w, node = f"w_{start.column.index}{end.column.index}", f"n{bundle.node}"
        number = Text(x, y + 4, formula(w), 12, colours.INK)
        if weight.weight:
            height, ink = y - 3 if weight.gradient else y + 4, colours.weight(weight.negative, 1.0)
            number = Text(x, height, formula(w + _behind(weight.weight)), 12, ink, bold=True)
        yield _label(f"{weight.id}w", ("label", node), number, weight.updated)
        yield from _gradient(weight.id, node, weight.gradient, x, y + 10)

    # Units ----------------------------------------------------------------------------------------------------------

    def _unit(self, unit: Unit) -> Iterator[Element]:
        (x, y, r, column), labelled = self.circles[unit.id], self.style.labelled
        words = [f"{name} = {text}" for name, text in unit.numbers.items()] + ([unit.flat] if unit.flat else [])
        tip = f"unit {unit.number}: {', '.join(words)}" if words else ""
        yield self._ring(unit)
        if column.kind == "input":
            inside: list[Drawn] = [Disc(x, y, r, colours.BOX["input"][1], 1.0, _fill(unit.a))]
            inside += _symbol_and_number(x, y, f"a_{column.index}", unit.a) if labelled else []
            yield Element(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(inside), tip)
            return
        at_x, at_y, size = (-r * 0.5, -r * 0.3, 16) if labelled else (-r * 0.48, 4.5, 12)
        z_shapes: list[Drawn] = [shapes.half_disc(x, y, r, _fill(unit.z), right=False)]
        a_shapes: list[Drawn] = [shapes.half_disc(x, y, r, _fill(unit.a), right=True)]
        z_shapes.append(Text(x + at_x, y + at_y, plain("Σ"), size, colours.INK))
        if column.curve:
            up, wide, high = (r * 0.42, 0.62 * r, 0.42 * r) if labelled else (0, 0.55 * r, 0.6 * r)
            a_shapes.append(Stroke(shapes.curve_in(column.curve, x + r * 0.45, y - up, wide, high), colours.INK, 1.3))
        if labelled:
            z_shapes += _symbol_and_number(x - r * 0.49, y, f"z_{column.index}", unit.z)
            a_shapes += _symbol_and_number(x + r * 0.49, y, f"g_{column.index}", None)
        yield Element(f"{unit.id}a", ("a", "forward", f"n{column.a}"), tuple(a_shapes), tip)
        yield Element(f"{unit.id}z", ("z", "forward", f"n{column.product}", f"n{column.z}"), tuple(z_shapes), tip)
        if labelled:
            yield from self._around(unit)
        elif unit.marks:
            text = Text(x + r + 5, y + 4, plain(unit.marks), 12, RED, "start", bold=True)
            yield _label(f"{unit.id}k", ("label", "backward", f"n{column.z}"), text)

    def _ring(self, unit: Unit) -> Element:
        """Return the circle's line: red and wide by the size of the error signal."""
        x, y, r, column = self.circles[unit.id]
        if column.kind == "input" or unit.delta is None:
            ring = Disc(x, y, r, colours.BOX["input" if column.kind == "input" else "op"][1], 1.2)
            return Element(unit.id, ("ring", f"n{column.a}"), (ring,))
        width = 1.2 + (5.0 if self.style.labelled else 3.5) * _full(unit.delta.strength)
        ring = Disc(x, y, r + width / 2, colours.line("error signal", unit.delta.strength), round(width, 2))
        return Element(unit.id, ("ring", "backward", f"n{column.z}"), (ring,))

    def _around(self, unit: Unit) -> Iterator[Element]:
        """Yield the numbers outside of a circle: activation, bias, error signal."""
        x, y, r, column = self.circles[unit.id]
        q = column.index
        out = Text(x + r * 0.8, y - r * 0.8, formula(f"a_{q}{_behind(unit.a)}"), 12, BLUE, "start", bold=True)
        yield _label(f"{unit.id}o", ("label", "forward", f"n{column.a}"), out)
        if column.bias is not None:
            node, at, up = f"n{column.bias}", x - r * 0.35, r + (23 if unit.bias_gradient else 12)
            bias = Text(at + 4, y - up, formula(f"b_{q}{_behind(unit.bias)}"), 12, colours.INK, "start")
            yield Element("", ("bias", node), (Stroke(((at, y - r - 20), (at, y - r * 0.95)), colours.QUIET, 1.0),))
            yield _label(f"{unit.id}b", ("label", "bias", node), bias, unit.bias_updated)
            yield from _gradient(unit.id, node, unit.bias_gradient, at + 4, y - r - 9, "start")
        if unit.delta:
            classes = ("label", "backward", f"n{column.z}")
            marked = formula(f"{STATE_MARKS['zero']} " * unit.silent + f"δ_{q} {unit.delta.text}")
            yield _label(f"{unit.id}d", classes, Text(x, y + r + 19, marked, 12, RED, bold=True))
            if unit.flat:
                flat = plain(f"{STATE_MARKS['saturated']} {unit.flat}")
                yield _label(f"{unit.id}k", classes, Text(x, y + r + 32, flat, 12, RED))

    # What is left out, and what comes last --------------------------------------------------------------------------

    def _gap(self, c: int) -> Iterator[Element]:
        x, column = self.xs[c], self.columns[c]
        if column.kind == "folded":
            dots = Text(x, self.middle + 8, plain("· · ·"), 30, colours.QUIET, bold=True)
            yield Element(column.id, ("folded",), (dots,))
        elif column.left_out:
            y = self.middle + (len(column.units) + 1) // 2 * self.rows[c] - self.spans[c] / 2
            discs = tuple(Disc(x, y + shift, 1.8, colours.QUIET, 0.5, colours.QUIET) for shift in (-7.0, 0.0, 7.0))
            words = plain(f"{column.left_out:,} more")
            more = Text(x + self.style.r + 6, y + 4, words, self.style.text, colours.QUIET, "start")
            yield Element("", ("ellipsis",), discs)
            yield _label(f"{column.id}x", ("ellipsis",), more)

    def _error(self, error: ErrorBox) -> tuple[list[Element], float]:
        """Return the box of the error with its arrows, and where the picture ends on the right."""
        size, line = self.style.text, self.style.line
        told = [(error.equation, size + 1, colours.INK)]
        told += [(words, size, colours.QUIET) for words in (error.call, error.added) if words]
        texts = [
            Text(0.0, size + 8 + (line - 1) * i, plain(words), letters, ink, bold=not i, fitted=True)
            for i, (words, letters, ink) in enumerate(told)
        ]
        # On a page its number may become longer.
        most = max(len(error.call), len(error.added), len(error.name) + (_LONGEST + 4 if error.value else 0))
        wide = max(84.0, 0.58 * size * most, *(text.width + 16 for text in texts))
        high = 2.5 * line + 1 + 20 * bool(error.added)
        away = 168 if self.style.labelled else 110 + 0.35 * self.spans[-1]  # no arrow across units
        left, middle = self.xs[-1] + away, self.middle
        fill, rim = colours.OUTPUT
        box = Stroke(shapes.rectangle(-wide / 2, 0.0, wide, high), rim, 1.5, fill)
        drawn = Element("e", ("error", "forward", f"n{error.node}"), (box, *texts))
        parts = [part for unit in self.columns[-1].units for part in self._to_error(error, unit, (left, middle))]
        return [*parts, drawn.moved(left + wide / 2, middle - high / 2)], left + wide

    def _to_error(self, error: ErrorBox, unit: Unit, end: Point) -> Iterator[Element]:
        circle = self.circles[unit.id]
        x, y, r, column = circle
        line = Stroke(shapes.edge_line(circle.rim, (*end, 4)), BLUE, 1.2)
        yield Element(f"{unit.id}f", ("forward", f"n{error.node}"), (line,))
        if unit.error and len(column.units) <= _MOST_BACK_ARROWS:
            yield _message(f"{unit.id}m", column, (*end, 2), circle.rim, "∂E/∂a", unit.error, 12)
        if self.style.labelled and unit.error:
            signal = formula(f"∂E/∂a_{column.index} {unit.error.text}")
            text = Text(x + r + 20, y + 36, signal, 12, RED, "start")
            yield _label(f"{unit.id}e", ("label", "backward", f"n{column.a}"), text)
        if self.style.labelled and error.target is not None:
            target = formula(f"t_{column.index}{_behind(unit.target)}")
            text = Text(x + r + 20, y - 9, target, 12, colours.QUIET, "start")
            yield _label(f"{unit.id}t", ("label", "forward", f"n{error.target}"), text)

    # Around the units -----------------------------------------------------------------------------------------------

    def _heads(self) -> Iterator[Element]:
        """Yield what stands above each column."""
        for c, column in enumerate(self.columns):
            name = f"{column.name}, {column.activation}" if column.activation else column.name
            size = self.style.text
            title = Text(self.xs[c], size + 2, plain(column.title), size + 0.5, colours.INK, bold=True)
            below = [Text(self.xs[c], 2 * size + 6, plain(name), size, colours.QUIET)] if name else []
            yield Element(column.id, ("head",), (title, *below))

    def _feet(self, feet: list[list[Line]]) -> Iterator[Element]:
        """Yield what stands below: the formulas of a small network, the sizes of a large one."""
        place = {column.id: c for c, column in enumerate(self.columns)}
        told: list[tuple[tuple[str, ...], float, list[Line]]] = [((), self.xs[c], of) for c, of in enumerate(feet)]
        for bundle in self.diagram.bundles:
            ends = place[bundle.source], place[bundle.target]
            p, q = (self.columns[c].index for c in ends)
            lines: list[Line] = [(plain(bundle.name), colours.INK), (plain(bundle.shape), colours.INK)]
            if self.style.labelled and self.diagram.has_signals:
                lines.append((formula(f"∂E/∂w_{p}{q} = δ_{q}~a_{p}"), GREEN))
            elif bundle.gradient_summary:
                lines += [((), GREEN), (plain(bundle.gradient_summary), GREEN)]
            told.append(((f"n{bundle.node}",), sum(self.xs[c] for c in ends) / 2, lines))
        y = self.bottom + self.style.text + 4
        for node, x, lines in told:
            below = [(y + i * self.style.line, spans, ink) for i, (spans, ink) in enumerate(lines) if spans]
            texts = tuple(Text(x, height, spans, self.style.text, ink) for height, spans, ink in below)
            if texts:
                yield Element("", ("foot", *node), texts)

    def _foot(self, c: int) -> list[Line]:
        column = self.columns[c]
        if self.style.labelled:
            return self._formulas(c)
        if column.kind == "folded":
            return []
        signals = column.signal_summary if column.kind != "input" else ""
        lines = [(count(column.size, "unit"), colours.INK), (column.summary, BLUE), (signals, RED)]
        return [(plain(text), ink) for text, ink in lines if text]

    def _formulas(self, c: int) -> list[Line]:
        """Return how the numbers of a column come about (Eq. 4 to 12), in the letters of its units."""
        column = self.columns[c]
        if column.kind == "input":
            return []
        p, q = self.columns[c - 1].index, column.index
        mixed = bool(column.activation) and not column.curve  # each entry depends on others, as in softmax
        bias = f"b_{q} + " if column.bias is not None else ""
        g = formula(f"a_{q} = " + (f"g_{q}(z_{q})" if column.activation else f"z_{q}"))
        if mixed:
            vector = Span("g", italic=True), Span("("), Span("z", italic=True), Span(")")
            g = (*formula(f"a_{q} = "), *vector, Span(q, low=True, italic=True))
        lines = [(formula(f"z_{q} = {bias}Σ_{p} a_{p}~w_{p}{q}"), BLUE), (g, BLUE)]
        if not self.diagram.has_signals:
            return lines
        slope = f"g′_{q}(z_{q}) " if column.activation else ""
        if mixed:
            back = f"∂E/∂z_{q}"
        elif column.kind == "output":
            back = f"{slope}∂E/∂a_{q}"
        else:
            r = self.columns[c + 1].index
            back = f"{slope}Σ_{r}~δ_{r}~w_{q}{r}"
        lines.append((formula(f"δ_{q} = {back}"), RED))
        return lines + ([(formula(f"∂E/∂b_{q} = δ_{q}"), GREEN)] if column.bias is not None else [])


def _labelled_rows(diagram: Diagram) -> tuple[list[float], list[_Labels]] | None:
    """Return how far apart the units of each column are so that all labels have room, and where these stand on the lines.

    ``None`` if that is too much.
    """
    columns = diagram.columns
    abridged = any(column.kind == "folded" or column.left_out or not column.index for column in columns)
    units = sum(column.size for column in columns)
    most = max(before.size * column.size for before, column in pairwise(columns))
    if abridged or units > _MOST_LABELLED_UNITS or len(columns) > _MOST_LABELLED_COLUMNS or most > _MOST_LABELS:
        return None
    rows, places = [100.0], []  # the inputs are closer
    for before, column in pairwise(columns):
        heights = _heights(before, rows[-1])
        tried = ((row, slots) for row in counting(_SMALL.row, 10.0) for slots in (_LABELS_AT, _LABELS_BESIDE))
        row, found = next(
            (row, found)
            for row, slots in tried
            if (found := _labels(heights, _heights(column, row), slots)) is not None
        )
        rows.append(row)
        places.append(found)
    tallest = max(row * (len(column.units) - 1) for row, column in zip(rows, columns, strict=True))
    return (rows, places) if tallest <= _MOST_LABELLED_HEIGHT else None


def _heights(column: Column, row: float) -> dict[str, float]:
    """Return how far below the middle each unit of a column stands."""
    return {unit.id: (i - (len(column.units) - 1) / 2) * row for i, unit in enumerate(column.units)}


def _labels(starts: Mapping[str, float], ends: Mapping[str, float], slots: Sequence[float]) -> _Labels | None:
    """Return where along each line between units its numbers stand so that none cover others; ``None`` if they have no room."""
    found: _Labels = {}
    taken: dict[float, list[float]] = {at: [] for at in slots}
    for (source, y), (target, other) in product(starts.items(), ends.items()):
        heights = {at: y + at * (other - y) for at in slots}
        free = [at for at in slots if all(abs(heights[at] - near) >= _LABEL_HEIGHT for near in taken[at])]
        if not free:
            return None
        found[source, target] = free[0]
        taken[free[0]].append(heights[free[0]])
    return found


def _meanings(diagram: Diagram) -> Iterator[Meaning]:
    """Yield the lines of the legend."""
    told = {
        "weight": (
            "weight: width and depth of colour by size; grey is positive, orange and dashed negative",
            colours.INK,
        ),
        "value": ("z and a, fed forward: inside of the circles", BLUE),
        "error signal": ("error signal δ = ∂E/∂z, flowing back: rim of the circles, arrows", RED),
    }
    for what, low, high in diagram.scales:
        samples = in_line([_sample(what, step) for step in _STEPS], 3)
        yield Meaning("", *told[what], low, samples, high)
    if diagram.has_signals:
        yield Meaning("0.1", "gradient of a weight or a bias", GREEN)
    units = [unit for column in diagram.columns for unit in column.units]
    if any(unit.flat for unit in units):
        why = ", or ".join(f"{what}: {reason}" for what, reason in WHY.items())
        yield Meaning(STATE_MARKS["saturated"], f"{why}; hardly any error signal gets through", RED)
    if any(unit.silent for unit in units):
        yield Meaning(STATE_MARKS["zero"], "error signal exactly 0", RED)


def _sample(what: str, step: float) -> Block:
    """Return what shows a strength on a scale."""
    if what == "value":
        return swatch("value", step, 18, 14)
    if what == "error signal":
        width = 1.2 + 4 * abs(step)
        ring = Disc(9, 8, 4 + width / 2, colours.line("error signal", step), round(width, 2))
        return Block(18, 16, (ring,))
    line = Stroke(((0, 8), (18, 8)), colours.weight(step < 0, step), round(0.6 + 4 * abs(step), 2), dashed=step < 0)
    return Block(18, 16, (line,))


def _symbol_and_number(x: float, y: float, symbol: str, cell: Cell | None) -> list[Drawn]:
    letters = Text(x, y + (1 if cell else 4), formula(symbol), 12, colours.INK)
    if cell is None:
        return [letters]
    size = 12 if len(cell.text) <= 6 else 10.5
    return [letters, Text(x, y + 14, plain(cell.text), size, colours.INK, bold=True, fitted=True)]


def _gradient(id: str, node: str, cell: Cell | None, x: float, y: float, anchor: Any = "middle") -> Iterator[Element]:
    if cell:
        yield _label(f"{id}g", ("label", "gradient", node), Text(x, y, plain(cell.text), 12, GREEN, anchor))


def _behind(cell: Cell | None) -> str:
    return f" {cell.text}" if cell else ""


def _strength(weight: Weight) -> float:
    return abs(weight.weight.strength or 0.0) if weight.weight else 0.0


def _fill(cell: Cell | None) -> Shade:
    return colours.PAPER if cell is None else colours.cell("value", cell.strength)


def _full(strength: float | None) -> float:
    """Return a strength without its sign; what is not finite is as strong as can be."""
    return 1.0 if strength is None else abs(strength)


def _message(
    id: str, to: Column, start: shapes.Circle, end: shapes.Circle, what: str, cell: Cell, bend: float
) -> Element:
    """Return the arrow of a message to a column: its colour tells the sign, its width the size."""
    colour = colours.line("error signal", -1.0 if (cell.strength or 0.0) < 0 else 1.0)
    arrow = shapes.back_arrow(start, end, colour, round(0.8 + 2.2 * _full(cell.strength), 2), bend)
    return Element(id, ("message", "backward", f"n{to.a}"), arrow, f"{what} = {cell.text}")


def _label(id: str, classes: tuple[str, ...], text: Text, updated: str = "") -> Element:
    """Return a text on a piece of paper, so that lines don't run through it, nor through what its last piece becomes."""
    after = replace(text, spans=(*text.spans[:-1], *plain(f" {updated}")))
    return Element(id, classes, shapes.on_paper(text, after.width if updated else 0.0), updated=updated)
