"""The U-curve: how the error of a finite difference depends on its step."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphnet.check.cuts import Call
from graphnet.check.responses import STEP, Response
from graphnet.core import shapes
from graphnet.core.graph import Target, as_graph
from graphnet.core.leaves import float_array
from graphnet.core.node import Node
from graphnet.core.tables import number, table
from graphnet.engine.feeds import leaf_values
from graphnet.engine.passes import Message
from graphnet.engine.rules import apply_backward
from graphnet.engine.run import propagate, run_forward
from graphnet.errors import DrawError, GraphError, ShapeError, UnreachableError, shown

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, repr=False)
class StepCurve:
    """The error of central differences of one entry, for many steps; made by `step_curve`.

    To the right of the best step truncation makes it, and it grows as h²; to the left rounding, and it grows as 1/h.

    Attributes
    ----------
    label : str
        Of the leaf.
    index : tuple of int
        The entry.
    gradient : float
        What the backward rules say.
    steps, errors : numpy.ndarray
        Each step, and how far its difference is from the gradient, relative to it if it is not zero.
    """

    label: str
    index: tuple[int, ...]
    gradient: float
    steps: Array
    errors: Array

    @property
    def best(self) -> float:
        """The step whose difference is nearest to the gradient."""
        return float(self.steps[np.argmin(np.nan_to_num(self.errors, nan=np.inf))])

    def plot(self, axes: Any = None) -> Any:
        """Draw it with matplotlib (the extra ``demo``); return the axes.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Where to; by default a figure of its own.

        Raises
        ------
        DrawError
            If matplotlib is missing.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise DrawError(
                f"plots need matplotlib, which can't be imported: {error}",
                repair='Run: pip install "matplotlib>=3.8.4".',
            ) from error
        if axes is None:
            axes = Figure(layout="constrained").add_subplot()
        if not callable(getattr(axes, "loglog", None)):
            raise DrawError(f"axes is {shown(axes)}", repair="Give matplotlib axes, or leave it out.")
        seen = self.errors > 0
        axes.loglog(self.steps[seen], self.errors[seen], ".-", color="#b3261e", label="error of the difference")
        axes.axvline(self.best, color="#1f5fa8", linestyle="--", label=f"best step {number(self.best, 2)}")
        axes.axvline(STEP, color="#5f6670", linestyle=":", label=f"ε^⅓ = {number(STEP, 2)}")
        axes.set_xlabel("step h: rounding ← → truncation")
        axes.set_ylabel("relative error" if self.gradient else "error")
        name = self.label if self.label.isprintable() else repr(self.label)
        axes.set_title(f"∂E/∂{name}{list(self.index)}".replace("$", r"\$"))
        axes.legend()
        return axes

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plot to a file, as ``.png``, ``.svg`` or ``.pdf``; raise `DrawError` if that can't be done."""
        figure = self.plot().figure
        try:
            target = Path(path)
            if not target.suffix:
                raise ValueError("it has no suffix to tell the format")
            figure.savefig(target)
        except (OSError, TypeError, ValueError) as error:
            raise DrawError(
                f"can't write {shown(path)}: {shown(error)}",
                repair='Write for example "curve.png", in a folder that exists.',
            ) from error
        return target

    def _repr_png_(self) -> bytes | None:
        """Show the plot in a notebook; without matplotlib its text must do."""
        picture = io.BytesIO()
        try:
            self.plot().figure.savefig(picture, format="png", dpi=110)
        except DrawError:
            return None
        return picture.getvalue()

    def __repr__(self) -> str:
        entry = f"{self.label}{list(self.index)}"
        error = number(np.nanmin(self.errors, initial=np.inf), 3)
        return f"<StepCurve of {entry}: {len(self.steps)} steps, best {number(self.best, 2)} with error {error}>"

    def __str__(self) -> str:
        rows = [[number(step, 2), number(error, 3)] for step, error in zip(self.steps, self.errors, strict=True)]
        return f"{self.label}{list(self.index)}, gradient {number(self.gradient, 6)}\n{table(['step', 'error'], rows)}"


def step_curve(
    target: Target,
    feeds: Mapping[Any, Any],
    leaf: Node | str,
    index: int | Sequence[int] = (),
    *,
    steps: Sequence[float] | None = None,
) -> StepCurve:
    """Compare the gradient of one entry with central differences of many steps: too long ones truncate, too short ones round.

    Parameters
    ----------
    target
        A scalar output E.
    feeds
        As for `forward`.
    leaf
        A parameter or input, or its name.
    index
        Which entry of it.
    steps
        The steps; by default from 1e-12 to 1.

    Returns
    -------
    StepCurve
        ``curve.plot()``, ``curve.save("curve.png")``, ``curve.best``.

    Raises
    ------
    ShapeError
        If E is not a scalar, or there is no such entry.
    GraphError
        If the node is not a leaf with real numbers, or a step is not above 0.
    UnreachableError
        If no error signal reaches the leaf.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [0.3, 1.0])
    >>> curve = step_curve(gn.sum(gn.tanh(w)), {}, w, 0)
    >>> bool(1e-7 < curve.best < 1e-3)
    True
    """
    graph = as_graph(target)
    node = graph[leaf]
    label = graph.label(node)
    if node.op is not None or node.dtype.kind != "f":
        raise GraphError(f"{label!r} is no leaf with real numbers", repair="Give a parameter or an input.")
    output = graph.outputs[0]
    values = run_forward(graph, leaf_values(graph, feeds, np.float64), "raise")
    if values[output].shape != ():
        raise ShapeError(
            f"output {graph.label(output)!r} has shape {values[output].shape}", repair="Give a scalar, a loss."
        )
    shape = values[node].shape
    place = shapes.entry(index, shape, label)
    lengths = np.logspace(-12, 0, 73) if steps is None else float_array(steps, "steps").astype(float)
    if lengths.ndim != 1 or not len(lengths) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise GraphError(f"steps are {shown(steps)}", repair="Give numbers above 0.")
    messages: dict[Node, list[Message]] = {other: [] for other in graph.nodes}
    messages[output].append(Message(None, None, np.asarray(1.0)))
    signals = propagate(graph, values, messages, apply_backward)
    if node not in signals:
        raise UnreachableError(f"no error signal reaches {label!r}", repair="E does not depend on it smoothly.")
    gradient = float(np.asarray(signals[node])[place])
    calls = [Call(other.op, other.inputs, other) for other in graph.nodes if other.op is not None]
    response = Response(calls, values, node, {output: np.asarray(1.0)}, budget=0)
    entries = np.full(len(lengths), np.ravel_multi_index(place, shape) if shape else 0)
    change, _ = response.changes(entries, -lengths, lengths)
    x = float(values[node][place])
    with np.errstate(all="ignore"):
        errors = np.abs(change / ((x + lengths) - (x - lengths)) - gradient) / (abs(gradient) or 1.0)
    return StepCurve(label, place, gradient, lengths, errors)
