"""One rule alone: what is said of messages in another dtype, and where directions are needed."""

import numpy as np
import pytest

import graphnet as gn

Z = np.random.default_rng(5).normal(size=(4, 3))


def in_float32(factor, **options):
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(lambda d, a, z: (factor * d * (1 - a * a)).astype(np.float32))
    (finding,) = gn.check_op(tested, Z, **options).failures
    return finding.diagnosis


RETURNED = "wrong dtype: its backward rule returned for input 0 (z) an array of float32, expected float64"


@pytest.mark.parametrize("options", [{}, {"entries": 5}, {"method": "taylor"}])
def test_a_right_message_in_float32_has_no_other_fault(options):
    assert in_float32(1.0, **options) == RETURNED


@pytest.mark.parametrize(
    ("factor", "fault"), [(-1.0, "sign flipped: ratio −1"), (1.5, "wrong by a constant factor: ratio 1.5")]
)
@pytest.mark.parametrize("options", [{}, {"entries": 5}])
def test_a_wrong_message_in_float32_has_another_fault_too(factor, fault, options):
    text = in_float32(factor, **options)
    assert text.startswith(f"{RETURNED} ({fault}")


def test_a_saturated_unit_in_float32_is_close_enough():
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(lambda d, a, z: (d * (1 - a * a)).astype(np.float32))
    (finding,) = gn.check_op(tested, np.array([[0.3, 8.0], [-9.0, 1.0]])).failures
    assert finding.diagnosis == RETURNED


def test_a_rule_that_computes_in_float32_is_close_enough():
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(lambda d, a, z: d.astype(np.float32) * (1 - a.astype(np.float32) ** 2))
    (finding,) = gn.check_op(tested, np.linspace(1.5, 3, 12).reshape(4, 3)).failures
    assert finding.error > 1e-7 * abs(finding.difference)
    assert finding.diagnosis == RETURNED


@pytest.mark.parametrize("z", [20.0, -20.0])
@pytest.mark.parametrize("off", [0.0, 2e-3])
def test_a_nearly_saturated_unit_is_looked_at_closely(z, off):
    @gn.op
    def tested(z):
        return 0.5 * np.tanh(0.5 * z) + 0.5

    tested.backward(lambda d, a, z: d * (a * (1 - a)) * (1 + off))
    assert gn.check_op(tested, np.full(3, z)).ok == (off == 0)


@pytest.mark.parametrize("entry", [(0, 0), (17, 3), (29, 28)])
def test_a_wrong_entry_among_kinks_that_the_sample_missed(entry):
    z = np.ones((30, 29))
    z[5, 5], z[entry] = 0.0, 2.0

    @gn.op
    def my_relu(z):
        return np.maximum(z, 0)

    my_relu.backward(lambda d, a, z: d * (z > 0) * np.where(z == 2, 9.0, 1.0))
    (finding,) = gn.check_op(my_relu, z, entries=3).failures
    assert finding.verdict == "wrong"
    assert str(entry) in finding.diagnosis


def test_without_a_wrong_entry_kinks_on_the_way_of_a_direction_excuse_it():
    z = np.where(np.random.default_rng(0).random((30, 29)) < 0.5, 0.0, 1.0)
    (finding,) = gn.check_op(gn.ops.Relu(), z, entries=30).findings
    assert (finding.verdict, finding.directions) == ("right", 8)


def test_what_no_entry_can_tell_is_undecided():
    assert gn.check_op(gn.ops.Relu(), np.zeros(3)).findings[0].verdict == "kink"
    drowned = gn.op(lambda z: z + 1e14)
    drowned.backward(lambda d, a, z: d)
    assert gn.check_op(drowned, Z).findings[0].verdict == "blurred"
