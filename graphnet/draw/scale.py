"""From the size of a number to the strength of a colour or a line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.tables import distinct

DECADES = 6
"""A log scale spans at most this many powers of ten; what is smaller looks like its lower end."""


@dataclass(frozen=True)
class Scale:
    """A map from sizes |v| to strengths from 0 to 1.

    Attributes
    ----------
    low, high
        Its ends.
    log
        Whether equal ratios, not equal differences, are equal steps.

    Examples
    --------
    >>> Scale(0.01, 1.0, log=True).strength(-0.1)
    0.5
    """

    low: float
    high: float
    log: bool = False

    def strength(self, value: float) -> float | None:
        """Return the strength of a number; ``None`` if it is not finite."""
        size = abs(float(value))
        if not math.isfinite(size):
            return None
        if size <= self.low:
            return 0.0
        if self.log:
            return min(1.0, math.log(size / self.low) / math.log(self.high / self.low))
        return min(1.0, (size - self.low) / (self.high - self.low))


def linear(arrays: Iterable[Any]) -> Scale:
    """Return the scale from 0 to the largest size in the arrays.

    Examples
    --------
    >>> linear([np.array([1.0, -4.0])]).high
    4.0
    """
    return Scale(0.0, max((float(sizes.max()) for sizes in map(_sizes, arrays) if sizes.size), default=1.0))


def logarithmic(arrays: Iterable[Any]) -> Scale:
    """Return the log scale from the smallest to the largest size in the arrays that is not 0: at least one decade.

    Examples
    --------
    >>> scale = logarithmic([np.array([0.01, -4.0, 0.0])])
    >>> scale.low, scale.high
    (0.01, 4.0)
    """
    present = [sizes for sizes in map(_sizes, arrays) if sizes.size]
    high = max((float(sizes.max()) for sizes in present), default=1.0)
    low = min((float(sizes.min()) for sizes in present), default=0.1)
    return Scale(max(min(low, high / 10), high * 10.0**-DECADES, 5e-324), high, log=True)


def _sizes(array: Any) -> np.ndarray[Any, Any]:
    """Return the sizes that are finite and not 0."""
    sizes = np.abs(np.asarray(distinct(np.asarray(array))[0], dtype=float)).ravel()
    present: np.ndarray[Any, Any] = sizes[np.isfinite(sizes) & (sizes > 0)]
    return present
