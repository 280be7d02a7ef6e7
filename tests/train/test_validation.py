"""Validation data, metrics, and what is recorded of each epoch."""

import subprocess
import sys

import numpy as np
import pytest

import graphnet as gn


def held_out(samples, seed=1):
    X = np.random.default_rng(seed).normal(size=(samples, 2))
    return {"x": X, "t": X @ [[2.0], [-3.0]]}


def test_the_validation_loss_is_e_of_that_data_after_the_epoch(line, fit):
    E, _, _ = line
    data = held_out(13)
    seen = []
    history = fit(line, epochs=3, validation=data, callbacks=[lambda _: seen.append(gn.forward(E, data)[E].item())])
    assert history.validation_loss == pytest.approx(seen, rel=1e-12)


def test_in_batches_it_is_the_mean_by_samples(line, fit):
    E, _, _ = line
    data = held_out(13)
    history = fit(line, epochs=1, batch_size=5, validation=data)
    parts = [{name: array[i : i + 5] for name, array in data.items()} for i in (0, 5, 10)]
    losses = [gn.forward(E, part)[E].item() for part in parts]
    assert history.validation_loss == pytest.approx([(5 * losses[0] + 5 * losses[1] + 3 * losses[2]) / 13])


def test_fewer_validation_samples_than_a_batch_are_one_batch(line, fit):
    E, _, _ = line
    history = fit(line, epochs=1, batch_size=20, validation=held_out(3))
    assert history.validation_loss == pytest.approx([gn.forward(E, held_out(3))[E].item()])


@pytest.mark.parametrize("ready", [False, True])
def test_metrics_are_nodes_computed_on_the_validation_data(line, fit, ready):
    E, (_, t) = line[0], line[1]
    error = gn.mean(gn.abs(E.inputs[0] - t), name="error")
    data = held_out(6)
    history = fit(line, epochs=2, metrics=[error], validation=[data] if ready else data)
    assert list(history.metrics) == ["error"]
    assert history.metrics["error"][-1] == pytest.approx(gn.forward(error, data)[error].item())
    assert list(history.rows()[1]) == ["epoch", "loss", "validation_loss", "error", "seconds"]


def test_without_validation_data_metrics_are_of_the_training_data(line, fit):
    E, feeds, _ = line
    squares = gn.mse(E.inputs[0], E.inputs[1])
    history = fit(line, epochs=2, batch_size=8, metrics={"squares": squares})
    assert history.metrics["squares"][-1] == pytest.approx(gn.forward(squares, feeds)[squares].item())
    assert history.validation_loss == []
    assert list(history.rows()[0]) == ["epoch", "loss", "squares", "seconds"]


def test_an_accuracy_of_ten_of_thirteen(fit):
    x, t = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 3))
    W = gn.parameter("W", np.eye(3))
    scores = x @ W
    labels = np.arange(13) % 3
    said = np.where(np.isin(np.arange(13), [1, 5, 8]), (labels + 1) % 3, labels)
    data = {x: gn.one_hot(said, 3), t: gn.one_hot(labels, 3)}
    history = fit(
        (gn.cross_entropy(scores, t), data, W),
        optimizer=gn.GradientDescent(1e-9),
        epochs=1,
        batch_size=4,
        metrics=[gn.accuracy(scores, t)],
    )
    assert history.metrics["accuracy"] == [pytest.approx(10 / 13)]


@pytest.mark.parametrize("by", [lambda node: node, lambda node: node.name])
def test_an_input_of_a_metric_alone_is_fed_with_the_rest(by):
    """The loss takes one-hot rows, the accuracy labels."""
    x, t, k = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 3)), gn.input("k", shape=(None,), dtype=int)
    scores = x @ gn.parameter("W", np.eye(3))
    labels = np.arange(13) % 3
    feeds = {x: np.eye(3)[np.where(labels == 2, 0, labels)], t: gn.one_hot(labels, 3), by(k): labels}
    E, share = gn.cross_entropy(scores, t), gn.accuracy(scores, k)
    options = {"optimizer": gn.GradientDescent(1e-9), "epochs": 1, "batch_size": 4}
    assert gn.fit(E, feeds, metrics=[share], **options).metrics["accuracy"] == [pytest.approx(9 / 13)]
    history = gn.fit(E, {x: feeds[x], t: feeds[t]}, metrics=[share], validation=feeds, **options)
    assert history.metrics["accuracy"] == [pytest.approx(9 / 13)]
    with pytest.raises(gn.errors.FeedError, match="no input is called 'u'"):
        gn.fit(E, {**feeds, "u": labels}, metrics=[share], **options)
    with pytest.raises(gn.errors.FeedError, match="no array is fed for 'k'"):
        gn.fit(E, {x: feeds[x], t: feeds[t]}, metrics=[share], **options)


