"""An exercise: write the backward rule of a forward rule that is given, and be told whether it is right."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphnet.check.checker import check_op
from graphnet.core.function_op import FunctionOp, op
from graphnet.core.leaves import numbers
from graphnet.core.settings import generator
from graphnet.engine.rules import rule_error
from graphnet.errors import GraphnetError, RuleError, shown

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
        return str(self)

    def __str__(self) -> str:
        return f"Right: {self.report}" if self.ok else f"Not yet.\n{self.report}\nHint: {self.hint}"

    def _repr_html_(self) -> str:
        first, _, rest = str(self).partition("\n")
        more = (
            f'<pre style="font-family:monospace;white-space:pre-wrap;word-break:normal">{html.escape(rest)}</pre>'
            if rest
            else ""
        )
        return f"<p><b>{html.escape(first)}</b></p>{more}"


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
    function = forward.op.forward_rule if isinstance(forward, op) else forward
    for role, given in (("forward", function), ("backward", backward)):
        if not callable(given):
            raise RuleError(
                f"the {role} rule is {shown(given)}, expected a function", repair="Write it with def or lambda."
            )

    if isinstance(function, np.ufunc):  # it has no signature to read
        named = _of_one_argument(function) if function.nin == 1 else _of_two_arguments(function)
        named.__name__ = function.__name__
        function = named
    return replace(op(function).op, backward_rule=backward)


def _of_one_argument(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda z: ufunc(z)


def _of_two_arguments(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda x, y: ufunc(x, y)


def _count(rule: FunctionOp) -> int:
    count = 1
    while True:
        try:
            rule.check_count(count)
        except GraphnetError:
            count += 1
            if count > 8:
                raise
        else:
            return count


def _both_signs(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.asarray(rng.uniform(0.3, 1.2, (4, 3)) * rng.choice([-1.0, 1.0], (4, 3)))


def _what_it_looks_like(report: str) -> str:
    lines = [line.strip() for line in report.splitlines()]
    beginnings = ("looks like", "worst at") if "no known signature" in report else ("looks like",)
    telling = [line for line in lines if line.startswith(beginnings)]
    return "\n".join(dict.fromkeys(telling)).replace("no known signature", "none of the usual slips") or report


def _hint_for(text: str) -> str:
    found = next((hint for sign, hint in HINTS if sign in text.lower()), "")
    return (
        found
        or "Take one entry: by how much does the output move if it moves a little? Compare with what the rule says."
    )
