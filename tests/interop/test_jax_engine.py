"""Training by JAX: numbers are those of NumPy, on one device, on eight, in two processes; what goes wrong has a name."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetWarning, MissingExtraError, NonFiniteError, OpaqueError, TrainingError
from graphnet.train.descent import Descent

pytest.importorskip("jax")
pytestmark = pytest.mark.interop
HERE = Path(__file__).parent


def network(dtype=np.float64):
    """Return a loss with dropout and batch normalisation, and 45 samples: batches of 16 leave 13."""
    rng = np.random.default_rng(0)
    x, t, keep = gn.input("x", (None, 5)), gn.input("t", (None, 3)), gn.input("keep", (None, 7), dtype=bool)
    W, b, V = (rng.normal(size=size).astype(dtype) for size in ((5, 7), 7, (7, 3)))
    a = np.tanh(gn.batch_norm(x @ gn.parameter("W", W)) + gn.parameter("b", b))
    loss = gn.mse(gn.dropout(a, keep, 0.3) @ gn.parameter("V", V), t, name="E")
    return loss, {"x": rng.normal(size=(45, 5)).astype(dtype), "t": rng.normal(size=(45, 3)).astype(dtype)}


OPTIMIZERS = {
    "descent": lambda: gn.GradientDescent(0.1, clip_norm=0.5),
    "momentum": lambda: gn.Momentum(0.05, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda: gn.RMSProp(0.01, clip_value=0.01),
    "adam": lambda: gn.Adam(gn.schedules.Cosine(0.05, steps=20)),
    "adamw": lambda: gn.AdamW(0.01, weight_decay=0.1),
}


def trained(engine, optimizer, dtype=np.float64, made=network, **options):
    loss, feeds = made(dtype)
    options = {"epochs": 3, "batch_size": 16, "rng": np.random.default_rng(5)} | options
    history = gn.fit(loss, options.pop("feeds", feeds), optimizer=optimizer, engine=engine, **options)
    values = {each.name: each.value for each in gn.Graph(loss).parameters}
    return history, values | {str(key): array for key, array in optimizer.state.items()}


def same(one, other, within=1e-10):
    for name, column in one[0].columns.items():
        if name != "seconds":
            np.testing.assert_allclose(other[0].columns[name], column, rtol=0, atol=within, err_msg=name)
    assert one[1].keys() == other[1].keys()
    for name, array in one[1].items():
        np.testing.assert_allclose(other[1][name], array, rtol=0, atol=within, err_msg=name)


@pytest.fixture
def no_steps_by_numpy(monkeypatch):
    """See to it that JAX takes the steps."""
    by_numpy = Descent.run

    def refuse(*_):
        raise AssertionError("a step was taken by NumPy")

    monkeypatch.setattr(Descent, "run", refuse)
    return lambda: monkeypatch.setattr(Descent, "run", by_numpy)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_takes_the_same_steps(name, no_steps_by_numpy):
    by_jax = trained(gn.JaxEngine(), OPTIMIZERS[name]())
    no_steps_by_numpy()
    same(trained("numpy", OPTIMIZERS[name]()), by_jax)
    assert by_jax[0].engine == "jax on 1 of cpu"


def test_float32_trains_in_float32():
    by_jax = trained(gn.JaxEngine(), gn.Momentum(0.05), np.float32)
    same(trained("numpy", gn.Momentum(0.05), np.float32), by_jax, 2e-5)
    assert {array.dtype for array in by_jax[1].values() if isinstance(array, np.ndarray)} == {np.dtype(np.float32)}


@gn.op
def cubed(z):
    return z**3


@cubed.backward
def _cubed(delta, a, z):
    return delta * 3 * z**2


class Signs(gn.GradientDescent):
    """An optimiser of the user's own: steps of one size."""

    def rule(self, value, gradient, rate):
        value -= rate * np.sign(gradient)


def test_rules_of_the_user_s_own_train_unchanged(no_steps_by_numpy):
    def made(dtype):
        w = gn.parameter("w", np.array([1.0, -2.0, 0.5], dtype))
        return gn.sum(np.abs(cubed(w))), {}

    by_jax = trained(gn.JaxEngine(), Signs(0.1), made=made, batch_size=None)
    no_steps_by_numpy()
    same(trained("numpy", Signs(0.1), made=made, batch_size=None), by_jax)


def test_validation_metrics_and_early_stopping_are_the_same():
    def run(engine):
        loss, feeds = network()
        seen = []
        stopping = gn.EarlyStopping(patience=2, monitor="validation_loss")
        history = gn.fit(
            loss,
            feeds,
            optimizer=gn.Adam(0.3),
            epochs=30,
            batch_size=20,
            rng=np.random.default_rng(1),
            engine=engine,
            validation={name: array[:9] for name, array in feeds.items()},
            metrics={"size": gn.mean(np.abs(gn.Graph(loss)["x"] @ gn.Graph(loss)["W"]))},
            callbacks=[stopping, lambda training: seen.append(training.writes)],
        )
        return history, {each.name: each.value for each in gn.Graph(loss).parameters}, seen

    one, other = run("numpy"), run(gn.JaxEngine())
    same(one[:2], other[:2])
    assert one[0].stopped == other[0].stopped != ""
    assert set(other[2]) == {True}


