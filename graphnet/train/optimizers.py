"""Optimisers: rules that turn gradients into new parameter values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from graphnet.core.settings import flag
from graphnet.errors import TrainingError
from graphnet.train.rule import Array, Rule
from graphnet.train.schedules import Schedule
from graphnet.train.settings import require_number


@dataclass(frozen=True, eq=False)
class GradientDescent(Rule):
    """Gradient descent: w ← w − η ∂E/∂w.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If the learning rate is not a positive number.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> bwd = gn.backward(gn.sse(w, [0.0]), {})
    >>> GradientDescent(0.1).update([w], bwd.gradients)
    >>> w.value
    array([0.9])
    """

    def rule(self, value: Array, gradient: Array, rate: float) -> None:  # type: ignore[override]
        """Take one step against the gradient."""
        value -= rate * gradient


@dataclass(frozen=True, eq=False)
class Momentum(Rule):
    """Gradient descent with momentum: v ← μ v + ∂E/∂w, w ← w − η v.

    With `nesterov` the step is μ v + ∂E/∂w with the new v, which looks one step ahead. Both as torch's SGD.

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    momentum
        μ, from 0 to less than 1.
    nesterov
        Whether to look ahead.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> optimizer = Momentum(0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.update([w], {"w": np.array([1.0])})
    >>> w.value
    array([0.75])
    """

    momentum: float = 0.9
    nesterov: bool = False

    remembers = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("momentum", self.momentum, least=0, below=1)
        flag(self.nesterov, "nesterov", TrainingError)

    def rule(self, value: Array, gradient: Array, rate: float, velocity: Array) -> None:  # type: ignore[override]
        """Let the velocity follow the gradient, and the value the velocity."""
        velocity *= self.momentum
        velocity += gradient
        value -= rate * (gradient + self.momentum * velocity if self.nesterov else velocity)


@dataclass(frozen=True, eq=False)
class RMSProp(Rule):
    """Steps divided by the recent size of the gradient: s ← ρ s + (1 − ρ) g², w ← w − η g / (√s + ε) (Hinton, 2012).

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    decay
        ρ, from 0 to less than 1.
    epsilon
        ε, positive; in float32 at least 1e-15, since squares of smaller gradients vanish.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> RMSProp(0.1, decay=0.75).update([w], {"w": np.array([4.0])})
    >>> w.value
    array([0.8])
    """

    learning_rate: float | Schedule = 0.01
    decay: float = 0.99
    epsilon: float = 1e-8

    remembers = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("decay", self.decay, least=0, below=1)
        require_number("epsilon", self.epsilon, above=0)

    def rule(self, value: Array, gradient: Array, rate: float, square: Array) -> None:  # type: ignore[override]
        """Follow the square of the gradient, and take one step in its units."""
        square *= self.decay
        square += (1 - self.decay) * np.square(gradient)
        value -= rate * (gradient / (np.sqrt(square) + self.epsilon))


@dataclass(frozen=True, eq=False)
class Adam(Rule):
    """Momentum and size of the gradient together (Kingma and Ba, 2015).

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², both divided by 1 − βᵗ, since they start at zero;
    w ← w − η m / (√s + ε).

    Parameters
    ----------
    learning_rate
        η: a positive number, or a schedule.
    beta1, beta2
        How long the mean and the square remember, from 0 to less than 1.
    epsilon
        ε, positive; in float32 at least 1e-15, since squares of smaller gradients vanish.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> Adam(0.1).update([w], {"w": np.array([4.0])})
    >>> w.value.round(6)
    array([0.9])
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    remembers = ("mean", "square")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("beta1", self.beta1, least=0, below=1)
        require_number("beta2", self.beta2, least=0, below=1)
        require_number("epsilon", self.epsilon, above=0)

    def rule(self, value: Array, gradient: Array, rate: float, mean: Array, square: Array) -> None:  # type: ignore[override]
        """Follow the gradient and its square, and take one step in their units."""
        step = self.memory.step
        mean *= self.beta1
        mean += (1 - self.beta1) * gradient
        square *= self.beta2
        square += (1 - self.beta2) * np.square(gradient)
        size = np.sqrt(square) / math.sqrt(1 - self.beta2**step) + self.epsilon
        value -= (rate / (1 - self.beta1**step)) * (mean / size)


@dataclass(frozen=True, eq=False)
class AdamW(Adam):
    """Adam with decay that the gradient's size does not scale: w ← w − η λ w, then Adam's step (Loshchilov and Hutter, 2019).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay, clip_norm, clip_value
        By keyword: see `Rule`. λ is 0.01 if not given.

    Raises
    ------
    TrainingError
        If a setting is out of range.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> AdamW(0.1, weight_decay=0.5).update([w], {"w": np.array([0.0])})
    >>> w.value
    array([0.95])
    """

    weight_decay: float = field(default=0.01, kw_only=True)

    def decayed(self, value: Array, gradient: Array, rate: float) -> Array:
        """Shrink the value itself, and return the gradient as it is."""
        value *= 1 - rate * self.weight_decay
        return gradient


ENTRY_BY_ENTRY = frozenset({GradientDescent, Momentum, RMSProp, Adam, AdamW})
"""Optimisers that do the same to each entry whatever the others are: all parameters can then be one long vector."""
