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
    def rule(d, a, z):
        message = d * (1 - a * a)
        message[3, 0] = 7.5 * d[3, 0]
        return message

    delta = np.random.default_rng(0).normal(size=(4, 3))[3, 0]
    right = delta / np.cosh(Z[3, 0]) ** 2
    assert diagnosis(rule) == f"off in one entry only, (3, 0): there {7.5 * delta:.6g} instead of {right:.6g}"


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
    assert finding.diagnosis == "the last contribution is kept instead of the sum: of up to 3 uses of an entry"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            lambda d, z, b: d,
            "not summed over the batch: its sum over axis 0 is right (returned shape (4, 3), expected (3,))",
        ),
        (lambda d, z, b: np.full(3, d.sum()), "summed twice: every entry is the sum of the right one over axis 0"),
        (lambda d, z, b: d[0], "the first contribution is kept instead of the sum: of up to 4 uses of an entry"),
        (lambda d, z, b: d[-1], "the last contribution is kept instead of the sum: of up to 4 uses of an entry"),
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
