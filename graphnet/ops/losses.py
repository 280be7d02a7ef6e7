"""Losses: scalars that compare a prediction with a target. They never broadcast."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from graphnet.common.origin import warn
from graphnet.core import shapes
from graphnet.core.leaves import Constant
from graphnet.core.node import Array, Node
from graphnet.core.op import Op
from graphnet.core.registry import builtin
from graphnet.core.shapes import Shape
from graphnet.errors import ShapeError
from graphnet.ops.activations import Identity, LogSoftmax, Sigmoid, Softmax, log_softmax, sigmoid, softmax, softplus
from graphnet.ops.functions import function
from graphnet.ops.reductions import entries
from graphnet.ops.shaping import Moving
from graphnet.ops.sums import average, total


def unmoved(node: Node) -> Node:
    """Return the node whose entries a node holds, perhaps in another shape."""
    while isinstance(node.op, (Moving, Identity)):
        node = node.inputs[0]
    return node


class Loss(Op):
    """An op that compares a prediction with a target of exactly the same shape."""

    stretched: ClassVar[slice | None] = slice(None)  # so that the engine holds sizes declared unknown to being equal

    def shape(self, prediction: Shape, target: Shape) -> Shape:
        """Return (), or raise if the two shapes differ."""
        if not shapes.matches(prediction, target):
            predicted, targeted = self.input_names(2)
            problem = f"{predicted} has shape {prediction} but {targeted} has shape {target}"
            raise ShapeError(problem, repair=f"{self.name} never broadcasts. {_repair(prediction, target)}")
        return ()


def _warn_of_two(loss: Node) -> None:
    """Warn if the prediction is the output of an activation such as the loss applies itself."""
    source = unmoved(loss.inputs[0])
    if isinstance(source.op, (Sigmoid, Softmax, LogSoftmax)) and not isinstance(source.inputs[0], Constant):
        warn(
            f"{loss.kind} of the output of {source.kind}: it takes pre-activations and applies its own activation, so that "
            f"there are two, and learning is slow. Write {loss.kind}(z, target) with the z that {source.kind} was given."
        )


def _warn_of_one_class(loss: Node) -> None:
    """Warn of a softmax of one number too, which is 1 whatever the number is."""
    _warn_of_two(loss)
    if loss.inputs[0].shape[-1:] == (1,) and loss.inputs[0].op is not None:
        warn(
            f"{loss.kind} of one class: the softmax of one number is 1, whatever it is, so that nothing is learnt. "
            "For one output that says yes or no write binary_cross_entropy(z, target)."
        )


def _repair(prediction: Shape, target: Shape) -> str:
    if len(target) + 1 != len(prediction):
        return "Give both the same shape."
    if prediction[-1] == 1:
        return f"If the target holds one value per row, declare it with shape {prediction}."
    return f"If the target holds labels, one for each row, write gn.one_hot(target, {prediction[-1] or 'classes'})."


@builtin
class SSE(Loss):
    """Half the sum of squared errors, E = ½ Σ (a − t)² (Eq. 1); a receives δ (a − t).

    Divided by `batch_size` of the input it is a mean over the samples: ``sse(a, t) / batch_size(x)``.

    Examples
    --------
    >>> float(sse([1.0, 2.0], [0.0, 4.0]))
    2.5
    """

    def forward(self, prediction: Array, target: Array) -> Array:
        return 0.5 * total(np.square(prediction - target))

    def backward(self, delta: Array, e: Array, prediction: Array, target: Array) -> Array:
        error = delta * (prediction - target)
        return error, -error


@builtin
class MSE(Loss):
    """Mean of squared errors, E = (1/n) Σ (a − t)²; a receives δ 2 (a − t) / n.

    Examples
    --------
    >>> float(mse([1.0, 2.0], [0.0, 4.0]))
    2.5
    """

    def forward(self, prediction: Array, target: Array) -> Array:
        return average(np.square(prediction - target))

    def backward(self, delta: Array, e: Array, prediction: Array, target: Array) -> Array:
        error = delta * (prediction - target) * (2 / entries(prediction))
        return error, -error


@builtin
class BinaryCrossEntropy(Loss):
    """Negative log-likelihood of 0/1 targets under a = sigmoid(z), E = −Σ [t ln a + (1 − t) ln(1 − a)].

    Takes z, the pre-activation, and computes −ln a as softplus(−z), which never overflows; z receives δ (a − t). Both are
    right to the last digits where a sure prediction leaves little of them. A sum, as `sse` is: the likelihood of all
    samples together.

    Examples
    --------
    >>> float(binary_cross_entropy([1e4, -1e4], [0.0, 0.0]))
    10000.0
    """

    def forward(self, z: Array, target: Array) -> Array:
        return total(_times(target, softplus(-z)) + _times(1 - target, softplus(z)))

    def backward(self, delta: Array, e: Array, z: Array, target: Array) -> Array:
        error = (1 - target) * sigmoid(z) - target * sigmoid(-z)  # a − t, without the rounding of a at 1
        return delta * error, -delta * z


@builtin
class CrossEntropy(Loss):
    """Negative log-likelihood of class probabilities t under a = softmax(z), E = −Σ t ln a, classes on the last axis.

    Takes z, the pre-activation, and uses log_softmax(z), which never overflows; z receives δ (a Σⱼ tⱼ − t), that is
    δ (a − t) for targets that sum to 1. A sum over the samples, as `sse` is. A class that is masked, z = −∞,
    adds nothing where t = 0, and a row without targets, masked as a whole, receives 0. What the sure class itself receives,
    δ (a − 1), is rounded as a is beside 1; two classes in `binary_cross_entropy` keep it.

    Examples
    --------
    >>> float(cross_entropy([[0.0, 1e4]], [[1.0, 0.0]]))
    10000.0
    """

    def forward(self, z: Array, target: Array) -> Array:
        return 0 - total(_times(target, log_softmax(z)))  # 0, not −0, of a sure prediction

    def backward(self, delta: Array, e: Array, z: Array, target: Array) -> Array:
        classes = total(target, -1, keepdims=True)
        wanted = np.where(classes == 0, 0, softmax(z)) * classes  # 0 also in a row that is masked as a whole
        return delta * (wanted - target), -delta * log_softmax(z)

    def shape(self, prediction: Shape, target: Shape) -> Shape:
        if not prediction:
            raise ShapeError("z is a scalar", repair="cross_entropy needs an axis of classes, the last one.")
        return super().shape(prediction, target)


def _times(share: Array, x: Array) -> Array:
    """Multiply by a share; 0 · ∞ counts as 0, as in a sum over classes one of which is masked."""
    return share * np.where(share == 0, 0, x)


_EQUAL = "Exactly equal shapes."
sse = function(SSE(), shapes=_EQUAL)
mse = function(MSE(), shapes=_EQUAL)
binary_cross_entropy = function(BinaryCrossEntropy(), shapes=_EQUAL, look=_warn_of_two)
cross_entropy = function(CrossEntropy(), shapes=f"{_EQUAL} Classes on the last axis.", look=_warn_of_one_class)
