"""Numbers set by hand in a pass, and the difference of two passes."""

import copy
import pickle

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given
from hypothesis import strategies as st

import graphnet as gn
from graphnet.errors import DrawError, DtypeError, GraphError, ShapeError

X, T = np.array([[0.3, -1.2], [0.0, 0.0], [2.0, 0.5]]), np.array([[0.0], [1.0], [1.0]])


class Network:
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.x, self.t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
        self.W1, self.b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", np.zeros(3))
        self.W2 = gn.parameter("W2", rng.normal(size=(3, 1)))
        self.a1 = gn.tanh(self.x @ self.W1 + self.b1, name="a1")
        self.a2 = gn.sigmoid(self.a1 @ self.W2, name="a2")
        self.E = gn.sse(self.a2, self.t, name="E")
        self.feeds = {self.x: X, self.t: T}

    def backward(self, **options):
        return gn.backward(self.E, self.feeds, **options)


def loss_with(mask, constant):
    """The same network in another library, with the hidden units of `mask` held."""

    def loss(W1, b1, W2):
        a1 = anp.where(mask, constant, anp.tanh(anp.dot(X, W1) + b1))
        return 0.5 * anp.sum((1 / (1 + anp.exp(-anp.dot(a1, W2))) - T) ** 2)

    return loss


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_a_silent_unit_is_a_constant(unit):
    net = Network()
    bwd = net.backward(replace={net.a1[:, unit]: 0.0})
    loss = loss_with(np.arange(3) == unit, 0.0)
    held = net.W1.value, net.b1.value, net.W2.value
    assert bwd["E"] == pytest.approx(loss(*held), rel=1e-13)
    for slot, parameter in enumerate((net.W1, net.b1, net.W2)):
        np.testing.assert_allclose(bwd.gradient(parameter), grad(loss, slot)(*held), rtol=1e-12, atol=1e-15)
    # sample 1 has z = 0, so that tanh gave 0 by itself: the unit is held there all the same
    assert bwd.gradient(net.b1)[unit] == 0


@given(st.lists(st.booleans(), min_size=9, max_size=9), st.floats(-2, 2), st.integers(0, 5))
def test_any_part_may_be_set(chosen, number, seed):
    net, mask = Network(seed), np.reshape(chosen, (3, 3))
    parts = {net.a1[int(i), int(j)]: number for i, j in zip(*np.nonzero(mask), strict=True)}
    bwd = net.backward(replace=parts)
    loss, held = loss_with(mask, number), (net.W1.value, net.b1.value, net.W2.value)
    assert bwd["E"] == pytest.approx(loss(*held), rel=1e-12)
    for slot, parameter in enumerate((net.W1, net.b1, net.W2)):
        np.testing.assert_allclose(bwd.gradient(parameter), grad(loss, slot)(*held), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("part", "index"),
    [
        (lambda a: a[[0, 2], [1, 0]], np.s_[[0, 2], [1, 0]]),
        (lambda a: a[np.eye(3, dtype=bool)], np.s_[np.eye(3, dtype=bool)]),
        (lambda a: a[:, [2, 0]], np.s_[:, [2, 0]]),
        (lambda a: a[-1, ::-2], np.s_[-1, ::-2]),
    ],
)
def test_a_part_is_what_an_index_of_plain_numbers_picks(part, index):
    net = Network()
    expected = net.backward()[net.a1].copy()
    numbers = np.arange(np.size(expected[index])).reshape(expected[index].shape)
    expected[index] = numbers
    np.testing.assert_array_equal(net.backward(replace={part(net.a1): numbers})[net.a1], expected)


def test_a_whole_node_lets_nothing_back():
    net = Network()
    bwd = net.backward(replace={"a1": np.ones((3, 3))})
    assert not bwd.gradient(net.W1).any()
    assert not bwd.error_signal("matmul_1").any()
    assert bwd.error_signal(net.a1).any()
    np.testing.assert_array_equal(bwd[net.a1], np.ones((3, 3)))
    np.testing.assert_array_equal(bwd.replaced[net.a1], gn.forward(net.a1, {net.x: X})[net.a1])


def test_past_what_is_set_goes_no_nan():
    w = gn.parameter("w", [0.0, 4.0])
    assert gn.backward(gn.sum(gn.sqrt(w, name="r")), {}, replace={"r": 1.0}).gradient(w).tolist() == [0.0, 0.0]


def test_leaves_may_be_set_and_keep_what_they_hold():
    net = Network()
    held = net.W1.value.copy()
    fwd = gn.forward(net.a1, {net.x: X}, replace={net.W1: 0.0, "x": np.ones((3, 2))})
    assert not fwd[net.a1].any()
    np.testing.assert_array_equal(net.W1.value, held)
    assert set(fwd.replaced) == {net.W1, net.x}


def test_an_error_signal_set_by_hand_goes_on_from_there():
    # straight through: sign has no slope, and its input is sent what arrives at its output
    w = gn.parameter("w", [0.3, -2.0])
    z = gn.multiply(w, 2.0, name="z")
    s = np.sign(z)
    E = gn.sse(s, [0.0, 0.0], name="E")
    arrived = gn.backward(E, {}).error_signal(s)
    bwd = gn.backward(E, {}, replace_error_signal={z: arrived})
    assert bwd.gradient(w).tolist() == [2.0, -2.0]
    assert bwd.replaced_error_signals == {z}


