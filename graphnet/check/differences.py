"""The verdict on each entry of what a rule says, from finite differences that know how good they are.

First a central difference with the step h = ε^⅓ · max(1, |x|), for all entries. Where it confirms the rule to a relative
1e-7, or to its own rounding noise, the entry is right. The others are looked at again, each alone: with steps from a
millionth to a thousand times as long, and, near zero, with steps relative to the entry. Of each ladder of steps the best
rung counts: that of the least difference from its neighbour and least noise, as far as the shorter steps show it. What
still disagrees is wrong, unless the entry lies at a kink (relu at 0), where the
slopes on its two sides stay apart: there any value between them is as good as another.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphnet.check.responses import STEP, Response

Array = np.ndarray[Any, Any]
Judgement = Literal["right", "wrong", "kink", "blurred"]

EPS = float(np.finfo(np.float64).eps)
PRECISION = 1e-7
"""How far rule and difference may lie apart, as a share of the larger of the two: noise comes on top of it."""
ROUNDING = 100 * EPS
"""How far a rule's own rounding may move it, as a share of the largest of its numbers, or of δ, which is about 1."""
BLUR = 1e-2
"""From what share of a derivative on the noise of its difference drowns it."""
RUNGS = 10.0 ** np.arange(-6, 4)
"""What the step is multiplied by on a ladder."""
CLOSER_LOOKS = 50
"""Suspects looked at first; the rest are only if any of these turns out not to be wrong."""
COMPLEX_STEP = 1e-100


