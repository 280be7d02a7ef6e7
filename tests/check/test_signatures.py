"""Diagnoses: what they say, and when they rather say nothing."""

import numpy as np
import pytest

import graphnet as gn

Z = np.random.default_rng(5).normal(size=(4, 3)) * 1.5


def diagnosis(rule, forward=np.tanh, *arrays):
    @gn.op
    def tested(z):
        return forward(z)

    tested.backward(rule)
    (finding,) = gn.check_op(tested, *(arrays or (Z,))).failures
    return finding.diagnosis


def pair_diagnoses(rule, forward, x, y):
    @gn.op
    def tested(x, y):
        return forward(x, y)

    tested.backward(rule)
    return {finding.slot: finding.diagnosis for finding in gn.check_op(tested, x, y).failures}


GLOBAL = {
    "sign flipped": lambda d, a, z: -d * (1 - a * a),
    "wrong by a constant factor": lambda d, a, z: 2 * d * (1 - a * a),
    "delta is passed on": lambda d, a, z: d.copy(),
    "delta is multiplied by g": lambda d, a, z: d * a,
    "reads the input": lambda d, a, z: d * (1 - z * z),
    "always zero": lambda d, a, z: 0 * d,
}


@pytest.mark.parametrize("name", GLOBAL)
def test_a_name_must_explain_every_entry(name):
    assert diagnosis(GLOBAL[name]).startswith(name)

    def nearly(d, a, z):
        message = GLOBAL[name](d, a, z)
        message[2, 1] += 1e-3 * np.abs(message).max() + 1e-3
        return message

    assert not diagnosis(nearly).startswith(name)


@pytest.mark.parametrize(
    ("factor", "meaning"),
    [
        (2, " (a ½ is lost, or it is counted twice)"),
        (0.5, " (one ½ too many, or a lost 2)"),
        (1 / 4, " (a mean over the 4 samples instead of a sum)"),
        (4, " (a sum over the 4 samples instead of a mean)"),
        (1 / 12, " (a mean over the 12 entries instead of a sum)"),
        (12, " (a sum over the 12 entries instead of a mean)"),
        (1 / 3, " (a mean over the 3 columns instead of a sum)"),
        (1.7, ""),
    ],
)
def test_the_likely_meaning_of_a_factor(factor, meaning):
    text = diagnosis(lambda d, a, z: factor * d * (1 - a * a))
    assert text == f"wrong by a constant factor: ratio {factor:.6g} over all 12 entries{meaning}"


def test_of_a_vector_samples_and_entries_are_the_same():
    text = diagnosis(lambda d, a, z: d * (1 - a * a) / 3, np.tanh, Z[0])
    assert text.endswith("over all 3 entries (a mean over the 3 samples instead of a sum)")


def test_of_two_samples_both_meanings_are_said():
    text = diagnosis(lambda d, a, z: d * (1 - a * a) / 2, np.tanh, Z[:2])
    assert text.endswith("(one ½ too many, or a lost 2; or a mean over the 2 samples instead of a sum)")


def test_a_float32_result_is_called_that_alone():
    text = diagnosis(lambda d, a, z: (d * (1 - a * a)).astype(np.float32))
    assert text.startswith(
        "wrong dtype: its backward rule returned for input 0 (z) an array of float32, expected float64"
    )
    assert "factor" not in text
    assert "ratio" not in text


def test_a_float32_result_that_is_wrong_besides():
    text = diagnosis(lambda d, a, z: (-d * (1 - a * a)).astype(np.float32))
    assert text.startswith("wrong dtype")


@pytest.mark.parametrize(
    ("returned", "dtype"),
    [(1j * Z, "complex128"), (Z > 0, "bool"), (Z.astype(str), "<U"), (Z.astype(object), "object"), ("text", "<U4")],
)
def test_what_is_no_real_numbers_at_all(returned, dtype):
    text = diagnosis(lambda d, a, z: returned)
    assert text.startswith("wrong dtype: its backward rule returned for input 0 (z) an array of ")
    assert dtype in text or "shape ()" in text


