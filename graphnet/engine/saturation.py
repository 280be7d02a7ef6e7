"""What saturated means: in pictures, in tables and in words alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.engine.passes import BackwardPass
from graphnet.engine.rules import apply_backward

SATURATED = 0.05
"""A unit is saturated where its slope is below this share of the largest slope of its function."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class SlopeRange:
    """What the slope g′ of an activation can be.

    Attributes
    ----------
    largest : float
        The largest |g′|; infinite if it grows without end, as that of exp, and then no unit is saturated.
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
        if self.straight or self.largest == np.inf:
            return np.zeros(slopes.shape, bool)
        below: Mask = slopes < SATURATED * self.best(slopes)
        return below & ~self.off(slopes)

    def best(self, slopes: Any) -> float:
        """Return the largest slope that a unit can have; of a function that has none, the largest of these slopes."""
        least = 0.0 if self.largest == np.inf else self.largest
        return float(np.nanmax(np.abs(slopes), initial=least))

    def off(self, slopes: Any) -> Mask:
        """Tell where a unit is off, given its slopes: on a part where the function is exactly flat."""
        off: Mask = np.asarray(slopes) == 0
        return off & self.flat


def slope_range(op: Op) -> SlopeRange:
    """Find out what the slope of an activation can be, by its own backward rule.

    Examples
    --------
    >>> import graphnet as gn
    >>> slope_range(gn.ops.Sigmoid()).largest, slope_range(gn.ops.Relu())
    (0.25, SlopeRange(largest=1.0, flat=True, straight=True))
    """
    near = np.linspace(-5.0, 5.0, 101)
    widths = np.array([1, 4, 16, 64])
    z = np.outer(widths, near).ravel()  # farther out too: there a slope may be larger, or grow without end
    try:
        with np.errstate(all="ignore"):
            a = np.asarray(op.forward(z))
            slopes = np.abs(np.asarray(op.backward(np.ones_like(z), a, z), float)).reshape(len(widths), -1)
    except Exception:  # a rule of one's own may take arrays of some shapes only
        return SlopeRange(1.0, flat=False, straight=False)
    *_, nearly, largest = np.fmax.accumulate(np.fmax.reduce(slopes, axis=1, initial=0.0))
    if largest > 1.5 * nearly:
        largest = np.inf
    here = slopes[0]
    straight = len(np.unique(here.round(12))) <= 3
    return SlopeRange(float(largest) or 1.0, bool(np.count_nonzero(here == 0) > 5), straight)


def is_activation(node: Node) -> bool:
    """Tell whether a node applies a unit's g: a built-in activation, or an op of one's own that keeps the shape."""
    module = type(node.op).__module__
    return (
        len(node.inputs) == 1
        and node.shape == node.inputs[0].shape
        and (module == "graphnet.ops.activations" or not module.startswith("graphnet.ops"))
    )


def local_slope(bwd: BackwardPass, node: Node) -> np.ndarray[Any, Any] | None:
    """Return g′(z) of each unit, of a node a = g(z); None if it is no activation, or one that mixes units.

    The slope is what the op's own rule sends back for an error signal of ones at the values of the pass.
    """
    if not is_activation(node) or node not in bwd.error_signals or node.inputs[0] not in bwd.error_signals:
        return None
    value, z = bwd.values[node], bwd.values[node.inputs[0]]
    signs = np.where(np.arange(value.size).reshape(value.shape) % 2, 1, -1).astype(value.dtype)
    with np.errstate(all="ignore"):  # the pass itself has shown what is not finite
        (slope,) = apply_backward(bwd.graph, node, np.ones_like(value), value, [z])
        (signed,) = apply_backward(bwd.graph, node, signs, value, [z])
    if slope is None or signed is None or not np.allclose(signed, signs * slope, equal_nan=True):
        return None  # as softmax: a unit's error signal depends on its neighbours'
    return np.asarray(slope)
