"""Convolution of images and signals, and the two ops that take its error signal back.

Images are in the order (samples, channels, rows, columns), kernels (channels out, channels in, rows, columns). As
everywhere in this field the kernel is not turned round: a cross-correlation, as torch's conv2d.

One sum stands behind all three ops: T(x, W, δ) = Σ δ[n, o, i, j] W[o, c, p, q] x[n, c, s·i + d·p − pad, s·j + d·q − pad].
`Conv2d` is its slope in δ, `Conv2dToInput` in x, `Conv2dToKernel` in W. It is linear in each, so each op's backward
rule is the other two ops, and derivatives of any order exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from graphnet.common.settings import Count, Pair, Steps
from graphnet.core import shapes
from graphnet.core.node import Array
from graphnet.core.op import Primitive
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape, Size
from graphnet.errors import ShapeError, shown
from graphnet.ops.composites import provided
from graphnet.ops.functions import word

PLACES = 1024
"""How many places of a kernel one float32 product adds up: a library may add one by one, and lose two digits over a million."""


@dataclass(frozen=True, kw_only=True)
class Sliding(Primitive):
    """An op in which a kernel slides over images.

    Attributes
    ----------
    stride
        Steps of the kernel, down and to the right.
    padding
        Rows of zeros above and below, columns of zeros left and right.
    dilation
        Steps from one entry of the kernel to the next, down and to the right.
    groups
        Into how many groups the channels are divided, each with its own part of the kernels.
    """

    stride: Steps = (1, 1)
    padding: Pair = (0, 0)
    dilation: Steps = (1, 1)
    groups: Count = 1

    def windows(self, sheet: Any, kernel: Pair, stride: Pair) -> Any:
        """Return a view of every window of a sheet, of shape (channels, *kernel, *places)."""
        (down, right), (dy, dx) = stride, self.dilation
        view = sliding_window_view(sheet, self.reach(kernel), axis=(1, 2))
        return view[:, ::down, ::right, ::dy, ::dx].transpose(0, 3, 4, 1, 2)

    def reach(self, kernel: Pair) -> Pair:
        """Return how many rows and columns a kernel spans."""
        rows, columns = ((size - 1) * step + 1 for size, step in zip(kernel, self.dilation, strict=True))
        return rows, columns

    def each(self, product: Callable[[Any, Any], Any], x: Array, other: Array, axis: int, joined: int) -> Array:
        """Return a product of images with what belongs to them on an axis, group by group, joined along another."""
        if self.groups == 1:
            return product(x, other)
        groups = zip(np.split(x, self.groups, 1), np.split(other, self.groups, axis), strict=True)
        return np.concatenate([product(*group) for group in groups], joined)

    def like(self) -> dict[str, Any]:
        """Return the settings that all three ops share."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def to_input(self, delta: Array, W: Array, x: Array) -> Array:
        """Take an error signal back to the images `x`."""
        size = _known(x, "rows and columns of x")
        return Conv2dToInput(size, **self.like())(delta, W)

    def to_kernel(self, x: Array, delta: Array, W: Array) -> Array:
        """Take an error signal back to the kernel `W`."""
        size = _known(W, "rows and columns of W")
        return Conv2dToKernel(size, **self.like())(x, delta)


@builtin
class Conv2d(Sliding):
    """Convolution, z[n, o, i, j] = Σ W[o, c, p, q] x[n, c, s·i + d·p − pad, s·j + d·q − pad].

    x receives the kernel laid down again at each place, weighted by δ; W receives the windows of x, weighted by δ.
    """

    def forward(self, x: Array, W: Array) -> Array:
        self.shape(x.shape, W.shape)  # sizes that were unknown when the node was made
        return self.each(self._of_group, x, W, 0, 1)

    def _of_group(self, x: Any, W: Any) -> Any:
        sheet, inside = _sheet(x, self.padding)
        return _products(x, inside, self.windows(sheet, W.shape[2:], self.stride), W)

    def backward(self, delta: Array, z: Array, x: Array, W: Array) -> Array:
        return self.to_input(delta, W, x), self.to_kernel(x, delta, W)

    def shape(self, x: Shape, W: Shape) -> Shape:
        _require_images(x=x, W=W)
        channels = None if W[1] is None else W[1] * self.groups
        _require_channels(f"x has shape {x}, W has shape {W}", x[1], channels)
        if W[0] is not None and W[0] % self.groups:
            raise ShapeError(f"{W[0]} kernels in {self.groups} groups", repair="Give each group as many kernels.")
        along = zip(x[2:], W[2:], self.stride, self.padding, self.dilation, strict=True)
        return (x[0], W[0], *(_places(*sizes) for sizes in along))


