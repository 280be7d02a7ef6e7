"""A compiled step gives the loss and gradients of `backward`, whatever the graph."""

from dataclasses import dataclass

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import Leaves, assert_agrees, assert_infers, mlp

pytestmark = pytest.mark.usefixtures("either_way")

ACTIVATIONS = [
    gn.identity,
    gn.sigmoid,
    gn.tanh,
    gn.relu,
    gn.leaky_relu,
    gn.softplus,
    gn.softmax,
    gn.log_softmax,
    gn.square,
    gn.abs,
    lambda z: gn.polynomial(z, (0.5, -1.0, 0.25)),
    lambda z: gn.maximum(z, 0.1),
    lambda z: gn.where(z > 0, z, 0.5 * z),
]
LOSSES = [gn.sse, gn.mse, gn.binary_cross_entropy, gn.cross_entropy]
DTYPES = [np.float64, np.float32]

# Layered networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("batch", "widths"),
    [
        (1, (1, 1)),
        (1, (3, 2)),
        (5, (1, 4, 1)),
        (4, (3, 5, 2)),
        (64, (2, 64, 3)),  # a layer of exactly 4096 entries
        (65, (2, 64, 3)),  # and just above
        (130, (7, 70, 33, 2)),
        (130, (5, 70, 3, 60, 2)),  # large, small, large
        (3, (2, 3, 4, 5, 6, 7)),
        (32, (2, 16, 16, 1)),
        (0, (3, 5, 2)),
    ],
)
def test_layers_of_any_size(batch, widths, dtype):
    leaves = Leaves(batch, dtype)
    assert_agrees(mlp(leaves, batch, widths), leaves.feeds)


