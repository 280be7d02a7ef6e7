"""Both views as flowcharts of Mermaid, for pages and chats that draw its text: the same picture gives the same text.

Ids are opaque. Text stands in quotes, with all that means something to Mermaid or to HTML written as a code. As Mermaid
refuses more than 500 arrows, larger pictures leave some out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphnet.draw import colours
from graphnet.draw.picture import STATE_MARKS, Arrow, Box, BoxKind, Column, Diagram, Frame, Picture

_PLAIN = frozenset(" ,.()=+-/")  # ASCII that is only text to Mermaid, within quotes
_MOST_EDGES, _MOST_WEIGHTS = 480, 200

_SHAPES: dict[BoxKind, tuple[str, str]] = {
    "op": ("(", ")"),
    "input": ("[/", "/]"),
    "parameter": ("[[", "]]"),
    "constant": ("[", "]"),
    "literal": ("((", "))"),
    "folded": ("[", "]"),
}


def to_mermaid(picture: Picture | Diagram) -> str:
    """Return a picture as a flowchart."""
    return _ops(picture) if isinstance(picture, Picture) else _units(picture)


def _caption(*words: str) -> Iterator[str]:
    """Yield a node without a frame for the lines above a picture: Mermaid's own titles lose all that looks like HTML."""
    yield f'caption["{mermaid_text(*filter(None, words))}"]'
    yield "style caption fill:none,stroke:none"


def _opened(id: str, title: str) -> str:
    return f'subgraph {id}["{mermaid_text(title) or " "}"]'  # Mermaid takes no empty text


def _arrow(source: str, stroke: str, text: str, target: str) -> str:
    return f'{source} {stroke}|"{mermaid_text(text)}"| {target}' if text else f"{source} {stroke} {target}"


def _link_style(places: Iterable[int], ink: str) -> str:
    return f"linkStyle {','.join(map(str, places))} stroke:{ink},color:{ink}"


# The op view --------------------------------------------------------------------------------------------------------


def _ops(picture: Picture) -> str:
    """Return a picture as a flowchart: one of too many arrows leaves out those of messages."""
    edges = [edge for edge in picture.edges if len(picture.edges) <= _MOST_EDGES or edge.role == "value"]
    lines = [f"flowchart {'LR' if picture.direction == 'right' else 'TD'}", *_caption(picture.title, picture.notice)]
    for part in picture.nested():
        lines.append("end" if part is None else _opened(part.id, part.title) if isinstance(part, Frame) else _box(part))
    lines += [_arrow(e.source, "-->" if e.role == "value" else "-.->", e.text, e.target) for e in edges]
    return "\n".join([*lines, *_looks(picture, edges)]) + "\n"


def _box(box: Box) -> str:
    opened, closed = _SHAPES[box.kind]
    words = [box.title, *box.words, *box.formulas]
    words += [f"{box.mark.kind}: {box.mark.text}"] if box.mark else []
    words += [": ".join(filter(None, [field.caption, field.text])) for field in box.fields]
    return f'{box.id}{opened}"{mermaid_text(*words)}"{closed}'


def _looks(picture: Picture, edges: list[Arrow]) -> Iterator[str]:
    """Yield the colours: of boxes by their kind, of arrows by their role."""
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


# The unit view ------------------------------------------------------------------------------------------------------


def _units(diagram: Diagram) -> str:
    """Return a diagram as a flowchart: a circle for each unit, an arrow for each weight.

    A weight's arrow has its number, and is grey if that is positive, orange if negative. Too many weights between two layers
    are one arrow from layer to layer.
    """
    lines = ["flowchart LR", *_caption(diagram.title, diagram.sample, diagram.notice)]
    for column in diagram.columns:
        words = ", ".join(filter(None, (column.title, column.name, column.activation)))
        lines += [_opened(column.id, words), *_circles(column), "end"]
    edges: list[str] = []
    strokes: dict[str, list[int]] = {}
    single = sum(len(bundle.weights) for bundle in diagram.bundles) <= _MOST_WEIGHTS
    for bundle in diagram.bundles:
        if not single:
            summary = ", ".join(filter(None, [bundle.summary, bundle.gradient_summary]))
            edges.append(_arrow(bundle.source, "-->", summary, bundle.target))
        for weight in bundle.weights if single else ():
            numbers = [weight.weight.text] if weight.weight else []
            numbers += [f"∂ {weight.gradient.text}"] if weight.gradient else []
            strokes.setdefault(colours.weight(weight.negative, 1.0), []).append(len(edges))
            edges.append(_arrow(_id(weight.source), "-->", ", ".join(numbers), _id(weight.target)))
    if diagram.error:
        words = mermaid_text(*filter(None, (diagram.error.equation, diagram.error.call, diagram.error.added)))
        lines.append(f'e["{words}"]')
        edges += [_arrow(_id(unit.id), "-->", "", "e") for unit in diagram.columns[-1].units]
    return "\n".join([*lines, *edges, *(_link_style(places, ink) for ink, places in strokes.items())]) + "\n"


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
