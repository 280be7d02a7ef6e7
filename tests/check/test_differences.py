"""Derivatives by differences: their steps, their rounding, and what they allow a right rule."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.cuts import Call
from graphnet.check.differences import estimate
from graphnet.check.responses import Response
from graphnet.core.op import FunctionOp


def response_of(function, z, direction=None):
    op = FunctionOp(function, None)
    out = np.asarray(op.forward(z))
    return Response(
        [Call(op, ("z",), "a")], {"z": z, "a": out}, "z", {"a": np.ones(out.shape) if direction is None else direction}
    )


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e9])
def test_as_many_derivatives_as_asked_for_at_numbers_of_any_size(size):
    z = size * np.linspace(1, 2, 120)
    found = estimate(response_of(lambda z: z * z, z), np.arange(120))
    np.testing.assert_allclose(found, 2 * z, rtol=1e-7 if size >= 1 else 1e-4)


def test_a_step_that_leaves_the_domain_is_made_shorter():
    z = np.array([1e-9, 3e-8, 1.0])
    np.testing.assert_allclose(estimate(response_of(lambda z: np.log(z), z), np.arange(3)), 1 / z, rtol=1e-6)


def linear(slopes, rule):
    """Check a rule of z · slopes."""

    @gn.op
    def tested(z):
        return slopes * z

    tested.backward(rule)
    return gn.check_op(tested, np.array([0.3, -0.7]))


def test_a_rule_rounds_by_the_largest_of_its_numbers():
    slopes = np.array([1e6, 1e-4])
    linear(slopes, lambda d, a, z: (d * slopes + 1e6) - 1e6).raise_if_failed()


def test_a_rule_of_small_numbers_is_judged_by_their_size():
    for off, ok in ((0.0, True), (1e-5, False)):
        assert linear(1e-6, lambda d, a, z, off=off: 1e-6 * d * (1 + off)).ok == ok


def test_a_change_that_is_lost_beside_a_large_entry_proves_nothing():
    @gn.op
    def second(z):
        return (z[0] + z[1]) - z[0]

    second.backward(lambda delta, a, z: np.array([0.0, 1.0]) * delta)
    assert gn.check_op(second, np.array([1e14, 0.5])).failures == ()
