"""Plots of training and of activations, with matplotlib: an optional extra, imported when a plot is drawn.

Each function returns the figure. With ``ax=`` it draws into axes that you give; without, into a new figure that shows
itself in a notebook and is saved with ``figure.savefig("loss.png")``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.common import matplotlib_needed
from graphnet.common.origin import check_name
from graphnet.common.settings import flag, listed, op_function, real, whole
from graphnet.common.text import count, norm_of, short
from graphnet.core.graph import Graph
from graphnet.core.leaves import Input, float_array
from graphnet.core.node import Node, nodes_only
from graphnet.draw import colours
from graphnet.draw.colours import BLUE, GREEN, INK, RED
from graphnet.draw.names import number_text
from graphnet.engine.passes import BackwardPass
from graphnet.engine.run import backward
from graphnet.engine.units import NotInARowError, chain_of
from graphnet.errors import DrawError, shown
from graphnet.ops.activations import identity, sigmoid, tanh
from graphnet.ops.reductions import sum as total

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["activations", "gradient_histograms", "loss", "signal_norms", "training"]

COLOURS = (RED, BLUE, GREEN, "#8a5a00", "#6a3d9a", "#3d4650")
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))


def axes_for(ax: Any, needed: int, size: tuple[float, float], columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Return figure and axes; raise `DrawError` if matplotlib is missing."""
    with matplotlib_needed():
        from graphnet.draw.figure import figure_and_axes
    return figure_and_axes(ax, needed, size, columns)


def as_png(plot: Callable[[], Figure]) -> bytes | None:
    """Return what a plot draws as a notebook shows it; nothing if there is nothing to draw, or no matplotlib."""
    try:
        figure = plot()
    except DrawError:
        return None
    from graphnet.draw.figure import png

    return png(figure)


