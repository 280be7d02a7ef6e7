"""Where things stand: Graphviz places boxes of given sizes, and routes the edges between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphnet.draw.picture import Direction, Frame, Picture
from graphnet.draw.render import render

POINTS_PER_INCH = 72.0


class Place(NamedTuple):
    """A rectangle: left, top, width and height in pixels; y grows downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A layout of a picture, in pixels: boxes and groups by id, and the path of each edge in the language of SVG."""

    width: float
    height: float
    boxes: dict[str, Place]
    groups: dict[str, Place]
    edges: tuple[str, ...]


def layout(
    picture: Picture, sizes: Mapping[str, tuple[float, float]], edges: list[tuple[str, str]], direction: Direction
) -> Layout:
    """Place the boxes and groups of a picture, given sizes in pixels by id and pairs of ids to join.

    Raises
    ------
    DrawError
        If there is no Graphviz.
    """
    placed = json.loads(render(_dot(picture, sizes, edges, direction), "json0"))
    _, _, width, height = _numbers(placed["bb"])
    found: dict[str, Any] = {thing["name"]: thing for thing in placed["objects"]}
    boxes = {box.id: _centred(_numbers(found[box.id]["pos"]), sizes[box.id], height) for box in picture.boxes}
    groups = {group.id: _frame(_numbers(found[f"cluster_{group.id}"]["bb"]), height) for group in picture.groups}
    paths = {edge["id"]: _path(edge["pos"], height) for edge in placed.get("edges", ())}
    return Layout(width, height, boxes, groups, tuple(paths[f"e{i}"] for i in range(len(edges))))


def _dot(
    picture: Picture, sizes: Mapping[str, tuple[float, float]], edges: list[tuple[str, str]], direction: Direction
) -> str:
    lines = [
        "digraph page {",
        f'rankdir="{"LR" if direction == "right" else "TB"}" nodesep="0.25" ranksep="0.45" pad="0"',
        'node [shape="box" fixedsize="true" label="" margin="0"] edge [arrowhead="none"]',
    ]
    for box in picture.boxes:
        width, height = sizes[box.id]
        lines.append(f'{box.id} [width="{width / POINTS_PER_INCH:.4f}" height="{height / POINTS_PER_INCH:.4f}"]')
    lines += _clusters(picture)
    kinds = {box.id: box.kind for box in picture.boxes}
    for i, (source, target) in enumerate(edges):
        pull = 8 if kinds[source] in ("op", "folded") else 1  # keeps the main line straight
        lines.append(f'{source} -> {target} [id="e{i}" weight="{pull}"]')
    return "\n".join([*lines, "}"])


def _clusters(picture: Picture) -> list[str]:
    """Return the nested frames of the groups."""
    lines: list[str] = []
    for part in picture.nested():
        if isinstance(part, Frame):
            lines.append(f'subgraph "cluster_{part.id}" {{ margin="14" label=" "')
        else:
            lines.append("}" if part is None else part.id)
    return lines


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _centred(centre: list[float], size: tuple[float, float], height: float) -> Place:
    x, y = centre
    return Place(round(x - size[0] / 2, 1), round(height - y - size[1] / 2, 1), *size)


def _frame(corners: list[float], height: float) -> Place:
    left, bottom, right, top = corners
    return Place(round(left, 1), round(height - top, 1), round(right - left, 1), round(top - bottom, 1))


def _path(spline: str, height: float) -> str:
    """Return the curve of an edge: Graphviz gives its first point and then three for each piece."""
    points = [_numbers(point) for point in spline.split() if point[0] not in "se"]
    pairs = [f"{x:.1f} {height - y:.1f}" for x, y in points]
    return f"M{pairs[0]}C{' '.join(pairs[1:])}"
