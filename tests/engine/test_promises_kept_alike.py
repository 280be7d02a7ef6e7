"""The engine, the backward pass as a graph and compiled steps hold rules and feeds to the same contract."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError, RuleError, ShapeError


@pytest.mark.parametrize("loss", [gn.sse, gn.mse, gn.binary_cross_entropy, gn.cross_entropy])
def test_losses_do_not_stretch_a_declared_1_to_a_size_known_when_fed(loss):
    a, t = gn.input("a", (None, 1)), gn.input("t", (None, None))
    E, feeds = loss(a, t), {a: np.ones((4, 1)), t: np.zeros((4, 3))}
    for run in (gn.forward, gn.backward, lambda E, feeds: gn.compile(E)(feeds)):
        with pytest.raises(ShapeError, match="never broadcasts"):
            run(E, feeds)


def opaque(rule):
    @gn.op
    def doubled(z):
        return np.asarray(z) * 2

    doubled.backward(rule)
    return doubled


@pytest.mark.parametrize(
    "rule",
    [
        lambda delta, a, z: np.sum(2 * np.asarray(delta), axis=0),
        lambda delta, a, z: (2 * np.asarray(delta), np.asarray(delta)),
        lambda delta, a, z: (2 * np.asarray(delta)).astype(np.float32),
    ],
    ids=["shape", "count", "dtype"],
)
def test_an_opaque_rule_that_breaks_its_contract_is_refused_everywhere(rule):
    w = gn.parameter("w", np.ones((4, 3)))
    E = gn.sum(opaque(rule)(w))
    before = w.value.copy()
    for run in (
        lambda: gn.backward(E, {}),
        lambda: gn.compile(E)({}),
        lambda: gn.fit(E, {}, optimizer=gn.GradientDescent(0.1), epochs=1, progress=False),
        lambda: gn.forward(gn.gradients(E, [w]), {}),
    ):
        with pytest.raises(RuleError, match="its backward rule returned"):
            run()
    np.testing.assert_array_equal(w.value, before)


def test_a_forgotten_return_is_named():
    @gn.op
    def nothing(z):
        z * 2

    with pytest.raises(RuleError, match="nothing: its forward rule returned None"):
        nothing(gn.parameter("w", [1.0]))

    @gn.op
    def half(z):
        return z / 2

    @half.backward
    def rule(delta, a, z):
        delta / 2

    w = gn.parameter("w", [1.0])
    for run in (gn.backward, lambda E, feeds: gn.gradients(E, [w]), lambda E, feeds: gn.compile(E)(feeds)):
        with pytest.raises(RuleError, match=r"its backward rule returned None\n(.*\n)*  Is a return missing"):
            run(gn.sum(half(w)), {})


@pytest.mark.parametrize("several", [(1.0, 2.0), (), [np.ones(2), 1.0]], ids=repr)
def test_several_outputs_are_refused(several):
    @gn.op
    def both(z):
        return several

    with pytest.raises(
        RuleError, match=f"both: its forward rule returned a {type(several).__name__} of {len(several)}"
    ):
        both(gn.parameter("w", [1.0]))


@pytest.mark.parametrize("length", [10, 300])
def test_what_no_error_signal_reaches_spoils_no_gradient(length):
    w = gn.parameter("w", 0.0)
    y = w + np.sign(gn.sqrt(w))  # the slope of the root is infinite, and nothing passes the sign
    for _ in range(length):
        y = y + 0.0
    assert gn.compile(y)({})[1]["w"] == 1.0 == gn.backward(y, {}).gradient(w)


def test_whole_numbers_and_masks_beside_float32():
    W, x = gn.parameter("W", np.ones((3, 2), np.float32)), gn.input("x", (None, 3))
    y = gn.input("y", (4, 3), dtype=int)
    feeds = {x: np.ones((4, 3), np.float32), y: np.arange(12).reshape(4, 3)}
    for E in (gn.sum(x @ W) * gn.mean(x > 0), gn.sum(x @ W) * gn.sum(y * 2.0), gn.sum(y @ W) + gn.sum(x)):
        fed = {node: array for node, array in feeds.items() if node in gn.Graph(E)}
        bwd = gn.backward(E, fed)
        loss, grads = gn.compile(E)(fed)
        assert bwd.gradient(W).dtype == grads["W"].dtype == np.float32
        np.testing.assert_allclose(grads["W"], bwd.gradient(W), rtol=1e-5)
        assert loss == pytest.approx(float(bwd[E]), rel=1e-5)


def test_error_signals_are_read_only_however_many_messages_there_were():
    w = gn.parameter("w", 2.0)
    for E in (w * 3.0, w * w):
        signal = gn.backward(E, {}).error_signal(w)
        assert isinstance(signal, np.ndarray)
        assert not signal.flags.writeable


def test_options_that_numpy_would_read_otherwise_make_a_rule_opaque_not_wrong():
    z = gn.input("z", (2, 3))
    with pytest.raises(gn.errors.OpaqueError):
        np.mean(z, 0, np.float64)

    @gn.op
    def columns(z):
        return np.mean(z, 0, np.float64)

    assert columns(z).shape == (3,)


def test_a_custom_op_with_the_name_of_a_builtin_one_is_not_rebuilt_as_that():
    @gn.op
    def tanh(z):
        return 3 * z

    network = gn.Graph(tanh(gn.input("x"), name="y")).to_networkx()
    with pytest.raises(GraphnetError, match="unknown op 'tanh'"):
        gn.Graph.from_networkx(network)
    assert gn.forward(gn.Graph.from_networkx(network, ops=[tanh]), {"x": 2.0})["y"] == 6.0


def test_numbers_given_to_op_functions_are_real_numbers():
    np.testing.assert_array_equal(gn.ops.Reciprocal()([2, 4]), [0.5, 0.25])
    assert gn.power(2, -1) == 0.5
    x = gn.input("x", (2, 3))
    assert np.concatenate([x, x], axis=None).shape == (12,)
    with pytest.raises(ShapeError, match="axis 5 is out of bounds for array of dimension 2"):
        np.swapaxes(x, 0, 5)