def test_evaluation_changes_nothing(line, fit):
    fit(line, epochs=3, batch_size=8, rng=np.random.default_rng(0))
    expected, line[2].value = line[2].value.tobytes(), np.zeros((2, 1))
    fit(line, epochs=3, batch_size=8, rng=np.random.default_rng(0), validation=held_out(9), metrics=[line[0]])
    assert line[2].value.tobytes() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": {"loss": gn.sum(gn.constant([1.0]))}}, "a metric can't be called 'loss'"),
        (
            {"metrics": [gn.constant([1.0, 2.0], name="c")]},
            r"metric 'c' is <constant 'c' \(2,\)>, expected a scalar node",
        ),
        ({"metrics": [np.mean]}, "expected a scalar node"),
        ({"metrics": [gn.sum(gn.constant([1.0])), gn.sum(gn.constant([2.0]))]}, "two metrics are called 'sum'"),
        ({"validation": []}, "the validation data has no batches"),
        ({"validation": {"x": np.ones((4, 2)), "t": np.ones((3, 1))}}, "different numbers of samples"),
        ({"validation": iter([held_out(4)]), "epochs": 2}, "a generator gives its batches once"),
        ({"feeds": [held_out(4)], "metrics": {"w": gn.parameter("v", 1.0)}}, "the batches come ready"),
    ],
)
def test_bad_validation_and_metrics_are_refused(line, fit, options, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        fit(line, **options)


def test_validation_feeds_are_checked_before_the_first_step(line, fit):
    with pytest.raises(gn.errors.ShapeError, match=r"'x' has shape \(4, 3\), expected \(None, 2\)"):
        fit(line, validation={"x": np.ones((4, 3)), "t": np.ones((4, 1))})
    with pytest.raises(gn.errors.FeedError, match="no array is fed for 't'"):
        fit(line, validation={"x": np.ones((4, 2))})
    assert not line[2].value.any()


# Callbacks and early stopping -------------------------------------------------------------------------------------------


def test_callbacks_see_the_training_and_can_stop_it(line, fit):
    seen = []

    def watch(training):
        seen.append(
            (training.epoch, training.history.loss[-1], training.graph["w"].value.copy(), training.optimizer.rate)
        )
        if training.epoch == 3:
            training.stop("enough")

    history = fit(line, callbacks=[watch])
    assert history.stopped == "enough"
    assert [epoch for epoch, *_ in seen] == [1, 2, 3]
    assert [loss for _, loss, *_ in seen] == history.loss
    np.testing.assert_array_equal(seen[-1][2], line[2].value)
    assert repr(history).endswith("; enough>")


@pytest.mark.parametrize("reason", ["", None, 3])
def test_a_stop_without_a_reason_is_a_stop(line, fit, reason):
    history = fit(line, callbacks=[lambda training: training.stop(reason)])
    assert (history.stopped, len(history.loss)) == ("stopped", 1)


def test_a_callback_has_a_start_and_an_end(line, fit):
    class Diary(gn.Callback):
        def __init__(self):
            self.lines = []

        def start(self, training):
            self.lines.append(f"start of {training.epochs}, recording {training.recorded}")

        def __call__(self, training):
            self.lines.append(training.epoch)

        def end(self, training):
            self.lines.append("end")

    diary = Diary()
    fit(line, epochs=2, callbacks=[diary], validation=held_out(3))
    assert diary.lines == ["start of 2, recording ('loss', 'validation_loss')", 1, 2, "end"]


class Scripted:
    """An optimiser whose parameter takes given values, so that the validation loss is known."""

    def __init__(self, values):
        self.values = iter(values)

    def update(self, parameters, gradients):
        for parameter in parameters:
            parameter.value = next(self.values)


def scripted(values, **options):
    w = gn.parameter("w", 0.0)
    E = gn.multiply(w, 1.0, name="E")
    stopping = gn.EarlyStopping(**options)
    history = gn.fit(E, {}, optimizer=Scripted(values), epochs=len(values), validation={}, callbacks=[stopping])
    return w.value.item(), stopping, history


@pytest.mark.parametrize(
    ("values", "options", "best_epoch", "epochs"),
    [
        ([5, 4, 3, 3.5, 3.4, 1], {"patience": 2}, 3, 5),
        ([5, 4, 3, 3.5, 3.4, 1], {"patience": 3}, 6, 6),
        ([5, 4, 3, 2, 2.5], {"patience": 3}, 4, 5),  # taken back at the regular end too
        ([5, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.5}, 1, 3),
        ([1, 2, 3, 2, 2, 9], {"patience": 2, "higher_is_better": True}, 3, 5),
        ([2, 2, 2], {"patience": 1}, 1, 2),
    ],
)
def test_early_stopping_takes_the_best_parameters_back(values, options, best_epoch, epochs):
    value, stopping, history = scripted(values, **options)
    assert history.validation_loss == values[:epochs]
    assert (stopping.best_epoch, stopping.best) == (best_epoch, values[best_epoch - 1])
    assert value == values[best_epoch - 1]
    assert bool(history.stopped) == (epochs < len(values))


def test_early_stopping_watches_metrics_and_starts_afresh(line, fit):
    E = line[0]
    stopping = gn.EarlyStopping(patience=3, monitor="closeness", higher_is_better=True)
    closeness = {"closeness": gn.negative(E)}
    first = fit(line, epochs=200, metrics=closeness, callbacks=[stopping], optimizer=gn.GradientDescent(0.02))
    assert "no better closeness for 3 epochs" in first.stopped
    assert stopping.best == max(first.metrics["closeness"])
    line[2].value = np.ones((2, 1)) * 100
    fit(line, epochs=1, metrics=closeness, callbacks=[stopping])
    assert stopping.best_epoch == 1


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([gn.EarlyStopping()], "nothing called 'validation_loss' to watch; there is loss"),
        ([gn.EarlyStopping(monitor="accuracy")], "nothing called 'accuracy'"),
        ([gn.EarlyStopping], "is no callback"),
        ([3], "3 is no callback"),
        (3, "callbacks is 3, expected a list"),
    ],
)
def test_bad_callbacks_are_refused_before_the_first_step(line, fit, callbacks, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        fit(line, callbacks=callbacks)
    assert not line[2].value.any()


@pytest.mark.parametrize(
    ("options", "message"), [({"patience": 0}, "patience is 0"), ({"min_delta": -1}, "min_delta is -1")]
)
def test_bad_patience_is_refused(options, message):
    with pytest.raises(gn.errors.TrainingError, match=message):
        gn.EarlyStopping(**options)


# Interrupts, progress, history --------------------------------------------------------------------------------------------


class Interrupting(gn.GradientDescent):
    """Gradient descent during which somebody presses Ctrl-C."""

    def update(self, parameters, gradients):
        super().update(parameters, gradients)
        if self.memory.step == 12:
            raise KeyboardInterrupt


def test_an_interrupt_returns_the_history_so_far_and_the_parameters_as_they_stand(line, fit):
    fit(line, epochs=2, batch_size=8)
    fit(line, feeds=rows_of(line, 2), epochs=1)  # two more steps: twelve in all
    expected, line[2].value = line[2].value.tobytes(), np.zeros((2, 1))
    stopping = gn.EarlyStopping(monitor="loss")
    history = fit(line, epochs=9, batch_size=8, optimizer=Interrupting(0.02), callbacks=[stopping])
    assert len(history.loss) == 2
    assert history.stopped == "interrupted"
    assert line[2].value.tobytes() == expected


def rows_of(line, batches):
    x, t = line[1]
    return [{x: line[1][x][i * 8 : i * 8 + 8], t: line[1][t][i * 8 : i * 8 + 8]} for i in range(batches)]


def test_an_interrupt_between_epochs(line, fit):
    def interrupt(training):
        if training.epoch == 3:
            raise KeyboardInterrupt

    history = fit(line, callbacks=[interrupt], validation=held_out(3))
    assert [len(column) for column in history.columns.values()] == [3, 3, 3]


def test_other_errors_of_callbacks_come_through(line, fit):
    def fail(training):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(line, callbacks=[fail])


@pytest.mark.parametrize("watched", [True, False])
def test_the_progress_bar_shows_by_itself_where_somebody_sees_it(line, fit, capsys, monkeypatch, watched):
    if watched:
        monkeypatch.setitem(__import__("sys").modules, "ipykernel", object())
    fit(line, progress=None, epochs=4, batch_size=8)
    shown = capsys.readouterr().err
    assert ("step/s" in shown and "loss=" in shown and "epoch=4" in shown and "20/20" in shown) == watched


def test_a_history_is_a_list_of_dicts(line, fit):
    history = fit(line, epochs=3, validation=held_out(4))
    rows = history.rows()
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["validation_loss"] for row in rows] == history.validation_loss
    assert all(row["seconds"] > 0 for row in rows)
    assert gn.History().rows() == []
    assert repr(history) == (
        f"<History: 3 epochs, loss {history.loss[0]:.4g} → {history.loss[-1]:.4g}, "
        f"validation loss {history.validation_loss[-1]:.4g}>"
    )


