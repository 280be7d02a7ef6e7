"""For teaching: an exercise, and the U-curve of a finite difference.

An exercise asks for the backward rule of a forward rule that is given, and says whether it is right. The U-curve shows how
the error of a finite difference depends on its step.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphnet.check.checker import check_op
from graphnet.common import matplotlib_needed
from graphnet.common.settings import generator
from graphnet.common.text import html_text, number, table
from graphnet.core.function_op import FunctionOp, op
from graphnet.core.graph import Target, as_graph
from graphnet.core.leaves import float_array, numbers
from graphnet.core.node import Node, Numbers
from graphnet.draw.plots import as_png
from graphnet.engine.feeds import leaf_values
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.responses import STEP, Response
from graphnet.engine.rules import rule_error
from graphnet.engine.run import propagate, run_forward
from graphnet.engine.units import entry_of
from graphnet.errors import DrawError, GraphError, GraphnetError, RuleError, ShapeError, UnreachableError, shown

HINTS = (
    ("sign flipped", "Which way does the output move when the input grows?"),
    ("constant factor", "Differentiate the forward rule again and compare the numbers in front."),
    ("delta is forgotten", "The rule must answer for the whole network: everything it returns starts from delta."),
    ("without the slope", "delta alone is ∂E/∂output. The chain rule wants it times the slope, ∂output/∂input."),
    ("where g′ belongs", "g is what the unit puts out; the chain rule wants g′, how much it moves."),
    (
        "in its place it is right",
        "The third argument of the rule is the input, the second the output: which one does g′ need?",
    ),
    ("not summed over the batch", "One value was used by every sample, so what they all send back adds up."),
    ("transpose", "Write the shapes beside each factor: only one order and one transpose give the shape of the input."),
    ("operands are swapped", "Return one error signal for each input, in the order of the forward rule's arguments."),
    ("always zero", "If nothing came back, nothing before this op could ever learn."),
    ("returned none", "The rule has to return something: one array for each input."),
    ("rule raised", "The rule stopped with an error of its own, so read that first."),
    ("the value has", "The forward rule itself has no finite value at these arrays: give some inside of its domain."),
    ("shape (", "An error signal has the shape of the value that it belongs to."),
)
"""What the report says, and what to think about then."""


@dataclass(frozen=True, repr=False)
class Attempt:
    """How an exercise went.

    Attributes
    ----------
    ok : bool
        Whether the rule is right.
    report : str
        What the check says: what the fault looks like, with its evidence.
    hint : str
        What to think about next; empty if the rule is right.
    """

    ok: bool
    report: str
    hint: str = ""

    def __repr__(self) -> str:
        return f"Right: {self.report}" if self.ok else f"Not yet.\n{self.report}\nHint: {self.hint}"

    def _repr_html_(self) -> str:
        first, _, rest = str(self).partition("\n")
        return f"<p><b>{html.escape(first)}</b></p>{html_text(rest) if rest else ''}"


def exercise(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *inputs: Any,
    hint: str = "",
    rng: np.random.Generator | None = None,
) -> Attempt:
    """Check a backward rule that somebody wrote for a forward rule, and say what to think about if it is wrong.

    Parameters
    ----------
    forward
        The forward rule: a function of arrays, or an op made with ``@gn.op``.
    backward
        The attempt, ``backward(delta, output, *inputs)``.
    *inputs
        Arrays to check it at. If none are given, matrices of shape (4, 3) with entries of both signs, for each argument.
    hint
        Shown if the rule is wrong, in place of one that goes by what the fault looks like.
    rng
        Draws the arrays and the error signal; seed 0 if not given.

    Returns
    -------
    Attempt
        With ``.ok``, and a text that shows itself in a notebook. A rule that raises or returns nothing is an attempt, too.

    Raises
    ------
    RuleError
        If `forward` or `backward` is not a function.
    GraphnetError
        If `forward` itself can't be run at these arrays.

    Examples
    --------
    >>> print(exercise(np.sin, lambda delta, a, z: delta * np.cos(z)))
    Right: at 12 entries the rule agrees with the finite differences of the forward rule.
    >>> print(exercise(np.sin, lambda delta, a, z: np.cos(z)))
    Not yet.
    looks like: delta is forgotten: the result stays the same when delta is doubled
    Hint: The rule must answer for the whole network: everything it returns starts from delta.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    generator(rng)
    if not isinstance(hint, str):
        raise GraphError(f"hint is {shown(hint)}, expected text", repair='Write hint="Think of the chain rule."')
    rule = _op_of(forward, backward)
    arrays = inputs or tuple(_both_signs(rng) for _ in range(_count(rule)))
    given = [numbers(array, f"input {slot}") for slot, array in enumerate(arrays)]
    try:
        rule.forward(*given)
    except Exception as error:
        raise rule_error("forward", given, error) from error
    try:
        report = check_op(rule, *arrays, rng=rng)
    except GraphnetError as error:
        return Attempt(False, str(error), hint or _hint_for(str(error)))
    if report.ok:
        entries = sum(finding.entries for finding in report.findings)
        return Attempt(True, f"at {entries} entries the rule agrees with the finite differences of the forward rule.")
    return Attempt(False, _what_it_looks_like(str(report)), hint or _hint_for(str(report)))


