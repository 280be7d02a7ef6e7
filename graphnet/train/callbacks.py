"""A training under way: what it records, what is done between its epochs, and how it is stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphnet.common.settings import Count, NotNegative, check_settings, listed, real, renamed, takes, whole
from graphnet.core.graph import Graph
from graphnet.errors import TrainingError, shown
from graphnet.train.optimizers import AnyOptimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL_CAUSES = "the learning rate is too large, or the data is not scaled"


def growth(losses: Sequence[float], unit: str) -> str:
    """Return in words how long losses have grown, and from what to what; nothing unless they end at ten times their least."""
    least = min(range(len(losses)), key=losses.__getitem__, default=0)
    if not losses or not losses[-1] > 10 * abs(losses[least]) or losses[-1] < max(losses):
        return ""
    count = len(losses) - 1 - least
    return f"for {count} {unit}{'s' if count > 1 else ''}, from {losses[least]:.4g} to {losses[-1]:.4g}"


@dataclass
class History:
    """What happened in training. It shows itself as a plot in a notebook, if matplotlib is installed.

    Attributes
    ----------
    loss : list of float
        E of each epoch: the mean over its steps, each by its number of samples, and with the parameters as they were before
        that step. So at a learning rate of 0 it is the validation loss on the same data, cut alike. If E is a sum over
        the samples, as `sse` is, that is a sum over one batch, which grows with the batch size: compare runs of one batch
        size, or by a metric that is a mean, as ``gn.mse(a, t)``.
    validation_loss : list of float
        E on the validation data after each epoch; empty without such data.
    metrics : dict of str to list of float
        The metrics after each epoch.
    seconds : list of float
        How long each epoch took, its evaluation included.
    stopped : str
        What ended the training; empty if the last epoch did.
    engine : str
        What took the steps, and where it was to be chosen, why.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, t, w = gn.input("x", (None, 1)), gn.input("t", (None, 1)), gn.parameter("w", [3.0])
    >>> history = gn.fit(gn.sse(x * w, t), {x: [[1.0]], t: [[0.0]]}, optimizer=gn.GradientDescent(0.5), epochs=3)
    >>> history.loss
    [4.5, 1.125, 0.28125]
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    stopped: str = ""
    engine: str = "numpy"

    @property
    def columns(self) -> dict[str, list[float]]:
        """All that was recorded, by name: loss, validation_loss, the metrics, seconds."""
        validation = {"validation_loss": self.validation_loss} if self.validation_loss else {}
        return {"loss": self.loss, **validation, **self.metrics, "seconds": self.seconds}

    def record(self, loss: float, numbers: Mapping[str, float], seconds: float) -> None:
        """Add an epoch. The loss comes last: an interrupt leaves no epoch half recorded.

        Parameters
        ----------
        loss
            E of the epoch.
        numbers
            The validation loss and the metrics, by name.
        seconds
            How long it took.

        Raises
        ------
        TrainingError
            If one of them is no number, or has a name that `metrics` lacks; nothing has been added then.
        """
        known = {"validation_loss", *self.metrics}
        unknown = [name for name in numbers if name not in known] if isinstance(numbers, Mapping) else [numbers]
        if unknown:
            raise TrainingError(
                f"the history has no place for {shown(unknown[0])}",
                repair='Numbers are given by name, and metrics are named at first: gn.History(metrics={"accuracy": []}).',
            )
        loss, seconds = (
            real(n, what, TrainingError, finite=False) for n, what in ((loss, "loss"), (seconds, "seconds"))
        )
        numbers = {name: real(number, name, TrainingError, finite=False) for name, number in numbers.items()}
        for name, number in numbers.items():
            (self.validation_loss if name == "validation_loss" else self.metrics[name]).append(number)
        self.seconds.append(seconds)
        self.loss.append(loss)

    def rows(self) -> list[dict[str, float]]:
        """Return a dict for each epoch, as tables and data frames take it.

        Returns
        -------
        list of dict
            The number of the epoch, from 1, and all that was recorded.

        Examples
        --------
        >>> History(loss=[4.0, 2.0], seconds=[0.1, 0.1]).rows()[1]
        {'epoch': 2, 'loss': 2.0, 'seconds': 0.1}
        """
        return [
            {"epoch": epoch + 1, **{name: column[epoch] for name, column in self.columns.items()}}
            for epoch in range(len(self.loss))
        ]

    def plot(self) -> Figure:
        """Draw the losses over the epochs, and below them the metrics.

        Returns
        -------
        matplotlib.figure.Figure
            Save it with ``.savefig("loss.png")``.

        Raises
        ------
        DrawError
            If there is no epoch to plot, or matplotlib is not installed.

        Examples
        --------
        >>> figure = History(loss=[4.0, 2.0, 1.5], seconds=[0.1] * 3).plot()
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['E']
        """
        from graphnet.draw import plots

        return plots.training(self)

    def __repr__(self) -> str:
        if not self.loss:
            return "<History: no epochs>"
        text = f"{len(self.loss)} epochs, loss {self.loss[0]:.4g} → {self.loss[-1]:.4g}"
        later = {"validation loss": self.validation_loss, **self.metrics}
        text += "".join(f", {name} {column[-1]:.4g}" for name, column in later.items() if column)
        growing = growth(self.loss, "epoch")
        if growing:
            text += f"; the loss grew {growing}: {USUAL_CAUSES}"
        return f"<History: {text}{f'; {self.stopped}' if self.stopped else ''}>"

    def _repr_png_(self) -> bytes | None:
        from graphnet.draw import plots

        return plots.as_png(self.plot)


