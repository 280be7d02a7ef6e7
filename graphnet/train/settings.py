"""Checks of settings: what is out of range is refused before the first step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphnet.errors import TrainingError


def require_count(name: str, value: object, least: int, most: int | None = None, repair: str = "") -> None:
    """Raise `TrainingError` unless a setting is an integer in a range."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_integer or not least <= int(value) <= (math.inf if most is None else most):  # type: ignore[call-overload]
        limits = f"≥ {least}" if most is None else f"from {least} to {most}"
        raise TrainingError(f"{name}={value!r}, expected an integer {limits}", repair=repair or "Give a whole number.")


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (OverflowError, TypeError):  # 10**400, 1j
        return False


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
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and _is_finite(value)
    in_range = is_number and not (
        (above is not None and not value > above)  # type: ignore[operator]
        or (least is not None and not value >= least)  # type: ignore[operator]
        or (below is not None and not value < below)  # type: ignore[operator]
        or (most is not None and not value <= most)  # type: ignore[operator]
    )
    if not in_range:
        words = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
        raise TrainingError(f"{name} is {value!r}, expected a number {words}", repair="Choose a value in this range.")
