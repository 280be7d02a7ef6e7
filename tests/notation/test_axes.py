"""Where axes go, found out by turning arrays around."""

import numpy as np
import pytest

from graphnet import ops
from graphnet.notation.names import axes_along

CASES = [
    (ops.Matmul(), (4, 2), (2, 3)),
    (ops.Matmul(), (2,), (2, 3)),
    (ops.Matmul(), (4, 2), (2,)),
    (ops.Matmul(), (5, 4, 2), (2, 3)),
    (ops.Matmul(), (4, 2), (6, 5, 2, 3)),
    (ops.BiasAdd(), (4, 3), (3,)),
    (ops.Multiply(), (4, 3), (4, 1)),
    (ops.Transpose(None), (2, 3, 4)),
    (ops.Transpose((1, 2, 0)), (2, 3, 4)),
    (ops.Sum((0, -1)), (2, 3, 4)),
    (ops.Mean((1,), keepdims=True), (2, 3, 4)),
    (ops.Squeeze((0, 2)), (1, 3, 1, 4)),
    (ops.ExpandDims((0, -1)), (3, 4)),
    (ops.Getitem((None, "...", None)), (3, 4)),
    (ops.Getitem(((None, None, None), None)), (3, 4)),
    (ops.BroadcastTo((2, 3, 4)), (3, 1)),
    (ops.Softmax(0), (3, 4)),
]


@pytest.mark.parametrize(("op", "shapes"), [(op, shapes) for op, *shapes in CASES], ids=str)
def test_what_is_turned_around_along_an_axis_is_so_in_the_output(op, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    output = op.forward(*arrays)
    along = axes_along(op, output.shape, shapes)
    for axis in range(output.ndim):
        turned = [np.flip(z, [i for i, to in enumerate(of) if to == axis]) for z, of in zip(arrays, along, strict=True)]
        np.testing.assert_allclose(op.forward(*turned), np.flip(output, axis), rtol=1e-12, atol=1e-14)
    ending = [np.flip(z, [i for i, to in enumerate(of) if to is None]) for z, of in zip(arrays, along, strict=True)]
    np.testing.assert_allclose(op.forward(*ending), output, rtol=1e-12, atol=1e-14)
    found = {to for of in along for to in of if to is not None}
    new = (
        {axis for axis, size in enumerate(output.shape) if size == 1} if not isinstance(op, ops.BroadcastTo) else {0, 2}
    )
    assert found - new == set(range(output.ndim)) - new  # every other axis comes from somewhere


def test_of_an_op_that_is_not_known_all_axes_end():
    assert axes_along(ops.Reshape((6,)), (6,), [(2, 3)]) == [(None, None)]
