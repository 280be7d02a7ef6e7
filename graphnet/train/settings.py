"""Checks of settings: what is out of range is refused before the first step."""

from __future__ import annotations

import math

from graphnet.core.settings import LARGEST, real, whole
from graphnet.errors import TrainingError, shown


def require_count(name: str, value: object, least: int, most: int | None = None, repair: str = "") -> None:
    """Raise `TrainingError` unless a setting is an integer in a range."""
    most = LARGEST if most is None else most
    whole(value, name, repair or "Give a whole number.", least=least, most=most, error=TrainingError)


def require_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Raise `TrainingError` unless a setting is a finite number in a range."""
    limits = {"above": above, "at least": least, "below": below, "at most": most}
    try:
        number = real(value, name, TrainingError)
    except TrainingError:
        number = math.nan
    if not (
        math.isfinite(number)
        and (above is None or number > above)
        and (least is None or number >= least)
        and (below is None or number < below)
        and (most is None or number <= most)
    ):
        words = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
        raise TrainingError(
            f"{name} is {shown(value)}, expected a number {words}", repair="Choose a value in this range."
        )