def test_a_bound_on_the_input_is_not_a_mistaken_output():
    text = diagnosis(lambda d, a, z: np.where(z > 1, 0, d * (1 - a * a)))
    assert text.startswith("wrong where the input is above a bound only, between ")
    low, high = (float(x) for x in text.split("between ")[1].split(":")[0].split(" and "))
    assert low <= 1 < high


def test_a_bound_on_the_size():
    assert "the size of the input is above a bound" in diagnosis(
        lambda d, a, z: np.where(np.abs(z) > 1.5, 0.5, 1.0) * d * (1 - a * a)
    )


def test_where_the_input_has_a_sign():
    for sign, chosen in (("negative", np.less), ("positive", np.greater)):
        text = diagnosis(lambda d, a, z, chosen=chosen: np.where(chosen(z, 0), 1.1, 1.0) * d * (1 - a * a))
        assert text == f"wrong where the input is {sign} only: {chosen(Z, 0).sum()} of 12 entries"


@pytest.mark.parametrize(("place", "words"), [((2, slice(None)), "row 2"), ((slice(None), 1), "column 1")])
def test_one_row_or_column(place, words):
    def rule(d, a, z):
        message = d * (1 - a * a)
        message[place] *= 3
        return message

    assert diagnosis(rule).startswith(f"off in one {words} only: ")


def test_one_entry_and_what_it_should_be():
    seen = []

    def rule(d, a, z):
        seen.append(d[3, 0])
        message = d * (1 - a * a)
        message[3, 0] = 7.5 * d[3, 0]
        return message

    found = diagnosis(rule)
    delta = seen[0]
    right = delta / np.cosh(Z[3, 0]) ** 2
    assert found == f"off in one entry only, (3, 0): there {7.5 * delta:.6g} instead of {right:.6g}"


SQUARE = np.random.default_rng(6).normal(size=(3, 3))


@pytest.mark.parametrize("rule", [lambda d, a, x, y: (d @ y, x.T @ d), lambda d, a, x, y: (d @ y.T, x @ d)])
def test_a_missing_transpose_of_a_square_matrix_in_an_op_of_any_name(rule):
    x = np.random.default_rng(7).normal(size=(3, 3))
    (text,) = pair_diagnoses(rule, lambda x, y: x @ y, x, SQUARE).values()
    assert text.startswith("a transpose is missing in the product, or one too many: with ")


def test_messages_in_the_wrong_order():
    x, y = np.random.default_rng(8).normal(size=(2, 3, 4))
    found = pair_diagnoses(lambda d, a, x, y: (d * x, d * y), lambda x, y: x * y, x, y)
    assert found == {
        0: "it is the error signal of input 1 (y): the operands are swapped",
        1: "it is the error signal of input 0 (x): the operands are swapped",
    }


def test_the_last_contribution_of_a_position_used_often():
    @gn.op
    def pick(z, rows):
        return z[rows]

    @pick.backward
    def rule(delta, a, z, rows):
        message = np.zeros_like(z)
        message[rows] = delta
        return message, None

    (finding,) = gn.check_op(pick, Z, np.array([1, 1, 3, 1])).failures
    assert (
        finding.diagnosis
        == "the last contribution is kept instead of the sum: of up to 3 uses of an entry, which must add up"
    )


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            lambda d, z, b: d,
            "not summed over the batch: its sum over axis 0 is right (returned shape (4, 3), expected (3,))",
        ),
        (lambda d, z, b: np.full(3, d.sum()), "summed twice: every entry is the sum of the right one over axis 0"),
        (
            lambda d, z, b: d[0],
            "the first contribution is kept instead of the sum: of up to 4 uses of an entry, which must add up",
        ),
        (
            lambda d, z, b: d[-1],
            "the last contribution is kept instead of the sum: of up to 4 uses of an entry, which must add up",
        ),
        (
            lambda d, z, b: d.sum(),
            "summed over one axis too many: it is the right one summed over axis 0 (returned shape ()",
        ),
        (lambda d, z, b: 2 * d, "not summed over the batch: it still has the axis of the samples"),
        (
            lambda d, z, b: np.ones(7),
            "returned shape (7,), expected (3,)",
        ),
    ],
)
def test_sums_over_a_broadcast_axis(rule, words):
    found = pair_diagnoses(lambda d, a, x, y: (d, rule(d, x, y)), lambda x, y: x + y, Z, Z[0])
    assert list(found) == [1]
    assert found[1].startswith(words)