@dataclass
class Training:
    """A training under way, as callbacks see it.

    Attributes
    ----------
    graph : Graph
        What is trained; its parameters hold the present values.
    optimizer : an optimiser
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
    writes : bool
        Whether this process is the one to write files: of several that train together the first.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> def enough(training):
    ...     if training.history.loss[-1] < 0.2:
    ...         training.stop("small enough")
    >>> gn.fit(gn.sse(w, [0.0]), {}, optimizer=gn.GradientDescent(0.5), epochs=9, callbacks=[enough]).stopped
    'small enough'
    """

    graph: Graph
    optimizer: AnyOptimizer
    history: History
    epochs: int
    recorded: tuple[str, ...] = ("loss",)
    evaluate: Callable[[], float] = field(default=lambda: math.nan, repr=False)
    writes: bool = True

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


@renamed(watch="monitor", least_change="min_delta")
@dataclass
class EarlyStopping(Callback):
    """Stop when a number has not become better for some epochs, and take the best parameters back.

    They are taken back also when training ends by itself, but not after an interrupt.

    Parameters
    ----------
    patience
        How many epochs in a row may pass without a better number.
    monitor
        ``"validation_loss"``, ``"loss"``, or the name of a metric. The loss is E on the training data after the epoch, so
        that it belongs to the parameters kept: one more run through the data.
    higher_is_better
        Whether the number is to grow, as an accuracy; a loss is to fall.
    min_delta
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
    >>> stopping = gn.EarlyStopping(patience=2, monitor="loss")
    >>> gn.fit(gn.sse(w, [0.0]), {}, optimizer=gn.GradientDescent(2.0), epochs=100, callbacks=[stopping])
    <History: 3 epochs, loss 0.5 → 0.5; no better loss for 2 epochs>
    """

    patience: Count = 10
    monitor: str = "validation_loss"
    higher_is_better: bool = False
    min_delta: NotNegative = 0.0
    best: float = field(default=np.nan, init=False)
    best_epoch: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.monitor, str):
            raise TrainingError(
                f"monitor is {shown(self.monitor)}, expected a name", repair='Write monitor="validation_loss".'
            )
        check_settings(self, TrainingError)
        self._values: list[np.ndarray[Any, Any]] = []

    def start(self, training: Training) -> None:
        """Forget what an earlier training gave."""
        if not isinstance(training, Training):
            raise TrainingError(
                f"{shown(training)} is no training", repair="Give the callback to gn.fit: callbacks=[...]."
            )
        if self.monitor not in training.recorded:
            raise TrainingError(
                f"nothing called {shown(self.monitor)} to watch; there is {', '.join(training.recorded)}",
                repair="Give validation data: validation={x: X, t: T}, or watch another number.",
            )
        self.best, self.best_epoch, self._values = np.nan, 0, []

    def __call__(self, training: Training) -> None:
        """Keep the parameters if the number is the best, and stop if it has not been for too long."""
        number = training.evaluate() if self.monitor == "loss" else training.history.columns[self.monitor][-1]
        gain = number - self.best if self.higher_is_better else self.best - number
        if gain > self.min_delta or (np.isnan(self.best) and not np.isnan(number)):
            self.best, self.best_epoch = number, training.epoch
            self._values = [parameter.value.copy() for parameter in training.graph.parameters]
        elif training.epoch - self.best_epoch >= self.patience:
            name = self.monitor.replace("_", " ")
            training.stop(f"{name} is NaN" if np.isnan(number) else f"no better {name} for {self.patience} epochs")

    def end(self, training: Training) -> None:
        """Take the best parameters back."""
        if self._values:
            for parameter, value in zip(training.graph.parameters, self._values, strict=True):
                parameter.value = value


@dataclass
class Watch(Callback):
    """Shows a training as it goes: the page of a widget follows the parameters, epoch by epoch.

    Attributes
    ----------
    widget
        What ``gn.draw(bwd).widget()`` returned, shown in a notebook: of a pass of the network that is trained.
    every : int
        From one update to the next, in epochs.

    Raises
    ------
    TrainingError
        If `widget` can't be updated, or `every` is not a whole number above 0.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0])
    >>> E = gn.sse(w, [0.0])
    >>> widget = gn.draw(gn.backward(E, {})).widget()
    >>> gn.fit(E, {}, optimizer=gn.GradientDescent(0.5), epochs=2, callbacks=[gn.Watch(widget)])
    <History: 2 epochs, loss 0.5 → 0.125>
    >>> widget.parameters
    {'w': array([0.25])}
    """

    widget: Any
    every: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.widget, type) or not callable(getattr(self.widget, "update", None)):
            raise TrainingError(f"{shown(self.widget)} is no widget", repair="Give gn.draw(bwd).widget().")
        whole(
            self.every, "every, from one update to the next in epochs,", "Give 1, 2 ...", least=1, error=TrainingError
        )

    def __call__(self, training: Training) -> None:
        """Update the widget, if it is time."""
        if training.epoch % self.every == 0:
            self.widget.update()
