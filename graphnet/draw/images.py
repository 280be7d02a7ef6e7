"""Arrays whose numbers are images: the inputs that are said to be, and the weights that look at them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from graphnet.common.settings import whole
from graphnet.core.graph import Graph
from graphnet.core.leaves import Input, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.errors import DrawError, shown
from graphnet.ops.linear import Matmul

MOST_NUMBERS = 4_096
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


def places_in(shape: tuple[int, ...], images: Images, most: int = MOST_NUMBERS) -> Numbers:
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
