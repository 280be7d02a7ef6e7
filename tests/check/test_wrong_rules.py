"""A wrong rule is caught, located to its node and input, and its fault is said for what it looks like."""

import numpy as np
import pytest

import graphnet as gn

RNG = np.random.default_rng(1)
X = RNG.normal(size=(5, 2))
W1, B1 = RNG.normal(size=(2, 3)), RNG.normal(size=3)
W2 = RNG.normal(size=(3, 4))


def report_of(make_node, feeds=None):
    """Check a two-layer network with the node under test in its middle."""
    x = gn.input("x", shape=(None, 2))
    hidden = make_node(x, gn.parameter("W1", W1), gn.parameter("b1", B1))
    out = gn.sigmoid(hidden @ gn.parameter("W2", W2), name="out")
    return gn.check_gradients(gn.sse(out, np.zeros((5, 4)), name="E"), {x: X})


def activation(rule):
    @gn.op
    def my_tanh(z):
        return np.tanh(z)

    my_tanh.backward(rule)
    return lambda x, W, b: my_tanh(x @ W + b, name="h")


def affine(rule):
    @gn.op
    def my_affine(x, W, b):
        return x @ W + b

    my_affine.backward(rule)
    return lambda x, W, b: my_affine(x, W, b, name="h")


ACTIVATIONS = {
    "sign flipped: ratio −1 over all 15 entries": lambda d, a, z: -d * (1 - a * a),
    "ratio 2 over all 15 entries (a ½ is lost, or it is counted twice)": lambda d, a, z: 2 * d * (1 - a * a),
    "ratio 0.5 over all 15 entries": lambda d, a, z: d * (1 - a * a) / 2,
    "a mean over the 5 samples instead of a sum": lambda d, a, z: d * (1 - a * a) / 5,
    "delta is forgotten": lambda d, a, z: 1 - a * a,
    "delta is passed on without the slope": lambda d, a, z: d.copy(),
    "multiplied by g where g′ belongs": lambda d, a, z: d * a,
    "reads the input where the cached output belongs": lambda d, a, z: d * (1 - z * z),
    "always zero": lambda d, a, z: 0 * d,
    "its backward rule returned None": lambda d, a, z: None,
    "a transpose is missing": lambda d, a, z: (d * (1 - a * a)).T,
    "an array of float32, expected float64": lambda d, a, z: (d * (1 - a * a)).astype(np.float32),
    "its backward rule raised ZeroDivisionError": lambda d, a, z: 1 // 0,
    "returned 2 error signals, expected 1": lambda d, a, z: (d, d),
    "writes into an array": lambda d, a, z: np.multiply(d, 1 - a * a, out=d),
    "not finite": lambda d, a, z: d * (1 - a * a) + np.inf,
    "a factor is lost, or a wrong one: times (1 + output) it is right": lambda d, a, z: d * (1 - a),
}


@pytest.mark.parametrize("looks_like", ACTIVATIONS)
def test_faults_of_an_activation(looks_like):
    report = report_of(activation(ACTIVATIONS[looks_like]))
    assert [(f.label, f.slot) for f in report.failures if f.local] == [("h", 0)]
    assert looks_like in report.failures[0].diagnosis
    assert "the backward rule of my_tanh at 'h' is wrong for input 0 (z: " in report.verdict
    with pytest.raises(gn.errors.GradientCheckError, match="my_tanh at 'h'"):
        report.raise_if_failed()


AFFINES = {
    ("not summed over the batch", 2): lambda d, a, x, W, b: (d @ W.T, x.T @ d, d),
    ("a mean over the 5 samples instead of a sum", 2): lambda d, a, x, W, b: (d @ W.T, x.T @ d, d.mean(axis=0)),
    ("a transpose is missing: its .T is right", 1): lambda d, a, x, W, b: (d @ W.T, d.T @ x, d.sum(axis=0)),
    ("sign flipped", 1): lambda d, a, x, W, b: (d @ W.T, -x.T @ d, d.sum(axis=0)),
    ("ratio 2", 0): lambda d, a, x, W, b: (2 * d @ W.T, x.T @ d, d.sum(axis=0)),
}


