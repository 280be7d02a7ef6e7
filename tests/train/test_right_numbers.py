"""Numbers of training that belong together: a loss and its parameters, a loss and its validation, a value and its moment."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import NonFiniteError, TrainingError

pytestmark = pytest.mark.usefixtures("either_way")


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize("optimizer", [lambda: gn.Momentum(0.3), lambda: gn.Adam(0.9), lambda: gn.GradientDescent(0.3)])
def test_the_parameters_taken_back_have_the_loss_called_best(optimizer, ready):
    w = gn.parameter("w", 0.0)
    E = gn.square(w - 3.0)
    stopping = gn.EarlyStopping(patience=5, monitor="loss")
    history = gn.fit(E, [{}] if ready else {}, optimizer=optimizer(), epochs=60, callbacks=[stopping])
    assert gn.forward(E, {})[E] == stopping.best == pytest.approx((w.value - 3) ** 2)
    assert stopping.best <= min(history.loss)


@pytest.mark.parametrize("loss", [gn.mse, gn.sse])
def test_so_they_do_with_mini_batches_in_any_order(line, fit, loss):
    E, feeds, w = line
    E = loss(*E.inputs)
    stopping = gn.EarlyStopping(patience=2, monitor="loss")
    fit((E, feeds, w), batch_size=8, optimizer=gn.Momentum(0.05), rng=np.random.default_rng(0), callbacks=[stopping])
    parts = [{node: array[i : i + 8] for node, array in feeds.items()} for i in range(0, 40, 8)]
    assert stopping.best == pytest.approx(np.mean([gn.forward(E, part)[E] for part in parts]))


def test_batches_that_come_once_have_no_loss_to_keep_parameters_by(line, fit):
    stopping = gn.EarlyStopping(monitor="loss")
    with pytest.raises(TrainingError, match=r"come only once(?s:.*)validation=\.\.\."):
        fit(line, feeds=iter([line[1]] * 3), steps_per_epoch=1, epochs=3, callbacks=[stopping])


@pytest.mark.parametrize("loss", [gn.mse, gn.sse, lambda a, t: gn.mean(gn.abs(a - t))])
@pytest.mark.parametrize("batch_size", [None, 4, 5, 7])
@pytest.mark.parametrize("ready", [False, True])
def test_at_rest_the_loss_is_the_validation_loss_on_the_same_data(line, fit, loss, batch_size, ready):
    E, feeds, w = line
    E = loss(*E.inputs)
    feeds = {node: array[:11] for node, array in feeds.items()}
    options = {"batch_size": batch_size, "validation": feeds}
    if ready:
        size = batch_size or 11
        parts = [{node: array[i : i + size] for node, array in feeds.items()} for i in range(0, 11, size)]
        options = {"feeds": parts, "validation": parts}
    history = fit((E, feeds, w), epochs=1, optimizer=gn.GradientDescent(lambda step: 0.0), **options)
    assert history.loss == pytest.approx(history.validation_loss, rel=1e-14)
    if loss is not gn.sse:  # a mean over all samples, however they are cut
        assert history.loss == pytest.approx([gn.forward(E, feeds)[E].item()], rel=1e-14)


def test_a_last_batch_of_one_counts_as_one_sample():
    x, w = gn.input("x", (None,)), gn.parameter("w", 1.0)
    E = gn.mean(x * w)
    history = gn.fit(E, {x: [0, 0, 0, 0, 100.0]}, optimizer=gn.GradientDescent(lambda _: 0.0), epochs=1, batch_size=4)
    assert history.loss == [20]


def by_schedule(look):
    return {"optimizer": gn.GradientDescent(lambda step: look() or 0.1)}


def by_optimizer(look):
    class Own(gn.GradientDescent):
        def update(self, parameters, gradients):
            look()
            super().update(parameters, gradients)

    return {"optimizer": Own(0.1)}


@pytest.mark.parametrize("way", [by_schedule, by_optimizer])
def test_a_value_is_that_of_now_within_an_epoch(way):
    x, w = gn.input("x", (None,)), gn.parameter("w", 8.0)
    seen = []
    options = way(lambda: seen.append(w.value.item()))
    gn.fit(gn.mean(x) * w, {x: np.ones(6)}, epochs=2, batch_size=2, **options)
    assert seen == pytest.approx([8.0, 7.9, 7.8, 7.7, 7.6, 7.5])


def test_a_rule_that_reads_a_parameter_reads_that_of_now():
    x, w = gn.input("x", (None,)), gn.parameter("w", 8.0)
    seen = []

    @gn.op
    def spy(z):
        seen.append(w.value.item())
        return np.array([float(entry) for entry in z])

    @spy.backward
    def spy_backward(delta, a, z):
        return delta

    gn.fit(gn.mean(spy(x)) * w, {x: np.full(6, 3.0)}, epochs=1, batch_size=2, optimizer=gn.GradientDescent(0.1))
    assert seen[-3:] == pytest.approx([8.0, 7.7, 7.4])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [gn.Adam, gn.AdamW, gn.RMSProp])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e25), (np.float64, 1e200)])
@pytest.mark.parametrize("rate", [0.1, lambda step: 0.1], ids=["side by side", "one by one"])
def test_a_square_that_overflows_is_named(kind, dtype, size, rate):
    v, w = gn.parameter("v", np.ones(2, dtype)), gn.parameter("w", np.ones(2, dtype))
    optimizer = kind(rate)
    with pytest.raises(NonFiniteError, match=f"parameter 'w': the square of its gradient overflows {np.dtype(dtype)}"):
        gn.fit(gn.sum(v) + gn.sum(w * size), {}, optimizer=optimizer, epochs=3)
    assert (v.value == 1).all()
    assert (w.value == 1).all()
    assert optimizer.state == {"step": 0}


def test_validation_data_with_nan_is_named(line, fit):
    data = {"x": np.full((3, 2), np.nan), "t": np.ones((3, 1))}
    with pytest.raises(NonFiniteError, match=r"input 'x': the value has 6 NaN(?s:.*)in the validation data"):
        fit(line, validation=data)
    line[2].value = np.zeros((2, 1))
    stopping = gn.EarlyStopping(patience=2)
    history = fit(line, validation=data, callbacks=[stopping], on_nonfinite="ignore")
    assert history.stopped == "validation loss is NaN"


def test_validation_data_without_samples_is_refused(line, fit):
    with pytest.raises(TrainingError, match="hold no samples"):
        fit(line, validation={"x": np.ones((0, 2)), "t": np.ones((0, 1))})


@pytest.mark.parametrize("kind", [gn.Adam, gn.AdamW, gn.RMSProp])
@pytest.mark.parametrize(("dtype", "epsilon"), [(np.float32, 1e-16), (np.float32, 1e-60), (np.float64, 1e-160)])
def test_an_epsilon_below_the_squares_that_a_dtype_holds_is_refused(kind, dtype, epsilon):
    w = gn.parameter("w", np.ones(2, dtype))
    with pytest.raises(TrainingError, match=f"too small for {np.dtype(dtype)}"):
        kind(0.1, epsilon=epsilon).update([w], {"w": np.array([0, 1e-30], dtype)})
    assert (w.value == 1).all()


@pytest.mark.parametrize("size", [1e-25, 1e-19, 1e-16, 1e-12, 1e-6])
def test_a_tiny_gradient_makes_a_step_in_float32_as_in_float64(size):
    steps = []
    for dtype in (np.float32, np.float64):
        w = gn.parameter("w", np.zeros(1, dtype))
        gn.Adam(1.0, epsilon=2e-15).update([w], {"w": np.array([size], dtype)})
        steps.append(w.value.item())
    assert steps[0] == pytest.approx(steps[1], rel=0.01)
    assert steps[1] == pytest.approx(-size / (size + 2e-15), rel=1e-6)


@pytest.mark.parametrize("kind", [gn.Adam, gn.AdamW, gn.RMSProp])
def test_an_update_by_hand_that_overflows_is_an_error_too(kind):
    w, optimizer = gn.parameter("w", np.ones(2, np.float32)), kind(0.1)
    with pytest.raises(NonFiniteError, match="parameter 'w': its update overflows float32"):
        optimizer.update([w], {"w": np.full(2, 1e30, np.float32)})