def tidy(axes: Axes, title: str, x: str, y: str) -> None:
    """Give axes their words, and take away what carries no information."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)


_MOST_LINES, _MARKERS = 12, "os^Dv*"


def loss(history: Any, *, log: bool = False, ax: Axes | None = None) -> Figure:
    """Plot how the error fell over the epochs.

    Parameters
    ----------
    history : History, sequence of float, or dict of them by name
        What `fit` returned, or numbers. A validation loss is drawn beside the loss.
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
    figure, (axes,) = axes_for(ax, 1, (6.0, 3.6))
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

    Examples
    --------
    >>> import graphnet as gn
    >>> training(gn.History(loss=[2.0, 1.0, 0.5])).axes[0].get_xlabel()
    'epoch'
    """
    if not isinstance(getattr(history, "metrics", None), Mapping):
        raise DrawError(f"expected a history, got {shown(history)}", repair="Give what gn.fit returned.")
    figure, (top, *below) = axes_for(None, 1 + len(history.metrics), (6.0, 3.0), columns=1)
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
        check_name(name, "a curve")
        curves[name] = _numbers(getattr(each, "loss", each))
        validation = getattr(each, "validation_loss", None)
        if validation:
            curves["validation loss" if name == "loss" else f"{name}, validation"] = _numbers(validation)
    if not any(curves.values()):
        raise DrawError("there is no epoch to plot", repair="Give what gn.fit returned, or a list of numbers.")
    return curves


def _numbers(values: Any) -> list[float]:
    try:
        array = values if isinstance(values, np.ndarray) else listed(values, "a curve", "numbers")
        return [real(each, "a number", finite=False) for each in float_array(array, "a curve").tolist()]
    except Exception as error:  # of any kind: it can't be iterated, or holds what is no number
        raise DrawError(
            f"a loss curve is a list of numbers, got {type(values).__name__}", repair="Give what gn.fit returned."
        ) from error


# Error signals and gradients ----------------------------------------------------------------------------------------


def signal_norms(
    passes: Sequence[BackwardPass],
    nodes: Iterable[Node | str] | None = None,
    *,
    at: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the norms of error signals, a line for each layer: where they vanish, the lines of early layers sink.

    Parameters
    ----------
    passes : sequence of BackwardPass
        One network's passes on the same samples, taken in the course of training.
    nodes : iterable of Node or str, optional
        Whose error signals. By default the pre-activation of each layer, whose error signal is the source's δ; in a
        graph that is no row of layers, its named ops.
    at : sequence of float, optional
        When the passes were taken, for example epochs; by default 0, 1, 2 ...
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. A norm of exactly 0, which has no place on a log scale, is a cross at its lower edge.

    Raises
    ------
    DrawError
        If there are no passes, or not as many as `at`, or matplotlib is missing.
    GraphError, UnreachableError
        If a node is not in the graph, or no error signal reaches it.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0, 4.0])
    >>> E = gn.sse(gn.tanh(w, name="a"), [0.0, 0.0])
    >>> figure = signal_norms([gn.backward(E, {})], ["a"])
    >>> figure.axes[0].get_lines()[0].get_label()
    'a'
    """
    passes = _passes(passes)
    given = range(len(passes)) if at is None else listed(at, "at", "numbers", DrawError)
    times = [real(time, "a time of at", DrawError) for time in given]
    if len(times) != len(passes):
        raise DrawError(f"{len(passes)} passes were taken at {len(times)} times", repair="Give one time for each.")
    figure, (axes,) = axes_for(ax, 1, (6.4, 4.0))
    graph = passes[0].graph
    given_nodes = _layers(graph, passes[0]) if nodes is None else listed(nodes, "nodes", "nodes or names")
    chosen = [graph[node] for node in given_nodes]
    norms = {node: [norm_of(back.error_signal(node)) for back in passes] for node in chosen}
    positive = [norm for each in norms.values() for norm in each if 0 < norm < np.inf]
    floor = min(positive, default=1.0) / 3
    ends: list[tuple[float, Artist]] = []
    for i, (node, each) in enumerate(norms.items()):
        shade = colours.line("error signal", i / max(1, len(norms) - 1))  # the darker the later the layer
        name = plot_text(short(graph.label(node)))
        line = [norm if norm > 0 else np.nan for norm in each]
        look: dict[str, Any] = {"marker": _MARKERS[i % len(_MARKERS)], "markersize": 4.5, "linewidth": 1.6}
        lines = axes.plot(times, line, color=shade, label=name, **look)
        zero = [time for time, norm in zip(times, each, strict=True) if norm == 0]
        ends += [(float(np.nan_to_num(each[-1])), handle) for handle in lines]
        if zero:
            crosses = axes.plot(zero, [floor] * len(zero), "x", color=shade, label=f"{name}: exactly 0")
            ends += [(0.0, handle) for handle in crosses]
    axes.set_yscale("log")
    handles = [line for _, line in sorted(ends, key=lambda end: -end[0])]  # from top to bottom as the lines end
    axes.legend(handles=handles, frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    tidy(axes, "Error signals over training", "pass" if at is None else "epoch", "norm of ∂E/∂node")
    return figure


def gradient_histograms(
    back: BackwardPass, parameters: Iterable[Node | str] | None = None, *, bins: int = 40, ax: Any = None
) -> Figure:
    """Plot how the entries of each parameter's gradient are spread.

    Parameters
    ----------
    back : BackwardPass
        Where the gradients come from.
    parameters : iterable of Node or str, optional
        Which ones; by default all that have a gradient.
    bins : int
        How many bars.
    ax : as many matplotlib.axes.Axes as parameters, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, a histogram for each parameter. Entries that are exactly 0 or not finite are counted in its title.

    Raises
    ------
    DrawError
        If there is no gradient, `bins` is no positive number, `ax` is not one for each, or matplotlib is missing.
    GraphError, UnreachableError
        If a node is no parameter of the graph, or has no gradient.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [3.0, 4.0])
    >>> figure = gradient_histograms(gn.backward(gn.sse(w, [0.0, 0.0]), {}))
    >>> figure.axes[0].get_title(loc="left")
    'w: 2 entries, norm 5'
    """
    (back,) = _passes([back])
    bins = whole(bins, "bins", "Give the number of bars.", least=1, error=DrawError)
    chosen = back.gradients if parameters is None else listed(parameters, "parameters", "parameters or names")
    names = [back.graph.label(back.graph[parameter]) for parameter in chosen]
    if not names:
        raise DrawError("the pass has no gradients", repair="Only parameters that E depends on have one.")
    gradients = [back.gradient(name) for name in names]
    figure, all_axes = axes_for(ax, len(names), (3.6, 2.6))
    for axes, name, gradient in zip(all_axes, names, gradients, strict=True):
        finite = gradient[np.isfinite(gradient)]
        look: dict[str, Any] = {"color": colours.GREEN, "edgecolor": colours.PAPER, "linewidth": 0.3}
        axes.hist(finite.ravel(), bins=min(bins, max(5, finite.size)), **look)
        axes.axvline(0, color=colours.QUIET, linewidth=0.8)
        words = [f"{short(name)}: {count(gradient.size, 'entry', 'entries')}", f"norm {number_text(norm_of(finite))}"]
        zeros, bad = int(np.count_nonzero(gradient == 0)), gradient.size - finite.size
        words += ([f"{zeros:,} exactly 0"] if zeros else []) + ([f"{bad:,} not finite"] if bad else [])
        tidy(axes, plot_text(", ".join(words)), "∂E/∂w", "entries")
        axes.title.set_fontsize(9)
    return figure


def _passes(passes: Any) -> list[BackwardPass]:
    given = [passes] if isinstance(passes, BackwardPass) else listed(passes, "passes", "backward passes", DrawError)
    if not given or not all(isinstance(each, BackwardPass) for each in given):
        what = type(given[0]).__name__ if given else "nothing"
        raise DrawError(f"expected backward passes, got {what}", repair="Give what gn.backward(E, feeds) returned.")
    return given


def _layers(graph: Graph, back: BackwardPass) -> list[Node]:
    """Return the pre-activations of a row of layers, or the named ops of any other graph."""
    try:
        chosen: Sequence[Node] = [layer.z for layer in chain_of(graph).layers]
    except NotInARowError:
        chosen = [node for node in graph.nodes if node.op is not None and node.name is not None]
    reached = [node for node in chosen if node in back.error_signals]
    if not reached:
        raise DrawError("no op of this graph has a name", repair='Say which: nodes=["a1", "a2"].')
    step = -(-len(reached) // _MOST_LINES)
    return reached[::step]


# Activation functions -----------------------------------------------------------------------------------------------

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


def plot_text(text: str) -> str:
    r"""Return clean text for matplotlib, where dollars are mathematics and a first underscore hides a label.

    Examples
    --------
    >>> print(plot_text("$w$"), plot_text("_w"), sep=";")
    \$w\$; _w
    """
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
