"""Names, scopes, and the source lines that errors point to."""

import inspect
import traceback

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, GraphnetError, ShapeError


def this_line():
    return inspect.currentframe().f_back.f_lineno


# Names ----------------------------------------------------------------------------------------------------------------

MAKERS = {
    "an input": lambda name: gn.input(name),
    "a parameter": lambda name: gn.parameter(name, [1.0]),
    "a constant": lambda name: gn.constant(1.0, name=name),
    "an op (tanh)": lambda name: gn.tanh(gn.input("x"), name=name),
    "a scope": lambda name: gn.scope(name).__enter__(),
}


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize("wrong", ["", 3, b"x", ("x",)], ids=repr)
def test_a_name_is_a_string_that_is_not_empty(refused, what, wrong):
    with refused(GraphError, f"{what} needs a name that is a non-empty string, got {wrong!r}", 'Write for example "x"'):
        MAKERS[what](wrong)


def test_a_leaf_must_have_a_name_and_an_op_may(refused):
    with refused(GraphError, "an input needs a name", "got None"):
        gn.input(None)
    with refused(GraphError, "a parameter needs a name", "got None"):
        gn.parameter(None, [1.0])
    assert gn.tanh(gn.input("x")).name is None
    assert gn.constant(1.0).name is None


@pytest.mark.parametrize("name", ["a b", "δ", "x/y", "名", "a&b<c>", "E "])
def test_any_other_string_is_a_name_as_it_is(name):
    node = gn.tanh(gn.input("x"), name=name)
    assert gn.Graph(node)[name] is node


def test_a_name_given_twice_shows_both_source_lines(refused):
    first = gn.parameter("W", [1.0])
    second = gn.tanh(first, name="W")
    lines = this_line() - 2, this_line() - 1
    with refused(
        GraphError,
        "two nodes are called 'W'",
        f"'W' (parameter), made at test_names.py:{lines[0]}",
        f"'W' (tanh), made at test_names.py:{lines[1]}",
        "Rename one, or make each in a scope",
    ):
        gn.Graph(second)


def test_one_name_in_two_graphs_is_no_clash():
    assert len(gn.Graph(gn.tanh(gn.input("x"), name="a"))) == len(gn.Graph(gn.exp(gn.input("x"), name="a"))) == 2


# Scopes ---------------------------------------------------------------------------------------------------------------


def test_scopes_prefix_names_and_nest():
    with gn.scope("encoder"):
        W = gn.parameter("W", [1.0])
        with gn.scope("layer1"):
            a = gn.tanh(W, name="a")
            unnamed = gn.exp(a)
        b = gn.tanh(unnamed, name="b")
    c = gn.tanh(b, name="c")
    assert [node.name for node in (W, a, unnamed, b, c)] == ["encoder/W", "encoder/layer1/a", None, "encoder/b", "c"]
    assert [node.scope for node in (W, a, unnamed, b, c)] == [
        "encoder", "encoder/layer1", "encoder/layer1", "encoder", ""
    ]  # fmt: skip


def test_the_same_names_in_two_scopes_do_not_clash():
    x, nodes = gn.input("x"), []
    for layer in ("first", "second"):
        with gn.scope(layer):
            nodes.append(gn.tanh(x, name="a"))
    graph = gn.Graph(*nodes)
    assert graph["first/a"] is nodes[0]
    assert graph["second/a"] is nodes[1]


def test_a_scope_ends_even_when_its_body_fails():
    with pytest.raises(ZeroDivisionError), gn.scope("broken"):
        1 / 0  # noqa: B018
    assert gn.input("x").name == "x"


# Source lines ---------------------------------------------------------------------------------------------------------


def test_each_node_remembers_the_line_that_made_it():
    made = [
        gn.input("x", shape=(2,)),
        gn.parameter("p", [1.0, 2.0]),
        gn.constant(1.0),
    ]
    made += [made[0] + made[1]]
    made += [made[0].T]
    made += [np.tanh(made[0])]
    made += [made[0].sum()]
    made += [np.sum(made[0])]
    first = this_line() - 9
    assert [line - first for _, line in [node.made_at for node in made]] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert {file for file, _ in [node.made_at for node in made]} == {__file__}


def test_the_constant_that_a_number_becomes_was_made_on_the_line_that_used_it():
    node = gn.input("x") * 2.0
    assert node.inputs[1].made_at == node.made_at == (__file__, this_line() - 1)


def test_an_error_at_build_is_raised_at_the_line_that_made_the_mistake_and_names_its_inputs():
    x = gn.input("x", shape=(None, 3))
    W = gn.parameter("W", np.ones((4, 2)))
    made = this_line() - 2, this_line() - 1
    with pytest.raises(ShapeError) as caught:
        gn.matmul(x, W, name="z")
    mistake = this_line() - 1
    assert mistake in [frame.lineno for frame in traceback.extract_tb(caught.tb) if frame.filename == __file__]
    assert str(caught.value).splitlines() == [
        "matmul 'z': x has shape (None, 3), y has shape (4, 2): the inner sizes 3 and 4 differ",
        f"  x: 'x' (input), made at test_names.py:{made[0]}",
        f"  y: 'W' (parameter), made at test_names.py:{made[1]}",
        "  x @ y needs as many columns in x as y has rows.",
    ]


def test_an_error_when_run_names_the_line_of_the_node_and_of_its_inputs(refused):
    x, y = gn.input("x", shape=(None, 3)), gn.input("y", shape=(None, 3))
    z = gn.add(x, y, name="z")
    made = this_line() - 2, this_line() - 1
    with refused(
        ShapeError,
        "add 'z'",
        f"node: 'z' (add), made at test_names.py:{made[1]}",
        f"x: 'x' (input), made at test_names.py:{made[0]}",
        f"y: 'y' (input), made at test_names.py:{made[0]}",
        "(2, 3) and (1, 3)",
    ):
        gn.forward(z, {"x": np.ones((2, 3)), "y": np.ones((1, 3))})


def test_the_loss_says_how_to_declare_one_value_per_row(refused):
    a, t = gn.input("a", shape=(None, 1)), gn.input("t", shape=(None,))
    with refused(
        ShapeError,
        "sse 'E': prediction has shape (None, 1) but target has shape (None,)",
        f"prediction: 'a' (input), made at test_names.py:{a.made_at[1]}",
        f"target: 't' (input), made at test_names.py:{t.made_at[1]}",
        "sse never broadcasts. If the target holds one value per row, declare it with shape (None, 1).",
    ):
        gn.sse(a, t, name="E")


def test_an_error_is_located_once_by_the_closest_place():
    error = GraphnetError("broken", repair="Mend it.")
    assert str(error) == "broken\n  Mend it."
    error.locate("inner", ["line 1"]).locate("outer", ["line 2"])
    assert str(error) == "inner: broken\n  line 1\n  Mend it."