def test_data_that_is_streamed_or_comes_as_batches_gives_the_same():
    expected = trained("numpy", gn.Adam(0.01))
    same(expected, trained(gn.JaxEngine(memory=1), gn.Adam(0.01)))
    same(expected, trained(gn.JaxEngine(memory=2000), gn.Adam(0.01)))
    _, feeds = network()

    def batches():
        for start in range(0, 45, 16):
            yield {name: array[start : start + 16] for name, array in feeds.items()}

    given = {"feeds": batches, "batch_size": None}
    same(trained("numpy", gn.Adam(0.01), **given), trained(gn.JaxEngine(), gn.Adam(0.01), **given))


def test_training_on_with_the_same_optimiser_and_generator_goes_on_as_if_it_had_never_stopped():
    loss, feeds = network()
    optimizer, rng = gn.Adam(0.01), np.random.default_rng(5)
    for engine in (gn.JaxEngine(), "numpy", gn.JaxEngine()):
        gn.fit(loss, feeds, optimizer=optimizer, epochs=1, batch_size=16, rng=rng, engine=engine)
    values = {each.name: each.value for each in gn.Graph(loss).parameters}
    expected = trained("numpy", gn.Adam(0.01))
    for name, value in values.items():
        np.testing.assert_allclose(value, expected[1][name], atol=1e-10)
    assert optimizer.memory.step == 9


# What goes wrong ----------------------------------------------------------------------------------------------------------


def overflowing(dtype):
    x, w = gn.input("x", (None, 2)), gn.parameter("w", np.array([[1.0], [1.0]]))
    return gn.sse(gn.exp(x @ w, name="a"), np.zeros((1, 1)), name="E"), {}


def test_a_step_that_is_not_finite_is_named_and_the_last_good_values_stay():
    feeds = {"x": np.array([[1.0, 1.0], [0.5, 0.2], [900.0, 1.0], [0.1, 0.1]])}
    found = []
    for engine in ("numpy", gn.JaxEngine()):
        loss, _ = overflowing(float)
        optimizer = gn.Momentum(1e-3)
        with pytest.raises(NonFiniteError) as caught, np.errstate(all="ignore"):
            gn.fit(loss, feeds, optimizer=optimizer, epochs=2, batch_size=1, engine=engine)
        found.append((caught.value.subject, caught.value.where[0], gn.Graph(loss)["w"].value, optimizer.memory.step))
    assert found[1][:2] == found[0][:2] == ("exp 'a'", "in step 3 of epoch 1")
    np.testing.assert_allclose(found[1][2], found[0][2], rtol=1e-12)
    assert found[1][3] == found[0][3] == 2


def test_or_it_is_ignored_if_that_is_asked_for():
    found = []
    for engine in ("numpy", gn.JaxEngine()):
        loss, _ = overflowing(float)
        options = {"optimizer": gn.GradientDescent(0.1), "epochs": 2, "on_nonfinite": "ignore", "engine": engine}
        with np.errstate(all="ignore"):
            found.append(gn.fit(loss, {"x": np.full((1, 2), 900.0)}, **options).loss)
    assert found == [[np.inf, 0.0]] * 2


def test_a_parameter_that_no_error_signal_reaches_is_said_and_keeps_its_value():
    w, v = gn.parameter("w", [1.0]), gn.parameter("v", [2.0])
    with pytest.warns(GraphnetWarning, match="'v'"):
        gn.fit(gn.sse(w * np.sign(v), [0.0]), {}, optimizer=gn.Adam(0.1), epochs=2, engine=gn.JaxEngine())
    assert v.value.tolist() == [2.0]
    assert w.value.tolist() != [1.0]


@gn.op
def stepwise(z):
    out = np.empty(z.shape)
    for i in range(len(z)):
        out[i] = z[i]
    return out


stepwise.backward(lambda delta, a, z: delta)


class ByHand:
    def update(self, parameters, gradients):
        """Do nothing."""


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"engine": gn.JaxEngine(devices=1000)}, TrainingError, "devices"),
        ({"engine": gn.JaxEngine(devices="abacus")}, TrainingError, "abacus"),
        ({"engine": gn.JaxEngine(devices=["cpu"])}, TrainingError, "devices is"),
        ({"engine": gn.JaxEngine(mesh="all")}, TrainingError, "mesh is"),
        ({"engine": "torch"}, TrainingError, "JaxEngine"),
        ({"engine": gn.JaxEngine(), "optimizer": ByHand()}, TrainingError, "ByHand"),
    ],
)
def test_what_cannot_be_is_an_error_before_the_first_step(settings, error, words):
    w = gn.parameter("w", [1.0, 2.0])
    with pytest.raises(error, match=words):
        gn.fit(gn.sse(w, [0.0, 0.0]), {}, **{"optimizer": gn.Adam(), "epochs": 1, **settings})
    assert w.value.tolist() == [1.0, 2.0]


