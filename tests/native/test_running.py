"""A program runs as its calls would, one by one: its errors, its warnings, and what else goes on meanwhile."""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.plan.program import PythonCalls
from graphnet.native import Calls
from tests.engine.plan.agreement import Leaves, assert_agrees, mlp

needs_native = pytest.mark.skipif(Calls is None, reason="the C extension is not there")
BOTH = pytest.mark.parametrize("kind", [PythonCalls, pytest.param(Calls, marks=needs_native)], ids=["Python", "native"])


def noting(seen):
    def note(array):
        seen.append(array.copy())

    return note


@BOTH
def test_calls_are_made_in_order_python_ones_among_them(kind):
    x, y, seen = np.zeros(3), np.zeros(3), []
    note = noting(seen)
    calls = [(np.add, (x, x, y)), (note, (y,)), (np.multiply, (y, y, y)), (note, (y,)), (np.negative, (y, y))]
    made = kind(calls, [x], {"y": y}, [])
    made.run([np.arange(3.0)])
    np.testing.assert_array_equal(seen, [[0, 2, 4], [0, 4, 16]])
    np.testing.assert_array_equal(made.hand_out()["y"], [0, -4, -16])


@BOTH
def test_an_error_of_a_call_ends_the_run_and_the_next_run_is_whole(kind):
    x, y, fails = np.zeros(2), np.zeros(2), [True]

    def failing():
        if fails[0]:
            raise ZeroDivisionError("here")

    made = kind([(np.add, (x, x, y)), (failing, ()), (np.add, (y, y, y))], [x], {"y": y}, [])
    with pytest.raises(ZeroDivisionError, match="here"):
        made.run([np.ones(2)])
    fails[0] = False
    made.run([np.ones(2)])
    np.testing.assert_array_equal(made.hand_out()["y"], [4, 4])


@BOTH
@pytest.mark.parametrize("sort", ["divide", "over", "under", "invalid"])
def test_numbers_out_of_range_are_told_as_numpy_tells_them(kind, sort):
    ufunc, values = {
        "divide": (np.log, [0.0]),
        "over": (np.exp, [800.0]),
        "under": (np.exp, [-745.0]),
        "invalid": (np.sqrt, [-1.0]),
    }[sort]
    x = np.array(values)
    made = kind([(np.negative, (x, np.zeros(1))), (ufunc, (x, np.zeros(1)))], [], {}, [])
    with np.errstate(**{sort: "raise"}), pytest.raises(FloatingPointError, match=f"in {ufunc.__name__}"):
        made.run([])
    with np.errstate(**{sort: "warn"}), pytest.warns(RuntimeWarning, match=f"in {ufunc.__name__}"):
        made.run([])
    with np.errstate(**{sort: "ignore"}):
        made.run([])
    heard = []
    with np.errstate(**{sort: "call"}, call=lambda kind, flag: heard.append(kind)):
        made.run([])
    assert len(heard) == 1


@BOTH
def test_what_was_out_of_range_before_is_not_told_again(kind):
    x = np.ones(3)
    with np.errstate(all="ignore"):
        np.log(np.zeros(3))
    with np.errstate(all="raise"):
        kind([(np.exp, (x, np.zeros(3)))], [], {}, []).run([])


@BOTH
def test_feeds_of_any_kind_are_read(kind):
    x, y = np.zeros((2, 3)), np.zeros((2, 3))
    made = kind([(np.add, (x, x, y))], [x], {"y": y}, [])
    base = np.arange(6.0).reshape(2, 3)
    crooked = np.zeros(49, np.uint8)[1:].view(float).reshape(2, 3)
    crooked[...] = base
    for fed in (
        base,
        np.asfortranarray(base),
        base[::-1],
        base.astype(">f8"),
        base.astype(int),
        base.astype("f4"),
        crooked,
    ):
        made.run([fed])
        np.testing.assert_array_equal(made.hand_out()["y"], 2.0 * fed)
    assert not made.fits([base.astype("f4")])
    assert not made.fits([base[:1]])
    assert not made.fits([np.ma.masked_array(base)])
    assert made.fits([base])
    np.testing.assert_array_equal(base, np.arange(6.0).reshape(2, 3))


@needs_native
def test_wrong_arguments_are_errors():
    x = np.zeros(2)
    made = Calls([(np.add, (x, x, x))], [], {}, [])
    for feeds in ([x], 1, None):
        with pytest.raises((RuntimeError, TypeError)):
            made.run(feeds)
    made = Calls([(np.tanh, (x, np.zeros(2)))], [x], {}, [])
    for feeds in ([[1.0, 2.0]], [None], []):
        with pytest.raises((RuntimeError, TypeError)):
            made.run(feeds)
    with pytest.raises(ValueError, match="broadcast"):
        made.run([np.zeros(3)])
    for arguments in (([], [1], {}, []), ([], [], {"a": 1}, []), ([], [], {}, [1]), ([], [], [], []), (1, [], {}, [])):
        with pytest.raises(TypeError):
            Calls(*arguments)


