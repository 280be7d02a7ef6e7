"""Callbacks: what is done between the epochs of a training, and how it is stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.settings import flag, listed, takes
from graphnet.errors import TrainingError, shown
from graphnet.train.history import History
from graphnet.train.rule import Optimizer
from graphnet.train.settings import require_count, require_number


@dataclass
class Training:
    """A training under way, as callbacks see it.

    Attributes
    ----------
    graph : Graph
        What is trained; its parameters hold the present values.
    optimizer : Optimizer
        What trains it.
    history : History
        What was recorded so far.
    epochs : int
        How many epochs were asked for.
    recorded : tuple of str
        What the history records of each epoch: ``"loss"``, ``"validation_loss"``, the metrics.
    evaluate : callable
        Computes E on the training data with the parameters as they are now, the network as it is used after training. (The
        loss of an epoch is a mean over its steps, during which they moved.) `TrainingError` if the batches come only once.
    """

    graph: Graph
    optimizer: Optimizer
    history: History
    epochs: int
    recorded: tuple[str, ...] = ("loss",)
    evaluate: Callable[[], float] = field(default=lambda: math.nan, repr=False)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history.loss)

    def stop(self, reason: str) -> None:
        """End the training after this epoch; `reason` is kept as ``history.stopped``.

        Parameters
        ----------
        reason
            Why, in words.
        """
        self.history.stopped = reason if isinstance(reason, str) and reason else "stopped"


class Callback:
    """What is done at the start of a training, after each epoch, and at the end. Override what you need.

    A plain function ``f(training)`` is called after each epoch.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> seen = []
    >>> gn.fit(gn.sse(w, [0.0]), {}, optimizer=gn.GradientDescent(0.5), epochs=2,
    ...        callbacks=[lambda training: seen.append((training.epoch, training.graph["w"].value.item()))])
    <History: 2 epochs, loss 0.5 → 0.125>
    >>> seen
    [(1, 0.5), (2, 0.25)]
    """

    def start(self, training: Training) -> None:
        """Do something before the first step."""

    def __call__(self, training: Training) -> None:
        """Do something after an epoch."""

    def end(self, training: Training) -> None:
        """Do something after the last epoch, or after the one that was stopped at; not after an interrupt or an error."""


AnyCallback: TypeAlias = Callback | Callable[[Training], object]


def check_callbacks(callbacks: object) -> list[AnyCallback]:
    """Return callbacks as a list, or raise `TrainingError`."""
    given = [callbacks] if callable(callbacks) else callbacks
    several: list[AnyCallback] = listed(given, "callbacks", "callbacks", TrainingError, "Write callbacks=[f].")
    for callback in several:
        if isinstance(callback, type) or not callable(callback):
            raise TrainingError(
                f"{shown(callback)} is no callback", repair="Give functions f(training), or instances of gn.Callback."
            )
        takes(callback, 1, "a callback", TrainingError)
    return several


@dataclass
class EarlyStopping(Callback):
    """Stop when a number has not become better for some epochs, and take the best parameters back.

    They are taken back also when training ends by itself, but not after an interrupt.

    Parameters
    ----------
    patience
        How many epochs in a row may pass without a better number.
    watch
        ``"validation_loss"``, ``"loss"``, or the name of a metric. The loss is E on the training data after the epoch, so
        that it belongs to the parameters kept: one more run through the data.
    higher_is_better
        Whether the number is to grow, as an accuracy; a loss is to fall.
    least_change
        How much better is better.

    Attributes
    ----------
    best : float
        The best number so far.
    best_epoch : int
        The epoch that gave it, from 1; 0 before the first.

    Raises
    ------
    TrainingError
        If a setting is out of range; when training starts, if there is nothing of that name to watch.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> stopping = gn.EarlyStopping(patience=2, watch="loss")
    >>> gn.fit(gn.sse(w, [0.0]), {}, optimizer=gn.GradientDescent(2.0), epochs=100, callbacks=[stopping])
    <History: 3 epochs, loss 0.5 → 0.5; no better loss for 2 epochs>
    """

    patience: int = 10
    watch: str = "validation_loss"
    higher_is_better: bool = False
    least_change: float = 0.0
    best: float = field(default=np.nan, init=False)
    best_epoch: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        require_count("patience", self.patience, 1)
        require_number("least_change", self.least_change, least=0)
        self.higher_is_better = flag(self.higher_is_better, "higher_is_better", TrainingError)
        if not isinstance(self.watch, str):
            raise TrainingError(
                f"watch is {shown(self.watch)}, expected a name", repair='Write watch="validation_loss".'
            )
        self._values: list[np.ndarray[Any, Any]] = []

    def start(self, training: Training) -> None:
        """Forget what an earlier training gave."""
        if not isinstance(training, Training):
            raise TrainingError(
                f"{shown(training)} is no training", repair="Give the callback to gn.fit: callbacks=[...]."
            )
        if self.watch not in training.recorded:
            raise TrainingError(
                f"nothing called {shown(self.watch)} to watch; there is {', '.join(training.recorded)}",
                repair="Give validation data: validation={x: X, t: T}, or watch another number.",
            )
        self.best, self.best_epoch, self._values = np.nan, 0, []

    def __call__(self, training: Training) -> None:
        """Keep the parameters if the number is the best, and stop if it has not been for too long."""
        number = training.evaluate() if self.watch == "loss" else training.history.columns[self.watch][-1]
        gain = number - self.best if self.higher_is_better else self.best - number
        if gain > self.least_change or (np.isnan(self.best) and not np.isnan(number)):
            self.best, self.best_epoch = number, training.epoch
            self._values = [parameter.value.copy() for parameter in training.graph.parameters]
        elif training.epoch - self.best_epoch >= self.patience:
            name = self.watch.replace("_", " ")
            training.stop(f"{name} is NaN" if np.isnan(number) else f"no better {name} for {self.patience} epochs")

    def end(self, training: Training) -> None:
        """Take the best parameters back."""
        if self._values:
            for parameter, value in zip(training.graph.parameters, self._values, strict=True):
                parameter.value = value
