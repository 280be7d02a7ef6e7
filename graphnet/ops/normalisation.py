"""Normalisation: entries brought to mean 0 and variance 1, over the samples or within each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphnet.common.settings import NotNegative
from graphnet.core import shapes
from graphnet.core.leaves import as_operand
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.sums import average

EPSILON = 1e-5
"""Added to the variance, as torch does, so that entries that are all equal become 0."""


@dataclass(frozen=True)
class Normalisation(Op):
    """An op that subtracts the mean of entries, and divides by their standard deviation.

    Attributes
    ----------
    axes
        The axes along which the entries lie that share a mean.
    epsilon
        Added to the variance.
    """

    axes: tuple[int, ...]
    epsilon: NotNegative = EPSILON

    def forward(self, z: Array) -> Array:
        centred = self._centred(z)
        return centred * self._per_deviation(centred)

    def backward(self, delta: Array, a: Array, z: Array) -> Array:
        mean = average(delta, self.axes, keepdims=True)
        along = a * average(delta * a, self.axes, keepdims=True)
        return (delta - mean - along) * self._per_deviation(self._centred(z))

    def statistics(self, z: Array) -> tuple[Array, Array]:
        """Return the means of numbers, and √(variance + ε)."""
        mean = average(z, self.axes, keepdims=True)
        mean = mean + average(z - mean, self.axes, keepdims=True)
        return mean, 1 / self._per_deviation(z - mean)

    def _centred(self, z: Array) -> Array:
        centred = z - average(z, self.axes, keepdims=True)
        return centred - average(centred, self.axes, keepdims=True)  # what the mean lacked by rounding

    def _per_deviation(self, centred: Array) -> Array:
        variance = average(np.square(centred), self.axes, keepdims=True) + self.epsilon
        return np.sqrt(variance) / variance  # not 1 / √, which makes a variance that overflows a silent 0: this is NaN

    def shape(self, z: Shape) -> Shape:
        """Return the same shape, or raise if each mean would be of one entry: everything would become 0."""
        sizes = [z[axis] for axis in shapes.normal_axes(self.axes, len(z))]
        if None not in sizes and math.prod(size for size in sizes if size is not None) < 2:
            raise ShapeError(f"z has shape {z}: each entry is its own mean along {self.axes}", repair=self.of_one)
        return z

    of_one = "Give it more than one entry along these axes."


@builtin
class BatchNorm(Normalisation):
    """Batch normalisation, a = (z − mean) / √(variance + ε) over the samples: those of this batch (Ioffe and Szegedy, 2015).

    z receives (δ − mean δ − a mean(δ ⊙ a)) / √(variance + ε), from the cached output: mean and variance depend on every z.
    """

    of_one = "Normalising over a batch needs more than one sample. For inference use gn.inference(a, feeds)."

    def forward(self, z: Array) -> Array:
        self.shape(z.shape)  # the number of samples is known now
        return super().forward(z)


@builtin
class LayerNorm(Normalisation):
    """Layer normalisation, a = (z − mean) / √(variance + ε) within each sample (Ba, Kiros and Hinton, 2016).

    z receives (δ − mean δ − a mean(δ ⊙ a)) / √(variance + ε), from the cached output.
    """

    axes: tuple[int, ...] = (-1,)


def batch_norm(z: Array, *, epsilon: float = EPSILON, name: str | None = None) -> Array:
    """Normalise over the samples of the batch: each column, or of images each channel, gets mean 0 and variance 1.

    Parameters
    ----------
    z : node or array
        Shape (samples, columns), or images of shape (samples, channels, rows, columns).
    epsilon : float
        Added to the variance.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Raises
    ------
    ShapeError
        If `z` has another number of axes, or there is only one value to normalise: then when run.

    See Also
    --------
    graphnet.inference : the same network with the mean and variance of training data.

    Examples
    --------
    >>> batch_norm(np.array([[0.0, 1.0], [2.0, 5.0]])).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    z = as_operand(z, "z")
    if np.ndim(z) not in (2, 4):
        problem = f"batch_norm of shape {np.shape(z)}"
        raise ShapeError(problem, repair="It takes (samples, columns) or (samples, channels, rows, columns).")
    return BatchNorm((0,) if np.ndim(z) == 2 else (0, 2, 3), epsilon)(z, name=name)


def layer_norm(z: Array, axes: int | Sequence[int] = -1, *, epsilon: float = EPSILON, name: str | None = None) -> Array:
    """Normalise within each sample: the entries along `axes` get mean 0 and variance 1.

    Parameters
    ----------
    z : node or array
        Any shape with these axes.
    axes : int or sequence of int
        The axes of one sample; by default the last.
    epsilon : float
        Added to the variance.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Raises
    ------
    ShapeError
        When the node is made, if there are no such axes, or they hold one entry.

    Examples
    --------
    >>> layer_norm(np.array([[0.0, 2.0, 4.0]])).round(3)
    array([[-1.225,  0.   ,  1.225]])
    """
    z = as_operand(z, "z")
    return LayerNorm(shapes.normal_axes(axes, np.ndim(z)), epsilon)(z, name=name)
