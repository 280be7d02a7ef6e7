"""Inference: another graph with the same parameters, without dropout, with fixed statistics."""

import numpy as np
import pytest

import graphnet as gn


def network():
    """Return a network with every layer that is another one in inference; normalisations one after the other."""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", shape=(None, 2, 4, 4)), gn.input("t", shape=(None, 3))
    h = gn.layers.batch_norm(gn.layers.conv2d(x, 4, rng=rng, name="c"), name="n1")
    h = gn.layers.dropout(gn.layers.flatten(h), rate=0.5, name="d1")
    h = gn.layers.batch_norm(gn.layers.dense(h, 5, rng=rng, name="h"), name="n2")
    a = gn.layers.dense(gn.layers.dropout(h, rate=0.25, name="d2"), 3, None, rng=rng, name="a")
    for parameter in gn.Graph(a).parameters:
        parameter.value += rng.normal(size=parameter.shape) * 0.1
    return x, t, a, gn.cross_entropy(a, t, name="E")


X = np.random.default_rng(1).normal(2.0, 3.0, size=(20, 2, 4, 4))


def test_dropout_is_left_out():
    x = gn.input("x", shape=(None, 2))
    a = gn.tanh(gn.layers.dropout(x, rate=0.5), name="a")
    out = gn.inference(a)
    assert [node.kind for node in gn.Graph(out).nodes] == ["input", "tanh"]
    assert out.name == "a"
    np.testing.assert_array_equal(gn.forward(out, {x: [[1.0, 2.0]]})[out], np.tanh([[1.0, 2.0]]))


def test_on_all_the_data_it_is_the_training_graph_with_nothing_dropped():
    x, _, a, _ = network()
    new = {}  # the training graph, its dropouts left out by hand
    for node in gn.Graph(a).nodes:
        inputs = [new[source] for source in node.inputs]
        new[node] = inputs[0] if node.kind == "dropout" else node if node.op is None else node.op(*inputs)
    out = gn.inference(a, {x: X})
    assert {"batch_norm", "dropout"}.isdisjoint(node.kind for node in gn.Graph(out).nodes)
    np.testing.assert_allclose(gn.forward(out, {x: X})[out], gn.forward(new[a], {x: X})[new[a]], rtol=1e-10)


def test_one_sample_gives_the_same_alone_as_among_others():
    x, _, a, _ = network()
    out = gn.inference(a, {x: X})
    together = gn.forward(out, {x: X})[out]
    alone = np.concatenate([gn.forward(out, {x: X[i : i + 1]})[out] for i in range(20)])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


def test_the_statistics_are_those_of_the_data():
    x = gn.input("x", shape=(None, 3))
    data = np.random.default_rng(0).normal([1.0, -2.0, 3.0], [1.0, 2.0, 0.5], size=(50, 3))
    out = gn.inference(gn.layers.batch_norm(x, epsilon=0.01), {x: data})
    at = np.array([[0.3, 0.2, 0.1]])
    expected = (at - data.mean(axis=0)) / np.sqrt(data.var(axis=0) + 0.01)
    np.testing.assert_allclose(gn.forward(out, {x: at})[out], expected, rtol=1e-12)
    assert {node.name for node in gn.Graph(out).constants} >= {
        "batch_norm/batch_norm_1/mean", "batch_norm/batch_norm_1/deviation"
    }  # fmt: skip


def test_names_that_were_given_stay():
    x = gn.input("x", shape=(None, 2))
    with gn.scope("s"):
        a = gn.dropout(gn.batch_norm(x, name="n"), gn.input("keep", (None, 2), dtype=bool), name="d")
    fwd = gn.forward(gn.inference(a, {x: [[0.0, 1.0], [2.0, 9.0]]}), {x: [[2.0, 9.0]]})
    np.testing.assert_allclose(fwd["s/n"], [[1.0, 1.0]], rtol=1e-5)
    np.testing.assert_array_equal(fwd["s/d"], fwd["s/n"])


def test_parameters_and_inputs_are_the_same_nodes():
    x, _, a, _ = network()
    out = gn.inference(a, {x: X})
    graph = gn.Graph(out)
    assert set(graph.parameters) == set(gn.Graph(a).parameters)
    assert graph.inputs == (x,)
    before = gn.forward(out, {x: X})[out]
    gn.Graph(a)["a/b"].value += 1
    np.testing.assert_allclose(gn.forward(out, {x: X})[out], before + 1, rtol=1e-12)


def test_a_network_that_is_the_same_in_inference_is_returned_itself():
    x = gn.input("x", shape=(None, 2))
    a = gn.layers.layer_norm(gn.layers.dense(x, 3, rng=np.random.default_rng(0)))
    assert gn.inference(a) is a


def test_it_can_be_checked_compiled_and_saved_like_any_other():
    x, t, _, E = network()
    out = gn.inference(E, {x: X})
    feeds = {x: X[:4], t: np.eye(3)[[0, 1, 2, 0]]}
    told = np.geterr()
    assert gn.check_gradients(out, feeds, entries=20).ok
    assert np.geterr() == told
    loss, grads = gn.compile(out)(feeds)
    bwd = gn.backward(out, feeds)
    assert loss == pytest.approx(bwd[out].item(), rel=1e-12)
    for name, gradient in bwd.gradients.items():
        np.testing.assert_allclose(grads[name], gradient, rtol=1e-9, atol=1e-12)
    again = gn.Graph.from_networkx(gn.Graph(out).to_networkx())
    assert gn.forward(again, {"x": X[:4], "t": feeds[t]})["E"] == bwd[out]


