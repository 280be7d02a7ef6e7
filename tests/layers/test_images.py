"""Layers for images: against sums written out, through checks, compiled, trained."""

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import assert_agrees, assert_infers
from tools.digits import train

rng = np.random.default_rng(0)


def written_out(x, W, stride, padding):
    """Return the convolution of images with kernels, one number at a time."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    n, (o, _, kh, kw) = len(x), W.shape
    rows, columns = (x.shape[2] - kh) // stride[0] + 1, (x.shape[3] - kw) // stride[1] + 1
    z = np.zeros((n, o, rows, columns))
    for index in np.ndindex(z.shape):
        sample, kernel, i, j = index
        top, left = i * stride[0], j * stride[1]
        z[index] = np.sum(W[kernel] * x[sample, :, top : top + kh, left : left + kw])
    return z


@pytest.mark.parametrize(
    ("image", "kernel", "stride", "padding"),
    [
        ((2, 3, 5, 4), (4, 3, 3, 2), (1, 1), (0, 0)),
        ((2, 3, 7, 6), (4, 3, 3, 3), (2, 1), (1, 2)),
        ((1, 2, 7, 6), (3, 2, 2, 3), (3, 2), (4, 0)),
        ((2, 1, 3, 3), (1, 1, 3, 3), (1, 1), (0, 0)),
        ((3, 2, 4, 5), (2, 2, 1, 1), (2, 3), (0, 0)),
    ],
)
def test_conv2d_is_the_sum_written_out(image, kernel, stride, padding):
    x, W = rng.normal(size=image), rng.normal(size=kernel)
    z = gn.conv2d(x, W, stride, padding)
    np.testing.assert_allclose(z, written_out(x, W, stride, padding), rtol=1e-12, atol=1e-12)
    node = gn.conv2d(gn.parameter("x", x), gn.parameter("W", W), stride, padding)
    assert node.shape == z.shape
    assert gn.check_gradients(gn.mean(node * rng.normal(size=z.shape)), {}).ok


def test_its_three_ops_are_the_slopes_of_one_sum():
    """T(x, W, δ) = Σ δ conv(x, W) is each op's output, times what it is the slope in."""
    x, W = rng.normal(size=(2, 3, 7, 6)), rng.normal(size=(4, 3, 3, 2))
    sliding = {"stride": (2, 1), "padding": (1, 0)}
    z = gn.ops.Conv2d(**sliding)(x, W)
    delta = rng.normal(size=z.shape)
    T = np.sum(delta * z)
    assert np.sum(x * gn.ops.Conv2dToInput((7, 6), **sliding)(delta, W)) == pytest.approx(T, rel=1e-12)
    assert np.sum(W * gn.ops.Conv2dToKernel((3, 2), **sliding)(x, delta)) == pytest.approx(T, rel=1e-12)


@pytest.mark.parametrize(
    "op", [gn.ops.Conv2dToInput((7, 6), stride=(2, 1)), gn.ops.Conv2dToKernel((3, 2), stride=(2, 1))]
)
def test_the_ops_that_go_back_have_rules_too(op):
    delta = rng.normal(size=(2, 4, 3, 5))
    inputs = (delta, rng.normal(size=(4, 3, 3, 2))) if op.size == (7, 6) else (rng.normal(size=(2, 3, 7, 6)), delta)
    assert gn.check_op(op, *inputs).ok


