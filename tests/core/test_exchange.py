"""Graphs as networkx graphs: what is written, that it comes back bit for bit, and what is refused."""

import io
import json
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import OPS
from graphnet.errors import DtypeError, GraphError, ShapeError
from tests.networks import NETWORKS, activations, backward_pass, feeds_of, layers

# Ways to and from text ------------------------------------------------------------------------------------------------


def through_graphml(network):
    text = "\n".join(nx.generate_graphml(network))
    return nx.parse_graphml(text, force_multigraph=True)


def through_gml(network):
    return nx.parse_gml("\n".join(nx.generate_gml(network)))


def through_json(network):
    return nx.adjacency_graph(json.loads(json.dumps(nx.adjacency_data(network))))


def through_a_file(network):
    file = io.BytesIO()
    nx.write_gml(network, file)
    file.seek(0)
    return nx.read_gml(file)


def directly(network):
    return network


WRITERS = [directly, through_graphml, through_gml, through_json, through_a_file]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("build", NETWORKS)
def test_a_round_trip_gives_the_same_network_values_and_gradients_bit_for_bit(build, write):
    graph = gn.Graph(build())
    again = gn.Graph.from_networkx(write(graph.to_networkx()))
    assert [again.label(node) for node in again] == [graph.label(node) for node in graph]
    for mine, other in zip(graph, again, strict=True):
        assert (mine.kind, mine.op, mine.shape, mine.dtype) == (other.kind, other.op, other.shape, other.dtype)
        assert (mine.name, mine.scope) == (other.name, other.scope)
        assert mine is not other
    first, second = (gn.backward(g, feeds_of(g)) for g in (graph, again))
    for node in graph:
        assert first[node].tobytes() == second[graph.label(node)].tobytes()
    assert first.gradients.keys() == second.gradients.keys() != set()
    for name, gradient in first.gradients.items():
        assert gradient.tobytes() == second.gradients[name].tobytes()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("build", NETWORKS)
def test_the_backward_pass_as_graph_makes_the_round_trip_too(build, write):
    graph = backward_pass(build())
    again = gn.Graph.from_networkx(write(graph.to_networkx()))
    first, second = (gn.forward(g, feeds_of(g)) for g in (graph, again))
    for mine, other in zip(graph.outputs, again.outputs, strict=True):
        assert first[mine].tobytes() == second[other].tobytes()


@pytest.mark.parametrize("write", WRITERS)
def test_any_value_comes_back_exactly(write):
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 0.1, 1 / 3, np.finfo(float).max])
    empty, scalar = gn.parameter("empty", np.zeros((0, 3))), gn.parameter("scalar", 0.1)
    integers, truth = gn.constant([2**53 + 1, -1], dtype=int), gn.constant([True, False])
    graph = gn.Graph(gn.parameter("special", special), empty, scalar, integers, truth)
    again = gn.Graph.from_networkx(write(graph.to_networkx()))
    for mine, other in zip(graph.outputs, again.outputs, strict=True):
        assert mine.value.dtype == other.value.dtype
        assert mine.value.shape == other.value.shape
        assert mine.value.tobytes() == other.value.tobytes()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["a b", "δ₁", 'quo"te', "a&b<c>", "x/y", "7", "new\nline", "tanh_1"])
def test_any_name_comes_back(write, name):
    graph = gn.Graph(gn.tanh(gn.tanh(gn.input(name, shape=(None, 2)))))
    again = gn.Graph.from_networkx(write(graph.to_networkx()))
    assert again[name].kind == "input"
    assert again[name].shape == (None, 2)


def test_names_and_scopes_do_not_depend_on_the_scope_that_is_open_when_read():
    graph = gn.Graph(layers())
    with gn.scope("elsewhere"):
        again = gn.Graph.from_networkx(graph.to_networkx())
    assert [node.name for node in again] == [node.name for node in graph]


def test_a_name_that_repeats_its_scope_comes_back():
    with gn.scope("s"):
        graph = gn.Graph(gn.tanh(gn.input("s/x"), name="s"))
    assert [node.name for node in gn.Graph.from_networkx(graph.to_networkx())] == ["s/s/x", "s/s"]


