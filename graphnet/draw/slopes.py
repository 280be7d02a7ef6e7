"""Where an activation lets no error signal through: saturated entries, and entries that are off."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.engine.saturation import SATURATED, Mask, slope_range
from graphnet.ops.activations import LeakyRelu, Relu, Sigmoid, Softplus, Tanh

WHY = {"saturated": f"slope below {100 * SATURATED:.0f} % of its largest", "off": "slope exactly 0"}


def flat_entries(node: Node, back: BackwardPass) -> dict[str, Mask]:
    """Return at which entries an activation is saturated, and at which it is off, by these words, if there are any.

    The slope g′ is what the op's own rule sends back for an error signal of ones at the values of the pass.
    """
    if node.op is None or type(node.op) not in (Sigmoid, Tanh, Relu, LeakyRelu, Softplus):
        return {}
    a, z = back.values[node], back.values[node.inputs[0]]
    with np.errstate(all="ignore"):
        slopes = np.abs(np.asarray(node.op.backward(np.ones_like(a), a, z)))
    flat = {"saturated": slope_range(node.op).saturated(slopes) & (slopes > 0), "off": slopes == 0}
    return {what: where for what, where in flat.items() if where.any()}


def counted(what: str, where: Mask) -> str:
    """Return how many entries are so, in words.

    Examples
    --------
    >>> counted("off", np.array([True, False, True])), counted("off", np.array([True]))
    ('2 of 3 off', 'off')
    """
    return what if where.size == 1 else f"{np.count_nonzero(where):,} of {where.size:,} {what}"
