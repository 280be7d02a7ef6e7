"""Ops of the user's own that are careless, opaque, elementwise, or have no way back."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import PlanError
from graphnet.ops.elementwise import Elementwise
from tests.engine.plan.agreement import assert_agrees, assert_infers
from tests.engine.plan.test_scalar_graphs import chain

pytestmark = pytest.mark.usefixtures("either_way")


@gn.op
def careless(z):
    return np.add.accumulate(z, axis=0, out=z)


@careless.backward
def careless_backward(delta, a, z):
    return np.add.accumulate(delta[::-1], axis=0)[::-1]


class SquareOfSum(Elementwise):
    def forward(self, x, y):
        return (x + y) ** 2

    def backward(self, delta, a, x, y):
        both = 2 * delta * (x + y)
        return both, both


class Choice(Elementwise):
    def forward(self, z):
        return 2 * z if np.all(z > 0) else 3 * z

    def backward(self, delta, a, z):
        return 2 * delta if np.all(z > 0) else 3 * delta


class OneWay(Elementwise):
    def forward(self, z):
        return 2 * z


def test_a_rule_that_writes_into_its_input_changes_no_parameter():
    p = gn.parameter("p", np.ones((3, 2)))
    step = gn.compile(gn.sum(careless(p)))
    with pytest.raises(gn.errors.RuleError, match="writes into an array it was given"):
        step({})
    np.testing.assert_array_equal(p.value, np.ones((3, 2)))


def test_the_sum_of_huge_ones_is_refused():
    x = gn.input("x", (None, 4))
    with pytest.raises(PlanError, match="bytes"):
        gn.compile(gn.sum(np.ones_like(x)))({x: np.broadcast_to(0.5, (10**12, 4))})


def test_one_message_for_two_inputs_in_a_graph_of_scalars():
    p, q = gn.parameter("p", 0.25), gn.parameter("q", 0.5)
    assert_agrees(SquareOfSum()(p, q) + chain(p), {})


def test_an_opaque_rule_in_a_graph_of_scalars():
    assert_agrees(Choice()(chain(gn.parameter("p", 0.25))), {})


def test_an_operation_without_backward_rule_is_no_obstacle_to_inference():
    assert_infers(OneWay()(chain(gn.parameter("p", 0.25))), {})
