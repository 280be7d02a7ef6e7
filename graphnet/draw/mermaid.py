"""The Mermaid writer of the op view: for pages and chats that draw Mermaid's text."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.picture import Box, Edge, Group, Kind, Picture
from graphnet.draw.text import mermaid_text

MOST_EDGES = 480

_SHAPES: dict[Kind, tuple[str, str]] = {
    "op": ("(", ")"),
    "input": ("[/", "/]"),
    "parameter": ("[[", "]]"),
    "constant": ("[", "]"),
    "literal": ("((", "))"),
    "folded": ("[", "]"),
}


def to_mermaid(picture: Picture) -> str:
    """Return the picture as a Mermaid flowchart: the same picture gives the same text.

    Ids are those of the boxes and groups, opaque. Names stand in quotes, with all that means something to Mermaid or to
    HTML written as a code. Mermaid refuses more than 500 arrows: a picture with more leaves out those of messages.
    """
    edges = [edge for edge in picture.edges if len(picture.edges) <= MOST_EDGES or edge.role == "value"]
    lines = [f"flowchart {'LR' if picture.direction == 'right' else 'TD'}", *caption(picture.title, picture.notice)]
    lines += _boxes(picture)
    lines += [_edge(edge) for edge in edges]
    lines += _looks(picture, edges)
    return "\n".join(lines) + "\n"


def caption(*words: str) -> list[str]:
    """Return a node without a frame for the lines above a picture: Mermaid's own titles lose all that looks like HTML."""
    text = "<br/>".join(mermaid_text(line) for line in words if line)
    return [f'caption["{text}"]', "style caption fill:none,stroke:none"]


def _boxes(picture: Picture) -> list[str]:
    lines: list[str] = []
    for part in picture.nested():
        if isinstance(part, Group):
            lines.append(f'subgraph {part.id}["{mermaid_text(part.title) or " "}"]')  # Mermaid takes no empty text
        else:
            lines.append("end" if part is None else _box(part))
    return lines


def _box(box: Box) -> str:
    opened, closed = _SHAPES[box.kind]
    words = [box.title, *box.words, *box.formulas]
    words += [f"{box.mark.kind}: {box.mark.text}"] if box.mark else []
    words += [": ".join(filter(None, [field.caption, field.text])) for field in box.fields]
    return f'{box.id}{opened}"{"<br/>".join(map(mermaid_text, words))}"{closed}'


def _edge(edge: Edge) -> str:
    arrow = "-->" if edge.role == "value" else "-.->"
    text = f'|"{mermaid_text(edge.text)}"|' if edge.text else ""
    return f"{edge.source} {arrow}{text} {edge.target}"


def _looks(picture: Picture, edges: list[Edge]) -> list[str]:
    """Return the colours: of boxes by their kind, of arrows by their role."""
    lines = []
    for kind, fill in colours.BOX_FILL.items():
        members = [box.id for box in picture.boxes if box.kind == kind and not box.output]
        if members:
            lines.append(f"classDef {kind} fill:{fill},stroke:{colours.BOX_LINE[kind]},color:{colours.INK}")
            lines.append(f"class {','.join(members)} {kind}")
    outputs = [box.id for box in picture.boxes if box.output]
    if outputs:
        lines.append(f"classDef output fill:{colours.OUTPUT[0]},stroke:{colours.OUTPUT[1]},color:{colours.INK}")
        lines.append(f"class {','.join(outputs)} output")
    faults = [box.id for box in picture.boxes if box.faulty]
    if faults:
        lines.append(f"classDef fault stroke:{colours.FAULT_LINE},stroke-width:4px")
        lines.append(f"class {','.join(faults)} fault")
    for role, ink in colours.ROLE_INK.items():
        places = [str(i) for i, edge in enumerate(edges) if edge.role == role]
        if places:
            lines.append(f"linkStyle {','.join(places)} stroke:{ink},color:{ink}")
    return lines
