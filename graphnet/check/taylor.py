"""The order of the Taylor remainder: a check without a step size.

F(x + h v) − F(x) − h ⟨gradient, v⟩ shrinks as h² if the gradient is right, and as h if it is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnet.check.differences import EPS, PRECISION
from graphnet.check.directions import along, judge_along, random_directions
from graphnet.check.report import Verdict
from graphnet.check.responses import Response

Array = np.ndarray[Any, Any]
DIRECTIONS = 3
STEPS = 0.25 ** np.arange(1, 22)
LOUD = 30.0
"""How many times its rounding noise a remainder must be to be listened to."""
BETWEEN = 1.5
"""The order that parts right from wrong."""
TELLING = 3
"""Of the remainders that are loud enough, how many of the smallest tell the order."""


def order(response: Response, rule: Array, rng: np.random.Generator) -> tuple[float | None, Verdict, str]:
    """Return the least order of the remainder along a few random directions.

    Returns
    -------
    order, verdict, evidence
        The order is None if there is no remainder but rounding: the function is linear.
    """
    if not response.array.size:
        return None, "blurred", ""
    directions = random_directions(response.array, rng, DIRECTIONS)
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
