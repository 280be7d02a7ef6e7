"""What a pass holds: values, error signals, messages; and that nothing outside can change it."""

import copy
import pickle

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GraphError, ShapeError, UnreachableError

X, T = np.array([[1.0, -2.0], [3.0, 0.5], [0.0, 1.0]]), np.array([[1.0], [0.0], [1.0]])


class Net:
    """Two inputs, a hidden unit layer of three, a half sum of squares."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.x, self.t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
        self.W1, self.b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", rng.normal(size=3))
        self.W2 = gn.parameter("W2", rng.normal(size=(3, 1)))
        self.z1 = gn.bias_add(self.x @ self.W1, self.b1, name="z1")
        self.a1 = gn.tanh(self.z1, name="a1")
        self.a2 = gn.matmul(self.a1, self.W2, name="a2")
        self.E = gn.sse(self.a2, self.t, name="E")
        self.feeds = {self.x: X, self.t: T}


@pytest.fixture
def net():
    return Net()


def test_forward_computes_every_node(net):
    fwd = gn.forward(net.E, net.feeds)
    a1 = np.tanh(X @ net.W1.value + net.b1.value)
    np.testing.assert_allclose(fwd[net.a1], a1, rtol=1e-14)
    np.testing.assert_allclose(fwd["E"], 0.5 * ((a1 @ net.W2.value - T) ** 2).sum(), rtol=1e-14)
    assert fwd.values.keys() == set(gn.Graph(net.E).nodes)


def test_backward_is_the_chain_rule_in_matrices(net):
    bwd = gn.backward(net.E, net.feeds)
    a1 = np.tanh(X @ net.W1.value + net.b1.value)
    delta2 = a1 @ net.W2.value - T
    delta1 = (delta2 @ net.W2.value.T) * (1 - a1**2)
    expected = {
        "a2": delta2, "z1": delta1, "a1": delta2 @ net.W2.value.T, "t": -delta2, "x": delta1 @ net.W1.value.T, "E": 1.0,
        "W2": a1.T @ delta2, "W1": X.T @ delta1, "b1": delta1.sum(axis=0),
    }  # fmt: skip
    for name, signal in expected.items():
        np.testing.assert_allclose(bwd.error_signal(name), signal, rtol=1e-13, err_msg=name)
    assert list(bwd.gradients) == ["W1", "b1", "W2"]
    assert bwd.gradients["W1"] is bwd.gradient(net.W1) is bwd.error_signal("W1")


def test_inputs_and_targets_have_error_signals_too(net):
    bwd = gn.backward(net.E, net.feeds)
    assert bwd.error_signal(net.x).shape == X.shape
    np.testing.assert_array_equal(bwd.error_signal(net.t), -bwd.error_signal(net.a2))


def test_only_parameters_have_a_gradient(net):
    bwd = gn.backward(net.E, net.feeds)
    with pytest.raises(GraphError, match="'a1' is not a parameter but tanh"):
        bwd.gradient(net.a1)
    with pytest.raises(GraphError, match="no node is called 'W3'"):
        bwd.gradient("W3")


# Messages -----------------------------------------------------------------------------------------------------------


def test_fan_out_adds_one_message_a_consumer():
    x = gn.parameter("x", [2.0, 3.0])
    left, right = gn.square(x, name="left"), gn.multiply(5.0, x, name="right")
    bwd = gn.backward(left + right, {}, delta=[1.0, 10.0])
    received = {(m.consumer, m.slot): m.delta.tolist() for m in bwd.messages(x)}
    assert received == {(left, 0): [4.0, 60.0], (right, 1): [5.0, 50.0]}
    assert bwd.gradient(x).tolist() == [9.0, 110.0]


def test_a_square_as_a_product_has_two_messages():
    x = gn.parameter("x", 3.0)
    y = x * x
    bwd = gn.backward(y, {})
    assert [(m.consumer, m.slot, float(m.delta)) for m in bwd.messages(x)] == [(y, 0, 3.0), (y, 1, 3.0)]
    assert bwd.gradient(x) == 6.0


def test_a_shared_parameter_receives_from_every_use():
    w = gn.parameter("w", 0.5)
    y = gn.parameter("x", 2.0)
    for _ in range(3):
        y = w * y  # w³ x
    bwd = gn.backward(y, {})
    assert len(bwd.messages(w)) == 3
    assert bwd.gradient(w) == 3 * 0.5**2 * 2.0


def test_the_output_starts_with_a_message_that_has_no_consumer(net):
    bwd = gn.backward(net.E, net.feeds)
    assert [(m.consumer, m.slot, float(m.delta)) for m in bwd.messages(net.E)] == [(None, None, 1.0)]


def test_messages_come_in_the_same_order_however_the_graph_is_reached():
    x = gn.parameter("x", 1.0)
    parts = [gn.multiply(float(i), x, name=f"part{i}") for i in range(5)]
    total = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
    names = [[m.consumer.name for m in gn.backward(total, {}).messages(x)] for _ in range(2)]
    assert names[0] == names[1] == ["part4", "part3", "part2", "part1", "part0"]  # against the topological order


# Several outputs, other outputs -------------------------------------------------------------------------------------


def two_outputs():
    x = gn.parameter("x", [1.0, 2.0])
    return x, gn.Graph(gn.sum(x, name="A"), gn.square(x, name="B"))


def test_each_output_of_several_starts_with_its_delta():
    x, graph = two_outputs()
    assert gn.backward(graph, {}, delta={"A": 10.0, "B": [1.0, 1.0]}).gradient(x).tolist() == [12.0, 14.0]
    assert gn.backward(graph, {}, delta={graph["B"]: [1.0, 1.0]}).gradient(x).tolist() == [2.0, 4.0]
    assert gn.backward(graph, {}, delta={"A": None}).gradient(x).tolist() == [1.0, 1.0]


def test_an_output_left_out_of_delta_has_no_error_signal():
    _, graph = two_outputs()
    with pytest.raises(UnreachableError, match="no error signal reaches square 'B'"):
        gn.backward(graph, {}, delta={"A": 1.0}).error_signal("B")


@pytest.mark.parametrize(
    ("delta", "error", "match"),
    [
        (None, GraphError, "the graph has 2 outputs: A, B"),
        (1.0, GraphError, "the graph has 2 outputs"),
        ({"C": 1.0}, GraphError, "no node is called 'C'"),
        ({"x": [1.0, 1.0]}, GraphError, "delta is given for 'x', which is no output"),
        ({"B": None}, ShapeError, r"'B' has shape \(2,\), and only a scalar has a gradient"),
        ({"B": 1.0}, ShapeError, r"delta of 'B' has shape \(\), expected \(2,\)"),
        ({"A": [1.0]}, ShapeError, r"delta of 'A' has shape \(1,\), expected \(\)"),
        ({"A": 1j}, DtypeError, "delta of 'A' has dtype complex128"),
        ({"A": "1"}, DtypeError, "delta of 'A'"),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(delta, error, match):
    _, graph = two_outputs()
    with pytest.raises(error, match=match):
        gn.backward(graph, {}, delta=delta)


def test_truth_values_have_no_error_signal():
    with pytest.raises(DtypeError, match="Only real numbers have an error signal"):
        gn.backward(gn.parameter("x", 1.0) > 0, {})


@pytest.mark.parametrize("leaf", [gn.parameter("w", 3.0), gn.input("x"), gn.constant(3.0)])
def test_an_output_that_is_a_leaf_has_derivative_1(leaf):
    bwd = gn.backward(leaf, {leaf: 3.0} if leaf.kind == "input" else {})
    assert (bwd[leaf], bwd.error_signal(leaf)) == (3.0, 1.0)


def test_what_reaches_the_output_only_through_comparisons_has_no_error_signal():
    x, y = gn.parameter("x", [1.0, 2.0]), gn.parameter("y", [2.0, 1.0])
    bwd = gn.backward(gn.sum(gn.where(x > y, y, 0.0)), {})
    assert bwd.gradients.keys() == {"y"}
    with pytest.raises(UnreachableError, match="no error signal reaches parameter 'x'"):
        bwd.gradient(x)
    assert "none reaches it" in repr(bwd)


def test_a_node_of_another_graph_is_named(net):
    other = gn.parameter("W1", 1.0)
    with pytest.raises(GraphError, match="its own 'W1' is another node"):
        gn.backward(net.E, net.feeds).gradient(other)


# Passes stand alone -------------------------------------------------------------------------------------------------


def test_backward_twice_gives_the_same_bytes(net):
    first, second = (gn.backward(net.E, net.feeds) for _ in range(2))
    assert {n: a.tobytes() for n, a in first.gradients.items()} == {n: a.tobytes() for n, a in second.gradients.items()}


def test_a_pass_keeps_its_arrays_when_parameters_and_feeds_change(net):
    feeds = {net.x: X.copy(), net.t: T.copy()}
    bwd = gn.backward(net.E, feeds)
    before = {node: bwd[node].copy() for node in bwd.graph.nodes}
    signals = {node: bwd.error_signal(node).copy() for node in bwd.graph.nodes}
    feeds[net.x][...] = 0
    net.W1.value = np.zeros((2, 3))
    net.W2.value += 1
    for node in bwd.graph.nodes:
        np.testing.assert_array_equal(bwd[node], before[node])
        np.testing.assert_array_equal(bwd.error_signal(node), signals[node])


@pytest.mark.parametrize("copied", [lambda bwd: bwd, copy.deepcopy, lambda bwd: pickle.loads(pickle.dumps(bwd))])
def test_arrays_of_a_pass_are_read_only(net, copied):
    bwd = copied(gn.backward(net.E, net.feeds))
    arrays = [
        *bwd.values.values(), *bwd.error_signals.values(), *(m.delta for n in bwd.graph.nodes for m in bwd.messages(n))
    ]  # fmt: skip
    assert not any(array.flags.writeable for array in arrays)
    with pytest.raises(TypeError):
        bwd.values[bwd.graph["E"]] = 0
    with pytest.raises(TypeError):
        bwd.gradients["W1"] = 0


def test_delta_is_copied(net):
    delta = np.ones((3, 1))
    bwd = gn.backward(net.a2, {net.x: X}, delta=delta)
    delta[...] = 0
    assert bwd.error_signal(net.a2).tolist() == [[1.0]] * 3


def test_a_step_of_gradient_descent_lowers_the_error(net):
    before = gn.backward(net.E, net.feeds)
    for name, gradient in before.gradients.items():
        before.graph[name].value -= 1e-3 * gradient
    assert gn.forward(net.E, net.feeds)[net.E] < before[net.E]


# dtype --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "fed", "computed"),
    [
        (np.float32, np.float32, np.float32), (np.float64, np.float32, np.float64), (np.float32, np.float64, np.float64),
        (np.float32, np.int64, np.float32), (np.float64, np.int8, np.float64), (np.int64, np.float32, np.float64),
    ],
)  # fmt: skip
def test_a_run_is_in_float32_where_all_parameters_and_feeds_are(parameter, fed, computed):
    x, w = gn.input("x", (2,)), gn.parameter("w", np.ones(2, parameter))
    y = gn.sse(2.0 * gn.tanh(x * w) + np.ones(2), [0.0, 1.0])
    bwd = gn.backward(y, {x: np.ones(2, fed)})
    arrays = [*bwd.values.values(), *bwd.error_signals.values()]
    assert {array.dtype for array in arrays} == {np.dtype(computed)}


def test_what_is_in_a_pass():
    x = gn.input("x")
    a = gn.tanh(x, name="a")
    fwd = gn.forward(a, {x: 1.0})
    assert a in fwd
    assert "a" in fwd
    assert gn.tanh(x) not in fwd
    assert "b" not in fwd
    assert [fwd.graph.label(node) for node in fwd] == ["x", "a"]


def test_the_norm_of_numbers_whose_squares_leave_float32_is_said():
    """1e-25 squared is 0 in float32, which would call a vanishing error signal 0; 1e25 squared is infinite."""
    w = gn.parameter("w", np.full(100, 1e25, np.float32))
    bwd = gn.backward(gn.sum(w * np.full(100, 1e-25, np.float32)), {})
    assert "norm 1e+26, 1e+25 to 1e+25" in str(bwd)
    assert "norm 1e-24, 1e-25 to 1e-25" in str(bwd)


def test_few_numbers_are_shown_and_none_are_called_empty():
    x = gn.input("x", shape=(None,))
    rows = dict(line.split(maxsplit=1) for line in str(gn.forward(gn.sum(x, name="E"), {x: []})).splitlines())
    assert rows["x"].endswith("empty")
    assert rows["E"].endswith(" 0")


def test_the_norm_beside_an_infinity_is_infinite():
    x = gn.input("x", shape=(8,))
    assert "norm inf, -1 to inf" in str(gn.forward(gn.identity(x), {x: [np.inf, 1e200, -1.0, 0, 0, 0, 0, 0]}))
    assert "norm nan" in str(gn.forward(gn.identity(x), {x: [1e200, np.nan, 1.0, 0, 0, 0, 0, 0]}))
