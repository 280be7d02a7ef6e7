"""Words of neural networks: numbers of torch 2, special functions of SciPy, kinks, limits, and sizes known only when fed."""

import pickle

import mpmath
import numpy as np
import pytest
from scipy import special

import graphnet as gn
from graphnet.errors import DtypeError, GraphError, ShapeError


def between(*shape):
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)


def signals(outputs, weights, inputs, feeds=()):
    """Return the error signals that inputs receive from a weighted sum of outputs."""
    E = sum(gn.sum(output * weight) for output, weight in zip(outputs, weights, strict=True))
    bwd = gn.backward(E, dict(feeds))
    return [bwd[output] for output in outputs], [bwd.error_signal(x) for x in inputs]


def close(found, torch):
    for mine, other in zip(found, torch, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_an_lstm_cell_is_that_of_torch():
    shapes = [(2, 3), (2, 2), (2, 2), (3, 8), (2, 8), (8,)]
    x, h, c, W, U, b = (gn.parameter(f"p{i}", between(*shape)) for i, shape in enumerate(shapes))
    values, received = signals(gn.lstm_cell(x, h, c, W, U, b), [WEIGHTS, 1.0], [x, h, c])
    close(values, [
        [[-0.1341806914121546, 0.1761199100757312], [0.3108839229444297, 0.7179233008309012]],
        [[-0.19757170223089426, 0.2660857221842128], [0.35114234446776627, 0.9748972430844007]],
    ])  # fmt: skip
    close(received, [
        [[-1.0385141045231874, 0.08404532906256042, 1.206604762648308],
         [-1.9925791744125483, -0.26532478729245035, 1.4619295998276476]],
        [[-0.7317593945198139, 0.9894984036449995], [-1.7310597039738322, 0.9173970229436512]],
        [[1.2099350504123945, 1.6258801162727428], [1.7093568641648675, 1.724127135765561]],
    ])  # fmt: skip


def test_a_gru_cell_is_that_of_torch():
    x, h, W, U, b = (gn.parameter(f"p{i}", between(*s)) for i, s in enumerate([(2, 3), (2, 2), (3, 6), (2, 6), (6,)]))
    values, received = signals([gn.gru_cell(x, h, W, U, b, b * -0.5)], [WEIGHTS], [x, h])
    close(values, [[[-0.6033466217751626, -0.09922256855690303], [0.5428615371144858, 0.9957806378219713]]])
    close(received, [
        [[0.19089389974376786, 0.19392952484552783, 0.19696514994728775],
         [0.18923840361222474, 0.05656132877807974, -0.07611574605606529]],
        [[1.057697991164646, 1.548311879560551], [2.15728867974262, 2.9967864972236855]],
    ])  # fmt: skip


def test_attention_with_a_mask_is_that_of_torch():
    q, mask = gn.parameter("q", between(2, 3)), gn.input("mask", (2, 3), dtype=bool)
    a = gn.attention(q, between(3, 3), between(3, 2), mask)
    values, received = signals([a], [WEIGHTS], [q], {mask: [[True, False, True], [False, True, True]]}.items())
    close(values, [[[-0.7219002558330377, -0.32190025583303783], [0.3484445715687964, 0.7484445715687964]]])
    close(received, [[[0.5969406851755121] * 3, [0.5227272310564991] * 3]])


def test_a_query_that_may_look_at_nothing_gets_and_sends_0():
    q, k = gn.parameter("q", between(2, 3)), gn.parameter("k", between(4, 3))
    mask = np.array([[True, False, False, True], [False] * 4])
    (value,), received = signals([gn.attention(q, k, between(4, 2), mask)], [WEIGHTS], [q, k])
    assert value[1].tolist() == [0, 0]
    assert received[0][1].tolist() == [0, 0, 0]
    assert all(np.isfinite(signal).all() for signal in received)


def test_smoothed_labels_in_cross_entropy_are_those_of_torch():
    z = gn.parameter("z", between(4, 3))
    labels = gn.smooth_labels(np.eye(3)[[0, 2, 1, 1]], 0.2)
    (value,), received = signals([gn.cross_entropy(z, labels)], [1.0], [z])
    close([value], [4.4384054416306435])
    close(received, [[
        [-0.5917863648591453, 0.26302369584758506, 0.32876266901156015],
        [0.20821363514085484, 0.263023695847585, -0.4712373309884399],
        [0.20821363514085484, -0.536976304152415, 0.32876266901156015],
        [0.20821363514085484, -0.5369763041524149, 0.32876266901156015],
    ]])  # fmt: skip


def test_erf_and_the_normal_distribution_are_those_of_scipy():
    z = np.concatenate([np.linspace(-38, 9, 4001), 10.0 ** np.arange(-300, 2, 7), -(10.0 ** np.arange(-300, 2, 7))])
    np.testing.assert_array_max_ulp(gn.erf(z), special.erf(z), 4)
    np.testing.assert_allclose(gn.normal_cdf(z), special.ndtr(z), rtol=1e-12, atol=1e-306)
    assert gn.erf(np.array([0.0, -0.0, np.inf, -np.inf])).tolist() == [0, 0, 1, -1]
    assert np.signbit(gn.erf(-0.0))
    assert np.isnan(gn.erf(np.nan))


def test_the_left_tail_of_gelu_does_not_cancel():
    z = np.array([-10.0, -20.0, -37.0])
    with mpmath.workdps(50):
        right = [float(x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2) for x in map(mpmath.mpf, z)]
    np.testing.assert_allclose(gn.gelu(z), right, rtol=2e-15)


# The value and slope far out, as limits; and at kinks, as torch has them.
POINTS = [
    *((f, z, max(z, 0.0), float(z > 0)) for f in (gn.silu, gn.gelu, gn.gelu_tanh, gn.mish, gn.hard_swish)
      for z in (np.inf, -np.inf, 1e200, -1e200)),
    *((f, -np.inf, low, 0.0) for f, low in ((gn.elu, -1.0), (gn.celu, -1.0), (gn.selu, -1.7580993408473766))),
    (gn.elu, 0.0, 0.0, 1.0), (gn.celu, 0.0, 0.0, 1.0), (gn.selu, 0.0, 0.0, 1.7580993408473766),
    (gn.relu6, 0.0, 0.0, 0.0), (gn.relu6, 6.0, 6.0, 0.0), (gn.relu6, np.inf, 6.0, 0.0),
    (gn.hard_tanh, 1.0, 1.0, 0.0), (gn.hard_tanh, -1.0, -1.0, 0.0), (gn.hard_sigmoid, 3.0, 1.0, 0.0),
    (gn.hard_sigmoid, -3.0, 0.0, 0.0), (gn.hard_swish, 3.0, 3.0, 1.0), (gn.hard_swish, -3.0, 0.0, 0.0),
    (gn.silu, 0.0, 0.0, 0.5), (gn.gelu, 0.0, 0.0, 0.5), (gn.mish, 0.0, 0.0, 0.6),
]  # fmt: skip


@pytest.mark.parametrize(("f", "z", "value", "slope"), POINTS)
def test_limits_and_kinks(f, z, value, slope):
    w = gn.parameter("w", [z])
    E = gn.sum(f(w))
    for gradient in (gn.backward(E, {}).gradients["w"], gn.compile(E)({})[1]["w"]):
        np.testing.assert_allclose(gradient, [slope], rtol=1e-15, atol=0)
    np.testing.assert_allclose(f(np.array([z])), [value], rtol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 1e-320, -1e-40])
