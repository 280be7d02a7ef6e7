"""Where an activation lets no error signal through: saturated entries, and entries that are off."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.engine.saturation import SATURATED, Mask, local_slope, slope_range

WHY = {"saturated": f"slope below {100 * SATURATED:.0f} % of its largest", "off": "slope exactly 0"}


def flat_entries(node: Node, back: BackwardPass) -> dict[str, Mask]:
    """Return at which entries an activation is saturated, and at which it is off, by these words, if there are any."""
    slopes = local_slope(back, node)
    if slopes is None or node.op is None:
        return {}
    possible = slope_range(node.op)
    flat = {"saturated": possible.saturated(slopes), "off": possible.off(slopes)}
    return {what: where for what, where in flat.items() if where.any()}


def counted(what: str, where: Mask) -> str:
    """Return how many entries are so, in words.

    Examples
    --------
    >>> counted("off", np.array([True, False, True])), counted("off", np.array([True]))
    ('2 of 3 off', 'off')
    """
    return what if where.size == 1 else f"{np.count_nonzero(where):,} of {where.size:,} {what}"
