"""The DOT writer. Ids are opaque, and every text is an HTML-like label with escaped text."""

from __future__ import annotations

from graphnet.draw import colours
from graphnet.draw.dot_labels import box_label, edge_label, font, legend_label, title_label
from graphnet.draw.picture import Box, Direction, Edge, Group, Kind, Picture

# Typefaces of the same widths: whichever of them is found, boxes fit their text in Graphviz and in browsers alike.
_FONT = 'fontname="Helvetica,Arial,Liberation Sans,sans-serif"'

_SHAPES: dict[Kind, str] = {
    "op": 'shape="box" style="rounded,filled"',
    "input": 'shape="note" style="filled"',
    "parameter": 'shape="component" style="filled"',
    "constant": 'shape="box" style="filled"',
    "literal": 'shape="circle" style="filled,dashed" margin="0.01" width="0.3"',
    "folded": 'shape="box3d" style="filled" margin="0.15,0.08"',
}

MOST_EDGES_WITH_CARE = 600
_IN_HASTE = 'nslimit="1" nslimit1="1" mclimit="0.3"'
"""Of a picture with more arrows than that, the layout is not polished on: that would take minutes."""

_PULL: dict[Kind, int] = {"op": 8, "folded": 8, "input": 4}


def to_dot(picture: Picture) -> str:
    """Return the picture as DOT: the same picture gives the same text."""
    lines = [
        "digraph graphnet {",
        f'rankdir="{"LR" if picture.direction == "right" else "TB"}" bgcolor="{colours.PAPER}" pad="0.2"',
        f'nodesep="0.36" ranksep="0.55" compound="true" {_FONT}',
        *([_IN_HASTE] if len(picture.edges) > MOST_EDGES_WITH_CARE else []),
        f'labelloc="t" labeljust="l" label=<{title_label(picture)}>',
        f'node [{_FONT} margin="0.06,0.04" color="{colours.FRAME}"]',
        f'edge [{_FONT} arrowsize="0.7"]',
        'subgraph "cluster_picture" {',
        'peripheries="0" margin="12" labelloc="b" labeljust="l"',
        f"label=<{legend_label(picture)}>" if picture.legend else 'label=""',
        *_boxes(picture),
        "}",
        *_edges(picture),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _main_line(picture: Picture) -> set[str]:
    """Return the boxes on the longest way to the first output: Graphviz keeps boxes of one ``group`` in a straight line.

    Without that, an arrow into a frame bends around the leaves inside it, and grazes their corners.
    """
    sources: dict[str, list[str]] = {}
    for edge in picture.edges:
        if edge.role == "value":
            sources.setdefault(edge.target, []).append(edge.source)
    kind = {box.id: box.kind for box in picture.boxes}
    length: dict[str, int] = {}
    for box in picture.boxes:  # in topological order but for folded ones, whose arrows may run both ways
        length[box.id] = max((length.get(source, 0) + 1 for source in sources.get(box.id, [])), default=0)
    line: set[str] = set()
    here = next((box.id for box in picture.boxes if box.output), "")
    while here and here not in line:
        line.add(here)
        ahead = [id for id in sources.get(here, []) if kind[id] in _PULL]
        here = max(ahead, key=lambda id: (kind[id] != "input", length[id]), default="")
    return line


def _boxes(picture: Picture) -> list[str]:
    """Return the boxes, each within the frames of its groups."""
    line = _main_line(picture)
    lines: list[str] = []
    for part in picture.nested():
        if part is None:
            lines.append("}")
        elif isinstance(part, Group):
            lines.append(f'subgraph "cluster_{part.id}" {{')
            lines.append(f'peripheries="1" style="rounded,filled" color="{colours.FRAME}" fillcolor="#fafbfc"')
            lines.append(f'margin="10" labelloc="t" labeljust="l" label=<{font(part.title, 11, colours.QUIET)}>')
        else:
            lines.append(_box(part, picture.direction, on_line=part.id in line))
    return lines


def _box(box: Box, direction: Direction, *, on_line: bool) -> str:
    fill, line = colours.OUTPUT if box.output else (colours.BOX_FILL[box.kind], colours.BOX_LINE[box.kind])
    if box.faulty:
        line = colours.FAULT_LINE
    look = f'{_SHAPES[box.kind]} fillcolor="{fill}" color="{line}"'
    if on_line:
        look += ' group="main"'
    if box.output:
        look += ' peripheries="2"'
    if box.faulty:
        look += ' penwidth="3"'
    classes = f' class="n{box.nodes[0]}"' if len(box.nodes) == 1 else ' class="folded"' if box.nodes else ""
    return f'{box.id} [id="{box.id}"{classes} {look} label=<{box_label(box, direction)}>]'


def _edges(picture: Picture) -> list[str]:
    """Return the arrows.

    Those along the main line pull harder, which keeps it straight. Those between groups
    leave room for the leaves of the group they enter, so that groups can stand in line.
    """
    box = {box.id: box for box in picture.boxes}
    lines = []
    for place, edge in enumerate(picture.edges):
        ends = box[edge.source], box[edge.target]
        pull = min(_PULL.get(end.kind, 1) for end in ends)
        length = 2 if ends[0].group != ends[1].group else 1
        attributes = f'id="e{place}" class="{edge.role.replace(" ", "-")}" weight="{pull}" minlen="{length}"'
        lines.append(_edge(edge, attributes, on_paper=bool(picture.groups)))
    return lines


def _edge(edge: Edge, attributes: str, *, on_paper: bool) -> str:
    ink = colours.ROLE_INK[edge.role]
    look = f'color="{colours.line(edge.role, edge.strength)}" penwidth="{colours.width(edge.role, edge.strength):g}"'
    look += f" {attributes}"
    if edge.text:
        look += f" label=<{edge_label(edge.text, ink, on_paper=on_paper)}>"
    if edge.role == "value":
        return f"{edge.source} -> {edge.target} [{look}]"
    if edge.strength is None:
        look += ' style="dashed"'
    # Written from the forward source to its consumer, so that it is laid out beside the arrow forward.
    return f'{edge.target} -> {edge.source} [dir="back" {look}]'
