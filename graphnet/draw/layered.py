"""The layout of the op view: boxes in layers by their longest way, in the order of their neighbours.

What lies in a frame is laid out first; then the frame is one large box among the others of the frame around it. All is
reckoned as flowing to the right; what flows down is turned at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias, TypeVar

from graphnet.draw.picture import Picture, Point

Rectangle: TypeAlias = tuple[float, float, float, float]
"""Its left, its top, its width and its height, in pixels; the y axis points down."""

Route: TypeAlias = tuple[Point, ...]
"""A first point, and then three for each piece of a cubic Bézier curve."""

Ends: TypeAlias = tuple[str, str]
_Id = TypeVar("_Id", int, str)

_BETWEEN_LAYERS, _BETWEEN_BOXES, _MARGIN, _TITLE = 46.0, 20.0, 12.0, 20.0
_SWEEPS, _LEVELLING = 8, 4  # in the last ones, arrows that pass boxes are levelled
_FIRM = 1e4  # how much firmer the main line stands than what is beside it
_ASIDE = 9.0  # between two arrows that join the same boxes


class _Inside(NamedTuple):
    """What is in a frame: corners of boxes, points that long arrows go through, the size of all, and how low the line is."""

    corners: Mapping[str, Point]
    bends: Mapping[Ends, list[Point]]
    size: Point
    line: float


def layered(
    picture: Picture,
    sizes: Mapping[str, Point],
    links: Sequence[Ends],
    line: Collection[str],
    labels: Mapping[int, float],
) -> tuple[Point, dict[str, Rectangle], tuple[Route, ...]]:
    """Return the size of all, the places of boxes and frames by their ids, and the paths of arrows between boxes.

    The boxes on the main `line` are kept in a straight line. Beside the arrows at some places of `links` stand labels of
    these widths.
    """
    down = picture.direction == "down"
    parent: dict[str, str] = {part.id: (part.group or "") for part in picture.boxes}
    parent |= {frame.id: frame.parent or "" for frame in picture.groups}
    ways = {id: _way_down(id, parent) for id in parent}
    last: dict[str, int] = {}  # a frame comes where its last box does
    for place, box in enumerate(picture.boxes):
        last |= dict.fromkeys(ways[box.id], place)
    on_line = {part for id in line for part in ways[id]}
    legs = {link: _legs(ways[link[0]], ways[link[1]]) for link in links}
    joined: dict[str, list[Ends]] = {}
    for frame, ends in chain.from_iterable(legs.values()):
        joined.setdefault(frame, []).append(ends)
    gaps = {} if down else {legs[links[i]][0]: wide + 12 for i, wide in labels.items() if len(legs[links[i]]) == 1}
    size = {id: (h, w) if down else (w, h) for id, (w, h) in sizes.items()}
    level = {id: high / 2 for id, (_, high) in size.items()}  # how far below its top arrows reach it
    inside: dict[str, _Inside] = {}
    for frame in [*(frame.id for frame in reversed(picture.groups)), ""]:  # a parent comes before its children
        members = sorted((id for id in parent if parent[id] == frame), key=lambda id: last[id])
        ends_here = {ends: gaps.get((frame, ends), 0.0) for ends in joined.get(frame, [])}
        inside[frame] = _layers(members, size, level, ends_here, on_line)
        wide, high = inside[frame].size
        size[frame] = wide + 2 * _MARGIN + _TITLE * down, high + 2 * _MARGIN + _TITLE * (not down)
        level[frame] = inside[frame].line + _MARGIN + _TITLE * (not down)

    origin: dict[str, Point] = {"": (0.0, 0.0)}  # of what is inside
    places: dict[str, Rectangle] = {}
    for id in [*(frame.id for frame in picture.groups), *sizes]:
        (x0, y0), (x, y) = origin[parent[id]], inside[parent[id]].corners[id]
        places[id] = (x0 + x, y0 + y, *size[id])
        origin[id] = x0 + x + _MARGIN + _TITLE * down, y0 + y + _MARGIN + _TITLE * (not down)
    beside, seen, paths = Counter(links), Counter[Ends](), []
    for link in links:
        (ax, ay, aw, ah), (bx, by, _, bh) = places[link[0]], places[link[1]]
        points = [(ax + aw, ay + ah / 2)]
        for frame, ends in legs[link]:
            points += [(x + origin[frame][0], y + origin[frame][1]) for x, y in inside[frame].bends[ends]]
        aside = (seen[link] - (beside[link] - 1) / 2) * _ASIDE
        seen[link] += 1
        paths.append(_curve([(x, y + aside) for x, y in [*points, (bx, by + bh / 2)]]))
    wide, high = inside[""].size
    if not down:
        return (wide, high), places, tuple(paths)
    turned = {id: (y, x, h, w) for id, (x, y, w, h) in places.items()}
    return (high, wide), turned, tuple(tuple((y, x) for x, y in path) for path in paths)


def columns_of(members: Collection[_Id], pairs: Sequence[tuple[_Id, _Id]]) -> tuple[dict[_Id, int], Set[_Id]]:
    """Return the column of each box by its longest way, and the leaves, which stand right before their first use.

    Which boxes are joined is told in topological order of the ends.
    """
    column = dict.fromkeys(members, 0)
    for start, end in pairs:
        column[end] = max(column[end], column[start] + 1)
    first_use: dict[_Id, int] = {}
    for start, end in pairs:
        first_use[start] = min(first_use.get(start, len(members)), column[end])
    leaves = first_use.keys() - {end for _, end in pairs}
    return column | {id: first_use[id] - 1 for id in leaves}, leaves


def _way_down(id: str, parent: Mapping[str, str]) -> list[str]:
    """Return the frames around a box from the outermost one, and the box."""
    way = [id]
    while above := parent[way[-1]]:
        way.append(above)
    return way[::-1]


def _legs(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, Ends]]:
    """Return through which frames an arrow goes, and from what to what in each; what is outside of a frame is nothing."""
    k = next(k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    out = [(frame, (part, "")) for frame, part in pairwise(one[k:])]
    into = [(frame, ("", part)) for frame, part in pairwise(other[k:])]
    return [*reversed(out), (one[k - 1] if k else "", (one[k], other[k])), *into]


def _curve(points: Sequence[Point]) -> Route:
    """Return a curve through points that is horizontal at each of them."""
    path = [points[0]]
    for (x1, y1), (x2, y2) in pairwise(points):
        half = max(abs(x2 - x1) / 2, 8.0)
        path += [(x1 + half, y1), (x2 - half, y2), (x2, y2)]
    return tuple(path)


def _layers(
    members: Sequence[str],
    size: Mapping[str, Point],
    level: Mapping[str, float],
    links: Mapping[Ends, float],
    line: Collection[str],
) -> _Inside:
    """Lay out boxes, which come in topological order, in columns from left to right; `links` say how much room they need."""
    order = {"": len(members)} | {id: i for i, id in enumerate(members)}
    pairs = [(a, b) for a, b in links if a and b and order[a] < order[b]]  # frames may be joined both ways
    layer, leaves = columns_of(members, sorted(pairs, key=lambda pair: order[pair[1]]))
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for id in members:
        columns[layer[id]].append(id)

    # An arrow that passes columns takes room in each of them, also one from or to what is outside.
    rooms = {id: _Room(level[id], size[id][1] - level[id], _FIRM if id in line else 1.0) for id in members}
    passing: dict[Ends, tuple[int, list[str]]] = {pair: (0, []) for pair in links}
    ways: list[tuple[list[str], list[str]]] = []  # through which columns an arrow passes, and that with its ends
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    straight = set(line)
    line_at = [layer[id] for id in members if id in line]
    for i, (tail, head) in enumerate([*pairs, *(pair for pair in links if "" in pair)]):
        first, end = layer.get(tail, -1) + 1, layer.get(head, len(columns))
        names = [f"{i} through {k}" for k in range(first, end)]
        passing[tail, head] = first, names
        comes_in = not tail and head in line and end == min(line_at)
        if comes_in or (not head and tail in line and first == max(line_at) + 1):
            straight |= set(names)
        for k, name in enumerate(names, start=first):
            columns[k].append(name)
            rooms[name] = _Room(_ASIDE / 2, _ASIDE / 2, _FIRM if name in straight else len(names))
        way = [part for part in (tail, *names, head) if part]
        ways += [(names, way)] * straight.isdisjoint(names)
        for one, next_one in pairwise(way):
            before.setdefault(next_one, []).append(one)
            after.setdefault(one, []).append(next_one)

    rank = {id: i - len(column) / 2 for column in columns for i, id in enumerate(column)}
    at: dict[str, float] = {}
    for column in columns:
        at |= _apart(column, [0.0] * len(column), rooms)
    for sweep in range(2 * _SWEEPS):  # first the order in each column, then only the places
        beside = before if sweep % 2 == 0 else after
        heights: dict[str, float] = {}
        for names, way in ways:
            heights |= dict.fromkeys(names, _mean(way if sweep < 2 * _SWEEPS - _LEVELLING else names, at, 0.0))
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            if sweep < _SWEEPS:
                column.sort(key=lambda id: _mean(beside.get(id, ()), rank, rank[id]))
                rank |= {id: i - len(column) / 2 for i, id in enumerate(column)}
            wanted = []
            for id in column:
                neighbours = [*before.get(id, ()), *after.get(id, ())]
                if id in straight:
                    neighbours = [other for other in neighbours if other in straight] or neighbours
                wanted.append(heights[id] if id in heights else _mean(neighbours, at, at[id]))
            at |= _apart(column, wanted, rooms)

    top = min((at[id] - rooms[id].above for id in at), default=0.0)
    bottom = max((at[id] + rooms[id].below for id in at), default=0.0)
    corners: dict[str, Point] = {}
    spans, left = [], 0.0
    for column in columns:
        boxes = [id for id in column if id in size]
        wide = max((size[id][0] for id in boxes), default=0.0)
        spans.append((left, left + wide))
        for id in boxes:  # a leaf stands next to its use, so that no arrow of it runs behind a neighbour
            free = (wide - size[id][0]) * (1.0 if id in leaves else 0.5)
            corners[id] = left + free, at[id] - rooms[id].above - top
        left += wide + max([_BETWEEN_LAYERS, *(links[pair] for pair in pairs if layer[pair[0]] == len(spans) - 1)])
    bends = {
        pair: [(x, at[name] - top) for k, name in enumerate(names, start=first) for x in spans[k]]
        for pair, (first, names) in passing.items()
    }
    on_line = [id for id in members if id in line]
    whole = max((right for _, right in spans), default=0.0), bottom - top
    return _Inside(corners, bends, whole, _mean(on_line or members, at, top) - top)


class _Room(NamedTuple):
    """How far something reaches above and below where arrows reach it, and how firmly it stands."""

    above: float
    below: float
    firm: float


def _mean(ids: Sequence[str], of: Mapping[str, float], default: float) -> float:
    return sum(of[id] for id in ids) / len(ids) if ids else default


def _apart(column: Sequence[str], wanted: Sequence[float], rooms: Mapping[str, _Room]) -> dict[str, float]:
    """Return the places nearest to those wanted (in least squares) at which boxes keep their order and do not overlap."""
    offsets, reach = [], 0.0
    for id in column:
        offsets.append(reach + rooms[id].above)
        reach += rooms[id].above + rooms[id].below + _BETWEEN_BOXES
    blocks: list[tuple[float, float, int]] = []  # of boxes that touch: where they begin, how firm they are, how many
    for id, want, offset in zip(column, wanted, offsets, strict=True):
        start, firm, many = want - offset, rooms[id].firm, 1
        while blocks and blocks[-1][0] >= start:
            other, others, more = blocks.pop()
            start, firm, many = (start * firm + other * others) / (firm + others), firm + others, many + more
        blocks.append((start, firm, many))
    starts = [start for start, _, many in blocks for _ in range(many)]
    return {id: start + offset for id, start, offset in zip(column, starts, offsets, strict=True)}
