"""Training: it learns, it is repeatable, and bad settings are refused before the first step."""

import numpy as np
import pytest

import graphnet as gn

pytestmark = pytest.mark.usefixtures("either_way")


@pytest.mark.parametrize("batch_size", [None, 1, 7, 40])
def test_it_finds_the_line(line, fit, batch_size):
    history = fit(line, batch_size=batch_size, rng=np.random.default_rng(1), epochs=60)
    np.testing.assert_allclose(line[2].value, [[2.0], [-3.0]], atol=1e-4)
    assert len(history.loss) == 60
    assert history.loss[-1] < 1e-6 < history.loss[0]


def test_one_step_is_the_update_rule(line, fit):
    E, feeds, w = line
    gradient = gn.backward(E, feeds).gradient(w)
    fit(line, epochs=1)
    np.testing.assert_array_equal(w.value, -0.02 * gradient)


def test_without_a_batch_size_the_first_loss_is_that_of_the_start(line, fit):
    E, feeds, _ = line
    start = float(gn.forward(E, feeds)[E])
    assert fit(line, epochs=1).loss == [start]


def test_one_generator_gives_one_result(line, fit):
    results = []
    for _ in range(2):
        line[2].value = np.zeros((2, 1))
        fit(line, batch_size=8, rng=np.random.default_rng(5), epochs=3)
        results.append(line[2].value.tobytes())
    assert results[0] == results[1]


def test_without_a_generator_the_samples_keep_their_order(line, fit):
    _, feeds, w = line
    fit(line, batch_size=20, epochs=1)
    by_hand = np.zeros((2, 1))
    X, T = feeds.values()
    for rows in (slice(0, 20), slice(20, 40)):
        by_hand -= 0.02 * X[rows].T @ (X[rows] @ by_hand - T[rows])
    np.testing.assert_allclose(w.value, by_hand, rtol=1e-12)


def test_inputs_of_fixed_shape_are_fed_whole():
    x, scale = gn.input("x", shape=(None, 2)), gn.input("scale", shape=(2,))
    w = gn.parameter("w", np.ones((2, 1)))
    E = gn.sum((x * scale) @ w)
    gn.fit(E, {x: np.ones((6, 2)), scale: [1.0, 2.0]}, optimizer=gn.GradientDescent(0.1), epochs=1, batch_size=3)
    np.testing.assert_allclose(w.value, [[1 - 0.6], [1 - 1.2]])


def test_float32_stays_float32():
    w = gn.parameter("w", np.ones(3, np.float32))
    gn.fit(gn.sse(w, np.zeros(3)), {}, optimizer=gn.GradientDescent(0.5), epochs=2)
    assert w.value.dtype == np.float32
    np.testing.assert_array_equal(w.value, np.full(3, 0.25, np.float32))


def test_a_step_that_is_not_finite_names_the_node_and_keeps_the_last_good_values():
    w = gn.parameter("w", [1.0])
    E = gn.sum(gn.log(w, name="l"))
    with np.errstate(all="ignore"), pytest.raises(gn.errors.NonFiniteError, match="log 'l': the value has 1 NaN"):
        gn.fit(E, {}, optimizer=gn.GradientDescent(1.5), epochs=9)
    np.testing.assert_array_equal(w.value, [1.0 - 1.5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs is -1, expected an integer"),
        ({"epochs": 1.5}, "epochs is 1.5, expected an integer"),
        ({"batch_size": 0}, "batch_size is 0, expected an integer from 1 to 40"),
        ({"batch_size": 41}, "batch_size is 41, expected an integer from 1 to 40"),
        ({"feeds": {"x": np.ones((4, 2)), "t": np.ones((3, 1))}}, "different numbers of samples: 'x' 4, 't' 3"),
        ({"feeds": {"x": np.ones((0, 2)), "t": np.ones((0, 1))}}, "no samples"),
    ],
)
def test_bad_settings_are_refused_before_the_first_step(line, fit, options, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        fit(line, **options)
    np.testing.assert_array_equal(line[2].value, np.zeros((2, 1)))


def test_feeds_are_checked_as_everywhere(line, fit):
    with pytest.raises(gn.errors.FeedError, match="no array is fed for 't'"):
        fit(line, feeds={"x": np.ones((4, 2))})
    with pytest.raises(gn.errors.ShapeError, match=r"the feed of input 'x' has shape \(4, 3\), expected \(None, 2\)"):
        fit(line, feeds={"x": np.ones((4, 3)), "t": np.ones((4, 1))})


def test_a_graph_without_parameters_has_nothing_to_train():
    x = gn.input("x", shape=(None,))
    with pytest.raises(gn.errors.TrainingError, match="E depends on no parameter"):
        gn.fit(gn.sum(x), {x: [1.0]}, optimizer=gn.GradientDescent(0.1), epochs=1)


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf")])
def test_learning_rates_are_positive(rate):
    with pytest.raises(gn.errors.TrainingError, match="is not positive"):
        gn.GradientDescent(rate)


def test_the_progress_bar_is_shown_when_asked_for(line, fit, capsys):
    fit(line, epochs=2, progress=True)
    assert "loss=" in capsys.readouterr().err
    fit(line, epochs=2, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": 0.1}, "0.1 is not an optimiser"),
        ({"optimizer": gn.GradientDescent}, "is not an optimiser"),
        ({"batch_size": 2, "rng": 0}, "rng is 0, expected a generator"),
        ({"on_nonfinite": "rais"}, "on_nonfinite is 'rais'"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused(line, fit, options, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        fit(line, **options)
