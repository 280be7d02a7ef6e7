"""Rules that answer by the cached output: given another output than their own, they go by that."""

import numpy as np
import pytest

import graphnet as gn

A = np.array([0.2, 0.3, 0.5])  # not the output of z for any of the ops
Z = np.array([10.0, -20.0, 30.0])
DELTA = np.array([1.0, -2.0, 3.0])

BY_OUTPUT = [
    (gn.ops.Sigmoid(), DELTA * A * (1 - A)),
    (gn.ops.Tanh(), DELTA * (1 - A**2)),
    (gn.ops.Exp(), DELTA * A),
    (gn.ops.Expm1(), DELTA * (A + 1)),
    (gn.ops.Sqrt(), DELTA / (2 * A)),
    (gn.ops.Reciprocal(), -DELTA * A**2),
    (gn.ops.Relu(), DELTA),
    (gn.ops.Softplus(), DELTA * (1 - np.exp(-A))),
    (gn.ops.Softmax(), (np.diag(A) - np.outer(A, A)) @ DELTA),
    (gn.ops.LogSoftmax(), DELTA - np.exp(A) * DELTA.sum()),
]


@pytest.mark.parametrize(("op", "signal"), BY_OUTPUT, ids=lambda x: getattr(x, "name", ""))
def test_the_rule_reads_the_output_and_not_the_input(op, signal):
    np.testing.assert_allclose(op.backward(DELTA, A, Z), signal, rtol=1e-14)
    np.testing.assert_allclose(op.backward(DELTA, A, np.full(3, np.nan)), signal, rtol=1e-14)


def test_divide_reads_the_output_for_the_divisor():
    _, to_divisor = gn.ops.Divide().backward(DELTA, A, np.full(3, np.nan), Z)
    np.testing.assert_allclose(to_divisor, -DELTA * A / Z, rtol=1e-14)


@pytest.mark.parametrize(("op", "signal"), BY_OUTPUT, ids=lambda x: getattr(x, "name", ""))
def test_the_backward_pass_hands_it_the_very_output(op, signal):
    seen = []

    class Spy(type(op)):
        def backward(self, delta, a, *inputs):
            seen.append(a)
            return super().backward(delta, a, *inputs)

    z = gn.parameter("z", np.abs(Z) / 10)
    y = Spy()(z)
    bwd = gn.backward(y, {}, delta=DELTA)
    assert np.shares_memory(seen[0], bwd[y])