def test_clipping_leaves_what_arrived_in_the_messages():
    net = Network()
    plain = net.backward()
    clipped = np.clip(plain.error_signal(net.a1), -0.01, 0.01)
    bwd = net.backward(replace_error_signal={net.a1: clipped})
    np.testing.assert_array_equal(bwd.error_signal(net.a1), clipped)
    np.testing.assert_array_equal(bwd.messages(net.a1)[0].delta, plain.error_signal(net.a1))
    np.testing.assert_allclose(bwd.gradient(net.b1), (clipped * (1 - plain[net.a1] ** 2)).sum(0), rtol=1e-14)
    part = net.backward(replace_error_signal={net.a1[:, 1]: 0.0}).error_signal(net.a1)
    np.testing.assert_array_equal(part, plain.error_signal(net.a1) * [1, 0, 1])


def test_without_replacements_nothing_changes():
    net = Network()
    assert repr(net.backward(replace={}, replace_error_signal=None)) == repr(net.backward())
    assert not net.backward().replaced


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"replace": {"a1": np.ones(3)}}, ShapeError, "replace of 'a1' has shape (3,), expected (3, 3)"),
        ({"replace": {"a1": True}}, DtypeError, "has dtype bool, expected real numbers"),
        ({"replace": {"a1": "off"}}, DtypeError, "replace of 'a1' is 'off'"),
        ({"replace": {"nobody": 1.0}}, GraphError, "no node is called 'nobody'"),
        ({"replace": [1.0]}, GraphError, "Write replace={node: array}."),
        ({"replace_error_signal": {"a1": np.ones((3, 1))}}, ShapeError, "replace_error_signal of 'a1'"),
    ],
)
def test_refused(options, error, said):
    with pytest.raises(error) as caught:
        Network().backward(**options)
    assert said in str(caught.value)


def test_refused_by_node_and_by_name_and_beyond_the_batch():
    net = Network()
    with pytest.raises(GraphError, match="given twice for 'a1'"):
        net.backward(replace={net.a1: 0.0, "a1": 0.0})
    with pytest.raises(ShapeError, match="'a1'"):
        net.backward(replace={net.a1[7]: 0.0})
    with pytest.raises(GraphError, match="set by hand, at a1"):
        gn.explain(net.backward(replace={"a1": 0.0}), net.W1, (0, 0))


def test_it_is_said_wherever_the_pass_is_shown():
    net = Network()
    bwd = net.backward(replace={net.a1[:, 0]: 0.0}, replace_error_signal={net.a2: 0.5})
    assert sum("set by hand" in line for line in repr(bwd).splitlines()) == 2
    drawing = gn.draw(bwd)
    for text in (drawing.to_text(), drawing.to_svg(), drawing.to_mermaid(), gn.draw(bwd, view="units").to_text()):
        assert "a1, error signal of a2" in text
        assert "set by hand" in text
    assert all(
        f'"{told}":true' in drawing.to_html() for told in ("byHand", "signalByHand")
    )  # the page says it, step by step
    verdicts = [found.verdict for found in gn.diagnose(net.backward(replace={"a1": 1.0})).nodes]
    assert any("a1 is set by hand" in verdict for verdict in verdicts)
    for again in (pickle.loads(pickle.dumps(bwd)), copy.deepcopy(bwd)):
        assert repr(again) == repr(bwd)
        assert not again["a1"].flags.writeable


def test_a_difference_is_of_every_number():
    net = Network()
    one, other = net.backward(replace={net.a1[:, 0]: 0.0}), net.backward()
    picture = gn.draw(one, minus=other).picture
    assert picture.title.startswith("Difference of two passes: ΔE = ")
    text = gn.draw(one, minus=other, show=["values"]).to_text()
    change = gn.draw(one, minus=other, view="units", sample=2).picture
    hidden = change.columns[1].units
    assert [unit.a.text for unit in hidden[1:]] == ["0", "0"]
    assert hidden[0].a.text == f"{-other[net.a1][2, 0]:.3g}".replace("-", "−")
    assert "Difference" in text
    gradient = (
        one[net.a1][2] * one.error_signal("matmul_2")[2] - other[net.a1][2] * other.error_signal("matmul_2")[2]
    )[1]
    drawn = [weight.gradient.text for weight in change.bundles[1].weights]
    assert f"{gradient:.3g}".replace("-", "−") in drawn
    assert "Difference" in gn.draw(gn.forward(net.a1, {net.x: X}), minus=gn.forward(net.a1, {net.x: X})).picture.title


def test_a_difference_needs_two_passes_of_one_kind():
    net, other = Network(), Network()
    bwd = net.backward()
    with pytest.raises(DrawError, match="another graph"):
        gn.draw(bwd, minus=other.backward())
    with pytest.raises(DrawError, match="only passes have a difference"):
        gn.draw(net.E, minus=bwd)
    with pytest.raises(DrawError, match="same samples"):
        gn.draw(bwd, minus=gn.backward(net.E, {net.x: X[:2], net.t: T[:2]}))
    with pytest.raises(DrawError, match="steps through what was computed"):
        gn.draw(bwd, minus=bwd).to_html()
