"""Rules that break their contract are named: the node, its op, the input, what came and what was expected."""

import re

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import DtypeError, GraphError, NoBackwardRuleError, NonFiniteError, RuleError, ShapeError

DATA = np.arange(6.0).reshape(2, 3) / 10 + 1


def product(forward=None, backward=None):
    """Return an op called "scaled", x ⊙ y, with one of its rules replaced by a wrong one."""

    def scaled(x, y):
        return x * y

    def right(delta, a, x, y):
        return delta * y, delta * x

    if forward is not None:
        forward.__name__ = "scaled"
    made = gn.op(forward or scaled)
    made.backward(backward or right)
    return made


def used(op, dtype=np.float64):
    """Return the node "bad" that applies the op to two inputs, and feeds."""
    x, y = gn.input("x", (None, 3)), gn.input("y", (None, 3))
    return op(x, y, name="bad"), {x: DATA.astype(dtype), y: DATA.astype(dtype)}


def writes_into(delta, a, x, y):
    delta *= y
    return delta, delta


def raises(*arrays):
    raise KeyError("lost")


BACKWARD = [
    (lambda d, a, x, y: d * y, "returned 1 error signal, expected 2, one for each input"),
    (lambda d, a, x, y: (d, d, d), "returned 3 error signals, expected 2"),
    (lambda d, a, x, y: [], "returned 0 error signals"),
    (lambda d, a, x, y: (d * y, (d * x).T), r"for input 1 (y) an array of shape (3, 2), expected (2, 3)"),
    (lambda d, a, x, y: (d * y, (d * x).T), "It has the shape of the transpose"),
    (lambda d, a, x, y: ((d * y).sum(axis=0), d * x), "for input 0 (x) an array of shape (3,), expected (2, 3)"),
    (lambda d, a, x, y: ((d * y)[None], d * x), "It still has the axis of the samples"),
    (lambda d, a, x, y: ((d * y)[..., None], d * x), "An error signal has the shape of the value it belongs to"),
    (lambda d, a, x, y: (1.0, d * x), "for input 0 (x) an array of shape ()"),
    (lambda d, a, x, y: (d * y, (d * x).astype(np.float32)), "for input 1 (y) an array of float32, expected float64"),
    (lambda d, a, x, y: (d * 1j, d * x), "for input 0 (x) an array of complex128, expected float64"),
    (lambda d, a, x, y: (np.full((2, 3), "a"), d * x), "for input 0 (x) an array of <U1, expected float64"),
    (writes_into, "its backward rule writes into an array it was given"),
    (raises, "its backward rule raised KeyError: 'lost'"),
    (raises, "given arrays of shapes (2, 3), (2, 3), (2, 3) and (2, 3)"),
    (lambda d, a, *inputs: (d, inputs[2]), "its backward rule raised IndexError"),
]


@pytest.mark.parametrize(("rule", "text"), BACKWARD)
def test_a_wrong_backward_rule_is_named(rule, text):
    node, feeds = used(product(backward=rule))
    with pytest.raises(RuleError, match=re.escape(text)) as raised:
        gn.backward(node, feeds, delta=np.ones((2, 3)))
    message = str(raised.value)
    assert message.startswith("scaled 'bad': ")
    assert re.search(r"node: 'bad' \(scaled\), made at test_contract\.py:\d+", message)
    assert re.search(r"x: 'x' \(input\), made at", message)


def test_a_float64_array_in_a_float32_run_is_named():
    node, feeds = used(product(backward=lambda d, a, x, y: (d * y, d * x * np.ones(3))), np.float32)
    with pytest.raises(RuleError, match="avoid arrays made as float64"):
        gn.backward(node, feeds, delta=np.ones((2, 3)))


def forward_writes(x, y):
    x += y
    return x


FORWARD = [
    (lambda x, y: raises() if not isinstance(x, gn.Node) else x, RuleError, "its forward rule raised KeyError: 'lost'"),
    (lambda x, y: x * y if isinstance(x, gn.Node) else x[0], ShapeError, "gave shape (3,), expected (None, 3)"),
    (forward_writes, RuleError, "its forward rule writes into an array it was given"),
]


@pytest.mark.parametrize(("rule", "error", "text"), FORWARD)
def test_a_wrong_forward_rule_is_named(rule, error, text):
    node, feeds = used(product(forward=rule))
    with pytest.raises(error, match=re.escape(text)) as raised:
        gn.forward(node, feeds)
    assert str(raised.value).startswith("scaled 'bad': ")