def test_outputs_keep_their_order_and_may_be_doubled_or_feed_each_other():
    a = gn.tanh(gn.input("x"), name="a")
    b = gn.exp(a, name="b")
    again = gn.Graph.from_networkx(gn.Graph(b, a, b).to_networkx())
    assert [node.name for node in again.outputs] == ["b", "a", "b"]


def test_the_copy_has_parameters_of_its_own():
    graph = gn.Graph(gn.tanh(gn.parameter("w", [1.0])))
    again = gn.Graph.from_networkx(graph.to_networkx())
    again["w"].value += 1
    assert graph["w"].value == [1.0]


def test_the_networks_above_use_every_built_in_op():
    graphs = [graph for build in NETWORKS for graph in (gn.Graph(build()), backward_pass(build()))]
    assert {node.op.name for graph in graphs for node in graph if node.op} == set(OPS)


# What is written ------------------------------------------------------------------------------------------------------


def test_x_times_x_has_two_edges():
    x = gn.input("x")
    network = gn.Graph(gn.multiply(x, x, name="y")).to_networkx()
    assert type(network) is nx.MultiDiGraph
    assert list(network.edges(data="slot")) == [("x", "y", 0), ("x", "y", 1)]


def test_networkx_algorithms_see_the_same_graph():
    graph = gn.Graph(layers())
    network = graph.to_networkx()
    assert nx.is_directed_acyclic_graph(network)
    assert list(network) == [graph.label(node) for node in graph]
    assert network.number_of_edges() == sum(len(node.inputs) for node in graph)
    assert nx.ancestors(network, "E") == set(network) - {"E"}
    slots = {(graph.label(s), graph.label(n), i) for n in graph for i, s in enumerate(n.inputs)}
    assert set(network.edges(data="slot")) == slots


def test_attributes_are_strings_and_whole_numbers():
    network = gn.Graph(*[build() for build in (activations,)]).to_networkx()
    values = [value for _, attributes in network.nodes(data=True) for value in attributes.values()]
    assert {type(value) for value in values} == {str, int}
    assert network.nodes["E"]["outputs"] == "[0]"
    assert network.nodes["polynomial_1"]["settings"] == '{"coefficients": [0.1, -2.0, 0.3333333333333333]}'


def test_a_setting_that_can_not_be_written(refused):
    @dataclass(frozen=True)
    class Apply(gn.Op):
        function: object

        def forward(self, z):
            return z * 1.0

    graph = gn.Graph(Apply(np.tanh)(gn.input("z")))
    with refused(GraphError, "has the setting <ufunc 'tanh'>", "Settings are numbers, strings and tuples."):
        graph.to_networkx()


# Custom ops -----------------------------------------------------------------------------------------------------------


@gn.op
def cube(z):
    return z * z * z


@dataclass(frozen=True)
class Scale(gn.Op):
    factor: float
    axes: tuple[int, ...] = ()

    def forward(self, z):
        return self.factor * z


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("ops", [[cube, Scale], [cube.op, Scale]], ids=["function", "op"])
def test_custom_ops_are_passed_by_the_caller(write, ops):
    graph = gn.Graph(Scale(0.1, (1, 2))(cube(gn.input("z")), name="a"))
    again = gn.Graph.from_networkx(write(graph.to_networkx()), ops=ops)
    assert again["a"].op == Scale(0.1, (1, 2))
    assert gn.forward(again, {"z": 2.0})["a"] == 0.1 * 8.0


def test_a_custom_op_that_is_not_passed_is_never_looked_up(refused):
    network = gn.Graph(cube(gn.input("z"))).to_networkx()
    with refused(GraphError, "node 'cube_1': unknown op 'cube'", "Pass a custom op as ops=[...]."):
        gn.Graph.from_networkx(network)
    with refused(GraphError, "expected an op, got 3", "gn.ops.Tanh()"):
        gn.Graph.from_networkx(network, ops=[3])


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def network():
    x = gn.input("x", shape=(None, 2))
    return gn.Graph(gn.multiply(x, gn.parameter("w", [[1.0, 2.0]]), name="y")).to_networkx()


