"""Pictures as text: in words, as a flowchart of Mermaid, as a graph of DOT. The same picture gives the same text.

In Mermaid and DOT ids are opaque, and every text is a label in which all that means something to them is written as a code. As
Mermaid refuses more than 500 arrows, larger pictures leave some out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from graphnet.common.text import count, table
from graphnet.draw import colours
from graphnet.draw.picture import STATE_MARKS, Arrow, Box, BoxKind, Bundle, Column, Diagram, Direction, Frame, Picture
from graphnet.draw.shapes import FONT, dot_markup

_MOST_DESCRIBED = 60
_MOST_WEIGHTS = 60  # more weights than this between two layers are told by their size alone


def to_text(picture: Picture | Diagram) -> str:
    """Return a picture as plain text: each box, or a table for each layer, with its numbers and what comes back.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x")
    >>> print(gn.draw(gn.backward(gn.multiply(x, x, name="y"), {x: 3.0})).to_text())
    Backward pass: y = 9
    <BLANKLINE>
    x: input, scalar
      value: 3
      error signal ∂y/∂x: 6
    <BLANKLINE>
    y: multiply(x, x), scalar, output
      value: 9
      error signal ∂y/∂y: 1
      sends back to x: 3
      sends back to x: 3
    <BLANKLINE>
    """
    return _boxes_in_words(picture) if isinstance(picture, Picture) else _units_in_words(picture)


def description_of(picture: Picture | Diagram) -> str:
    """Return a picture in words, of ops in sentences: what a reader who can't see it needs to know."""
    if isinstance(picture, Diagram):
        return _units_in_words(picture)
    arrows = sum(edge.role == "value" for edge in picture.edges)
    sentences = [picture.title, picture.notice, f"{len(picture.boxes)} boxes and {arrows} forward edges"]
    sentences += [", ".join(box.told) for box in picture.boxes[:_MOST_DESCRIBED]]
    more = len(picture.boxes) - _MOST_DESCRIBED
    sentences += [f"and {more} more boxes"] if more > 0 else []
    for entry in picture.legend:
        sentences.append(f"{entry.role}: {entry.text}" + (f", {entry.low} to {entry.high}" if entry.high else ""))
    return "\n".join(f"{sentence}." for sentence in sentences if sentence)


def _comma(*words: str) -> str:
    return ", ".join(filter(None, words))


def _boxes_in_words(picture: Picture) -> str:
    """Return the op view: each box with its numbers, where its inputs come from and what comes back."""
    titles = {box.id: box.title for box in picture.boxes}
    path: dict[str | None, str] = {None: ""}
    for group in picture.groups:  # a parent comes before its children
        path[group.id] = f"{path[group.parent]}{group.title}/"
    sent: dict[str, list[Arrow]] = {}
    for edge in picture.edges:
        if edge.role != "value":
            sent.setdefault(edge.source, []).append(edge)
    lines = [line for line in (picture.title, picture.notice) if line]
    for box in picture.boxes:
        back = [
            f"sends back to {titles[edge.target]}" + (edge.text and f": {edge.text}") for edge in sent.get(box.id, [])
        ]
        words = ", ".join(box.words)
        lines += ["", path[box.group] + box.title + (words and f": {words}")]
        lines += [f"  {line}" for line in [*_inside(box), *back]]
    return "\n".join(lines) + "\n"


def _inside(box: Box) -> Iterator[str]:
    """Yield what is in a box below its name, a matrix of numbers row by row."""
    yield from box.remarks
    for field in box.fields:
        if len(field.rows) <= 1:
            yield field.told
            continue
        wide = max(len(cell.text) for row in field.rows for cell in row)
        yield f"{field.caption}: {', '.join(field.lines)}".rstrip()
        yield from ("  " + " ".join(cell.text.rjust(wide) for cell in row) for row in field.rows)