def test_a_sample_is_called_one():
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(lambda delta, a, z: -delta * (1 - a * a))
    (finding,) = gn.check_op(tested, np.random.default_rng(0).normal(size=(20, 30)), entries=50).failures
    assert finding.diagnosis == "sign flipped: ratio −1 over the 50 entries compared"


def test_a_rule_that_no_transpose_mends_keeps_its_own_error():
    text = diagnosis(lambda d, a, z: d @ np.ones((9, 9)))
    assert text.startswith("its backward rule raised ValueError: matmul:")


# Not named for what they are not --------------------------------------------------------------------------------------

UNKNOWN = "no known signature"


def slopes(right, wrong, z):
    """Return the diagnosis of a rule of z · right that takes other slopes."""
    return diagnosis(lambda d, a, z: d * wrong, lambda z: z * right, z)


def test_where_every_entry_is_wrong_no_place_is_to_blame():
    assert slopes(np.array([1.0, 2.0, 3.0]), np.array([1.3, 2.9, 3.7]), np.zeros(3)).startswith(UNKNOWN)


def test_one_entry_that_matters_makes_no_constant_factor():
    assert slopes(np.array([0.0, 0.0, 3.0]), np.array([0.0, 0.0, 6.0]), np.ones(3)).startswith(UNKNOWN)
    assert slopes(np.array([3.0]), np.array([6.0]), np.ones(1)).startswith(
        "wrong by a constant factor: ratio 2 over all 1 "
    )


def test_a_factor_next_to_one_is_not_called_a_factor():
    assert diagnosis(lambda d, a, z: d * (1 - a * a) * (1 + 2e-6)).startswith(UNKNOWN)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_vector_has_no_columns_and_a_number_no_samples(shape):
    text = diagnosis(lambda d, a, z: 1000 * d * (1 - a * a), np.tanh, np.full(shape, 0.3))
    assert text == f"wrong by a constant factor: ratio 1000 over all {3 if shape else 1} entries"


def test_columns_are_counted_along_the_last_axis():
    z = np.random.default_rng(0).normal(size=(2, 3, 5))
    assert diagnosis(lambda d, a, z: d * (1 - a * a) / 5, np.tanh, z).endswith(
        "a mean over the 5 columns instead of a sum)"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [(2, 0), (2, 1)],  # of a row of three
        [(0, 0), (1, 1)],
    ],
)
def test_a_part_of_a_row_is_not_a_row(wrong):
    factor = np.ones((4, 3))
    factor[tuple(zip(*wrong, strict=True))] = np.linspace(1.3, 1.9, len(wrong))
    z = np.random.default_rng(3).permutation(12).reshape(4, 3) % 5 + 0.5
    assert diagnosis(lambda d, a, z: d * a * factor, np.exp, z).startswith(UNKNOWN)


def test_what_is_not_compared_and_what_is_zero_does_not_speak_against_a_sign():
    @gn.op
    def flat_below(z):
        return np.where(z < -1, 0.0, z)

    flat_below.backward(lambda d, a, z: d * np.where(z < -1, 0.0, np.where(z < 0, 1.1, 1.0)))
    (finding,) = gn.check_op(flat_below, np.linspace(-2, 2, 24).reshape(4, 6)).failures
    assert finding.diagnosis.startswith("wrong where the input is negative only: ")
    z = np.random.default_rng(0).normal(size=(20, 30)) + 1e-3
    flipped = gn.op(lambda z: np.tanh(z))
    flipped.backward(lambda d, a, z: d * (1 - a * a) * np.where(z < 0, 1.1, 1.0))
    (finding,) = gn.check_op(flipped, z, entries=60).failures
    assert finding.diagnosis.startswith("wrong where the input is negative only: ")
    assert finding.diagnosis.endswith(" of 60 entries")


