"""Ops against known values and derivatives, worked out with the math module or by hand."""

import math

import numpy as np
import pytest

import graphnet as gn

LOGISTIC_OF_1 = 1 / (1 + math.exp(-1))

# op, z, value, derivative
AT_A_POINT = [
    (gn.identity, 3.0, 3.0, 1.0),
    (gn.negative, 3.0, -3.0, -1.0),
    (gn.square, 3.0, 9.0, 6.0),
    (gn.sqrt, 4.0, 2.0, 1 / 4),
    (np.reciprocal, 2.0, 1 / 2, -1 / 4),
    (gn.exp, 0.0, 1.0, 1.0),
    (gn.exp, 1.0, math.e, math.e),
    (np.expm1, 1e-18, 1e-18, 1.0),
    (gn.log, math.e, 1.0, 1 / math.e),
    (np.log1p, 1e-18, 1e-18, 1.0),
    (np.sin, math.pi / 6, 1 / 2, math.sqrt(3) / 2),
    (np.cos, math.pi / 6, math.sqrt(3) / 2, -1 / 2),
    (np.sinh, 1.0, math.sinh(1), math.cosh(1)),
    (np.cosh, 1.0, math.cosh(1), math.sinh(1)),
    (gn.abs, -2.0, 2.0, -1.0),
    (gn.sigmoid, 0.0, 1 / 2, 1 / 4),
    (gn.sigmoid, 1.0, LOGISTIC_OF_1, LOGISTIC_OF_1 * (1 - LOGISTIC_OF_1)),
    (gn.tanh, 0.0, 0.0, 1.0),
    (gn.tanh, 1.0, math.tanh(1), 1 / math.cosh(1) ** 2),
    (gn.softplus, 0.0, math.log(2), 1 / 2),
    (gn.softplus, 1.0, math.log(1 + math.e), LOGISTIC_OF_1),
    (gn.relu, 2.0, 2.0, 1.0),
    (gn.relu, -2.0, 0.0, 0.0),
    (gn.leaky_relu, 2.0, 2.0, 1.0),
    (gn.leaky_relu, -2.0, -0.02, 0.01),
    (lambda z: gn.leaky_relu(z, slope=0.3), -2.0, -0.6, 0.3),
    (lambda z: gn.polynomial(z, [1, 0, 3]), 2.0, 13.0, 12.0),
    (lambda z: gn.polynomial(z, [7]), 2.0, 7.0, 0.0),
    (lambda z: gn.polynomial(z, []), 2.0, 0.0, 0.0),
    (lambda z: z**3, -2.0, -8.0, 12.0),
    (lambda z: z**0, 0.0, 1.0, 0.0),
    (lambda z: 2**z, 3.0, 8.0, 8 * math.log(2)),
]

# The rules of the kinks, as the docstrings state them.
AT_A_KINK = [
    (gn.relu, 0.0, 0.0, 0.0),
    (gn.leaky_relu, 0.0, 0.0, 0.01),
    (gn.abs, 0.0, 0.0, 0.0),
    (lambda z: gn.maximum(z, 1), 1.0, 1.0, 0.5),
    (lambda z: gn.minimum(z, 1), 1.0, 1.0, 0.5),
]


@pytest.mark.parametrize(("f", "at", "value", "derivative"), [*AT_A_POINT, *AT_A_KINK])
def test_value_and_derivative_at_a_point(f, at, value, derivative):
    z = gn.input("z")
    y = f(z)
    bwd = gn.backward(y, {z: at}, delta=2.0)  # not 1: a rule must multiply by it
    assert bwd[y] == pytest.approx(value, rel=1e-14)
    assert bwd.error_signal(z) == pytest.approx(2 * derivative, rel=1e-14)
    (slope,) = gn.gradients(y, [z])
    assert gn.forward(gn.Graph(slope, z), {z: at})[slope] == pytest.approx(derivative, rel=1e-14)


def error_signals(output, *nodes, delta=None):
    """Return the error signals of nodes of a graph that needs no feeds, as lists."""
    bwd = gn.backward(output, {}, delta=delta)
    return [bwd.error_signal(node).tolist() for node in nodes]


def test_equal_operands_of_maximum_share_the_error_signal():
    x, y = gn.parameter("x", [1.0, 5.0, 2.0]), gn.parameter("y", [1.0, 3.0, 4.0])
    assert error_signals(gn.maximum(x, y), x, y, delta=[6.0, 8.0, 10.0]) == [[3.0, 8.0, 0.0], [3.0, 0.0, 10.0]]
    assert error_signals(gn.minimum(x, y), x, y, delta=[6.0, 8.0, 10.0]) == [[3.0, 0.0, 10.0], [3.0, 8.0, 0.0]]