@pytest.mark.parametrize(("looks_like", "slot"), AFFINES)
def test_faults_of_one_input_of_three(looks_like, slot):
    report = report_of(affine(AFFINES[looks_like, slot]))
    assert [(f.label, f.slot) for f in report.failures if f.local] == [("h", slot)]
    assert looks_like in report.failures[0].diagnosis


def test_a_missing_transpose_of_a_square_matrix():
    @gn.op
    def product(x, y):
        return x @ y

    @product.backward
    def rule(delta, z, x, y):
        return delta @ y, x.T @ delta

    report = gn.check_op(product, RNG.normal(size=(5, 3)), RNG.normal(size=(3, 3)))
    assert [f.slot for f in report.failures] == [0]


def test_swapped_operands():
    @gn.op
    def product(x, y):
        return x * y

    @product.backward
    def rule(delta, z, x, y):
        return delta * x, delta * y

    report = gn.check_op(product, RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)))
    assert all("the operands are swapped" in f.diagnosis for f in report.failures)
    assert len(report.failures) == 2


def test_every_wrong_rule_is_named_when_there_are_several():
    bad = activation(ACTIVATIONS["delta is forgotten"])
    x = gn.input("x", shape=(None, 2))

    @gn.op
    def flipped(z):
        return np.exp(z)

    flipped.backward(lambda delta, a, z: -delta * a)
    h = flipped(bad(x, gn.parameter("W1", W1), gn.parameter("b1", B1)), name="e")
    verdict = gn.check_gradients(gn.mean(h), {x: X}).verdict
    assert "my_tanh at 'h'" in verdict
    assert "flipped at 'e'" in verdict


def test_right_rules_and_a_wrong_total_blame_the_engine(monkeypatch):
    from graphnet.check import whole

    def forgets_a_message(graph, values, starts):
        signals, messages = propagate(graph, values, starts)
        return {node: messages[node][-1].delta for node in signals}, messages

    propagate = whole.propagate
    monkeypatch.setattr(whole, "propagate", forgets_a_message)
    w = gn.parameter("w", [1.0, 2.0])
    report = gn.check_gradients(gn.sse(w * gn.tanh(w), [0.0, 0.0]), {})
    assert "every backward rule is right, but the total is not: the engine, or the accumulation" in report.verdict
    assert "'w'" in report.verdict
    assert "the last contribution is kept instead of the sum: the error signal of 'w'" in report.verdict


def test_the_check_from_end_to_end_says_why_it_was_not_made():
    report = report_of(affine(AFFINES["not summed over the batch", 2]))
    assert report.skipped.startswith(
        "Not checked from end to end: my_affine 'h': its backward rule returned for input 2"
    )


def test_a_missing_backward_rule_is_reported():
    @gn.op
    def halved(z):
        return z / 2

    report = gn.check_op(halved, np.ones(3) * 0.3)
    assert "op halved has no backward rule" in report.verdict


@pytest.mark.parametrize("error", [1e-4, 1e-5])
def test_small_errors_in_all_or_in_one_entry(error):
    def one_entry(d, a, z):
        slope = 1 - a * a
        slope[2, 1] *= 1 + error
        return d * slope

    for rule in (one_entry, lambda d, a, z: d * (1 - a * a) * (1 + error)):
        assert [f.label for f in report_of(activation(rule)).failures if f.local] == ["h"]


def test_where_there_are_no_messages_nothing_was_compared():
    (finding,) = gn.check_op(op_that_raises(), np.ones((2, 3))).failures
    assert (finding.entries, finding.of, finding.directions, finding.kinks, finding.blurred) == (0, 6, 0, 0, 0)
    assert (finding.worst, finding.order) == (None, None)


def op_that_raises():
    @gn.op
    def tested(z):
        return np.tanh(z)

    tested.backward(lambda d, a, z: 1 // 0)
    return tested