@dataclass(frozen=True)
class Judged:
    """What a rule says about some entries of an array, and what differences say.

    Attributes
    ----------
    entries : numpy.ndarray
        Which, as flat indices.
    rule, difference : numpy.ndarray
        What the two say about each.
    judgement : numpy.ndarray
        Of each, one of `Judgement`.
    """

    entries: Array
    rule: Array
    difference: Array
    judgement: Array

    def count(self, judgement: Judgement) -> int:
        """Return how many entries were judged so."""
        return int(np.count_nonzero(self.judgement == judgement))

    @property
    def error(self) -> Array:
        """How far apart rule and difference are; infinite where either is not finite."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nan_to_num(np.abs(self.rule - self.difference), nan=np.inf))

    @property
    def worst(self) -> int | None:
        """Where the two are farthest apart: among the wrong entries, or if there are none among the right ones."""
        if not self.entries.size:
            return None
        return int(np.lexsort((self.error, self.judgement == "right", self.judgement == "wrong"))[-1])


def judge(
    response: Response,
    rule: Array,
    entries: Array,
    *,
    step: float | None = None,
    complex_step: bool = False,
    clear: float = BLUR,
    scale: float = 1.0,
) -> Judged:
    """Compare what a rule says with differences.

    Parameters
    ----------
    response
        How the result changes when an entry moves.
    rule
        What the rule says the derivative by each entry is; the shape of the array.
    entries
        Which to judge: flat indices.
    step
        The step to begin with; by default it is chosen for each entry.
    complex_step
        Begin with a complex step, which needs no length.
    clear
        Up to what share of a derivative the noise of the first difference may be for it to be the last one.
    scale
        The size of the numbers that the rule was made of: what it rounds by.
    """
    said = np.asarray(rule, float).ravel()[entries]
    x = np.abs(response.array.ravel()[entries])
    steps = STEP * np.maximum(1.0, x) if step is None else np.full(len(entries), float(step))
    scale = float(np.max(np.abs(said[np.isfinite(said)]), initial=scale))
    judgement = np.full(len(entries), "right", dtype="<U8")
    if complex_step:
        change, _ = response.changes(entries, np.zeros(len(entries)), np.full(len(entries), COMPLEX_STEP * 1j))
        difference, noise = change.imag / COMPLEX_STEP, np.zeros(len(entries))
    else:
        difference, noise = _quotients(response, entries, -steps, steps)
    suspects = np.flatnonzero(~_confirmed(said, difference, noise, scale, clear))

    def look(at: Array, *, alone: bool) -> None:
        ladders = _Ladders(response, entries[at], steps[at], x[at], alone=alone)
        difference[at] = ladders.best
        judgement[at] = ladders.judge(said[at], scale)

    if suspects.size:
        look(suspects, alone=False)
        suspects = suspects[judgement[suspects] != "right"]
        first, rest = suspects[:CLOSER_LOOKS], suspects[CLOSER_LOOKS:]
        look(first, alone=True)
        if rest.size and (judgement[first] != "wrong").any():
            look(rest, alone=True)
    return Judged(entries, said, difference, judgement)


def not_analytic(response: Response, rng: np.random.Generator) -> str:
    """Return why a complex step is of no use here, or nothing: it must say what differences say, at a few entries."""
    entries = rng.permutation(response.array.size)[:4]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            change, _ = response.changes(entries, np.zeros(len(entries)), np.full(len(entries), COMPLEX_STEP * 1j))
    except Exception as error:  # whatever the rule does with complex numbers
        return f"given complex numbers it raised {type(error).__name__}: {error}"
    slopes = estimate(response, entries)
    apart = np.abs(np.imag(change) / COMPLEX_STEP - slopes)
    if (apart > 1e-4 * np.max(np.abs(slopes), initial=1e-6)).any():
        worst = int(np.argmax(apart))
        says = f"{np.imag(change[worst]) / COMPLEX_STEP:.4g}, the difference {slopes[worst]:.4g}"
        return f"a complex step gives the slope {says}"
    return ""


def estimate(response: Response, entries: Array) -> Array:
    """Return the derivative by each entry; by a ladder of steps where the first step leaves the domain."""
    steps = STEP * np.maximum(1.0, np.abs(response.array.ravel()[entries]))
    found, _ = _quotients(response, entries, -steps, steps)
    for k in np.flatnonzero(~np.isfinite(found))[:CLOSER_LOOKS]:
        base = STEP * abs(response.array.ravel()[entries[[k]]])
        found[k] = _climb(response, entries[[k]], base, alone=True)[0][0]
    return found


def _allowed(rule: Array, difference: Array, scale: float) -> Array:
    """Return how far a right rule may be from an exact difference: it rounds too."""
    return PRECISION * np.maximum(np.abs(rule), np.abs(difference)) + ROUNDING * scale


def _confirmed(rule: Array, difference: Array, noise: Array, scale: float, clear: float) -> Array:
    """Tell where a difference confirms the rule, and is no mere noise itself."""
    larger = np.maximum(np.abs(rule), np.abs(difference))
    with np.errstate(invalid="ignore"):
        agrees = np.abs(rule - difference) <= _allowed(rule, difference, scale) + noise
        heard = (noise <= clear * larger) | ((larger == 0) & (noise <= PRECISION * scale))
    return np.asarray(agrees & heard & np.isfinite(rule))


def _quotients(
    response: Response, entries: Array, low: Array, high: Array, *, alone: bool = False
) -> tuple[Array, Array]:
    """Return the difference quotient of each entry between two displacements, and how far rounding may have moved it."""
    x = response.array.ravel()[entries]
    taken = (x + high) - (x + low)  # not high − low: the entry was rounded
    change, size = response.changes(entries, low, high, alone=alone)
    # Nothing changed? In numbers as large as these the change may have been lost on the way.
    lost = np.where(change == 0, 4 * EPS * np.max(np.abs(response.array), initial=1.0), 0.0)
    with np.errstate(all="ignore"):
        return change / taken, np.maximum(8 * EPS * size, lost) / taken


class _Ladders:
    """A closer look at some entries: by steps of all lengths, and near zero by steps relative to the entry as well.

    Attributes
    ----------
    best
        The best difference of each entry.
    """

    def __init__(self, response: Response, entries: Array, steps: Array, x: Array, *, alone: bool) -> None:
        self._response, self._entries, self._steps, self._alone = response, entries, steps, alone
        self._found = [_climb(response, entries, steps, alone=alone)]
        small = (x > 0) & (x < 1)
        if small.any():
            best, error = (array.copy() for array in self._found[0])
            best[small], error[small] = _climb(response, entries[small], STEP * x[small], alone=alone)
            self._found.append((best, error))
        differences, errors = (np.stack(arrays) for arrays in zip(*self._found, strict=True))
        self.best: Array = differences[np.argmin(errors, axis=0), np.arange(len(entries))]

    def judge(self, rule: Array, scale: float) -> Array:
        """Return the judgement on each entry; kinks are looked for only where entries move alone."""
        right, agrees = np.zeros(len(rule), bool), np.zeros(len(rule), bool)
        with np.errstate(invalid="ignore"):
            for difference, error in self._found:
                larger = np.maximum(np.abs(rule), np.abs(difference))
                close = np.abs(rule - difference) <= _allowed(rule, difference, scale) + 2 * error
                agrees |= close
                right |= close & (error <= np.maximum(BLUR * larger, PRECISION * scale))
        # No step stays in the domain: (−2)ᵖ has no derivative by p.
        right &= np.isfinite(rule)
        blurred = (agrees | ~np.isfinite(self.best)) & np.isfinite(rule)
        judgement = np.select([right, blurred], ["right", "blurred"], "wrong").astype("<U8")
        if self._alone:
            suspects = np.flatnonzero(judgement == "wrong")
            kinked, between = one_sided(self._response, self._entries[suspects], self._steps[suspects], rule[suspects])
            judgement[suspects[kinked & between]] = "kink"
        return judgement


def _climb(response: Response, entries: Array, bases: Array, *, alone: bool) -> tuple[Array, Array]:
    """Return the best difference of a ladder of steps for each entry, and how far off it may be; NaN and ∞ if none is."""
    rungs = [_quotients(response, entries, -rung * bases, rung * bases, alone=alone) for rung in RUNGS]
    differences, nominal = (np.stack(arrays) for arrays in zip(*rungs, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.outer(RUNGS, bases)
        apart = np.abs(np.diff(differences, axis=0))  # truncation, or the noise of the shorter step
        # The noise of the result is the largest that any shorter step showed.
        noise = np.fmax.accumulate(apart * steps[:-1], axis=0)
        errors = apart + np.maximum(nominal[1:], 2 * noise / steps[1:])
    errors = np.where(np.isfinite(errors), errors, np.inf)
    best, at = np.argmin(errors, axis=0), np.arange(len(entries))
    error = errors[best, at]
    return np.where(np.isfinite(error), differences[1:][best, at], np.nan), error


def one_sided(response: Response, entries: Array, steps: Array, rule: Array) -> tuple[Array, Array]:
    """Tell where there is a kink, and where the rule's value lies between the slopes on the two sides.

    The one-sided slopes of a smooth function differ by about step · curvature, which shrinks with the step. At a kink the
    difference stays.
    """
    within, gaps = np.ones(len(entries), bool), []
    none = np.zeros(len(entries))
    with np.errstate(invalid="ignore"):
        for lengths in (steps, steps * 0.01):
            left, left_noise = _quotients(response, entries, -lengths, none, alone=True)
            right, right_noise = _quotients(response, entries, none, lengths, alone=True)
            allowed = PRECISION * np.maximum(np.abs(left), np.abs(right)) + left_noise + right_noise
            within &= (np.minimum(left, right) - allowed <= rule) & (rule <= np.maximum(left, right) + allowed)
            gaps.append(np.abs(right - left) - allowed)
        return (gaps[1] > 0) & (gaps[1] > 0.5 * gaps[0]), within
