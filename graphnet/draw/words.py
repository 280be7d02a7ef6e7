"""The op view in words: for terminals, logs and screen readers."""

from __future__ import annotations

from graphnet.draw.picture import Box, Edge, Picture


def to_text(picture: Picture) -> str:
    """Return the picture as plain text: each box with its numbers, where its inputs come from and what comes back.

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
    titles = {box.id: box.title for box in picture.boxes}
    group = {group.id: (f"{group.title}/", group.parent) for group in picture.groups}
    sent: dict[str, list[Edge]] = {}
    for edge in picture.edges:
        if edge.role != "value":
            sent.setdefault(edge.source, []).append(edge)
    lines = [line for line in (picture.title, picture.notice) if line]
    for box in picture.boxes:
        lines += ["", _path(box.group, group) + ": ".join(filter(None, [box.title, ", ".join(box.words)]))]
        lines += [f"  {line}" for line in _inside(box)]
        for edge in sent.get(box.id, []):
            amount = f": {edge.text}" if edge.text else ""
            lines.append(f"  sends back to {titles[edge.target]}{amount}")
    return "\n".join(lines) + "\n"


def _path(group: str | None, groups: dict[str, tuple[str, str | None]]) -> str:
    path = ""
    while group is not None:
        name, group = groups[group]
        path = name + path
    return path


def _inside(box: Box) -> list[str]:
    lines = [f"{box.mark.kind}: {box.mark.text}"] if box.mark else []
    lines += box.formulas
    for field in box.fields:
        rows = [[cell.text for cell in row] for row in field.rows]
        said = ", ".join(field.lines)
        if len(rows) <= 1:
            numbers = " ".join(rows[0]) if rows else ""
            lines.append(": ".join(filter(None, [field.caption, ", ".join(filter(None, [numbers, said]))])))
            continue
        wide = max(len(text) for row in rows for text in row)
        lines.append(field.caption + ":" + (f" {said}" if said else ""))
        lines += ["  " + " ".join(text.rjust(wide) for text in row) for row in rows]
    return lines