def _units_in_words(diagram: Diagram) -> str:
    """Return the unit view: a table for each layer, and its weights."""
    bundles = {bundle.target: bundle for bundle in diagram.bundles}
    lines = [line for line in (diagram.title, diagram.sample, diagram.notice) if line]
    for column in diagram.columns:
        lines += ["", *_weights(bundles[column.id])] if column.id in bundles else []
        lines += ["", *_column(column)]
    if error := diagram.error:
        value = " = ".join(filter(None, [error.name, error.call, error.value]))
        lines += ["", "; ".join(filter(None, [f"error: {value}", error.added]))]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> list[str]:
    if column.kind == "folded":
        return [f"... {column.title} not shown ..."]
    names = {"z": "z", "a": "a", "target": "t", "error": "∂E/∂a", "delta": "δ = ∂E/∂z", "bias": "b"}
    names |= {"bias_gradient": "∂E/∂b"}
    rows = [
        {"unit": str(unit.number)}
        | {head: cell.text for name, head in names.items() if (cell := getattr(unit, name))}
        | ({"slope": unit.flat} if unit.flat else {})
        for unit in column.units
    ]
    heads = [head for head in ("unit", *names.values(), "slope") if any(head in row for row in rows)]
    words = [f"{column.title}: {column.name}", column.activation, count(column.size, "unit")]
    lines = [_comma(*words, column.summary, column.signal_summary)]
    if len(heads) > 1:
        lines.append(table(heads, [[row.get(head, "") for head in heads] for row in rows]))
    if column.left_out:
        lines.append(f"... {column.left_out:,} more units between the first and the last ones")
    return lines


def _weights(bundle: Bundle) -> list[str]:
    lines = [_comma("weights " + bundle.summary, bundle.gradient_summary)]
    known = [weight for weight in bundle.weights if weight.weight]
    if not known or len(known) > _MOST_WEIGHTS:
        return lines
    heads = ["from", "to", "w"] + ["∂E/∂w"] * bool(known[0].gradient) + ["δ w"] * bool(known[0].message)
    rows = []
    for weight in known:
        ends = [end.partition("-")[2] for end in (weight.source, weight.target)]
        rows.append([*ends, *(cell.text for cell in (weight.weight, weight.gradient, weight.message) if cell)])
    return [*lines, table(heads, rows)]


# Mermaid ------------------------------------------------------------------------------------------------------------

_PLAIN = frozenset(" ,.()=+-/")  # ASCII that is only text to Mermaid, within quotes
_MOST_EDGES, _MOST_SINGLE = 480, 200

_IN_MERMAID: dict[BoxKind, tuple[str, str]] = {
    "op": ("(", ")"),
    "input": ("[/", "/]"),
    "parameter": ("[[", "]]"),
    "constant": ("[", "]"),
    "literal": ("((", "))"),
    "folded": ("[", "]"),
}


def to_mermaid(picture: Picture | Diagram) -> str:
    """Return a picture as a flowchart."""
    if isinstance(picture, Picture):
        direction, notices, lines = picture.direction, [picture.notice], _flowchart_of_ops(picture)
    else:
        direction, notices, lines = "right", [picture.sample, picture.notice], _flowchart_of_units(picture)
    # The caption is a node without a frame: Mermaid's own titles lose all that looks like HTML.
    caption = f'caption["{mermaid_text(*filter(None, [picture.title, *notices]))}"]'
    kind = f"flowchart {'LR' if direction == 'right' else 'TD'}"
    return "\n".join([kind, caption, "style caption fill:none,stroke:none", *lines]) + "\n"


def _opened(id: str, title: str) -> str:
    return f'subgraph {id}["{mermaid_text(title) or " "}"]'  # Mermaid takes no empty text


def _arrow(source: str, stroke: str, text: str, target: str) -> str:
    return f'{source} {stroke}|"{mermaid_text(text)}"| {target}' if text else f"{source} {stroke} {target}"


def _link_style(places: Iterable[int], ink: str) -> str:
    return f"linkStyle {','.join(map(str, places))} stroke:{ink},color:{ink}"


