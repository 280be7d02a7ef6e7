"""Rules at ties: each entry alone has room for any value between two slopes, entries together have not."""

import numpy as np
import pytest

import graphnet as gn


def op_of(forward, backward):
    made = gn.op(forward)
    made.backward(backward)
    return made


def shared(delta, a, x):
    hit = x == a[..., None]
    return delta[..., None] * hit / hit.sum(axis=-1, keepdims=True)


def first(delta, a, x):
    return delta[..., None] * (np.arange(x.shape[-1]) == x.argmax(axis=-1)[..., None])


def every(delta, a, x):
    return delta[..., None] * (x == a[..., None])


def half(delta, a, x):
    return every(delta, a, x) / np.where((x == a[..., None]).sum(axis=-1, keepdims=True) > 1, 2, 1)


TIED = [
    np.array([1.0, 1.0, 0.3]),
    np.zeros((4, 9)),
    np.array([[1.0, 2.0, 2.0, 2.0], [0.5, -1.0, 0.2, 0.5]]),
]


@pytest.mark.parametrize("x", TIED, ids=["two of three", "all", "three and two"])
@pytest.mark.parametrize("rule", [shared, first])
def test_any_blend_of_what_is_right_beside_a_tie_is_right_at_it(x, rule):
    for _ in range(5):
        assert not gn.check_op(op_of(lambda x: x.max(axis=-1), rule), x).failures


@pytest.mark.parametrize("x", TIED, ids=["two of three", "all", "three and two"])
def test_a_maximum_that_gives_each_of_the_tied_all(x):
    assert "where entries tie" in gn.check_op(op_of(lambda x: x.max(axis=-1), every), x).verdict


def test_shares_that_are_right_for_two_but_not_for_three():
    vmax = op_of(lambda x: x.max(axis=-1), half)
    gn.check_op(vmax, TIED[0]).raise_if_failed()
    assert "where entries tie" in gn.check_op(vmax, TIED[2]).verdict


def test_two_inputs_that_tie_are_moved_together():
    x = np.array([1.0, 2.0, 0.5])
    wrong = op_of(lambda x, y: np.maximum(x, y), lambda d, a, x, y: (d * (x >= y), d * (y >= x)))
    assert {f.slot for f in gn.check_op(wrong, x, x.copy()).failures} == {0, 1}
    right = op_of(lambda x, y: np.maximum(x, y), lambda d, a, x, y: (d * (x >= y), d * (y > x)))
    assert not gn.check_op(right, x, x.copy()).failures


@pytest.mark.parametrize("rng_seed", range(3))
def test_kinks_that_have_nothing_to_do_with_each_other(rng_seed):
    rng, z = np.random.default_rng(rng_seed), np.zeros((5, 7))
    for slope_at_zero in (0.0, 0.5, 1.0):
        relu = op_of(
            lambda z: np.maximum(z, 0),
            lambda d, a, z, s=slope_at_zero: d * np.where(z > 0, 1.0, np.where(z == 0, s, 0.0)),
        )
        assert not gn.check_op(relu, z, rng=rng).failures
    total = op_of(lambda z: np.abs(z).sum(), lambda d, a, z: d * np.sign(z))
    assert not gn.check_op(total, z, rng=rng).failures


@pytest.mark.parametrize("x", [np.zeros(5), np.array([1.0, 1.0, 1.0, 0.0, 2.0])])
def test_sorting_and_the_median_of_equal_numbers(x):
    sort = op_of(lambda x: np.sort(np.asarray(x)), lambda d, a, x: d[np.argsort(np.argsort(x, kind="stable"))])
    median = op_of(
        lambda x: np.median(np.asarray(x)), lambda d, a, x: d * (np.arange(5) == np.argsort(x, kind="stable")[2])
    )
    assert not gn.check_op(sort, x).failures
    assert not gn.check_op(median, x).failures


def test_a_difference_behind_kinks_is_no_proof_that_the_engine_is_wrong():
    q = gn.parameter("q", [0.0, 1.0, -1.0])
    gn.check_gradients(gn.sse(q + gn.relu(q), np.ones(3)), {}).raise_if_failed()
    # relu(q) − relu(−q) is q, whose slope is 1; each rule may say 0 where q is 0.
    report = gn.check_gradients(gn.sum(gn.relu(q) - gn.relu(-q)), {})
    assert not report.failures
    assert "UNDECIDED" in report.verdict


def middle(d, a, x):
    n, order, g = x.shape[-1], np.argsort(x, axis=-1, kind="stable"), np.zeros_like(x)
    for at in ((n - 1) // 2, n // 2):
        g[np.arange(len(x)), order[:, at]] += d / 2
    return g


@pytest.mark.parametrize(
    "x", [np.zeros((1, 4)), np.zeros((1, 5)), np.ones((2, 4))], ids=["four", "five", "two by four"]
)
def test_a_median_of_equal_numbers(x):
    # Each entry alone moves nothing, though the rule has two of them for the middle: beside the tie it is right.
    median = op_of(lambda x: np.median(np.asarray(x), axis=-1), middle)
    for seed in range(30):
        assert not gn.check_op(median, x, rng=np.random.default_rng(seed)).failures, seed
    wrong = op_of(lambda x: np.median(np.asarray(x), axis=-1), lambda d, a, x: 1.5 * middle(d, a, x))
    assert gn.check_op(wrong, x).failures


def test_a_slope_that_grows_steeply_from_zero_is_no_tie():
    power = op_of(lambda x: np.sign(x) * np.abs(x) ** 1.5, lambda d, a, x: d * 1.5 * np.sqrt(np.abs(x)))
    for seed in range(5):
        assert not gn.check_op(power, np.zeros((4, 4)), rng=np.random.default_rng(seed)).failures


KEPT: dict[str, float] = {}
"""What makes a rule one that might keep something from one call to the next."""


def test_a_right_sort_of_equal_numbers_is_not_blamed_for_state():
    @gn.op
    def ordered(x):
        KEPT["calls"] = 0.0
        return np.sort(x, axis=-1)

    @ordered.backward
    def ordered_backward(delta, a, x):
        sent = np.zeros(x.shape)
        np.put_along_axis(sent, np.argsort(x, axis=-1, kind="stable"), delta, axis=-1)
        return sent

    for seed in range(20):
        report = gn.check_op(ordered, np.zeros((3, 4)), rng=np.random.default_rng(seed))
        assert not report.failures, str(report)


def both_signs(right=True):
    @gn.op
    def halves(x):
        return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)])

    @halves.backward
    def rule(delta, a, x):
        up, down = np.split(delta, 2)
        return up * (x > 0) - down * (x < 0) if right else up * (x >= 0) + down * (x < 0)

    return halves


@pytest.mark.parametrize("x", [[0.0, 1.0, -2.0], [0.0, 0.0, 0.5, -0.5, 0.0], [0.3, 0.0]])
def test_outputs_that_are_torn_against_each_other_are_looked_at_one_by_one(x):
    """At 0 the slope of max(x, 0) is in 0 … 1 and that of max(−x, 0) in −1 … 0; 0 is in both, whatever the two δ are."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        report = gn.check_op(both_signs(), np.array(x), rng=rng)
        assert report.ok, report.verdict
        assert report.findings[0].kinks == np.count_nonzero(np.array(x) == 0) - report.findings[0].blurred
        assert not gn.check_op(both_signs(right=False), np.array([*x, -1.0]), rng=rng).ok
