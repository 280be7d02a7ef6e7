"""Windows that slide along images, with any padding, and their channels: by one op, or written of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from graphnet.errors import OpaqueError, ShapeError
from graphnet.ops.convolution import Conv2dToInput, conv1d, conv2d
from graphnet.ops.normalisation import layer_norm
from graphnet.ops.pooling import avg_pool2d, max_pool2d

Sides: TypeAlias = Sequence[tuple[int, int]]
"""How much is added before and behind, along each axis."""

_MOST = 4096
"""How many entries a window may have."""

LARGEST = 1 << 22
"""How many entries an array may have that is made of sizes alone: a few bytes of a file can ask for any."""


def limited(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an array that is to be made, or raise `ShapeError` if it is too large."""
    if min(sizes, default=0) < 0 or math.prod(sizes) > LARGEST:
        raise ShapeError(
            f"an array of shape {tuple(sizes)}", repair=f"Up to {LARGEST} entries are made of sizes alone."
        )
    return tuple(sizes)


def known_sizes(z: Any) -> tuple[int, ...]:
    """Return the sizes of images, or raise `OpaqueError` if one is known only when fed."""
    if None in z.shape[2:]:
        raise OpaqueError("the size of images is known only when fed", repair="Give it: only the batch may be free.")
    return limited(z.shape[2:])


def surrounded(z: Any, sides: Sides, fill: float) -> Any:
    """Return an array with entries around it, which may be infinite."""
    if not any(map(any, sides)):
        return z
    if math.isfinite(fill):
        return np.pad(z, sides, constant_values=fill)
    sizes = [size if any(side) else 1 for size, side in zip(z.shape, sides, strict=True)]
    limited([size + sum(side) for size, side in zip(sizes, sides, strict=True)])
    inside = np.pad(np.ones(sizes, bool), sides)
    return np.where(inside, np.pad(z, sides), fill)


