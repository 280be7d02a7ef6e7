"""Names of faults as people make them, and near misses that must not be called by them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import graphnet as gn
from graphnet.check import signatures

RNG = np.random.default_rng(41)
X, S = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 4))
POSITIVE = np.abs(X) + 0.3


def looks(forward, backward, *arrays):
    """Return the diagnosis of each input that is wrong."""
    tested = gn.op(lambda x: forward(x)) if len(arrays) == 1 else gn.op(lambda x, y: forward(x, y))
    tested.backward(backward)
    return [finding.diagnosis for finding in gn.check_op(tested, *arrays).failures]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalised(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def layer_norm(x):
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)


def layer_norm_rule(*, mean, variance):
    def rule(d, a, x):
        s = np.sqrt(x.var(1, keepdims=True) + 1e-5)
        g = d - d.mean(1, keepdims=True) if mean else d
        return (g - a * (d * a).mean(1, keepdims=True) if variance else g) / s

    return rule


def correlate(x, w):
    return np.correlate(x, w, "valid")


def correlate_rule(d, a, x, w):
    return np.convolve(d, w[::-1]), np.correlate(x, d, "valid")  # the first of them without [::-1] is right


TURNED = "the Jacobian is applied where its transpose belongs"
CASES = {
    "a factor per row": (
        "one factor too many: divided by the size of x over axis 1 it is right",
        normalised,
        lambda d, a, x: d - a * (d * a).sum(1, keepdims=True),
        X,
    ),
    "a factor of the softmax of another axis": (
        "a factor of its own for each row",
        np.tanh,
        lambda d, a, x: d * (1 - a * a) * np.array([[1.3], [0.4], [2.2], [0.9]]),
        X,
    ),
    "a running sum that is not reversed": (TURNED, lambda x: x.cumsum(-1), lambda d, a, x: d.cumsum(-1), X),
    "a shift the same way": (TURNED, lambda x: np.roll(x, 2, 1), lambda d, a, x: np.roll(d, 2, 1), X),
    "sorted again": (
        TURNED,
        lambda x: np.sort(x, -1),
        lambda d, a, x: np.take_along_axis(d, np.argsort(x, -1), -1),
        X,
    ),
    "not sorted back": ("right numbers in wrong places: all", lambda x: np.sort(x, -1), lambda d, a, x: d.copy(), X),
    "axes of a 3-d array": (
        "right numbers in wrong places: with its axes in the order (1, 2, 0)",
        lambda x: x.transpose(2, 0, 1) * 1.0,
        lambda d, a, x: d.copy(),
        RNG.normal(size=(3, 3, 3)),
    ),
    "unflattened in the wrong order": (
        "right numbers in wrong places: written in the order (1, 0) of its axes",
        lambda x: x.reshape(-1) * 1.0,
        lambda d, a, x: d.reshape(5, 4).T,
        X,
    ),
    "rows of another sample": (
        "right numbers in wrong places: shifted by 3 along axis 0",
        np.tanh,
        lambda d, a, x: np.roll(d * (1 - a * a), 1, 0),
        X,
    ),
    "softmax with its diagonal only": ("only the diagonal of the Jacobian", softmax, lambda d, a, x: d * a * (1 - a), X),
    "softmax without the sum": (
        "a term is lost, or one too many: plus -1·output·Σ(δ·output) over axis 1",
        softmax,
        lambda d, a, x: d * a,
        X,
    ),
    "normalising as if the norm was a constant": (
        "a projection is lost, or has a wrong factor: the right one has no part along output, over axis 1",
        normalised,
        lambda d, a, x: d / np.linalg.norm(x, axis=1, keepdims=True),
        X,
    ),
    "layer norm with its mean as a constant": (
        "a projection is lost, or has a wrong factor: the right one has no part along ones, over axis 1 "
        "(as if a mean was a constant)",
        layer_norm,
        layer_norm_rule(mean=False, variance=True),
        X,
    ),
    "layer norm with statistics as constants": (
        "a term or a projection is lost, or one too many: what is missing is a multiple of ones and output, over axis 1 "
        "(as if a mean and a variance were constants)",
        layer_norm,
        layer_norm_rule(mean=False, variance=False),
        X,
    ),
    "the batch's mean taken away": (
        "a projection too many: it has no part left along ones, over axis 0",
        np.tanh,
        lambda d, a, x: d * (1 - a * a) - (d * (1 - a * a)).mean(0),
        X,
    ),
    "a product rule's second term": (
        "a term is lost, or one too many: plus δ·output·σ(−x)",
        lambda x: x * sigmoid(x),
        lambda d, a, x: d * sigmoid(x),
        X,
    ),
    "the chain's inner slope": (
        "a factor is lost, or a wrong one: times 2·x",
        lambda x: np.sin(x * x),
        lambda d, a, x: d * np.cos(x * x),
        X,
    ),
    "a factor of the sigmoid": (
        "a factor is lost, or a wrong one: times output it is right",
        sigmoid,
        lambda d, a, x: d * (1 - a),
        X,
    ),
    "a product not divided": (
        "one factor too many: divided by x it is right",
        lambda x: x.prod(1),
        lambda d, a, x: (d * a)[:, np.newaxis] * np.ones_like(x),
        POSITIVE,
    ),
    "one of two uses": (
        "one of two uses is lost: plus the same with delta transposed",
        lambda x: x @ x.T,
        lambda d, a, x: d @ x,
        X,
    ),
    "a large delta is cut": (
        "wrong where the size of δ is above a bound only",
        np.tanh,
        lambda d, a, x: np.clip(d, -0.5, 0.5) * (1 - a * a),
        X,
    ),
    "a large message is cut": ("the message is clipped", np.exp, lambda d, a, x: np.clip(d * a, -0.5, 0.5), X),
    "delta is normalised": (
        "one factor for all entries that depends on delta, as if it was normalised",
        np.tanh,
        lambda d, a, x: d / np.linalg.norm(d) * (1 - a * a),
        X,
    ),
    "delta is averaged": (
        "delta is replaced by its mean over axis 0",
        np.tanh,
        lambda d, a, x: d.mean(0, keepdims=True) * (1 - a * a),
        X,
    ),
    "counted as often as the row says": (
        "a factor of its own for each row: ratios from 1 to 4",
        np.tanh,
        lambda d, a, x: d * (1 - a * a) * np.arange(1, 5)[:, np.newaxis],
        X,
    ),
    "off the diagonal": (
        "wrong off the diagonal only: 12 of 16 entries",
        np.tanh,
        lambda d, a, x: d * (1 - a * a) * np.where(np.eye(4), 1, 1.3),
        S,
    ),
    "a triangle": (
        "wrong above the diagonal only: 6 of 16 entries, all zero there",
        np.tanh,
        lambda d, a, x: np.tril(d * (1 - a * a)),
        S,
    ),
    "the padding": (
        "wrong at the border only: 12 of 16 entries, all zero there",
        lambda x: 2.0 * x,
        lambda d, a, x: np.pad(2 * d[1:-1, 1:-1], 1),
        S,
    ),
    "the last two rows": (
        "off in rows 2 to 3 only: 10 of 20 entries",
        np.tanh,
        lambda d, a, x: d * (1 - a * a) * np.array([[1.0], [1.0], [1.4], [1.4]]),
        X,
    ),
    "a tail": (
        "wrong where the size of the input is above a bound only",
        lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
        lambda d, a, x: d * x,
        2 * X,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_faults_as_people_make_them(case):
    name, forward, backward, x = CASES[case]
    (text,) = looks(forward, backward, x)
    assert text.startswith(name)


@pytest.mark.parametrize("case", CASES)
def test_what_is_nearly_so_is_called_otherwise(case):
    """Add to each entry what belongs to nothing: the name must explain that too, and can't."""
    _, forward, backward, x = CASES[case]
    noise = np.random.default_rng(2).normal(size=x.shape)
    (text,) = looks(forward, lambda d, a, x: backward(d, a, x) + 0.01 * noise[::-1] * d.sum() + noise * d.mean(), x)
    assert text.startswith(("no known signature", "not linear in delta"))


