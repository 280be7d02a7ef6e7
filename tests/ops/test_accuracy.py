"""Accuracy: the share of samples whose class is right, whatever shapes scores and labels come in."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import graphnet as gn
from graphnet.errors import GraphError, ShapeError

RNG = np.random.default_rng(3)
Z = RNG.normal(size=(17, 1))
BINARY = RNG.integers(0, 2, size=17)
SCORES = RNG.normal(size=(17, 4))
CLASSES = RNG.integers(0, 4, size=17)


def ways(scores, target, **options):
    """Return the accuracy of arrays, of nodes fed, and compiled."""
    s = gn.input("s", (None, *scores.shape[1:]))
    t = gn.input("t", (None, *target.shape[1:]), dtype=target.dtype)
    node = gn.accuracy(s, t, **options)
    feeds = {s: scores, t: target}
    return [gn.accuracy(scores, target, **options), gn.forward(node, feeds)[node], gn.compile(node, [])(feeds)]


@pytest.mark.parametrize("column", [True, False], ids=["scores in a column", "1-D scores"])
@pytest.mark.parametrize("form", [lambda t: t, lambda t: t[:, None]], ids=["1-D labels", "labels in a column"])
@pytest.mark.parametrize("kind", [int, float, bool, np.int8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0, 0.5, None])
def test_of_one_score_a_sample_it_is_sklearns(column, form, kind, dtype, threshold):
    scores = (Z if threshold == 0 else 1 / (1 + np.exp(-Z))).astype(dtype)
    expected = accuracy_score(BINARY, scores[:, 0] > (threshold or 0.5 * (threshold is None)))
    target = form(BINARY.astype(kind))
    for found in ways(scores if column else scores[:, 0], target, threshold=threshold):
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("form", [lambda t: t, lambda t: t[:, None], lambda t: np.eye(4)[t]])
@pytest.mark.parametrize("kind", [int, float])
def test_of_several_scores_a_sample_it_is_sklearns(form, kind):
    expected = accuracy_score(CLASSES, SCORES.argmax(1))
    for found in ways(SCORES, form(CLASSES).astype(kind)):
        assert found == pytest.approx(expected)


def test_labels_of_two_classes_may_be_minus_one_and_one():
    assert gn.accuracy(Z, 2 * BINARY - 1, 0) == pytest.approx(accuracy_score(BINARY, Z[:, 0] > 0))


def test_labels_of_two_classes_may_be_smoothed():
    assert gn.accuracy(Z, 0.05 + 0.9 * BINARY, 0) == pytest.approx(accuracy_score(BINARY, Z[:, 0] > 0))


def test_one_sample():
    assert gn.accuracy([[0.9]], [[0.0]]) == 0
    assert gn.accuracy([0.9], [1]) == 1
    assert gn.accuracy([[0.2, 0.9]], [1]) == 1


x = gn.input("x", (None, 3))
w, W, b = gn.parameter("w", np.ones(3)), gn.parameter("W", np.ones((3, 1))), gn.parameter("b", np.zeros(1))


@gn.op
def logistic(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("scores", "is_probability"),
    [
        (x @ W, False),
        (x @ W + b, False),
        (x @ w, False),
        (-(x @ W) * 2 + 0.0, False),
        (gn.sum(x * w, axis=1), False),
        ((x @ W).reshape((-1,)), False),
        (gn.sigmoid(x) @ W - 1.5, False),
        (x @ W / 2, False),
        (gn.concatenate([(x @ W)[:2], (x @ W)[2:]]), False),
        (gn.where(gn.constant(True, dtype=bool), x @ W, 0), False),
        (gn.where(x @ W > 9, 0, x @ W), False),
        (gn.layer_norm(x)[:, 0] + 0.5, False),
        (gn.dropout(x @ W, gn.constant(np.ones((17, 1), bool), dtype=bool), 0), False),
        (gn.sigmoid(x @ W + b), True),
        (gn.concatenate([gn.sigmoid(x @ W)[:2], gn.sigmoid(x @ W)[2:]]), True),
        (gn.identity(gn.sigmoid(x @ W))[:, 0], True),
        (gn.sigmoid(x @ W).reshape((-1,)), True),
        (1 - gn.sigmoid(-(x @ W)), True),
        (1 / (1 + np.exp(-(x @ W))), True),
        (0.5 * gn.tanh(x @ W / 2) + 0.5, True),
        (logistic(x @ W), True),
    ],
    ids=str,
)
def test_the_graph_says_what_the_scores_are(scores, is_probability):
    t = gn.input("t", (None,), dtype=int)
    X = np.tile(Z, 3) / 3
    node = gn.accuracy(scores, t)
    values = gn.forward(scores, {x: X})[scores]
    expected = accuracy_score(BINARY, values.ravel() > (0.5 if is_probability else 0))
    assert gn.forward(node, {x: X, t: BINARY})[node] == pytest.approx(expected)
    assert gn.compile(node, [])({x: X, t: BINARY}) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [2, 2.0, np.float32(4)])
def test_pre_activations_from_0_to_1_are_no_probabilities(scale):
    t = gn.input("t", (None,), dtype=int)
    node = gn.accuracy(x @ W / scale, t)
    assert gn.forward(node, {x: np.full((2, 3), 0.1), t: [1, 0]})[node] == 0.5


@pytest.mark.parametrize("label", [0, 1])
def test_a_sample_without_a_score_is_not_right(label):
    for scores in (np.array([np.nan, 1.0]), np.array([[np.nan], [1.0]])):
        assert ways(scores, np.array([label, 1]), threshold=0) == [0.5] * 3
    assert (
        ways(np.array([[1.0, np.nan], [np.nan, np.nan], [0, 1]]), np.array([label, label, 1]))
        == [pytest.approx(1 / 3)] * 3
    )


def test_scores_and_labels_of_an_unknown_kind_are_refused():
    with pytest.raises(ShapeError, match=r"are no probabilities(?s:.*)threshold=0"):
        gn.accuracy(Z, BINARY)
    with pytest.raises(ShapeError, match="−1 to 1"):
        gn.accuracy(Z, -2 * BINARY, threshold=0)
    t = gn.input("t", (None,), dtype=int)
    node = gn.accuracy(gn.leaky_relu(x @ W, 0.5), t, name="share")
    with pytest.raises(ShapeError, match=r"accuracy 'share': scores from -1.5"):
        gn.forward(node, {x: -np.ones((2, 3)), t: [0, 1]})


@pytest.mark.parametrize("a", [gn.tanh(x @ W), gn.tanh(x @ W)[:, 0], np.tanh(x @ W)], ids=str)
def test_a_tanh_tells_minus_one_from_one_at_0(a):
    t = gn.input("t", (None,))
    X = np.tile(Z, 3) / 3
    signs = 2.0 * BINARY - 1
    node = gn.accuracy(a, t)
    expected = accuracy_score(signs, np.sign(gn.forward(a, {x: X})[a].ravel()))
    for labels in (signs, 0.9 * signs):
        assert gn.forward(node, {x: X, t: labels})[node] == pytest.approx(expected)
        assert gn.compile(node, [])({x: X, t: labels}) == pytest.approx(expected)
    assert gn.forward(node, {x: np.full((2, 3), 0.1), t: [1, 1]})[node] == 1  # where ½ would be beside the point
    with pytest.raises(ShapeError, match=r"from a tanh, and labels from 0(?s:.*)threshold=0\.5"):
        gn.forward(node, {x: X, t: BINARY})
    half = gn.accuracy(a, t, 0.5)
    expected = accuracy_score(BINARY, gn.forward(a, {x: X})[a].ravel() > 0.5)
    assert gn.forward(half, {x: X, t: BINARY})[half] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "target", "message"),
    [
        (SCORES, CLASSES + 1, "labels from 1 to 4, expected numbers from 0 to 3"),
        (SCORES, CLASSES - 1, "labels from -1 to 2"),
        (SCORES, CLASSES + 0.5, "expected numbers"),
        (np.full((2, 1), 0.5), [1, 2], "labels from 1 to 2, expected numbers from −1 to 1"),
        (np.full(2, 0.5), [0.0, np.nan], "labels from nan"),
        (SCORES, CLASSES[1:], "accuracy never broadcasts"),
        (np.full((2, 1), 0.5), np.eye(2), "accuracy never broadcasts"),
    ],
)
def test_labels_that_do_not_fit_are_refused(scores, target, message):
    with pytest.raises(ShapeError, match=message):
        gn.accuracy(scores, target)


def test_a_threshold_is_a_number():
    with pytest.raises(GraphError, match="threshold of op accuracy is 'x', expected a number"):
        gn.accuracy(Z, BINARY, threshold="x")


def test_fit_records_it(tmp_path):
    t = gn.input("t", (None, 1))
    z = x @ gn.parameter("V", np.zeros((3, 1)))
    X = RNG.normal(size=(40, 3))
    T = (X[:, :1] > 0).astype(float)
    metrics = {"of z": gn.accuracy(z, t), "of a": gn.accuracy(gn.sigmoid(z), t)}
    history = gn.fit(gn.binary_cross_entropy(z, t), {x: X, t: T}, optimizer=gn.Adam(0.1), epochs=3, metrics=metrics)
    values = gn.forward(z, {x: X})[z]
    assert history.metrics["of z"] == history.metrics["of a"]
    assert history.metrics["of z"][-1] == pytest.approx(accuracy_score(T, values > 0))
    gn.save(tmp_path / "share.gn", metrics["of a"])
    again = gn.load(tmp_path / "share.gn")
    assert gn.forward(again, {"x": X, "t": T})[again.outputs[0]] == history.metrics["of a"][-1]
