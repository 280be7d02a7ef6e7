"""Finite differences of one entry at a time, and the verdict on what a rule says about it.

A central difference with the step h = ε^⅓ · max(1, |x|) is exact to about ten digits where the function is smooth. Where
rule and difference disagree, the entry is looked at again: with smaller steps, since a long step may leave the domain (log
near 0) or average over several waves of a function; then with one-sided slopes, since at a kink (relu at 0) there is no
derivative to be right about, and any value between the two slopes is as good as another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

EPS = float(np.finfo(np.float64).eps)
RELATIVE_TOLERANCE = 1e-7
"""How far rule and difference may lie apart, as a share of max(1, largest error signal)."""
SHORTER_STEPS = (1e-2, 1e-4)
"""What the step is multiplied by, in turn, where rule and difference disagree."""

BLUR = 1e-2
"""From what share of a derivative on the rounding noise of its difference drowns it."""

Judgement = Literal["right", "wrong", "kink", "blurred"]
Slope = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], tuple[float, float]]
"""From two versions of the array: the change of the result between them, and the size of the numbers it is made of."""


@dataclass(frozen=True)
class Entry:
    """What a rule says about one entry of an array, and what differences say."""

    index: tuple[int, ...]
    rule: float
    difference: float
    judgement: Judgement

    @property
    def error(self) -> float:
        """How far apart the two are."""
        return abs(self.rule - self.difference)


def judge(
    array: np.ndarray[Any, Any], rule: np.ndarray[Any, Any], indices: Iterable[tuple[int, ...]], slope: Slope
) -> list[Entry]:
    """Compare what a rule says with central differences, entry by entry.

    Parameters
    ----------
    array
        The float64 array to perturb.
    rule
        What the rule says the derivative by each entry is; the same shape.
    indices
        The entries to judge.
    slope
        Computes the change of the result; see `Slope`.
    """
    scale = max(1.0, float(np.max(np.abs(rule[np.isfinite(rule)]), initial=0.0)))
    return [_judge_entry(array, float(rule[index]), index, slope, scale * RELATIVE_TOLERANCE) for index in indices]


def _judge_entry(
    array: np.ndarray[Any, Any], rule: float, index: tuple[int, ...], slope: Slope, tolerance: float
) -> Entry:
    size = abs(float(array[index]))
    step = EPS ** (1 / 3) * max(1.0, size)
    first, noise = _quotient(array, index, slope, -step, step)
    if abs(rule - first) <= tolerance:
        return Entry(index, rule, first, "right")
    if abs(rule - first) <= noise:
        drowned = noise > BLUR * max(abs(rule), abs(first))
        return Entry(index, rule, first, "blurred" if drowned else "right")
    best = first
    shorter = [step * share for share in SHORTER_STEPS] + ([EPS ** (1 / 3) * size] if 0 < size < 1 else [])
    for length in shorter:
        difference, noise = _quotient(array, index, slope, -length, length)
        # The noise grows as the step shrinks. A shorter step is heard only where it says something else than the first,
        # and loudly: else it would forgive any error.
        news = not abs(difference - first) <= noise  # also where the first is NaN
        if news and noise <= max(tolerance, BLUR * abs(difference)) and abs(rule - difference) <= tolerance + noise:
            return Entry(index, rule, difference, "right")
        if np.isnan(best) or (news and abs(rule - difference) < abs(rule - best)):
            best = difference
    if np.isfinite(rule) and not np.isfinite(best):  # no step stays in the domain: (−2)ᵖ has no derivative by p
        return Entry(index, rule, best, "blurred")
    judgement: Judgement = "kink" if _between_unequal_slopes(array, index, slope, step, rule, tolerance) else "wrong"
    return Entry(index, rule, best, judgement)


def _quotient(
    array: np.ndarray[Any, Any], index: tuple[int, ...], slope: Slope, low: float, high: float
) -> tuple[float, float]:
    """Return the difference quotient between two displacements of an entry, and how far rounding may have moved it."""
    below, above = array.copy(), array.copy()
    below[index] += low
    above[index] += high
    taken = float(above[index] - below[index])  # not high − low: the entry was rounded
    change, size = slope(below, above)
    return change / taken, 8 * EPS * size / taken


def _between_unequal_slopes(
    array: np.ndarray[Any, Any], index: tuple[int, ...], slope: Slope, step: float, rule: float, tolerance: float
) -> bool:
    """Tell whether there is a kink here, and the rule's value lies between the slopes on its two sides.

    The one-sided slopes of a smooth function differ by about step · curvature, which shrinks with the step. At a kink the
    difference stays.
    """
    gaps = []
    for length in (step, step * 0.01):
        left, left_noise = _quotient(array, index, slope, -length, 0.0)
        right, right_noise = _quotient(array, index, slope, 0.0, length)
        allowed = tolerance + left_noise + right_noise
        if not min(left, right) - allowed <= rule <= max(left, right) + allowed:
            return False
        gaps.append(abs(right - left) - allowed)
    return gaps[1] > 0 and gaps[1] > 0.5 * gaps[0]