def test_a_kernel_that_is_not_flipped():
    x, w = RNG.normal(size=8), RNG.normal(size=3)
    assert looks(correlate, correlate_rule, x, w) == [
        "y is read in the wrong order: with y reversed along axis 0 it is right"
    ]


# Names that one look would give, and more looks take back -------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_entry_proves_no_constant_factor(shape):
    x = np.full(shape, 0.7)
    assert looks(np.tanh, lambda d, a, x: d * (1 - a), x) == [
        "a factor is lost, or a wrong one: times (1 + output) it is right"
    ]
    (text,) = looks(np.tanh, lambda d, a, x: d * (1 - a * a) * (1 + 0.3 * np.sin(7 * x + 1) + x**3), x)
    assert text.startswith("no known signature")
    (text,) = looks(np.tanh, lambda d, a, x: 1.7 * d * (1 - a * a), x)
    assert text == "wrong by a constant factor: ratio 1.7 over all 1 entries"


def test_equal_entries_prove_no_constant_factor():
    (text,) = looks(
        np.tanh, lambda d, a, x: d * (1 - a * a) * (1 + 0.3 * np.sin(7 * x + 1) + x**3), np.full((2, 3), 0.7)
    )
    assert text.startswith("no known signature")


def test_a_place_that_moves_with_the_input_is_no_place():
    """The largest entry of each row is wrong, in one row for one entry."""

    def rule(d, a, x):
        return d * (1 - a * a) * np.where(x == x.max(), 1.5, 1.0)

    (text,) = looks(np.tanh, rule, X)
    assert not text.startswith("off in one entry")


