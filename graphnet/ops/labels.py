"""Class labels: numbers as targets, and the share of them that a network gets right."""

from __future__ import annotations

import numpy as np

from graphnet.core.leaves import numbers
from graphnet.core.node import Array, Node
from graphnet.core.registry import builtin
from graphnet.core.settings import whole
from graphnet.errors import DtypeError, ShapeError
from graphnet.ops.functions import function
from graphnet.ops.losses import Loss
from graphnet.ops.picking import take


@builtin
class Accuracy(Loss):
    """Share of the rows whose largest score is that of the target's class. A metric: it moves in steps, and has no slope.

    Examples
    --------
    >>> float(accuracy([[0.1, 0.9], [0.8, 0.2]], [[0, 1], [0, 1]]))
    0.5
    """

    def forward(self, scores: Array, target: Array) -> Array:
        right = np.argmax(scores, axis=-1) == np.argmax(target, axis=-1)
        return np.mean(right, dtype=scores.dtype)

    def backward(self, delta: Array, a: Array, scores: Array, target: Array) -> Array:
        return None, None


accuracy = function(Accuracy(), shapes="Exactly equal shapes. Classes on the last axis.")


def one_hot(labels: Array, classes: int, *, name: str | None = None) -> Array:
    """Turn class numbers into rows with a 1 in the place of the class: targets for `cross_entropy`.

    Parameters
    ----------
    labels : node or array of int
        Numbers from 0 to `classes` − 1, any shape; a node declared with ``dtype=int``.
    classes : int
        How many classes there are.
    name : str, optional
        Name of the node.

    Returns
    -------
    node or array
        The shape of `labels`, and an axis of the classes. Of a node: a `take` of the rows of a unit matrix.

    Raises
    ------
    ShapeError
        If a label is not one of the classes. Of a node: before training, or when run.
    DtypeError
        If the labels are not integers.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    classes = whole(classes, "classes", least=1, most=2**31)
    given = labels if isinstance(labels, Node) else numbers(labels, "labels")
    if given.dtype.kind not in "iu":
        raise DtypeError(f"labels of dtype {given.dtype}", repair="Labels are integers: declare them with dtype=int.")
    if not isinstance(given, Node) and given.size and not 0 <= given.min() <= given.max() < classes:
        raise ShapeError(
            f"labels from {given.min()} to {given.max()} for {classes} classes",
            repair=f"Labels run from 0 to {classes - 1}.",
        )
    return take(np.eye(classes), given, axis=0, name=name)
