"""Lines, arrows and half discs as points."""

from __future__ import annotations

import math

from graphnet.draw.colours import Shade
from graphnet.draw.units.scene import Area, Line, Point

_ARC = 0.5523
"""How far the control points of a Bézier curve lie, in radii, for it to look like a quarter of a circle."""


def between(start: Point, end: Point, share: float) -> Point:
    """Return the point that far along the way."""
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def edge_line(start: Point, start_r: float, end: Point, end_r: float) -> tuple[Point, Point]:
    """Return the line between the rims of two circles."""
    length = math.dist(start, end)
    return between(start, end, start_r / length), between(end, start, end_r / length)


def half_disc(x: float, y: float, r: float, fill: Shade, line: Shade, *, right: bool) -> Area:
    """Return the left or the right half of a disc."""
    s, k = (r, r * _ARC) if right else (-r, -r * _ARC)
    top, side, bottom = (x, y - r), (x + s, y), (x, y + r)
    arc = (top, (x + k, y - r), (x + s, y - r * _ARC), side, (x + s, y + r * _ARC), (x + k, y + r), bottom)
    return Area((*arc, bottom, top, top), fill, line, 0.8, curved=True)


def back_arrow(
    start: Point, start_r: float, end: Point, end_r: float, colour: Shade, width: float, bend: float
) -> tuple[Line, Area]:
    """Return an arrow that leaves one rim and enters another, bent to run beside the straight line between them."""
    length = math.dist(start, end)
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    px, py = (-uy, ux) if ux >= 0 else (uy, -ux)  # downwards
    first = _on_rim(start, start_r, (ux, uy), (px, py))
    tip = _on_rim(end, end_r + 1.5, (-ux, -uy), (px, py))
    head = 5.0 + 1.6 * width
    base = tip[0] - ux * head, tip[1] - uy * head
    span = math.dist(first, base)
    out = first[0] + ux * span * 0.3 + px * bend, first[1] + uy * span * 0.3 + py * bend
    back = base[0] - ux * span * 0.3 + px * bend * 0.6, base[1] - uy * span * 0.3 + py * bend * 0.6
    side = 2.2 + 0.8 * width
    wings = (base[0] + px * side, base[1] + py * side), (base[0] - px * side, base[1] - py * side)
    return Line((first, out, back, base), colour, width, curved=True), Area((tip, *wings), colour, colour, 0.5)


def _on_rim(centre: Point, r: float, along: Point, aside: Point) -> Point:
    """Return the point of a circle a little aside of where a line leaves it."""
    turn = math.radians(20)
    cos, sin = math.cos(turn) * r, math.sin(turn) * r
    return centre[0] + along[0] * cos + aside[0] * sin, centre[1] + along[1] * cos + aside[1] * sin


def curve_in(points: tuple[Point, ...], x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Return a curve scaled into a rectangle whose middle is (x, y), upwards being larger."""
    low, high = min(b for _, b in points), max(b for _, b in points)
    room = high - low or 1.0
    left, right = points[0][0], points[-1][0]
    return tuple(
        (x + width * ((a - left) / (right - left) - 0.5), y - height * ((b - low) / room - 0.5)) for a, b in points
    )