def test_celu_of_next_to_no_alpha_is_refused(alpha, refused):
    with refused(GraphError, f"alpha of celu is {alpha!r}", "relu"):
        gn.celu(np.array([-2.0]), alpha)


ELEMENTWISE = [
    gn.erf, gn.normal_cdf, gn.silu, gn.gelu, gn.gelu_tanh, gn.mish, gn.elu, gn.celu, gn.selu, gn.relu6, gn.hard_tanh,
    gn.hard_sigmoid, gn.hard_swish,
]  # fmt: skip


@pytest.mark.parametrize("f", ELEMENTWISE, ids=lambda f: f.__name__)
def test_checked_of_one_number_and_of_none(f):
    gn.check_op(f, np.array([-4.3, -0.7, 0.2, 2.5, 7.1])).raise_if_failed()
    for z in (np.float64(0.3), np.zeros((0, 2))):
        assert gn.backward(gn.sum(f(gn.parameter("w", z))), {}).gradients["w"].shape == z.shape


@pytest.mark.parametrize("f", [*ELEMENTWISE, gn.rms_norm, gn.attention], ids=lambda f: f.__name__)
def test_ops_and_their_settings_are_kept(f, tmp_path):
    x = gn.input("x", (None, 3))
    a = f(x, alpha=0.3, name="a") if f is gn.elu else f(x, x, x, name="a") if f is gn.attention else f(x, name="a")
    gn.save(tmp_path / "net.gn", a)
    assert gn.load(tmp_path / "net.gn")["a"].op == pickle.loads(pickle.dumps(a)).op == a.op


