"""What saturated means: in pictures, in tables and in words alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.op import Op

SATURATED = 0.05
"""A unit is saturated where its slope is below this share of the largest slope of its function."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class SlopeRange:
    """What the slope g′ of an activation can be, as seen on −5 ≤ z ≤ 5.

    Attributes
    ----------
    largest : float
        The largest |g′|.
    flat : bool
        Whether g is exactly flat over a part, as relu is: a unit can be dead.
    straight : bool
        Whether g is made of straight pieces, as relu and leaky relu: a unit can be off, and is never saturated.
    """

    largest: float
    flat: bool
    straight: bool

    def saturated(self, slopes: Any) -> Mask:
        """Tell where a unit is saturated, given its slopes."""
        slopes = np.abs(np.asarray(slopes, float))
        below: Mask = slopes < SATURATED * self.largest
        if self.flat:  # where it is off its slope is 0, which is not saturation
            below &= slopes > 0
        return np.zeros_like(below) if self.straight else below


def slope_range(op: Op) -> SlopeRange:
    """Find out what the slope of an activation can be, by its own backward rule.

    Examples
    --------
    >>> import graphnet as gn
    >>> slope_range(gn.ops.Sigmoid()).largest, slope_range(gn.ops.Relu())
    (0.25, SlopeRange(largest=1.0, flat=True, straight=True))
    """
    z = np.linspace(-5.0, 5.0, 101)
    try:
        with np.errstate(all="ignore"):
            a = np.asarray(op.forward(z))
            slopes = np.abs(np.asarray(op.backward(np.ones_like(z), a, z), float))
    except Exception:  # a rule of one's own may take arrays of some shapes only
        return SlopeRange(1.0, flat=False, straight=False)
    largest = float(np.nanmax(slopes, initial=0.0)) or 1.0
    return SlopeRange(largest, bool(np.count_nonzero(slopes == 0) > 5), len(np.unique(slopes.round(12))) <= 3)