@pytest.mark.parametrize("seed", range(40))
def test_random_layered_networks(seed):
    rng = np.random.default_rng(seed)
    leaves = Leaves(seed, DTYPES[seed % 2])
    widths = [int(n) for n in rng.integers(1, 71, size=rng.integers(2, 7))]
    activation, loss = (choices[rng.integers(len(choices))] for choices in (ACTIVATIONS[:7], LOSSES))
    assert_agrees(mlp(leaves, int(rng.integers(1, 131)), widths, activation, loss), leaves.feeds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [5, 150])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, batch, dtype):
    leaves = Leaves(1, dtype)
    assert_agrees(mlp(leaves, batch, (3, 30, 4), activation), leaves.feeds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("widths", [(3, 2), (3, 4, 2)])
def test_losses(loss, widths, dtype):
    leaves = Leaves(2, dtype)
    assert_agrees(mlp(leaves, 6, widths, loss=loss), leaves.feeds)


@pytest.mark.parametrize("activation", [gn.tanh, gn.relu, gn.softmax])
def test_every_node_has_its_error_signal(activation):
    leaves = Leaves(3)
    E = mlp(leaves, 4, (3, 5, 2), activation)
    assert_agrees(E, leaves.feeds, wrt=list(gn.backward(E, leaves.feeds).error_signals))


# What feeds a layer -------------------------------------------------------------------------------------------------


def from_parameter(leaves, shape):
    return leaves.parameter("P", *shape)


def from_input(leaves, shape):
    return leaves.input("x", *shape)


def from_shared_input(leaves, shape):
    return leaves.input("x", shape[0], 1) * np.ones(shape)


def from_transposed(leaves, shape):
    return gn.transpose(leaves.input("x", *shape[::-1]))


def from_concatenated(leaves, shape):
    x = leaves.input("x", shape[0], 1)
    return gn.concatenate([x] * shape[1], axis=1)


def from_taken(leaves, shape):
    return gn.take(leaves.input("x", shape[0], shape[1] + 2), range(1, shape[1] + 1), axis=1)


def from_sliced(leaves, shape):
    return leaves.input("x", shape[0], shape[1] + 1)[:, 1:]


def from_reshaped(leaves, shape):
    return gn.reshape(leaves.input("x", shape[0] * shape[1]), shape)


def from_product(leaves, shape):
    return leaves.input("x", shape[0], 2) @ leaves.parameter("V", 2, shape[1])


def from_transposed_product(leaves, shape):
    return leaves.input("x", 2, shape[0]).T @ leaves.parameter("V", 2, shape[1])


def from_layer(leaves, shape):
    return from_product(leaves, shape) + leaves.parameter("c", shape[1])


def from_row(leaves, shape):
    return gn.broadcast_to(leaves.parameter("r", shape[1]), shape)


def from_stack_of_matrices(leaves, shape):
    return gn.sum(leaves.input("x", shape[0], 3, shape[1]), axis=1)


SOURCES = [
    from_parameter, from_input, from_shared_input, from_transposed, from_concatenated, from_taken, from_sliced,
    from_reshaped, from_product, from_transposed_product, from_layer, from_row, from_stack_of_matrices,
]  # fmt: skip
BEFORE_LAYER = {
    "itself": lambda z: z,
    "tanh": np.tanh,
    "a product with itself": lambda z: z * z,
    "a constant matrix less": lambda z: z - np.arange(12.0).reshape(4, 3) / 12,
    "relu": gn.relu,
}


@pytest.mark.parametrize("entry_by_entry", BEFORE_LAYER.values(), ids=BEFORE_LAYER.keys())
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_a_layer_takes_its_samples_from_anywhere(source, entry_by_entry):
    leaves = Leaves(4)
    a2 = entry_by_entry(source(leaves, (4, 3))) @ leaves.parameter("W", 3, 2) + leaves.parameter("b", 2)
    assert_agrees(gn.sse(gn.tanh(a2), leaves.input("t", 4, 2)), leaves.feeds)


def weights_shared(leaves):
    W, b, a = leaves.parameter("W", 3, 3), leaves.parameter("b", 3), leaves.input("x", 5, 3)
    for _ in range(2):
        a = gn.tanh(a @ W + b)
    return gn.sum(gn.square(a))


def bias_shared(leaves):
    b, x = leaves.parameter("b", 2), leaves.input("x", 5, 3)
    first, second = (x @ leaves.parameter(name, 3, 2) + b for name in ("W1", "W2"))
    return gn.sse(gn.tanh(first), second)


def weights_shared_bias_not(leaves):
    W, x = leaves.parameter("W", 3, 2), leaves.input("x", 5, 3)
    first, second = (x @ W + leaves.parameter(name, 2) for name in ("b1", "b2"))
    return gn.sse(gn.tanh(first), second)


def one_input_two_layers(leaves):
    x = leaves.input("x", 5, 3)
    first, second = (
        gn.tanh(x @ leaves.parameter(f"W{i}", 3, 4) + leaves.parameter(f"b{i}", 4)) for i in range(2)
    )  # fmt: skip
    return gn.sse(first, second)


def two_layers_added(leaves):
    terms = [leaves.input(f"x{i}", 5, i + 2) @ leaves.parameter(f"W{i}", i + 2, 3) for i in range(2)]
    first, second = (term + leaves.parameter(f"b{i}", 3) for i, term in enumerate(terms))
    return gn.sum(gn.square(first + second))


def layer_and_product_of_one_input(leaves):
    x = leaves.input("x", 5, 3)
    layer = gn.tanh(x @ leaves.parameter("W", 3, 2) + leaves.parameter("b", 2))
    return gn.sse(layer, x @ leaves.parameter("V", 3, 2))


def residual(leaves):
    x = leaves.input("x", 5, 3)
    a = gn.tanh(x @ leaves.parameter("W1", 3, 3) + leaves.parameter("b1", 3)) + x
    a = gn.tanh(a @ leaves.parameter("W2", 3, 3) + leaves.parameter("b2", 3)) * a
    return gn.sum(gn.square(a - x))


def bias_used_twice(leaves):
    b = leaves.parameter("b", 2)
    return gn.sse(leaves.input("x", 5, 3) @ leaves.parameter("W", 3, 2) + b, leaves.input("t", 5, 2) * b)


def own_weights_normed(leaves):
    W = leaves.parameter("W", 3, 2)
    E = gn.sse(leaves.input("x", 5, 3) @ W + leaves.parameter("b", 2), leaves.input("t", 5, 2))
    return E + 0.1 * gn.sum(gn.square(W))


def recurrent(leaves):
    W, U, b = leaves.parameter("W", 2, 4), leaves.parameter("U", 4, 4), leaves.parameter("b", 4)
    h, x = np.zeros((5, 4)), leaves.input("x", 5, 6, 2)
    for step in range(6):
        h = gn.tanh(x[:, step] @ W + h @ U + b)
    return gn.sse(h, leaves.input("t", 5, 4))


def gated(leaves):
    h = c = leaves.input("h", 5, 3)
    x = leaves.input("x", 5, 2)
    W, b = leaves.parameter("W", 5, 9), leaves.parameter("b", 9)
    for _ in range(3):
        z = gn.concatenate([x, h], axis=1) @ W + b
        keep, new, out = (gn.sigmoid(z[:, 3 * i : 3 * i + 3]) for i in range(3))
        c = keep * c + (1 - keep) * new
        h = out * gn.tanh(c)
    return gn.sum(gn.square(h))


def convolution(leaves):
    x, F = leaves.input("x", 5, 8), leaves.parameter("F", 3, 2)
    windows = gn.concatenate([gn.reshape(x[:, i : i + 3], (-1, 1, 3)) for i in range(6)], axis=1)
    maps = gn.reshape(gn.relu(windows @ F + leaves.parameter("c", 2)), (-1, 12))
    pooled = gn.take(maps, [0, 3, 3, 11], axis=1)
    return gn.sse(pooled @ leaves.parameter("W", 4, 1) + leaves.parameter("b", 1), leaves.input("t", 5, 1))


def attention(leaves):
    x = leaves.input("x", 2, 4, 3)
    q, k, v = (x @ leaves.parameter(name, 3, 3) for name in "QKV")
    return gn.sum(gn.square(gn.softmax(q @ gn.transpose(k, (0, 2, 1)) / np.sqrt(3.0)) @ v))


def outer_difference(leaves):
    z = leaves.parameter("z", 4, 4)
    return gn.sum(gn.square(z * 2.0 - (z * 2.0).T) * np.arange(16.0).reshape(4, 4))


def reductions(leaves):
    x = leaves.input("x", 5, 3, 2) * leaves.parameter("p", 3, 2)
    return gn.sum(gn.max(x, axis=1)) + gn.mean(gn.sum(x, axis=(0, 2)) ** 2) + gn.mean(gn.square(x), axis=0)[1, 0]


def unused_paths(leaves):
    x, p = leaves.input("x", 5, 3), leaves.parameter("p", 3)
    gn.exp(gn.tanh(x) * leaves.parameter("not in it", 3))
    return gn.sum(gn.where(x > p, x, 0.0) * leaves.parameter("q", 3))


def stopped_paths(leaves):
    x, p, q = leaves.input("x", 5, 3), leaves.parameter("p", 3), leaves.parameter("q", 3)
    return gn.sum(np.sign(x * p) * q)


def scalars(leaves):
    u, v = leaves.parameter("u"), leaves.parameter("v")
    return gn.tanh(u * v) * u + leaves.input("x") / (v + 3.0) - u**2


def of_vectors(leaves):
    u, v = leaves.parameter("u", 4), leaves.parameter("v", 4)
    return (u @ v) * gn.sum(gn.exp(u)) + u[1]


def sum_of_the_samples_before_their_product(leaves):
    x = gn.input("x", (4, 3))
    leaves.feeds[x] = leaves.array(4, 3)
    y, W, b = leaves.parameter("y", 4, 2), leaves.parameter("W", 3, 2), leaves.parameter("b", 2)
    return gn.sum(gn.square(gn.sum(y, axis=0))) + gn.sum(x.T @ y) + gn.sum(gn.square(x @ W + b))


def linear_in_the_layer(leaves):
    x = leaves.input("x", 4, 3)
    return gn.sum((x @ leaves.parameter("W", 3, 2) + leaves.parameter("b", 2)) * leaves.array(4, 2))


def a_parameter_gradient_is_a_parameter(leaves):
    return leaves.parameter("u") * leaves.parameter("v")


GRAPHS = [
    weights_shared, bias_shared, weights_shared_bias_not, one_input_two_layers, two_layers_added,
    layer_and_product_of_one_input, residual, bias_used_twice, own_weights_normed, recurrent, gated, convolution,
    attention, outer_difference, reductions, unused_paths, stopped_paths, scalars, of_vectors,
    sum_of_the_samples_before_their_product, linear_in_the_layer, a_parameter_gradient_is_a_parameter,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_graphs_of_many_kinds(graph, dtype):
    leaves = Leaves(5, dtype)
    E = graph(leaves)
    assert_agrees(E, leaves.feeds)
    assert_infers(E, leaves.feeds)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, -2, (0,), (1,), (0, 1)])
