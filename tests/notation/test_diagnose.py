"""Where error signals are lost, and to what."""

from xml.dom import minidom

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError
from graphnet.notation.diagnosis import times
from tests.notation.networks import small

rng = np.random.default_rng(0)


def deep(activation, scale, layers=4, width=20, samples=30):
    x, t = gn.input("x", (None, width)), gn.input("t", (None, width))
    a = x
    for i in range(layers):
        W = gn.parameter(f"W{i}", scale * rng.normal(size=(width, width)) / np.sqrt(width))
        a = activation(gn.matmul(a, W, name=f"z{i}"), name=f"a{i}")
    E = gn.sse(a, t, name="E")
    return gn.backward(E, {x: rng.normal(size=(samples, width)), t: rng.normal(size=(samples, width))})


def test_saturated_units_are_counted_and_blamed():
    bwd = deep(gn.tanh, 20.0)
    found = gn.diagnose(bwd)
    for i in range(4):
        slopes = 1 - bwd[f"a{i}"] ** 2
        assert found[f"a{i}"].saturated == np.mean(slopes < 0.05)
        assert found[f"a{i}"].dead == 0
        assert found[f"a{i}"].factor == "slope"
        assert f"at a{i}: {100 * np.mean(slopes < 0.05):.0f} % of its units are saturated" in found[f"a{i}"].verdict


def test_norms_and_ratios_are_those_of_the_pass():
    bwd = deep(gn.tanh, 2.0)
    found = gn.diagnose(bwd)
    norm = {label: np.linalg.norm(bwd.error_signal(label)) for label in ("a2", "z1", "z2", "z3")}
    assert np.isclose(found["z2"].norm, norm["z2"])
    assert np.isclose(found["z2"].ratio, norm["z2"] / norm["z3"])
    assert np.isclose(found["a2"].passed_on, norm["z2"] / norm["a2"])
    assert found["z3"].ratio is None  # there is no layer above


def test_small_weights_are_blamed():
    found = gn.diagnose(deep(gn.tanh, 0.01))
    assert found["z2"].factor == "weights"
    assert "at z2: its weights W2 are small" in found["z2"].verdict


def test_dead_units_are_those_without_a_slope_in_any_sample():
    x, W = gn.input("x", (None, 2)), gn.parameter("W", [[1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, -1.0]])
    E = gn.sum(gn.relu(x @ W, name="a"), name="E")
    found = gn.diagnose(gn.backward(E, {x: [[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]]}))
    assert found["a"].dead == 0.5  # the second and the fourth; the third is on for one sample
    assert found["a"].saturated == 0  # off is not saturated
    assert np.isclose(found["a"].zero, 8 / 12)
    assert "50 % of" in found["a"].verdict
    assert "dead" in found["a"].verdict


def test_units_of_images_are_places_and_samples_lie_along_the_first_axis():
    x = gn.input("x", (None, 2, 1, 3))
    at = np.array([[[[1, 1, -1]], [[-1, 1, -1]]], [[[1, -1, -1]], [[-1, 1, 1]]]], float)
    found = gn.diagnose(gn.backward(gn.sum(gn.relu(x, name="a"), name="E"), {x: at}))
    assert np.isclose(found["a"].dead, 2 / 6)  # (0, 0, 2) and (1, 0, 0) are off in both samples
    w = gn.parameter("w", -1.0)
    assert gn.diagnose(gn.backward(gn.relu(w, name="a"), {}))["a"].dead == 1


def test_four_kinds_of_nothing_are_told_apart():
    w, v, u = (gn.parameter(name, np.ones(3)) for name in "wvu")
    saturated = gn.tanh(gn.multiply(w, 30.0), name="saturated")
    off = gn.relu(gn.multiply(v, -1.0), name="off")
    chosen = gn.where(u > 0, saturated, off)
    found = gn.diagnose(gn.backward(gn.sum(saturated + off + chosen, name="E"), {}))
    assert found["v"].state == "exactly zero"
    assert found["v"].norm == 0
    assert found["off"].dead == 1
    assert found["u"].state == "unreachable"
    assert found["u"].norm is None
    assert found["greater_1"].state == "no error signal"
    assert found["saturated"].saturated == 1
    text = str(found)
    for words in (
        "exactly 0",
        "none reaches it",
        "has none",
        "no error signal reaches u",
        "the error signal ends at off",
    ):
        assert words in text
    assert "exactly 0 are the error signals of" in text