def _rounded_up(
    sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], sides: Sides, dilation: Sequence[int]
) -> Sides:
    """Return padding that lets a last window begin within an image or before it, and reach beyond."""
    wider = []
    for size, k, step, (before, after), wide in zip(sizes, kernel, stride, sides, dilation, strict=True):
        reach = (k - 1) * wide + 1
        count = -(-(size + before + after - reach) // step) + 1
        count -= (count - 1) * step >= size + before
        wider.append((before, max(after, (count - 1) * step + reach - size - before)))
    return wider


def affine(z: Any, scale: Any, bias: Any, behind: int = 0) -> Any:
    """Return z ⊙ scale + bias along the channels, which `behind` axes follow."""
    scale, bias = (None if each is None else by_channel(each, behind) for each in (scale, bias))
    z = z if scale is None else z * scale
    return z if bias is None else z + bias


def by_channel(z: Any, behind: int) -> Any:
    """Return numbers of channels with so many axes behind."""
    return np.expand_dims(z, tuple(range(1, behind + 1))) if behind else z


def normalised(z: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: float) -> Any:
    """Return a batch normalisation by statistics that are known."""
    behind = z.ndim - 2
    mean, deviation = by_channel(mean, behind), by_channel(np.sqrt(variance + epsilon), behind)
    return affine((z - mean) / deviation, scale, bias, behind)


def by_sample(z: Any, scale: Any, bias: Any, epsilon: float) -> Any:
    """Return an instance normalisation: each channel of each sample by its own statistics."""
    return affine(layer_norm(z, tuple(range(2, z.ndim)), epsilon=epsilon), scale, bias, z.ndim - 2)


def convolution(
    x: Any, W: Any, bias: Any, stride: Sequence[int], sides: Sides, dilation: Sequence[int], groups: int
) -> Any:
    """Slide kernels along signals or images."""
    n = len(stride)
    if n > 2:
        raise OpaqueError("a convolution of volumes", repair="There are those of signals and images.")
    if any(before != after for before, after in sides):
        x, sides = np.pad(x, [(0, 0), (0, 0), *sides]), [(0, 0)] * n
    slide: Any = conv1d if n == 1 else conv2d
    settings = tuple(stride), tuple(before for before, _ in sides), tuple(dilation)
    return affine(slide(x, W, *(each[0] if n == 1 else each for each in settings), groups), None, bias, n)


def transposed_convolution(
    x: Any, W: Any, bias: Any, stride: Sequence[int], sides: Sides, dilation: Sequence[int], groups: int, more: Sequence[int]
) -> Any:  # fmt: skip
    """Go the way back of a convolution forward; `more` is added behind."""
    if len(stride) == 1:
        stride, sides, dilation, more = [1, *stride], [(0, 0), *sides], [1, *dilation], [0, *more]
        z = transposed_convolution(x[:, :, None], W[:, :, None], None, stride, sides, dilation, groups, more)
        return affine(z[:, :, 0], None, bias, 1)
    if len(stride) > 2:
        raise OpaqueError("a transposed convolution of volumes", repair="There are those of signals and images.")
    along = zip(known_sizes(x), known_sizes(W), stride, dilation, more, strict=True)
    rows, columns = limited([(size - 1) * step + (k - 1) * wide + 1 + add for size, k, step, wide, add in along])
    settings: Any = {"stride": tuple(stride), "dilation": tuple(dilation)}
    op = Conv2dToInput(size=(rows, columns), groups=groups, **settings)
    (top, bottom), (left, right) = sides
    return affine(op(x, W)[:, :, top : rows - bottom, left : columns - right], None, bias, 2)


def pool(
    z: Any, kernel: Sequence[int], stride: Sequence[int], sides: Sides, dilation: Sequence[int], *, mean: bool,
    ceil: bool = False, padded: bool = True,
) -> Any:  # fmt: skip
    """Return the largest entry of each window, or the mean of its entries, and of the padding too if that is `padded`.

    With `ceil` a last window may begin within an image, or before it, and reach beyond; what lies there is in no mean.
    """
    own, none = list(sides), [(0, 0)] * len(kernel)
    sides = _rounded_up(known_sizes(z), kernel, stride, own, dilation) if ceil else own
    counted = own if padded else none
    even = all(before == after and 2 * before <= k for (before, after), k in zip(sides, kernel, strict=True))
    if len(kernel) == 2 and {*dilation} == {1} and even and (sides == counted or not mean):
        one: Any = avg_pool2d if mean else max_pool2d
        return one(z, tuple(kernel), tuple(stride), tuple(before for before, _ in sides))
    around = surrounded(z, [(0, 0), (0, 0), *sides], 0.0 if mean else -math.inf)
    spread, within = _spread(around, kernel, stride, dilation)
    if not mean:
        return np.max(spread, axis=within)
    ones = np.ones([1, 1, *(size + sum(more) for size, more in zip(known_sizes(z), counted, strict=True))])
    rest = [(a - c, b - d) for (a, b), (c, d) in zip(sides, counted, strict=True)]
    count, _ = _spread(np.pad(ones, [(0, 0), (0, 0), *rest]), kernel, stride, dilation)
    return np.sum(spread, axis=within) / np.sum(count, axis=within)[0, 0]


def windows(z: Any, axis: int, size: int, step: int, wide: int = 1) -> Any:
    """Return windows along an axis, and behind it their entries along a new one."""
    firsts = np.arange(0, z.shape[axis] - wide * (size - 1), step)
    return np.take(z, firsts[:, None] + wide * np.arange(size), axis)


def _spread(
    z: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Any, tuple[int, ...]]:
    """Return the entries of windows: two axes in the place of each, of the windows and within them; and the latter."""
    if not 0 < math.prod(kernel) <= _MOST:
        raise OpaqueError(f"windows of {math.prod(kernel)} entries", repair=f"There may be {_MOST}.")
    known_sizes(z)
    for axis, (k, step, wide) in reversed([*enumerate(zip(kernel, stride, dilation, strict=True), start=2)]):
        z = windows(z, axis, k, step, wide)
    return z, tuple(range(3, 3 + 2 * len(kernel), 2))