@pytest.mark.parametrize(
    "build",
    [
        lambda x: gn.rms_norm(x, axes=(1, 2)),
        lambda x: gn.group_norm(x, 2),
        lambda x: gn.attention(x, x, x),
        lambda x: gn.conv1d(x, between(2, 4, 3)),
        lambda x: gn.avg_pool2d(x[:, :, None], (1, 2), padding=(0, 1)),
        lambda x: gn.max_pool2d(x[:, :, None], (1, 2), padding=(0, 1)),
    ],
)
def test_the_number_of_samples_may_be_known_only_when_fed(build):
    x, fixed = gn.input("x", (None, 4, 5)), gn.input("x", (3, 4, 5))
    a, b = build(x), build(fixed)
    assert (a.shape[0], a.shape[1:]) == (None, b.shape[1:])
    feed = np.random.default_rng(0).normal(size=(3, 4, 5))
    first, second = (gn.backward(gn.sum(n * n), {"x": feed}).error_signal("x") for n in (a, b))
    np.testing.assert_allclose(first, second, rtol=1e-13, atol=1e-14)
    step = gn.compile(gn.sum(a * a), [x])
    np.testing.assert_allclose(step({"x": feed})[1]["x"], second, rtol=1e-12, atol=1e-14)


def test_hinge_takes_targets_of_minus_one_and_one_or_of_zero_and_one():
    z, t = np.array([0.5, -2.0, 3.0, 0.1]), np.array([1.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(gn.hinge(z, t), np.maximum(0, 1 - (2 * t - 1) * z).sum())
    node = gn.parameter("z", z)
    same = [gn.backward(gn.hinge(node, targets), {}).gradient(node) for targets in (t, 2 * t - 1)]
    np.testing.assert_array_equal(*same)
    assert gn.compile(gn.hinge(node, t))({})[0] == gn.hinge(z, t)


def test_gelu_takes_torchs_word_for_its_approximation():
    z = np.linspace(-4, 4, 9)
    node, delta = gn.parameter("z", z), np.arange(9.0)
    asked, other = gn.gelu(node, approximate="tanh"), gn.gelu_tanh(node)
    np.testing.assert_array_equal(gn.gelu(z, "tanh"), gn.gelu_tanh(z))
    np.testing.assert_array_equal(gn.gelu(z, approximate="none"), gn.gelu(z))
    np.testing.assert_array_equal(*[gn.backward(y, {}, delta=delta).gradient(node) for y in (asked, other)])
    assert gn.check_gradients(gn.sum(asked), {}).ok
    with pytest.raises(GraphError, match="approximate of op gelu is 'fast', expected one of 'none', 'tanh'"):
        gn.gelu(node, approximate="fast")


@pytest.mark.parametrize("loss", [gn.huber, gn.hinge, gn.kl_divergence])
def test_losses_never_broadcast(loss):
    with pytest.raises(ShapeError, match="never broadcasts"):
        loss(gn.input("a", (None, 1)), gn.input("t", (None,)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: gn.conv2d(x, between(4, 3, 2, 2), groups=3), "4 kernels in 3 groups|channels"),
        (lambda x: gn.conv2d(x, between(4, 6, 2, 2), dilation=9), "must fit"),
        (lambda x: gn.conv2d(x, between(4, 6, 2, 2), dilation=0), "dilation is 0"),
        (lambda x: gn.max_pool2d(x, 2, padding=2), "half a window"),
        (lambda x: gn.avg_pool2d(x, 9), "must fit into"),
        (lambda x: gn.group_norm(x, 4), "6 channels in 4 groups"),
        (lambda x: gn.group_norm(x[:, 0, 0, 0], 1), "group_norm: axis 1"),
        (lambda x: gn.attention(x, x, x, np.zeros((5, 5))), "the mask has dtype float64"),
        (lambda x: gn.huber(x, x, threshold=-1), "threshold of op huber is -1, expected a number at least 0"),
        (lambda x: gn.smooth_labels(x, 1.5), "amount of op smooth_labels is 1.5"),
        (
            lambda x: gn.gru_cell(x[:, :, 0, 0], x[:, :2, 0, 0], between(6, 5), between(2, 5), between(5), between(5)),
            "5 columns of weights",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wrong, words):
    with pytest.raises((ShapeError, GraphError, DtypeError), match=words):
        wrong(gn.input("x", (None, 6, 5, 5)))