@pytest.mark.parametrize("reduction", [gn.sum, gn.mean, gn.max])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2)])
def test_reductions_of_matrices(reduction, axis, keepdims, shape):
    leaves = Leaves(8)
    z = leaves.input("x", *shape) * leaves.parameter("p", shape[1])
    E = gn.sum(gn.square(reduction(z, axis=axis, keepdims=keepdims)))
    assert_agrees(E, leaves.feeds)
    assert_infers(E, leaves.feeds)


# Small and empty graphs ---------------------------------------------------------------------------------------------


def test_a_leaf_is_its_own_loss():
    p = gn.parameter("p", 3.0)
    assert gn.compile(p)({}) == (3.0, {"p": 1.0})
    x = gn.input("x")
    assert gn.compile(x, [x])({x: 2}) == (2.0, {"x": 1.0})
    assert gn.compile(x)({x: 2.5}) == 2.5


def test_constants_only():
    value = gn.compile(gn.sum(gn.exp(gn.constant([0.0, 0.0]))))({})
    assert isinstance(value, np.ndarray)
    assert value == 2.0


def test_parameters_alone_in_float32():
    p = gn.parameter("p", np.float32([1, 2]))
    assert_agrees(gn.sum(p * p), {})


def test_no_samples_have_no_influence():
    leaves = Leaves(6)
    E = mlp(leaves, 0, (3, 4, 2))
    loss, grads = gn.compile(E)(leaves.feeds)
    assert loss == 0.0
    assert not any(np.any(gradient) for gradient in grads.values())


