"""What is large is not copied, and nobody can tell but by the clock: feeds stay as they are, and so do results."""

import tracemalloc

import numpy as np
import pytest

import graphnet as gn
from graphnet.native import Calls
from tests.engine.plan.agreement import assert_agrees

ROWS = 300


@pytest.fixture
def net():
    """A network whose feed x, first weights and their gradients are large."""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 150)), gn.input("t", (None, 4))
    W1, b1 = gn.parameter("W1", rng.normal(size=(150, 300)) / 12), gn.parameter("b1", rng.normal(size=300))
    W2 = gn.parameter("W2", rng.normal(size=(300, 4)) / 17)
    E = gn.sse(gn.tanh(x @ W1 + b1) @ W2, t)
    feeds = {x: rng.normal(size=(ROWS, 150)), t: rng.normal(size=(ROWS, 4))}
    return E, feeds


@pytest.mark.skipif(Calls is None, reason="Python copies them")
def test_it_says_so(net):
    E, feeds = net
    step = gn.compile(E)
    assert_agrees(E, feeds, step)
    assert "2 of 2 feeds are read where they lie" in step.explain()
    assert "3 of 3 gradients are handed out as they are" in step.explain()


def test_results_held_are_never_written_again(net):
    E, feeds = net
    step = gn.compile(E)
    x, t = feeds
    held, kept = [], []
    for i in range(6):
        grads = step({x: feeds[x] * (i + 1), t: feeds[t]})[1]
        held.append(grads if i % 2 else {"W1": grads["W1"][:, ::7]})  # a part is enough to hold it
        kept.append({name: array.copy() for name, array in held[-1].items()})
        if i == 3:
            gn.fit(E, feeds, optimizer=gn.GradientDescent(1e-6), epochs=1)
            step.run(feeds)
    for grads, copies in zip(held, kept, strict=True):
        for name, array in grads.items():
            np.testing.assert_array_equal(array, copies[name])
    addresses = {grads["W1"].ctypes.data for grads in held}
    assert len(addresses) == len(held)


def test_a_training_loop_has_two_sets_of_gradients_at_most(net):
    """The old ones are held until the new ones are there."""
    E, feeds = net
    step = gn.compile(E)
    _, grads = step(feeds)
    size = sum(array.nbytes for array in grads.values())
    tracemalloc.start()
    try:
        for _ in range(6):
            _, grads = step(feeds)
        assert tracemalloc.get_traced_memory()[1] < 2.1 * size
    finally:
        tracemalloc.stop()


def test_writing_into_results_changes_nothing(net):
    E, feeds = net
    step = gn.compile(E)
    for gradient in step(feeds)[1].values():
        gradient[...] = np.nan
    assert_agrees(E, feeds, step)


def test_feeds_are_read_anew_and_never_written(net):
    E, feeds = net
    step = gn.compile(E)
    x, t = feeds
    array = feeds[x].copy()
    array.flags.writeable = False
    assert_agrees(E, {x: array, t: feeds[t]}, step)
    array.flags.writeable = True
    array *= 0.5  # the very same array, changed
    assert_agrees(E, {x: array, t: feeds[t]}, step)
    assert_agrees(E, feeds, step)
    np.testing.assert_array_equal(array, feeds[x] * 0.5)


@pytest.mark.parametrize(
    "laid", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a.astype(np.float32)]
)
def test_feeds_in_any_layout(net, laid):
    E, feeds = net
    x, t = feeds
    step = gn.compile(E)
    for array in (feeds[x], laid(feeds[x]), feeds[x] * 2, laid(feeds[x] * 3)):
        assert_agrees(E, {x: array, t: feeds[t]}, step)


def test_a_feed_that_is_also_an_output(net):
    feeds = net[1]
    x = next(iter(feeds))
    out = gn.compile([x, gn.transpose(x), gn.tanh(x)], [])({x: feeds[x]})
    np.testing.assert_array_equal(out[0], feeds[x])
    np.testing.assert_array_equal(out[1], feeds[x].T)
    assert not np.shares_memory(out[0], feeds[x])
    assert not np.shares_memory(out[1], feeds[x])


def test_a_large_gradient_that_another_reads():
    rng = np.random.default_rng(1)
    x, w = gn.input("x", (200, 200)), gn.parameter("w", rng.normal(size=(200, 200)))
    E = gn.sum(gn.exp(w * x))
    (slope,) = gn.gradients(E, [w])
    assert_agrees(E + gn.sum(slope * slope), {x: rng.normal(size=(200, 200)) / 10})
    a = w * x
    assert_agrees(gn.sum(gn.square(a)), {x: rng.normal(size=(200, 200))}, wrt=[a, w, x])


@pytest.mark.parametrize("size", [3, 200])
def test_two_gradients_that_are_one_array(size):
    rng = np.random.default_rng(1)
    u, v, *others = (gn.parameter(f"{name}", rng.normal(size=(size, size))) for name in ["u", "v", *range(70)])
    E = gn.sum(gn.square(u + v))
    for other in others[: 70 if size < 100 else 0]:
        E = E + gn.sum(other)
    step = gn.compile(E)
    for _ in range(3):
        assert_agrees(E, {}, step)
        _, grads = step({})
        grads["u"][...] = 0
        np.testing.assert_allclose(grads["v"], 2 * (u.value + v.value))
