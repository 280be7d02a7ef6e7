"""Where a function is ill-conditioned, a right rule is never called wrong; at ordinary inputs one that is off by 1e-3 is."""

import mpmath as mp
import numpy as np
import pytest

import graphnet as gn

from .hard_functions import FUNCTIONS

PLACES = [(name, number) for name, hard in FUNCTIONS.items() for number in range(len(hard.hard))]


def op_of(hard, by=1.0):
    op = gn.op(lambda z: hard.forward(z))  # a ufunc has no parameters to go by
    op.backward(lambda d, a, z: by * hard.backward(d, a, z))
    return op


def checked(op, z):
    with np.errstate(all="ignore"):
        return gn.check_op(op, np.array(z))


def exact(hard, z, delta):
    """Return the error signal to 30 digits."""
    with mp.workdps(700):  # numbers of 1e-300 are moved by far less than themselves
        z = [mp.mpf(x) for x in z]
        h = [abs(x) * mp.mpf(10) ** -40 + mp.mpf(10) ** -360 for x in z]
        found = []
        for i, step in enumerate(h):
            ends = [hard.exact([*z[:i], z[i] + way * step, *z[i + 1 :]]) for way in (1, -1)]
            change = mp.fsum(mp.mpf(d) * (up - down) for d, up, down in zip(delta, *ends, strict=True))
            found.append(float(change / (2 * step)))
    return np.array(found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_rules_are_right(name):
    hard = FUNCTIONS[name]
    for z in (hard.ordinary, *hard.hard):
        with np.errstate(all="ignore"):
            a = np.asarray(hard.forward(np.array(z)))
            delta = np.random.default_rng(0).normal(size=a.shape)
            got = hard.backward(delta, a, np.array(z))
        want = exact(hard, z, delta)
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12 * np.max(np.abs(want)))


@pytest.mark.parametrize(("name", "number"), PLACES)
def test_no_false_alarm(name, number):
    report = checked(op_of(FUNCTIONS[name]), FUNCTIONS[name].hard[number])
    assert not report.failures, report.verdict


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_ordinary_inputs_right_and_wrong_are_told_apart(name):
    hard = FUNCTIONS[name]
    assert checked(op_of(hard), hard.ordinary).ok
    assert checked(op_of(hard, 1.001), hard.ordinary).failures


@pytest.mark.parametrize("name", ["sin", "z sin z", "sin 1000 z + z", "tan", "exp", "log", "norm"])
def test_a_rule_off_by_half_is_caught_there_too(name):
    hard = FUNCTIONS[name]
    assert checked(op_of(hard, 1.5), hard.hard[0]).failures


def test_a_small_rule_that_forgets_fine_waves_is_wrong_though_long_steps_agree_with_it():
    crest, size = 2 * np.pi * 1e-7 * 160_000, np.array([1e-9, 1.0])
    wave = gn.op(lambda z: size * (z + 1e-8 * np.sin(1e7 * z)))
    for share, judgement in ((0.0, "wrong"), (0.1, "right")):
        wave.backward(lambda d, a, z, share=share: d * size * (1 + share * np.cos(1e7 * z)))
        assert gn.check_op(wave, np.array([crest, crest])).findings[0].compared.judgement[0] == judgement


@pytest.mark.parametrize(
    ("height", "waves"), [(1e-8, 1e7), (1e-7, 1e7), (1e-9, 1e8), (1e-9, 1e7), (1e-10, 1e9), (1e-6, 1e5)]
)
def test_the_mean_slope_of_fine_waves_is_not_their_slope(height, waves):
    op, z = gn.op(lambda z: z + height * np.sin(waves * z)), np.random.default_rng(0).normal(size=6)
    for share, word in ((0, "WRONG"), (1, "ALL RIGHT")):
        op.backward(lambda d, a, z, share=share: d * (1 + share * height * waves * np.cos(waves * z)))
        report = gn.check_op(op, z)
        assert report.verdict.startswith(word)
    op.backward(lambda d, a, z: d)
    compared = gn.check_op(op, z).findings[0].compared
    slope = 1 + height * waves * np.cos(waves * z)
    np.testing.assert_allclose(compared.difference / compared.rule, slope, rtol=0, atol=0.02 * height * waves)


def test_waves_are_found_among_many_entries_that_move_together():
    op, z = gn.op(lambda z: z + 1e-8 * np.sin(1e7 * z)), np.random.default_rng(0).normal(size=500)
    for share, least in ((0.0, 0), (0.1, 490)):
        op.backward(lambda d, a, z, share=share: d * (1 + share * np.cos(1e7 * z)))
        compared = gn.check_op(op, z).findings[0].compared
        assert compared.count("wrong") == 0 if share else compared.count("wrong") > 490
        assert compared.count("right") >= least


@pytest.mark.parametrize("size", [1e-11, 1e-9])
def test_noise_is_no_wave(size):
    """Of numbers near 1 a sine of 1e15 times them is noise, and two short steps agree on some slope by chance."""
    op = gn.op(lambda z: z + size * np.sin(1e15 * z))
    op.backward(lambda d, a, z: d)
    assert gn.check_op(op, np.random.default_rng(0).normal(size=8000)).findings[0].compared.count("right") == 8000


@pytest.mark.parametrize("count", [5, 500])
def test_sloping_stairs_are_no_waves(count):
    op = gn.op(lambda z: z.astype(np.float32).astype(float) + 0.1 * z)
    op.backward(lambda d, a, z: d * 1.1)
    assert not gn.check_op(op, np.random.default_rng(0).normal(size=count)).failures


def test_what_only_the_shortest_step_resolves_is_not_called_wrong():
    op = gn.op(lambda z: z + 1e-11 * np.sin(1e10 * z))
    op.backward(lambda d, a, z: d * (1 + 0.1 * np.cos(1e10 * z)))
    assert not gn.check_op(op, np.random.default_rng(0).normal(size=64)).failures
