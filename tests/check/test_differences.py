"""Derivatives by differences: their steps, their rounding, and what they allow a right rule."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.check.differences import STEP, Judged, _Ladder, estimate, judge, not_analytic
from tests.check.one_rule import response_of


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e9])
def test_as_many_derivatives_as_asked_for_at_numbers_of_any_size(size):
    z = size * np.linspace(1, 2, 120)
    found = estimate(response_of(lambda z: z * z, z), np.arange(120))
    np.testing.assert_allclose(found, 2 * z, rtol=1e-7 if size >= 1 else 1e-4)


def test_a_step_that_leaves_the_domain_is_made_shorter():
    z = np.array([1e-9, 3e-8, 1.0])
    np.testing.assert_allclose(estimate(response_of(lambda z: np.log(z), z), np.arange(3)), 1 / z, rtol=1e-6)


def linear(slopes, rule):
    """Check a rule of z · slopes."""

    @gn.op
    def tested(z):
        return slopes * z

    tested.backward(rule)
    return gn.check_op(tested, np.array([0.3, -0.7]))


def test_a_rule_rounds_by_the_largest_of_its_numbers():
    slopes = np.array([1e6, 1e-4])
    linear(slopes, lambda d, a, z: (d * slopes + 1e6) - 1e6).raise_if_failed()


def test_a_rule_of_small_numbers_is_judged_by_their_size():
    for off, ok in ((0.0, True), (1e-5, False)):
        assert linear(1e-6, lambda d, a, z, off=off: 1e-6 * d * (1 + off)).ok == ok


def test_a_change_that_is_lost_beside_a_large_entry_proves_nothing():
    @gn.op
    def second(z):
        return (z[0] + z[1]) - z[0]

    second.backward(lambda delta, a, z: np.array([0.0, 1.0]) * delta)
    assert gn.check_op(second, np.array([1e14, 0.5])).failures == ()


# Ladders of steps ----------------------------------------------------------------------------------------------------


def best_of(response, bases):
    best, share, _ = _Ladder(response, np.arange(len(bases)), bases, alone=True).central.best(np.zeros(len(bases)), 0.0)
    with np.errstate(invalid="ignore"):
        return best, np.where(np.isnan(best), np.inf, share * np.abs(best))


@pytest.mark.parametrize(
    ("function", "slope", "within"),
    [
        (lambda z: np.sin(z), np.cos, 1e-9),
        (lambda z: (z + 1e8) - 1e8, np.ones_like, 1e-4),
        (lambda z: z * z * z, lambda z: 3 * z * z, 1e-5),
        (lambda z: np.exp(z) * 1e-3 + 1e5, lambda z: np.exp(z) * 1e-3, 1e-5),
    ],
)
def test_a_ladder_knows_how_good_its_best_step_is(function, slope, within):
    z = np.array([0.3, -1.2, 2.0, 50.0 if function(1.0) < 1e4 else 0.1, 1e-3])
    response = response_of(function, z)
    best, error = best_of(response, STEP * np.maximum(1.0, np.abs(z)))
    apart = np.abs(best - slope(z))
    assert (apart <= error + 1e-13 * np.abs(slope(z))).all()
    assert (error <= within * np.maximum(1.0, np.abs(slope(z)))).all()
    assert (error >= 0).all()


def test_where_no_step_stays_in_the_domain_there_is_no_best_one():
    best, error = best_of(response_of(lambda z: np.where(z == 1, 1.0, np.nan), np.ones(1)), np.ones(1))
    assert np.isnan(best).all()
    assert np.isinf(error).all()


def test_a_noisy_entry_does_not_blur_the_others():
    z = np.array([0.3, -1.2, 2.0])
    response = response_of(lambda z: np.concatenate([(z[:1] + 1e8) - 1e8, np.sin(z[1:])]), z)
    best, error = best_of(response, STEP * np.maximum(1.0, np.abs(z)))
    np.testing.assert_allclose(best[1:], np.cos(z[1:]), rtol=1e-9)
    assert (error[1:] < 1e-9).all()
    assert error[0] > 1e-9


def test_beside_large_slopes_a_slope_of_zero_is_told_from_noise():
    @gn.op
    def constant_but_for_one(z):
        return np.concatenate([1e6 * z[:1], ((z[1:] + 1e3) - 1e3 - z[1:]) + 300.0])  # rounding is all that moves

    constant_but_for_one.backward(lambda delta, a, z: np.concatenate([1e6 * delta[:1], 0 * delta[1:]]))
    (finding,) = gn.check_op(constant_but_for_one, np.linspace(0.3, 0.7, 33)).findings
    assert (finding.verdict, finding.blurred) == ("right", 0)


# Kinks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("share", "between"), [(0.0, True), (0.4, True), (1.0, True), (-0.01, False), (1.01, False)])
def test_between_the_two_slopes_at_a_kink(size, share, between):
    z = np.zeros(3)
    response = response_of(lambda z: size * np.maximum(z, 0), z)
    judgement, kinked = _Ladder(response, np.arange(3), np.full(3, STEP), alone=True).judge(
        np.full(3, share * size), size
    )
    assert kinked.all()
    assert (judgement == ("kink" if between else "wrong")).all()


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_what_bends_smoothly_has_no_kink(size):
    z = np.array([0.0, 0.5, -2.0])
    for offset in (0.0, 1e6, 1e10):
        response = response_of(lambda z, offset=offset: size * np.exp(z) + offset, z)
        assert not _Ladder(response, np.arange(3), np.full(3, STEP), alone=True).judge(size * np.exp(z), size)[1].any()


# A complex step ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "conjugate", "refused"),
    [
        (1.0, 1e-3, True),
        (1.0, 1e-5, False),
        (1e-4, 1e-3, True),
        (1e-5, 1e-3, True),
        (1e3, 1e-3, True),
        (1e3, 1e-5, False),
    ],
)
def test_a_rule_that_is_not_analytic_by_a_thousandth_is_refused(size, conjugate, refused):
    z = np.array([0.5, -1.0])
    response = response_of(lambda z: size * (z + conjugate * np.conj(z)), z)
    assert bool(not_analytic(response, np.random.default_rng(0))) == refused


def test_what_a_complex_step_says_instead():
    response = response_of(lambda z: 3 * z + np.conj(z), np.array([0.5]))
    text = "a complex step gives the slope 2, the difference 4"
    assert not_analytic(response, np.random.default_rng(0)) == text


# The worst entry -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judgement", "worst"),
    [
        (["right", "right", "right"], 2),
        (["right", "wrong", "kink"], 1),
        (["wrong", "wrong", "right"], 1),
        (["kink", "right", "blurred"], 1),
        (["kink", "blurred", "kink"], 2),
    ],
)
def test_the_worst_entry_is_a_wrong_one_if_there_is_one(judgement, worst):
    judged = Judged(np.arange(3), np.array([1.0, 2.0, 3.0]), np.array([1.1, -2.2, -3.9]), np.array(judgement))
    assert judged.worst == worst
    np.testing.assert_allclose(judged.error, [0.1, 4.2, 6.9])
    assert Judged(np.arange(0), np.ones(0), np.ones(0), np.ones(0)).worst is None


def test_what_does_not_move_needs_no_second_look():
    seen = []

    @gn.op
    def dead(z):
        seen.append(np.size(z) if isinstance(z, np.ndarray) else z.data.size)
        return 1e6 * np.maximum(z, 0)

    dead.backward(lambda delta, a, z: 1e6 * delta * (z > 0))
    z = np.random.default_rng(0).uniform(0.5, 1, (40, 50)) * np.where(np.arange(2000).reshape(40, 50) % 2, 1, -1)
    gn.check_op(dead, z).raise_if_failed()
    assert sum(seen) < 160 * z.size  # a search for what can move together, and a few runs


# Hard places, where mathematics knows the slope ------------------------------------------------------------------------


def judged(function, rule, z):
    return judge(response_of(function, z), rule, np.arange(z.size)).judgement.tolist()


@pytest.mark.parametrize(
    ("function", "slope", "z"),
    [
        (lambda z: np.log(np.abs(z - 1)), lambda z: 1 / (z - 1), np.array([1 + 1e-8, 1 - 1e-8, 2.0])),
        (lambda z: np.tanh(1e9 * (z - 1)), lambda z: 1e9 / np.cosh(1e9 * (z - 1)) ** 2, np.array([1 + 1e-10, 1.0])),
        (lambda z: 1 / z, lambda z: -1 / z**2, np.array([1e-7, -1e-7])),
    ],
)
def test_a_function_that_is_steep_at_a_length_far_below_the_first_step(function, slope, z):
    with np.errstate(all="ignore"):
        assert judged(function, slope(z), z) == ["right"] * z.size
        assert judged(function, 1.1 * slope(z), z) == ["wrong"] * z.size


def test_rounding_inside_a_rule_is_a_staircase_and_no_slope_of_zero():
    z = np.array([0.3, -1.2, 2.0])

    def rounded(z):
        return np.tanh(z.astype(np.float32)).astype(float)

    assert judged(rounded, 1 / np.cosh(z) ** 2, z) == ["right"] * 3
    assert "right" not in judged(rounded, np.zeros(3), z)


def test_a_flat_place_next_to_a_kink_has_the_slope_zero():
    z = np.array([-1e-3, -1e-5, -1e-8])
    assert judged(lambda z: np.maximum(z, 0), np.zeros(3), z) == ["right"] * 3
    assert judged(lambda z: np.maximum(z, 0), np.ones(3), z) == ["wrong"] * 3


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_at_the_edge_of_the_domain_the_slope_of_one_side_can_say_right(side):
    op = gn.op(lambda z: 3 * np.sqrt(side * z) ** 2)  # 3 |z|, on this side of 0
    for slope, judgement in ((3, "right"), (4, "blurred")):
        op.backward(lambda d, a, z, slope=slope: side * slope * d)
        assert gn.check_op(op, np.array([0.0, 1.0]) * side).findings[0].compared.judgement[0] == judgement


def test_a_step_that_leaves_the_domain_tells_nothing():
    def root(z):
        if (z < 0).any():
            raise ValueError("negative")
        return np.sqrt(z)

    z = np.array([1e-12, 1e-7, 4.0])
    assert judged(root, 0.5 / np.sqrt(z), z) == ["right"] * 3
    assert judged(np.sqrt, np.array([np.inf, 0.25]), np.array([0.0, 4.0])) == ["blurred", "right"]
    assert judged(np.sqrt, np.array([0.0, np.inf]), np.array([0.0, 4.0])) == ["blurred", "wrong"]


@pytest.mark.parametrize("large", [1e15, 1e17, 1e20])
def test_what_is_lost_beside_a_large_number_is_not_missed_in_the_rule(large):
    values = np.array([large, 0.5])

    def spread(b):
        return values + b

    assert judge(response_of(spread, np.array(0.5)), np.array(2.0), np.arange(1)).judgement.tolist() == ["blurred"]


def test_one_sided_slopes_are_those_at_the_kink_and_not_those_of_a_step():
    # ½ (z + relu(z) − 1)² has the slopes −1 and −2 at 0, which a step of any length bends.
    z = np.zeros(1)

    def bent(z):
        return 0.5 * (z + np.maximum(z, 0) - 1) ** 2

    for rule, expected in ((-1.0, "kink"), (-2.0, "kink"), (-0.99, "wrong"), (-2.01, "wrong")):
        assert judged(bent, np.array([rule]), z) == [expected]


def test_a_rule_of_small_numbers_may_round_by_what_numbers_of_about_1_round():
    z = np.array([0.3, -0.7, 1.1])
    response = response_of(lambda z: 1e-9 * z, z)
    assert judge(response, np.full(3, 1.01e-9), np.arange(3)).verdict == "wrong"
    assert judge(response, np.full(3, 1e-9), np.arange(3)).verdict == "right"
