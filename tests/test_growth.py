"""What a graph's size and depth must not do: no recursion over it, no cost that grows with the square of a node's uses."""

import os
import sys
import threading
import weakref

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.perturb import responses
from graphnet.engine.perturb.probes import Stack
from graphnet.files import archive
from graphnet.notation.paths import MOST_WORK, paths
from tools.growth import SHAPES, counted, operations


def used_often(times):
    w = gn.parameter("w", 0.01)
    y = w * w
    for i in range(times):
        y = y + w * w if i % 2 else gn.tanh(y + w)
    return y, w


@pytest.mark.parametrize("read", [gn.derive, lambda E, w: gn.explain(gn.backward(E, {}), w)], ids=["derive", "explain"])
def test_a_node_used_a_thousand_times_is_read_within_a_few_hundred_frames(read):
    E, w = used_often(1000)
    depth, limit = len(list(_frames())), sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 300)
    try:
        text = str(read(E, w))
    finally:
        sys.setrecursionlimit(limit)
    assert text


def _frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back


def test_a_derivation_of_many_uses_gives_the_engine_s_gradient():
    E, w = used_often(50)
    bwd = gn.backward(E, {})
    np.testing.assert_allclose(gn.derive(E, w).evaluate(bwd)["w"], bwd.gradient(w), rtol=1e-12)


@pytest.mark.parametrize("what", ["Graph", "look up", "backward", "diagnose", "explain"])
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_nodes_take_no_more_than_twice_the_operations(shape, what, monkeypatch):
    monkeypatch.setattr(sys.modules[paths.__module__], "MOST_STEPS", 1000)  # of all paths, however long
    once, twice = operations(shape, what, 150), operations(shape, what, 300)
    assert twice <= 2.3 * once


def test_twice_the_outputs_that_error_signals_start_from_take_no_more_than_twice_the_operations():
    def started(count):
        outputs = [gn.parameter(f"w{i}", 1.0) for i in range(count)]
        return counted(lambda: gn.backward(outputs, {}, delta=dict.fromkeys(outputs, 1.0)))

    assert started(300) <= 2.3 * started(150)


@pytest.mark.parametrize("shape", ["fan_out", "wide"])
def test_runs_of_many_small_calls_do_not_multiply_where_they_end_in_a_large_array(shape, monkeypatch):
    monkeypatch.setattr(responses, "AT_ONCE", 2000)  # which 73 steps times 300 parts exceed, and times 150 too
    once, twice = operations(shape, "step_curve", 150), operations(shape, "step_curve", 300)
    assert twice <= 2.3 * once


def test_inputs_that_stand_still_are_joined_as_one_however_many_they_are():
    def joined(count):
        parts = [Stack(np.ones((3, 1))), *[np.ones(1)] * count]
        return counted(lambda: np.concatenate(parts))

    assert joined(600) - joined(300) <= 300 * 40  # one test a part, not an array a part


def test_versions_are_let_go_when_the_last_that_reads_them_has_read_them(monkeypatch):
    @gn.op
    def watched(z):
        if not isinstance(z, np.ndarray):
            alive.append(weakref.ref(z))
            most.append(sum(ref() is not None for ref in alive))
        return 1.0 * z

    @watched.backward
    def watched_backward(delta, a, z):
        return delta

    alive, most = [], []
    y = gn.parameter("w", 1.0)
    for _ in range(50):
        y = watched(y)
    gn.step_curve(y, {}, "w")
    assert 0 < max(most) <= 4


@pytest.mark.parametrize("shape", ["fan_out", "fan_in"])
def test_all_paths_through_a_node_of_many_inputs_are_found(shape):
    E = SHAPES[shape](1000)
    found = gn.explain(gn.backward(E, {}), "w", most=1000)
    assert found.all_paths
    assert found.paths_found == len(found.paths) == 1000
    np.testing.assert_allclose(sum(path.product for path in found.paths), found.value, rtol=1e-12)


def test_a_rule_of_many_inputs_that_computes_what_it_sends_is_searched_as_far_as_it_pays():
    @gn.op
    def joined(*parts):
        return np.concatenate(parts)

    @joined.backward
    def joined_backward(delta, a, *parts):
        asked.append(len(parts))
        return list(1.0 * delta.reshape(len(parts), 1))

    asked = []
    w = gn.parameter("w", np.ones(1))
    found, count, complete = paths(gn.backward(gn.sum(joined(*[w] * 1000)), {}), w, (0,), most=8)
    assert not complete
    assert sum(asked) <= 2 * MOST_WORK
    assert len(found) <= min(count, 8)


def test_what_could_not_be_loaded_does_not_replace_what_can(tmp_path, monkeypatch):
    path, w = tmp_path / "w.gn", gn.parameter("w", [1.0])
    gn.save(path, w)
    monkeypatch.setattr(archive, "LARGEST_MANIFEST", 2000)
    with pytest.raises(gn.errors.SaveError, match=r"np\.array"):
        gn.save(path, w, state={"numbers": list(range(2000))})
    assert gn.load(path)["w"].value == [1.0]
    assert os.listdir(tmp_path) == ["w.gn"]


def test_a_slash_at_the_end_means_the_same_to_save_and_load(tmp_path):
    gn.save(f"{tmp_path}/q/", gn.parameter("w", [1.0]))
    assert gn.load(f"{tmp_path}/q/")["w"].value == gn.load(f"{tmp_path}/q")["w"].value


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_step_that_another_thread_runs_is_free_in_a_forked_child():
    x = gn.input("x", shape=(None,))
    step = gn.compile(gn.tanh(x))
    with step._turn:  # as another thread holds it while it runs
        child = os.fork()
        if child == 0:
            os._exit(0 if step._turn.acquire(timeout=10) and step.run({x: np.ones(2)}) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_step_that_several_threads_wait_for_is_free_in_a_forked_child():
    x = gn.input("x", shape=(None,))
    step, feeds = gn.compile(gn.sum(gn.tanh(x)), []), {x: np.ones(2000)}
    expected, done = float(step(feeds)), threading.Event()

    def run_until_done():
        while not done.is_set():
            step(feeds)

    threads = [threading.Thread(target=run_until_done, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(60):
            child = os.fork()
            if child == 0:
                os._exit(0 if step._turn.acquire(timeout=10) and float(step.run(feeds).outputs[0]) == expected else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        done.set()
        for thread in threads:
            thread.join()
