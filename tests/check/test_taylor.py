"""The order of the Taylor remainder, where the derivatives are known."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.methods import remainder
from tests.check.one_rule import response_of


def order(function, z, rule):
    z = np.asarray(z, float)
    return remainder(response_of(function, z), np.asarray(rule, float), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("function", "z", "slope", "expected"),
    [
        (np.exp, [0.3], np.exp(0.3), 2),
        (lambda z: z**3, [0.0], 0.0, 3),
        (lambda z: 2e-10 * z * z, [0.5], 2e-10, 2),  # of which two remainders only are louder than rounding
        (lambda z: 1e6 + np.exp(z), [0.3], np.exp(0.3), 2),
    ],
)
def test_the_order_of_a_right_rule(function, z, slope, expected):
    value, verdict, evidence = order(function, z, [slope])
    assert value == pytest.approx(expected, abs=0.1)
    assert (verdict, evidence) == ("right", "")


@pytest.mark.parametrize("off", [1e-5, 1e-3, 0.1, -1.0])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_rule_off_by_a_little_has_order_one(off, size):
    value, verdict, evidence = order(lambda z: size * np.exp(z), [0.3, -0.2], size * np.exp([0.3, -0.2]) * (1 + off))
    assert value == pytest.approx(1, abs=0.15)
    assert verdict == "wrong"
    assert evidence == f"the Taylor remainder is of order {value:.2f} where a right rule has 2"


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e10])
def test_a_linear_rule_has_no_remainder_but_rounding(offset):
    assert order(lambda z: 3 * z + offset, [0.3, -0.2], [3.0, 3.0]) == (None, "right", "")
    assert order(lambda z: (z + offset) - offset, [0.3, offset], [1.0, 1.0])[1] == "right"


def test_at_a_kink_the_two_sides_tell_it_from_a_wrong_rule():
    value, verdict, _ = order(np.abs, [0.0, 0.0], [0.0, 0.0])
    assert (value, verdict) == (pytest.approx(1), "kink")
    assert order(np.abs, [1.0, 2.0], [0.0, 0.0])[1] == "wrong"
    assert order(lambda z: np.abs(z) + np.exp(z), [0.0], [1.0])[1] == "kink"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_order_zero(value):
    assert order(np.exp, [0.3], [value])[:2] == (0.0, "wrong")


def test_nothing_to_move():
    assert order(np.exp, np.zeros((0, 3)), np.zeros((0, 3))) == (None, "blurred", "")


def test_three_directions_are_compared():
    (finding,) = gn.check_op(gn.tanh, np.array([0.3, 0.4]), method="taylor").findings
    assert (finding.directions, finding.entries) == (3, 0)


def test_a_remainder_counts_only_beside_one_that_is_loud_too():
    assert order(lambda z: 1e-7 * z * z * (z * z - 1 / 256), [0.0], [0.0]) == (None, "right", "")  # it vanishes at 1/16


def test_at_a_kink_with_a_flat_side():
    verdicts = set()
    for seed in range(8):
        response = response_of(lambda z: np.maximum(z, 0), np.array([0.0]))
        verdicts.add(remainder(response, np.array([0.0]), np.random.default_rng(seed))[1])
    assert verdicts <= {"right", "kink"}
    assert "kink" in verdicts
