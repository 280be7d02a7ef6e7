"""Where boxes, frames and arrows stand: laid out by `layered`, and wrapped into rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from graphnet.draw.layered import Rectangle, Route, layered
from graphnet.draw.picture import Arrow, BoxKind, Picture, Point
from graphnet.draw.shapes import rounded

_ON_LINE: frozenset[BoxKind] = frozenset({"op", "folded", "input"})

# What a row costs, a frame cut in two, an empty row, and a column alone in one, counted in arrows that go on in the next row.
_ROW, _CUT_FRAME, _EMPTY, _ALONE = 6.0, 3.0, 4.0, 12.0
_BETWEEN_ROWS, _CORNER = 26.0, 5.0
_TRACK, _TRACKS = 7.0, 210.0  # between arrows that go on in the next row, and of all of them


@dataclass(frozen=True)
class Places:
    """Where everything is, and how large the paper must be.

    Attributes
    ----------
    width, height
        Of all.
    boxes
        By their ids.
    frames
        By their ids: more than one piece where a frame goes on in the next row.
    paths
        Of the arrows in their order, each from the box where values come from.
    labels
        The middle of what stands beside an arrow, by the place of the arrow.
    """

    width: float
    height: float
    boxes: Mapping[str, Rectangle]
    frames: Mapping[str, tuple[Rectangle, ...]]
    paths: tuple[Route, ...]
    labels: Mapping[int, Point]


def place(
    picture: Picture,
    sizes: Mapping[str, Point],
    edges: Sequence[Arrow],
    rooms: Mapping[int, float] | None = None,
    widest: float | None = None,
) -> Places:
    """Return where boxes of these sizes, the frames around them and some of the arrows go.

    `rooms` say how wide what stands beside arrows is, by their places in `edges`. A picture that flows to the right and is
    wider than `widest` is wrapped into rows, as text is.
    """
    links = [_forward(edge) for edge in edges]
    size, spots, paths = layered(picture, sizes, links, _main_line(picture), rooms or {})
    frames = {frame.id: (spots[frame.id],) for frame in picture.groups}
    labels = {i: _beside(paths[i]) for i in rooms or {}}
    places = Places(*size, {id: spots[id] for id in sizes}, frames, paths, labels)
    if widest is None or picture.direction == "down" or places.width <= widest:
        return places
    cuts = _cuts(places, widest)
    return _Rows(places, cuts).placed() if cuts else places


def _forward(edge: Arrow) -> tuple[str, str]:
    """Return the ends of an arrow in the direction of values: one back is laid out beside the one forward."""
    return (edge.source, edge.target) if edge.role == "value" else (edge.target, edge.source)


def _beside(path: Route) -> Point:
    """Return where the label of an arrow goes: on a straight piece near its middle, if it has any: every second one is."""
    pieces = (len(path) - 1) // 3
    k = pieces // 2 + (pieces > 1 and pieces // 2 % 2 == 0)
    return _split(path[3 * k : 3 * k + 4], 0.5)[0][-1]


def _main_line(picture: Picture) -> set[str]:
    """Return the boxes on the longest way to the first output, which are to stand in a straight line."""
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
        ahead = [id for id in sources.get(here, []) if kind[id] in _ON_LINE]
        here = max(ahead, key=lambda id: (kind[id] != "input", length[id]), default="")
    return line


# Rows ---------------------------------------------------------------------------------------------------------------


class _Rows:
    """A picture cut between columns and set in rows; arrows go on from the end of a row to the start of the next one."""

    def __init__(self, places: Places, cuts: Sequence[float]) -> None:
        self.places, self.cuts = places, cuts
        self.parts = [_cut(path, cuts) for path in places.paths]
        ends = [(*piece[-1], e) for e, of in enumerate(self.parts) for piece in of[:-1]]
        ends.sort(key=lambda end: -end[1])  # the lowest arrow first
        self.through = [[e for x, _, e in ends if x == cut] for cut in cuts]
        self.most = max(map(len, self.through))
        self.track = min(_TRACK, _TRACKS / max(self.most, 1))

    def placed(self) -> Places:
        frames = list(self._pieces_of_frames())
        extents: list[list[float]] = [[] for _ in range(len(self.cuts) + 1)]
        for x, y, w, h in [*self.places.boxes.values(), *(piece for _, piece in frames)]:
            extents[self._row(x + w / 2)] += [y, y + h]
        for piece in chain.from_iterable(self.parts):
            extents[self._row(_middle_of(piece))] += [y for _, y in piece]
        left = self.track * self.most + 10
        self.shifts: list[Point] = []
        self.floors: list[float] = []
        y = 0.0
        for row, start in enumerate([0.0, *self.cuts]):
            self.shifts.append((left - start, y - min(extents[row])))
            self.floors.append(y + max(extents[row]) - min(extents[row]))
            y = self.floors[-1] + _BETWEEN_ROWS + self.track * (len(self.through[row]) if row < len(self.cuts) else 0)

        boxes = {id: self._moved_box(box) for id, box in self.places.boxes.items()}
        paths = tuple(self._joined(e, of) for e, of in enumerate(self.parts))
        pieces: dict[str, tuple[Rectangle, ...]] = {}
        for id, box in frames:
            pieces[id] = (*pieces.get(id, ()), self._moved_box(box))
        labels = {e: self._moved(point, self._row(point[0])) for e, point in self.places.labels.items()}
        ends = [x + w for x, _, w, _ in [*boxes.values(), *chain.from_iterable(pieces.values())]]
        right = max([*ends, *(x for path in paths for x, _ in path)])
        return Places(right, self.floors[-1], boxes, pieces, paths, labels)

    def _row(self, x: float) -> int:
        return sum(x > cut for cut in self.cuts)

    def _moved(self, point: Point, row: int) -> Point:
        return point[0] + self.shifts[row][0], point[1] + self.shifts[row][1]

    def _moved_box(self, box: Rectangle) -> Rectangle:
        x, y, w, h = box
        return *self._moved((x, y), self._row(x + w / 2)), w, h

    def _pieces_of_frames(self) -> Iterator[tuple[str, Rectangle]]:
        """Yield frames cut in pieces: each reaches around what is inside it in that row, not around what is elsewhere."""
        ends = [-math.inf, *self.cuts, math.inf]
        for id, ((x, y, w, h),) in self.places.frames.items():
            inside = [box for box in self.places.boxes.values() if x < box[0] < x + w and y < box[1] < y + h]
            above, below = y - min(box[1] for box in inside), y + h - max(box[1] + box[3] for box in inside)
            for start, end in pairwise(ends):
                here = [box for box in inside if start < box[0] < end]
                if here:
                    left, right = max(x, start + 4), min(x + w, end - 4)
                    top = min(box[1] for box in here) + above
                    yield id, (left, top, right - left, max(box[1] + box[3] for box in here) + below - top)

    def _joined(self, edge: int, pieces: Sequence[Route]) -> Route:
        """Return the path of an arrow, whose pieces go on around the rows: no two of them cross on the way."""
        first = self._row(_middle_of(pieces[0]))
        path = [self._moved(point, first) for point in pieces[0]]
        for row, piece in enumerate(pieces[1:], start=first + 1):
            here = [self._moved(point, row) for point in piece]
            i, many = self.through[row - 1].index(edge), len(self.through[row - 1])
            right, down = path[-1][0] + 6 + self.track * i, self.floors[row - 1] + 10 + self.track * i
            left = here[0][0] - 6 - self.track * (many - 1 - i)
            corners = [path[-1], (right, path[-1][1]), (right, down), (left, down), (left, here[0][1]), here[0]]
            path += [*rounded(corners, _CORNER)[1:], *here[1:]]
        return tuple(path if _runs_forward(self.places.paths[edge]) else path[::-1])


def _middle_of(path: Route) -> float:
    return (path[0][0] + path[-1][0]) / 2


def _runs_forward(path: Route) -> bool:
    return path[0][0] <= path[-1][0]


def _cuts(places: Places, widest: float) -> list[float]:
    """Return where to cut: where few arrows and few frames go through, no row wider than allowed, and rows about equal."""
    free: list[float] = []
    reach = 0.0
    for x, _, w, _ in sorted(places.boxes.values()):
        if free and x > reach:
            free.append((reach + x) / 2)
        free, reach = free or [0.0], max(reach, x + w)
    free.append(places.width)

    def cost(cut: float) -> float:
        through = sum(min(p[0][0], p[-1][0]) < cut < max(p[0][0], p[-1][0]) for p in places.paths)
        return _ROW + through + _CUT_FRAME * sum(x < cut < x + w for of in places.frames.values() for x, _, w, _ in of)

    costs = [0.0, *map(cost, free[1:-1]), 0.0]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for j in range(1, len(free)):
        ways = [
            (best[i][0] + costs[j] + _EMPTY * (1 - (free[j] - free[i]) / widest) ** 2 + _ALONE * (i == j - 1), i)
            for i in range(j)
            if free[j] - free[i] <= widest or i == j - 1
        ]
        best.append(min(ways))
    cuts, j = [], len(free) - 1
    while (j := best[j][1]) > 0:
        cuts.append(free[j])
    return cuts[::-1]


def _cut(path: Route, cuts: Iterable[float]) -> list[Route]:
    """Return the pieces of a path from left to right between cuts."""
    rest, pieces = (path if _runs_forward(path) else path[::-1]), []
    for cut in cuts:
        if rest[0][0] < cut < rest[-1][0]:
            k = next(k for k in range(0, len(rest) - 1, 3) if rest[k][0] <= cut <= rest[k + 3][0])
            low, high = 0.0, 1.0
            for _ in range(30):
                middle = (low + high) / 2
                low, high = (middle, high) if _split(rest[k : k + 4], middle)[0][-1][0] < cut else (low, middle)
            first, second = _split(rest[k : k + 4], low)
            at = (cut, first[-1][1])
            pieces.append((*rest[:k], *first[:-1], at))
            rest = (at, *second[1:], *rest[k + 4 :])
    return [*pieces, rest]


def _split(curve: Sequence[Point], t: float) -> tuple[list[Point], list[Point]]:
    """Return the two parts of a Bézier curve, by de Casteljau's way."""
    first, second, points = [curve[0]], [curve[-1]], list(curve)
    while len(points) > 1:
        points = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(points)]
        first.append(points[0])
        second.append(points[-1])
    return first, second[::-1]