@builtin
class Conv2dToInput(Sliding):
    """What takes an error signal δ back through `conv2d` to its input: each window receives the kernel, times its δ.

    Attributes
    ----------
    size
        Rows and columns of the input.
    """

    size: Pair

    def forward(self, delta: Array, W: Array) -> Array:
        # The turned kernel slides over the error signals, which lie as far apart as the windows did.
        return self.each(self._of_group, delta, W, 0, 1)

    def _of_group(self, delta: Any, W: Any) -> Any:
        (h, w), (kh, kw), (top, left) = self.size, self.reach(W.shape[2:]), self.padding
        (down, right), (rows, columns) = self.stride, delta.shape[2:]
        sheet = np.zeros((delta.shape[1], h + 2 * top + kh - 1, w + 2 * left + kw - 1), delta.dtype)
        inside = sheet[:, kh - 1 : kh + down * (rows - 1) : down, kw - 1 : kw + right * (columns - 1) : right]
        windows = self.windows(sheet, W.shape[2:], (1, 1))[..., top : top + h, left : left + w]
        return _products(delta, inside, windows, W[:, :, ::-1, ::-1].swapaxes(0, 1))

    def backward(self, delta: Array, output: Array, signal: Array, W: Array) -> Array:
        return Conv2d(**self.like())(delta, W), self.to_kernel(delta, signal, W)

    def shape(self, delta: Shape, W: Shape) -> Shape:
        _require_images(delta=delta, W=W)
        _require_channels(f"delta has shape {delta}, W has shape {W}", delta[1], W[0])
        return (delta[0], None if W[1] is None else W[1] * self.groups, *self.size)


