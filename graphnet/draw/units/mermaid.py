"""The Mermaid writer of the unit view."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.mermaid import caption
from graphnet.draw.picture import MARKS
from graphnet.draw.text import mermaid_text
from graphnet.draw.units.diagram import Column, Diagram, Unit

MOST_WEIGHTS = 200


def to_mermaid(diagram: Diagram) -> str:
    """Return the diagram as a Mermaid flowchart: a circle for each unit, an arrow for each weight.

    A weight's arrow has its number, and is grey if that is positive, orange if negative. As Mermaid refuses more than 500
    arrows, the weights of larger networks are one arrow from layer to layer. The same diagram gives the same text.
    """
    lines = ["flowchart LR", *caption(diagram.title, diagram.sample, diagram.notice)]
    for column in diagram.columns:
        lines += _column(column)
    edges: list[str] = []
    strokes: dict[str, list[int]] = {}
    single = sum(len(bundle.weights) for bundle in diagram.bundles) <= MOST_WEIGHTS
    for bundle in diagram.bundles:
        if not single:
            summary = ", ".join(filter(None, [bundle.summary, bundle.gradient_summary]))
            edges.append(f'{bundle.source} -->|"{mermaid_text(summary)}"| {bundle.target}')
            continue
        for weight in bundle.weights:
            words = [weight.weight.text] if weight.weight else []
            words += [f"∂ {weight.gradient.text}"] if weight.gradient else []
            label = f'|"{mermaid_text(", ".join(words))}"|' if words else ""
            strokes.setdefault(colours.weight(weight.negative, 1.0), []).append(len(edges))
            edges.append(f"{_id(weight.source)} -->{label} {_id(weight.target)}")
    if diagram.error:
        value = f" = {diagram.error.value}" if diagram.error.value else ""
        words = [f"{diagram.error.name}{value}", diagram.error.call]
        lines.append(f'e["{"<br/>".join(map(mermaid_text, words))}"]')
        edges += [f"{_id(unit.id)} --> e" for unit in diagram.columns[-1].units]
    lines += edges
    lines += [f"linkStyle {','.join(map(str, places))} stroke:{ink},color:{ink}" for ink, places in strokes.items()]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> list[str]:
    words = ", ".join(word for word in (column.title, column.name, column.activation) if word)
    lines = [f'subgraph {column.id}["{mermaid_text(words)}"]']
    lines += [_unit(unit) for unit in column.units]
    left_out = column.size - len(column.units)
    if left_out:
        lines.append(f'{column.id}x["… {left_out:,} more"]')
    return [*lines, "end"]


def _unit(unit: Unit) -> str:
    cells = {"z": unit.z, "a": unit.a, "δ": unit.delta}
    numbers = [f"{name} {cell.text}" for name, cell in cells.items() if cell]
    numbers += [f"{MARKS['saturated']} {unit.flat}"] if unit.flat else []
    return f'{_id(unit.id)}(("{"<br/>".join(map(mermaid_text, numbers or [f"{unit.number}"]))}"))'


def _id(id: str) -> str:
    """Return an id without the hyphen, which Mermaid could take for the start of an arrow."""
    return id.replace("-", "_")
