"""The units of an activation in one pass: which are saturated, which are dead, and what that costs the error signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.engine.units import local_slope, slope_range
from graphnet.notation.slopes import Array


@dataclass(frozen=True)
class Units:
    """Units of a = g(z), in all samples.

    Attributes
    ----------
    slope : numpy.ndarray
        |g′| of each, in each sample.
    best : float
        The largest |g′| that the function has.
    saturated, dead : numpy.ndarray of bool
        Which are saturated, in which samples; which have no slope in any sample, where g is flat somewhere, as relu is.
    """

    slope: Array
    best: float
    saturated: Array
    dead: Array

    @staticmethod
    def of(bwd: BackwardPass, node: Node) -> Units | None:
        """Return the units of a node; None if it is no activation, or one that mixes units."""
        slopes = local_slope(bwd, node)
        if slopes is None:
            return None
        assert node.op is not None
        slope = np.abs(np.asarray(slopes, float))
        possible = slope_range(node.op)
        samples = 0 if slope.ndim > 1 else ()
        dead = np.asarray(possible.off(slope).all(axis=samples))
        return Units(slope, possible.best(slope), possible.saturated(slope), dead)

    @property
    def share_saturated(self) -> float:
        """Share of all entries that are saturated."""
        return float(self.saturated.mean()) if self.saturated.size else 0.0

    @property
    def share_dead(self) -> float:
        """Share of units that are dead."""
        return float(self.dead.mean()) if self.dead.size else 0.0

    def explain(self, which: Array, signal: Array) -> bool:
        """Tell whether the error signal would lose less than half as much, in orders of magnitude, with these at their best."""
        size = np.abs(np.asarray(signal, float))
        passed, repaired = (size * slope for slope in (self.slope, np.where(which, self.best, self.slope)))
        arrived, left, would_be = (float(np.linalg.norm(each)) for each in (size, passed, repaired))
        return bool(left < would_be) and would_be * would_be > arrived * left