def test_a_wrong_turn_to_zero_names_where_it_began():
    x, W1, W2 = (
        gn.input("x", (None, 2)),
        gn.parameter("W1", rng.normal(size=(2, 3))),
        gn.parameter("W2", np.zeros((3, 2))),
    )
    E = gn.sse(gn.matmul(gn.tanh(x @ W1, name="a"), W2, name="y"), np.ones((4, 2)), name="E")
    found = gn.diagnose(gn.backward(E, {x: rng.normal(size=(4, 2))}))
    assert found["a"].verdict == "the error signal at a is exactly 0: W2 is exactly 0, and y multiplies by it"
    assert found["W1"].state == "exactly zero"
    assert found["W2"].state == "passes"


def test_the_first_that_is_not_finite_is_named():
    w = gn.parameter("w", [0.0, 1.0])
    with np.errstate(all="ignore"):
        bwd = gn.backward(gn.sum(gn.log(gn.multiply(w, 2.0, name="d"), name="l"), name="E"), {})
    found = gn.diagnose(bwd)
    assert found["d"].state == "not finite"
    first = "the error signal at d is the first that is not finite"
    assert found["d"].verdict == f"{first}; the rule of log at 'l' made that, where δ is 1, d is 0"
    assert found["w"].verdict == ""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_zero_that_comes_too_late_to_a_slope_that_is_infinite():
    w = gn.parameter("w", [0.0, -1.0, 4.0])
    positive = gn.maximum(w, 0, name="m")
    late = gn.backward(gn.sum(gn.where(w > 0, gn.sqrt(positive, name="root"), 0)), {})
    found = gn.diagnose(late)
    for part in ("sqrt at 'root'", "where δ is 0, m is 0: 0 · ∞", "give sqrt np.where(..., m, 1) instead"):
        assert part in found["m"].verdict
    assert found["root"].verdict == ""
    in_time = gn.backward(gn.sum(gn.where(w > 0, gn.sqrt(gn.where(w > 0, positive, 1)), 0)), {})  # as it says
    assert in_time.gradient(w).tolist() == [0, 0, 0.25]


def test_softmax_mixes_units_and_is_no_unit_by_unit_activation():
    z = gn.parameter("z", rng.normal(size=(3, 4)))
    E = gn.sse(gn.softmax(z, name="a"), np.ones((3, 4)), name="E")
    assert gn.diagnose(gn.backward(E, {}))["a"].saturated is None


def test_a_healthy_network_has_nothing_that_stands_out():
    E, feeds = small(output=None)
    found = gn.diagnose(gn.backward(E, feeds))
    assert "Nothing stands out" in str(found)
    assert found.findings == ()


def test_it_is_refused_for_a_forward_pass_and_is_plain_data():
    E, feeds = small()
    with pytest.raises(GraphError, match=r"takes a backward pass, got ForwardPass\n.*gn.backward"):
        gn.diagnose(gn.forward(E, feeds))
    found = gn.diagnose(gn.backward(E, feeds))
    assert set(found.to_dict()) == {found.graph.label(node) for node in found.graph.nodes}
    assert found.nodes[0].label == "E"


def test_in_a_notebook_the_sentences_come_first_and_the_table_is_folded():
    found = gn.diagnose(deep(gn.tanh, 20.0))
    assert found.overall
    page = minidom.parseString(found._repr_html_())
    said = [item.firstChild.data for item in page.getElementsByTagName("li")]
    assert said == [found.overall, *(each.verdict for each in found.findings)]
    (table,) = page.getElementsByTagName("details")[0].getElementsByTagName("table")
    assert [row.firstChild.firstChild.data for row in table.getElementsByTagName("tr")[1:]] == [
        each.label for each in found.nodes
    ]
    w = gn.parameter("<i>", [30.0])
    assert "&lt;i&gt;" in gn.diagnose(gn.backward(gn.sum(gn.tanh(w, name="a & b")), {}))._repr_html_()


def test_the_sentence_of_a_node_names_it_plainly_and_puts_only_other_names_in_quotes():
    z = gn.input("z", shape=(2, 4))
    feeds = {z: [[1.0, 9.0, 0.5, -8.0], [8.0, -7.0, -9.0, 2.0]]}  # 5 of 8 units are saturated
    for name, in_sentence in [("a3", "a3"), ("hidden 3", "'hidden 3'"), ("a\n3", "'a\\n3'")]:
        bwd = gn.backward(gn.sum(gn.tanh(z, name=name), name="E"), feeds)
        by_hand = np.linalg.norm(np.ones(8)) / np.linalg.norm(1 - np.tanh(feeds[z]) ** 2)
        expected = f"the error signal shrinks {by_hand:.1f}× at {in_sentence}: 62 % of its units are saturated"
        assert gn.diagnose(bwd)[name].verdict == expected


