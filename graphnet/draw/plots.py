"""Plots of training and of activations, with matplotlib: an optional extra, imported when a plot is drawn.

Each function returns the figure. With ``ax=`` it draws into axes of your own; without, into a new figure that shows
itself in a notebook and is saved with ``figure.savefig("loss.png")``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Input, Node, nodes_only
from graphnet.draw import colours
from graphnet.draw.text import count, number, plot_text, short
from graphnet.draw.units.chain import chain_of
from graphnet.engine.passes import BackwardPass
from graphnet.engine.run import backward
from graphnet.errors import DrawError
from graphnet.ops.activations import identity, sigmoid, tanh
from graphnet.ops.reductions import sum as total

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RED, _BLUE, _GREEN = (colours.ROLE_INK[role] for role in ("error signal", "value", "gradient"))
_COLOURS = (_RED, _BLUE, _GREEN, "#8a5a00", "#6a3d9a", "#3d4650")
_DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_MARKERS = "os^Dv*"
_OWN_LOOK = ("identity", "sigmoid", "tanh")
"""Activations that have the same colour and dashes in every plot, the first of those above."""
MOST_LINES = 12


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
    figure, (axes,), tidy = _axes(ax, 1, (6.0, 3.6))
    curves = _curves(history)
    for i, (name, losses) in enumerate(curves.items()):
        look: dict[str, Any] = {"color": _COLOURS[(i + 1) % len(_COLOURS)], "linestyle": _DASHES[i % len(_DASHES)]}
        marker = "o" if len(losses) == 1 else ""
        axes.plot(range(1, len(losses) + 1), losses, label=plot_text(short(name)), marker=marker, linewidth=1.8, **look)
    if len(curves) > 1:
        axes.legend(frameon=False)
    axes.set_yscale("log" if log else "linear")
    if not log and all(value >= 0 for losses in curves.values() for value in losses):
        axes.set_ylim(bottom=0)
    tidy(axes, "Error over training", "epoch", "E")
    return figure


def activations(
    functions: Iterable[Callable[[Any], Any]] = (identity, sigmoid, tanh),
    *,
    z: tuple[float, float] = (-5.0, 5.0),
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot activation functions, and beside them their derivatives, as their own backward rules give them.

    Parameters
    ----------
    functions : iterable of op functions
        As ``[gn.relu, gn.softplus]``, ops of your own included. By default those of the source's Figure 1: the identity
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
    figure, (left, right), tidy = _axes(ax, 2, (5.2, 3.8))
    points = np.linspace(*_range(z), 401)
    drawn = [_evaluated(function, points) for function in functions]
    own = [name for name, _, _ in drawn if name in _OWN_LOOK]
    free = itertools.cycle([i for i in range(len(_COLOURS)) if i not in map(_OWN_LOOK.index, own)])
    for name, a, slope in drawn:
        i = _OWN_LOOK.index(name) if name in own else next(free)
        look: dict[str, Any] = {
            "color": _COLOURS[i],
            "linestyle": _DASHES[i],
            "linewidth": 2.0,
            "label": plot_text(short(name)),
        }
        left.plot(points, a, **look)
        right.plot(points, slope, **look)
    for axes, title, y in ((left, "Activation functions", "g(z)"), (right, "Their derivatives", "g′(z)")):
        tidy(axes, title, "z", y)
        axes.axhline(0, color=colours.FRAME, linewidth=0.8, zorder=0)
        axes.legend(frameon=False)
    left.set_ylim(_room(left.get_lines(), 1.6))
    right.set_ylim(_room(right.get_lines(), 1.6))
    return figure


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
    times = list(range(len(passes))) if at is None else list(at)
    if len(times) != len(passes):
        raise DrawError(f"{len(passes)} passes were taken at {len(times)} times", repair="Give one time for each.")
    figure, (axes,), tidy = _axes(ax, 1, (6.4, 4.0))
    graph = passes[0].graph
    chosen = [graph[node] for node in nodes] if nodes is not None else _layers(graph, passes[0])
    norms = {node: [float(np.linalg.norm(back.error_signal(node))) for back in passes] for node in chosen}
    positive = [norm for each in norms.values() for norm in each if 0 < norm < np.inf]
    floor = min(positive, default=1.0) / 3
    for i, (node, each) in enumerate(norms.items()):
        shade = _depth_colour(i, len(norms))
        name = plot_text(short(graph.label(node)))
        line = [norm if norm > 0 else np.nan for norm in each]
        marker = _MARKERS[i % len(_MARKERS)]
        axes.plot(times, line, color=shade, marker=marker, markersize=4.5, linewidth=1.6, label=name)
        zero = [time for time, norm in zip(times, each, strict=True) if norm == 0]
        if zero:
            axes.plot(zero, [floor] * len(zero), "x", color=shade, label=f"{name}: exactly 0")
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5), title="first layer on top")
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
    if not isinstance(bins, int) or bins < 1:
        raise DrawError(f"bins is {bins!r}", repair="Give the number of bars.")
    names = list(back.gradients) if parameters is None else [back.graph.label(back.graph[p]) for p in parameters]
    if not names:
        raise DrawError("the pass has no gradients", repair="Only parameters that E depends on have one.")
    gradients = [back.gradient(name) for name in names]
    figure, all_axes, tidy = _axes(ax, len(names), (3.6, 2.6))
    for axes, name, gradient in zip(all_axes, names, gradients, strict=True):
        finite = gradient[np.isfinite(gradient)]
        axes.hist(
            finite.ravel(), bins=min(bins, max(5, finite.size)), color=_GREEN, edgecolor=colours.PAPER, linewidth=0.3
        )
        axes.axvline(0, color=colours.QUIET, linewidth=0.8)
        words = [f"{short(name)}: {count(gradient.size, 'entry', 'entries')}", f"norm {number(np.linalg.norm(finite))}"]
        zeros, bad = int(np.count_nonzero(gradient == 0)), gradient.size - finite.size
        words += ([f"{zeros:,} exactly 0"] if zeros else []) + ([f"{bad:,} not finite"] if bad else [])
        tidy(axes, plot_text(", ".join(words)), "∂E/∂w", "entries")
        axes.title.set_fontsize(9)
    return figure


def _axes(ax: Any, needed: int, size: tuple[float, float]) -> tuple[Figure, list[Axes], Callable[..., None]]:
    """Return figure and axes, and what gives axes their words; raise `DrawError` if matplotlib is missing."""
    try:
        from graphnet.draw.figure import axes_for, tidy
    except ImportError as error:
        raise DrawError(
            f"plots need matplotlib, which can't be imported: {error}", repair='Run: pip install "matplotlib>=3.8".'
        ) from error
    return *axes_for(ax, needed, size), tidy


def _curves(history: Any) -> dict[str, list[float]]:
    named = history if isinstance(history, Mapping) else {"loss": history}
    curves: dict[str, list[float]] = {}
    for name, each in named.items():
        curves[str(name)] = _numbers(getattr(each, "loss", each))
        validation = getattr(each, "validation_loss", None)
        if validation:
            curves["validation loss" if name == "loss" else f"{name}, validation"] = _numbers(validation)
    if not any(curves.values()):
        raise DrawError("there is no epoch to plot", repair="Give what gn.fit returned, or a list of numbers.")
    return curves


def _numbers(values: Any) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise DrawError(
            f"a loss curve is a list of numbers, got {type(values).__name__}", repair="Give what gn.fit returned."
        ) from error


def _range(z: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in z)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high or not np.isfinite([low, high]).all():
        raise DrawError(f"z is {z!r}, expected two numbers, the smaller first", repair="Write z=(-5, 5).")
    return low, high


def _evaluated(function: Any, points: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a function's name, its values and its slopes: the error signal of z for one of ones at g(z)."""
    z = Input(None, (), points.shape, np.dtype(float), "z")
    a = function(z) if callable(function) else None
    if not isinstance(a, Node) or a.shape != points.shape:
        raise DrawError(
            f"{short(repr(function), 60)} is no activation: it does not keep the shape of its one input",
            repair="Give op functions, as [gn.tanh, gn.relu].",
        )
    nodes_only([a], "activations")
    with np.errstate(all="ignore"):
        back = backward(total(a), {z: points})
    name = getattr(function, "__name__", "") or getattr(function, "name", "") or a.kind
    return (a.kind if name == "<lambda>" else name), back[a], back.error_signal(z)


