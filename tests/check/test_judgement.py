"""What a difference can and can't tell: large numbers blur it, and a blur never excuses a wrong rule."""

import numpy as np
import pytest

import graphnet as gn


def shifted(offset, factor):
    """Return an op z + offset whose rule is wrong by `factor`."""

    @gn.op
    def shift(z):
        return z + offset

    shift.backward(lambda delta, a, z: factor * delta)
    return shift


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e8])
@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0, 1.05])
def test_a_wrong_rule_beside_large_numbers_is_caught(offset, factor):
    report = gn.check_op(shifted(offset, factor), np.random.default_rng(0).normal(size=(3, 2)))
    assert [finding.verdict for finding in report.findings] == ["wrong"]


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_a_right_rule_beside_large_numbers_is_right(offset):
    gn.check_op(shifted(offset, 1.0), np.random.default_rng(0).normal(size=(3, 2))).raise_if_failed()


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_where_rounding_drowns_the_difference_nothing_is_called_right(factor):
    report = gn.check_op(shifted(1e14, factor), np.random.default_rng(0).normal(size=(3, 2)))
    assert not report.ok
    if factor == 1.0:
        assert report.failures == ()
        assert "drowns in rounding" in report.verdict


def test_a_bias_rule_wrong_by_a_twentieth_under_large_activations():
    @gn.op
    def shift(z, b):
        return z + b

    shift.backward(lambda delta, a, z, b: (delta, 1.05 * delta.sum(axis=0)))
    rng = np.random.default_rng(0)
    report = gn.check_op(shift, rng.normal(size=(100, 3)) * 1e4, rng.normal(size=3))
    assert [finding.slot for finding in report.failures] == [1]


def test_nothing_compared_is_not_a_pass():
    assert not gn.check_op(gn.ops.Tanh(), np.zeros((0, 3))).ok
    x = gn.input("x", (3,))
    report = gn.check_gradients(gn.Graph(x > 0), {x: [1.0, 2.0, 3.0]}, wrt=[])
    assert not report.ok
    assert "no entry to compare" in report.verdict


@pytest.mark.parametrize("entries", [0, -1, "some", 1.5, True])
def test_the_number_of_entries_is_checked(entries):
    with pytest.raises(gn.errors.GraphError, match="entries is"):
        gn.check_op(gn.ops.Tanh(), np.ones(3), entries=entries)


def test_wrt_is_a_list():
    w = gn.parameter("w", [1.0])
    with pytest.raises(gn.errors.GraphError, match="wrt is a single node"):
        gn.check_gradients(gn.sum(w), {}, wrt=w)


def test_a_power_of_negative_numbers_is_no_false_alarm():
    x = gn.parameter("x", [-2.0, 3.0])
    gn.check_gradients(gn.sum(x**2), {}).raise_if_failed()
    report = gn.check_gradients(gn.sum(x ** gn.parameter("p", 2.0)), {})
    assert report.failures == ()
    assert "leaves the domain" in report.verdict
