"""Where an activation lets no error signal through: saturated entries, and entries that are off."""

from __future__ import annotations

import numpy as np

from graphnet.engine.units import SATURATED, Mask

WHY = {"saturated": f"slope below {100 * SATURATED:.0f} % of its largest", "off": "slope exactly 0"}


def counted(what: str, where: Mask) -> str:
    """Return how many entries are so, in words.

    Examples
    --------
    >>> counted("off", np.array([True, False, True])), counted("off", np.array([True]))
    ('2 of 3 off', 'off')
    """
    return what if where.size == 1 else f"{np.count_nonzero(where):,} of {where.size:,} {what}"
