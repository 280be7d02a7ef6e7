"""Training over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.core.leaves import float_array
from graphnet.core.settings import flag
from graphnet.draw.plots.axes import COLOURS, DASHES, axes_for
from graphnet.draw.text import plot_text, short
from graphnet.errors import DrawError, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def loss(history: Any, *, log: bool = False, ax: Axes | None = None) -> Figure:
    """Plot how the error fell over the epochs.

    Parameters
    ----------
    history : History, sequence of float, or dict of them by name
        What `fit` returned, or numbers of your own. A validation loss is drawn beside the loss.
    log : bool
        Whether equal ratios of the error are equal heights.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DrawError
        If there is nothing to plot, `ax` is not one axes, or matplotlib is missing.

    Examples
    --------
    >>> figure = loss([4.0, 2.0, 1.0])
    >>> figure.axes[0].get_lines()[0].get_ydata().tolist()
    [4.0, 2.0, 1.0]
    """
    log = flag(log, "log")
    figure, (axes,), tidy = axes_for(ax, 1, (6.0, 3.6))
    curves = _curves(history)
    _over_epochs(axes, curves)
    if len(curves) > 1:
        axes.legend(frameon=False)
    axes.set_yscale("log" if log else "linear")
    if not log and all(value >= 0 for losses in curves.values() for value in losses):
        axes.set_ylim(bottom=0)
    tidy(axes, "Error over training", "epoch", "E")
    return figure


def training(history: Any) -> Figure:
    """Plot the losses over the epochs, and below them each metric: what ``history.plot()`` draws.

    Parameters
    ----------
    history : History
        What `fit` returned.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DrawError
        If there is no epoch to plot, or matplotlib is missing.
    """
    if not isinstance(getattr(history, "metrics", None), Mapping):
        raise DrawError(f"expected a history, got {shown(history)}", repair="Give what gn.fit returned.")
    figure, (top, *below), tidy = axes_for(None, 1 + len(history.metrics), (6.0, 3.0), columns=1)
    loss(history, ax=top)
    for axes, (name, column) in zip(below, history.metrics.items(), strict=True):
        _over_epochs(axes, {name: column})
        tidy(axes, "", "epoch", plot_text(short(name)))
    return figure


def _over_epochs(axes: Axes, curves: Mapping[str, Sequence[float]]) -> None:
    for i, (name, numbers) in enumerate(curves.items()):
        look: dict[str, Any] = {"color": COLOURS[(i + 1) % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        marker = "o" if len(numbers) == 1 else ""
        epochs = range(1, len(numbers) + 1)
        axes.plot(epochs, numbers, label=plot_text(short(name)), marker=marker, linewidth=1.8, **look)
    axes.locator_params(axis="x", integer=True)


def _curves(history: Any) -> dict[str, list[float]]:
    named = history if isinstance(history, Mapping) else {"loss": history}
    curves: dict[str, list[float]] = {}
    for name, each in named.items():
        curves[name if isinstance(name, str) else shown(name)] = _numbers(getattr(each, "loss", each))
        validation = getattr(each, "validation_loss", None)
        if validation:
            curves["validation loss" if name == "loss" else f"{name}, validation"] = _numbers(validation)
    if not any(curves.values()):
        raise DrawError("there is no epoch to plot", repair="Give what gn.fit returned, or a list of numbers.")
    return curves


def _numbers(values: Any) -> list[float]:
    try:
        numbers: list[float] = float_array(
            values if isinstance(values, np.ndarray) else list(values), "a curve"
        ).tolist()
        return [float(number) for number in numbers]
    except Exception as error:  # of any kind: it can't be iterated, or holds what is no number
        raise DrawError(
            f"a loss curve is a list of numbers, got {type(values).__name__}", repair="Give what gn.fit returned."
        ) from error