@pytest.mark.parametrize("seed", range(4))
def test_a_split_that_chance_may_give_is_none(seed):
    """Of three entries those are wrong whose thousandth decimals say so."""
    x = np.random.default_rng(seed).normal(size=(1, 3))
    found = looks(np.tanh, lambda d, a, x: d * (1 - a * a) * np.where(np.sin(1e3 * x) > 0, 1.3, 1.0), x)
    assert all(text.startswith("no known signature") for text in found)


def test_most_rows_are_no_place():
    """A running product that forgets its later factors is right in its last row by nature."""
    (text,) = looks(lambda x: np.cumsum(np.tanh(x).cumsum(0), 0), lambda d, a, x: d * 0.3 * (1 - np.tanh(x) ** 2), X)
    assert not text.startswith("off in rows")


# What is said where there is no name -----------------------------------------------------------------------------------


def test_without_a_name_the_pattern_is_told():
    factor = np.where(np.sin(50 * X) > 0, 1 + np.sin(9 * X) ** 2, 1.0)
    wrong, positive = factor > 1, X > 0
    (text,) = looks(
        np.tanh, lambda d, a, x: d * (1 - a * a) * np.where(np.sin(50 * x) > 0, 1 + np.sin(9 * x) ** 2, 1.0), X
    )
    assert text.startswith("no known signature; tried: signs, factors, terms, sums, orders and places; ")
    parts = text.split("; ")
    assert f"{wrong.sum()} of 20 entries are wrong" in parts
    assert any(
        part.startswith(f"rule / difference {factor[wrong].min():.3g} to {factor[wrong].max():.3g}, rule − ")
        for part in parts
    )
    first = factor[0][wrong[0]]
    assert any(part.startswith(f"the ratio by row: {first.min():.3g} to {first.max():.3g}, ") for part in parts)
    assert any(part.startswith("the ratio by column: ") for part in parts)
    count = f"{(wrong & positive).sum()} of {positive.sum()} wrong"
    assert any(part.startswith(f"where the input is positive: {count}, ratio 1") for part in parts)


# The report ------------------------------------------------------------------------------------------------------------


def stack_of(rule, count):
    """Return the check of a chain of one wrong op."""
    my_tanh = gn.op(lambda z: np.tanh(z))
    my_tanh.backward(rule)
    h = gn.parameter("w", RNG.normal(size=(2, 3)))
    for i in range(count):
        h = my_tanh(h, name=f"h{i}")
    return gn.check_gradients(gn.sum(h), {})


def test_one_wrong_op_at_many_nodes_is_one_fault():
    report = stack_of(lambda d, a, z: -d * (1 - a * a), 11)
    lines = report.verdict.splitlines()
    assert lines[0] == "WRONG: the backward rule of <lambda> is wrong for input 0 (z) at 11 nodes: 'h0', 'h1', 'h2', …"
    assert lines[1].strip() == "looks like: sign flipped: ratio −1 over all 6 entries"
    assert lines[2].strip().startswith("at 'h")
    assert lines[3].strip().startswith("the rule is written at test_names.py:")
    assert len(lines) == 5
    assert len(report.failures) == 12
    assert str(report).count("WRONG") == 13


