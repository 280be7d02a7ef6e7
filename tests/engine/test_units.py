"""What layers and activations are, and where a unit is saturated: slopes are known from mathematics."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.units import (
    SATURATED,
    NotInARowError,
    SlopeRange,
    bias_slot,
    chain_of,
    is_activation,
    is_custom,
    slope_range,
)


@pytest.mark.parametrize(
    ("op", "largest", "flat", "straight"),
    [
        (gn.ops.Sigmoid(), 0.25, False, False),
        (gn.ops.Tanh(), 1.0, False, False),
        (gn.ops.Relu(), 1.0, True, True),
        (gn.ops.LeakyRelu(), 1.0, False, True),
        (gn.ops.Softplus(), 1.0, False, False),
    ],
)
def test_slopes_of_built_in_activations(op, largest, flat, straight):
    found = slope_range(op)
    assert found.largest == pytest.approx(largest, rel=1e-12)
    assert (found.flat, found.straight) == (flat, straight)


def test_saturated_is_below_a_share_of_the_largest_slope():
    edge = np.arccosh(SATURATED**-0.5)  # tanh′ = 1 / cosh²
    slopes = 1 - np.tanh([0.0, edge - 1e-6, edge + 1e-6, -9.0, 800.0]) ** 2
    assert slope_range(gn.ops.Tanh()).saturated(slopes).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("op", [gn.ops.Relu(), gn.ops.LeakyRelu()])
def test_what_is_made_of_straight_pieces_is_never_saturated(op):
    assert not slope_range(op).saturated([0.0, 0.01, 1.0]).any()


def test_a_rule_that_takes_no_vector_is_taken_to_have_slopes_up_to_one():
    @gn.op
    def rows(z):
        return np.tanh(z) + 0 * z[:, :1]

    assert slope_range(rows.op) == SlopeRange(1.0, flat=False, straight=False)


@gn.op
def steep(z):
    return np.tanh(2 * z - 6)


@steep.backward
def steep_backward(delta, a, z):
    return delta * 2 * (1 - a * a)


@gn.op
def own_tanh(z):
    return np.tanh(z)


@own_tanh.backward
def own_tanh_backward(delta, a, z):
    return delta * (1 - a * a)


def test_what_grows_without_end_has_no_largest_slope_and_is_never_saturated():
    @gn.op
    def cubic(z):
        return z**3

    @cubic.backward
    def cubic_backward(delta, a, z):
        return delta * 3 * z * z

    assert not slope_range(cubic.op).saturated([0.0, 1e-9, 50.0]).any()


@pytest.mark.parametrize(
    ("op", "slope"),
    [
        (own_tanh, lambda z: np.cosh(z) ** -2.0),
        (gn.tanh, lambda z: np.cosh(z) ** -2.0),
        (steep, lambda z: 2 * np.cosh(2 * z - 6) ** -2.0),
        (gn.sigmoid, lambda z: 1 / (2 + 2 * np.cosh(z))),
    ],
)
def test_pictures_tables_and_words_call_the_same_units_saturated(op, slope):
    w = gn.parameter("w", np.linspace(-9.0, 9.0, 37))
    bwd = gn.backward(gn.sum(op(gn.negative(w, name="z")), name="E"), {})
    a = bwd.graph["E"].inputs[0]
    slopes = slope(-np.linspace(-9.0, 9.0, 37))
    expected = np.count_nonzero(slopes < SATURATED * (2 if op is steep else slopes.max()))
    assert gn.diagnose(bwd)[a].saturated == expected / 37
    assert f"{expected} of 37 saturated: slope below 5 % of its largest" in gn.draw(bwd).to_text()
    assert f"{expected} of 37 saturated" in gn.draw(bwd).to_html()


def test_custom_ops_are_activations_as_built_in_ones_are():
    @gn.op
    def summed(z):
        return z.sum(axis=1)

    class MyTanh(gn.ops.Tanh):
        """Derived from a built-in op, and none itself."""

    z = gn.input("z", (None, 3))
    assert is_activation(own_tanh(z))
    assert is_activation(MyTanh()(z))
    assert is_activation(gn.softmax(z))
    assert not any(map(is_activation, (z, gn.negative(z), summed(z), gn.transpose(gn.input("s", (3, 3))), z + 1.0)))
    assert [is_custom(node.op) for node in (own_tanh(z), MyTanh()(z), gn.tanh(z), gn.negative(z))] == [
        True,
        True,
        False,
        False,
    ]


def layers_of(*names):
    """Return a network of one layer for each name of an activation, and its nodes by label."""
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 2))
    a = x
    for i, name in enumerate(names, start=1):
        z = gn.bias_add(a @ gn.parameter(f"W{i}", np.ones((2, 2))), gn.parameter(f"b{i}", np.ones(2)), name=f"z{i}")
        a = getattr(gn, name)(z, name=f"a{i}")
    return gn.Graph(gn.sse(a, t, name="E"))


def test_a_row_of_layers_is_found_with_its_parts():
    graph = layers_of("tanh", "sigmoid")
    chain = chain_of(graph)
    names = [
        [graph.label(node) for node in (layer.signal, layer.weights, layer.bias, layer.z, layer.a)]
        for layer in chain.layers
    ]
    assert names == [["x", "W1", "b1", "z1", "a1"], ["a1", "W2", "b2", "z2", "a2"]]
    assert [graph.label(node) for node in (chain.input, chain.error, chain.target)] == ["x", "E", "t"]
    assert not chain.columns
    assert not any(layer.transposed for layer in chain.layers)


def test_what_is_no_row_of_layers_is_refused_with_the_node_in_the_way():
    x = gn.input("x", (None, 2))
    a = gn.tanh(x @ np.ones((2, 2)), name="a")
    with pytest.raises(NotInARowError, match="past the layer behind it") as refused:
        chain_of(gn.Graph(gn.sum(a + gn.tanh(a @ np.ones((2, 2))))))
    assert refused.value.node is a
    with pytest.raises(NotInARowError, match="no matrix product") as refused:
        chain_of(gn.Graph(gn.tanh(x)))
    assert refused.value.node is None


def test_samples_are_not_taken_for_weights_where_the_weights_are_computed():
    x, W = gn.input("x", (None, 3)), gn.parameter("W", np.ones((3, 2)))
    with pytest.raises(NotInARowError, match="no matrix product of a signal with weights"):
        chain_of(gn.Graph(gn.sum(gn.tanh(x @ (2 * W)))))


@pytest.mark.parametrize(
    ("on_the_left", "shape", "is_one"),
    [
        (False, (4,), True), (False, (1, 4), True), (False, (4, 1), False),
        (True, (4,), False), (True, (1, 4), False), (True, (4, 1), True),
    ],
)  # fmt: skip
def test_a_bias_has_an_entry_for_each_unit_and_none_for_each_sample(on_the_left, shape, is_one):
    """Of 4 units and 4 samples, so that all of these can be added."""
    x = gn.input("x", (3, 4) if on_the_left else (4, 3))
    W = gn.parameter("W", np.ones((4, 3) if on_the_left else (3, 4)))
    z = (W @ x if on_the_left else x @ W) + gn.parameter("b", np.ones(shape))
    assert bias_slot(z) == (1 if is_one else None)
