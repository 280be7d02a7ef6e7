"""Layers without names: each graph numbers them, in its own order, as it numbers ops."""

import copy
import pickle

import numpy as np
import pytest

import graphnet as gn

layers = gn.layers


def two_towers(rng=None, **named):
    """Two layers beside each other on one input, and one after them."""
    rng = np.random.default_rng(0) if rng is None else rng
    x = gn.input("x", shape=(None, 2))
    left, right = layers.dense(x, 3, rng=rng), layers.dense(x, 3, rng=rng)
    return gn.Graph(gn.sum(layers.dense(left * right, 1, rng=rng), name="E"))


FEEDS = {"x": np.array([[0.5, -1.0], [2.0, 0.25]])}
LABELS = ["dense_1/W", "dense_1/b", "dense_3/W", "dense_3/b", "dense_2/W", "dense_2/b"]


def labels_of(graph):
    return [graph.label(node) for node in graph.parameters]


def test_what_stood_alone_keeps_its_name():
    x, rng = gn.input("x", shape=(None, 2)), np.random.default_rng(0)
    a = layers.dense(x, 3, rng=rng)
    assert labels_of(gn.Graph(a)) == ["dense/W", "dense/b"]
    b = layers.dense(a, 3, rng=rng)
    assert labels_of(gn.Graph(b)) == ["dense/W", "dense/b", "dense_2/W", "dense_2/b"]
    assert [p.name for p in gn.Graph(b).parameters] == labels_of(gn.Graph(b))


def test_layers_beside_each_other_are_numbered():
    x, rng = gn.input("x", shape=(None, 2)), np.random.default_rng(0)
    graph = gn.Graph(layers.dense(x, 3, rng=rng) + layers.dense(x, 3, rng=rng))
    assert labels_of(graph) == ["dense_1/W", "dense_1/b", "dense_2/W", "dense_2/b"]
    assert [graph.label(node) for node in graph.nodes if node.kind == "matmul"] == [
        "dense_1/matmul_1",
        "dense_2/matmul_1",
    ]
    assert graph["dense_2/W"] is graph.parameters[2]


def test_no_label_is_the_name_of_another_layer():
    # so that a gradient looked up by p.name is missing, or right
    graph = two_towers()
    assert labels_of(graph) == LABELS
    names = {p.name for p in graph.parameters}
    for p in graph.parameters:
        assert graph.label(p) == p.name or graph.label(p) not in names


def test_names_given_clash_with_each_other_and_not_with_those_made_up():
    x, rng = gn.input("x", shape=(None, 2)), np.random.default_rng(0)
    given = layers.dense(x, 3, rng=rng, name="dense")
    assert labels_of(gn.Graph(given + layers.dense(x, 3, rng=rng)))[::2] == ["dense/W", "dense_1/W"]
    with pytest.raises(gn.errors.GraphError, match=r"two nodes are called 'dense/W'(?s:.*)share weights"):
        gn.Graph(given + layers.dense(x, 3, rng=rng, name="dense"))


def test_in_scopes_and_in_each_other():
    x, rng = gn.input("x", shape=(None, 2)), np.random.default_rng(0)

    def block(z):
        with gn.scope("block"):
            return layers.dense(z, 2, lambda a: gn.tanh(layers.batch_norm(a)), rng=rng)

    assert [name for name in labels_of(gn.Graph(block(x) + block(x))) if name.endswith("scale")] == [
        "block/dense_1/batch_norm_1/scale",
        "block/dense_2/batch_norm_1/scale",
    ]


def test_gradients_go_by_the_labels():
    graph = two_towers()
    back = gn.backward(graph, FEEDS)
    loss, gradients = gn.compile(graph)(FEEDS)
    assert list(back.gradients) == LABELS
    assert set(gradients) == set(LABELS)
    assert loss == pytest.approx(back["E"], rel=1e-15)
    for label in LABELS:
        np.testing.assert_array_equal(back.gradients[label], back.error_signal(graph[label]))
        np.testing.assert_allclose(gradients[label], back.gradient(graph[label]), rtol=1e-12)
    assert gn.check_gradients(graph, FEEDS).ok
    (found,) = gn.gradients(graph["E"], [graph["dense_3/W"]])
    np.testing.assert_allclose(gn.forward(found, FEEDS)[found], back.gradients["dense_3/W"], rtol=1e-12)
    np.testing.assert_allclose(
        gn.derive(graph, "dense_3/W").evaluate(back)["dense_3/W"], back.gradients["dense_3/W"], rtol=1e-12
    )