def test_a_verdict_tells_method_tolerance_count_and_what_stood_there():
    x = np.array([[0.5, -1.5, 7 / 3]])
    seen = []
    tested = gn.op(lambda x: x * x)
    tested.backward(lambda d, a, x: (seen.append(d), d * x * np.array([2, 2, 2.5]))[1])
    report = gn.check_op(tested, x)
    delta = seen[0]
    assert (
        f"where the input is 2.33333, δ {delta[0, 2]:.6g}, the output 5.44444; 1 of 3 entries compared are wrong"
        in report.verdict
    )
    assert report.verdict.endswith(
        "Compared by central differences; "
        "wrong is what is farther apart than 1e-07 of the larger of the two, and than rounding explains."
    )


def test_a_broken_property_stays_beside_the_name():
    tested = gn.op(lambda x: np.tanh(x))
    tested.backward(lambda d, a, x: d / np.linalg.norm(d) * (1 - a * a))
    verdict = gn.check_op(tested, X).verdict
    assert "looks like: one factor for all entries that depends on delta" in verdict
    assert "breaks a property: linear in delta: rule(δ + 1000δ′)" in verdict


def test_a_report_in_one_line():
    report = stack_of(lambda d, a, z: -d * (1 - a * a), 3)
    assert repr(report) == "<Report: WRONG, 4 of 5 arrays; print it to read more>"
    assert repr(gn.check_op(gn.tanh, X)) == "<Report: ALL RIGHT, 1 arrays; print it to read more>"


def test_a_plot_of_rule_against_difference():
    tested = gn.op(lambda x: np.tanh(x))
    tested.backward(lambda d, a, x: d * (1 - a * a) * np.where(np.arange(5) == 2, 3, 1))
    report = gn.check_op(tested, X)
    (axes,) = report.plot().axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["right: 16", "wrong: 4"]
    wrong = axes.collections[1].get_offsets()
    compared = report.failures[0].compared
    np.testing.assert_array_equal(np.sort(wrong[:, 1]), np.sort(compared.rule[compared.judgement == "wrong"]))
    assert len(gn.check_gradients(gn.sum(gn.tanh(gn.parameter("w", X))), {}).plot().axes) == 3


def test_what_was_not_compared_is_not_plotted():
    with pytest.raises(gn.errors.DrawError, match="no entry was compared"):
        gn.check_op(gn.tanh, X, method="taylor").plot()


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(gn.errors.DrawError, match=r"plots need matplotlib.*\n.*pip install"):
        gn.check_op(gn.tanh, X).plot()


def padded(x):
    return np.pad(x, (2, 1), mode="reflect")


def test_derivatives_in_wrong_places():
    x = np.random.default_rng(5).normal(size=5)
    pads = np.eye(5)[[2, 1, 0, 1, 2, 3, 4, 3]]  # which entry each place of the padded array shows
    elsewhere = np.eye(5)[[1, 0, 0, 1, 2, 3, 4, 4]]  # symmetric padding, where it was reflected
    assert looks(padded, lambda d, a, x: d @ pads, x) == []
    (name,) = looks(padded, lambda d, a, x: d @ elsewhere, x)
    assert "what each output sends has the right numbers, and arrives at the wrong entries" in name


def test_derivatives_that_are_lost_or_too_many():
    x = np.random.default_rng(5).normal(size=5)
    pads = np.eye(5)[[2, 1, 0, 1, 2, 3, 4, 3]]
    cropped = pads * np.isin(np.arange(8), [1, 2, 3, 4, 5, 7])[:, None]
    (name,) = looks(padded, lambda d, a, x: d @ cropped, x)
    assert "are taken for 0: 2 of the 8 that are not" in name
    more = pads + np.eye(8, 5)[[1, 5, 5, 4, 5, 5, 5, 0]]
    (name,) = looks(padded, lambda d, a, x: d @ more, x)
    assert "that are 0 are taken for something: 3" in name


def test_a_rule_that_mixes_derivatives_is_not_called_misplaced():
    rng = np.random.default_rng(5)
    W, other = rng.normal(size=(2, 5, 4))
    (name,) = looks(lambda x: x @ W, lambda d, a, x: other @ d, rng.normal(size=5))
    assert "places: what" not in name
    assert "right shares" not in name


def test_a_factor_of_its_own_for_each_output():
    rng = np.random.default_rng(5)
    W, c = rng.normal(size=(5, 4)), np.array([0.5, 2.0, 3.0, -1.0])
    (name,) = looks(lambda x: x @ W, lambda d, a, x: W @ (c * d), rng.normal(size=5))
    assert name == "a factor of its own for each output: ratios from -1 to 3"


