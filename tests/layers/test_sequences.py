"""Embedding, and a recurrent cell unrolled in the graph."""

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import assert_agrees

rng = np.random.default_rng(0)


def test_an_embedding_looks_rows_up_and_adds_the_messages_of_repeated_ones():
    words = gn.input("words", shape=(None, 3), dtype=int)
    a = gn.layers.embedding(words, 5, 2, rng=rng)
    assert a.shape == (None, 3, 2)
    (W,) = gn.Graph(a).parameters
    picked = np.array([[0, 4, 0], [1, 0, 1]])
    bwd = gn.backward(a, {words: picked}, delta=(delta := rng.normal(size=(2, 3, 2))))
    np.testing.assert_array_equal(bwd[a], W.value[picked])
    expected = np.zeros((5, 2))
    for place in np.ndindex(2, 3):
        expected[picked[place]] += delta[place]
    np.testing.assert_allclose(bwd.gradient(W), expected)
    E = gn.sum(gn.tanh(a))
    gn.check_gradients(E, {words: picked}).raise_if_failed()
    assert_agrees(E, {words: picked})


def by_hand(X, W, U, b, h=None):
    states = []
    for step in range(X.shape[1]):
        h = np.tanh(X[:, step] @ W + (0 if h is None else h @ U) + b)
        states.append(h)
    return states


@pytest.mark.parametrize("from_zero", [True, False])
def test_the_cell_is_its_formula_at_each_step(from_zero):
    x, first = gn.input("x", shape=(None, 4, 3)), gn.input("h0", shape=(None, 5))
    states = gn.layers.recurrent(x, 5, rng=rng, initial=None if from_zero else first, name="r")
    graph = gn.Graph(*states)
    assert (
        [parameter.name for parameter in graph.parameters] == ["r/W", "r/b", "r/U"]
        if from_zero
        else ["r/W", "r/U", "r/b"]
    )
    graph["r/b"].value = rng.normal(size=5)
    X, H = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5))
    feeds = {x: X} if from_zero else {x: X, first: H}
    fwd = gn.forward(graph, feeds)
    values = [graph[f"r/{name}"].value for name in "WUb"]
    for state, expected in zip(states, by_hand(X, *values, None if from_zero else H), strict=True):
        np.testing.assert_allclose(fwd[state], expected, rtol=1e-12)


def test_each_parameter_receives_one_message_from_each_step():
    x = gn.input("x", shape=(None, 4, 3))
    states = gn.layers.recurrent(x, 5, rng=rng)
    E = gn.sum(gn.square(states[-1]))
    feeds = {x: rng.normal(size=(2, 4, 3))}
    bwd = gn.backward(E, feeds)
    assert [len(bwd.messages(f"recurrent/{name}")) for name in "WUb"] == [4, 3, 4]
    gn.check_gradients(E, feeds).raise_if_failed()
    assert_agrees(E, feeds)
    assert {node.scope for node in gn.Graph(E)} >= {f"recurrent/step_{step}" for step in (1, 2, 3, 4)}


def test_all_states_can_be_stacked_and_the_steps_are_drawn_in_frames():
    x = gn.input("x", shape=(None, 4, 3))
    states = np.stack(gn.layers.recurrent(x, 5, rng=rng), axis=1)
    assert states.shape == (None, 4, 5)
    picture = gn.draw(gn.Graph(states)).to_svg()
    assert "step_1" in picture
    assert "step_4" in picture


def test_it_learns_to_carry_the_first_number_to_the_end():
    rng = np.random.default_rng(3)
    x, t = gn.input("x", shape=(None, 6, 1)), gn.input("t", shape=(None, 1))
    last = gn.layers.recurrent(x, 8, rng=rng)[-1]
    E = gn.mse(gn.layers.dense(last, 1, None, rng=rng), t)
    X = rng.choice([-1.0, 1.0], size=(256, 6, 1))
    history = gn.fit(E, {x: X, t: X[:, 0]}, optimizer=gn.Adam(0.01, clip_norm=1.0), epochs=40, batch_size=32, rng=rng)
    assert history.loss[0] > 0.8  # a guess has 1
    assert history.loss[-1] < 0.05


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: gn.layers.recurrent(x, 0, rng=rng), "ShapeError", "of 0 units on a node of shape"),
        (lambda x: gn.layers.recurrent(x[:, 0], 2, rng=rng), "ShapeError", r"shape \(samples, steps, columns\)"),
        (
            lambda x: gn.layers.recurrent(gn.input("y", (2, None, 3)), 2, rng=rng),
            "UnknownSizeError",
            "needs every size",
        ),
        (lambda x: gn.layers.recurrent(np.ones((1, 2, 3)), 2, rng=rng), "GraphError", "recurrent takes nodes"),
        (lambda x: gn.layers.recurrent(x, "2", rng=rng), "GraphError", "units of recurrent layer 'recurrent' is '2'"),
        (lambda x: gn.layers.recurrent(x, 2, None, rng=rng), "GraphError", "is None, expected an op function"),
        (lambda x: gn.layers.embedding(x, 5.0, 2, rng=rng), "GraphError", "count of embedding 'embedding' is 5.0"),
        (lambda x: gn.layers.embedding(x, 5, 2, rng=7), "GraphError", "rng is 7, expected a generator"),
        (lambda x: gn.layers.recurrent(x, 2, rng=None), "GraphError", "rng is None, expected a generator"),
        (
            lambda x: gn.layers.recurrent(x, 2, rng=rng, initial=gn.input("h", (None, 3))),
            "ShapeError",
            "inner sizes 3 and 2",
        ),
        (lambda x: gn.layers.embedding(x, 5, 2, rng=rng), "OpaqueError", "take needs integer positions"),
        (lambda x: gn.layers.embedding(x, 0, 2, rng=rng), "ShapeError", "an embedding of 0 symbols"),
    ],
)
def test_bad_layers_are_refused(make, error, message):
    with pytest.raises(getattr(gn.errors, error), match=message):
        make(gn.input("x", shape=(None, 4, 3)))