# Masks and positions ------------------------------------------------------------------------------------------------


@pytest.fixture
def truths():
    return gn.input("m", (None, 3), dtype=bool), np.array([[True, False, True], [True, True, False]])


@pytest.mark.parametrize(
    "of_mask",
    [
        lambda m: 1.0 * m,
        lambda m: m * 1.0,
        lambda m: 1.0 * m + 1.0 * m,
        lambda m: 1.0 * m - 0.5,
        lambda m: 2.0 - 1.0 * m - 1.0 * m,
        lambda m: 0.0 + m + (0.0 + m),
        lambda m: gn.where(m, 3.0, -1.0),
        lambda m: gn.where(~m & m | m, 3.0, -1.0),
    ],
)
def test_a_mask_counts_as_numbers(of_mask, truths):
    m, M = truths
    assert_agrees(gn.sum(of_mask(m) * gn.parameter("p", [1.0, 2.0, 4.0])), {m: M})


@pytest.mark.parametrize(
    "of_whole_numbers",
    [
        lambda i: gn.sum(gn.square(i)) * gn.parameter("p", 0.5),
        lambda i: gn.sum(0.0 + i) * gn.parameter("p", 0.5),
        lambda i: gn.sum(i / 3 * gn.parameter("p", 0.5)),
        lambda i: gn.sum(gn.mean(i, axis=0) @ gn.parameter("W", [[0.5], [0.25], [2.0]])),
        lambda i: gn.sum(gn.tanh(i @ gn.parameter("W", [[0.5], [0.25], [2.0]]) + gn.parameter("b", [0.1]))),
        lambda i: gn.sum(gn.square(gn.take(gn.parameter("p", [0.5, 1.0, 3.0]), i))),
        lambda i: gn.sum(gn.where(i, 1.0, gn.parameter("p", 2.0))),
    ],
)
def test_whole_numbers_count_as_numbers(of_whole_numbers):
    i = gn.input("i", (None, 3), dtype=int)
    assert_agrees(of_whole_numbers(i), {i: [[0, 1, 2], [2, 2, 0]]})