@pytest.mark.parametrize("largest", [np.max, lambda z, **s: -np.min(-z, **s)])
def test_equal_winners_of_max_share_the_error_signal(largest):
    z = gn.parameter("z", [[1.0, 4.0, 4.0], [7.0, 2.0, 3.0]])
    assert error_signals(largest(z, axis=1), z, delta=[6.0, 8.0]) == [[[0.0, 3.0, 3.0], [8.0, 0.0, 0.0]]]


def test_an_entry_taken_twice_receives_both_error_signals():
    z = gn.parameter("z", [10.0, 20.0, 30.0])
    assert error_signals(gn.take(z, [2, 0, 2]), z, delta=[1.0, 10.0, 100.0]) == [[10.0, 0.0, 101.0]]


@pytest.mark.parametrize("condition", [bool, int])
@pytest.mark.parametrize(
    ("x", "y", "chosen"), [(np.float32, np.float32, np.float32), (np.float32, float, float), (int, int, int)]
)
def test_where_has_the_dtype_that_holds_both_choices_whatever_the_condition_is(condition, x, y, chosen):
    c = gn.input("c", (2,), dtype=condition)
    node = gn.where(c, gn.input("x", (2,), dtype=x), gn.input("y", (2,), dtype=y))
    feeds = {"c": np.array([1, 0], condition), "x": np.array([1, 2], x), "y": np.array([3, 4], y)}
    value = gn.forward(node, feeds)[node]
    assert (node.dtype, value.dtype, value.tolist()) == (chosen, chosen, [1, 4])


def test_where_sends_the_error_signal_to_what_was_chosen():
    x, y = gn.parameter("x", [1.0, 2.0]), gn.parameter("y", [3.0, 4.0])
    assert error_signals(gn.where([True, False], x, y), x, y, delta=[5.0, 6.0]) == [[5.0, 0.0], [0.0, 6.0]]


def test_power_sends_no_error_signal_to_the_exponent_of_a_base_that_has_no_logarithm():
    x, p = gn.parameter("x", [2.0, 0.0, -3.0]), gn.parameter("p", [3.0, 2.0, 2.0])
    dx, dp = error_signals(x**p, x, p, delta=[1.0, 1.0, 1.0])
    assert dx == [12.0, 0.0, -6.0]
    assert dp == pytest.approx([8 * math.log(2), 0, 0])


def test_the_mixed_derivative_of_a_power_at_exponent_0():
    x, p = gn.parameter("x", [2.0, 3.0]), gn.parameter("p", [0.0, 0.0])
    (dx,) = gn.gradients(gn.sum(x**p), [x])
    (mixed,) = gn.gradients(gn.sum(dx), [p])
    assert gn.forward(mixed, {})[mixed].tolist() == pytest.approx([1 / 2, 1 / 3])  # of p xᵖ⁻¹ at p = 0: 1 / x