@pytest.mark.parametrize("wrong", [nx.MultiGraph(), nx.DiGraph(), nx.Graph(), None], ids=lambda g: type(g).__name__)
def test_a_graph_of_another_kind(refused, wrong):
    with refused(GraphError, f"expected a networkx.MultiDiGraph, got {type(wrong).__name__}", "x * x has two"):
        gn.Graph.from_networkx(wrong)


def test_no_nodes(refused):
    with refused(GraphError, "at least one output, got none"):
        gn.Graph.from_networkx(nx.MultiDiGraph())


def test_a_cycle_names_its_nodes(refused):
    network = gn.Graph(gn.exp(gn.tanh(gn.input("x"), name="a"), name="b")).to_networkx()
    network.add_edge("b", "a", slot=1)
    with refused(GraphError, "the graph has a cycle: ", "a → b", "b → a", "a node can't depend on itself") as caught:
        gn.Graph.from_networkx(network)
    assert "'x'" not in str(caught.value)


def test_a_node_that_feeds_itself(refused, network):
    network.add_edge("y", "y", slot=2)
    with refused(GraphError, "the graph has a cycle: y → y"):
        gn.Graph.from_networkx(network)


@pytest.mark.parametrize(("slot", "found"), [(None, "[0, None]"), (0, "[0, 0]"), (2, "[0, 2]")])
def test_each_slot_is_filled_once(refused, network, slot, found):
    network.edges["w", "y", 0]["slot"] = slot
    with refused(GraphError, f"the edges into 'y' have slots {found}, expected each of [0, 1] once", "slot=0, 1"):
        gn.Graph.from_networkx(network)


def test_an_edge_without_a_slot(refused, network):
    del network.edges["w", "y", 0]["slot"]
    with refused(GraphError, "the edges into 'y' have slots [0, None]"):
        gn.Graph.from_networkx(network)


def test_an_edge_too_few_and_one_into_a_leaf(refused, network):
    network.add_edge("x", "w", slot=0)
    with refused(GraphError, "node 'w': parameter has 1 inputs", "Edges lead to ops only"):
        gn.Graph.from_networkx(network)
    network.remove_edge("x", "w")
    network.remove_edge("w", "y")
    with refused(GraphError, "op multiply takes 2 inputs (x, y), got 1"):
        gn.Graph.from_networkx(network)


@pytest.mark.parametrize(
    ("label", "attribute"),
    [("x", "kind"), ("x", "shape"), ("x", "dtype"), ("w", "values"), ("w", "dtype"), ("y", "op"), ("y", "settings")],
)
def test_a_missing_attribute_is_named(refused, network, label, attribute):
    del network.nodes[label][attribute]
    with refused(GraphError, f"node '{label}' lacks the attribute '{attribute}'", "Graph.to_networkx() shows"):
        gn.Graph.from_networkx(network)


