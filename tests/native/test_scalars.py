"""The machine for graphs of scalars: held bit for bit to the ops' own rules and to NumPy, and it refuses what is no program."""

import itertools
import math
import threading
import warnings

import numpy as np
import pytest

import graphnet as gn
from graphnet import native
from graphnet.errors import RuleError
from graphnet.native.machine import NUMBER, PRIMITIVES, Machine
from tests.native.scalar_graphs import ODD, differences, random_scalars, same_bits

in_c = pytest.mark.skipif(not native.AVAILABLE, reason="the C extension is not there")
DTYPES = [np.float64, np.float32]


def machine(code, values, ufuncs=()):
    """Return a machine for instructions given as a list of numbers."""
    return Machine(np.array(code, np.int32), values, ufuncs)


def deep(length=2000, value=0.5):
    """Return the end of a chain."""
    a = gn.parameter("w", value)
    for _ in range(length):
        a = gn.tanh(a) * 1.01
    return a


# The same bits as the rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_numpy", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_values_and_error_signals_are_those_of_the_rules_run_one_by_one(seed, by_numpy):
    dtype = DTYPES[seed % 2]
    with np.errstate(all="ignore"):
        E = random_scalars(seed, 150 + 30 * seed, dtype, odd=(0.0, 0.2, 0.6)[seed % 3])
        assert differences(E, dtype, by_numpy=by_numpy) == []


def test_a_rule_that_sends_back_a_number_of_its_own_is_heeded():
    step = gn.op(lambda z: np.sign(z))
    step.backward(lambda delta, a, z: np.zeros(()))
    p = gn.parameter("p", 0.5)
    E = deep(200) * step(p) * p
    assert gn.compile(E)({})[1] == gn.backward(E, {}).gradients


@in_c
def test_the_primitives_in_c_are_those_in_python():
    assert [(name.upper(), operands) for name, (operands, _) in PRIMITIVES.items()] == list(native._native.PRIMITIVES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in PRIMITIVES if name != "clear"])
def test_a_primitive_computes_what_numpy_does(name, dtype):
    """Of all combinations of odd numbers, in one run."""
    operands, function = PRIMITIVES[name]
    with np.errstate(all="ignore"):
        combinations = np.array(list(itertools.product(ODD, repeat=operands)), dtype).T
        before = np.resize(np.array(ODD, dtype), combinations.shape[1]) if "accumulate" in name else None
        expected = function(*combinations).astype(dtype)
        expected = expected if before is None else before + expected
        count = len(expected)
        values = np.concatenate([np.zeros(count, dtype) if before is None else before, combinations.ravel()])
        places = np.arange(len(values)).reshape(operands + 1, count).T
        machine([NUMBER[name], count, *places.ravel()], values).run()
    assert all(map(same_bits, values[:count], expected))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "ufunc", [np.tanh, np.exp, np.log1p, np.sin, np.sqrt, np.power, np.maximum, np.minimum, np.absolute]
)
def test_a_ufunc_is_numpys_own(ufunc, dtype):
    """In runs of one, and of more than are gathered at once."""
    rng = np.random.default_rng(0)
    for count in (1, 3, 700):
        with np.errstate(all="ignore"):
            operands = np.where(
                rng.random((ufunc.nin, count)) < 0.3, rng.choice(ODD), rng.normal(size=(ufunc.nin, count))
            )
            operands = operands.astype(dtype)
            values = np.concatenate([np.zeros(count, dtype), operands.ravel()])
            places = np.arange(len(values)).reshape(-1, count).T
            machine([len(NUMBER), count, *places.ravel()], values, (ufunc,)).run()
            assert all(map(same_bits, values[:count], ufunc(*operands)))


def test_clear_leaves_what_a_sum_begins_with():
    """Whatever is added to it stays as it is, the sign of a zero too."""
    values = np.array([5.0, 5.0, 5.0, -0.0, 0.0])
    machine([NUMBER["clear"], 1, 0, 1, NUMBER["accumulate"], 2, 0, 3, 1, 4], values).run()
    assert [math.copysign(1, value) for value in values[:2]] == [-1, 1]
    assert values[2] == 5


def test_instructions_add_up_in_their_order():
    """(1e16 + 1) + 1 is rounded twice, 1e16 + (1 + 1) once."""
    values = np.array([1e16, 1.0, 0.0, 1.0, 1.0])
    code = [NUMBER["accumulate"], 2, 0, 1, 0, 1, NUMBER["accumulate_product"], 2, 2, 3, 4, 2, 3, 4]
    machine(code, values).run()
    assert values[0] == 1e16
    assert values[2] == 2


# What is no program ------------------------------------------------------------------------------------------------------


@in_c
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ([NUMBER["add"], 1, 0, 1, 4], "place 4 of 4"),
        ([NUMBER["add"], 1, -1, 1, 2], "place -1 of 4"),
        ([NUMBER["add"], 2, 0, 1, 2], "no whole run"),
        ([NUMBER["add"], 2**31 - 1, 0, 1, 2], "no whole run"),
        ([NUMBER["add"], -1, 0, 1, 2], "no whole run"),
        ([NUMBER["add"]], "no whole run"),
        ([len(NUMBER), 1, 0, 1], "no whole run"),
        ([-1, 1, 0, 1], "no whole run"),
        ([NUMBER["clear"], 1, 0, 4], "place 4 of 4"),
        ([NUMBER["copy"], 1, 0, 1, NUMBER["where"], 1, 0, 1, 2, 2**31 - 1], "place 2147483647 of 4"),
    ],
)
def test_a_wrong_program_is_refused(code, problem):
    with pytest.raises(ValueError, match=problem):
        machine(code, np.zeros(4))