def _flowchart_of_ops(picture: Picture) -> Iterator[str]:
    """Yield boxes, arrows and their colours; of too many arrows those of messages are left out."""
    edges = [edge for edge in picture.edges if len(picture.edges) <= _MOST_EDGES or edge.role == "value"]
    for part in picture.nested():
        if isinstance(part, Box):
            opened, closed = _IN_MERMAID[part.kind]
            yield f'{part.id}{opened}"{mermaid_text(*part.told)}"{closed}'
        else:
            yield "end" if part is None else _opened(part.id, part.title)
    for edge in edges:
        yield _arrow(edge.source, "-->" if edge.role == "value" else "-.->", edge.text, edge.target)
    looks: dict[str, tuple[str, list[Box]]] = {}
    for kind, shades in [*colours.BOX.items(), ("output", colours.OUTPUT)]:
        boxes = [box for box in picture.boxes if ("output" if box.output else box.kind) == kind]
        looks[kind] = f"fill:{shades[0]},stroke:{shades[1]},color:{colours.INK}", boxes
    looks["fault"] = f"stroke:{colours.FAULT_LINE},stroke-width:4px", [box for box in picture.boxes if box.faulty]
    for name, (look, boxes) in looks.items():
        if boxes:
            yield f"classDef {name} {look}"
            yield f"class {','.join(box.id for box in boxes)} {name}"
    for role, ink in colours.ROLE_INK.items():
        places = [i for i, edge in enumerate(edges) if edge.role == role]
        if places:
            yield _link_style(places, ink)


def _flowchart_of_units(diagram: Diagram) -> Iterator[str]:
    """Yield a circle for each unit, and an arrow for each weight.

    A weight's arrow has its number, and is grey if that is positive, orange if negative. Too many weights between two layers
    are one arrow from layer to layer.
    """
    for column in diagram.columns:
        yield from (_opened(column.id, _comma(column.title, column.name, column.activation)), *_circles(column), "end")
    edges: list[str] = []
    strokes: dict[str, list[int]] = {}
    single = sum(len(bundle.weights) for bundle in diagram.bundles) <= _MOST_SINGLE
    for bundle in diagram.bundles:
        if not single:
            summary = _comma(bundle.summary, bundle.gradient_summary)
            edges.append(_arrow(bundle.source, "-->", summary, bundle.target))
        for weight in bundle.weights if single else ():
            numbers = [weight.weight.text] if weight.weight else []
            numbers += [f"∂ {weight.gradient.text}"] if weight.gradient else []
            strokes.setdefault(colours.weight(weight.negative, 1.0), []).append(len(edges))
            edges.append(_arrow(_id(weight.source), "-->", ", ".join(numbers), _id(weight.target)))
    if error := diagram.error:
        yield f'e["{mermaid_text(*filter(None, (error.equation, error.call, error.added)))}"]'
        edges += [_arrow(_id(unit.id), "-->", "", "e") for unit in diagram.columns[-1].units]
    yield from (*edges, *(_link_style(places, ink) for ink, places in strokes.items()))


def _circles(column: Column) -> Iterator[str]:
    for unit in column.units:
        numbers = [f"{name} {text}" for name, text in unit.numbers.items()]
        numbers += [f"{STATE_MARKS['saturated']} {unit.flat}"] if unit.flat else []
        yield f'{_id(unit.id)}(("{mermaid_text(*(numbers or [str(unit.number)]))}"))'
    left_out = column.size - len(column.units)
    if left_out:
        yield f'{column.id}x["… {left_out:,} more"]'


def _id(id: str) -> str:
    """Return an id without the hyphen, which Mermaid could take for the start of an arrow."""
    return id.replace("-", "_")


def mermaid_text(*lines: str) -> str:
    """Return clean lines for a label of Mermaid: what it, Markdown or HTML could read as more than text becomes a code.

    Examples
    --------
    >>> mermaid_text('<b> "x" & δ')
    '#60;b#62; #34;x#34; #38; δ'
    >>> mermaid_text("a", "b")
    'a<br/>b'
    """

    def code(c: str) -> str:
        return c if c.isalnum() or c in _PLAIN or ord(c) > 127 else f"#{ord(c)};"

    codes = ("".join(map(code, text)) for text in lines)
    return "<br/>".join(codes).replace("direction ", "direction#32;")  # Mermaid finds "direction TB" even within quotes


# DOT ----------------------------------------------------------------------------------------------------------------

_IN_DOT: dict[BoxKind, str] = {
    "op": 'shape="box" style="rounded,filled"',
    "input": 'shape="note" style="filled"',
    "parameter": 'shape="component" style="filled"',
    "constant": 'shape="box" style="filled"',
    "literal": 'shape="circle" style="filled,dashed" margin="0.01" width="0.3"',
    "folded": 'shape="box3d" style="filled" margin="0.15,0.08"',
}
_MARK_WIDTH = 34
_RANKS: dict[Direction, str] = {"right": "LR", "down": "TB"}


