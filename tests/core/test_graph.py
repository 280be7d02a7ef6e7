"""Graphs: what they hold, in which order, and under which labels."""

import copy
import inspect
import pickle
import subprocess
import sys
import textwrap
from operator import is_

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphnet as gn
from graphnet.errors import GraphError


@pytest.fixture
def net():
    x, W = gn.input("x", shape=(None, 2)), gn.parameter("W", [[1.0], [2.0]])
    return gn.Graph(gn.tanh(x @ W, name="a"))


@st.composite
def random_dags(draw):
    """Some leaves, then ops on any two earlier nodes; several outputs, possibly not reaching all nodes."""
    nodes = [gn.input(f"x{i}") for i in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 12))):
        first, second = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        nodes.append(gn.add(first, second))
    return draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3))


# Order ----------------------------------------------------------------------------------------------------------------


@given(random_dags())
def test_each_node_comes_after_its_inputs_and_once(outputs):
    position = {node: i for i, node in enumerate(gn.Graph(*outputs))}
    assert len(position) == len(gn.Graph(*outputs))
    assert all(position[source] < position[node] for node in position for source in node.inputs)


@given(random_dags())
def test_it_holds_all_that_the_outputs_depend_on_and_nothing_else(outputs):
    reached, frontier = set(), list(outputs)
    while frontier:
        node = frontier.pop()
        reached.add(node)
        frontier.extend(node.inputs)
    assert set(gn.Graph(*outputs).nodes) == reached


@given(random_dags())
def test_the_same_outputs_give_the_same_order_and_labels(outputs):
    first, second = gn.Graph(*outputs), gn.Graph(*outputs)
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert [first.label(node) for node in first] == [second.label(node) for node in second]


def test_order_is_depth_first_with_inputs_from_left_to_right():
    x, y = gn.input("x"), gn.input("y")
    left, right = gn.tanh(x, name="left"), gn.exp(y, name="right")
    graph = gn.Graph(gn.subtract(left, right, name="difference"))
    assert [graph.label(node) for node in graph] == ["x", "left", "y", "right", "difference"]


def test_order_and_labels_are_the_same_in_every_process():
    script = textwrap.dedent("""
        import graphnet as gn
        x = gn.input("x", (3,))
        a = [gn.tanh(x * i) for i in range(20)]
        graph = gn.Graph(sum(a[1:], a[0]), *a)
        print([graph.label(node) for node in graph])
    """)

    def run(seed):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
        return done.stdout

    assert run("1") == run("2") != b""


def test_a_chain_of_100_000_nodes_needs_no_recursion():
    length = 100_000
    node = gn.input("x")
    for _ in range(length):
        node = gn.negative(node)
    graph = gn.Graph(node)
    assert len(graph) == length + 1
    assert [graph.label(node) for node in graph][-1] == f"negative_{length}"
    assert len(graph.consumers("x")) == 1
    assert repr(graph) == f"<Graph of negative_{length}: {length + 1} nodes, 1 inputs, 0 parameters>"
    del graph, node


def test_a_ladder_whose_paths_double_at_each_rung_is_ordered_once_per_node():
    node = gn.input("x")
    for _ in range(60):  # 2⁶⁰ paths
        node = node * node
    assert len(gn.Graph(node)) == 61


# Labels ---------------------------------------------------------------------------------------------------------------


def test_names_are_labels_and_other_nodes_are_counted_per_op():
    x = gn.input("x", shape=(2,))
    graph = gn.Graph(gn.tanh(gn.tanh(x)) * 2.0 + gn.exp(x))
    labels = ["x", "tanh_1", "tanh_2", "constant_1", "multiply_1", "exp_1", "add_1"]
    assert [graph.label(node) for node in graph] == labels
    assert all(graph[label] is node for label, node in zip(labels, graph, strict=True))


def test_a_made_up_label_gives_way_to_a_name():
    x = gn.input("tanh_1")
    graph = gn.Graph(gn.tanh(gn.tanh(gn.tanh(x), name="tanh_3")))
    assert [graph.label(node) for node in graph] == ["tanh_1", "tanh_2", "tanh_3", "tanh_4"]


@given(random_dags(), st.lists(st.sampled_from(["add_1", "add_2", "add_3", "add"]), unique=True))
def test_labels_are_unique_whatever_names_are_given(outputs, names):
    named = [gn.add(outputs[0], outputs[-1], name=name) for name in names]
    graph = gn.Graph(*outputs, *named)
    assert len({graph.label(node) for node in graph}) == len(graph)


def test_made_up_labels_carry_the_scope_and_count_in_it():
    x = gn.input("x")
    with gn.scope("hidden"):
        a = gn.tanh(gn.tanh(x))
    graph = gn.Graph(gn.tanh(a))
    assert [graph.label(node) for node in graph] == ["x", "hidden/tanh_1", "hidden/tanh_2", "tanh_1"]


