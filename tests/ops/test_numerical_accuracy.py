"""Ops against mpmath at 50 digits, sums against exact sums, and the limits that a user meets."""

import math

import mpmath
import numpy as np
import pytest

import graphnet as gn
from tools import accuracy


def test_every_op_is_within_its_ulps():
    findings = list(accuracy.audit(step=1.0))
    assert [f for f in findings if f.ulps > f.allowed] == []
    assert len({f.op for f in findings}) + len(accuracy.NO_ARITHMETIC) == len(accuracy.all_ops())


def test_an_op_without_a_reference_is_named(monkeypatch):
    class Fresh(gn.Op):
        def forward(self, z):
            return z

    monkeypatch.setattr(gn.ops, "Fresh", Fresh, raising=False)
    monkeypatch.setattr(gn.ops, "__all__", [*gn.ops.__all__, "Fresh"])
    with pytest.raises(SystemExit, match="fresh"):
        next(accuracy.audit())


def test_the_audit_sees_a_tail_that_cancels(monkeypatch):
    monkeypatch.setattr(gn.ops.Sigmoid, "forward", lambda self, z: 0.5 * np.tanh(0.5 * z) + 0.5)
    points = [accuracy.grid(np.float64, 1.0)]
    forward, _ = accuracy.elementwise("sigmoid", accuracy.UNARY["sigmoid"], points)
    assert forward.ulps > 1e6


def values_and_gradients(E, node, feeds):
    """Return E and its gradient as each kind of run gives them."""
    bwd = gn.backward(E, feeds)
    yield bwd[E], bwd.gradient(node)
    loss, grads = gn.compile(E)(feeds)
    yield loss, grads[node.name]
    (slope,) = gn.gradients(E, [node])
    fwd = gn.forward([E, slope], feeds)
    yield fwd[E], fwd[slope]


@pytest.mark.parametrize("z", [-700.0, -300.0, -40.0, -37.0, -5.0, -1e-9, 0.0])
def test_the_log_of_a_sigmoid_keeps_its_left_tail(z):
    w = gn.parameter("w", [z])
    right = mpmath.log1p(mpmath.exp(-z)), -1 / (1 + mpmath.exp(z))
    for loss, gradient in values_and_gradients(-gn.sum(np.log(gn.sigmoid(w))), w, {}):
        np.testing.assert_allclose((loss, gradient[0]), list(map(float, right)), rtol=1e-12)


