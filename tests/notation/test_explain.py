"""One number explained: the parts add up to it, and the right factor is blamed."""

import itertools
import math
from xml.dom import minidom

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, ShapeError, UnreachableError
from tests.fuzz.dialect import running_sum
from tests.notation.networks import GRAPHS, small

CHEAP = [name for name in GRAPHS if name not in ("three hidden layers",)]


@pytest.mark.parametrize("name", CHEAP)
def test_terms_messages_and_paths_each_add_up_to_the_gradient(name):
    E, feeds = GRAPHS[name]()
    bwd = gn.backward(E, feeds)
    for parameter in bwd.graph.parameters:
        explanation = gn.explain(bwd, parameter, most=10**6)
        value = bwd.gradient(parameter)[explanation.entry]
        scale = max(1.0, abs(value))
        assert explanation.value == value
        assert abs(value) == np.abs(bwd.gradient(parameter)).max()
        assert math.isclose(sum(m.value for m in explanation.messages), value, rel_tol=1e-12)
        assert explanation.all_paths
        assert len(explanation.paths) == explanation.paths_found
        assert abs(explanation.rest) < 1e-12 * scale
        assert math.isclose(sum(t.value for t in explanation.terms), value, rel_tol=1e-9, abs_tol=1e-12)
        for path in explanation.paths:
            assert math.isclose(math.prod(path.slopes), path.product, rel_tol=1e-12)


def test_the_paths_are_those_of_the_network():
    """By hand: one path for each sample and output unit, x g′(z) w g′(z) (a − t)."""
    E, feeds = small(sizes=(2, 3, 2), samples=3)
    bwd = gn.backward(E, feeds)
    a1, a2, W2 = bwd["a1"], bwd["a2"], bwd["W2"]
    i, j = 1, 2
    by_hand = {
        (n, k): feeds["x"][n, i] * (1 - a1[n, j] ** 2) * W2[j, k] * a2[n, k] * (1 - a2[n, k]) * (a2 - feeds["t"])[n, k]
        for n, k in itertools.product(range(3), range(2))
    }
    explanation = gn.explain(bwd, "W1", (i, j), most=100)
    found = {dict(path.places)["a2"]: path.product for path in explanation.paths}
    assert found.keys() == by_hand.keys()
    for place, product in by_hand.items():
        assert math.isclose(found[place], product, rel_tol=1e-12)
    sizes = [abs(path.product) for path in explanation.paths]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_not_listed_is_one_line():
    E, feeds = small(sizes=(2, 3, 2), samples=3)
    explanation = gn.explain(gn.backward(E, feeds), "W1", (0, 0), most=2)
    assert len(explanation.paths) == 2
    assert explanation.paths_found == 6
    assert "the other 4" in str(explanation)
    assert math.isclose(explanation.rest + sum(p.product for p in explanation.paths), explanation.value, rel_tol=1e-12)


def test_a_large_network_is_searched_as_far_as_it_pays():
    E, feeds = small(sizes=(6, 40, 40, 40, 3), samples=30, seed=1)
    bwd = gn.backward(E, feeds)
    explanation = gn.explain(bwd, "W1", (0, 0))
    assert not explanation.all_paths
    assert len(explanation.paths) == 8
    assert "more than" in str(explanation)
    assert math.isclose(explanation.rest + sum(p.product for p in explanation.paths), explanation.value, rel_tol=1e-9)


def test_the_formula_has_the_numbers_put_in():
    E, feeds = small()
    bwd = gn.backward(E, feeds)
    explanation = gn.explain(bwd, "W1", (0, 2))
    delta, x = bwd.error_signal("z1")[:, 2], feeds["x"][:, 0]
    assert f"{explanation.left} = {explanation.formula}" == "∂E/∂w_ij = Σ_n δ_nj x_ni"
    assert {term.index: term.factors for term in explanation.terms} == {
        f"n = {n}": (delta[n], x[n]) for n in range(len(x))
    }


