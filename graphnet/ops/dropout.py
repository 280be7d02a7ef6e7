"""Dropout: entries left out at random, by a mask that is an input of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.common.settings import Proportion, generator, whole
from graphnet.core import shapes
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Input
from graphnet.core.node import Array
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import DtypeError, ShapeError


@builtin
class Dropout(Op):
    """Dropout, a = z ⊙ keep / (1 − rate): what is kept grows, so that the mean stays (Srivastava et al., 2014).

    z receives δ ⊙ keep / (1 − rate). The mask is an input like any other: a pass draws nothing at random, so that it can
    be repeated and checked.

    Attributes
    ----------
    rate
        The share of entries that masks leave out.
    """

    rate: Proportion = 0.5
    choosing = (1,)

    def forward(self, z: Array, keep: Array) -> Array:
        return z * keep / (1 - self.rate)

    def backward(self, delta: Array, a: Array, z: Array, keep: Array) -> Array:
        return delta * keep / (1 - self.rate), None

    def shape(self, z: Shape, keep: Shape) -> Shape:
        if not shapes.matches(z, keep):
            problem = f"z has shape {z}, keep has shape {keep}"
            raise ShapeError(problem, repair="A mask has a value for each entry of z.")
        return z

    def dtype(self, z: np.dtype[Any], keep: np.dtype[Any]) -> np.dtype[Any]:
        if keep.kind != "b":
            raise DtypeError("keep holds numbers, expected truth values", repair="Declare the mask with dtype=bool.")
        return super().dtype(z)


def dropout(z: Array, keep: Array, rate: float = 0.5, *, name: str | None = None) -> Array:
    """Leave out the entries whose `keep` is false, and let the others grow: a = z ⊙ keep / (1 − rate).

    Parameters
    ----------
    z : node or array
        Any shape.
    keep : node or array of bool
        Same shape.
    rate : float
        The share of entries that masks leave out, from 0 to less than 1.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        Same shape.

    Raises
    ------
    ShapeError, DtypeError
        When the node is made, if `keep` is not a mask for `z`.
    GraphError
        If `rate` is not from 0 to less than 1.

    Examples
    --------
    >>> dropout(np.array([1.0, 2.0]), np.array([True, False]), rate=0.5)
    array([2., 0.])
    """
    return Dropout(rate)(z, keep, name=name)


def mask_rates(graph: Graph) -> dict[Input, float]:
    """Return the inputs of a graph that are masks of dropout, and the share that each leaves out."""
    rates: dict[Input, float] = {}
    for node in graph.nodes:
        if isinstance(node.op, Dropout) and isinstance(node.inputs[1], Input):
            rates.setdefault(node.inputs[1], node.op.rate)
    return rates


def dropout_masks(target: Target, samples: int, rng: np.random.Generator) -> dict[Input, Array]:
    """Draw the masks of dropout for one pass, as feeds; `fit` draws them by itself.

    Parameters
    ----------
    target
        The output, or a graph.
    samples
        How many samples are fed: the first size of a mask, where that is not known.
    rng
        Where the numbers come from.

    Returns
    -------
    dict
        {mask input: array of bool}, true where an entry is kept.

    Raises
    ------
    UnknownSizeError
        If another size than the number of samples is not known.

    Examples
    --------
    >>> import graphnet as gn
    >>> x = gn.input("x", shape=(None, 2))
    >>> a = gn.layers.dropout(x, rate=0.5)
    >>> masks = gn.dropout_masks(a, samples=3, rng=np.random.default_rng(0))
    >>> gn.forward(a, {x: np.ones((3, 2)), **masks})[a]
    array([[2., 0.],
           [0., 0.],
           [2., 2.]])
    """
    samples = whole(samples, "samples", least=0)
    generator(rng)
    masks = {}
    for mask, rate in mask_rates(as_graph(target)).items():
        sizes = mask.shape if not mask.shape or mask.shape[0] is not None else (samples, *mask.shape[1:])
        masks[mask] = rng.random(shapes.known(sizes, f"the dropout mask {mask.name!r}")) >= rate
    return masks