# Looking things up ----------------------------------------------------------------------------------------------------


def test_what_a_graph_holds(net):
    x, W, product, a = net.nodes
    assert list(net) == list(net.nodes) or all(one is other for one, other in zip(net, net.nodes, strict=True))
    assert len(net) == 4
    assert (net.inputs, net.parameters, net.constants, net.outputs) == ((x,), (W,), (), (a,))
    assert net["a"] is a
    assert net["matmul_1"] is product
    assert net[product] is product
    assert product in net
    assert "matmul_1" in net
    assert "b" not in net
    assert gn.input("x") not in net
    assert 3 not in net
    assert repr(net) == "<Graph of a: 4 nodes, 1 inputs, 1 parameters>"


def test_inputs_come_in_the_order_asked_for_and_keep_it_in_copies():
    a, b, c, other = (gn.input(name, shape=(2,)) for name in ("a", "b", "c", "other"))
    graph = gn.Graph(a * b - c, inputs=[c, other, b])
    assert [node.name for node in graph.inputs] == ["c", "b", "a"]
    assert [node.name for node in gn.Graph(a * b - c).inputs] == ["a", "b", "c"]
    for again in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert [node.name for node in again.inputs] == ["c", "b", "a"]
        assert all(again[node.name] is node for node in again.inputs)


def test_repr_shows_the_first_outputs_only():
    outputs = [gn.input(f"x{i}") for i in range(6)]
    assert repr(gn.Graph(*outputs)) == "<Graph of x0, x1, x2, x3, ...: 6 nodes, 6 inputs, 0 parameters>"


def test_consumers_are_all_uses_with_their_slots():
    x = gn.input("x")
    square, twice = gn.multiply(x, x, name="square"), gn.add(x, 2.0, name="shifted")
    graph = gn.Graph(square - twice)
    uses = [(graph.label(edge.consumer), edge.slot) for edge in graph.consumers(x)]
    assert uses == [("square", 0), ("square", 1), ("shifted", 0)]
    assert graph.consumers(graph.outputs[0]) == ()


def test_only_uses_in_this_graph_count():
    x = gn.input("x")
    inside, outside = gn.tanh(x), gn.exp(x)
    assert [edge.consumer for edge in gn.Graph(inside).consumers(x)] == [inside]
    assert outside.inputs == (x,)


def test_an_output_may_be_given_twice_and_may_feed_another():
    x = gn.input("x")
    a = gn.tanh(x)
    b = gn.exp(a)
    graph = gn.Graph(b, a, b)
    assert all(one is other for one, other in zip(graph.outputs, (b, a, b), strict=True))
    assert len(graph) == 3


# Refusals -------------------------------------------------------------------------------------------------------------


def test_no_outputs(refused):
    with refused(GraphError, "at least one output, got none", "gn.Graph(E)"):
        gn.Graph()


@pytest.mark.parametrize("wrong", [3.0, None, np.ones(2), "x", gn.Graph(gn.input("x")), {gn.input("x")}])
def test_an_output_that_is_no_node(refused, wrong):
    for outputs in [wrong], [gn.input("y"), wrong], [[wrong]]:
        with refused(GraphError, "gn.Graph takes nodes, got", type(wrong).__name__, "gn.constant"):
            gn.Graph(*outputs)


def test_outputs_one_by_one_or_in_a_list_alike():
    a, b = gn.input("a"), gn.input("b")
    for outputs in ((a, b), ([a, b],), ((a, b),), (iter([a, b]),), ({"a": a, "b": b}.values(),)):
        assert all(map(is_, gn.Graph(*outputs).outputs, (a, b)))
    with pytest.raises(GraphError, match="at least one output"):
        gn.Graph([])


def test_an_unknown_name_suggests_close_ones(refused, net):
    with refused(GraphError, "no node is called 'matmul1'", "Did you mean 'matmul_1'?"):
        net["matmul1"]
    with refused(GraphError, "no node is called 'zebra'", "graph.nodes lists all nodes"):
        net["zebra"]


def test_a_node_of_another_network_is_told_from_its_namesake(refused, net):
    stranger = gn.input("x")
    where = [f"test_graph.py:{node.made_at[1]}" for node in (stranger, net["x"])]
    with refused(GraphError, "'x' (input)", "is not in this graph", "its own 'x' is another node", *where):
        net[stranger]


def test_an_unnamed_node_of_another_network_is_shown_by_its_op_and_line(refused, net):
    stranger = gn.exp(net["x"])
    line = inspect.currentframe().f_lineno - 1
    with refused(GraphError, f"unnamed (exp), made at test_graph.py:{line} is not in this graph"):
        net.label(stranger)
