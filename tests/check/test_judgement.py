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


@pytest.mark.parametrize("options", [{}, {"second_order": True}, {"method": "complex"}])
@pytest.mark.parametrize(
    "below", [lambda x: x, lambda x: x @ gn.parameter("W", np.ones((2, 2)))], ids=["input", "layer"]
)
def test_a_rule_of_which_nothing_was_compared_is_not_right_because_others_are(below, options):
    @gn.op
    def half(z):
        return z * z

    half.backward(lambda delta, a, z: delta * z)
    x = gn.input("x", (None, 2))
    E = gn.sum(half(below(x), name="a"))
    report = gn.check_gradients(E, {x: np.zeros((0, 2))}, **options)
    assert not report.ok
    assert report.verdict.startswith("UNDECIDED")
    assert gn.check_gradients(E, {x: np.ones((1, 2))}).failures


def test_an_empty_part_of_what_is_compared_elsewhere_is_no_doubt():
    w = gn.parameter("w", [0.3, 1.0, -2.0])
    E = gn.sum(gn.concatenate([gn.tanh(w[:0]), gn.tanh(w[0:])]))
    assert gn.check_gradients(E, {}).ok


@pytest.mark.parametrize("entries", [0, -1, "some", 1.5, True])
def test_the_number_of_entries_is_checked(entries):
    with pytest.raises(gn.errors.GraphError, match="entries is"):
        gn.check_op(gn.ops.Tanh(), np.ones(3), entries=entries)


def test_a_single_leaf_may_be_checked():
    w, v = gn.parameter("w", [1.0]), gn.parameter("v", [2.0])
    for wrt in (w, [w], (w,), iter([w])):
        ends = [
            found.label for found in gn.check_gradients(gn.sum(w * v), {}, wrt=wrt).findings if found.part != "rule"
        ]
        assert ends == ["w"]


def test_a_power_of_negative_numbers_is_no_false_alarm():
    x = gn.parameter("x", [-2.0, 3.0])
    gn.check_gradients(gn.sum(x**2), {}).raise_if_failed()
    report = gn.check_gradients(gn.sum(x ** gn.parameter("p", 2.0)), {})
    assert report.failures == ()
    assert "leaves the domain" in report.verdict


def sigmoid_off_by(factor):
    @gn.op
    def my_sigmoid(z):
        return 0.5 * np.tanh(0.5 * z) + 0.5

    my_sigmoid.backward(lambda delta, a, z: factor * delta * a * (1 - a))
    return my_sigmoid


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    ("z", "off"), [(5.0, 1e-6), (10.0, 1e-5), (15.0, 1e-4), (18.0, 1e-3), (22.0, 0.05), (25.0, 0.5), (25.0, 1.0)]
)
def test_a_unit_that_is_nearly_saturated_is_judged_by_its_own_slope(z, off, sign):
    assert gn.check_op(sigmoid_off_by(1 + off), np.full(3, sign * z)).failures
    assert gn.check_op(sigmoid_off_by(1 - off), np.full(3, sign * z)).failures
    gn.check_op(sigmoid_off_by(1.0), np.full(3, sign * z)).raise_if_failed()


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_small_errors_of_entries_of_any_size(size):
    @gn.op
    def squared(z):
        return z * z

    squared.backward(lambda delta, a, z: 2 * delta * z * np.array([1.0, 1 + 1e-5, 1.0]))
    (finding,) = gn.check_op(squared, size * np.array([1.0, 1.3, -0.7])).findings
    assert (finding.verdict, finding.worst) == ("wrong", (1,))
    assert finding.difference == pytest.approx(finding.rule / (1 + 1e-5), rel=1e-7)


def test_a_small_entry_beside_large_ones_is_judged_by_its_own_size():
    @gn.op
    def cubed(z):
        return z * z * z

    cubed.backward(lambda delta, a, z: 3 * delta * z * z * np.array([1.0, 1.0, 1.01]))
    report = gn.check_op(cubed, np.array([100.0, -50.0, 0.1]))
    assert report.failures[0].worst == (2,)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("where", [0.0, 0.5, -3.0])
def test_close_to_a_kink_the_slope_on_ones_own_side_is_right(gap, where):
    @gn.op
    def hinge(z):
        return np.maximum(z - where, 0)

    hinge.backward(lambda delta, a, z: delta * (z > where))
    z = np.array([where + gap, where - gap, where + 1.0, where - 1.0])
    gn.check_op(hinge, z).raise_if_failed()


