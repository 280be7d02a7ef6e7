"""From end to end: how exact it is, what an engine that loses messages looks like, and samples."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.check import whole
from tests.check.one_rule import one_entry_wrong


def total_of(E, feeds=(), **options):
    return {f.label: f for f in gn.check_gradients(E, dict(feeds), **options).findings if f.part == "gradient"}


def scaled(size, rule):
    @gn.op
    def tested(z):
        return size * z

    tested.backward(rule)
    return tested


def test_rounding_on_the_way_beside_large_error_signals_is_no_fault():
    w, v = gn.parameter("w", [0.5, 1.5]), gn.parameter("v", [1.0, 2.0])
    rounded = scaled(1e-4, lambda delta, a, z: (1e-4 * delta + 1e6) - 1e6)
    graph = gn.Graph(gn.sum(rounded(w)), gn.sum(1e6 * v))
    assert {label: f.verdict for label, f in total_of(graph).items()} == {"w": "right", "v": "right"}


@pytest.mark.parametrize("off", [0.0, 1e-5])
def test_a_small_gradient_is_judged_by_its_size(off):
    w = gn.parameter("w", [0.5, 1.5])
    small = scaled(1e-6, lambda delta, a, z: 1e-6 * delta * (1 + off))
    assert total_of(gn.sum(small(w)))["w"].verdict == ("wrong" if off else "right")


@pytest.mark.parametrize("entry", [(0, 0), (39, 29)])
def test_a_sample_that_misses_the_wrong_entry_is_not_all(entry):
    w = gn.parameter("w", np.random.default_rng(0).normal(size=(40, 30)))
    found = total_of(gn.sum(gn.tanh(one_entry_wrong(entry)(w))), entries=3)["w"]
    assert (found.verdict, found.entries, found.directions) == ("wrong", 3, 8)
    assert found.worst == entry or f"halving them leads to entry {entry}" in found.diagnosis


def test_where_the_sample_is_wrong_no_direction_is_needed():
    w = gn.parameter("w", np.random.default_rng(0).normal(size=(40, 30)))
    found = total_of(gn.sum(scaled(2.0, lambda delta, a, z: -2 * delta)(w)), entries=3)["w"]
    assert (found.verdict, found.diagnosis) == ("wrong", "")


# An engine that loses messages ---------------------------------------------------------------------------------------


def lossy(keep):
    """Return an engine that keeps something else than the sum of the messages to `w`."""

    def propagate(graph, values, starts):
        signals, messages = engine(graph, values, starts)
        for node in graph.nodes:
            if node.name == "w":
                signals[node] = keep(*(np.asarray(message.delta) for message in messages[node]))
        return signals, messages

    engine = whole.propagate
    return propagate


LOST = "the error signal of 'w' is not the sum of its 3 messages"


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (lambda a, b, c: c, f"the last contribution is kept instead of the sum: {LOST}, but the last of them"),
        (lambda a, b, c: a, f"the first contribution is kept instead of the sum: {LOST}, but the first of them"),
        (lambda a, b, c: a + b, LOST),
        (lambda a, b, c: a + b + c, ""),
    ],
)
def test_messages_that_are_not_added_up(monkeypatch, keep, text):
    w, v = gn.parameter("w", [0.5, 1.5]), gn.parameter("v", [2.0, 3.0])
    E = gn.sum(gn.tanh(w) + w * v + np.sin(w))
    monkeypatch.setattr(whole, "propagate", lossy(keep))
    report = gn.check_gradients(E, {})
    totals = {f.label: f for f in report.findings if f.part == "gradient"}
    assert (totals["w"].diagnosis, totals["v"].diagnosis) == (text, "")
    assert (totals["w"].verdict, totals["v"].verdict) == ("wrong" if text else "right", "right")
    if text:
        assert report.verdict.startswith("WRONG: every backward rule is right, but the total is not: the engine")
        assert f"looks like: {text}" in report.verdict


def test_a_total_that_is_not_finite_is_the_sum_of_its_messages():
    bad = scaled(1.0, lambda delta, a, z: delta * np.nan)
    w = gn.parameter("w", [0.5, 1.5])
    found = total_of(gn.sum(bad(w) + w))["w"]
    assert (found.verdict, found.diagnosis) == ("wrong", "")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_convolutional_network_whose_units_lie_at_their_kinks(batch):
    # Images with dark corners and biases of 0: many pre-activations are exactly 0, and every entry of a bias is at a kink.
    rng = np.random.default_rng(5)
    X = np.zeros((batch, 1, 6, 6))
    X[:, :, 2:4, 2:5] = rng.random((batch, 1, 2, 3))
    x = gn.input("x", (None, 1, 6, 6))
    h = gn.layers.max_pool2d(gn.layers.conv2d(gn.layers.conv2d(x, 2, rng=rng, name="first"), 3, rng=rng, name="second"))
    scores = gn.layers.dense(gn.layers.flatten(h), 4, None, rng=rng, name="scores")
    report = gn.check_gradients(gn.cross_entropy(scores, np.eye(4)[rng.integers(0, 4, batch)]), {x: X})
    report.raise_if_failed()
    assert sum(finding.kinks for finding in report.findings) > 20


def test_a_wrong_rule_behind_kinks_is_still_wrong():
    rng = np.random.default_rng(6)
    my_relu = gn.op(lambda z: np.maximum(z, 0))
    my_relu.backward(lambda delta, a, z: 1.01 * delta * (z > 0))
    z = np.where(rng.random((4, 5)) < 0.5, 0.0, rng.normal(size=(4, 5)))
    w = gn.parameter("w", z)
    assert {f.label for f in gn.check_gradients(gn.sse(my_relu(w, name="a"), z - 1), {}).failures} >= {"a"}