def test_a_rule_that_cannot_be_traced_is_an_error_before_the_first_step():
    w = gn.parameter("w", [1.0, 2.0])
    with pytest.raises(OpaqueError, match="stepwise 'mine'"):
        gn.fit(gn.sse(stepwise(w, name="mine"), [0.0, 0.0]), {}, optimizer=gn.Adam(), epochs=1, engine=gn.JaxEngine())
    assert w.value.tolist() == [1.0, 2.0]


def test_auto_stays_with_numpy_and_says_why(monkeypatch):
    small = trained("auto", gn.Adam(0.01))[0]
    assert small.engine.startswith("numpy: a step of about")
    w = gn.parameter("w", np.ones((6000, 6000), np.float32))
    large = {"optimizer": gn.GradientDescent(1e-3), "epochs": 0, "engine": "auto"}
    assert "no other device" in gn.fit(gn.sum(w), {}, **large).engine
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "graphnet.interop.jax_engine")
    assert "not installed" in gn.fit(gn.sum(w), {}, **large).engine
    with pytest.raises(MissingExtraError, match="jax"):
        gn.fit(gn.sum(w), {}, **{**large, "engine": gn.JaxEngine()})


# Several devices, several processes ---------------------------------------------------------------------------------------


def started(arguments, devices, **how):
    """Start Python with as many simulated devices."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    paths = os.pathsep.join([str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env={**os.environ, **flags, "PYTHONPATH": paths}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how,
    )  # fmt: skip


def test_on_eight_devices_numbers_are_those_of_one():
    process = started([HERE / "eight_devices.py"], 8)
    told, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert told.split() == ["uneven", "split", "resumed", "sent"]


NETWORK = """
import numpy as np, graphnet as gn

def network(more=0.0, epochs=3):
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 5)), gn.input("t", (None, 3))
    a = np.tanh(x @ gn.parameter("W", rng.normal(size=(5, 7))))
    loss = gn.mse(a @ gn.parameter("V", rng.normal(size=(7, 3))), t, name="E")
    feeds = {x: rng.normal(size=(45, 5)) + more, t: rng.normal(size=(45, 3))}
    return loss, feeds, {"epochs": epochs, "optimizer": gn.Adam(0.01), "batch_size": 16}

def other():
    return network(more=1.0)

def endless():
    return network(epochs=10**9)
"""


def together(folder, targets, *more):
    """Start a process for each target, all of one training."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = ["--seed", 3, "--engine", "jax", "--coordinator", f"127.0.0.1:{port}", "--processes", len(targets), *more]
    command = ["-m", "graphnet", "train"]
    return [
        started([*command, f"net.py:{target}", "--process", i, *shared], 2, cwd=folder)
        for i, target in enumerate(targets)
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(NETWORK)
    return tmp_path


def test_two_processes_train_as_one_and_the_first_of_them_saves(folder):
    processes = together(folder, ["network", "network"], "-o", "net.gn")
    (first, _), (second, _) = (process.communicate(timeout=120) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert "3 epochs" in first
    assert "epochs" not in second
    space: dict = {}
    exec(NETWORK, space)
    loss, feeds, options = space["network"]()
    gn.fit(loss, feeds, **options, rng=np.random.default_rng(3))
    for mine, theirs in zip(gn.Graph(loss).parameters, gn.load(folder / "net.gn").parameters, strict=True):
        np.testing.assert_allclose(theirs.value, mine.value, atol=1e-10)


def test_processes_that_are_given_different_data_say_so_before_the_first_step(folder):
    processes = together(folder, ["network", "other"])
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    assert all("the processes differ in the data" in text for text in told)


def test_when_a_process_is_killed_the_other_ends_and_what_was_saved_stands(folder):
    processes = together(folder, ["endless", "endless"], "-o", "net.gn", "--save-every", 1)
    deadline = time.monotonic() + 100
    while not (folder / "net.gn").exists():
        assert time.monotonic() < deadline
        assert [process.poll() for process in processes] == [None, None]
        time.sleep(0.2)
    processes[1].send_signal(signal.SIGKILL)
    _, errors = processes[0].communicate(timeout=60)
    processes[1].communicate()
    assert processes[0].returncode != 0
    if processes[0].returncode == 2:  # where a step breaks off; else the libraries end the process, as the docs say
        assert "ended" in errors
    assert len(gn.load(folder / "net.gn").parameters) == 2


@pytest.mark.parametrize(
    "arguments",
    [("--coordinator", "localhost:1"), ("--processes", "2", "--process", "0", "--engine", "jax")],
)
def test_a_command_that_says_half_of_it_is_refused(folder, monkeypatch, arguments, capsys):
    from graphnet.cli import main

    monkeypatch.chdir(folder)
    assert main(["train", "net.py:network", *arguments]) == 2
    assert "--process 0 to" in capsys.readouterr().err