@pytest.mark.parametrize("said", [np.zeros((3, 2)), np.eye(3, 2)])
def test_of_derivatives_that_are_all_zero_nothing_is_said(said):
    evidence = SimpleNamespace(derivatives=(said, np.zeros((3, 2))))
    assert list(signatures._derivatives(evidence)) == []


def outer(x, y):
    return x[:, None] * y


def huber(p, t):
    e = np.abs(p - t)
    return np.where(e < 1, 0.5 * e * e, e - 0.5).sum()


def hard_swish(x):
    return x * np.clip(x + 3, 0, 6) / 6


def averaged(x):
    return x.mean(axis=0)


A, B = RNG.normal(size=(3,)), RNG.normal(size=(4,))
ROWS, ROW = RNG.normal(size=(5, 2)), np.array([[0.7, -1.1]])
SPREAD = np.linspace(-6, 6, 24).reshape(4, 6)
FRAMES, WEIGHTS = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4]]), np.array([0.25, 0.6, 0.9])
MIXING = np.random.default_rng(8).uniform(0.1, 0.5, (5, 5))


def too_steep(d, x, y):
    """Return δ sin x · (1 + y²), where cosh y belongs."""
    return d * np.sin(x) * (1 + y * y)


def added(d):
    out = np.zeros(5)
    np.add.at(out, FRAMES, d)
    return out


def divided(x):
    return x / (1 + (x * x) @ MIXING)


def divided_rule(d, x, through_others):
    below = 1 + (x * x) @ MIXING
    return d / below - through_others * 2 * x * ((d * x / below**2) @ MIXING.T)


def above_mean(x):
    """Return how far numbers are above the mean of the positive ones, 0 for the others."""
    positive = x > 0
    mean = (x * positive).sum(1, keepdims=True) / np.maximum(1, positive.sum(1, keepdims=True))
    return np.where(positive, x - mean + 10, 0)


FURTHER = {
    "a factor that was to be multiplied in before the sum": (
        *(outer, lambda d, a, x, y: (d.sum(axis=1), d.T @ x), (A, B)),
        "δ lacks the factor y: with δ times y it is right",
    ),
    "a factor before the sum that does not belong there": (
        *(outer, lambda d, a, x, y: ((d * a) @ y, d.T @ x), (A, B)),
        "δ has the factor output too much: with δ divided by output it is right",
    ),
    "a mask turned round": (
        *(lambda x: np.clip(x, -1, 1), lambda d, a, x: d * (np.abs(x) > 1), (2 * X,)),
        "a mask is turned round: zero at the ",
    ),
    "the first row gets what all share": (
        *(averaged, lambda d, a, x: np.concatenate([d[None], np.zeros((3, 5))]), (X,)),
        "shared out wrongly: what each output sends adds up to the right total",
    ),
    "the mean of what is right": (
        *(lambda x, y: x * y, lambda d, a, x, y: (d * y, np.full(y.shape, (d * x).sum() / 2)), (ROWS, ROW)),
        "levelled: every entry is the mean of the right one over axis 1",
    ),
    "wrong between two bounds, and 0 as it must be on one side": (
        *(hard_swish, lambda d, a, x: d * np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3)), (SPREAD,)),
        "wrong where the input is between two bounds only, -3.391 to ",
    ),
    "shares that go to others": (
        *(lambda x: x[:2].mean(axis=0), lambda d, a, x: np.stack([0.3 * d, 0 * d, 0.7 * d, 0 * d]), (X,)),
        "shared out wrongly: what each output sends adds up to the right total, but in wrong shares; "
        "5 are in the wrong place, at entries that must get none; 5 are lost, of entries that must get some",
    ),
    "weights that each contribution must be multiplied with": (
        *(lambda x: x[FRAMES] * WEIGHTS, lambda d, a, x: added(d), (X[0],)),
        "a factor is lost: where it must be multiplied with weights from 0.25 to 0.9 before the sum, each counts 1",
    ),
    "what entries do to others, lost with a divisor": (
        *(divided, lambda d, a, x: d / (1 + (x * x) @ MIXING), (X,)),
        "each entry is taken for itself: off the diagonal of the Jacobian, what it does to outputs other than its own, ",
    ),
    "what entries do to others, counted twice": (
        *(divided, lambda d, a, x: divided_rule(d, x, 2.0), (X,)),
        "a part has a wrong factor: what entries do to outputs other than their own, ratios from 2 to 2",
    ),
    "a term of one input": (
        *(lambda x, y: x * y + np.sinh(y), lambda d, a, x, y: (d * y, d * x), (X, X[::-1])),
        "a term is lost, or has a wrong factor: what is missing does not depend on x, as what is right does",
    ),
    "a factor of one input": (
        lambda x, y: np.sin(x) * np.sinh(y),
        lambda d, a, x, y: (d * np.cos(x) * np.sinh(y), too_steep(d, x, y)),
        (X, X[::-1]),
        "a factor is lost, or a wrong one: said / right does not depend on x, as what is right does",
    ),
    "the simpler of two parts": (
        *(lambda x, y: x * (1 + y), lambda d, a, x, y: (d * y, d * x), (X, X[::-1])),
        "a term is lost, or one too many: plus δ it is right",
    ),
    "a mean of those that are positive": (
        *(above_mean, lambda d, a, x: d * (a > 0), (SPREAD[:, ::-1] * np.cos(SPREAD),)),
        "a projection is lost, or has a wrong factor: the right one has no part along sign output, over axis 1 "
        "(as if a mean of those whose output is positive was a constant)",
    ),
    "one that is not finite, and the others rounded": (
        *(
            np.tanh,
            lambda d, a, x: (d * (1 - a * a)).astype(np.float16) * np.where(np.arange(5) == 2, np.inf, 1.0),
            (X,),
        ),
        "not finite: 4 of 20 entries",
    ),
    "one that is not finite, and the others right": (
        *(np.tanh, lambda d, a, x: d * (1 - a * a) * np.where(np.arange(5) == 2, np.inf, 1), (X,)),
        "not finite: 4 of 20 entries",
    ),
    "the square of a norm, which is one number": (
        *(lambda x: np.sqrt((x * x).sum()), lambda d, a, x: 2 * d * x, (X,)),
        "one factor too many: divided by 2·output it is right",
    ),
}