def test_padding_same_keeps_the_size():
    x = rng.normal(size=(2, 1, 5, 8))
    for kernel in ((3, 3), (1, 5), (5, 1)):
        W = rng.normal(size=(2, 1, *kernel))
        z = gn.conv2d(x, W, padding="same")
        np.testing.assert_allclose(z, written_out(x, W, (1, 1), (kernel[0] // 2, kernel[1] // 2)), atol=1e-12)
        assert z.shape == (2, 2, 5, 8)


def test_samples_rows_and_columns_may_be_unknown_until_fed():
    x = gn.input("x", shape=(None, 1, None, None))
    z = gn.max_pool2d(gn.conv2d(x, np.ones((2, 1, 2, 2))))
    assert z.shape == (None, 2, None, None)
    assert gn.forward(z, {x: np.ones((3, 1, 5, 7))})[z].shape == (3, 2, 2, 3)
    with pytest.raises(gn.errors.ShapeError, match="a kernel of size 2 on an axis of size 1"):
        gn.forward(z, {x: np.ones((3, 1, 1, 7))})


def test_a_pool_takes_the_largest_of_each_window():
    z = rng.normal(size=(2, 3, 7, 5))
    expected = np.empty((2, 3, 3, 4))
    for i in range(3):
        for j in range(4):
            expected[:, :, i, j] = z[:, :, 2 * i : 2 * i + 3, j : j + 2].max(axis=(2, 3))
    np.testing.assert_array_equal(gn.max_pool2d(z, size=(3, 2), stride=(2, 1)), expected)


def test_winners_of_a_window_share_its_error_signal():
    z = gn.parameter("z", [[[[1.0, 1.0, 5.0], [0.0, 1.0, 5.0]]]])
    pooled = gn.max_pool2d(z, size=2, stride=1)  # the windows overlap
    bwd = gn.backward(pooled, {}, delta=[[[[6.0, 8.0]]]])
    assert bwd.error_signal(z).tolist() == [[[[2.0, 2.0, 4.0], [0.0, 2.0, 4.0]]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gn.conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 3, 2, 2))), "2 channels and 3 differ"),
        (lambda: gn.conv2d(np.ones((2, 3, 3)), np.ones((1, 3, 2, 2))), r"x has shape \(2, 3, 3\)"),
        (
            lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 4, 2))),
            "a kernel of size 4 on an axis of size 3 with 0",
        ),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=0), "stride is 0"),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding=-1), "padding is -1"),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=(1, 2, 3)), r"stride is \(1, 2, 3\)"),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=1.5), "stride is 1.5"),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding="same"), "same"),
        (lambda: gn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding="full"), "padding is 'full'"),
        (lambda: gn.max_pool2d(np.ones((1, 1, 1, 3))), "on images of 1 rows"),
        (lambda: gn.max_pool2d(np.ones((1, 3)), 1), r"z has shape \(1, 3\)"),
        (lambda: gn.max_pool2d(np.ones((1, 1, 2, 3)), size=0), "size is 0"),
    ],
)
@pytest.mark.parametrize("as_nodes", [False, True])
def test_what_does_not_fit_is_refused_of_arrays_and_of_nodes(make, message, as_nodes, monkeypatch):
    if as_nodes:
        ones = np.ones
        monkeypatch.setattr(np, "ones", lambda shape: gn.constant(ones(shape)))
    with pytest.raises(gn.errors.ShapeError, match=message):
        make()


# Layers -----------------------------------------------------------------------------------------------------------------