def test_a_forward_rule_that_leaves_the_dtype_of_the_run_is_named():
    node, feeds = used(product(forward=lambda x, y: x * y * np.ones(3)), np.float32)
    with pytest.raises(DtypeError, match="gave float64, but the run computes in float32"):
        gn.forward(node, feeds)


@pytest.mark.parametrize("broken", [lambda z: z.reshape(7, 7), lambda z: z @ np.ones((5, 5)), lambda z: z.nothing])
def test_a_forward_rule_that_never_works_is_found_when_the_node_is_made(broken):
    broken.__name__ = "broken"
    with pytest.raises(ShapeError, match="the forward rule of broken fails on arrays of shapes"):
        gn.op(broken)(gn.input("z", (2, 3)))


def test_an_op_without_a_backward_rule_stops_only_error_signals_that_need_it():
    @gn.op
    def half(z):
        return z / 2

    z = gn.parameter("z", 3.0)
    y = half(z, name="no way back")
    assert gn.forward(y, {})[y] == 1.5
    for run in (lambda: gn.backward(y, {}), lambda: gn.gradients(y, [z])):
        with pytest.raises(NoBackwardRuleError, match=r"half 'no way back': op half has no backward rule"):
            run()


def test_none_is_an_input_without_error_signal():
    x, y = gn.parameter("x", [1.0]), gn.parameter("y", [2.0])
    op = product(backward=lambda d, a, x, y: (d * y, None))
    assert gn.backward(op(x, y), {}, delta=[1.0]).gradients.keys() == {"x"}


# Infinities and NaN -------------------------------------------------------------------------------------------------


def test_the_first_value_that_is_not_finite_is_named():
    x = gn.input("x", (3,))
    y = gn.exp(gn.log(x - 1.0, name="l"), name="later")
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError) as raised:
        gn.forward(y, {x: [1.0, 0.0, 2.0]}, on_nonfinite="raise")
    lines = str(raised.value).split("\n")
    assert lines[0] == "log 'l': the value has 1 NaN and 1 infinite of 3 entries, the first node to have any"
    assert any("subtract_1: shape (3,), -1 to 1" in line for line in lines)


def test_a_feed_that_is_not_finite_is_named():
    x = gn.input("x", (2,))
    with pytest.raises(NonFiniteError, match="input 'x': the value has 1 NaN and 0 infinite of 2"):
        gn.forward(gn.tanh(x), {x: [1.0, np.nan]}, on_nonfinite="raise")


def test_the_first_error_signal_that_is_not_finite_is_named():
    z = gn.parameter("z", [0.0, 4.0])
    y = gn.sum(gn.sqrt(2.0 * z, name="root"))
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError) as raised:
        gn.backward(y, {}, on_nonfinite="raise")
    assert "multiply 'multiply_1': the error signal has 0 NaN and 1 infinite of 2" in str(raised.value)
    assert "message from root" in str(raised.value)
    assert "the rule of sqrt at 'root' made that, where δ is 1, multiply_1 is 0\n" in str(raised.value)


def test_the_zero_that_a_where_sends_to_an_infinite_slope_comes_too_late(refused):
    x = gn.parameter("x", [0.0, 2.0])
    y = gn.sum(gn.where(x > 0, gn.power(x, 0.5, name="root"), 0.0))
    with (
        np.errstate(all="ignore"),
        refused(
            NonFiniteError,
            "the rule of power at 'root' made that, where δ is 0, x is 0: 0 · ∞",
            "give power np.where(..., x, 1)",
        ),
    ):
        gn.backward(y, {}, on_nonfinite="raise")


@pytest.mark.parametrize("run", [gn.forward, gn.backward])
@pytest.mark.parametrize("wrong", ["rais", "Raise", "", None, True, ["raise"]], ids=repr)
def test_what_to_do_about_them_is_one_of_two_words(refused, run, wrong):
    with refused(GraphError, f"on_nonfinite is {wrong!r}", 'Use "ignore" or "raise"'):
        run(gn.sum(gn.parameter("z", [1.0])), {}, on_nonfinite=wrong)


def test_by_default_what_is_not_finite_is_computed_with():
    x = gn.input("x")
    with np.errstate(divide="ignore"):
        assert gn.forward(gn.log(x, name="l"), {x: 0.0})["l"] == -np.inf
