"""One function of one array: how it answers when entries move, and a rule that is wrong for one of them."""

import numpy as np

import graphnet as gn
from graphnet.core.function_op import FunctionOp
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.responses import Response


def response_of(function, z, direction=None):
    op = FunctionOp(function, None)
    out = np.asarray(op.forward(z))
    return Response(
        [OpCall(op, ("z",), "a")],
        {"z": z, "a": out},
        "z",
        {"a": np.ones(out.shape) if direction is None else direction},
    )


def one_entry_wrong(entry, by=1.5):
    @gn.op
    def scaled(z):
        return 3.0 * z

    @scaled.backward
    def rule(delta, a, z):
        message = 3.0 * delta
        message[entry] *= by
        return message

    return scaled
