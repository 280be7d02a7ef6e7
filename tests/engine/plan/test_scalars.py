"""Graphs of many scalar nodes, run as vectors, are held to the engine, which visits one node after the other."""

from itertools import pairwise

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.plan.scalars import FEWEST_SCALARS, is_scalar_graph

ONE = [
    gn.tanh, gn.sigmoid, gn.softplus, gn.relu, gn.leaky_relu, gn.negative, gn.square, gn.abs, gn.identity,
    lambda x: gn.exp(-gn.square(x)), lambda x: gn.log(1.5 + gn.tanh(x)), lambda x: gn.sqrt(2.0 + gn.tanh(x)),
    lambda x: gn.polynomial(gn.tanh(x), [0.5, -1.0, 0.25]), lambda x: np.sin(x), lambda x: np.sign(x) * 0.1 + x,
]  # fmt: skip
TWO = [
    gn.add, gn.subtract, gn.multiply, gn.maximum, gn.minimum,
    lambda x, y: x / (2.0 + gn.square(y)), lambda x, y: (1.5 + gn.tanh(x)) ** gn.tanh(y),
]  # fmt: skip


def random_scalars(seed, count, newest=None, *, arrays=False):
    """Return the loss of a random graph of scalars, and its feeds.

    Operands come from the `newest` nodes only, if given. Some leaves are arrays of which entries are read, if wanted, some of
    them twice and some never.
    """
    rng = np.random.default_rng(seed)
    inputs = [gn.input(f"x{i}") for i in range(5)]
    values = [*inputs, *(gn.parameter(f"p{i}", rng.normal()) for i in range(20)), gn.constant(0.7)]
    if arrays:
        x, w = gn.input("x", shape=(3, 2)), gn.parameter("w", rng.normal(size=(4, 5)))
        inputs.append(x)
        values += [w[i, j] for i, j in rng.integers(0, 4, (15, 2))] + [x[i, -1] for i in (0, 2, -1)] + [x[0, 0]]
        values += [gn.parameter("v", rng.normal(size=3))[-2], gn.constant(rng.normal(size=2))[1]]
    while len(values) < count:
        x, y = (values[-int(rng.integers(1, min(len(values), newest or count) + 1))] for _ in range(2))
        if rng.random() < 0.5:
            made = ONE[rng.integers(len(ONE))](x)
        else:
            made = TWO[rng.integers(len(TWO))](x, x if rng.random() < 0.1 else y)
        values.append(gn.tanh(made) if rng.random() < 0.3 else made)
    ends = values[-count // 2 :]
    while len(ends) > 1:
        ends = [0.5 * (x + y) for x, y in zip(ends[::2], ends[1::2], strict=False)] + ends[len(ends) // 2 * 2 :]
    return gn.tanh(ends[0], name="E"), {x: rng.normal(size=x.shape) for x in inputs if x in gn.Graph(ends[0])}


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("newest", [None, 8])
@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_are_those_of_the_engine(seed, newest, arrays):
    E, feeds = random_scalars(seed, 400, newest, arrays=arrays)
    bwd = gn.backward(E, feeds)
    wrt = [*bwd.graph.parameters, *bwd.graph.inputs]
    assert is_scalar_graph(bwd.graph)
    step = gn.compile(E, wrt)
    for _ in range(2):
        loss, grads = step(feeds)
        assert loss == pytest.approx(float(bwd[E]), rel=1e-12)
        scale = max(1.0, *(np.abs(signal).max() for signal in bwd.error_signals.values()))
        for node in wrt:
            assert grads[node.name].shape == node.shape
            assert np.all(np.abs(grads[node.name] - bwd.error_signal(node)) <= 1e-12 * scale)


def neurons(X, widths, rng):
    """Return the loss of a network of neurons built one by one; each has a vector of weights, read entry by entry."""
    layers = [
        [(gn.parameter(f"w{i}{j}", rng.normal(size=rows)), gn.parameter(f"b{i}{j}", 0.0)) for j in range(columns)]
        for i, (rows, columns) in enumerate(pairwise(widths))
    ]
    E = gn.constant(0.0)
    for sample in range(X.shape[0]):
        a = [X[sample, i] for i in range(widths[0])]
        for layer in layers:
            a = [gn.tanh(sum((w[i] * value for i, value in enumerate(a)), b)) for w, b in layer]
        E = E + gn.square(a[0] - 0.5)
    return E


def test_neurons_with_vectors_of_weights():
    """The same network as matrices is the second method."""
    rng = np.random.default_rng(0)
    X, values = gn.input("X", shape=(8, 2)), rng.normal(size=(8, 2))
    E = neurons(X, (2, 3, 1), rng)
    assert is_scalar_graph(gn.Graph(E))
    graph = gn.Graph(E)
    weights = {name: graph[name].value for name in ("w00", "w01", "w02", "w10")}
    W1, W2 = np.column_stack([weights[f"w0{j}"] for j in range(3)]), weights["w10"][:, np.newaxis]
    step = gn.compile(E)
    loss, grads = step({X: values})
    a1 = np.tanh(values @ W1)
    a2 = np.tanh(a1 @ W2)
    delta2 = 2 * (a2 - 0.5) * (1 - a2**2)
    delta1 = delta2 @ W2.T * (1 - a1**2)
    assert loss == pytest.approx(float(np.sum((a2 - 0.5) ** 2)), rel=1e-12)
    np.testing.assert_allclose(grads["w10"], (a1.T @ delta2)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(np.column_stack([grads[f"w0{j}"] for j in range(3)]), values.T @ delta1, rtol=1e-12)
    np.testing.assert_allclose([grads[f"b0{j}"] for j in range(3)], delta1.sum(axis=0), rtol=1e-12)
    assert len(step.run({X: values}).calls) < 150 < len(graph.nodes)


def test_an_entry_read_twice_has_two_error_signals():
    """Each is that of its own node; the leaf's gradient is the sum."""
    w = gn.parameter("w", [0.3, -0.2])
    first, second = w[0], w[0]
    E = gn.tanh(first) * 2.0 + gn.square(second)
    for _ in range(FEWEST_SCALARS):
        E = gn.tanh(E) + 0.01
    bwd = gn.backward(E, {})
    _, grads = gn.compile(E, [first, second, w])({})
    for node in (first, second, w):
        np.testing.assert_allclose(grads[bwd.graph.label(node)], bwd.error_signal(node), rtol=1e-12)


def test_fit_trains_scalars_at_vector_speed_too():
    losses = []
    for _ in range(2):
        rng = np.random.default_rng(1)
        X = gn.input("X", shape=(8, 2))
        E = neurons(X, (2, 3, 1), rng)
        feeds, parameters = {X: rng.normal(size=(8, 2))}, gn.Graph(E).parameters
        if losses:
            step = gn.compile(E)
            for _ in range(5):
                loss, grads = step(feeds)
                for parameter in parameters:
                    parameter.value -= 0.05 * grads[parameter.name]
                losses.append(loss)
        else:
            losses += gn.fit(E, feeds, optimizer=gn.GradientDescent(0.05), epochs=5, progress=False).loss
    np.testing.assert_allclose(losses[:5], losses[5:], rtol=1e-12)


def test_gradients_of_many_scalars_are_arrays_of_their_own():
    parameters = [gn.parameter(f"p{i}", 0.01 * i) for i in range(200)]
    E = parameters[0]
    for p in parameters[1:]:
        E = gn.tanh(E) + p
    step = gn.compile(E)
    _, first = step({})
    assert all(isinstance(gradient, np.ndarray) and gradient.shape == () for gradient in first.values())
    kept = {name: float(gradient) for name, gradient in first.items()}
    parameters[100].value = 3.0
    _, second = step({})
    assert {name: float(gradient) for name, gradient in first.items()} == kept
    for name, gradient in gn.backward(E, {}).gradients.items():
        assert second[name] == pytest.approx(float(gradient), rel=1e-12)


def test_a_changed_parameter_and_another_feed_are_seen():
    E, feeds = random_scalars(1, 400)
    step = gn.compile(E)
    step(feeds)
    for parameter in gn.Graph(E).parameters:
        parameter.value = parameter.value + 0.5
    feeds = {x: value - 1.0 for x, value in feeds.items()}
    assert step(feeds)[0] == pytest.approx(float(gn.forward(E, feeds)[E]), rel=1e-12)


def test_inner_nodes_and_inference():
    E, feeds = random_scalars(2, 400)
    bwd = gn.backward(E, feeds)
    inner = [node for node in bwd.error_signals if node.op is not None][:50]
    _, grads = gn.compile(E, inner)(feeds)
    for node in inner:
        assert grads[bwd.graph.label(node)] == pytest.approx(float(bwd.error_signal(node)), rel=1e-9, abs=1e-12)
    assert gn.compile(E, [])(feeds) == pytest.approx(float(bwd[E]), rel=1e-12)


def test_float32_stays_float32():
    w = gn.parameter("w", np.float32(0.5))
    a = w
    for _ in range(FEWEST_SCALARS):
        a = gn.tanh(a * w + w)
    _, grads = gn.compile(a)({})
    assert grads["w"].dtype == np.float32
    assert grads["w"] == pytest.approx(float(gn.backward(a, {}).gradient(w)), rel=2e-5)


def test_equal_nodes_of_one_depth_are_one_call():
    parameters = [gn.parameter(f"p{i}", 0.01 * i) for i in range(1000)]
    level = [gn.tanh(p) for p in parameters]
    while len(level) > 1:
        level = [x + y for x, y in zip(level[::2], level[1::2], strict=False)] + level[len(level) // 2 * 2 :]
    step = gn.compile(level[0])
    step({})
    lines = [line for line in step.explain().splitlines() if " copy " not in line]
    assert sum(" tanh " in line for line in lines) == 1
    assert len(lines) < 100


def test_an_op_that_is_more_than_elementwise_calls_falls_back():
    @gn.op
    def odd(z):
        return np.add.accumulate(np.reshape(z, (1,)))[0] * 1.0

    @odd.backward
    def odd_rule(delta, a, z):
        return np.asarray(delta) * 1.0

    x = gn.input("x")
    a = x
    for _ in range(FEWEST_SCALARS):
        a = gn.tanh(a) * 1.01
    a = odd(a)
    _, grads = gn.compile(a, [x])({x: 0.3})
    assert grads["x"] == pytest.approx(float(gn.backward(a, {x: 0.3}).error_signal(x)), rel=1e-12)


def test_losses_and_ops_of_ones_own_are_batched_too():
    @gn.op
    def bent(z):
        return np.where(z > 0, z, 0.1 * z * z) + np.sum(z)  # the sum of a scalar is itself

    @bent.backward
    def bent_rule(delta, a, z):
        return np.where(z > 0, delta, delta * 0.2 * z) + delta

    E, feeds = random_scalars(3, 500)
    p, q = gn.parameter("p", -0.4), gn.parameter("q", 0.3)
    E = gn.sse(gn.tanh(bent(p)) * E, q) + gn.mse(bent(bent(q)), p) + gn.binary_cross_entropy(p, gn.sigmoid(q))
    bwd = gn.backward(E, feeds)
    step = gn.compile(E)
    loss, grads = step(feeds)
    assert step.run(feeds).layout is None, "computed depth by depth"
    assert loss == pytest.approx(float(bwd[E]), rel=1e-12)
    for name, gradient in bwd.gradients.items():
        assert grads[name] == pytest.approx(float(gradient), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "rule",
    [
        lambda delta, a, z: delta * delta,
        lambda delta, a, z: np.abs(delta),
        lambda delta, a, z: np.where(delta > 0, z, z),
    ],
)
def test_a_rule_that_is_not_linear_in_the_error_signal_is_run_as_it_is(rule):
    @gn.op
    def odd(z):
        return z * 1.0

    odd.backward(rule)
    x = gn.parameter("x", 0.3)
    a = x
    for _ in range(FEWEST_SCALARS):
        a = gn.tanh(a) * 1.01
    E = gn.square(odd(a) - 3.0)
    assert gn.compile(E)({})[1]["x"] == pytest.approx(float(gn.backward(E, {}).gradient(x)), rel=1e-12)


def test_an_infinity_stays_where_it_is():
    parameters = [gn.parameter(f"p{i}", float(i)) for i in range(100)]
    level = [gn.log(p) if i == 0 else gn.tanh(p) * p for i, p in enumerate(parameters)]
    E = level[0] * 0.0
    for node in level[1:]:
        E = E + node
    with np.errstate(all="ignore"):
        bwd = gn.backward(E, {})
        _, grads = gn.compile(E)({})
    assert not np.isfinite(grads["p0"])
    for name, gradient in bwd.gradients.items():
        assert grads[name] == pytest.approx(float(gradient), rel=1e-12, nan_ok=True)