@pytest.mark.parametrize("case", FURTHER)
def test_further_names(case):
    forward, backward, arrays, text = FURTHER[case]
    assert [said[: len(text)] for said in looks(forward, backward, *arrays)] == [text]


def test_not_finite_is_no_name_where_the_others_are_wrong_too():
    rule = lambda d, a, x: d * np.where(np.arange(5) == 2, np.inf, np.sin(9 * x))  # noqa: E731
    (said,) = looks(np.tanh, rule, X)
    assert said.startswith("no known signature")
    assert "4 are not finite" in said


def test_zeros_are_no_end_of_a_range():
    """Of 0, 1, 2 and 3 the slope of x³ is forgotten at 1: also right at 0 is any slope that is 0 there."""
    (said,) = looks(lambda x: x**3, lambda d, a, x: 3 * d * x * x * (x > 1), (np.arange(12.0) * 7 % 4).reshape(4, 3))
    assert "between two bounds" not in said


def test_a_sign_lost_in_the_tail_is_no_clipping():
    def rule(d, a, p, t):
        return d * np.where(np.abs(p - t) < 1, p - t, 1.0), -d * np.clip(p - t, -1, 1)

    (said,) = looks(huber, rule, 2 * X, X[::-1])
    assert "clipped" not in said


def test_signs_of_two_numbers_are_no_evidence():
    # The sums over rows and columns have one total: what is off is always a multiple of (1, −1).
    rule = lambda d, a, x, b: (d * (1 - a * a), (d * (1 - a * a)).sum(axis=1))  # noqa: E731
    (said,) = looks(lambda x, b: np.tanh(x + b), rule, S[:2, :2], np.array([0.3, -0.4]))
    assert "sign b" not in said


def test_a_term_of_a_scalar_op_has_no_sum_over_axes_that_it_lacks():
    (said,) = looks(lambda x: (x**2 + x).mean(), lambda d, a, x: 2 * d * x / x.size, X)
    assert said.startswith("a term is lost, or one too many: plus 0.05·δ it is right")


def test_a_hypothesis_is_asked_once_of_the_same_evidence():
    from graphnet.check.evidence import Evidence, Name

    asked = []

    def hypothesis(e):
        for text in ("one", "two"):
            asked.append(text)
            yield Name(text)

    evidence = Evidence.__new__(Evidence)
    evidence._told = {}
    assert next(evidence.told(hypothesis)).text == "one"
    assert asked == ["one"]  # no further than it must
    assert [name.text for name in evidence.told(hypothesis)] == ["one", "two"]
    assert [name.text for name in evidence.told(hypothesis)] == ["one", "two"]
    assert asked == ["one", "two"]