def test_a_zero_that_is_wrong_speaks_against_a_sign():
    z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    assert "negative" not in slopes(1.0, np.array([1.1, 1.1, 1.1, 1.0, 1.0, 1.0]), z)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([1.0, 2.0, -0.5, 0.7], "wrong at the boundary only: 2 of 4 entries, all where the input equals y"),
        ([1.0, 2.0, 3.0, 0.7], "wrong at the boundary only: 2 of 4 entries, all where the input equals y"),
    ],
)
def test_where_two_inputs_are_equal(y, text):
    x = np.array([1.0, 2.0, 3.5, 4.0])
    found = pair_diagnoses(lambda d, a, x, y: (d * np.where(x == y, 3.0, 1.0), d), lambda x, y: x + y, x, np.array(y))
    assert found == {0: text}


def test_equal_inputs_among_the_right_ones_are_no_boundary():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    wrong = np.array([3.0, 2.5, 1.0, 1.0])
    (text,) = pair_diagnoses(
        lambda d, a, x, y: (d * wrong, d), lambda x, y: x + y, x, np.array([1.0, 2.0, 3.0, 0.5])
    ).values()
    assert "equals y" not in text


def test_a_rule_that_says_the_same_for_any_delta_and_one_that_goes_by_its_sign():
    assert diagnosis(lambda d, a, z: 1 - a * a).startswith("delta is forgotten")
    assert not diagnosis(lambda d, a, z: np.sign(d) * (1 - a * a)).startswith("delta is forgotten")
    assert diagnosis(lambda d, a, z: np.clip(d, -1e-9, 1e-9) * 1e9 * (1 - a * a)) == (
        "delta is replaced by its sign: with delta as it is, it would be right"
    )
    assert diagnosis(lambda d, a, z: d * np.abs(d) * (1 - a * a)) == (
        "not linear in delta: doubling delta does not double the result"
    )


# Transposed ----------------------------------------------------------------------------------------------------------


def test_the_transpose_of_a_square_matrix():
    assert diagnosis(lambda d, a, z: d.copy(), lambda z: z.T * 1.0, SQUARE) == "a transpose is missing: its .T is right"


def test_delta_of_a_square_product_transposed():
    x = np.random.default_rng(7).normal(size=(3, 3))
    (text,) = pair_diagnoses(lambda d, a, x, y: (d.T @ y.T, x.T @ d), lambda x, y: x @ y, x, SQUARE).values()
    assert text == "a transpose is missing in the product, or one too many: with delta transposed it is right"


@pytest.mark.parametrize("z", [np.array([0.5, -0.3]), np.array([[0.7]]), np.array([[0.5, -0.3]])])
def test_what_is_its_own_transpose_lacks_none(z):
    assert "transpose" not in diagnosis(lambda d, a, z: d * (1 - a * a) * (1 + 3e-6), np.tanh, z)


# Sums ----------------------------------------------------------------------------------------------------------------


def stretched(rule, x, y):
    return pair_diagnoses(lambda d, a, x, y: (rule(d * y), d * x), lambda x, y: x * y, x, y)[0]


R = np.random.default_rng(9)


@pytest.mark.parametrize(
    ("shape", "other", "axis"),
    [
        ((1, 3), (4, 3), 0),
        ((4, 1), (4, 3), 1),
        ((1, 3), (5, 4, 3), 1),
        ((4, 1, 2), (4, 3, 2), 1),
        ((1, 1), (5, 4, 1), 1),
    ],
)
def test_not_summed_over_a_stretched_axis(shape, other, axis):
    text = stretched(lambda message: message, R.normal(size=shape), R.normal(size=other))
    assert text.startswith(
        f"not summed over a broadcast axis: its sum over axis {axis} is right (returned shape {other}"
    )


