"""Graphs of many scalar nodes, run as vectors, are held to the engine, which visits one node after the other."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.plan.scalars import FEWEST, is_scalar_graph

ONE = [
    gn.tanh, gn.sigmoid, gn.softplus, gn.relu, gn.leaky_relu, gn.negative, gn.square, gn.abs, gn.identity,
    lambda x: gn.exp(-gn.square(x)), lambda x: gn.log(1.5 + gn.tanh(x)), lambda x: gn.sqrt(2.0 + gn.tanh(x)),
    lambda x: gn.polynomial(gn.tanh(x), [0.5, -1.0, 0.25]), lambda x: np.sin(x), lambda x: np.sign(x) * 0.1 + x,
]  # fmt: skip
TWO = [
    gn.add, gn.subtract, gn.multiply, gn.maximum, gn.minimum,
    lambda x, y: x / (2.0 + gn.square(y)), lambda x, y: (1.5 + gn.tanh(x)) ** gn.tanh(y),
]  # fmt: skip


def random_scalars(seed, count, newest=None):
    """Return the loss of a random graph of scalars, and its feeds; operands come from the `newest` nodes only, if given."""
    rng = np.random.default_rng(seed)
    inputs = [gn.input(f"x{i}") for i in range(5)]
    values = [*inputs, *(gn.parameter(f"p{i}", rng.normal()) for i in range(20)), gn.constant(0.7)]
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
    return gn.tanh(ends[0], name="E"), {x: rng.normal() for x in inputs if x in gn.Graph(ends[0])}


@pytest.mark.parametrize("newest", [None, 8])
@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_are_those_of_the_engine(seed, newest):
    E, feeds = random_scalars(seed, 400, newest)
    bwd = gn.backward(E, feeds)
    wrt = [*bwd.graph.parameters, *bwd.graph.inputs]
    assert is_scalar_graph(bwd.graph)
    step = gn.compile(E, wrt)
    for _ in range(2):
        loss, grads = step(feeds)
        assert loss == pytest.approx(float(bwd[E]), rel=1e-12)
        scale = max(1.0, *(abs(float(signal)) for signal in bwd.error_signals.values()))
        for node in wrt:
            assert grads[node.name].shape == ()
            assert abs(grads[node.name] - bwd.error_signal(node)) <= 1e-12 * scale


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
    for _ in range(FEWEST):
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
        return np.cumsum(np.reshape(z, (1,)))[0] * 1.0

    @odd.backward
    def odd_rule(delta, a, z):
        return np.asarray(delta) * 1.0

    x = gn.input("x")
    a = x
    for _ in range(FEWEST):
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
    for _ in range(FEWEST):
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