def _op_of(forward: Any, backward: Any) -> FunctionOp:
    function = forward.__wrapped__ if isinstance(forward, op) else forward
    for role, given in (("forward", function), ("backward", backward)):
        if isinstance(given, type) or not callable(given):
            raise RuleError(
                f"the {role} rule is {shown(given)}, expected a function", repair="Write it with def or lambda."
            )
    if isinstance(function, np.ufunc):  # it has no signature to read
        function = _with_signature(function)
    op(function)  # which refuses settings
    return FunctionOp(function, backward)


def _with_signature(ufunc: np.ufunc) -> Callable[..., Any]:
    function: Callable[..., Any] = (lambda z: ufunc(z)) if ufunc.nin == 1 else (lambda x, y: ufunc(x, y))
    function.__name__ = ufunc.__name__
    return function


def _count(rule: FunctionOp) -> int:
    for count in range(1, 9):
        try:
            rule.check_count(count)
            return count
        except GraphnetError as error:
            problem = error
    raise problem


def _both_signs(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.asarray(rng.uniform(0.3, 1.2, (4, 3)) * rng.choice([-1.0, 1.0], (4, 3)))


def _what_it_looks_like(report: str) -> str:
    lines = [line.strip() for line in report.splitlines()]
    beginnings = ("looks like", "worst at") if "no known signature" in report else ("looks like",)
    telling = [line for line in lines if line.startswith(beginnings)]
    return "\n".join(dict.fromkeys(telling)).replace("no known signature", "none of the usual slips") or report


def _hint_for(text: str) -> str:
    otherwise = (
        "Take one entry: by how much does the output move if it moves a little? Compare with what the rule says."
    )
    return next((hint for sign, hint in HINTS if sign in text.lower()), otherwise)


# The U-curve ---------------------------------------------------------------------------------------------------------


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

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [0.5])
    >>> curve = gn.step_curve(gn.sum(gn.exp(w), name="E"), {}, w, 0)
    >>> curve.label, bool(curve.errors.min() < 1e-8)
    ('w', True)
    """

    label: str
    index: tuple[int, ...]
    gradient: float
    steps: Numbers
    errors: Numbers

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
        with matplotlib_needed():
            from matplotlib.figure import Figure
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
            if not (target := Path(path)).suffix:
                raise ValueError("it has no suffix to tell the format")
            figure.savefig(target)
        except (OSError, TypeError, ValueError) as error:
            repair = 'Write for example "curve.png", in a folder that exists.'
            raise DrawError(f"can't write {shown(path)}: {shown(error)}", repair=repair) from error
        return target

    def _repr_png_(self) -> bytes | None:
        return as_png(lambda: self.plot().figure)

    def __repr__(self) -> str:
        best = f"best {number(self.best, 2)} with error {number(np.nanmin(self.errors, initial=np.inf), 3)}"
        return f"<StepCurve of {self.label}{list(self.index)}: {len(self.steps)} steps, {best}>"

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
    place = entry_of(index, shape, label)
    lengths = np.logspace(-12, 0, 73) if steps is None else float_array(steps, "steps").astype(float)
    if lengths.ndim != 1 or not len(lengths) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise GraphError(f"steps are {shown(steps)}", repair="Give numbers above 0.")
    signals, _ = propagate(graph, values, {output: np.asarray(1.0)})
    if node not in signals:
        raise UnreachableError(f"no error signal reaches {label!r}", repair="E does not depend on it smoothly.")
    gradient = float(np.asarray(signals[node])[place])
    calls = [OpCall(other.op, other.inputs, other) for other in graph.nodes if other.op is not None]
    response = Response(calls, values, node, {output: np.asarray(1.0)}, budget=0)
    entries = np.full(len(lengths), np.ravel_multi_index(place, shape) if shape else 0)
    change, _ = response.changes(entries, -lengths, lengths)
    x = float(values[node][place])
    with np.errstate(all="ignore"):
        errors = np.abs(change / ((x + lengths) - (x - lengths)) - gradient) / (abs(gradient) or 1.0)
    return StepCurve(label, place, gradient, lengths, errors)
