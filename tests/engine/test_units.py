"""What an activation's slope can be, and where a unit is saturated: slopes are known from mathematics."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.units import SATURATED, SlopeRange, slope_range


@pytest.mark.parametrize(
    ("op", "largest", "flat", "straight"),
    [
        (gn.ops.Sigmoid(), 0.25, False, False),
        (gn.ops.Tanh(), 1.0, False, False),
        (gn.ops.Relu(), 1.0, True, True),
        (gn.ops.LeakyRelu(), 1.0, False, True),
        (gn.ops.Softplus(), 1.0, False, False),
    ],
)
def test_slopes_of_built_in_activations(op, largest, flat, straight):
    found = slope_range(op)
    assert found.largest == pytest.approx(largest, rel=1e-12)
    assert (found.flat, found.straight) == (flat, straight)


def test_saturated_is_below_a_share_of_the_largest_slope():
    edge = np.arccosh(SATURATED**-0.5)  # tanh′ = 1 / cosh²
    slopes = 1 - np.tanh([0.0, edge - 1e-6, edge + 1e-6, -9.0, 800.0]) ** 2
    assert slope_range(gn.ops.Tanh()).saturated(slopes).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("op", [gn.ops.Relu(), gn.ops.LeakyRelu()])
def test_what_is_made_of_straight_pieces_is_never_saturated(op):
    assert not slope_range(op).saturated([0.0, 0.01, 1.0]).any()


def test_a_rule_that_takes_no_vector_is_taken_to_have_slopes_up_to_one():
    @gn.op
    def rows(z):
        return np.tanh(z) + 0 * z[:, :1]

    assert slope_range(rows.op) == SlopeRange(1.0, flat=False, straight=False)


@gn.op
def steep(z):
    return np.tanh(2 * z - 6)


@steep.backward
def steep_backward(delta, a, z):
    return delta * 2 * (1 - a * a)


@gn.op
def own_tanh(z):
    return np.tanh(z)


@own_tanh.backward
def own_tanh_backward(delta, a, z):
    return delta * (1 - a * a)


def test_what_grows_without_end_has_no_largest_slope_and_is_never_saturated():
    @gn.op
    def cubic(z):
        return z**3

    @cubic.backward
    def cubic_backward(delta, a, z):
        return delta * 3 * z * z

    assert not slope_range(cubic.op).saturated([0.0, 1e-9, 50.0]).any()


@pytest.mark.parametrize(
    ("op", "slope"),
    [
        (own_tanh, lambda z: np.cosh(z) ** -2.0),
        (gn.tanh, lambda z: np.cosh(z) ** -2.0),
        (steep, lambda z: 2 * np.cosh(2 * z - 6) ** -2.0),
        (gn.sigmoid, lambda z: 1 / (2 + 2 * np.cosh(z))),
    ],
)
def test_pictures_tables_and_words_call_the_same_units_saturated(op, slope):
    w = gn.parameter("w", np.linspace(-9.0, 9.0, 37))
    bwd = gn.backward(gn.sum(op(gn.negative(w, name="z")), name="E"), {})
    a = bwd.graph["E"].inputs[0]
    slopes = slope(-np.linspace(-9.0, 9.0, 37))
    expected = np.count_nonzero(slopes < SATURATED * (2 if op is steep else slopes.max()))
    assert gn.diagnose(bwd)[a].saturated == expected / 37
    assert f"{expected} of 37 saturated: slope below 5 % of its largest" in gn.draw(bwd).to_text()
    assert f"{expected} of 37 saturated" in gn.draw(bwd).to_html()
