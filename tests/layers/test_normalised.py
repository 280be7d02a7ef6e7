"""Normalisation and dropout: what they promise of means and variances, and their layers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import graphnet as gn
from tests.engine.plan.agreement import assert_agrees

rng = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "axes"), [((6, 3), 0), ((4, 3, 2, 5), (0, 2, 3))])
def test_after_batch_norm_each_channel_has_mean_0_and_variance_1(shape, axes):
    a = gn.batch_norm(z := rng.normal(3.0, 20.0, size=shape))
    np.testing.assert_allclose(a.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(a.var(axis=axes), z.var(axis=axes) / (z.var(axis=axes) + 1e-5), rtol=1e-9)


@pytest.mark.parametrize(("shape", "axes"), [((6, 3), -1), ((4, 3, 5), (1, 2)), ((7,), 0)])
def test_after_layer_norm_each_sample_has(shape, axes):
    a = gn.layer_norm(z := rng.normal(3.0, 20.0, size=shape), axes)
    np.testing.assert_allclose(a.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(a.var(axis=axes), z.var(axis=axes) / (z.var(axis=axes) + 1e-5), rtol=1e-9)


@given(arrays(float, (4, 3), elements=st.floats(-100, 100)), st.floats(1, 1000), st.floats(-100, 100))
def test_scale_and_shift_of_the_input_make_no_difference(z, scale, shift):
    first = gn.layer_norm(z, epsilon=1e-300)
    spread = z.std(axis=-1, keepdims=True)
    second = gn.layer_norm(scale * z + shift, epsilon=1e-300)
    clear = np.broadcast_to(spread > 1e-3, z.shape)
    np.testing.assert_allclose(first[clear], second[clear], atol=1e-7)


def test_equal_entries_become_zero_and_not_nan():
    assert not gn.layer_norm(np.full((2, 3), 7.0)).any()
    assert not gn.batch_norm(np.full((2, 3), 7.0)).any()


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm"])
def test_the_layer_scales_and_shifts(name):
    x = gn.input("x", shape=(None, 3))
    a = getattr(gn.layers, name)(x)
    graph = gn.Graph(a)
    X = rng.normal(size=(5, 3))
    plain = getattr(gn, name)(X)
    np.testing.assert_allclose(gn.forward(a, {x: X})[a], plain, rtol=1e-15)
    graph[f"{name}/scale"].value = scale = rng.normal(size=3)
    graph[f"{name}/shift"].value = shift = rng.normal(size=3)
    np.testing.assert_allclose(gn.forward(a, {x: X})[a], plain * scale + shift, rtol=1e-14)
    E = gn.sse(a, rng.normal(size=(5, 3)))
    gn.check_gradients(E, {x: X}).raise_if_failed()
    assert_agrees(E, {x: X})


def test_channels_of_images_have_a_scale_each():
    x = gn.input("x", shape=(None, 3, 4, 5))
    scale, shift = gn.Graph(gn.layers.batch_norm(x)).parameters
    assert (scale.shape, shift.shape) == ((3, 1, 1), (3, 1, 1))


def test_one_sample_is_no_batch():
    x = gn.input("x", shape=(None, 3))
    a = gn.batch_norm(x, name="a")
    with pytest.raises(gn.errors.ShapeError, match=r"batch_norm 'a'(?s:.*)For inference use gn.inference"):
        gn.forward(a, {x: np.ones((1, 3))})
    with pytest.raises(gn.errors.ShapeError, match="each entry is its own mean"):
        gn.compile(gn.sum(a * gn.parameter("w", 1.0)))({x: np.ones((1, 3))})
    gn.forward(gn.batch_norm(gn.input("y", shape=(None, 3, 2, 2))), {"y": np.ones((1, 3, 2, 2))})  # four values each


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gn.batch_norm(np.ones((2, 3, 4))), r"batch_norm of shape \(2, 3, 4\)"),
        (lambda: gn.batch_norm(np.ones((1, 4))), "each entry is its own mean"),
        (lambda: gn.layer_norm(gn.input("x", (4, 1))), "each entry is its own mean"),
        (lambda: gn.layer_norm(np.ones((2, 3)), axes=2), "axis 2 of an array with 2 dimensions"),
        (lambda: gn.layers.batch_norm(gn.input("x", (2, None))), "batch_norm needs every size"),
        (lambda: gn.layers.layer_norm(gn.input("x", ())), "of an array with 0 dimensions|needs"),
    ],
)
def test_what_can_not_be_normalised_is_refused(make, message):
    with pytest.raises(gn.errors.ShapeError, match=message):
        make()


# Dropout ------------------------------------------------------------------------------------------------------------------


def test_a_pass_with_dropout_can_be_repeated_and_checked():
    x = gn.input("x", shape=(None, 4))
    E = gn.sum(gn.square(gn.layers.dropout(gn.layers.dense(x, 5, rng=rng), rate=0.4)))
    feeds = {x: rng.normal(size=(3, 4)), **gn.dropout_masks(E, samples=3, rng=rng)}
    assert gn.backward(E, feeds)[E] == gn.backward(E, feeds)[E]
    gn.check_gradients(E, feeds).raise_if_failed()
    assert_agrees(E, feeds)
    mask = feeds[gn.Graph(E)["dropout/mask"]]
    bwd = gn.backward(E, feeds)
    assert ((bwd.error_signal("dense/tanh_1") == 0) == ~mask).all()


def test_the_mean_stays():
    masks = gn.dropout_masks(gn.layers.dropout(gn.input("x", (None, 100)), rate=0.2), 1000, np.random.default_rng(0))
    (mask,) = masks.values()
    assert mask.shape == (1000, 100)
    assert gn.dropout(np.ones((1000, 100)), mask, 0.2).mean() == pytest.approx(1, abs=4 * np.sqrt(0.25 / 100_000))


def test_nothing_is_dropped_at_rate_0():
    x = gn.input("x", shape=(None, 4))
    (mask,) = gn.dropout_masks(gn.layers.dropout(x, rate=0), 50, rng).values()
    assert mask.all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda x: gn.layers.dropout(x, rate=1),
            "GraphError",
            "rate of op dropout is 1, expected a number at least 0 and below 1",
        ),
        (lambda x: gn.layers.dropout(x, rate=-0.1), "GraphError", "rate of op dropout is -0.1"),
        (lambda x: gn.layers.dropout(x, rate=float("nan")), "GraphError", "rate of op dropout is nan"),
        (lambda x: gn.layers.dropout(x, rate="0.5"), "GraphError", "rate of op dropout is '0.5', expected a number"),
        (lambda x: gn.layers.dropout(np.ones(3)), "GraphError", "dropout takes nodes"),
        (
            lambda x: gn.dropout(x, np.ones((2, 3), bool)),
            "ShapeError",
            r"z has shape \(None, 4\), keep has shape \(2, 3\)",
        ),
        (lambda x: gn.dropout(x, np.ones((2, 4))), "DtypeError", "keep holds numbers, expected truth values"),
    ],
)
def test_bad_dropout_is_refused(make, error, message):
    with pytest.raises(getattr(gn.errors, error), match=message):
        make(gn.input("x", shape=(None, 4)))


# Labels -------------------------------------------------------------------------------------------------------------------


def test_one_hot_of_a_node_is_a_node():
    labels = gn.input("labels", shape=(None,), dtype=int)
    t = gn.one_hot(labels, 3, name="t")
    np.testing.assert_array_equal(gn.forward(t, {labels: [2, 0]})[t], [[0, 0, 1], [1, 0, 0]])
    assert gn.one_hot([[0, 1]], 2).tolist() == [[[1, 0], [0, 1]]]


@pytest.mark.parametrize("labels", [[3], [-1, 0]])
def test_labels_out_of_range_are_refused(labels):
    with pytest.raises(gn.errors.ShapeError, match=f"labels from {min(labels)} to {max(labels)} for 3 classes"):
        gn.one_hot(labels, 3)


@pytest.mark.parametrize("classes", ["3", 3.0, None])
def test_the_number_of_classes_is_an_integer(classes):
    with pytest.raises(gn.errors.GraphError, match=f"classes is {classes!r}, expected an integer"):
        gn.one_hot([0, 1], classes)


@pytest.mark.parametrize("labels", [[1.0], gn.input("y", (None,))])
def test_labels_are_integers(labels):
    with pytest.raises(gn.errors.DtypeError, match="labels of dtype float64"):
        gn.one_hot(labels, 3)


def test_accuracy_counts_rows_and_has_no_gradient():
    z = gn.parameter("z", [[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    share = gn.accuracy(z, [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert gn.forward(share, {})[share] == pytest.approx(2 / 3)
    assert gn.compile(share, [])({}) == pytest.approx(2 / 3)
    with pytest.raises(gn.errors.UnreachableError, match="does not depend smoothly"):
        gn.gradients(share, [z])
    with pytest.raises(gn.errors.ShapeError, match="accuracy never broadcasts"):
        gn.accuracy(z, [0.0, 1.0])
