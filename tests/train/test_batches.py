"""Where batches come from: arrays, memory-mapped files, lists, generators; and bad data, refused before its step."""

import itertools
import tracemalloc

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import TrainingError, UnknownSizeError
from graphnet.train.batches import as_batches


def rows(feeds, size):
    """Return feeds cut into batches, in order."""
    x, t = feeds
    return [{x: feeds[x][i : i + size], "t": feeds[t][i : i + size]} for i in range(0, len(feeds[x]), size)]


SOURCES = {
    "a list": lambda batches: batches,
    "a tuple": lambda batches: tuple(batches),
    "a generator function": lambda batches: lambda: (batch for batch in batches),
    "a function that returns a list": lambda batches: lambda: batches,
}


@pytest.mark.parametrize("source", SOURCES)
def test_ready_batches_train_as_the_same_arrays_do(line, fit, source):
    _, feeds, w = line
    expected = fit(line, batch_size=8, epochs=3)
    best, w.value = w.value.copy(), np.zeros((2, 1))
    assert fit(line, feeds=SOURCES[source](rows(feeds, 8)), epochs=3).loss == expected.loss
    np.testing.assert_array_equal(w.value, best)


def test_an_endless_generator_is_cut_into_epochs_and_loses_no_batch(line, fit):
    taken = []

    def endless():
        for i in itertools.count():
            taken.append(i)
            yield rows(line[1], 8)[i % 5]

    assert len(fit(line, feeds=endless(), epochs=3, steps_per_epoch=4).loss) == 3
    assert taken == list(range(12))


def test_a_generator_that_is_given_itself_is_one_epoch(line, fit):
    assert len(fit(line, feeds=iter(rows(line[1], 8)), epochs=1).loss) == 1
    with pytest.raises(gn.errors.TrainingError, match="a generator gives its batches once, and epochs=2"):
        fit(line, feeds=iter(rows(line[1], 8)), epochs=2)


def test_a_stream_that_ends_ends_the_training(line, fit):
    history = fit(line, feeds=iter(rows(line[1], 8)), epochs=9, steps_per_epoch=2)
    assert len(history.loss) == 3  # the last of one step
    assert history.stopped == "no more batches after 3 epochs"


def test_shuffled_epochs_hold_every_sample_once_and_differ(line):
    E, feeds, _ = line
    x, t = feeds
    batches = as_batches(gn.Graph(E), feeds, epochs=2, batch_size=7, rng=np.random.default_rng(0))
    epochs = [[{node: array.copy() for node, array in batch.items()} for batch in batches.epoch()] for _ in range(2)]
    assert [[len(batch[x]) for batch in epoch] for epoch in epochs] == [[7] * 5 + [5]] * 2
    first, second = (np.concatenate([np.hstack([batch[x], batch[t]]) for batch in epoch]) for epoch in epochs)
    assert (first != second).any()
    for rows in (first, second):
        everything = np.hstack([feeds[x], feeds[t]])  # x and t stay together
        np.testing.assert_array_equal(rows[rows[:, 0].argsort()], everything[everything[:, 0].argsort()])


@pytest.mark.parametrize("rng", [None, np.random.default_rng(0)])
def test_of_a_memory_mapped_file_only_batches_are_read(tmp_path, fit, rng):
    X = np.memmap(tmp_path / "x.dat", np.float32, "w+", shape=(1000, 20_000))  # 80 MB
    X[:, 0] = 1
    T = np.memmap(tmp_path / "t.dat", np.float32, "w+", shape=(1000, 1))
    x, t = gn.input("x", shape=(None, 20_000)), gn.input("t", shape=(None, 1))
    w = gn.parameter("w", np.full((20_000, 1), 0.5, np.float32))
    E = gn.sse(x @ w, t)
    tracemalloc.start()
    try:
        fit((E, {x: X, t: T}, w), batch_size=10, epochs=1, rng=rng, optimizer=gn.GradientDescent(0.01))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6  # a batch is 0.8 MB
    np.testing.assert_allclose(w.value[:2, 0], [0.5 * 0.9**100, 0.5], rtol=1e-4, atol=1e-7)


# Bad data ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feeds", "error", "message"),
    [
        ({"x": np.ones((4, 2)), "t": np.ones((3, 1))}, "TrainingError", "different numbers of samples: 'x' 4, 't' 3"),
        ({"x": np.ones((0, 2)), "t": np.ones((0, 1))}, "TrainingError", "no samples"),
        ({"x": np.ones((4, 3)), "t": np.ones((4, 1))}, "ShapeError", r"'x' has shape \(4, 3\), expected \(None, 2\)"),
        ({"x": np.ones(4), "t": np.ones((4, 1))}, "ShapeError", r"'x' has shape \(4,\), expected \(None, 2\)"),
        ({"x": np.ones((4, 2)), "t": np.ones(4)}, "ShapeError", "Feed a column"),
        ({"x": [["a", "b"]], "t": np.ones((1, 1))}, "DtypeError", r"'x' is \[\['a', 'b'\]\], expected numbers"),
        ({"x": [[1.0, 2.0], [3.0]], "t": np.ones((2, 1))}, "DtypeError", "not an array"),
        ({"x": np.ones((4, 2))}, "FeedError", "no array is fed for 't'"),
        ({"x": np.ones((4, 2)), "t": np.ones((4, 1)), "u": [1]}, "FeedError", "no input is called 'u'"),
        (3, "FeedError", "feeds must be a dict"),
    ],
)
@pytest.mark.parametrize("ready", [False, True])
def test_bad_data_is_refused_before_its_step(line, fit, feeds, error, message, ready):
    given = [feeds] if ready else feeds
    with pytest.raises(getattr(gn.errors, error), match=message):
        fit(line, feeds=given)
    np.testing.assert_array_equal(line[2].value, np.zeros((2, 1)))


