"""Optimisers: rules that turn gradients into new parameter values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from graphnet.core.node import Parameter
from graphnet.errors import TrainingError


class Optimizer(Protocol):
    """Anything that can update parameters from their gradients."""

    def update(self, parameters: Iterable[Parameter], gradients: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Change the value of each parameter that has a gradient."""


@dataclass(frozen=True)
class GradientDescent:
    """Gradient descent: w ← w − η ∂E/∂w.

    Parameters
    ----------
    learning_rate
        η, positive.

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

    learning_rate: float

    def __post_init__(self) -> None:
        is_number = isinstance(self.learning_rate, (int, float, np.number))
        if not (is_number and np.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise TrainingError(
                f"learning rate {self.learning_rate!r} is not positive",
                repair="Give a positive number: the gradient is subtracted already.",
            )

    def update(self, parameters: Iterable[Parameter], gradients: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take one step against the gradient."""
        for parameter in parameters:
            gradient = gradients.get(parameter.name or "")
            if gradient is not None:
                value = parameter.value
                value -= self.learning_rate * gradient
