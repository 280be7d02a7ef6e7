"""How one function of one array answers when entries move."""

import numpy as np

from graphnet.check.cuts import Call
from graphnet.check.responses import Response
from graphnet.core.op import FunctionOp


def response_of(function, z, direction=None):
    op = FunctionOp(function, None)
    out = np.asarray(op.forward(z))
    return Response(
        [Call(op, ("z",), "a")], {"z": z, "a": out}, "z", {"a": np.ones(out.shape) if direction is None else direction}
    )
