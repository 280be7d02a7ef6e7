"""Derivatives along directions through a whole array, where its entries are too many to compare one by one.

A direction hears of every entry at once, but only of their weighted sum: one wrong entry of many can hide in it. Where a
direction is wrong, halving it again and again leads to an entry that is.

Along a direction v a rule can be judged without a step size too, by the order of the Taylor remainder:
F(x + h v) − F(x) − h ⟨gradient, v⟩ shrinks as h² if the gradient is right, and as h if it is not.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.check.calls import Call
from graphnet.check.differences import BLUR, EPS, PRECISION, Judged, judge, not_analytic
from graphnet.check.report import Verdict
from graphnet.check.responses import Response
from graphnet.check.settings import Settings
from graphnet.core.op import Op
from graphnet.errors import GraphError

Array = np.ndarray[Any, Any]
DIRECTIONS = 8
"""How many random directions are compared."""
HALVINGS = 100
"""How many parts of a direction are halved at most, in search of an entry."""
FEW = 3
"""How many are compared by the order of the Taylor remainder."""
STEPS = 0.25 ** np.arange(1, 22)
LOUD = 30.0
"""How many times its rounding noise a remainder must be to be listened to."""
BETWEEN = 1.5
"""The order that parts right from wrong."""
TELLING = 3
"""Of the remainders that are loud enough, how many of the smallest tell the order."""


def compare(
    response: Response, rule: Array, settings: Settings, what: str, *, clear: float = BLUR, scale: float = 1.0
) -> Judged | None:
    """Judge single entries of what a rule says, as the settings ask for; None if only directions are compared.

    Raises
    ------
    GraphError
        If a complex step is asked for and can't be made.
    """
    if settings.method == "taylor":
        return None
    is_complex = settings.method == "complex"
    if is_complex and (problem := not_analytic(response, settings.rng)):
        raise GraphError(
            f"the complex step can't check {what}: {problem}",
            repair='A forward rule is not analytic. Use method="central".',
        )
    entries = settings.choose(response)
    return judge(response, rule, entries, step=settings.step, complex_step=is_complex, clear=clear, scale=scale)


def conclude(
    response: Response, rule: Array, settings: Settings, judged: Judged | None
) -> tuple[Verdict, str, dict[str, Any]]:
    """Return the verdict on what a rule says, its evidence, and what else a finding tells.

    It is that of the entries that were judged, and of random directions over all of them where these are a sample.
    """
    if judged is None:
        order, verdict, evidence = remainder(response, rule, settings.rng)
        return verdict, evidence, {"order": order, "directions": FEW}
    verdict, evidence = judged.verdict, ""
    count = DIRECTIONS if len(judged.entries) < response.array.size else 0
    if count and verdict != "wrong":
        verdict, evidence = judge_directions(response, rule, settings.rng, verdict)
    return verdict, evidence, {"compared": judged, "directions": count}


@dataclass(frozen=True)
class Along(Op):
    """An array moved along directions: base + Σ distance · direction."""

    base: Array
    directions: Array

    def forward(self, distances: Any) -> Any:
        """Move it."""
        return (distances @ self.directions + self.base.ravel()).reshape(self.base.shape)


def along(response: Response, directions: Array) -> Response:
    """Return how the result changes with the distance moved along each direction (a flat one in each row)."""
    source: Hashable = "the distances moved"
    distances = np.zeros(len(directions))
    call = Call(Along(response.array, directions), (source,), response.source)
    values = {**response.values, source: distances}
    calls = [call, *response.calls]
    return Response(calls, values, source, response.directions, response.checked, budget=0)  # all meet: nothing to cut


def random_directions(array: Array, rng: np.random.Generator, count: int = DIRECTIONS) -> Array:
    """Return directions in which every entry moves as far as its size asks for, this way or that."""
    return rng.choice([-1.0, 1.0], (count, array.size)) * np.maximum(1.0, np.abs(array.ravel()))


def judge_directions(
    response: Response, rule: Array, rng: np.random.Generator, verdict: Verdict
) -> tuple[Verdict, str]:
    """Compare a rule with differences along random directions.

    Returns
    -------
    verdict, evidence
        Wrong if a direction is wrong, with where that leads; else as given. Where kinks lie on the way of a direction it
        proves nothing, unless it leads to a single entry that is wrong.
    """
    directions = random_directions(response.array, rng)
    judged = judge_along(response, rule, directions)
    wrong = judged.judgement == "wrong"
    if not wrong.any():
        return verdict, ""
    entry = _culprit(response, rule, directions[np.argmax(wrong)])
    if entry is None and (judged.kinked | ~wrong).all():
        return verdict, ""
    evidence = f"wrong in {wrong.sum()} of {len(wrong)} random directions, though in no entry of the sample"
    if entry is not None:
        place = tuple(int(i) for i in np.unravel_index(entry, response.array.shape))
        evidence += f"; halving them leads to entry {place}"
    return "wrong", evidence


def _culprit(response: Response, rule: Array, direction: Array) -> int | None:
    """Return an entry that is wrong, by halving a direction that is."""
    suspects = [np.flatnonzero(direction)]
    for _ in range(HALVINGS):
        if not suspects:
            return None
        moving = suspects.pop()
        if len(moving) == 1:
            return int(moving[0])
        halves = [moving[: len(moving) // 2], moving[len(moving) // 2 :]]
        parts = np.zeros((2, direction.size))
        for part, half in zip(parts, halves, strict=True):
            part[half] = direction[half]
        wrong = judge_along(response, rule, parts).judgement == "wrong"
        suspects += [half for half, is_wrong in zip(halves, wrong, strict=True) if is_wrong]
    return None


def judge_along(response: Response, rule: Array, directions: Array) -> Judged:
    """Judge what a rule says about each direction."""
    said = directions @ np.asarray(rule, float).ravel()
    return judge(along(response, directions), said, np.arange(len(directions)))


def remainder(response: Response, rule: Array, rng: np.random.Generator) -> tuple[float | None, Verdict, str]:
    """Return the least order of the remainder along a few random directions.

    Returns
    -------
    order, verdict, evidence
        The order is None if there is no remainder but rounding: the function is linear.
    """
    if not response.array.size:
        return None, "blurred", ""
    directions = random_directions(response.array, rng, FEW)
    moved = along(response, directions)
    slopes = directions @ np.asarray(rule, float).ravel()
    # Numbers as large as these may cancel inside a rule, and leave their rounding behind.
    within = float(np.max(np.abs(response.array), initial=1.0))
    found = [_order_along(moved, i, float(slope), within) for i, slope in enumerate(slopes)]
    orders = [value for value, _ in found if value is not None]
    least = min(orders, default=None)
    if least is None or least > BETWEEN:
        return least, "right", ""
    if all(kinked for value, kinked in found if value is not None and value <= BETWEEN):
        return least, "kink", ""
    judged = judge_along(response, rule, directions).judgement
    if not (judged == "wrong").any():  # no step is short enough, or what is left is rounding
        return least, "blurred", ""
    return least, "wrong", f"the Taylor remainder is of order {least:.2f} where a right rule has 2"


def _order_along(moved: Response, which: int, slope: float, within: float) -> tuple[float | None, bool]:
    """Return the order of the remainder along one direction, and whether its two sides differ as they do at a kink."""
    at = np.full(len(STEPS), which)
    ahead, size = moved.changes(at, np.zeros(len(STEPS)), STEPS)
    back, _ = moved.changes(at, np.zeros(len(STEPS)), -STEPS)
    remainder = np.abs(ahead - STEPS * slope)
    noise = 8 * EPS * (size + np.abs(STEPS * slope) + within)
    rounded = STEPS * PRECISION * abs(slope)  # by the rule, which rounds too
    loud = np.flatnonzero(np.isfinite(remainder) & (remainder > LOUD * noise + rounded))
    loud = loud[(loud > 0) & np.isin(loud - 1, loud)]
    if not loud.size:
        return (None if np.isfinite(remainder).any() else 0.0), False
    last = loud[-TELLING:]
    value = float(np.median(np.log(remainder[last - 1] / remainder[last]) / np.log(STEPS[last - 1] / STEPS[last])))
    bend = np.abs(ahead + back)  # of order 2 where smooth, 1 at a kink
    kinked = bool(bend[last[-1]] > 0.5 * remainder[last[-1]] and remainder[last[-1]] > LOUD * noise[last[-1]])
    return value, kinked
