"""One rule, read in two ways: arrays give arrays, and as soon as one argument is a node the result is a node."""

import operator
import subprocess
import sys

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import OpaqueError
from tests.fuzz import dialect, oracle
from tests.fuzz.programs import Step, carry_out
from tests.ops.cases import EVERY

SPELLED = [(case, i) for case in EVERY for i in range(len(dialect.DIALECT[case.op]))]


def real_places(case):
    return [i for i, arg in enumerate(case.args) if np.asarray(arg).dtype.kind == "f" and np.ndim(arg)]


@pytest.mark.parametrize(("case", "spelling"), SPELLED, ids=str)
def test_arrays_give_arrays(case, spelling):
    result = carry_out(dialect.DIALECT, Step(case.op, (), case.settings, spelling), case.args)
    assert isinstance(result, np.ndarray | np.floating)
    np.testing.assert_allclose(
        result, carry_out(oracle.DIALECT, Step(case.op, (), case.settings), case.args), rtol=1e-12
    )


@pytest.mark.parametrize(("case", "spelling"), SPELLED, ids=str)
def test_one_node_is_enough_for_a_node(case, spelling):
    step = Step(case.op, (), case.settings, spelling)
    expected = carry_out(oracle.DIALECT, Step(case.op, (), case.settings), case.args)
    for place in real_places(case):
        args = [gn.constant(arg) if i == place else arg for i, arg in enumerate(case.args)]
        node = carry_out(dialect.DIALECT, step, args)
        assert isinstance(node, gn.Node)
        np.testing.assert_allclose(gn.forward(node, {})[node], expected, rtol=1e-12)


SAME_NODE = [
    (np.tanh, gn.tanh), (np.exp, gn.exp), (np.log, gn.log), (np.sqrt, gn.sqrt), (np.square, gn.square), (np.abs, gn.abs),
    (np.negative, gn.negative), (np.sum, gn.sum), (np.mean, gn.mean), (np.max, gn.max), (np.transpose, gn.transpose),
    (operator.neg, gn.negative), (abs, gn.abs), (np.add.reduce, lambda z: gn.sum(z, axis=0)),
    (lambda z: np.sum(z, axis=1, keepdims=True), lambda z: gn.sum(z, axis=1, keepdims=True)),
    (lambda z: z.sum(0), lambda z: gn.sum(z, 0)), (lambda z: z.mean(0, keepdims=True), lambda z: gn.mean(z, 0, keepdims=True)),
    (lambda z: z.max(axis=1), lambda z: gn.max(z, axis=1)), (lambda z: z.T, gn.transpose),
    (lambda z: z.transpose(1, 0), lambda z: gn.transpose(z, (1, 0))),
    (lambda z: z.reshape(3, 2), lambda z: gn.reshape(z, (3, 2))),
    (lambda z: np.reshape(z, (3, 2)), lambda z: gn.reshape(z, (3, 2))),
    (lambda z: np.broadcast_to(z, (4, 2, 3)), lambda z: gn.broadcast_to(z, (4, 2, 3))),
    (lambda z: np.concatenate([z, z], axis=1), lambda z: gn.concatenate([z, z], axis=1)),
    (lambda z: np.take(z, [1, 1], axis=0), lambda z: gn.take(z, [1, 1], axis=0)),
    (lambda z: z[[1, 1]], lambda z: gn.take(z, [1, 1])), (lambda z: z[np.array([0, 1])], lambda z: gn.take(z, [0, 1])),
    (lambda z: np.where(z > 0, z, 0.0), lambda z: gn.where(z > 0, z, 0.0)),
    (lambda z: np.maximum(z, 0.0), lambda z: gn.maximum(z, 0.0)), (lambda z: np.power(z, 2), lambda z: gn.power(z, 2)),
    (lambda z: np.multiply(z, z), lambda z: gn.multiply(z, z)), (lambda z: np.matmul(z, z.T), lambda z: gn.matmul(z, z.T)),
]  # fmt: skip


@pytest.mark.parametrize(("numpys", "ours"), SAME_NODE)
def test_numpys_function_of_a_node_is_graphnets(numpys, ours):
    z = gn.input("z", (2, 3))
    first, second = numpys(z), ours(z)
    assert (first.op, first.shape, [i.kind for i in first.inputs]) == (
        second.op,
        second.shape,
        [i.kind for i in second.inputs],
    )


ARRAY = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow,
    operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne,
]  # fmt: skip