@in_c
@pytest.mark.parametrize("values", [
    np.zeros(4, np.float16), np.zeros(4, np.int64), np.zeros((2, 2)), np.zeros(8)[::2], np.zeros(4, ">f8"),
    np.frombuffer(bytes(32)), np.frombuffer(bytearray(33), np.float64, 4, 1), [0.0], None,
])  # fmt: skip
def test_values_of_another_kind_are_refused(values):
    with pytest.raises(TypeError):
        machine([NUMBER["copy"], 1, 0, 1], values)


@in_c
@pytest.mark.parametrize(
    "code", [np.zeros(4, np.int64), np.zeros(8, np.int32)[::2], np.zeros((2, 2), np.int32), [0, 1, 0, 1], b""]
)
def test_code_of_another_kind_is_refused(code):
    with pytest.raises(TypeError):
        Machine(code, np.zeros(4), ())


@in_c
@pytest.mark.parametrize(
    "function", [np.matmul, np.divmod, np.frompyfunc(abs, 1, 1), np.bitwise_and, np.isnan, math.tanh, None]
)
def test_what_computes_no_number_of_numbers_is_refused(function):
    with pytest.raises(TypeError):
        native._native.Machine(np.array([len(NUMBER), 1, 0, 1], np.int32), np.zeros(4), (function,))


@in_c
def test_values_that_were_resized_are_not_run_on():
    values = np.zeros(4)
    made = machine([NUMBER["copy"], 1, 0, 3], values)
    values.resize(2, refcheck=False)
    with pytest.raises(ValueError, match="resized"):
        made.run()


@in_c
def test_a_program_once_checked_is_its_own():
    code, values = np.array([NUMBER["copy"], 1, 0, 3], np.int32), np.arange(4.0)
    made = Machine(code, values, ())
    code[:] = 10**9
    made.run()
    assert values.tolist() == [3, 1, 2, 3]


@in_c
@pytest.mark.parametrize("seed", range(4))
def test_any_numbers_are_a_program_or_refused(seed):
    """What is taken runs; bytes to the left and right of the values stay as they are."""
    rng = np.random.default_rng(seed)
    taken = 0
    for _ in range(2000):
        room = np.full(40, 7.0, DTYPES[seed % 2])
        code = rng.integers(-1, 9, rng.integers(0, 20)).astype(np.int32)
        code[: min(2, len(code))] = [rng.integers(0, len(NUMBER) + 2), rng.integers(0, 4)][: len(code)]
        try:
            made = Machine(code, room[16:24], (np.tanh, np.power))
        except ValueError:
            continue
        taken += 1
        with np.errstate(all="ignore"):
            made.run()
        assert np.all(room[:16] == 7)
        assert np.all(room[24:] == 7)
    assert taken > 20


# Warnings, threads, and without the extension ---------------------------------------------------------------------------------


def test_warnings_are_those_of_numpy():
    step = gn.compile(gn.relu(gn.log(deep(300, value=0.0))), [])  # relu's own loop takes all flags down
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        step({})
    with np.errstate(all="raise"), pytest.raises(RuleError, match="FloatingPointError: divide by zero"):
        step({})
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert step({}) == 0


def test_nothing_is_said_of_what_numpy_says_nothing_of():
    """A comparison with what is no number, and a number that is too small."""
    E = gn.relu(deep(300, value=np.nan)) + gn.exp(gn.parameter("p", -800.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(gn.compile(E)({})[0])


def test_threads_that_share_a_step_have_their_own_results():
    x = gn.input("x")
    E = deep() * x
    step, alone = gn.compile(E), gn.compile(E)
    expected = {number: alone({x: float(number)})[0] for number in range(4)}
    found = {number: set() for number in expected}

    def run(number):
        for _ in range(50):
            found[number].add(step({x: float(number)})[0])

    threads = [threading.Thread(target=run, args=(number,)) for number in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: {loss} for number, loss in expected.items()}


def test_without_the_extension_every_bit_is_the_same(monkeypatch):
    E = random_scalars(5, 400, np.float64, odd=0.0)
    with np.errstate(all="ignore"):
        loss, grads = gn.compile(E)({})
        monkeypatch.setattr(native, "AVAILABLE", False)
        step = gn.compile(E)
        other, others = step({})
    assert "a NumPy call for each run" in step.explain()
    assert same_bits(np.array(loss), np.array(other))
    assert grads.keys() == others.keys()
    assert all(same_bits(grads[name], others[name]) for name in grads)


@in_c
def test_it_says_that_it_runs_in_c():
    step = gn.compile(deep())
    step({})
    assert "runs of instructions in C" in step.explain()


def test_a_program_of_a_deep_graph_takes_memory_in_proportion_to_it():
    small, large = (gn.compile(deep(length)).run({}).bytes for length in (1000, 4000))
    assert large == pytest.approx(4 * small, rel=0.01)