def _room(lines: Any, most: float) -> tuple[float, float]:
    """Return limits that show all of the bounded curves, and of unbounded ones what fits beside them."""
    sizes = np.concatenate([np.asarray(line.get_ydata(), float) for line in lines]) if len(lines) else np.zeros(1)
    sizes = sizes[np.isfinite(sizes)]
    low, high = max(sizes.min(initial=0.0), -most), min(sizes.max(initial=0.0), most)
    margin = 0.08 * (high - low or 1.0)
    return low - margin, high + margin


def _passes(passes: Any) -> list[BackwardPass]:
    given = list(passes) if isinstance(passes, Iterable) and not isinstance(passes, BackwardPass) else [passes]
    if not given or not all(isinstance(each, BackwardPass) for each in given):
        what = type(given[0]).__name__ if given else "nothing"
        raise DrawError(f"expected backward passes, got {what}", repair="Give what gn.backward(E, feeds) returned.")
    return given


def _layers(graph: Graph, back: BackwardPass) -> list[Node]:
    """Return the pre-activations of a row of layers, or the named ops of any other graph."""
    try:
        chosen: Sequence[Node] = [layer.z for layer in chain_of(graph).layers]
    except DrawError:
        chosen = [node for node in graph.nodes if node.op is not None and node.name is not None]
    reached = [node for node in chosen if node in back.error_signals]
    if not reached:
        raise DrawError("no op of this graph has a name", repair='Say which: nodes=["a1", "a2"].')
    step = -(-len(reached) // MOST_LINES)
    return reached[::step]


def _depth_colour(i: int, of: int) -> str:
    """Return a shade of red, the darker the later the layer."""
    return colours.line("error signal", i / max(1, of - 1))