@needs_native
def test_a_program_that_runs_itself_is_refused():
    made = []
    made.append(Calls([(lambda: made[0].run([]), ())], [], {}, []))
    with pytest.raises(RuntimeError, match="running already"):
        made[0].run([])


@needs_native
def test_arrays_are_kept_alive_and_cycles_found():
    x, y = np.arange(1000.0), np.zeros(1000)
    made = Calls([(np.add, (x, x, y))], [], {"y": y}, [])
    del x, y
    gc.collect()
    junk = [np.full(1000, -1.0) for _ in range(50)]
    made.run([])
    np.testing.assert_array_equal(made.hand_out()["y"], 2 * np.arange(1000.0))
    assert len(junk) == 50

    class Held:
        made: Calls

        def __call__(self):
            pass

    held = Held()
    held.made = Calls([(held, ())], [], {}, [])
    gone = weakref.ref(held)
    del held
    gc.collect()
    assert gone() is None


@needs_native
def test_results_handed_out_are_new_memory_each_time():
    x, y = np.ones(5000), np.zeros(5000)
    results = {"y": y}
    made = Calls([(np.add, (x, x, y)), (np.multiply, (y, y, y))], [x], results, [])
    assert (made.read_in_place, made.handed_out) == (1, 1)
    found = []
    for i in range(4):
        made.run([np.full(5000, float(i))])
        np.testing.assert_array_equal(results["y"], 4.0 * i * i)
        found.append(made.hand_out()["y"])
    for i, array in enumerate(found):
        np.testing.assert_array_equal(array, 4.0 * i * i)


@needs_native
@pytest.mark.parametrize(
    "calls",
    [
        lambda x, y: [(np.add, (x[:2500], x[:2500], y[:2500]))],  # the other half is written by nobody
        lambda x, y: [(np.add, (x, x, y)), (print, ())],
        lambda x, y: [(np.add, (x[::2], x[::2], y[::2]))],
        lambda x, y: [],
    ],
)
def test_what_a_run_does_not_write_whole_is_copied(calls):
    x, y = np.ones(5000), np.arange(5000.0)
    made = Calls(calls(x, y), [], {"y": y}, [])
    assert made.handed_out == 0
    made.run([])
    first = made.hand_out()["y"]
    first[...] = np.nan
    made.run([])
    assert np.isfinite(made.hand_out()["y"]).all()


def test_many_threads_give_the_same():
    leaves = Leaves(3)
    E = mlp(leaves, 200, (30, 40, 3))
    step = gn.compile(E)
    x, t = leaves.feeds
    fed = [{x: leaves.feeds[x] * k, t: leaves.feeds[t]} for k in range(1, 5)]
    expected = [gn.compile(E)(feeds) for feeds in fed]
    wrong = []

    def work(number):
        for _ in range(30):
            loss, grads = step(fed[number])
            same = all(np.array_equal(grads[name], array) for name, array in expected[number][1].items())
            if loss != expected[number][0] or not same:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_programs_of_ones_own_run_beside_each_other():
    """Each thread has its own step: long ones run while the interpreter does something else."""
    made = [mlp(leaves := Leaves(seed), 300, (100, 200, 5)) for seed in range(3)]
    feeds = [{node: (300, *node.shape[1:]) for node in gn.Graph(E).inputs} for E in made]
    feeds = [{node: np.full(shape, 0.1 * (k + 1)) for node, shape in each.items()} for k, each in enumerate(feeds)]
    expected = [gn.compile(E)(each)[0] for E, each in zip(made, feeds, strict=True)]
    found = [[] for _ in made]
    assert leaves.feeds

    def work(number):
        step = gn.compile(made[number])
        found[number] = [step(feeds[number])[0] for _ in range(10)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[loss] * 10 for loss in expected]


@needs_native
def test_an_interrupt_comes_through_between_runs():
    made = Calls([(np.tanh, (np.zeros(3), np.zeros(3)))], [], {}, [])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else it may be ignored, as in the background
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            signal.raise_signal(signal.SIGINT)
            made.run([])
    finally:
        signal.signal(signal.SIGINT, before)
    made.run([])


def test_it_can_be_turned_off():
    code = (
        "import numpy as np, graphnet as gn, graphnet.native as native\n"
        "x = gn.input('x', (None, 2)); w = gn.parameter('w', [[1.0], [2.0]])\n"
        "step = gn.compile(gn.sse(gn.tanh(x @ w), [[0.5]]))\n"
        "print(native.Calls, native.WHY_NOT, step({x: np.array([[1.0, 1.0]])}), 'native' in step.explain())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"GRAPHNET_NATIVE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("None turned off by GRAPHNET_NATIVE=0 (0.")
    assert run.stdout.rstrip().endswith("False")


def test_a_parameter_set_anew_is_seen():
    leaves = Leaves(1)
    E = mlp(leaves, 5, (3, 4, 2))
    step = gn.compile(E)
    assert_agrees(E, leaves.feeds, step)
    for parameter in gn.Graph(E).parameters:
        parameter.value = parameter.value * 2
    assert_agrees(E, leaves.feeds, step)
