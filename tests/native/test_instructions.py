"""Every instruction gives the bits of the call that it stands for, and what does not fit is none."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.native import Calls
from tests.engine.plan.agreement import Leaves, mlp
from tests.engine.plan.test_same_as_backward import ACTIVATIONS, GRAPHS, LOSSES
from tests.fuzz import compare as fuzz
from tests.fuzz.grow import random_program
from tests.native.beside import compare, compare_program
from tests.native.programs import survey

pytestmark = pytest.mark.skipif(Calls is None, reason="the C extension is not there")


def program_of(E, feeds, wrt=None):
    return gn.compile(E, wrt).run(feeds).calls


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_random_calls(first):
    counts = survey(range(first, first + 100))
    assert sum(made for made, _ in counts.values()) > 100


def test_arrays_most_of_which_do_not_fit():
    survey(range(10_000, 10_100), wild=0.6)


@pytest.mark.parametrize("first", range(0, 300, 60))
def test_random_networks(first):
    for seed in range(first, first + 60):
        grown = random_program(seed)
        dtype = np.float32 if seed % 3 == 0 else np.float64
        network = fuzz.build(grown, open_batch=False, dtype=dtype)
        E = gn.sum(network.output * (1.0 if grown.delta is None else grown.delta))
        reached = gn.backward(E, network.feeds).error_signals
        wrt = [leaf for leaf in (*gn.Graph(E).parameters, *gn.Graph(E).inputs) if leaf in reached]
        compare_program(program_of(E, network.feeds, wrt))


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_graphs_of_all_kinds(graph):
    leaves = Leaves(3)
    E = graph(leaves)
    compare_program(program_of(E, leaves.feeds))


@pytest.mark.filterwarnings("ignore:cross_entropy of one class")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_dense_networks_need_no_python_but_for_what_they_refuse(activation, loss, dtype):
    for batch, widths in ((1, (1, 1)), (7, (3, 5, 2)), (40, (17, 33, 1))):
        leaves = Leaves(batch, dtype)
        made, count = compare_program(program_of(mlp(leaves, batch, widths, activation, loss), leaves.feeds))
        assert made >= count - 6


def test_a_usual_network_is_one_native_call():
    for batch, widths in ((32, (2, 16, 16, 1)), (100, (30, 20, 10))):
        for activation in (gn.tanh, gn.sigmoid, gn.relu):
            leaves = Leaves(1)
            step = gn.compile(mlp(leaves, batch, widths, activation))
            step(leaves.feeds)
            assert "Python" not in step.explain()
            assert "2 of 2 feeds are read where they lie" in step.explain()


# What does not fit --------------------------------------------------------------------------------------------------

A = np.arange(12.0).reshape(3, 4)


def unaligned():
    raw = np.zeros(A.nbytes + 1, np.uint8)
    return raw[1:].view(float).reshape(A.shape)


def frozen():
    array = A.copy()
    array.flags.writeable = False
    return array


REFUSED = {
    "an output that may not be written": lambda: (np.tanh, (A, frozen())),
    "an operand between the machine's words": lambda: (np.tanh, (unaligned(), A.copy())),
    "an output between the machine's words": lambda: (np.tanh, (A, unaligned())),
    "foreign byte order": lambda: (np.tanh, (A.astype(">f8"), A.copy())),
    "a cast": lambda: (np.tanh, (A.astype(np.float32), A.copy())),
    "a subclass": lambda: (np.tanh, (A.view(np.matrix), A.copy())),
    "a masked array": lambda: (np.tanh, (np.ma.masked_array(A, A > 3), A.copy())),
    "objects": lambda: (np.add, (A.astype(object), A.astype(object), A.astype(object))),
    "complex numbers": lambda: (np.multiply, (A + 0j, A + 0j, A + 0j)),
    "integers, whose powers may raise": lambda: (np.power, (np.array([2]), np.array([-1]), np.array([0]))),
    "shapes that do not broadcast": lambda: (np.add, (A, np.ones(3), A.copy())),
    "an output too small": lambda: (np.add, (A, A, np.zeros(4))),
    "an output seen everywhere": lambda: (np.add, (A, A, np.broadcast_to(np.zeros(4), (3, 4)))),
    "an operand that overlaps the output": lambda: (lambda a: (np.add, (a[:-1], a[:-1], a[1:])))(np.arange(5.0)),
    "an operand that is the output turned": lambda: (lambda a: (np.add, (a, a.T, a)))(np.eye(3)),
    "an operand that is the output backwards": lambda: (lambda a: (np.tanh, (a[::-1], a)))(np.arange(5.0)),
    "an operand read backwards": lambda: (np.power, (A[:, ::-1], A, A.copy())),
    "an operand read backwards but for an axis of one": lambda: (
        np.power,
        (A[::-1, :1], A[:, :1].copy(), np.zeros((3, 1))),
    ),
    "a product over its operand": lambda: (lambda a: (np.matmul, (a, a, a)))(np.eye(3)),
    "a product of sizes that differ": lambda: (np.matmul, (A, A, np.zeros((3, 4)))),
    "a product of numbers": lambda: (np.matmul, (np.float64(1), A, A.copy())),
    "a product whose result is too large": lambda: (np.matmul, (A, A.T.copy(), np.zeros((3, 4)))),
    "the bound method of a product": lambda: (A.dot, (A.T, np.zeros((3, 3)))),
    "an output that lies column after column": lambda: (np.tanh, (A, np.asfortranarray(A))),
    "a sum along an axis that is not there": lambda: (np.add.reduce, (A, 2, None, np.zeros(3), False)),
    "a sum of another shape": lambda: (np.add.reduce, (A, 0, None, np.zeros(3), False)),
    "a copy that casts": lambda: (np.copyto, (A.astype(np.float32), A)),
    "too few operands": lambda: (np.add, (A,)),
    "no operands": lambda: (np.add, ()),
    "something else": lambda: (len, ((1, 2),)),
    "numbers of Python": lambda: (np.add, (1.0, 2.0, A.copy())),
    "a list": lambda: (np.add, ([1.0], [2.0], np.zeros(1))),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_stays_a_call_of_python(call):
    assert Calls([call()], [], {}, []).native == [False]


def test_rows_backwards_and_operands_backwards_of_which_bits_depend_on_the_order():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.2, 2, (7, 17)), rng.uniform(0.5, 2, (5, 7, 17))
    assert compare((np.power, (x[::-1], y, np.empty(y.shape))))
    for backwards in (x[:, ::-1], x[::-1, ::-1], x[3, ::-1]):
        assert not compare((np.power, (backwards, y, np.empty(y.shape))))


@pytest.mark.parametrize("call", [1, (1, 2), (print,), (print, (), ()), [print, ()]])
def test_what_is_no_call_is_an_error(call):
    with pytest.raises(TypeError):
        Calls([call], [], {}, [])


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (1, 1), (2, 3, 4, 5)])
def test_sizes_of_all_kinds(shape):
    x = np.random.default_rng(0).normal(size=shape)
    for call in ((np.tanh, (x, np.empty(shape))), (np.multiply, (x, np.array(2.0), x)), (np.copyto, (x.copy(), x))):
        assert compare(call)
