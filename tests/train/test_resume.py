"""Training that was stopped and goes on elsewhere gives the same bytes as training that was not."""

import copy
import io
import json
import pickle

import numpy as np
import pytest

import graphnet as gn

OPTIMIZERS = {
    "gradient descent": lambda: gn.GradientDescent(gn.schedules.Exponential(0.05, factor=0.9)),
    "momentum": lambda: gn.Momentum(0.01, weight_decay=0.01),
    "nesterov": lambda: gn.Momentum(0.01, nesterov=True, clip_norm=1.0),
    "rmsprop": lambda: gn.RMSProp(0.01, clip_value=0.5),
    "adam": lambda: gn.Adam(gn.schedules.Cosine(0.01, steps=100)),
    "adamw": lambda: gn.AdamW(0.01),
}


def network(dtype=np.float64):
    rng = np.random.default_rng(3)
    x, t = gn.input("x", shape=(None, 4)), gn.input("t", shape=(None, 2))
    W, V = (gn.parameter(name, rng.normal(size=size).astype(dtype)) for name, size in (("W", (4, 8)), ("V", (8, 2))))
    graph = gn.Graph(gn.sse(gn.layers.dropout(gn.tanh(x @ W), rate=0.25) @ V, t, name="E"))
    X = rng.normal(size=(37, 4)).astype(dtype)
    return graph, {"x": X, "t": np.sin(X[:, :2])}


def train(graph, feeds, optimizer, rng, epochs):
    gn.fit(graph, feeds, optimizer=optimizer, epochs=epochs, batch_size=8, rng=rng)


def through_files(state):
    """Return a state as it comes back from arrays in a file and numbers in JSON."""
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as read:
        return dict(read)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_stopped_and_resumed_training_gives_the_same_bytes(name, dtype):
    whole, feeds = network(dtype)
    train(whole, feeds, OPTIMIZERS[name](), np.random.default_rng(7), epochs=5)

    first, _ = network(dtype)
    optimizer, rng = OPTIMIZERS[name](), np.random.default_rng(7)
    train(first, feeds, optimizer, rng, epochs=2)
    kept = through_files({parameter.name: parameter.value for parameter in first.parameters})
    state, random = through_files(optimizer.state), json.loads(json.dumps(rng.bit_generator.state))

    second, _ = network(dtype)
    for parameter in second.parameters:
        parameter.value = kept[parameter.name]
    optimizer, rng = OPTIMIZERS[name](), np.random.default_rng()
    optimizer.restore(state)
    rng.bit_generator.state = random
    train(second, feeds, optimizer, rng, epochs=3)

    for mine, theirs in zip(second.parameters, whole.parameters, strict=True):
        assert mine.value.tobytes() == theirs.value.tobytes(), mine.name


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_without_its_state_training_would_differ(name):
    """So that the test above can fail."""
    graph, feeds = network()
    whole, _ = network()
    train(whole, feeds, OPTIMIZERS[name](), np.random.default_rng(7), epochs=5)
    rng = np.random.default_rng(7)
    train(graph, feeds, OPTIMIZERS[name](), rng, epochs=2)
    train(graph, feeds, OPTIMIZERS[name](), rng, epochs=3)
    assert any((a.value != b.value).any() for a, b in zip(graph.parameters, whole.parameters, strict=True))


def test_fitting_again_with_the_same_optimiser_is_training_on():
    graphs = [network()[0] for _ in range(2)]
    _, feeds = network()
    for graph, parts in zip(graphs, ([5], [2, 2, 1]), strict=True):
        optimizer, rng = gn.Adam(0.01), np.random.default_rng(7)
        for epochs in parts:
            train(graph, feeds, optimizer, rng, epochs)
    for mine, theirs in zip(graphs[0].parameters, graphs[1].parameters, strict=True):
        assert mine.value.tobytes() == theirs.value.tobytes()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
def test_a_copy_of_an_optimiser_trains_on_as_the_optimiser_itself(copied):
    (graph, feeds), (other, _) = network(), network()
    for each, last in ((graph, lambda optimizer: optimizer), (other, copied)):
        optimizer, rng = gn.Adam(0.01), np.random.default_rng(7)
        train(each, feeds, optimizer, rng, epochs=2)
        train(each, feeds, last(optimizer), rng, epochs=2)
    for mine, theirs in zip(graph.parameters, other.parameters, strict=True):
        assert mine.value.tobytes() == theirs.value.tobytes()
