"""What a check is asked to do, and its methods: entry by entry, along directions, and by the Taylor remainder.

A direction through a whole array, where its entries are too many to compare one by one, hears of every entry at once, but
only of their weighted sum: one wrong entry of many can hide in it. Where a direction is wrong, halving it again and again
leads to an entry that is.

Along a direction v a rule can be judged without a step size too: the remainder F(x + h v) − F(x) − h ⟨gradient, v⟩ shrinks
as h² if the gradient is right, and as h if it is not.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from graphnet.check.differences import BLUR, EPS, PRECISION, Judged, Judgement, judge, not_analytic
from graphnet.common.settings import generator, real, whole
from graphnet.core.node import Numbers
from graphnet.core.op import Op
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.responses import Response
from graphnet.errors import GraphError, shown

Entries = int | Literal["all"]
Method = Literal["central", "complex", "taylor"]
METHODS: tuple[Method, ...] = ("central", "complex", "taylor")
BUDGET = 1e9
"""Work for the check of one array, in multiply-adds, above which a sample of its entries is compared."""


@dataclass(frozen=True)
class Settings:
    """How much is compared, and how.

    Attributes
    ----------
    entries
        How many of each array; ``"all"``: as long as the budget allows.
    method
        ``"central"``, ``"complex"`` or ``"taylor"``.
    step
        The step of differences; None: chosen for each entry.
    budget
        Work for one array, in multiply-adds.
    rng
        Chooses error signals, samples and directions.
    checked
        Which ops were found to compute stacks as they compute arrays.
    """

    entries: Entries
    method: Method
    step: float | None
    budget: float
    rng: np.random.Generator
    checked: dict[Any, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (isinstance(self.entries, str) and self.entries == "all"):
            whole(self.entries, "entries", 'Give "all", or how many of each array to compare: at least 1.', least=1)
        if not isinstance(self.method, str) or self.method not in METHODS:
            known = ", ".join(map(repr, METHODS))
            raise GraphError(f"unknown method {shown(self.method)}", repair=f"Use one of {known}.")
        if self.step is not None:
            real(self.step, "step", above=0)
        real(self.budget, "budget", above=0, finite=False)
        generator(self.rng)
        self.rng.random(7)  # δ must not be the very numbers that the same seed has given the inputs

    def choose(self, response: Response) -> np.ndarray[Any, Any]:
        """Return the flat indices of the entries to compare: all, or a random sample in order."""
        return response.sample(None if self.entries == "all" else int(self.entries), self.rng)


# Directions ---------------------------------------------------------------------------------------------------------

DIRECTIONS = 8
"""How many random directions are compared."""
HALVINGS = 100
"""How many parts of a direction are halved at most, in search of an entry."""
_FEW = 3
"""How many are compared by the order of the Taylor remainder."""
STEPS = 0.25 ** np.arange(1, 22)
NOISE_FACTOR = 30.0
"""How many times its rounding noise a remainder must be to be listened to."""
BETWEEN = 1.5
"""The order that parts right from wrong."""
TELLING = 3
"""Of the remainders that are loud enough, how many of the smallest tell the order."""


def compare(
    response: Response, rule: Numbers, settings: Settings, what: str, *, clear: float = BLUR, scale: float = 1.0
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
        repair = 'A forward rule is not analytic. Use method="central".'
        raise GraphError(f"the complex step can't check {what}: {problem}", repair=repair)
    entries = settings.choose(response)
    return judge(response, rule, entries, step=settings.step, complex_step=is_complex, clear=clear, scale=scale)


def conclude(
    response: Response, rule: Numbers, settings: Settings, judged: Judged | None
) -> tuple[Judgement, str, dict[str, Any]]:
    """Return the verdict on what a rule says, its evidence, and what else a finding tells.

    It is that of the entries that were judged, and of random directions over all of them where these are a sample.
    """
    if judged is None:
        order, verdict, evidence = remainder(response, rule, settings.rng)
        return verdict, evidence, {"order": order, "directions": _FEW}
    verdict, evidence = judged.verdict, ""
    count = DIRECTIONS if len(judged.entries) < response.array.size else 0
    if count and verdict != "wrong":
        verdict, evidence = judge_directions(response, rule, settings.rng, verdict)
    return verdict, evidence, {"compared": judged, "directions": count}


@dataclass(frozen=True)
class _Along(Op):
    """An array moved along directions: base + Σ distance · direction."""

    base: Numbers
    directions: Numbers

    def forward(self, distances: Any) -> Any:
        """Move it."""
        return (distances @ self.directions + self.base.ravel()).reshape(self.base.shape)


def moved_along(response: Response, directions: Numbers) -> Response:
    """Return how the result changes with the distance moved along each direction (a flat one in each row)."""
    source: Hashable = "the distances moved"
    distances = np.zeros(len(directions))
    call = OpCall(_Along(response.array, directions), (source,), response.source)
    values, calls = {**response.values, source: distances}, [call, *response.calls]
    return Response(calls, values, source, response.directions, response.checked, budget=0)  # all meet: nothing to cut


def random_directions(array: Numbers, rng: np.random.Generator, count: int = DIRECTIONS) -> Numbers:
    """Return directions in which every entry moves as far as its size asks for, this way or that."""
    return rng.choice([-1.0, 1.0], (count, array.size)) * np.maximum(1.0, np.abs(array.ravel()))


def judge_directions(
    response: Response, rule: Numbers, rng: np.random.Generator, verdict: Judgement, step: float | None = None
) -> tuple[Judgement, str]:
    """Compare a rule with differences along random directions, by a first step that is given, or the usual one.

    Returns
    -------
    verdict, evidence
        Wrong if a direction is wrong, with where that leads; else as given. Where kinks lie on the way of a direction it
        proves nothing, unless it leads to a single entry that is wrong.
    """
    directions = random_directions(response.array, rng)
    judged = judge_along(response, rule, directions, step)
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


def _culprit(response: Response, rule: Numbers, direction: Numbers) -> int | None:
    """Return an entry that is wrong, by halving a direction that is."""
    suspects = [np.flatnonzero(direction)]
    for _ in range(HALVINGS):
        if not suspects:
            return None
        moving = suspects.pop()
        if len(moving) == 1:
            return int(moving[0])
        halves = [moving[: len(moving) // 2], moving[len(moving) // 2 :]]
        parts = np.stack([direction * np.isin(np.arange(direction.size), half) for half in halves])
        wrong = judge_along(response, rule, parts).judgement == "wrong"
        suspects += [half for half, is_wrong in zip(halves, wrong, strict=True) if is_wrong]
    return None


def judge_along(response: Response, rule: Numbers, directions: Numbers, step: float | None = None) -> Judged:
    """Judge what a rule says about each direction."""
    said = directions @ np.asarray(rule, float).ravel()
    return judge(moved_along(response, directions), said, np.arange(len(directions)), step=step)


def remainder(response: Response, rule: Numbers, rng: np.random.Generator) -> tuple[float | None, Judgement, str]:
    """Return the least order of the remainder along a few random directions.

    Returns
    -------
    order, verdict, evidence
        The order is None if there is no remainder but rounding: the function is linear.
    """
    if not response.array.size:
        return None, "blurred", ""
    directions = random_directions(response.array, rng, _FEW)
    moved = moved_along(response, directions)
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
    loud = np.flatnonzero(np.isfinite(remainder) & (remainder > NOISE_FACTOR * noise + rounded))
    loud = loud[(loud > 0) & np.isin(loud - 1, loud)]
    if not loud.size:
        return (None if np.isfinite(remainder).any() else 0.0), False
    last = loud[-TELLING:]
    value = float(np.median(np.log(remainder[last - 1] / remainder[last]) / np.log(STEPS[last - 1] / STEPS[last])))
    bend = np.abs(ahead + back)  # of order 2 where smooth, 1 at a kink
    kinked = bool(bend[last[-1]] > 0.5 * remainder[last[-1]] and remainder[last[-1]] > NOISE_FACTOR * noise[last[-1]])
    return value, kinked
