"""What a graph says of unknown sizes holds for every size fed, and is kept alike however the graph is run.

The oracle is the same function in plain NumPy, differentiated by autograd.
"""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.errors import GraphnetError

W = np.array([[0.5], [-1.2]])
BOUND = st.one_of(st.none(), st.integers(-5, 5))
SLICES = st.builds(slice, BOUND, BOUND, st.sampled_from([None, 1, 2, -1, -2]))
LOSSES = {
    "mse": (lambda a, t: gn.mse(a, t), lambda a, t: anp.mean((a - t) ** 2)),
    "sse": (lambda a, t: gn.sse(a, t), lambda a, t: 0.5 * anp.sum((a - t) ** 2)),
    "mean": (lambda a, t: gn.mean(a * t), lambda a, t: anp.mean(a * t)),
    "column mean": (lambda a, t: gn.sum(gn.mean(a, axis=0) ** 2), lambda a, t: anp.sum(anp.mean(a, axis=0) ** 2)),
    "reshaped": (lambda a, t: gn.sum(gn.reshape(a, (-1,)) ** 2), lambda a, t: anp.sum(anp.reshape(a, (-1,)) ** 2)),
    "twice": (lambda a, t: gn.sum(gn.tanh(a[::-1] * t[::-1])), lambda a, t: anp.sum(anp.tanh(a[::-1] * t[::-1]))),
}


def ways(E, w, given):
    """Yield the value and the gradient by each way of running."""
    feeds = needed(E, given)
    bwd = gn.backward(E, feeds)
    yield float(gn.forward(E, feeds)[E]), bwd.gradient(w)
    yield float(bwd[E]), bwd.gradient(w)
    loss, gradients = gn.compile(E)(feeds)
    yield float(loss), gradients["w"]
    (dw,) = gn.gradients(E, [w])
    yield float(gn.forward(E, feeds)[E]), gn.forward(dw, needed(dw, given))[dw]
    yield float(gn.forward(E, feeds)[E]), gn.compile(dw)(needed(dw, given))


def needed(E, feeds):
    return {node: array for node, array in feeds.items() if node in gn.Graph(E)}


@settings(max_examples=120)
@given(st.sampled_from(sorted(LOSSES)), SLICES, st.sampled_from([1, 2, 3, 5, 8]), st.integers(0, 99))
def test_every_slice_of_an_unknown_axis(kind, part, rows, seed):
    ours, theirs = LOSSES[kind]
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(rows, 2)), rng.normal(size=(rows, 1))
    x, t, w = gn.input("x", (None, 2)), gn.input("t", (None, 1)), gn.parameter("w", W)
    feeds = {x: X, t: T}
    if not len(X[part]):
        return  # means of nothing
    E = ours((x @ w)[part], t[part])

    def loss(w):
        return theirs((X @ w)[part], T[part])

    for value, gradient in ways(E, w, feeds):
        assert value == pytest.approx(loss(W), rel=1e-12, abs=1e-13)
        np.testing.assert_allclose(gradient, autograd.grad(loss)(W), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("part", [slice(4), slice(-2, None), slice(1, 3), slice(None, None, -2), slice(3, None, -1)])
def test_the_shape_is_what_is_fed(part, rows):
    x = gn.input("x", (None, 3))
    X = np.arange(3.0 * rows).reshape(rows, 3)
    assert x[part].shape == (None, 3)
    assert x[:, part].shape == (None, *np.empty((1, 3))[:, part].shape[1:])
    for node, array in ((x[part], X[part]), (x[part, 1], X[part, 1]), (x[..., part, :], X[..., part, :])):
        np.testing.assert_array_equal(gn.forward(node, {x: X})[node], array)
        np.testing.assert_array_equal(gn.compile(node)({x: X}), array)


@pytest.mark.parametrize("row", [2, -3])
def test_one_row_that_is_not_there_is_a_typed_error_in_every_run(row):
    x, w = gn.input("x", (None, 2)), gn.parameter("w", W)
    E = gn.sum((x @ w)[row])
    feeds = {x: np.ones((2, 2))}
    (dw,) = gn.gradients(E, [w])
    for run in (gn.forward, gn.backward, gn.check_gradients, lambda E, f: gn.compile(E)(f)):
        with pytest.raises(GraphnetError):
            run(E, feeds)
    for run in (gn.forward, lambda E, f: gn.compile(E)(f)):
        with pytest.raises(GraphnetError):
            run(dw, feeds)


def test_training_on_fewer_rows_than_a_slice_reaches():
    x, t, w = gn.input("x", (None, 2)), gn.input("t", (None, 1)), gn.parameter("w", W)
    E = gn.mse((x @ w)[:4], t[:4])
    X, T = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 1))
    expected = W - 0.01 * 2 * X.T @ (X @ W) / 2  # the mean is over two rows
    gn.fit(E, {x: X, t: T}, optimizer=gn.GradientDescent(0.01), epochs=1)
    np.testing.assert_allclose(w.value, expected, rtol=1e-13)