def test_batch_normalisation_without_data_is_refused():
    _, _, a, _ = network()
    with pytest.raises(gn.errors.GraphError, match=r"mean and variance of 'n1/batch_norm_1' \(batch_norm\), made at"):
        gn.inference(a)
    with pytest.raises(gn.errors.FeedError, match="no array is fed for 'x'"):
        gn.inference(a, {})


def test_several_outputs_come_back_as_a_graph():
    x, t, a, E = network()
    graph = gn.inference([a, E], {x: X, t: np.zeros((20, 3))})
    assert [graph.label(node) for node in graph.outputs] == [gn.Graph(E).label(a), "E"]


# In fit ---------------------------------------------------------------------------------------------------------------


def targets(samples):
    return np.eye(3)[np.arange(samples) % 3]


def test_fit_draws_the_masks_and_gives_one_result_for_one_generator():
    results = []
    for seed in (5, 5, 6):
        x, t, _, E = network()
        gn.fit(E, {x: X, t: targets(20)}, optimizer=gn.Adam(), epochs=2, batch_size=8, rng=np.random.default_rng(seed))
        results.append(b"".join(parameter.value.tobytes() for parameter in gn.Graph(E).parameters))
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize("ready", [False, True])
def test_masks_leave_out_their_share_and_are_new_in_each_step(ready):
    x = gn.input("x", shape=(None, 1000))
    w = gn.parameter("w", np.zeros(1000))
    E = gn.sum(gn.layers.dropout(x, rate=0.3) * w)  # ∂E/∂w of one sample of ones is its mask, divided by 0.7
    masks = []

    class Watch(gn.GradientDescent):
        def update(self, parameters, gradients):
            masks.append(gradients["w"].copy())

    data = np.ones((6, 1000))
    feeds = [{x: row[np.newaxis]} for row in data] if ready else {x: data}
    size = {} if ready else {"batch_size": 1}
    gn.fit(E, feeds, optimizer=Watch(0.1), epochs=2, rng=np.random.default_rng(0), **size)
    assert len({mask.tobytes() for mask in masks}) == 12
    for mask in masks:
        assert set(mask.round(12)) == {0.0, round(1 / 0.7, 12)}
    kept = np.mean([mask > 0 for mask in masks])
    assert abs(kept - 0.7) < 4 * np.sqrt(0.7 * 0.3 / 12_000)


def test_a_mask_that_is_fed_is_used():
    x = gn.input("x", shape=(None, 2))
    w = gn.parameter("w", np.zeros(2))
    E = gn.sum(gn.layers.dropout(x, rate=0.5) * w)
    feeds = {x: np.ones((4, 2)), "dropout/mask": np.array([[True, False]] * 4)}
    gn.fit(E, feeds, optimizer=gn.GradientDescent(1.0), epochs=1, rng=np.random.default_rng(0))
    assert w.value.tolist() == [-8.0, 0.0]
    gn.fit(E, feeds, optimizer=gn.GradientDescent(1.0), epochs=1, metrics=[gn.mean(x)])
    assert w.value.tolist() == [-16.0, 0.0]


def test_dropout_without_a_generator_is_refused_before_the_first_step():
    x, t, _, E = network()
    for feeds in ({x: X, t: targets(20)}, [{x: X, t: targets(20)}]):
        with pytest.raises(
            gn.errors.TrainingError, match="dropout draws 'd1/mask', 'd2/mask' at random, and there is no"
        ):
            gn.fit(E, feeds, optimizer=gn.Adam(), epochs=1)


def test_a_mask_of_unknown_size_can_be_fed_but_not_drawn():
    x, w = gn.input("x", shape=(None, None)), gn.parameter("w", 1.0)
    E = gn.sum(gn.layers.dropout(x, rate=0.5) * w)
    with pytest.raises(gn.errors.UnknownSizeError, match="the dropout mask 'dropout/mask' needs every size"):
        gn.fit(E, {x: np.ones((2, 3))}, optimizer=gn.Adam(), epochs=1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("ready", [False, True])
def test_validation_is_of_the_inference_network(ready):
    x, t, a, E = network()
    held = {x: X[:7] + 1, t: targets(7)}
    seen = []

    def measure(training):
        network = gn.inference(gn.Graph(E, accuracy), {x: X, t: targets(20)})
        fwd = gn.forward(network, held)
        seen.append([fwd[node].item() for node in network.outputs])

    accuracy = gn.accuracy(a, t)
    data = {x: X, t: targets(20)}
    history = gn.fit(
        E,
        [data] if ready else data,
        optimizer=gn.Adam(0.01),
        epochs=3,
        rng=np.random.default_rng(0),
        validation=held,
        metrics={"accuracy": accuracy},
        callbacks=[measure],
    )
    assert history.validation_loss == pytest.approx([loss for loss, _ in seen], rel=1e-9)
    assert history.metrics["accuracy"] == pytest.approx([share for _, share in seen])


def test_statistics_of_many_float32_rows_are_those_of_float64():
    """NumPy adds rows one by one: the mean of a million tenths came out 1 % off."""
    X = np.full((10**6, 2), 0.1, np.float32)
    X[::2] += 1
    x = gn.input("x", shape=(None, 2), dtype=np.float32)
    graph = gn.Graph(gn.inference(gn.batch_norm(x), {x: X}))
    mean, deviation = (node.value for node in graph.nodes if node.kind == "constant")
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=float, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(deviation, np.sqrt(X.var(axis=0, dtype=float, keepdims=True) + 1e-5), rtol=1e-6)
