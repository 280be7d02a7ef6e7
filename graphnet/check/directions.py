"""Derivatives along directions through a whole array, where its entries are too many to compare one by one.

A direction hears of every entry at once, but only of their weighted sum: one wrong entry of many can hide in it. Where a
direction is wrong, halving it again and again leads to an entry that is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.check.differences import judge
from graphnet.check.report import Verdict
from graphnet.check.responses import Call, Response
from graphnet.core.op import Op

Array = np.ndarray[Any, Any]
DIRECTIONS = 8
"""How many random directions are compared."""


@dataclass(frozen=True, eq=False)
class Along(Op):
    """An array moved along directions: base + Σ distance · direction."""

    base: Array
    directions: Array

    def forward(self, distances: Any) -> Any:
        """Move it."""
        return (distances @ self.directions + self.base.reshape(-1)).reshape(self.base.shape)


def along(response: Response, directions: Array) -> Response:
    """Return how the result changes with the distance moved along each direction (a flat one in each row)."""
    source: Hashable = "the distances moved"
    distances = np.zeros(len(directions))
    call = Call(Along(response.array, directions), (source,), response.source)
    values = {**response.values, source: distances}
    return Response([call, *response.calls], values, source, response.directions, response.checked)


def random_directions(array: Array, rng: np.random.Generator, count: int = DIRECTIONS) -> Array:
    """Return directions in which every entry moves as far as its size asks for, this way or that."""
    return rng.choice([-1.0, 1.0], (count, array.size)) * np.maximum(1.0, np.abs(array.reshape(-1)))


def judge_directions(
    response: Response, rule: Array, rng: np.random.Generator, verdict: Verdict
) -> tuple[Verdict, str]:
    """Compare a rule with differences along random directions.

    Returns
    -------
    verdict, evidence
        Wrong if a direction is wrong, with where that leads; else as given.
    """
    directions = random_directions(response.array, rng)
    wrong = _wrong(response, rule, directions)
    if not wrong.any():
        return verdict, ""
    direction = directions[int(np.argmax(wrong))].copy()
    while np.count_nonzero(direction) > 1:
        moving = np.flatnonzero(direction)
        halves = np.stack([direction, direction])
        halves[0, moving[len(moving) // 2 :]] = 0
        halves[1, moving[: len(moving) // 2]] = 0
        wrong_halves = _wrong(response, rule, halves)
        if not wrong_halves.any():
            break
        direction = halves[int(np.argmax(wrong_halves))]
    evidence = f"in {wrong.sum()} of {len(wrong)} random directions, though no entry of the sample is wrong"
    if np.count_nonzero(direction) == 1:
        entry = np.unravel_index(int(np.flatnonzero(direction)[0]), response.array.shape)
        evidence += f"; halving them leads to entry {tuple(int(i) for i in entry)}"
    return "wrong", evidence


def _wrong(response: Response, rule: Array, directions: Array) -> Array:
    moved = along(response, directions)
    judged = judge(moved, directions @ np.asarray(rule, float).reshape(-1), np.arange(len(directions)))
    return np.asarray(judged.judgement == "wrong")
