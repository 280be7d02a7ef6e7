"""The unit view in words: for terminals, for screen readers, and for the descriptions of SVGs."""

from __future__ import annotations

from graphnet.core.tables import table
from graphnet.draw.text import count
from graphnet.draw.units.diagram import Bundle, Column, Diagram

MOST_WEIGHTS = 60
"""More weights than this between two layers are told by their size alone."""


def to_text(diagram: Diagram) -> str:
    """Return the diagram as plain text: a table for each layer, and its weights."""
    bundles = {bundle.target: bundle for bundle in diagram.bundles}
    lines = [line for line in (diagram.title, diagram.sample, diagram.notice) if line]
    for column in diagram.columns:
        if column.id in bundles:
            lines += ["", *_weights(bundles[column.id])]
        lines += ["", *_column(column)]
    if diagram.error:
        value = f" = {diagram.error.value}" if diagram.error.value else ""
        lines += ["", f"error: {diagram.error.name} = {diagram.error.call}{value}"]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> list[str]:
    if column.kind == "folded":
        return [f"... {column.title} not shown ..."]
    words = [f"{column.title}: {column.name}", column.activation, count(column.size, "unit")]
    names = {"unit": "unit", "z": "z", "a": "a", "target": "t", "error": "∂E/∂a", "delta": "δ = ∂E/∂z"}
    names |= {"bias": "b", "bias_gradient": "∂E/∂b", "flat": "slope"}
    rows: list[dict[str, str]] = []
    for unit in column.units:
        cells = {name: getattr(unit, name) for name in names if name not in ("unit", "flat")}
        numbers = {name: cell.text for name, cell in cells.items() if cell}
        rows.append({"unit": str(unit.number)} | numbers | ({"flat": unit.flat} if unit.flat else {}))
    shown = [name for name in names if any(name in row for row in rows)]
    lines = [", ".join(word for word in [*words, column.summary, column.signal_summary] if word)]
    if len(shown) > 1:
        lines += table([names[name] for name in shown], [[row.get(name, "") for name in shown] for row in rows]).split(
            "\n"
        )
    if len(column.units) < column.size:
        lines.append(f"... {column.size - len(column.units):,} more units between the first and the last ones")
    return lines


def _weights(bundle: Bundle) -> list[str]:
    lines = [", ".join(word for word in ["weights " + bundle.summary, bundle.gradient_summary] if word)]
    known = [weight for weight in bundle.weights if weight.weight]
    if not known or len(known) > MOST_WEIGHTS:
        return lines
    heads = ["from", "to", "w"] + (["∂E/∂w"] if known[0].gradient else []) + (["δ w"] if known[0].message else [])
    rows = []
    for weight in known:
        ends = [end.partition("-")[2] for end in (weight.source, weight.target)]
        cells = [weight.weight, weight.gradient, weight.message]
        rows.append([*ends, *(cell.text for cell in cells if cell)])
    return lines + table(heads, rows).split("\n")