def same_values(one, other):
    assert labels_of(one) == labels_of(other)
    for mine, theirs in zip(one.parameters, other.parameters, strict=True):
        np.testing.assert_array_equal(mine.value, theirs.value)


def test_files_and_copies_have_the_labels(tmp_path):
    graph = two_towers()
    gn.save(tmp_path / "net.gn", graph)
    loaded = gn.load(tmp_path / "net.gn")
    assert [p.name for p in loaded.parameters] == LABELS
    same_values(loaded, graph)
    other = two_towers(np.random.default_rng(1))
    gn.load_parameters(tmp_path / "net.gn", other)
    same_values(other, graph)
    same_values(gn.Graph.from_networkx(graph.to_networkx()), graph)
    for again in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        same_values(again, graph)
    np.testing.assert_array_equal(gn.forward(loaded, FEEDS)["E"], gn.forward(graph, FEEDS)["E"])


@pytest.mark.parametrize("make", [lambda: gn.GradientDescent(0.1), lambda: gn.Adam(0.1, clip_norm=1.0)])
def test_training(make):
    by_hand, fitted = two_towers(), two_towers()
    optimizer, other = make(), make()
    for _ in range(3):
        optimizer.update(by_hand, gn.backward(by_hand, FEEDS).gradients)
    gn.fit(fitted, FEEDS, optimizer=other, epochs=3)
    assert optimizer.state.keys() == other.state.keys()
    for mine, theirs in zip(by_hand.parameters, fitted.parameters, strict=True):
        np.testing.assert_allclose(mine.value, theirs.value, rtol=1e-10)
    with pytest.raises(gn.errors.TrainingError, match=r"called 'dense/W'(?s:.*)optimizer\.update\(graph"):
        make().update(by_hand.parameters, gn.backward(by_hand, FEEDS).gradients)


def test_masks_of_dropout_are_fed_by_their_labels():
    x, rng = gn.input("x", shape=(None, 2)), np.random.default_rng(0)
    a = layers.dropout(x) * layers.dropout(x)
    graph = gn.Graph(a)
    assert [graph.label(node) for node in graph.inputs] == ["x", "dropout_1/mask", "dropout_2/mask"]
    on, off = np.ones((2, 2), bool), np.zeros((2, 2), bool)
    fed = {**FEEDS, "dropout_1/mask": on, "dropout_2/mask": on}
    np.testing.assert_array_equal(gn.forward(graph, fed)[a], 4 * FEEDS["x"] ** 2)
    assert not gn.compile(a, [])(fed | {"dropout_2/mask": off})[0].any()
    with pytest.raises(gn.errors.FeedError, match="'dropout_1/mask', 'dropout_2/mask'"):
        gn.forward(graph, FEEDS)
    masks = gn.dropout_masks(a, 2, rng)
    assert len(masks) == 2
    w = gn.parameter("w", np.ones(2))
    gn.fit(gn.sum(w * a), FEEDS, optimizer=gn.GradientDescent(0.1), epochs=1, rng=rng)


def test_inference_finds_the_feeds_by_label():
    x, y = gn.input("x", shape=(None, 2)), gn.input("y", shape=(None, 2))
    a = layers.batch_norm(layers.dropout(x)) + layers.batch_norm(layers.dropout(y))
    feeds = {"x": FEEDS["x"], "y": FEEDS["x"], "dropout_1/mask": np.ones((2, 2), bool)}
    with pytest.raises(gn.errors.FeedError):
        gn.forward(a, feeds)
    network = gn.inference(a, {"x": FEEDS["x"], "y": 3 * FEEDS["x"]})
    assert gn.forward(network, {"x": FEEDS["x"], "y": FEEDS["x"]})


def test_pictures_keep_them_apart():
    drawing = gn.draw(two_towers())
    assert {"dense_1", "dense_2", "dense_3"} <= {group.title for group in drawing.picture.groups}
    assert "dense_3" in drawing.to_text()