UNREADABLE = {
    "broken_json": ("x", "shape", "[1,"),
    "shape_of_text": ("w", "shape", '"ab"'),
    "no_object": ("y", "settings", "3"),
    "too_few_values": ("w", "values", "[1.0]"),
    "value_of_text": ("w", "values", '"abc"'),
    "ragged_value": ("w", "values", "[[1.0], [2.0, 3.0]]"),
    "unknown_size_of_a_value": ("w", "shape", "[null, 2]"),
    "unknown_dtype": ("x", "dtype", "float65"),
    "name_is_no_text": ("y", "full_name", 3),
    "op_is_no_text": ("y", "op", ["multiply"]),
    "outputs_are_no_list": ("y", "outputs", "0"),
    "shape_is_no_json": ("x", "shape", (None, 2)),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_attribute_that_can_not_be_read(refused, network, case):
    label, attribute, wrong = UNREADABLE[case]
    network.nodes[label][attribute] = wrong
    with refused(GraphError, f"node '{label}' has an attribute that can't be read", "Graph.to_networkx() shows"):
        gn.Graph.from_networkx(network)


@pytest.mark.parametrize(
    ("label", "attribute", "wrong", "error", "problem"),
    [
        ("y", "op", "eval", GraphError, "node 'y': unknown op 'eval'"),
        ("y", "settings", '{"speed": 1}', GraphError, "node 'y': op multiply got ['speed'] as settings, and has none"),
        ("x", "kind", "layer", GraphError, "node 'x': unknown kind 'layer' of node"),
        ("x", "full_name", "", GraphError, "node 'x': an input needs a name"),
        ("x", "dtype", "complex128", DtypeError, "node 'x': input 'x' is declared with dtype complex128"),
        ("w", "dtype", "complex128", DtypeError, "node 'w': parameter 'w' has dtype complex128"),
        ("x", "shape", "[-1, 2]", ShapeError, "node 'x': a size in shape (-1, 2) is -1, expected an integer ≥ 0"),
        ("x", "shape", "[null, 3]", ShapeError, "multiply 'y': shapes (None, 3) and (1, 2) don't fit"),
        ("y", "shape", "[5, 2]", GraphError, "op multiply gives shape (None, 2) where the description says (5, 2)"),
    ],
)
def test_what_is_described_must_be_a_network(refused, network, label, attribute, wrong, error, problem):
    network.nodes[label][attribute] = wrong
    with refused(error, problem):
        gn.Graph.from_networkx(network)


def test_two_nodes_of_one_name(refused, network):
    network.nodes["w"]["full_name"] = "x"
    with refused(GraphError, "two nodes are called 'x'"):
        gn.Graph.from_networkx(network)


def test_a_chain_of_20_000_nodes_needs_no_recursion():
    node = gn.input("x")
    for _ in range(20_000):
        node = gn.negative(node)
    again = gn.Graph.from_networkx(gn.Graph(node).to_networkx())
    assert len(again) == 20_001
    assert gn.forward(again, {"x": 3.0})[again.outputs[0]] == 3.0


def _through_dot(network, tmp_path):
    pytest.importorskip("pygraphviz")
    nx.nx_agraph.write_dot(network, tmp_path / "net.dot")
    return nx.nx_agraph.read_dot(tmp_path / "net.dot")


def _through_cytoscape(network, tmp_path):
    return nx.cytoscape_graph(json.loads(json.dumps(nx.cytoscape_data(network))))


def _as_written_before(network, tmp_path):
    new = {"full_name": "name", "values": "value"}
    for _, attributes in network.nodes(data=True):
        for mine, theirs in new.items():
            if mine in attributes:
                attributes[theirs] = attributes.pop(mine)
    return network


@pytest.mark.parametrize("through", [_through_dot, _through_cytoscape, _as_written_before])
def test_attributes_survive_dot_and_cytoscape(through, tmp_path):
    x, W = gn.input("x", (None, 2)), gn.parameter("W", [[0.1, -2.0, 3.0], [1e-9, 5.0, 0.25]])
    E = gn.sum(gn.leaky_relu(x @ W, 0.2)[:, :2] * 0.5, name="E")
    graph = gn.Graph(E)
    back = gn.Graph.from_networkx(through(graph.to_networkx(), tmp_path))
    assert [(back.label(node), node.name, node.kind) for node in back.nodes] == [
        (graph.label(node), node.name, node.kind) for node in graph.nodes
    ]
    feeds = {"x": [[1.0, 2.0], [-3.0, 0.5]]}
    np.testing.assert_array_equal(gn.backward(back, feeds).gradient("W"), gn.backward(graph, feeds).gradient("W"))


def test_quotes_that_a_reader_left_are_refused_with_the_repair():
    network = gn.Graph(gn.tanh(gn.input("x", (2,)), name="a")).to_networkx()
    network.nodes["x"]["shape"] = '"[2]"'  # as nx_pydot reads it
    with pytest.raises(GraphError, match=r"text in quotes.*nx_agraph\.read_dot"):
        gn.Graph.from_networkx(network)


def test_a_custom_op_is_never_taken_for_a_built_in_one_of_its_name():
    @gn.op
    def tanh(z):
        return z * 2

    network = gn.Graph(tanh(gn.parameter("w", [1.0]))).to_networkx()
    with pytest.raises(GraphError, match=r"unknown op 'tanh'"):
        gn.Graph.from_networkx(network)
    assert gn.Graph.from_networkx(network, ops=[tanh]).outputs[0].op == tanh.op
