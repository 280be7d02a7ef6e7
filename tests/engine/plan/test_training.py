"""`fit` runs on compiled steps, and does what a loop of `backward` and updates does."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import NonFiniteError
from tests.engine.plan.agreement import Leaves, mlp
from tests.engine.plan.test_same_as_backward import GRAPHS


def by_hand(E, feeds, rate, epochs, batch_size=None):
    """Train with `backward` alone; return the values of the parameters."""
    graph = gn.Graph(E)
    before = {p.name: p.value.copy() for p in graph.parameters}
    samples = max([len(array) for node, array in feeds.items() if node.shape and node.shape[0] is None], default=1)
    size = batch_size or samples
    for _ in range(epochs):
        for start in range(0, samples, size):
            cut = {
                node: array[start : start + size] if node.shape and node.shape[0] is None else array
                for node, array in feeds.items()
            }
            gradients = gn.backward(E, cut).gradients
            for p in graph.parameters:
                if p.name in gradients:
                    p.value -= rate * gradients[p.name]
    after = {p.name: p.value.copy() for p in graph.parameters}
    for p in graph.parameters:
        p.value = before[p.name]
    return after


def require_same_training(E, feeds, **settings):
    expected = by_hand(E, feeds, settings["rate"], settings["epochs"], settings.get("batch_size"))
    options = {name: value for name, value in settings.items() if name != "rate"}
    gn.fit(E, feeds, optimizer=gn.GradientDescent(settings["rate"]), progress=False, **options)
    for p in gn.Graph(E).parameters:
        allowed = 1e-12 if p.dtype == np.float64 else 2e-5
        largest = max(1.0, float(np.max(np.abs(expected[p.name]), initial=0)))
        np.testing.assert_allclose(p.value, expected[p.name], rtol=0, atol=allowed * largest, err_msg=p.name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch_size", [None, 1, 7, 30])
@pytest.mark.parametrize("widths", [(3, 2), (3, 8, 2), (3, 160, 5, 2)])
def test_training_is_a_loop_of_backward_and_updates(widths, batch_size, dtype):
    leaves = Leaves(1, dtype)
    E = mlp(leaves, 30, widths, loss=gn.mse)
    require_same_training(E, leaves.feeds, rate=0.1, epochs=3, batch_size=batch_size)


@pytest.mark.filterwarnings("ignore:not trained")  # some have parameters that only a comparison is computed from
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_training_of_graphs_of_many_kinds(graph):
    leaves = Leaves(5)
    E = graph(leaves)
    require_same_training(E, leaves.feeds, rate=1e-3, epochs=3)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_all_parameters_change_at_once(shape):
    """The gradient of each is the value of the other before the step."""
    u, v = gn.parameter("u", np.full(shape, 2.0)), gn.parameter("v", np.full(shape, 3.0))
    gn.fit(u * v if shape == () else u @ v, {}, optimizer=gn.GradientDescent(0.5), epochs=1, progress=False)
    np.testing.assert_array_equal(u.value, np.full(shape, 0.5))
    np.testing.assert_array_equal(v.value, np.full(shape, 2.0))


def test_an_optimizer_may_keep_and_change_the_gradients_it_is_given():
    class Hoarder:
        def __init__(self):
            self.kept = []

        def update(self, parameters, gradients):
            self.kept.append({name: gradient.copy() for name, gradient in gradients.items()})
            for p in parameters:
                gradients[p.name][...] *= 0.1
                p.value -= gradients[p.name]

    leaves = Leaves(2)
    E = mlp(leaves, 10, (3, 4, 2), loss=gn.mse)
    expected = by_hand(E, leaves.feeds, 0.1, 3)
    gn.fit(E, leaves.feeds, optimizer=Hoarder(), epochs=3, progress=False)
    for p in gn.Graph(E).parameters:
        np.testing.assert_allclose(p.value, expected[p.name], atol=1e-12)


@pytest.mark.parametrize(
    "bad",
    [
        lambda x, w: gn.log(x * w, name="bad"),
        lambda x, w: gn.sum(gn.log(x * w, name="bad")) * 0.0,
        lambda x, w: gn.divide(w, x, name="bad"),
        lambda x, w: gn.exp((x - 0.02) * w * -1e5, name="bad"),
        lambda x, w: gn.sqrt(x * w * w - 0.005, name="bad"),
    ],
    ids=["log 0", "times 0", "divided by 0", "overflow", "sqrt of less than 0"],
)
def test_what_is_not_finite_is_named_and_the_last_good_parameters_stay(bad):
    x, w = gn.input("x", (None, 1)), gn.parameter("w", [1.0])
    E = gn.sum(bad(x, w))
    X = np.array([[0.02], [0.03], [0.0], [3.0]])  # the second step is not finite
    snapshots = []

    class Watched:
        def update(self, parameters, gradients):
            gn.GradientDescent(1e-8).update(parameters, gradients)
            snapshots.append(w.value.copy())

    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match=r"^\w+ 'bad': the value"):
        gn.fit(E, {x: X}, optimizer=Watched(), epochs=1, batch_size=2, progress=False)
    assert [value.tobytes() for value in snapshots] == [w.value.tobytes()]
    assert abs(w.value - 1.0) < 1e-3


def test_an_infinity_that_comes_to_nothing_does_no_harm():
    x, w = gn.input("x", (None, 1)), gn.parameter("w", [1.0])
    E = gn.sum(gn.minimum(gn.exp(x, name="bad"), 3.0) * w)
    with np.errstate(all="ignore"):
        gn.fit(E, {x: [[1.0], [1e4]]}, optimizer=gn.GradientDescent(0.1), epochs=1, progress=False)
    assert w.value == pytest.approx(1.0 - 0.1 * (np.e + 3.0))


def test_large_but_finite_gradients_are_no_fault():
    w = gn.parameter("w", np.array([1e-200, 2e-200]))
    E = gn.sum(w * np.array([1e200, 1e200]))
    gn.fit(E, {}, optimizer=gn.GradientDescent(1e-300), epochs=1, progress=False)
    assert np.isfinite(w.value).all()


def test_infinities_are_let_through_when_asked():
    w = gn.parameter("w", [0.0])
    with np.errstate(all="ignore"):
        gn.fit(
            gn.sum(gn.log(w)), {}, optimizer=gn.GradientDescent(0.1), epochs=1, progress=False, on_nonfinite="ignore"
        )
    assert not np.isfinite(w.value).all()
