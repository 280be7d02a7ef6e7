"""What is asked of a wrong rule, and when a hypothesis explains it."""

import numpy as np
import pytest

from graphnet.check.evidence import Evidence, Scene, other_inputs
from graphnet.check.methods import Settings
from graphnet.core.function_op import FunctionOp
from graphnet.engine.perturb.cuts import OpCall

RIGHT = np.array([[1000.0, -2.0, 1e-3], [0.5, 3.0, 700.0]])


def evidence(right=RIGHT, backward=lambda d, a, z: d, rule=None):
    delta = np.ones(RIGHT.shape)
    settings = Settings("all", "central", None, np.inf, np.random.default_rng(0))
    call = OpCall(FunctionOp(lambda z: z, backward), (0,), "output")
    scene = Scene(call, [0], settings, delta, delta, [delta], {0: right})
    return Evidence(scene, 0, delta if rule is None else rule, np.zeros(RIGHT.shape, bool))


def off(entry, by):
    candidate = RIGHT.copy()
    candidate[entry] += by
    return candidate


@pytest.mark.parametrize(
    ("candidate", "explains"),
    [
        (RIGHT, True),
        (RIGHT * (1 + 1e-6), True),
        (off((0, 0), 1e-4 * 1000), False),
        (off((1, 0), 1e-4 * 0.5), True),  # less than a ten-millionth of the largest
        (off((1, 0), 3e-3 * 0.5), False),
        (off((0, 2), 9e-5), True),
        (off((0, 2), 2e-4), False),
        (None, False),
        (RIGHT.T, False),
        (off((0, 1), np.nan), False),
        (off((0, 1), np.inf), False),
    ],
)
def test_a_candidate_must_equal_the_right_one_at_every_entry(candidate, explains):
    assert evidence().explains(candidate) == explains


def test_entries_that_are_not_known_prove_nothing():
    right = np.where(RIGHT == 3.0, np.nan, RIGHT)
    assert evidence(right).explains(off((1, 1), 5.0))
    assert evidence(right).over == "over the 5 entries compared"
    assert evidence().over == "over all 6 entries"
    assert not evidence(np.full(RIGHT.shape, np.nan)).explains(RIGHT)


def test_zeros_are_explained_by_zeros_only():
    assert evidence(np.zeros(RIGHT.shape)).explains(np.zeros(RIGHT.shape))
    assert not evidence(np.zeros(RIGHT.shape)).explains(np.full(RIGHT.shape, 1e-200))


def test_what_the_rule_says_itself_explains_nothing():
    rule = RIGHT * (1 + 1e-6)
    assert not evidence(rule=rule).explains(rule.copy())
    assert evidence(rule=rule).explains(RIGHT * (1 + 2e-6))


def test_the_rule_may_say_another_array():
    other = np.array([[1.0, 2.0]])
    assert evidence(rule=other * (1 + 1e-6)).says(other)
    assert not evidence(rule=other * (1 + 1e-4)).says(other)
    assert not evidence(rule=other).says(other.T)
    assert not evidence(rule=RIGHT * (1 + 1e-6)).says(RIGHT)


@pytest.mark.parametrize(
    ("backward", "linear"),
    [
        (lambda d, a, z: d, True),
        (lambda d, a, z: d**1.0001, False),
        (lambda d, a, z: d * d, False),
        (lambda d, a, z: d if d.max() < 1.5 else d / nothing, True),  # noqa: F821
        (lambda d, a, z: d if d.max() < 1.5 else d[0], True),
        (lambda d, a, z: None, True),
    ],
)
def test_a_rule_is_linear_unless_it_says_something_else_for_twice_the_delta(backward, linear):
    assert bool(evidence(backward=backward).linear) == linear


def test_a_rule_is_asked_with_copies():
    given = []

    def backward(d, a, z):
        given.append((d, a, z))
        return [[1, 2]]

    e = evidence(backward=backward)
    np.testing.assert_array_equal(e.given(delta=2 * e.delta, output=3 * e.output, inputs=[4 * e.input]), [1.0, 2.0])
    np.testing.assert_array_equal([array[0, 0] for array in given[0]], [2, 3, 4])
    e.given()
    assert all(array is not e.delta for array in given[1])
    assert e.replaced(0, RIGHT)[0] is RIGHT


def test_other_inputs_move_against_each_other_and_turn_their_signs():
    """What stood together in two inputs does not stay together, or a mask made of both would stay the same mask."""
    x = np.random.default_rng(1).normal(size=(5, 3))
    others = other_inputs([x, x.copy()], 0)
    assert not any(np.allclose(one, other) for one, other in others)
    turned = [one for one, _ in others if np.isin(-one, x).all()]
    assert len(turned) == 2
    assert all((one > 0).all() for one, _ in other_inputs([np.abs(x), x], 0))


def test_labels_keep_their_signs():
    labels = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    rows = {tuple(row) for row in labels} | {tuple(row[::-1]) for row in labels}
    for _, other in other_inputs([np.random.default_rng(1).normal(size=(3, 2)), labels], 0):
        assert {tuple(row) for row in other} <= rows
        assert (other > 0).sum() == 4
