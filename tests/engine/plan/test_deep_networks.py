"""Deep, branched and crossing networks of small layers give what the plain engine gives."""

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import Leaves, assert_agrees, mlp


def deep(leaves, layers, width=5, batch=3, activation=gn.tanh):
    """Return the loss of a network of equal layers."""
    return mlp(leaves, batch, [width] * (layers + 1), activation)


@pytest.mark.parametrize("activation", [gn.tanh, gn.sigmoid, gn.relu, gn.softplus, gn.leaky_relu, np.sin])
@pytest.mark.parametrize("batch", [3, 8])
@pytest.mark.parametrize("layers", [3, 12])
def test_deep_networks(activation, batch, layers):
    leaves = Leaves(layers)
    assert_agrees(deep(leaves, layers, batch=batch, activation=activation), leaves.feeds)


def random_network(seed):
    """Return the loss of a network of a few sizes of layers: biased or not, with shared weights and short cuts."""
    rng = np.random.default_rng(seed)
    leaves = Leaves(seed, np.float32 if seed % 5 == 4 else float)
    widths = rng.integers(1, 7, 2)
    batch = int(rng.integers(1, 12))
    a = leaves.input("x", batch, int(widths[0]))
    made, weights = [a], {}
    for layer in range(int(rng.integers(2, 14))):
        rows, columns = a.shape[1], int(rng.choice(widths))
        if rng.random() < 0.2 and (rows, columns) in weights:
            W, b = weights[rows, columns]
        else:
            W, b = leaves.parameter(f"W{layer}", rows, columns), leaves.parameter(f"b{layer}", columns)
            weights[rows, columns] = W, b
        z = a @ W if rng.random() < 0.15 else a @ W + b
        a = [gn.tanh, gn.sigmoid, gn.relu, np.sin, gn.softplus][rng.integers(5)](z) if rng.random() < 0.95 else z
        same = [node for node in made if node.shape[1] == a.shape[1]]
        if same and rng.random() < 0.3:
            a = a * same[rng.integers(len(same))] if rng.random() < 0.5 else a + same[rng.integers(len(same))]
        made.append(a)
    loss = gn.sse(a, leaves.input("t", batch, a.shape[1]))
    extra = made[int(rng.integers(len(made)))]
    return loss + gn.sum(gn.square(extra)) if rng.random() < 0.3 else loss, leaves.feeds


def random_branches(seed):
    """Return the loss of layers of two sizes, each fed by any made before, all of them in the loss."""
    rng = np.random.default_rng(seed)
    leaves = Leaves(seed)
    widths, batch = rng.integers(1, 5, 2), int(rng.integers(1, 12))
    made = [leaves.input("x", batch, int(widths[0]))]
    for layer in range(int(rng.integers(5, 25))):
        source = made[int(rng.integers(len(made)))] if rng.random() < 0.5 else made[0]
        columns = int(rng.choice(widths))
        z = source @ leaves.parameter(f"W{layer}", source.shape[1], columns)
        if rng.random() < 0.8:
            z = z + leaves.parameter(f"b{layer}", columns)
        made.append([gn.tanh, gn.sigmoid, gn.relu][rng.integers(3)](z))
    E = gn.sum(gn.square(made[1]))
    for node in made[2:]:
        E = E + gn.sum(np.sin(node) if rng.random() < 0.5 else node * node)
    return E, leaves.feeds


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_branches(first):
    for seed in range(first, first + 20):
        E, feeds = random_branches(seed)
        assert_agrees(E, feeds)
        assert_agrees(E, feeds, wrt=[*gn.Graph(E).parameters, *gn.Graph(E).inputs])


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_random_networks_of_layers(first):
    for seed in range(first, first + 20):
        E, feeds = random_network(seed)
        assert_agrees(E, feeds)
        reached = [node for node in gn.backward(E, feeds).error_signals if node in gn.Graph(E)]
        assert_agrees(E, feeds, wrt=[node for i, node in enumerate(reached) if (i + seed) % 3 == 0] or reached[:1])


def test_operands_that_cross_are_not_mistaken_for_one_another():
    """Products of one generation: p0·p0, p1·p2, p3·p1 ... their operands can't all lie side by side."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        leaves = Leaves(int(rng.integers(100)))
        made = [gn.tanh(leaves.parameter(f"p{i}", 3)) for i in range(6)]
        products = [made[rng.integers(6)] * made[rng.integers(6)] for _ in range(8)]
        E = gn.sum(products[0])
        for product in products[1:]:
            E = E + gn.sum(np.sin(product))
        assert_agrees(E, {})


@pytest.mark.parametrize("batch", [4, 10])
@pytest.mark.parametrize("hidden", [False, True])
def test_branches_from_one_layer(hidden, batch):
    leaves = Leaves(2)
    x = leaves.input("x", batch, 6)
    a = gn.tanh(x @ leaves.parameter("V", 6, 6) + leaves.parameter("c", 6)) if hidden else x
    heads = [gn.tanh(a @ leaves.parameter(f"W{i}", 6, 2) + leaves.parameter(f"b{i}", 2)) for i in range(7)]
    assert_agrees(gn.sum(gn.square(gn.concatenate(heads, axis=1))), leaves.feeds)


def test_branches_side_by_side():
    leaves = Leaves(2)
    x = leaves.input("x", 4, 6)
    heads = [gn.tanh(x @ leaves.parameter(f"W{i}", 6, 2) + leaves.parameter(f"b{i}", 2)) for i in range(7)]
    E = gn.sum(gn.square(gn.concatenate(heads, axis=1)))
    assert_agrees(E, leaves.feeds)