def test_not_summed_over_several_samples_axes():
    text = stretched(lambda message: message, R.normal(size=3), R.normal(size=(4, 3)))
    assert text.startswith("not summed over the batch: its sum over axis 0 is right")
    text = stretched(lambda message: np.ones((2, 7)), R.normal(size=3), R.normal(size=(4, 3)))
    assert text == "returned shape (2, 7), expected (3,)"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda d: d.sum(axis=0), "summed over one axis too many: it is the right one summed over axis 0 (returned shape (3,)"),
        (lambda d: d.sum(axis=0, keepdims=True), "summed over one axis too many: it is the right one summed over axis 0 (re"),
        (lambda d: d.sum(axis=1), "summed over one axis too many: it is the right one summed over axis 1 (returned shape (4,)"),
        (lambda d: d.sum(), "summed over all axes: it is the sum of the right one (returned shape ()"),
        (lambda d: d.sum(keepdims=True), "summed over all axes: it is the sum of the right one (returned shape (1, 1)"),
        (lambda d: 2 * d.sum(axis=0), "returned shape (3,), expected (4, 3)"),
        (lambda d: 2 * d.sum(), "returned shape (), expected (4, 3)"),
        (lambda d: np.broadcast_to(d.sum(axis=0), (4, 3)), "summed twice: every entry is the sum of the right one over axis 0"),
        (lambda d: d.sum(axis=1, keepdims=True) + 0 * d, "summed twice: every entry is the sum of the right one over axis 1"),
        (lambda d: np.full((4, 3), d.sum()), "summed twice: every entry is the sum of the right one over all axes"),
    ],
)  # fmt: skip
def test_summed_too_much(rule, text):
    assert diagnosis(lambda d, a, z: rule(d * (1 - a * a))).startswith(text)


# One of many uses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e2, 1e6])
@pytest.mark.parametrize(("word", "sample"), [("last", -1), ("first", 0)])
def test_the_contribution_of_one_sample_only(word, sample, size):
    x, W = R.normal(size=(5, 3)) / size, R.normal(size=(3, 4)) * size
    at = slice(sample, None) if sample else slice(0, 1)

    def forward(x, W):
        return np.tanh(x @ W) * np.tanh(x @ W).sum(axis=1, keepdims=True)  # every entry of W is used by all of a sample

    def rule(d, a, x, W):
        t = np.tanh(x @ W)
        delta = (d * t.sum(axis=1, keepdims=True) + (d * t).sum(axis=1, keepdims=True)) * (1 - t * t)
        return delta @ W.T, x[at].T @ delta[at]

    found = pair_diagnoses(rule, forward, x, W)
    assert found == {1: f"the {word} contribution is kept instead of the sum: that of one of 5 samples"}


@pytest.mark.parametrize(("word", "entry"), [("last", -1), ("first", 0)])
def test_the_contribution_of_one_use_of_a_number(word, entry):
    factors = np.array([1.0, 2.0, 3.0])
    rule = lambda d, a, z: d[:, entry] * factors[entry]  # noqa: E731
    text = diagnosis(rule, lambda z: z[:, np.newaxis] * factors, np.array([0.7, -0.4]))
    assert text == f"the {word} contribution is kept instead of the sum: of up to 3 uses of an entry, which must add up"


# Input and output mistaken -------------------------------------------------------------------------------------------


def test_an_input_of_another_shape_than_the_message():
    found = pair_diagnoses(
        lambda d, a, z, b: (d * (1 - a * a), (d * (1 - z * z)).sum(axis=0)), lambda z, b: np.tanh(z + b), Z, np.zeros(3)
    )
    assert found == {1: "reads x where the cached output belongs: with the output in its place it is right"}


def test_mistaken_in_a_sample():
    flipped = gn.op(lambda z: np.tanh(z))
    flipped.backward(lambda d, a, z: d * (1 - z * z))
    (finding,) = gn.check_op(flipped, np.random.default_rng(0).normal(size=(20, 30)), entries=60).failures
    assert finding.diagnosis.startswith("reads the input where the cached output belongs")


def test_mistaken_where_the_right_one_is_next_to_nothing():
    text = diagnosis(lambda d, a, z: d * 3 * a * a, lambda z: z * z * z, np.array([1e-5, 2.0, 100.0, -3.0]))
    assert text.startswith("reads the cached output where the input belongs")
