"""Where an activation lets no error signal through: saturated entries, and entries that are off."""

from __future__ import annotations

import numpy as np

from graphnet.core.node import Node
from graphnet.engine.passes import BackwardPass
from graphnet.ops.activations import LeakyRelu, Relu, Sigmoid, Softplus, Tanh

NEARLY_FLAT = 0.01
"""A slope below this is called saturated: a hundredth of the error signal, or less, gets through."""


def flat_entries(node: Node, back: BackwardPass) -> tuple[int, int]:
    """Return at how many entries an activation is saturated, and at how many it is off: its slope g′ exactly 0.

    The slope is what the op's own rule sends back for an error signal of ones at the values of the pass.
    """
    if node.op is None or type(node.op) not in (Sigmoid, Tanh, Relu, LeakyRelu, Softplus):
        return 0, 0
    a, z = back.values[node], back.values[node.inputs[0]]
    with np.errstate(all="ignore"):
        slopes = np.abs(np.asarray(node.op.backward(np.ones_like(a), a, z)))
    off = int(np.count_nonzero(slopes == 0))
    return int(np.count_nonzero(slopes < NEARLY_FLAT)) - off, off