@builtin
class Conv2dToKernel(Sliding):
    """What takes an error signal δ back through `conv2d` to its kernel: the windows of x, each times its δ, added up.

    Attributes
    ----------
    size
        Rows and columns of the kernel.
    """

    size: Pair

    def forward(self, x: Array, delta: Array) -> Array:
        return self.each(self._of_group, x, delta, 1, 0)

    def _of_group(self, x: Any, delta: Any) -> Any:
        sheet, inside = _sheet(x, self.padding)
        windows = self.windows(sheet, self.size, self.stride)
        (c, kh, kw, rows, columns), channels = windows.shape, delta.shape[1]
        gradient = np.zeros((channels, c * kh * kw))  # float64: there may be many samples, or places in one
        signals = delta.reshape(len(delta), channels, rows * columns)
        for signal, flat in zip(signals, _flattened(x, inside, windows), strict=True):
            for start in range(0, rows * columns, PLACES):
                gradient += signal[:, start : start + PLACES] @ flat[:, start : start + PLACES].T
        return gradient.reshape(channels, c, kh, kw).astype(delta.dtype)

    def backward(self, delta: Array, output: Array, x: Array, signal: Array) -> Array:
        return self.to_input(signal, delta, x), Conv2d(**self.like())(x, delta)

    def shape(self, x: Shape, delta: Shape) -> Shape:
        _require_images(x=x, delta=delta)
        return (delta[1], None if x[1] is None else x[1] // self.groups, *self.size)


def _require_images(**given: Shape) -> None:
    if any(len(shape) != 4 for shape in given.values()):
        repair = "Images are (samples, channels, rows, columns), kernels (channels out, channels in, rows, columns)."
        raise ShapeError(", ".join(f"{name} has shape {shape}" for name, shape in given.items()), repair=repair)


def _require_channels(problem: str, first: Size, second: Size) -> None:
    if not shapes.same_size(first, second):
        problem = f"{problem}: {first} channels and {second} differ"
        raise ShapeError(problem, repair="Images have their channels on axis 1.")


def _places(size: Size, kernel: Size, stride: int, padding: int, dilation: int = 1) -> Size:
    """Return how many places a kernel has along an axis."""
    if size is None or kernel is None:
        return None
    kernel = (kernel - 1) * dilation + 1
    if not 1 <= kernel <= size + 2 * padding:
        problem = f"a kernel of size {kernel} on an axis of size {size} with {padding} zeros on each side"
        raise ShapeError(problem, repair="The kernel must fit: pad the images, or take a smaller kernel.")
    return (size + 2 * padding - kernel) // stride + 1


def _known(images: Array, purpose: str) -> Pair:
    rows, columns = shapes.known(images.shape[2:], f"conv2d's backward rule ({purpose})")
    return rows, columns


def _sheet(x: Any, padding: Pair) -> tuple[Any, Any]:
    """Return zeros for one sample of `x` with its padding, and the view of them that a sample is written into."""
    (above, left), (channels, rows, columns) = padding, x.shape[1:]
    sheet = np.zeros((channels, rows + 2 * above, columns + 2 * left), x.dtype)
    return sheet, sheet[:, above : above + rows, left : left + columns]


def _flattened(samples: Any, inside: Any, windows: Any) -> Iterator[Any]:
    """Yield the windows of each sample as a matrix, of shape (channels · kernel, places), valid until the next one.

    The windows overlap, so that to copy them takes many times the memory of a sample. Written one after the other into the
    same sheet, and its windows into the same matrix, samples stay in the cache until the matrix product has read them.
    """
    copied = np.empty(windows.shape, windows.dtype)
    flat = copied.reshape(math.prod(windows.shape[:3]), math.prod(windows.shape[3:]))
    for sample in samples:
        inside[...] = sample
        copied[...] = windows
        yield flat


def _products(samples: Any, inside: Any, windows: Any, W: Any) -> Any:
    """Return the product of each kernel with each window, of shape (samples, channels out, *places)."""
    *kernel, rows, columns = windows.shape
    result = np.empty((len(samples), len(W), rows * columns), np.result_type(windows, W))
    kernels = W.reshape(len(W), math.prod(kernel))
    for of_sample, flat in zip(result, _flattened(samples, inside, windows), strict=True):
        np.matmul(kernels, flat, out=of_sample)
    return result.reshape(len(samples), len(W), rows, columns)


@provided(shapes="Signals (samples, channels, length), kernels (channels out, channels in / groups, length).")
def conv1d(x: Array, W: Array, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Array:
    """Convolution along one axis, z[n, o, i] = Σ W[o, c, p] x[n, c, s·i + d·p − pad]: that of images of one row.

    Attributes
    ----------
    stride
        Steps of the kernel.
    padding
        Zeros on each side.
    dilation
        Steps from one entry of the kernel to the next.
    groups
        Into how many groups the channels are divided.

    Examples
    --------
    >>> conv1d(np.array([[[0.0, 0.0, 5.0, 5.0]]]), np.array([[[-1.0, 1.0]]]))
    array([[[0., 5., 0.]]])
    """
    op = Conv2d(stride=(1, stride), padding=(0, padding), dilation=(1, dilation), groups=groups)
    return op(x[:, :, None], W[:, :, None])[:, :, 0]


@word(shapes="Images (samples, channels, rows, columns), kernels (channels out, channels in / groups, rows, columns).")
def conv2d(
    x: Array,
    W: Array,
    stride: int | Pair = 1,
    padding: int | Pair | Literal["same"] = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Array:
    """Slide kernels over images: z[n, o, i, j] = Σ W[o, c, p, q] x[n, c, s·i + d·p − pad, s·j + d·q − pad].

    Not turned round, as everywhere in this field: a cross-correlation, as torch's conv2d.

    The result has shape (samples, channels out, (rows + 2 pad − d (kernel − 1) − 1) // stride + 1, the same of the columns).

    Attributes
    ----------
    stride
        Steps of the kernel, down and to the right.
    padding
        Zeros on each side; "same" for as many as keep rows and columns at stride 1, for kernels of odd size.
    dilation
        Steps from one entry of the kernel to the next, down and to the right.
    groups
        Into how many groups the channels are divided: the first kernels see the first channels alone, and so on. As many as
        there are channels make it a convolution of each channel by itself.

    Examples
    --------
    >>> edge = np.array([[[[-1.0, 1.0]]]])
    >>> conv2d(np.array([[[[0.0, 0.0, 5.0, 5.0]]]]), edge)
    array([[[[0., 5., 0.]]]])
    """
    steps = pair(dilation, "dilation", 1)
    if isinstance(padding, str) and padding == "same":
        rows, columns = _same(W.shape[2:])
        padding = rows * steps[0], columns * steps[1]
    padding, stride = pair(padding, "padding", 0), pair(stride, "stride", 1)
    return Conv2d(stride=stride, padding=padding, dilation=steps, groups=groups)(x, W)


def _same(kernel: Shape) -> Pair:
    sizes = shapes.known(kernel, 'padding "same"')
    if len(sizes) != 2 or not all(size % 2 for size in sizes):
        problem = f'padding "same" for a kernel of {sizes}'
        raise ShapeError(problem, repair="It needs odd sizes; else give a number of zeros.")
    return sizes[0] // 2, sizes[1] // 2


def pair(value: Any, what: str, least: int) -> Pair:
    """Return a setting for rows and columns, a number or two, as a pair of integers, or raise `ShapeError`."""
    with suppress(ShapeError):
        values = shapes.as_axes(value)
        if (len(values) == 2 or (len(values) == 1 and hasattr(value, "__index__"))) and min(values) >= least:
            return values[0], values[-1]
    problem = f"{what} is {shown(value)}"
    raise ShapeError(problem, repair=f"Give an integer ≥ {least}, or a pair of them: for rows and columns.")


Conv1d = conv1d.kind