def test_slopes_that_are_small_everywhere_are_no_saturation():
    z = gn.input("z", shape=(1, 10))
    at = [[6.0, *np.linspace(-1, 1, 9)]]  # one of ten logistic units is saturated, and the nine others shrink it too
    found = gn.diagnose(gn.backward(gn.sum(gn.sigmoid(z, name="a"), name="E"), {z: at}))
    assert found["a"].saturated == 0.1
    assert "at a: its slopes are 0.2" in found["a"].verdict
    assert "can be 0.25 at most" in found["a"].verdict


def test_dead_units_are_blamed_only_for_what_they_cost():
    x, W = gn.input("x", (None, 1)), gn.parameter("W", [[1.0] * 9 + [-1.0]])
    E = gn.sum(gn.relu(x @ W, name="a"), name="E")
    found = gn.diagnose(gn.backward(E, {x: [[1.0], *[[0.0]] * 9]}))  # one sample switches nine units on, one is dead
    assert found["a"].dead == 0.1
    assert "its slopes are" in found["a"].verdict
    found = gn.diagnose(
        gn.backward(gn.sum(gn.relu(x @ gn.parameter("V", [[1.0] + [-1.0] * 9]), name="a")), {x: [[1.0]]})
    )
    assert "90 % of its units are dead" in found["a"].verdict


def test_what_many_layers_lose_a_little_at_a_time_is_said_of_all_of_them():
    a = gn.parameter("w", [0.5])
    for i in range(1, 21):
        a = gn.identity(gn.matmul(a, gn.parameter(f"W{i}", [[0.7]]), name=f"z{i}"), name=f"a{i}")
    found = gn.diagnose(gn.backward(gn.sum(a, name="E"), {}))
    assert found.findings == ()  # a factor of 0.7 is nothing at one layer
    assert np.isclose(0.7**-19, 880, rtol=0.01)
    assert found.overall == "from z20 back to z1 the error signal shrinks 880×, about 1.4× a layer"
    assert found.overall in str(found)
    assert "Nothing stands out" not in str(found)
    E, feeds = small(sizes=(2, 3, 3, 1))
    assert gn.diagnose(gn.backward(E, feeds)).overall == ""


@pytest.mark.parametrize(
    ("factor", "text"), [(4.123, "4.1×"), (9.99, "10×"), (748.0, "750×"), (440_123.0, "440,000×"), (1.2e9, "1.2e+09×")]
)
def test_a_factor_is_written_as_one_would_say_it(factor, text):
    assert times(factor) == text


def two_layers(W, V, b=None, columns=False):
    x = gn.input("x", (2, None) if columns else (None, 2))
    X, T = np.array([[0.3, -0.8], [0.5, 0.1], [0.9, 0.4]]), np.array([[0.2], [0.9], [0.4]])
    W, V = gn.parameter("W", W.T if columns else W), gn.parameter("V", V.T if columns else V)
    z = gn.add(W @ x if columns else x @ W, np.zeros((3, 1)) if columns else gn.parameter("b", b))
    a = gn.tanh(z, name="a")
    E = gn.sse(V @ a if columns else a @ V, T.T if columns else T, name="E")
    return gn.diagnose(gn.backward(E, {x: X.T if columns else X}))


@pytest.mark.parametrize("columns", [False, True])
def test_units_that_are_all_equal_are_told(columns):
    found = two_layers(np.full((2, 3), 0.5), np.full((3, 1), 0.5), np.zeros(3), columns)
    assert found["W"].verdict.startswith("all 3 units that W leads to are equal, in weights and in gradients")
    assert "start from random numbers" in str(found)
    assert found["V"].verdict == ""


def test_equal_weights_that_something_tells_apart_are_not_blamed():
    equal, other = np.full((2, 3), 0.5), np.array([[0.5], [0.5], [-0.1]])
    assert two_layers(equal, other, np.zeros(3))["W"].verdict == ""
    assert two_layers(equal, np.full((3, 1), 0.5), np.array([0.0, 0.0, 0.2]))["W"].verdict == ""
    unequal = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.4]])
    assert two_layers(unequal, np.full((3, 1), 0.5), np.zeros(3))["W"].verdict == ""
