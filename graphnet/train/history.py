"""What happened in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphnet.core.settings import real
from graphnet.errors import DrawError, TrainingError, shown

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
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    stopped: str = ""

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
        loss, seconds = real(loss, "loss", TrainingError), real(seconds, "seconds", TrainingError)
        numbers = {name: real(number, name, TrainingError) for name, number in numbers.items()}
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
        """Return the plot, for notebooks; nothing if there is none to show."""
        try:
            figure = self.plot()
        except DrawError:
            return None
        from graphnet.draw.plots.figure import png

        return png(figure)