# Custom ops ---------------------------------------------------------------------------------------------------------


@gn.op
def swish(z):
    return z / (1 + np.exp(-z))


@swish.backward
def swish_backward(delta, a, z):
    return delta * (a + (1 - a) / (1 + np.exp(-z)))


@gn.op
def running_sum(z):
    return np.add.accumulate(z, axis=1)


@running_sum.backward
def running_sum_backward(delta, a, z):
    return np.add.accumulate(delta[:, ::-1], axis=1)[:, ::-1]


@gn.op
def chosen(z):
    return 2 * z if np.sum(z) > 0 else -z


@chosen.backward
def chosen_backward(delta, a, z):
    return 2 * delta if np.sum(z) > 0 else -delta


@gn.op
def centred(z):
    return z - np.sum(z, axis=0) / z.shape[0]


@centred.backward
def centred_backward(delta, a, z):
    return delta - np.sum(delta, axis=0) / z.shape[0]


@gn.op
def deviation(z):
    return z - z.std()


@deviation.backward
def deviation_backward(delta, a, z):
    return delta - delta.sum() * (z - z.mean()) / (z.size * z.std())


@gn.op
def copied(z):
    return z.copy() * 3


@copied.backward
def copied_backward(delta, a, z):
    return delta.copy() * 3


@gn.op
def half_opaque(z):
    return np.add.accumulate(z, axis=0)


@half_opaque.backward
def half_opaque_backward(delta, a, z):
    return np.sum(delta, axis=0) - running_total(delta) + delta


def running_total(delta):
    return np.concatenate([np.sum(delta[: i + 1], axis=0)[np.newaxis] for i in range(delta.shape[0])])


@dataclass(frozen=True)
class Scaled(gn.Op):
    factor: float

    def forward(self, z):
        return self.factor * z

    def backward(self, delta, a, z):
        return self.factor * delta


@dataclass(frozen=True)
class Weighted(gn.Op):
    factors: object

    def forward(self, z):
        return np.add.accumulate(z, axis=1) * np.asarray(self.factors)

    def backward(self, delta, a, z):
        return np.add.accumulate((delta * np.asarray(self.factors))[:, ::-1], axis=1)[:, ::-1]


CUSTOM = {
    "of NumPy's functions": swish,
    "opaque": running_sum,
    "with a Python if": chosen,
    "that reads sizes": centred,
    "with methods that a node has not": deviation,
    "that copies": copied,
    "opaque forward only": half_opaque,
    "with a setting": Scaled(1.5),
    "opaque with a setting": Weighted(2.0),
    "opaque with a tuple as setting": Weighted((1.0, 2.0, 4.0)),
    "opaque with an array as setting": Weighted(np.array([1.0, 2.0, 4.0])),
    "opaque with a list as setting": Weighted([1.0, 2.0, 4.0]),
}


@pytest.mark.parametrize("op", CUSTOM.values(), ids=CUSTOM.keys())
def test_ops_of_the_users_own(op):
    leaves = Leaves(7)
    z = leaves.input("x", 4, 2) @ leaves.parameter("W", 2, 3) + leaves.parameter("b", 3)
    assert_agrees(gn.sse(op(gn.tanh(op(z))), leaves.input("t", 4, 3)), leaves.feeds)


def test_one_op_with_two_settings_is_two_ops():
    p = gn.parameter("p", [1.0, 2.0])
    for op in (Scaled, lambda factor: Weighted(factor)):
        terms = [op(factor)(gn.reshape(p, (1, 2))) for factor in (2.0, 3.0, 2.0)]
        assert_agrees(gn.sum(terms[0] * terms[1] * terms[2]), {})


def test_a_choice_by_value_is_made_anew_in_each_call():
    x = gn.input("x", (None, 2))
    step = gn.compile(gn.sum(chosen(x)), [x])
    for value in (1.0, -1.0, 2.0):
        assert_agrees(step.graph.outputs[0], {x: np.full((3, 2), value)}, step, [x])