def to_dot(picture: Picture) -> str:
    """Return the op view as DOT, for ``dot`` to lay out.

    What boxes hold is text here, without colours and tables; `graphnet.draw.boxes` draws them.
    """
    lines = [
        "digraph graphnet {",
        f'rankdir="{_RANKS[picture.direction]}" bgcolor="{colours.PAPER}" pad="0.2" compound="true" fontname="{FONT}"',
        f'labelloc="t" labeljust="l" label=<{_lines([_font(picture.title, 15, bold=True), _font(picture.notice, 11)])}>',
        f'node [fontname="{FONT}" margin="0.06,0.04" color="{colours.FRAME}"]',
        f'edge [fontname="{FONT}" arrowsize="0.7"]',
        *_nested(picture),
        *_edges(picture),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _nested(picture: Picture) -> Iterator[str]:
    """Yield the boxes, each within its frames."""
    for part in picture.nested():
        if part is None:
            yield "}"
        elif isinstance(part, Frame):
            yield f'subgraph "cluster_{part.id}" {{'
            yield f'style="rounded" color="{colours.FRAME}" labeljust="l" label=<{_font(part.title, 11, colours.QUIET)}>'
        else:
            fill, line = colours.OUTPUT if part.output else colours.BOX[part.kind]
            look = f'{_IN_DOT[part.kind]} fillcolor="{fill}" color="{colours.FAULT_LINE if part.faulty else line}"'
            look += ' peripheries="2"' * part.output + ' penwidth="3"' * part.faulty
            classes = f' class="{part.classes[-1]}"' if part.nodes else ""
            yield f'{part.id} [id="{part.id}"{classes} {look} label=<{_label(part)}>]'


def _edges(picture: Picture) -> Iterator[str]:
    """Yield the arrows; one back is written from the forward source, so that it is laid out beside the arrow forward."""
    for place, edge in enumerate(picture.edges):
        colour, width = colours.line(edge.role, edge.strength), colours.width(edge.role, edge.strength)
        look = f'color="{colour}" penwidth="{width:g}" id="e{place}" class="{edge.role.replace(" ", "-")}"'
        look += f" label=<{_font(edge.text, 8.5, colours.ROLE_INK[edge.role])}>" if edge.text else ""
        if edge.role == "value":
            yield f"{edge.source} -> {edge.target} [{look}]"
        else:
            dashed = ' style="dashed"' if edge.strength is None else ""
            yield f'{edge.target} -> {edge.source} [dir="back" {look}{dashed}]'


def _label(box: Box) -> str:
    """Return the inside of a box: its mark, its name, what it is, and its arrays, line by line."""
    if box.kind == "literal":
        return _font(box.title, 9, colours.QUIET)
    lines = [_font(line, 9, bold=True) for line in textwrap.wrap(box.mark.text, _MARK_WIDTH)] if box.mark else []
    lines.append(_font(box.title, 12, bold=True))
    lines += [_font(line, 9, colours.QUIET) for line in box.words]
    lines += [_font(line, 9, colours.ROLE_INK["error signal"]) for line in box.formulas]
    for field in box.fields:
        ink, mark = colours.ROLE_INK[field.role], f"{STATE_MARKS[field.state]} " if field.state else ""
        lines.append(_font(field.caption if field.lines or field.rows else mark + field.caption, 8.5, ink))
        lines += [_font(" ".join(cell.text for cell in row), 9) for row in field.rows]
        lines += [_font(mark + line, 9, ink, bold=bool(mark)) for line in field.lines]
    return _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "<br/>".join(filter(None, lines))


def _font(text: str, size: float, colour: str = colours.INK, *, bold: bool = False) -> str:
    """Return clean text escaped and set in a size and colour; DOT allows no font around nothing."""
    if not text:
        return ""
    inner = f"<b>{dot_markup(text)}</b>" if bold else dot_markup(text)
    return f'<font point-size="{size:g}" color="{colour}">{inner}</font>'