def test_a_convolutional_layer_is_its_formula():
    x = gn.input("x", shape=(None, 2, 5, 4))
    a = gn.layers.conv2d(x, 3, (3, 2), gn.tanh, rng=rng, padding=0, stride=(1, 2), name="c")
    graph = gn.Graph(a)
    assert [parameter.name for parameter in graph.parameters] == ["c/W", "c/b"]
    graph["c/b"].value = rng.normal(size=(3, 1, 1))
    X = rng.normal(size=(2, 2, 5, 4))
    z = written_out(X, graph["c/W"].value, (1, 2), (0, 0)) + graph["c/b"].value
    np.testing.assert_allclose(gn.forward(a, {x: X})[a], np.tanh(z), rtol=1e-12)


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 180), ("glorot", 2 / (180 + 300))])
def test_the_spread_of_the_kernels(init, variance):
    x = gn.input("x", shape=(None, 20, 9, 9))
    W, b = gn.Graph(gn.layers.conv2d(x, 300, rng=np.random.default_rng(0), init=init)).parameters
    assert np.var(W.value) == pytest.approx(variance, rel=0.02)
    assert not b.value.any()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: gn.layers.conv2d(x, 0, rng=rng), "ShapeError", "conv2d layer 'conv2d' of 0 channels"),
        (lambda x: gn.layers.conv2d(gn.layers.flatten(x), 2, rng=rng), "ShapeError", r"for grey ones reshape\(x"),
        (lambda x: gn.layers.conv2d(x, 2, rng=0), "GraphError", "rng is 0, expected a generator"),
        (
            lambda x: gn.layers.conv2d(x, 2.0, rng=rng),
            "GraphError",
            "channels of conv2d layer 'conv2d' is 2.0, expected",
        ),
        (lambda x: gn.layers.conv2d(x, 2, 3, "relu", rng=rng), "GraphError", "is 'relu', expected an op function"),
        (lambda x: gn.layers.conv2d(x, 2, rng=rng, init="ones"), "GraphError", "init 'ones' is unknown"),
        (lambda x: gn.layers.conv2d(np.ones((1, 1, 2, 2)), 2, rng=rng), "GraphError", "conv2d takes nodes"),
        (lambda x: gn.layers.flatten(gn.input("y", (2, None))), "UnknownSizeError", "flatten needs every size"),
    ],
)
def test_bad_layers_are_refused(make, error, message):
    with pytest.raises(getattr(gn.errors, error), match=message):
        make(gn.input("x", shape=(None, 1, 4, 4)))


def network(dtype=np.float64):
    """Return a small network with every layer for images, and feeds."""
    x, t = gn.input("x", shape=(None, 2, 6, 5)), gn.input("t", shape=(None, 3))
    random = np.random.default_rng(1)
    h = gn.layers.conv2d(x, 3, rng=random, name="first")
    h = gn.layers.batch_norm(h)
    h = gn.layers.max_pool2d(gn.layers.conv2d(h, 4, 2, gn.tanh, rng=random, padding=1, name="second"))
    h = gn.layers.layer_norm(gn.layers.dense(gn.layers.flatten(h), 4, rng=random))
    h = gn.layers.dropout(h, rate=0.25)
    E = gn.cross_entropy(gn.layers.dense(h, 3, None, rng=random, name="out"), t, name="E")
    feeds = {x: random.normal(size=(3, 2, 6, 5)), t: np.eye(3), **gn.dropout_masks(E, 3, random)}
    return E, feeds


def test_every_rule_of_a_network_for_images_is_right():
    E, feeds = network()
    gn.check_gradients(E, feeds, entries=60).raise_if_failed()


def test_it_compiles_to_the_same():
    E, feeds = network()
    assert_agrees(E, feeds)
    assert_agrees(E, feeds, wrt=[gn.Graph(E)["x"]])
    scores = gn.Graph(E)["out/bias_add_1"]
    assert_infers(scores, {node: array for node, array in feeds.items() if node.name != "t"})


def test_no_backward_rule_in_it_is_opaque():
    E, feeds = network()
    table = gn.compile(E)
    table(feeds)
    assert "_backward" not in table.explain()


def test_float32_images_compile_to_the_same():
    x, W = rng.normal(size=(2, 2, 6, 5)).astype(np.float32), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    E = gn.sum(gn.tanh(gn.max_pool2d(gn.conv2d(gn.parameter("x", x), gn.parameter("W", W)))))
    bwd = gn.backward(E, {})
    assert bwd[E].dtype == np.float32
    assert_agrees(E, {})


def test_it_draws_itself():
    E, feeds = network()
    picture = gn.draw(gn.backward(E, feeds), depth="all").to_svg()
    for word in (
        "conv2d",
        "max_pool2d",
        "batch_norm",
        "layer_norm",
        "dropout",
        "stride=(1, 1)",
        "size=(2, 2)",
        "rate=0.25",
    ):
        assert word in picture


@pytest.mark.parametrize(("network", "epochs", "least"), [("cnn", 6, 0.97), ("mlp", 15, 0.95)])
def test_digits_are_learned(network, epochs, least):
    """A share of the run of tools/digits.py."""
    assert train(network, epochs, seed=0, progress=False) >= least