def test_any_node_can_be_asked_for_and_an_opaque_rule_explained():
    E, feeds = small(hidden=running_sum)
    bwd = gn.backward(E, feeds)
    for label in ("z1", "a1", "x", "W1"):
        explanation = gn.explain(bwd, label, most=10**6)
        assert abs(explanation.rest) < 1e-12
    assert gn.explain(bwd, "E").value == 1.0


def test_a_pass_that_starts_with_another_error_signal_has_paths_but_no_formula():
    E, feeds = small()
    y = gn.Graph(E)["a2"]
    bwd = gn.backward(y, {"x": feeds["x"]}, delta=np.full((4, 1), -2.0))
    explanation = gn.explain(bwd, "W1", most=100)
    assert explanation.formula is None
    assert abs(explanation.rest) < 1e-12
    assert "W1" in str(explanation)


def test_a_gradient_that_an_own_rule_sends_where_the_forward_rule_is_flat():
    @gn.op
    def step(z):
        return np.where(z > 0, 1.0, 0.0)

    @step.backward
    def straight_through(delta, a, z):
        return delta * 1.0

    w = gn.parameter("w", np.linspace(-1, 1, 200))
    explanation = gn.explain(gn.backward(gn.sum(step(w), name="E"), {}), w, 7)
    assert explanation.value == 1.0
    assert [path.product for path in explanation.paths] == [1.0]


# Which factor made it small -------------------------------------------------------------------------------------------


def layer(x, z, t, activation=gn.sigmoid):
    """One layer whose pre-activations are chosen: W and b such that x W + b = z."""
    X, T = gn.input("x", np.shape(x)), gn.input("t", np.shape(t))
    W, b = gn.parameter("W", np.zeros((np.shape(x)[1], np.shape(z)[1]))), gn.parameter("b", np.asarray(z[0], float))
    a = activation(X @ W + b, name="a")
    return gn.backward(gn.sse(a, T, name="E"), {X: x, T: t})


@pytest.mark.parametrize(
    ("x", "z", "t", "entry", "culprit", "words"),
    [
        # one healthy unit and one whose slope, or error, or input is tiny
        ([[1.0], [0.8]], [[0.0, -14.0]], [[0.9, 0.9], [0.1, 0.9]], (0, 1), "slope", "the unit is saturated"),
        (
            [[1.0], [0.8]],
            [[0.0, 0.0]],
            [[0.9, 0.5001], [0.9, 0.5001]],
            (0, 1),
            "error",
            "where the largest of any layer",
        ),
        ([[1.0, 1e-4], [0.8, 1e-4]], [[0.0, 0.0]], [[0.9, 0.9], [0.9, 0.9]], (1, 0), "activation", "hardly a signal"),
        ([[1.0], [1.0]], [[0.0, 0.0]], [[0.9, 0.9], [0.9, 0.1001]], (0, 1), "cancels", "opposite directions"),
        ([[1.0], [1.0]], [[0.0, 0.0]], [[0.9, 0.9], [0.9, 0.9]], (0, 1), "", "not small"),
        # the only weight there is: no other gradient is larger, and yet it is small
        ([[1.0], [0.8]], [[-14.0]], [[0.9], [0.9]], (0, 0), "slope", "as all gradients of this pass are"),
        ([[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0]], [[0.9, 0.9], [0.9, 0.9]], (1, 0), "activation", "exactly 0"),
        ([[1.0], [1.0]], [[0.0, 0.0]], [[0.9, 0.5], [0.9, 0.5]], (0, 1), "error", "exactly 0"),
        ([[1.0], [1.0]], [[0.0, 0.0]], [[0.9, 0.25], [0.9, 0.75]], (0, 1), "cancels", "exactly 0"),
    ],
)
def test_the_factor_that_made_it_small(x, z, t, entry, culprit, words):
    explanation = gn.explain(layer(np.array(x), np.array(z), np.array(t)), "W", entry)
    assert explanation.culprit == culprit
    assert words in explanation.verdict


