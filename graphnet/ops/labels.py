"""Class labels: numbers as targets, and the share of them that a network gets right."""

from __future__ import annotations

import numpy as np

from graphnet.common.settings import whole
from graphnet.core import shapes
from graphnet.core.leaves import numbers
from graphnet.core.node import Array, Node, Numbers
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import DtypeError, ShapeError
from graphnet.ops.activations import Identity, Sigmoid, Tanh
from graphnet.ops.arithmetic import Add, Divide, Multiply, Negative, Subtract
from graphnet.ops.comparisons import Where
from graphnet.ops.convolution import Conv2d
from graphnet.ops.dropout import Dropout
from graphnet.ops.indexing import take
from graphnet.ops.linear import BiasAdd, Matmul
from graphnet.ops.losses import Loss, unmoved
from graphnet.ops.normalisation import Normalisation
from graphnet.ops.reductions import Mean, Sum
from graphnet.ops.shaping import Concatenate, Moving
from graphnet.ops.sums import average


@builtin
class Accuracy(Loss):
    """Share of the samples whose class is right. A metric: it moves in steps, and has no slope.

    Attributes
    ----------
    threshold
        Of one score for each sample: class 1 is above it. None: ½, and scores that are no probabilities are refused.
    signed
        Whether the threshold holds only for labels that are −1 and 1: others are refused.
    """

    threshold: float | None = None
    signed: bool = False

    stretched = None  # labels have an axis less than scores

    def forward(self, scores: Array, target: Array) -> Array:
        self.shape(scores.shape, target.shape)
        if not is_one(scores.shape):
            chosen = np.where(np.isnan(scores).any(axis=-1), -1, np.argmax(scores, axis=-1))
            wanted = np.argmax(target, axis=-1) if scores.shape == target.shape else target
        else:
            chosen = np.where(np.isnan(scores), np.nan, scores > (0.5 if self.threshold is None else self.threshold))
            wanted = target > 0.5
        if isinstance(scores, np.ndarray):  # else its numbers may not be known yet
            self._require_labels(scores, target, wanted)
        return average((chosen.ravel() == wanted.ravel()).astype(scores.dtype))

    def _require_labels(self, scores: Numbers, target: Numbers, wanted: Numbers) -> None:
        """Raise `ShapeError` unless scores and labels are of the kind that is compared."""
        if not is_one(scores.shape):
            _require_labels(np.isin(wanted, range(scores.shape[-1])), wanted, f"0 to {scores.shape[-1] - 1}")
            return
        if self.threshold is None and not ((scores >= 0) & (scores <= 1)).all():
            problem = f"scores from {scores.min()} to {scores.max()} are no probabilities"
            raise ShapeError(problem, repair="Say threshold=0 if they are pre-activations: class 1 is above it.")
        _require_labels((target >= -1) & (target <= 1), target, "−1 to 1")
        if self.signed and (np.abs(target) < 0.5).any():
            raise ShapeError(
                f"scores from a tanh, and labels from {target.min()} to {target.max()}: two classes of it are −1 and 1",
                repair="Say threshold=0.5 if the tanh was trained towards 0 and 1.",
            )

    def backward(self, delta: Array, a: Array, scores: Array, target: Array) -> Array:
        return None, None

    def shape(self, scores: Shape, target: Shape) -> Shape:
        """Return (), or raise if there is not one target for each sample."""
        column = (*scores, 1) if is_one(scores) and scores[-1:] != (1,) else (*scores[:-1], 1)
        if shapes.matches(target, column) or shapes.matches(target, column[:-1]):
            return ()
        return super().shape(scores, target)


def is_one(scores: Shape) -> bool:
    """Tell whether there is one score for each sample: a column, or no axis of classes at all."""
    return len(scores) < 2 or scores[-1] == 1


def _require_labels(are: Array, labels: Array, expected: str) -> None:
    """Raise `ShapeError` unless all labels are such."""
    if not are.all():
        raise ShapeError(
            f"labels from {labels.min()} to {labels.max()}, expected numbers from {expected}",
            repair="Classes are numbered from 0; the labels of two may also be −1 and 1, or shares of class 1.",
        )


_LINEAR = (Add, Subtract, Multiply, Divide, Negative, BiasAdd, Sum, Mean, Moving, Identity, Concatenate, Where, Dropout)
"""Of pre-activations these make pre-activations again."""


def _threshold(scores: Node) -> float | None:
    """Return ½ for a sigmoid's output, 0 for a pre-activation; None if the graph does not say which it is."""
    scores = unmoved(scores)
    if isinstance(scores.op, Sigmoid):
        return 0.5
    if scores.op is None:
        return None
    seen, ahead = {scores}, [scores]
    while ahead:
        node = ahead.pop()
        if isinstance(node.op, _LINEAR):
            new = {source for source in node.inputs if source.op is not None and source.dtype != bool} - seen
            seen |= new
            ahead += new
        elif not isinstance(node.op, (Matmul, Conv2d, Normalisation)):
            return None
    return 0.0


def accuracy(scores: Array, target: Array, threshold: float | None = None, *, name: str | None = None) -> Array:
    """Share of the samples whose class is right. A metric: it moves in steps, and has no slope.

    Of several scores for each sample the largest is the class. One score for each says class 1 if it is above a threshold:
    ½ for the output of a sigmoid, 0 for a pre-activation, which is what sums and products of weights and numbers are, and for
    that of a tanh beside labels −1 and 1. A NaN is no score: its sample is not right, whatever its label.

    Parameters
    ----------
    scores : node or array
        Shape (samples, classes), or one score for each sample: (samples, 1) or (samples,).
    target : node or array
        Of the same shape, as one-hot rows, or a label for each sample: (samples,) or (samples, 1). Labels are counted from
        0; those of two classes may be −1 and 1, or shares of class 1, which counts above ½.
    threshold : float, optional
        Of one score for each sample. If not given, it is what the graph says; where there is none, as of arrays, it is ½, and
        scores that are no probabilities are an error.
    name : str, optional
        Name of the node; a graph labels nodes without one.

    Returns
    -------
    node or array
        A scalar from 0 to 1: a node if any argument is one.

    Raises
    ------
    ShapeError
        If the shapes don't fit. When run: if labels are out of range, or scores are no probabilities and no threshold is known,
        as of a tanh beside labels 0 and 1.
    GraphError
        If the threshold is no number.

    Examples
    --------
    >>> float(accuracy([[0.1, 0.9], [0.8, 0.2]], [[0, 1], [0, 1]]))
    0.5
    >>> float(accuracy([-0.5, 0.2, 3.0], [0, 1, 1], threshold=0))
    1.0
    """
    signed = False
    if threshold is None and isinstance(scores, Node) and is_one(scores.shape):
        signed = isinstance(unmoved(scores).op, Tanh)
        threshold = 0.0 if signed else _threshold(scores)
    return Accuracy(threshold, signed)(scores, target, name=name)


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
        problem = f"labels from {given.min()} to {given.max()} for {classes} classes"
        raise ShapeError(problem, repair=f"Labels run from 0 to {classes - 1}.")
    return take(np.eye(classes), given, axis=0, name=name)