def test_a_history_plots_itself(line, fit):
    history = fit(line, epochs=3, validation=held_out(4), metrics={"w": gn.sum(line[2])})
    figure = history.plot()
    losses, metric = figure.axes
    assert [curve.get_label() for curve in losses.lines] == ["loss", "validation loss"]
    np.testing.assert_array_equal(losses.lines[1].get_ydata(), history.validation_loss)
    np.testing.assert_array_equal(losses.lines[0].get_xdata(), [1, 2, 3])
    assert metric.get_ylabel() == "w"
    assert history._repr_png_().startswith(b"\x89PNG")
    assert gn.History()._repr_png_() is None


def test_without_matplotlib_there_is_a_typed_error_and_no_plot_in_notebooks(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphnet.draw.figure", None)  # the one file that imports matplotlib
    history = gn.History(loss=[1.0], seconds=[0.1])
    with pytest.raises(gn.errors.DrawError, match="need matplotlib"):
        history.plot()
    assert history._repr_png_() is None


def test_training_without_a_bar_does_not_import_the_notebook_bar():
    script = """
import sys
import graphnet as gn
w = gn.parameter("w", [3.0])
gn.fit(gn.sum(w * w), {}, optimizer=gn.GradientDescent(0.1), epochs=1, progress=False)
assert "tqdm.auto" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_one_metric_needs_no_list(line, fit):
    near = gn.sum(line[2] * 0.0, name="near")
    assert fit(line, metrics=near, epochs=2).metrics == fit(line, metrics=[near], epochs=2).metrics == {"near": [0, 0]}


def test_the_old_names_of_early_stopping_work_and_say_what_they_are_called_now(line, fit):
    with pytest.warns(DeprecationWarning, match="of EarlyStopping is called") as said:
        stopping = gn.EarlyStopping(patience=2, watch="loss", least_change=0.5)
    assert [str(warning.message) for warning in said] == [
        "watch of EarlyStopping is called monitor now",
        "least_change of EarlyStopping is called min_delta now",
    ]
    assert {warning.filename for warning in said} == {__file__}
    assert repr(stopping) == repr(gn.EarlyStopping(patience=2, monitor="loss", min_delta=0.5))
    with pytest.warns(DeprecationWarning, match="min_delta"):
        assert stopping.least_change == 0.5
    assert len(fit(line, callbacks=[stopping]).loss) < 30