def test_a_gradient_is_small_though_no_other_is_larger():
    x = gn.input("x", (1, 1))
    y = gn.matmul(gn.sigmoid(x, name="a"), gn.parameter("w", [[0.5]]), name="y")
    explanation = gn.explain(gn.backward(gn.sse(y, [[1.0]]), {x: [[-20.0]]}), "w", (0, 0))
    assert explanation.culprit == "activation"
    assert explanation.verdict == (
        "it is small, as all gradients of this pass are (the largest is 2.061e-09), because of the activation: "
        "the signal a[0] fed forward: 2.061e-09: there is hardly a signal for the weight to act on"
    )
    assert math.isclose(explanation.value, -1 / (1 + math.exp(20)), rel_tol=1e-8)


def test_of_paths_that_are_too_many_to_follow_the_largest_are_followed_to_their_ends():
    W = gn.parameter("W", np.eye(2))
    a = W
    for _ in range(40):
        a = a @ [[0.9, 0.1], [0.1, 0.9]]
    explanation = gn.explain(gn.backward(gn.sum(a), {}), "W", (0, 0))  # 2⁴⁰ paths, that add up to 1
    assert math.isclose(explanation.paths[0].product, 0.9**40, rel_tol=1e-12)  # the one that goes straight on
    assert [round(path.product / 0.9**40 * 81) for path in explanation.paths[:3]] == [81, 9, 9]  # or aside, once
    assert not explanation.all_paths
    assert f"no slope is 0: more than {explanation.paths_found}, each" in str(explanation)


def test_a_dead_unit_is_said_to_have_no_slope():
    bwd = layer(np.ones((2, 1)), np.array([[1.0, -1.0]]), np.full((2, 2), 0.5), gn.relu)
    explanation = gn.explain(bwd, "W", (0, 1))
    assert (explanation.value, explanation.culprit) == (0.0, "slope")
    assert "exactly 0, because in every sample the slope g′ at a[1] is 0" in explanation.verdict


def test_the_three_factors_multiply_to_the_gradient():
    E, feeds = small()
    bwd = gn.backward(E, feeds)
    factors = {factor.name: factor.values for factor in gn.explain(bwd, "W1", (1, 2)).factors}
    assert factors.keys() == {"error", "slope", "activation"}
    assert math.isclose(np.sum(np.prod(list(factors.values()), axis=0)), bwd.gradient("W1")[1, 2], rel_tol=1e-12)
    np.testing.assert_allclose(factors["slope"], 1 - bwd["a1"][:, 2] ** 2, rtol=1e-12)


# What is refused, and how it shows itself -----------------------------------------------------------------------------


def test_what_can_not_be_explained_is_refused():
    E, feeds = small()
    bwd = gn.backward(E, feeds)
    with pytest.raises(ShapeError, match=r"'W1' of shape \(2, 3\) has no entry \(0, 3\)"):
        gn.explain(bwd, "W1", (0, 3))
    with pytest.raises(ShapeError, match="Give 2 whole numbers"):
        gn.explain(bwd, "W1", 0)
    with pytest.raises(ShapeError, match="It is a scalar"):
        gn.explain(bwd, "E", (0,))
    with pytest.raises(GraphError, match="takes a backward pass, got ForwardPass"):
        gn.explain(gn.forward(E, feeds), "W1")
    w, v = gn.parameter("w", 1.0), gn.parameter("v", 1.0)
    with pytest.raises(UnreachableError, match="no error signal reaches parameter 'w'"):
        gn.explain(gn.backward(gn.where(w > 0, v, 2 * v), {}), w)


def test_it_shows_itself_and_is_plain_data():
    E, feeds = small()
    explanation = gn.explain(gn.backward(E, feeds), "W1", (-1, 0))
    assert explanation.name == "W1[1, 0]"
    plain = explanation.to_dict()
    assert plain["entry"] == [1, 0]
    assert math.isclose(sum(path["product"] for path in plain["paths"]) + plain["rest"], plain["value"])
    (page,) = minidom.parseString(explanation._repr_html_()).childNodes  # no more than text: hosts drop parts of HTML
    assert page.firstChild.data == str(explanation)
