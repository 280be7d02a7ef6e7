"""Both views in words: for terminals, logs and screen readers, and for the descriptions of SVGs."""

from __future__ import annotations

from collections.abc import Iterable

from graphnet.common.text import count, table
from graphnet.draw.picture import Arrow, Box, Bundle, Column, Diagram, Picture

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
    return _ops(picture) if isinstance(picture, Picture) else _units(picture)


def _ops(picture: Picture) -> str:
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
        back = [_colon(f"sends back to {titles[edge.target]}", edge.text) for edge in sent.get(box.id, [])]
        lines += ["", path[box.group] + _colon(box.title, ", ".join(box.words))]
        lines += [f"  {line}" for line in [*_inside(box), *back]]
    return "\n".join(lines) + "\n"


def _colon(*words: str) -> str:
    return ": ".join(filter(None, words))


def _comma(words: Iterable[str]) -> str:
    return ", ".join(filter(None, words))


def _inside(box: Box) -> list[str]:
    lines = [f"{box.mark.kind}: {box.mark.text}"] if box.mark else []
    lines += box.formulas
    for field in box.fields:
        said = ", ".join(field.lines)
        if len(field.rows) <= 1:
            numbers = " ".join(cell.text for row in field.rows for cell in row)
            lines.append(_colon(field.caption, _comma([numbers, said])))
            continue
        wide = max(len(cell.text) for row in field.rows for cell in row)
        lines.append(f"{field.caption}: {said}".rstrip())
        lines += ["  " + " ".join(cell.text.rjust(wide) for cell in row) for row in field.rows]
    return lines


def description_of(picture: Picture | Diagram) -> str:
    """Return a picture in words, of ops in sentences: what a reader who can't see it needs to know."""
    if isinstance(picture, Diagram):
        return _units(picture)
    arrows = sum(edge.role == "value" for edge in picture.edges)
    sentences = [picture.title, picture.notice, f"{len(picture.boxes)} boxes and {arrows} forward edges"]
    for box in picture.boxes[:_MOST_DESCRIBED]:
        arrays = [f"{field.caption} {field.text}" for field in box.fields]
        sentences.append(", ".join([box.title, *box.words, *box.formulas, *arrays]))
    more = len(picture.boxes) - _MOST_DESCRIBED
    sentences += [f"and {more} more boxes"] if more > 0 else []
    for entry in picture.legend:
        sentences.append(f"{entry.role}: {entry.text}" + (f", {entry.low} to {entry.high}" if entry.high else ""))
    return "\n".join(f"{sentence}." for sentence in sentences if sentence)


# The unit view ------------------------------------------------------------------------------------------------------


def _units(diagram: Diagram) -> str:
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
    lines = [_comma([*words, column.summary, column.signal_summary])]
    if len(heads) > 1:
        lines.append(table(heads, [[row.get(head, "") for head in heads] for row in rows]))
    if column.left_out:
        lines.append(f"... {column.left_out:,} more units between the first and the last ones")
    return lines


def _weights(bundle: Bundle) -> list[str]:
    lines = [_comma(["weights " + bundle.summary, bundle.gradient_summary])]
    known = [weight for weight in bundle.weights if weight.weight]
    if not known or len(known) > _MOST_WEIGHTS:
        return lines
    heads = ["from", "to", "w"] + ["∂E/∂w"] * bool(known[0].gradient) + ["δ w"] * bool(known[0].message)
    rows = []
    for weight in known:
        ends = [end.partition("-")[2] for end in (weight.source, weight.target)]
        rows.append([*ends, *(cell.text for cell in (weight.weight, weight.gradient, weight.message) if cell)])
    return [*lines, table(heads, rows)]