@pytest.mark.parametrize("target", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("z", [-700.0, -40.0, -20.0, -1e-9, 0.0, 3.0, 20.0, 40.0, 700.0])
def test_binary_cross_entropy_keeps_both_tails(z, target):
    w, t = gn.parameter("w", [z]), mpmath.mpf(target)
    softplus = [mpmath.log1p(mpmath.exp(-z)), mpmath.log1p(mpmath.exp(z))]
    slope = (1 - t) / (1 + mpmath.exp(-z)) - t / (1 + mpmath.exp(z))
    for loss, gradient in values_and_gradients(gn.binary_cross_entropy(w, [target]), w, {}):
        np.testing.assert_allclose(loss, float(t * softplus[0] + (1 - t) * softplus[1]), rtol=1e-12)
        np.testing.assert_allclose(gradient[0], float(slope), rtol=1e-12)


def test_infinite_scores_have_their_limits():
    masked = gn.parameter("masked", [[-np.inf, 0.0, 0.0], [1.0, -np.inf, -np.inf]])
    for loss, gradient in values_and_gradients(gn.cross_entropy(masked, [[0, 1, 0], [1, 0, 0]]), masked, {}):
        np.testing.assert_allclose(loss, math.log(2), rtol=1e-15)
        np.testing.assert_allclose(gradient, [[0, -0.5, 0.5], [0, 0, 0]], atol=1e-16)
    sure = gn.parameter("sure", [-np.inf, np.inf])
    for loss, gradient in values_and_gradients(gn.binary_cross_entropy(sure, [0, 1]), sure, {}):
        assert loss == 0
        assert gradient.tolist() == [0, 0]
    assert gn.softmax(np.array([-np.inf, 0.0])).tolist() == [0, 1]
    assert gn.log_softmax(np.array([-np.inf, 0.0])).tolist() == [-np.inf, 0]


def test_log_softmax_of_a_sure_class_is_not_rounded_to_0():
    found = gn.log_softmax(np.array([[0.0, -40.0, -50.0], [0.0, 0.0, -40.0]]))
    others = mpmath.exp(-40) + mpmath.exp(-50)
    np.testing.assert_allclose(found[0, 0], float(-mpmath.log1p(others)), rtol=1e-15)
    np.testing.assert_allclose(found[1, 0], -math.log(2), rtol=1e-15)


ROWS = 10**6
SUMS = {
    "axis 0": lambda x: gn.sum(x, axis=0),
    "all": lambda x: gn.sum(x),
    "mean": lambda x: gn.mean(x, axis=0),
    "mean of all": lambda x: gn.mean(x),
    "middle": lambda x: gn.sum(gn.reshape(x, (4, ROWS // 4, 2)), axis=1),
    "outer two": lambda x: gn.sum(gn.reshape(x, (1000, ROWS // 1000, 2)), axis=(0, 1)),
    "columns": lambda x: gn.sum(gn.transpose(x), axis=1),
    "sse": lambda x: gn.sse(x, x * 0.0),
    "mse": lambda x: gn.mse(x, x * 0.0),
}


@pytest.mark.parametrize("name", SUMS)
def test_float32_sums_hold_over_a_million_rows(name):
    x = gn.input("x", (ROWS, 2))
    y = SUMS[name](x)
    for number in (0.1, 2.3):
        feeds = {x: np.full((ROWS, 2), number, np.float32)}
        exact = gn.forward(y, {x: feeds[x].astype(float)})[y]
        for found in (gn.forward(y, feeds)[y], gn.compile(y)(feeds)):
            assert np.asarray(found).dtype == np.float32
            np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("shape", [(2,), (1, 2), (), (1, 1)])
def test_what_was_broadcast_receives_an_exact_sum(shape):
    x, b = gn.input("x", (None, 2)), gn.parameter("b", np.ones(shape, np.float32))
    feeds = {x: np.full((ROWS, 2), 0.1, np.float32)}
    exact = float(np.float32(0.1)) * ROWS * (2 if np.prod(shape) == 1 else 1)
    for _, gradient in values_and_gradients(gn.sum(x * b), b, feeds):
        np.testing.assert_allclose(gradient, np.full(shape, exact), rtol=1e-6)


@pytest.mark.parametrize(("images", "kernel"), [((1, 1, 1001, 999), 1), ((1, 1, 1001, 999), 3), ((2, 1, 256, 4097), 2)])
def test_a_kernel_receives_an_exact_sum_over_all_its_places(images, kernel):
    x, W = gn.input("x", images), gn.parameter("W", np.ones((1, 1, kernel, kernel), np.float32))
    feeds = {x: np.full(images, 0.1, np.float32)}
    places = images[0] * (images[2] - kernel + 1) * (images[3] - kernel + 1)
    for _, gradient in values_and_gradients(gn.sum(gn.conv2d(x, W)), W, feeds):
        np.testing.assert_allclose(gradient, np.full(W.shape, float(np.float32(0.1)) * places), rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_sums_of_any_axes_and_layout_are_sums(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rng.integers(1, 12, size=4)).astype(np.float32).repeat(7, axis=int(rng.integers(4)))
    z = np.flip(z.transpose(rng.permutation(4)), int(rng.integers(4)))[..., :: rng.choice([1, 2])]
    axes = tuple(np.flatnonzero(rng.random(4) < 0.6).tolist())
    for keepdims in (False, True):
        right = np.sum(z, axes, dtype=np.float64, keepdims=keepdims)
        found = gn.sum(z, axes, keepdims=keepdims)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, right, atol=1e-3, strict=False)
        assert np.shape(found) == np.shape(right)


@pytest.mark.parametrize("value", [2024.3, 1e6, -0.1])
def test_columns_of_one_value_are_normalised_to_0(value):
    assert not gn.batch_norm(np.full((100, 2), value, np.float32)).any()
    assert not gn.layer_norm(np.full((2, 700), value, np.float32)).any()


@pytest.mark.parametrize(("x", "p"), [(0.0, -2.0), (-3.0, 1000.0), (-3.0, -1001.0)])
def test_an_exponent_receives_0_from_a_base_that_is_not_positive(x, p):
    with np.errstate(over="ignore", divide="ignore", invalid="raise"):
        assert gn.ops.Power().backward(1.0, np.power(x, p), np.float64(x), np.float64(p))[1] == 0