def test_softmax_of_logarithms_are_the_proportions():
    z = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(gn.softmax(z), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    np.testing.assert_allclose(gn.log_softmax(z), np.log([[1 / 8, 2 / 8, 5 / 8]]), rtol=1e-14)
    np.testing.assert_allclose(gn.softmax(z.T, axis=0), [[1 / 8], [2 / 8], [5 / 8]], rtol=1e-15)


def test_the_error_signal_of_softmax_is_its_jacobian_times_delta():
    z = gn.parameter("z", np.log([1.0, 2.0, 5.0]))
    a = np.array([1, 2, 5]) / 8
    delta = np.array([0.3, -1.0, 2.0])
    (signal,) = error_signals(gn.softmax(z), z, delta=delta)
    np.testing.assert_allclose(signal, (np.diag(a) - np.outer(a, a)) @ delta, rtol=1e-14)


# Losses -------------------------------------------------------------------------------------------------------------

A, T = [[1.0, 2.0], [3.0, 5.0]], [[0.0, 4.0], [3.0, 2.0]]
Z, P = np.log([[1.0, 3.0], [1.0, 1.0]]), [[1.0, 0.0], [0.5, 0.5]]

LOSSES = [
    # ½ (1 + 4 + 0 + 9)
    (gn.sse, A, T, 7.0, [[1.0, -2.0], [0.0, 3.0]]),
    # (1 + 4 + 0 + 9) / 4
    (gn.mse, A, T, 3.5, [[0.5, -1.0], [0.0, 1.5]]),
    # softmax gives [1/4, 3/4] and [1/2, 1/2]
    (gn.cross_entropy, Z, P, math.log(4) + math.log(2), [[-0.75, 0.75], [0.0, 0.0]]),
    # sigmoid of log 1 and log 3 gives 1/2 and 3/4
    (
        gn.binary_cross_entropy,
        Z,
        P,
        math.log(2) + math.log(4) + math.log(2) + math.log(2),
        [[-0.5, 0.75], [0.0, 0.0]],
    ),
]


@pytest.mark.parametrize(("loss", "prediction", "target", "value", "signal"), LOSSES)
def test_losses(loss, prediction, target, value, signal):
    a = gn.parameter("a", prediction)
    E = loss(a, target)
    assert float(loss(prediction, target)) == pytest.approx(value, rel=1e-14)
    bwd = gn.backward(E, {}, delta=3.0)
    assert bwd[E] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(bwd.gradient(a), 3 * np.array(signal), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("loss", [gn.sse, gn.mse])
def test_squared_errors_send_opposite_error_signals_to_prediction_and_target(loss):
    a, t = gn.parameter("a", A), gn.parameter("t", T)
    to_a, to_t = error_signals(loss(a, t), a, t)
    np.testing.assert_array_equal(to_a, -np.array(to_t))


def test_cross_entropy_of_targets_that_do_not_sum_to_1():
    z = gn.parameter("z", [0.0, 0.0])
    assert error_signals(gn.cross_entropy(z, [2.0, 4.0]), z) == [[1.0, -1.0]]  # ½ · 6 − t


# Where numbers end --------------------------------------------------------------------------------------------------

FAR = 1e4

# function of z, then for z = −10⁴ and z = 10⁴: value, derivative
AT_THE_ENDS = [
    (gn.sigmoid, (0, 0), (1, 0)),
    (gn.tanh, (-1, 0), (1, 0)),
    (gn.softplus, (0, 0), (FAR, 1)),
    (lambda z: gn.softmax(gn.concatenate([z, [0.0]]))[0], (0, 0), (1, 0)),
    (lambda z: gn.log_softmax(gn.concatenate([z, [0.0]]))[0], (-FAR, 1), (0, 0)),
    (lambda z: gn.binary_cross_entropy(z, [0.0]), (0, 0), (FAR, 1)),
    (lambda z: gn.binary_cross_entropy(z, [1.0]), (FAR, -1), (0, 0)),
    (lambda z: gn.cross_entropy(gn.concatenate([z, [0.0]]), [1.0, 0.0]), (FAR, -1), (0, 0)),
    (lambda z: gn.cross_entropy(gn.concatenate([z, [0.0]]), [0.0, 1.0]), (0, 0), (FAR, 1)),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize(("f", "low", "high"), AT_THE_ENDS)
def test_nothing_overflows_far_out(f, low, high, end, dtype):
    value, derivative = (low, high)[end]
    z = gn.parameter("z", np.array([(-FAR, FAR)[end]], dtype))
    y = gn.sum(f(z))
    bwd = gn.backward(y, {}, on_nonfinite="raise")  # a warning of NumPy would be an error, too
    assert bwd[y] == value
    assert bwd.gradient(z) == derivative
    (slope,) = gn.gradients(y, [z])
    assert gn.forward(slope, {})[slope] == derivative


def test_a_row_masked_as_a_whole_has_no_part_in_a_cross_entropy():
    z = gn.parameter("z", [[-np.inf] * 3, [0.0, 1.0, 2.0]])
    E = gn.cross_entropy(z, [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], name="E")
    p = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    with np.errstate(invalid="ignore"):
        (dz,) = gn.gradients(E, [z])
        loss, found = gn.compile(E)({})
        bwd = gn.backward(E, {})
        nodes = gn.forward(dz, {})[dz]
    for value, gradient in ((bwd["E"], bwd.gradient(z)), (loss, found["z"]), (-np.log(p[0]), nodes)):
        assert value == pytest.approx(-np.log(p[0]), rel=1e-12)
        np.testing.assert_allclose(gradient, [[0, 0, 0], p - [1, 0, 0]], rtol=1e-12)


def test_the_loss_of_a_sure_prediction_is_a_positive_zero():
    for loss, z, target in (
        (gn.cross_entropy, [[1e4, 0.0]], [[1.0, 0.0]]),
        (gn.cross_entropy, np.float32([[1e4, 0.0]]), np.float32([[1.0, 0.0]])),
        (gn.cross_entropy, [[3.0]], [[1.0]]),
        (gn.cross_entropy, np.zeros((0, 3)), np.zeros((0, 3))),
        (gn.binary_cross_entropy, [1e4, -1e4], [1.0, 0.0]),
    ):
        E = loss(gn.parameter("z", z), target, name="E")
        for value in (loss(z, target), gn.forward(E, {})["E"], gn.compile(E)({})[0]):
            assert value == 0
            assert not np.signbit(value)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8])
def test_sums_of_whole_numbers_do_not_wrap_around(dtype):
    largest = np.full(6, np.iinfo(dtype).max, dtype)
    k = gn.input("k", (None,), dtype=int)
    expected = 6.0 * float(np.iinfo(dtype).max)
    assert gn.sum(largest) == expected
    assert gn.mean(largest) == expected / 6
    E = gn.multiply(gn.parameter("w", 1.0), gn.sum(k), name="E")
    if dtype is not np.uint64:
        assert gn.forward(E, {k: largest})["E"] == gn.compile(E)({k: largest})[0] == expected
