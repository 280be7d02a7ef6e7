"""Exercises: an attempt at a backward rule is checked, and the hint fits the fault."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import RuleError


def logistic(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("attempt", "hint"),
    [
        (lambda delta, a, z: a * (1 - a), "starts from delta"),
        (lambda delta, a, z: -delta * a * (1 - a), "Which way"),
        (lambda delta, a, z: 2 * delta * a * (1 - a), "the numbers in front"),
        (lambda delta, a, z: delta, "times the slope"),
        (lambda delta, a, z: delta * z * (1 - z), "which one does g′ need"),
        (lambda delta, a, z: None, "return something"),
        (lambda delta, a, z: (delta * a * (1 - a)).sum(), "shape of the value"),
        (lambda delta, a, z: delta * a * a * a, "Take one entry"),
        (lambda delta, a, z: delta / undefined, "an error of its own"),  # noqa: F821
    ],
)
def test_a_wrong_attempt_gets_a_hint(attempt, hint):
    result = gn.exercise(logistic, attempt)
    assert not result.ok
    assert str(result).startswith("Not yet.")
    assert hint in result.hint


@pytest.mark.parametrize("forward", [logistic, gn.op(logistic)], ids=["function", "op"])
def test_a_right_attempt_is_right(forward):
    result = gn.exercise(forward, lambda delta, a, z: delta * a * (1 - a))
    assert result.ok
    assert str(result).startswith("Right: at 12 entries")
    assert "<b>Right" in result._repr_html_()


def test_several_inputs_and_arrays_of_ones_own():
    x, W = np.array([[1.0, 2.0], [3.0, 4.0], [0.5, -1.0]]), np.array([[1.0, 0.5, 2.0, 1.0], [2.0, -1.0, 0.3, 0.2]])
    assert gn.exercise(np.matmul, lambda delta, z, x, W: (delta @ W.T, x.T @ delta), x, W).ok
    wrong = gn.exercise(np.matmul, lambda delta, z, x, W: (delta @ W.T, delta.T @ x), x, W)
    assert "shapes beside each factor" in wrong.hint
    assert gn.exercise(lambda x, y: x * y, lambda delta, a, x, y: (delta * y, delta * x)).ok


def test_a_hint_of_the_author_goes_first_and_html_is_escaped():
    result = gn.exercise(np.sin, lambda delta, a, z: delta, hint="Look at <b>Eq. 4</b>.")
    assert result.hint == "Look at <b>Eq. 4</b>."
    assert "&lt;b&gt;Eq. 4" in result._repr_html_()


def test_a_fault_without_a_known_look_comes_with_the_numbers_at_its_worst():
    result = gn.exercise(
        lambda z: np.where(z > 0, z, 0.1 * z), lambda delta, a, z: delta * (z - a), np.array([[2.0, -1.0]])
    )
    first, second = result.report.splitlines()
    assert first.startswith("looks like: none of the usual slips; tried: ")
    assert "2 of 2 entries are wrong" in first
    assert second.startswith("worst at entry (0, ")
    assert "the rule says" in second
    assert "the finite difference" in second


def test_what_is_no_rule_is_refused():
    with pytest.raises(RuleError, match="the backward rule is 3, expected a function"):
        gn.exercise(np.sin, 3)


def test_where_the_forward_rule_has_no_value_the_attempt_is_not_judged():
    def root(z):
        return np.where(z < 0, np.nan, z)

    result = gn.exercise(root, lambda delta, a, z: delta)
    assert not result.ok
    assert "NaN" in result.report
    assert result.hint.startswith("The forward rule itself has no finite value")
    assert gn.exercise(root, lambda delta, a, z: delta, hint="Positive numbers only.").hint == "Positive numbers only."


def test_arrays_of_its_own_have_entries_of_both_signs_and_no_small_ones():
    seen = []
    gn.exercise(lambda x, y: seen.extend([x, y]) or x * y, lambda delta, a, x, y: (delta * y, delta * x))
    assert [z.shape for z in seen[:2]] == [(4, 3), (4, 3)]
    for z in seen[:2]:
        assert ((np.abs(z) >= 0.3) & (np.abs(z) <= 1.2)).all()
        assert (z > 0).any()
        assert (z < 0).any()
    assert not np.array_equal(seen[0], seen[1])


def test_up_to_eight_arguments():
    def eight(a, b, c, d, e, f, g, h):
        return a + b + c + d + e + f + g + h

    assert gn.exercise(eight, lambda delta, out, *z: (delta,) * 8).ok
    with pytest.raises(gn.errors.GraphnetError, match="inputs"):
        gn.exercise(lambda a, b, c, d, e, f, g, h, i: a, lambda delta, out, *z: (delta,) * 9)
