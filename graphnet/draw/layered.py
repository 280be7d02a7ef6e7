"""A layout of our own, for where there is no Graphviz: boxes in layers by their longest way, in the order of their neighbours.

What lies in a frame is laid out first; then the frame is one large box among the others of the frame around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from graphnet.draw.picture import Picture

Point: TypeAlias = tuple[float, float]
Rectangle: TypeAlias = tuple[float, float, float, float]
Pair: TypeAlias = tuple[str, str]

_BETWEEN_LAYERS, _BETWEEN_BOXES, _MARGIN, _TITLE = 46.0, 20.0, 12.0, 20.0
_SWEEPS = 8
_ASIDE = 9.0  # between two arrows that join the same boxes
_LINE = "·"  # a name that starts with this stands for an arrow that passes a layer


def layered(
    picture: Picture, sizes: Mapping[str, Point], links: Sequence[Pair]
) -> tuple[float, float, dict[str, Rectangle], dict[str, tuple[Rectangle]], tuple[tuple[Point, ...], ...], dict[int, Point]]:
    """Return width, height, boxes, frames, paths and the middles of what stands beside arrows, as `placing.Places` has them."""
    down = picture.direction == "down"
    size = {id: (h, w) if down else (w, h) for id, (w, h) in sizes.items()}
    parent: dict[str, str | None] = {box.id: box.group for box in picture.boxes}
    parent |= {frame.id: frame.parent for frame in picture.groups}
    inside: dict[str | None, list[str]] = {}
    for box in picture.boxes:  # a frame stands where its first box does
        way = _way_up(box.id, parent)
        for child, around in zip(way, [*way[1:], None], strict=True):
            if child not in (members := inside.setdefault(around, [])):
                members.append(child)
    joined: dict[str | None, list[Pair]] = {}
    for tail, head in links:
        ends = _way_up(tail, parent)[::-1], _way_up(head, parent)[::-1]
        k = next(k for k, (a, b) in enumerate(zip(*ends, strict=False)) if a != b)
        joined.setdefault(ends[0][k - 1] if k else None, []).append((ends[0][k], ends[1][k]))
    within: dict[str | None, dict[str, Point]] = {}
    bends: dict[str | None, dict[Pair, list[Point]]] = {}
    for frame in [*(f.id for f in reversed(picture.groups)), None]:  # a parent comes before its children
        spots, bends[frame], wide, high = _layers(inside.get(frame, []), size, joined.get(frame, []))
        before, above = (_TITLE, 0.0) if down else (0.0, _TITLE)
        shift = (_MARGIN + before, _MARGIN + above) if frame else (0.0, 0.0)
        within[frame] = {id: (x + shift[0], y + shift[1]) for id, (x, y) in spots.items()}
        bends[frame] = {pair: [(x + shift[0], y + shift[1]) for x, y in of] for pair, of in bends[frame].items()}
        if frame:
            size[frame] = wide + 2 * _MARGIN + before, high + 2 * _MARGIN + above
        else:
            size[""] = wide, high

    corner: dict[str | None, Point] = {None: (0.0, 0.0)}
    for id in [*(f.id for f in picture.groups), *sizes]:
        x, y = corner[parent[id]]
        corner[id] = x + within[parent[id]][id][0], y + within[parent[id]][id][1]
    places = {id: (*corner[id], *size[id]) for id in parent}
    count: dict[Pair, int] = {}
    for pair in links:
        count[pair] = count.get(pair, 0) + 1
    seen: dict[Pair, int] = {}
    paths, middles = [], {}
    for e, (tail, head) in enumerate(links):
        ends = _way_up(tail, parent)[::-1], _way_up(head, parent)[::-1]
        k = next(k for k, (a, b) in enumerate(zip(*ends, strict=False)) if a != b)
        around = ends[0][k - 1] if k else None
        x0, y0 = corner[around]
        aside = (seen.get((tail, head), 0) - (count[tail, head] - 1) / 2) * _ASIDE
        seen[tail, head] = seen.get((tail, head), 0) + 1
        (ax, ay, aw, ah), (bx, by, _, bh) = places[tail], places[head]
        route = [(x0 + x, y0 + y) for x, y in bends[around].get((ends[0][k], ends[1][k]), [])]
        points = [(x, y + aside) for x, y in [(ax + aw, ay + ah / 2), *route, (bx, by + bh / 2)]]
        path = [points[0]]
        for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
            half = max(abs(x2 - x1) / 2, 8.0)
            path += [(x1 + half, y1), (x2 - half, y2), (x2, y2)]
        paths.append(tuple((y, x) if down else (x, y) for x, y in path))
        middles[e] = paths[-1][len(path) // 6 * 3 :][0] if len(path) > 4 else _middle(paths[-1])
    width, height = size[""][::-1] if down else size[""]
    turned = {id: (y, x, h, w) if down else (x, y, w, h) for id, (x, y, w, h) in places.items()}
    boxes = {id: turned[id] for id in sizes}
    return width, height, boxes, {f.id: (turned[f.id],) for f in picture.groups}, tuple(paths), middles


def _way_up(id: str, parent: Mapping[str, str | None]) -> list[str]:
    way, here = [], id
    while True:
        way.append(here)
        above = parent[here]
        if above is None:
            return way
        here = above


def _middle(path: Sequence[Point]) -> Point:
    return (path[0][0] + path[-1][0]) / 2, (path[0][1] + path[-1][1]) / 2


def _layers(
    members: Sequence[str], size: Mapping[str, Point], links: Iterable[Pair]
) -> tuple[dict[str, Point], dict[Pair, list[Point]], float, float]:
    """Return the corners of boxes that flow to the right, the points in between of long arrows, and the size of all."""
    order = {id: i for i, id in enumerate(members)}
    pairs = [pair for pair in dict.fromkeys(links) if order[pair[0]] < order[pair[1]]]  # frames may be joined both ways
    layer = dict.fromkeys(members, 0)
    for tail, head in sorted(pairs, key=lambda pair: order[pair[1]]):
        layer[head] = max(layer[head], layer[tail] + 1)
    starts = {id: [layer[head] for tail, head in pairs if tail == id] for id in set(members) - {head for _, head in pairs}}
    layer |= {id: min(after) - 1 for id, after in starts.items() if after}  # a leaf stands right before its first use
    layers: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for id in members:
        layers[layer[id]].append(id)
    room, lines = dict(size), {}
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for i, (tail, head) in enumerate(pairs):
        lines[tail, head] = [f"{_LINE}{i}-{k}" for k in range(layer[tail] + 1, layer[head])]
        for k, name in enumerate(lines[tail, head], start=layer[tail] + 1):
            layers[k].append(name)
            room[name] = (0.0, _ASIDE)
        chain = [tail, *lines[tail, head], head]
        for one, next_one in zip(chain, chain[1:], strict=False):
            before.setdefault(next_one, []).append(one)
            after.setdefault(one, []).append(next_one)

    def mean(ids: Sequence[str], of: Mapping[str, float], default: float) -> float:
        return sum(of[id] for id in ids) / len(ids) if ids else default

    rank = {id: float(i) for column in layers for i, id in enumerate(column)}
    middle: dict[str, float] = {}
    for column in layers:
        middle |= _apart(column, [0.0] * len(column), room)
    for sweep in range(2 * _SWEEPS):
        beside, columns = (before, layers) if sweep % 2 == 0 else (after, layers[::-1])
        for column in columns:
            if sweep < _SWEEPS:
                column.sort(key=lambda id: mean(beside.get(id, ()), rank, rank[id]))
                rank |= {id: i - len(column) / 2 for i, id in enumerate(column)}
            wanted = [mean([*before.get(id, ()), *after.get(id, ())], middle, middle[id]) for id in column]
            middle |= _apart(column, wanted, room)
    top = min((middle[id] - room[id][1] / 2 for id in middle), default=0.0)
    bottom = max((middle[id] + room[id][1] / 2 for id in middle), default=0.0)
    spots, left, spans = {}, 0.0, []
    for column in layers:
        wide = max((room[id][0] for id in column), default=0.0)
        spans.append((left, left + wide))
        spots |= {id: (left + (wide - room[id][0]) / 2, middle[id] - room[id][1] / 2 - top) for id in column}
        left += wide + _BETWEEN_LAYERS
    bends = {pair: [(x, middle[name] - top) for k, name in enumerate(names, start=layer[pair[0]] + 1) for x in spans[k]]
             for pair, names in lines.items()}  # fmt: skip
    return {id: spots[id] for id in members}, bends, left - _BETWEEN_LAYERS, bottom - top


def _apart(column: Sequence[str], wanted: Sequence[float], room: Mapping[str, Point]) -> dict[str, float]:
    """Return the middles nearest to those wanted at which boxes keep their order and their distance (least squares)."""
    offsets, reach = [], 0.0
    for id in column:
        offsets.append(reach + room[id][1] / 2)
        reach += room[id][1] + _BETWEEN_BOXES
    blocks: list[list[float]] = []  # of boxes that touch each other: the sum of where they want to begin, and how many
    for want, offset in zip(wanted, offsets, strict=True):
        blocks.append([want - offset, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, many = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + many]
    begins = [total / many for total, many in blocks for _ in range(int(many))]
    return {id: begin + offset for id, begin, offset in zip(column, begins, offsets, strict=True)}
