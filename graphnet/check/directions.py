"""Derivatives along directions through a whole array, where its entries are too many to compare one by one.

A direction hears of every entry at once, but only of their weighted sum: one wrong entry of many can hide in it. Where a
direction is wrong, halving it again and again leads to an entry that is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.check.cuts import Call
from graphnet.check.differences import Judged, judge
from graphnet.check.report import Verdict
from graphnet.check.responses import Response
from graphnet.core.op import Op

Array = np.ndarray[Any, Any]
DIRECTIONS = 8
"""How many random directions are compared."""
HALVINGS = 100
"""How many parts of a direction are halved at most, in search of an entry."""


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
