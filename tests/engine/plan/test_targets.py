"""What can be compiled: gradients with respect to any nodes, or outputs alone."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, ShapeError, UnreachableError
from tests.engine.plan.agreement import Leaves, assert_agrees, assert_infers, mlp

pytestmark = pytest.mark.usefixtures("either_way")


@pytest.fixture
def net():
    leaves = Leaves(1)
    return mlp(leaves, 4, (3, 5, 2)), leaves.feeds


def test_by_default_all_parameters_in_the_order_of_the_graph(net):
    E, feeds = net
    assert list(gn.compile(E)(feeds)[1]) == ["W1", "b1", "W2", "b2"]


@pytest.mark.parametrize(
    "names",
    [("b2", "W1"), ("W1", "b2"), ("x",), ("t", "b1", "x"), ("W2",), ("b1",), ("x", "W1", "b1", "W2", "b2", "t")],
)
def test_a_list_in_any_order(net, names):
    E, feeds = net
    wrt = [gn.Graph(E)[name] for name in names]
    assert_agrees(E, feeds, wrt=wrt)
    assert list(gn.compile(E, wrt)(feeds)[1]) == list(names)


def test_inner_nodes_and_the_loss_itself(net):
    E, feeds = net
    inner = [node for node in gn.Graph(E).nodes if node.op is not None]
    for node in inner:
        assert_agrees(E, feeds, wrt=[node])
    assert_agrees(E, feeds, wrt=[*reversed(inner), *gn.Graph(E).parameters])


def test_a_node_asked_for_twice_is_given_once(net):
    E, feeds = net
    W1 = gn.Graph(E)["W1"]
    assert_agrees(E, feeds, wrt=[W1, W1])


def test_an_empty_list_is_inference(net):
    E, feeds = net
    loss = gn.compile(E, [])(feeds)
    assert isinstance(loss, np.ndarray)
    np.testing.assert_allclose(loss, gn.forward(E, feeds)[E], rtol=1e-12)


def test_the_loss_is_a_float(net):
    E, feeds = net
    assert type(gn.compile(E)(feeds)[0]) is float


def test_a_single_node_is_refused(net):
    E, _ = net
    with pytest.raises(GraphError, match=r"wrt is a single node, expected a list"):
        gn.compile(E, gn.Graph(E)["W1"])


def test_names_are_refused(net):
    with pytest.raises(GraphError):
        gn.compile(net[0], ["W1"])


def test_a_node_of_another_graph_is_named(net):
    with pytest.raises(UnreachableError, match="'E' does not depend on 'stranger' \\(parameter\\)"):
        gn.compile(net[0], [gn.parameter("stranger", 1.0)])


def test_gradients_need_one_scalar(net):
    E, _ = net
    a2 = E.inputs[0]
    W1 = gn.Graph(E)["W1"]
    for target in (a2, [E, a2], [E, gn.sum(a2)]):
        with pytest.raises(ShapeError):
            gn.compile(target, [W1])


def test_what_only_a_comparison_reaches_is_named_when_called():
    x, p, q = gn.input("x", (3,)), gn.parameter("p", 0.5), gn.parameter("q", 2.0)
    E = gn.sum(gn.where(x > p, q, x))
    step = gn.compile(E, [q, p])
    for _ in range(2):
        with pytest.raises(UnreachableError, match="'p'"):
            step({x: [0.0, 1.0, 2.0]})
    loss, grads = gn.compile(E)({x: [0.0, 1.0, 2.0]})
    assert (loss, grads) == (4.0, {"q": 2.0})


def test_no_parameter_that_anything_smooth_reaches():
    x, p = gn.input("x", (3,)), gn.parameter("p", 0.5)
    loss, grads = gn.compile(gn.sum(gn.where(x > p, x, 0.0)))({x: [0.0, 1.0, 2.0]})
    assert (loss, grads) == (3.0, {})


def test_an_unused_feed_may_be_of_any_dtype_and_size():
    x, m = gn.input("x", (None, 2)), gn.input("m", (None,), dtype=bool)
    p = gn.parameter("p", [1.0, 2.0])
    E = gn.sum(np.ones_like(x) * p) + gn.sum(np.zeros_like(m * 1.0))
    for rows in (1, 4):
        assert_agrees(E, {x: np.ones((rows, 2)), m: np.ones(rows, bool)})


# Inference ----------------------------------------------------------------------------------------------------------


def test_one_output_is_an_array_and_several_are_a_list(net):
    E, feeds = net
    inner = [node for node in gn.Graph(E).nodes if node.op is not None]
    for node in inner:
        given = {x: array for x, array in feeds.items() if x in gn.Graph(node)}
        assert_infers(node, given)
    assert_infers(inner, feeds)
    assert_infers(inner[::-1], feeds)
    outputs = gn.compile([inner[0], E])(feeds)
    assert isinstance(outputs, list)
    assert [output.shape for output in outputs] == [(4, 5), ()]


def test_several_scalars_have_no_gradients_unasked():
    p = gn.parameter("p", 2.0)
    found = gn.compile([p * 3.0, p * 4.0])({})
    assert [float(value) for value in found] == [6.0, 8.0]


def test_truths_and_whole_numbers_come_out_as_they_are():
    x, i = gn.input("x", (None,)), gn.input("i", (None,), dtype=int)
    assert_infers(x > 0.5, {x: [0.0, 1.0]})
    assert_infers([(x > 0.5) & ~(x > 2.0), i, gn.take(i, i)], {x: [0.0, 1.0, 3.0], i: [2, 0, 1]})


def test_a_graph_stands_for_its_output(net):
    E, feeds = net
    assert gn.compile(gn.Graph(E))(feeds)[0] == gn.compile(E)(feeds)[0]