@pytest.mark.parametrize("other", [2, 2.0, np.float64(2.0), np.float32(2.0), np.int64(2), ARRAY / 2, ARRAY[0].tolist()])
@pytest.mark.parametrize("f", OPERATORS)
def test_operators_take_numbers_and_arrays_on_either_side(f, other):
    z = gn.constant(ARRAY)
    for node, expected in ((f(z, other), f(ARRAY, np.asarray(other))), (f(other, z), f(np.asarray(other), ARRAY))):
        assert isinstance(node, gn.Node)
        np.testing.assert_array_equal(gn.forward(node, {})[node], expected)


@pytest.mark.parametrize("other", [True, np.True_, [True, False, True], np.array([True, False, True])])
@pytest.mark.parametrize("f", [operator.and_, operator.or_])
def test_truth_values_combine_on_either_side(f, other):
    truths = np.array([True, True, False])
    z = gn.constant(truths)
    for node in (f(z, other), f(other, z)):
        assert gn.forward(node, {})[node].tolist() == f(truths, np.asarray(other)).tolist()


def test_an_array_times_a_node_is_one_node():
    w = gn.constant(ARRAY.T)
    for product in (ARRAY @ w, ARRAY.tolist() @ w, np.matmul(ARRAY, w)):
        assert product.shape == (2, 2)
        assert gn.forward(product, {})[product].tolist() == (ARRAY @ ARRAY.T).tolist()


def test_float32_stays_float32_beside_python_numbers():
    z = np.ones(3, np.float32)
    assert {f(z, 2.0).dtype for f in (gn.add, gn.multiply, gn.maximum, gn.power)} == {np.dtype(np.float32)}


NOT_COVERED = {
    **{f.__name__: f for f in (np.sinc, np.gradient, np.nanstd, np.unwrap, np.modf, np.i0)},
    "linalg.svd": np.linalg.svd,
    "fft.fft": np.fft.fft,
    "interp": lambda z: np.interp(z, [0, 1], [2, 3]),
    "convolve": lambda z: np.convolve(z[0], z[1]),
    "add.accumulate": np.add.accumulate,
    "multiply.outer": lambda z: np.multiply.outer(z, z),
}


@pytest.mark.parametrize("name", NOT_COVERED)
def test_functions_that_no_op_covers_are_named(name):
    with pytest.raises(OpaqueError, match=rf"np\.{name}"):
        NOT_COVERED[name](gn.input("z", (2, 2)))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.tanh(z, out=np.zeros(3)), lambda z: np.sum(z, dtype=float), lambda z: np.sum(z, where=[True] * 3),
        lambda z: np.max(z, initial=0), lambda z: np.add(z, z, where=[True] * 3),
    ],
)  # fmt: skip
def test_options_that_no_op_covers_are_refused(f):
    with pytest.raises(OpaqueError, match="plain arguments only"):
        f(gn.input("z", 3))


@pytest.mark.parametrize("f", [operator.and_, operator.or_])
def test_truth_operators_want_truth_values(f):
    z = gn.input("z", 3)
    with pytest.raises(OpaqueError, match="Compare first"):
        f(z, z)
    assert f(z > 0, z < 1).dtype == bool


def test_every_op_that_is_public_is_registered_by_its_name():
    public = {op for name in gn.ops.__all__ if isinstance(op := getattr(gn.ops, name), type)} - {
        gn.ops.Op,
        gn.ops.Primitive,
        gn.ops.Composite,
    }
    from graphnet.core.registry import OPS

    assert set(OPS.values()) == public
    assert all(OPS[op.name] is op for op in public)


READ_LATE = """
import sys, threading, numpy as np, graphnet as gn
assert not [name for name in sys.modules if name.startswith("graphnet.ops.")]
assert issubclass(gn.ops.Any, gn.ops.Op) and callable(gn.linalg.norm)
x = gn.input("x", (None, 2))
words = [np.tanh, np.linalg.norm, np.sort, lambda x: x - 1, lambda x: x.std(), lambda x: gn.gelu(x, name="a")] * 3
made = []
threads = [threading.Thread(target=lambda word=word: made.append(word(x))) for word in words]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert all(isinstance(node, gn.Node) for node in made) and len(made) == len(words)
"""


def test_ops_are_read_when_they_are_first_asked_for_by_many_threads_too():
    subprocess.run([sys.executable, "-W", "error", "-c", READ_LATE], check=True)
