"""From numbers to strengths of colours, and from arrays to what is shown: the numbers if they are few, a map, or images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from graphnet.common.settings import whole
from graphnet.common.text import distinct, norm_of
from graphnet.core.graph import Graph
from graphnet.core.leaves import Input, Parameter
from graphnet.core.node import Array, Node, Numbers
from graphnet.draw.names import number_text, shape_text
from graphnet.draw.picture import Cell, Field, Role
from graphnet.errors import DrawError, shown
from graphnet.ops.linear import Matmul

_FLATTEST = 0.1  # the least power of a scale: of sizes over many powers of ten, the small ones still differ from 0
_MOST_ROWS, _MOST_COLUMNS, _MOST_CELLS = 6, 6, 24  # a table within these limits is read at a glance
_THUMBNAIL_ROWS, _THUMBNAIL_COLUMNS = 6, 16
_MOST_TILES = 1_024  # of images in a box
_LONGEST_SIDE = 64  # of an array on a page


@dataclass(frozen=True)
class Scale:
    """A map from numbers to strengths from −1 to 1: the sign of a number, times a power of its share of the largest size.

    Attributes
    ----------
    high
        The largest size.
    power
        1 where equal differences are equal steps; less where small numbers must differ, too.

    Examples
    --------
    >>> Scale(4.0, 0.5).strength(-1.0)
    -0.5
    """

    high: float
    power: float = 1.0

    def strength(self, value: float) -> float | None:
        """Return the strength of a number; ``None`` if it is not finite."""
        number = float(value)
        if not math.isfinite(number):
            return None
        return math.copysign(min(1.0, abs(number) / self.high) ** self.power, number) if number else 0.0

    @property
    def ends(self) -> tuple[str, str]:
        """The numbers that are strongest, as text."""
        return number_text(-self.high, 3), number_text(self.high, 3)

    def cell(self, value: Any, digits: int = 4) -> Cell:
        """Return a number with its strength."""
        return Cell(number_text(value, digits), self.strength(value))


def fitted(arrays: Iterable[Any]) -> Scale:
    """Return the scale up to the largest size in the arrays, with the power that makes the middle size half as strong.

    The middle size is the median of the arrays' medians, zeros left out: neighbours differ in colour, however unequal the
    sizes are. Small numbers are never strengthened beyond that: the power is 1 at most.

    Examples
    --------
    >>> scale = fitted([np.array([0.0, 1.0, -1.0, 4.0]), np.array([1.0])])
    >>> scale.high, scale.power, scale.strength(-1.0)
    (4.0, 0.5, -0.5)
    """
    present = [sizes for sizes in map(_sizes, arrays) if sizes.size]
    high = max((float(sizes.max()) for sizes in present), default=1.0)
    middle = float(np.median([np.median(sizes) for sizes in present])) if present else high
    share = max(middle / high, 1e-300)
    return Scale(high, max(_FLATTEST, math.log(0.5) / math.log(share)) if share < 0.5 else 1.0)


def _sizes(array: Any) -> Array:
    """Return the sizes that are finite and not 0."""
    sizes = np.abs(np.asarray(distinct(np.asarray(array))[0], dtype=float)).ravel()
    present: Array = sizes[np.isfinite(sizes) & (sizes > 0)]
    return present


# Arrays -------------------------------------------------------------------------------------------------------------


def fits_table(array: Array) -> bool:
    """Tell whether all numbers of an array can be shown."""
    rows, columns = np.atleast_2d(array).shape if array.ndim <= 2 else (0, 0)
    return bool(0 < rows * columns <= _MOST_CELLS and rows <= _MOST_ROWS and columns <= _MOST_COLUMNS)


def field_of(
    role: Role, caption: str, array: Array, scale: Scale, *, tables: bool = True, images: Images | None = None
) -> Field:
    """Return what a box shows of an array: a vector is one row; without room for `tables`, no numbers are shown."""
    if array.size == 0:
        return Field(role, caption, lines=(f"empty, {shape_text(array.shape)}",))
    if role != "value" and not distinct(array)[0].any():
        return Field(role, caption, lines=("exactly 0",), state="zero")
    told = summary_of(array)
    lines: tuple[str, ...] = (f"{told['bad']} of {array.size} not finite",) if "bad" in told else ()
    if tables and images is None and fits_table(array):
        rows = tuple(tuple(map(scale.cell, row)) for row in np.atleast_2d(array))
        return Field(role, caption, rows=rows, lines=lines)
    small = tiles(array)
    if images is not None:  # beside each other, with zeros between them
        laid = places_in(array.shape, images, _MOST_TILES)
        small = np.where(laid < 0, 0, array.reshape(-1)[laid])
    thumbnail = tuple(tuple(map(scale.strength, row)) for row in small) if tables and array.size > 1 else ()
    if "true" in told:
        lines = (f"{told['true']} of {array.size} true",)
    elif array.size == 1 or "range" not in told:
        lines += (number_text(array[(0,) * array.ndim]),)
    else:
        low, high = told["range"]
        lines += ("all 0",) if low == high == "0" else (f"norm {told['norm']}", f"{low} … {high}")
    return Field(role, caption, lines=lines, thumbnail=thumbnail)


def summary_of(array: Array) -> dict[str, Any]:
    """Return what is said of all entries: how many are not finite, norm and range; of truth values, how many are true.

    Examples
    --------
    >>> summary_of(np.array([3.0, -4.0, np.inf]))
    {'bad': 1, 'norm': '5', 'range': ['−4', '3']}
    """
    entries, times = distinct(array)
    if array.dtype == bool:
        return {"true": int(entries.sum()) * times}
    finite = entries[np.isfinite(entries)]
    told: dict[str, Any] = {"bad": int(entries.size - finite.size) * times} if finite.size < entries.size else {}
    if finite.size:
        size = norm_of(finite) * times**0.5
        told |= {"norm": number_text(size), "range": [number_text(finite.min()), number_text(finite.max())]}
    return told


def tiles(array: Array) -> Array:
    """Return the entry of largest size in each tile of an array: a small picture of it.

    Examples
    --------
    >>> tiles(np.arange(100.0).reshape(50, 2)).shape
    (6, 2)
    """
    entries = np.atleast_2d(distinct(array)[0]).astype(float)
    entries = entries.reshape(-1, entries.shape[-1])
    return largest_in_tiles(entries, min(len(entries), _THUMBNAIL_ROWS), min(entries.shape[1], _THUMBNAIL_COLUMNS))


def largest_in_tiles(matrix: Array, rows: int, columns: int) -> Array:
    """Return the entry of largest size in each of rows × columns nearly equal tiles."""
    starts = [np.arange(parts) * size // parts for size, parts in zip(matrix.shape, (rows, columns), strict=True)]
    high, low = (
        extreme.reduceat(extreme.reduceat(matrix, starts[0], axis=0), starts[1], axis=1)
        for extreme in (np.maximum, np.minimum)
    )
    return np.where(np.asarray(high, float) >= -np.asarray(low, float), high, low)


def on_scale(array: Array) -> Array:
    """Return the numbers of an array that get a colour."""
    return array if fits_table(array) or not array.size else tiles(array)


def array_data(array: Array, most: int, images: Images | None = None) -> dict[str, Any]:
    """Return an array as plain data that carry at most `most` numbers; axes beyond two are laid below each other.

    If it holds `images`, the rows are those of images beside each other, with empty texts between them.

    It has ``shape``, ``rows`` of numbers as text, ``range`` as text, and ``norm``. If rows are reduced, ``each`` says how many
    entries (rows, columns) one number stands for at most: it is the entry of largest size among them. ``bad`` counts the
    entries that are not finite.

    Examples
    --------
    >>> array_data(np.array([[1.0, -2.0]]), most=6)
    {'shape': [1, 2], 'rows': [['1', '−2']], 'norm': '2.236', 'range': ['−2', '1']}
    >>> array_data(np.arange(12.0).reshape(2, 6), most=4)["rows"], array_data(np.zeros((2, 6)), most=4)["each"]
    ([['2', '5'], ['8', '11']], [1, 3])
    """
    shape = [int(size) for size in array.shape]
    if not array.size:
        return {"shape": shape, "rows": []}
    if images is not None:
        numbers = array.reshape(-1)
        rows = [["" if at < 0 else number_text(numbers[at]) for at in row] for row in places_in(array.shape, images)]
        return {"shape": shape, "rows": rows, "images": images} | summary_of(array)
    entries, _ = distinct(array)
    matrix = np.atleast_2d(entries).reshape(-1, entries.shape[-1] if array.ndim else 1)
    shown = _reduced(matrix, most)
    told: dict[str, Any] = {"shape": shape, "rows": [[number_text(entry) for entry in row] for row in shown]}
    columns = array.shape[-1] if array.ndim else 1
    if shown.size != array.size:
        told["each"] = [-(-a // b) for a, b in zip((array.size // columns, columns), shown.shape, strict=True)]
    return told | summary_of(array)


def _reduced(matrix: Array, most: int) -> Array:
    """Return the entry of largest size in each tile, for as many tiles as are allowed: the longer side is cut first."""
    rows, columns = matrix.shape
    if rows * columns <= most and max(rows, columns) <= _LONGEST_SIDE:
        return matrix
    narrow = min(rows, columns, int(most**0.5))
    long = min(max(rows, columns), _LONGEST_SIDE, most // narrow)
    return largest_in_tiles(matrix, *((narrow, long) if rows <= columns else (long, narrow)))


# Images -------------------------------------------------------------------------------------------------------------

MOST_OF_IMAGES = 4_096
"""Of an array of images that are shown; at least one image is."""


class Images(NamedTuple):
    """The size of each image in an array: of the numbers of a sample, one after the other, or those of a column of weights."""

    height: int
    width: int
    columns: bool = False


def images_in(graph: Graph, given: Any) -> dict[Node, Images]:
    """Return which nodes hold images: the inputs that are given, and the weights that they are multiplied by.

    Raises
    ------
    DrawError
        If it is no ``{input: (height, width)}``, or the numbers of a sample don't make whole images.
    """
    if given is None:
        return {}
    repair = "Write pictures={x: (28, 28)}, with the height and width of the images in an input x."
    if not isinstance(given, Mapping):
        raise DrawError(f"pictures is {shown(given)}", repair=repair)
    found: dict[Node, Images] = {}
    for key, size in given.items():
        x = graph[key]
        if not isinstance(x, Input) or not isinstance(size, (tuple, list)) or len(size) != 2:
            raise DrawError(f"pictures has {graph.label(x)!r}: {shown(size)}", repair=repair)
        height, width = (whole(n, "the height or width of an image", repair, least=1, error=DrawError) for n in size)
        images = Images(height, width)
        area = height * width
        sizes = [0 if size is None else size for size in x.shape[x.shape[:1] == (None,) :]]  # of a sample
        if math.prod(sizes) % area or 0 in sizes:
            raise DrawError(
                f"a sample of {graph.label(x)!r}, of shape {x.shape}, makes no images of {height} × {width}",
                repair=f"Declare its sizes, with None for the samples alone; {area} must divide the number of its entries.",
            )
        found[x] = images
        for consumer, slot in graph.consumers(x):
            weights, multiplied = consumer.inputs[-1], isinstance(consumer.op, Matmul) and slot == 0
            if multiplied and isinstance(weights, Parameter) and weights.shape[0] == area:
                found[weights] = images._replace(columns=True)
    return found


def places_in(shape: tuple[int, ...], images: Images, most: int = MOST_OF_IMAGES) -> Numbers:
    """Return the place in an array of each number of its images, laid out in rows; −1 between two images.

    Examples
    --------
    >>> places_in((2, 4), Images(2, 2))
    array([[ 0,  1, -1,  4,  5],
           [ 2,  3, -1,  6,  7]])
    """
    height, width, columns = images
    every = np.arange(math.prod(shape)).reshape(shape)
    every = (every.T if columns else every).reshape(-1, height, width)
    every = every[: max(1, most // (height * width))]
    in_row = math.ceil(math.sqrt(len(every) * height / width))
    rows = -(-len(every) // in_row)
    laid = np.full((rows * (height + 1) - 1, in_row * (width + 1) - 1), -1)
    for i, image in enumerate(every):
        top, left = i // in_row * (height + 1), i % in_row * (width + 1)
        laid[top : top + height, left : left + width] = image
    return laid