def test_a_bad_batch_later_on_leaves_the_parameters_of_the_step_before(line, fit):
    good = rows(line[1], 8)[0]
    fit(line, feeds=[good], epochs=1)
    once, line[2].value = line[2].value.copy(), np.zeros((2, 1))
    with pytest.raises(gn.errors.TrainingError, match="different numbers of samples"):
        fit(line, feeds=[good, {"x": np.ones((4, 2)), "t": np.ones((3, 1))}], epochs=1)
    np.testing.assert_array_equal(line[2].value, once)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected an integer from 1 to 40"),
        ({"batch_size": 41}, "batch_size is 41, expected an integer from 1 to 40"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"batch_size": 2.0}, "batch_size is 2.0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"steps_per_epoch": 3}, "steps_per_epoch is given, and arrays"),
        ({"feeds": [], "epochs": 1}, "there are no batches"),
        ({"feeds": lambda: None}, "the function gave None"),
        ({"feeds": [{}], "batch_size": 2}, "batch_size is given, and batches that are cut already"),
        ({"feeds": [{}], "steps_per_epoch": 0}, "steps_per_epoch is 0, expected an integer ≥ 1"),
    ],
)
def test_bad_settings_of_batches_are_refused(line, fit, options, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        fit(line, **options)
    np.testing.assert_array_equal(line[2].value, np.zeros((2, 1)))


def test_a_batch_size_without_samples_to_cut(fit):
    w = gn.parameter("w", [1.0])
    with pytest.raises(gn.errors.TrainingError, match="no input can be cut into mini-batches"):
        fit((gn.sse(w, [0.0]), {}, w), batch_size=2)


def classifier():
    x, labels = gn.input("x", shape=(None, 3)), gn.input("labels", shape=(None,), dtype=int)
    W = gn.parameter("W", np.zeros((3, 4)))
    return gn.cross_entropy(x @ W, gn.one_hot(labels, 4, name="t")), W


@pytest.mark.parametrize("labels", [[0, 4, 1], [-1, 0, 1], [1, 2, 10**9]])
@pytest.mark.parametrize("ready", [False, True])
def test_labels_out_of_range_are_refused_before_the_first_step(fit, labels, ready):
    E, W = classifier()
    feeds = {"x": np.ones((3, 3)), "labels": np.array(labels)}
    low, high = min(labels), max(labels)
    with pytest.raises(
        gn.errors.TrainingError, match=f"'labels' has numbers from {low} to {high}, and 't' takes them from 0 to 3"
    ):
        fit((E, feeds, W), feeds=[feeds] if ready else feeds)
    assert not W.value.any()


def test_labels_as_floats_are_refused(fit):
    E, W = classifier()
    with pytest.raises(gn.errors.DtypeError, match="'labels' has dtype float64, expected integers"):
        fit((E, {"x": np.ones((3, 3)), "labels": [0.0, 1.0, 2.0]}, W))


def test_labels_in_range_train(fit):
    E, W = classifier()
    feeds = {"x": np.eye(3), "labels": [3, 0, 2]}
    history = fit((E, feeds, W), optimizer=gn.GradientDescent(1.0), epochs=50)
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert W.value.argmax(axis=1).tolist() == [3, 0, 2]


def test_a_mask_that_can_not_be_compiled_is_no_fault_of_the_last_batch(refused):
    x, w = gn.input("x", (None,)), gn.parameter("w", 1.0)
    z = x * w
    with refused(UnknownSizeError, "depends on numbers", "np.where(mask, z, 0) keeps the shape"):
        gn.fit(gn.sum(z[z > 0]), {x: np.arange(5.0)}, optimizer=gn.GradientDescent(0.1), epochs=1, batch_size=3)


def test_a_last_batch_that_is_too_small_to_be_normalised_is_told_before_the_first_step(refused):
    x, t = gn.input("x", (None, 3)), gn.input("t", (None, 1))
    rng = np.random.default_rng(0)
    E = gn.sse(gn.batch_norm(gn.layers.dense(x, 1, rng=rng, name="d"), name="n"), t)
    feeds = {x: rng.normal(size=(9, 3)), t: rng.normal(size=(9, 1))}
    values = [parameter.value.copy() for parameter in gn.Graph(E).parameters]
    with refused(TrainingError, "batch_norm 'n'", "the last mini-batch holds 1 of 9 samples", "batch_size, as 3"):
        gn.fit(E, feeds, optimizer=gn.Adam(), epochs=1, batch_size=4)
    assert all(map(np.array_equal, values, [parameter.value for parameter in gn.Graph(E).parameters]))
    assert len(gn.fit(E, feeds, optimizer=gn.Adam(), epochs=1, batch_size=3).loss) == 1


def test_samples_that_become_several_rows_are_enough_to_be_normalised():
    x = gn.input("x", (None, 2, 3))
    w = gn.parameter("w", np.ones(3))
    E = gn.sum(gn.square(gn.batch_norm(gn.reshape(x * w, (-1, 3))) - 1))
    history = gn.fit(
        E, {x: np.random.default_rng(0).normal(size=(3, 2, 3))}, optimizer=gn.Adam(), epochs=1, batch_size=2
    )
    assert len(history.loss) == 1


def test_images_are_normalised_over_their_pixels_too():
    x = gn.input("x", (None, 1, 2, 2))
    w = gn.parameter("w", np.ones((1, 1, 1)))
    E = gn.sum(gn.square(gn.batch_norm(x * w) - 1))
    images = np.random.default_rng(0).normal(size=(3, 1, 2, 2))
    assert len(gn.fit(E, {x: images}, optimizer=gn.Adam(), epochs=1, batch_size=2).loss) == 1