@pytest.mark.parametrize("slope", [-0.5, 1.5, 100.0])
def test_at_a_kink_a_slope_outside_of_those_on_its_sides_is_wrong(slope):
    @gn.op
    def my_relu(z):
        return np.maximum(z, 0)

    my_relu.backward(lambda delta, a, z: np.where(z == 0, slope, z > 0) * delta)
    (finding,) = gn.check_op(my_relu, np.array([0.0, 1.0, -1.0, 2.0])).findings
    assert (finding.verdict, finding.worst, finding.kinks) == ("wrong", (0,), 0)
    assert finding.diagnosis == "wrong at the boundary only: 1 of 4 entries, all where the input is exactly 0"


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
def test_at_a_kink_any_slope_between_those_on_its_sides_is_accepted(slope):
    @gn.op
    def my_relu(z):
        return np.maximum(z, 0)

    my_relu.backward(lambda delta, a, z: np.where(z == 0, slope, z > 0) * delta)
    (finding,) = gn.check_op(my_relu, np.array([0.0, 1.0, -1.0, 2.0])).findings
    assert finding.verdict == "right"
    assert finding.kinks <= 1


def test_many_suspects_of_which_only_the_last_are_right():
    @gn.op
    def my_relu(z):
        return np.maximum(z, 0)

    my_relu.backward(lambda delta, a, z: np.where(z < 5, 2.0, 1.0) * delta * (z > 0))
    z = np.concatenate([np.linspace(0.1, 4, 80), np.zeros(70), np.full(30, 6.0)])
    (finding,) = gn.check_op(my_relu, z).findings
    assert (finding.verdict, finding.kinks) == ("wrong", 70)
    (finding,) = gn.check_op(my_relu, z[::-1].copy()).findings
    assert (finding.verdict, finding.kinks) == ("wrong", 70)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (2,), (1, 2)])
def test_a_small_parameter_of_a_large_network(shape):
    @gn.op
    def spread(w):
        return np.broadcast_to(w.sum(), (100, 100)) * 1.0

    for factor in (1.0, 0.0):
        spread.backward(lambda delta, a, w, factor=factor: np.broadcast_to(factor * delta.sum(), w.shape))
        w = gn.parameter("w", np.full(shape, 0.3))
        report = gn.check_gradients(gn.sum(gn.tanh(spread(w, name="s"))), {})
        assert report.ok == bool(factor)
        assert {(f.label, f.slot) for f in report.failures} == (set() if factor else {("s", 0), ("w", None)})


def test_both_sides_of_a_kink_are_tried_before_rows_move_together():
    z = np.zeros((20, 16))
    z[::2] = 1.0
    (finding,) = gn.check_op(gn.ops.Relu(), z).findings
    assert (finding.entries, finding.kinks, finding.verdict) == (320, 160, "right")


def test_a_network_is_not_taken_for_an_op(refused):
    for network in (lambda z: gn.tanh(z) * 2, lambda z: z**2, lambda z: np.tanh(np.tanh(z))):
        with refused(gn.errors.GraphError, "expected an op, got <function", "@gn.op: one op, not a network of several"):
            gn.check_op(network, np.ones(3))


def test_a_tolerance_about_ties_is_found_beside_them():
    @gn.op
    def largest(x):
        return np.max(x)

    largest.backward(lambda delta, a, x: delta * (np.abs(x - a) < 0.5))
    (finding,) = gn.check_op(largest, np.array([2.0, 2.0, 2.0, -1.0])).failures
    assert "beside the kinks" in finding.diagnosis


@pytest.mark.parametrize("values", [[1.0, -2.0, 3.0, -1.0, 2.0], [0.1, -1.0, -1.0, -0.5, 2.0], [0.5, -1.0, 2.0]])
def test_a_mask_kept_from_the_last_call_is_found_though_the_signs_are_the_same_from_behind(values):
    kept = {}

    @gn.op
    def masked(x):
        kept["mask"] = x > 0
        return np.maximum(x, 0)

    masked.backward(lambda delta, a, x: delta * kept["mask"])
    (finding,) = gn.check_op(masked, np.array(values)).failures
    assert "depends on state" in finding.diagnosis
