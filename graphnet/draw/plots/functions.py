"""Activation functions and their derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.common.settings import listed, op_function, real
from graphnet.core.leaves import Input
from graphnet.core.node import Node, nodes_only
from graphnet.draw import colours
from graphnet.draw.plots.axes import COLOURS, DASHES, axes_for, tidy
from graphnet.draw.text import plot_text, short
from graphnet.engine.run import backward
from graphnet.errors import DrawError, shown
from graphnet.ops.activations import identity, sigmoid, tanh
from graphnet.ops.reductions import sum as total

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OWN_LOOK = ("identity", "sigmoid", "tanh")
"""Activations that have the same colour and dashes in every plot, the first of those there are."""


def activations(
    functions: Callable[[Any], Any] | Iterable[Callable[[Any], Any]] = (identity, sigmoid, tanh),
    *,
    z: tuple[float, float] = (-5.0, 5.0),
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot activation functions, and beside them their derivatives, as their own backward rules give them.

    Parameters
    ----------
    functions : op function, or iterable of them
        As ``[gn.relu, gn.softplus]``, custom ops included. By default those of the source's Figure 1: the identity
        in red, the logistic function in blue, tanh in green.
    z : tuple of float
        From where to where.
    ax : two matplotlib.axes.Axes, optional
        Where to draw: functions, derivatives.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DrawError
        If a function is no op of one input, `z` is no range, `ax` is not two axes, or matplotlib is missing.

    Examples
    --------
    >>> figure = activations()
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['identity', 'sigmoid', 'tanh']
    """
    figure, (left, right) = axes_for(ax, 2, (5.2, 3.8))
    points = np.linspace(*_range(z), 401)
    several = [functions] if callable(functions) else listed(functions, "functions", "op functions", DrawError)
    if not several:
        raise DrawError("there are no functions to plot", repair="Give them, as [gn.relu, gn.softplus].")
    drawn = [_evaluated(function, points) for function in several]
    own = [name for name, _, _ in drawn if name in _OWN_LOOK]
    free = itertools.cycle([i for i in range(len(COLOURS)) if i not in map(_OWN_LOOK.index, own)])
    for name, a, slope in drawn:
        i = _OWN_LOOK.index(name) if name in own else next(free)
        look: dict[str, Any] = {"color": COLOURS[i], "linestyle": DASHES[i], "label": plot_text(short(name))}
        left.plot(points, a, linewidth=2.0, **look)
        right.plot(points, slope, linewidth=2.0, **look)
    for axes, title, y in ((left, "Activation functions", "g(z)"), (right, "Their derivatives", "g′(z)")):
        tidy(axes, title, "z", y)
        axes.axhline(0, color=colours.FRAME, linewidth=0.8, zorder=0)
        axes.legend(frameon=False)
    left.set_ylim(_room(left.get_lines(), 1.6))
    right.set_ylim(_room(right.get_lines(), 1.6))
    return figure


def _range(z: Any) -> tuple[float, float]:
    try:
        low, high = (real(end, "z") for end in z)
    except Exception:  # of any kind: it can't be iterated, or holds what is no number
        low = high = np.nan
    if not low < high or not np.isfinite([low, high]).all():
        raise DrawError(f"z is {shown(z)}, expected two numbers, the smaller first", repair="Write z=(-5, 5).")
    return low, high


def _evaluated(function: Any, points: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a function's name, its values and its slopes: the error signal of z for one of ones at g(z)."""
    z = Input(None, (), points.shape, np.dtype(float), "z")
    op_function(function, "an activation")
    a = function(z)
    if not isinstance(a, Node) or a.shape != points.shape:
        raise DrawError(
            f"{shown(function, 60)} is no activation: it does not keep the shape of its one input",
            repair="Give op functions, as [gn.tanh, gn.relu].",
        )
    nodes_only([a], "activations")
    with np.errstate(all="ignore"):
        back = backward(total(a), {z: points})
    name = getattr(function, "__name__", "") or getattr(function, "name", "") or a.kind
    return (a.kind if name == "<lambda>" else name), back[a], back.error_signal(z)


def _room(lines: Any, most: float) -> tuple[float, float]:
    """Return limits that show all of the bounded curves, and of unbounded ones what fits beside them."""
    sizes = np.concatenate([np.zeros(1), *(np.asarray(line.get_ydata(), float) for line in lines)])
    sizes = sizes[np.isfinite(sizes)]
    low, high = max(sizes.min(initial=0.0), -most), min(sizes.max(initial=0.0), most)
    margin = 0.08 * (high - low or 1.0)
    return low - margin, high + margin
