"""What the passes of the plan promise of the graph they hand on: primitives, once each, and nothing in vain."""

import numpy as np
import pytest

import graphnet as gn
from graphnet import ops
from graphnet.core.leaves import Constant
from graphnet.core.op import Primitive
from graphnet.core.order import topological_order
from graphnet.core.registry import OPS
from graphnet.engine.plan import program
from graphnet.engine.rewrite import lower, with_sizes
from graphnet.ops.elementwise import ElementwisePrimitive
from tests.engine.plan.agreement import Leaves, mlp
from tests.engine.plan.test_same_as_backward import ACTIVATIONS, LOSSES, running_sum, swish


def lowered(*outputs, feeds=(), dtype=np.float64):
    """Return the lowered outputs, at the shapes of the feeds."""
    graph = gn.Graph(*outputs)
    sized = with_sizes(graph, {node: np.shape(array) for node, array in dict(feeds).items() if node in graph})
    return lower([sized[node] for node in outputs], np.dtype(dtype))


def kinds(nodes):
    return [node.kind for node in topological_order(nodes) if node.op is not None]


def subclasses(kind):
    for sub in kind.__subclasses__():
        yield sub
        yield from subclasses(sub)


# Sizes --------------------------------------------------------------------------------------------------------------


def test_every_size_is_a_number():
    leaves = Leaves(0)
    E = mlp(leaves, 4, (3, 5, 2))
    sized = with_sizes(gn.Graph(E), {node: array.shape for node, array in leaves.feeds.items()})
    fwd = gn.forward(E, leaves.feeds)
    assert {node: copy.shape for node, copy in sized.items()} == {node: fwd[node].shape for node in gn.Graph(E).nodes}
    for parameter in gn.Graph(E).parameters:
        assert sized[parameter] is parameter


# Lowering -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_composites_become_primitives(activation, loss):
    leaves = Leaves(0)
    E = mlp(leaves, 4, (3, 5, 2), activation, loss)
    nodes = topological_order(lowered(E, feeds=leaves.feeds))
    assert all(isinstance(node.op, Primitive) for node in nodes if node.op is not None)


def test_only_what_no_primitive_covers_stays_a_call_of_its_own():
    x = gn.input("x", (2, 3))
    (out,) = lowered(gn.sum(running_sum(swish(x))), feeds={x: np.ones((2, 3))})
    composite = [node.kind for node in topological_order([out]) if node.op and not isinstance(node.op, Primitive)]
    assert composite == ["running_sum"]


def test_equal_subexpressions_are_one():
    x, W = gn.input("x", (4, 3)), gn.parameter("W", np.ones((3, 2)))
    terms = [gn.tanh(x @ W) * gn.sigmoid(x @ W) for _ in range(3)]
    (out,) = lowered(gn.sum(terms[0] + terms[1] * terms[2]), feeds={x: np.ones((4, 3))})
    assert kinds([out]).count("matmul") == 1
    assert kinds([out]).count("tanh") == kinds([out]).count("exp") == 1  # the exp is the sigmoid's


def test_unequal_settings_are_not_equal():
    x = gn.input("x", (4, 3))
    outputs = [gn.sum(x, axis=0), gn.sum(x, axis=1), gn.sum(x, axis=0), gn.max(x, axis=0), x[1], x[2], x[1]]
    found = lowered(*outputs, feeds={x: np.ones((4, 3))})
    assert [list(map(id, found)).index(id(node)) for node in found] == [0, 1, 0, 3, 4, 5, 4]


def test_the_order_of_operands_counts():
    x, y = gn.input("x", (4, 3)), gn.input("y", (4, 3))
    first, second = lowered(x - y, y - x, feeds=dict.fromkeys((x, y), np.ones((4, 3))))
    assert first is not second


def test_constants_are_computed_beforehand():
    c = gn.constant([1.0, 4.0])
    (out,) = lowered(gn.sum(np.sqrt(c) * 2.0 + gn.sigmoid(c) * 0.0))
    assert isinstance(out, Constant)
    assert out.value == 6.0


def test_parameters_are_not_constants():
    (out,) = lowered(gn.sum(gn.parameter("p", [1.0]) * 2.0))
    assert kinds([out]) == ["multiply", "sum"]


@pytest.mark.parametrize(
    "unchanged", [lambda p: 1.0 * p, lambda p: p * 1.0, lambda p: p / 1.0, lambda p: p + 0.0, lambda p: p - 0.0]
)
def test_what_changes_nothing_disappears(unchanged):
    p = gn.parameter("p", np.arange(6.0).reshape(2, 3))
    assert lowered(unchanged(p))[0] is p


@pytest.mark.parametrize(
    "changed",
    [lambda p: 1.0 / p, lambda p: 0.0 - p, lambda p: 0.0 * p, lambda p: p + 1.0, lambda p: p * np.ones((4, 3))],
)
def test_what_changes_something_stays(changed):
    p = gn.parameter("p", np.ones((1, 3)))
    node = changed(p)
    (out,) = lowered(node)
    assert out.op is not None
    assert out.shape == node.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_are_of_the_dtype_of_the_run(dtype):
    x = gn.input("x", (4, 3))
    nodes = topological_order(lowered(gn.sigmoid(x * 0.1) + np.eye(4, 3), feeds={x: np.ones((4, 3))}, dtype=dtype))
    assert {node.value.dtype for node in nodes if isinstance(node, Constant)} == {np.dtype(dtype)}


# Calls --------------------------------------------------------------------------------------------------------------

UFUNCS = {"abs": np.absolute, "where": None, "zeros_like": None, "ones_like": None}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in OPS.values() if issubclass(kind, ElementwisePrimitive) and UFUNCS.get(kind.name, np.add)],
    ids=lambda kind: kind.name,
)
def test_the_ufunc_of_every_operation_entry_by_entry(kind):
    ufunc = kind.ufunc
    expected = UFUNCS.get(kind.name) or getattr(np, kind.name)
    assert ufunc is expected
    assert ufunc.nout == 1


# Nothing in vain ----------------------------------------------------------------------------------------------------


def program_of(E, feeds, wrt=None):
    return gn.compile(E, wrt).run(feeds)


@pytest.mark.parametrize("batch", [4, 1000])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_no_error_signal_is_computed_that_nobody_asked_for(layers, batch):
    """A layer costs one product forward and two back; the first none for ∂E/∂x."""
    leaves = Leaves(0)
    E = mlp(leaves, batch, [*[3, 50, 40][:layers], 2])
    x, t = leaves.feeds
    W1 = gn.Graph(E)["W1"]
    assert len(matrix_products(E, leaves.feeds)) == 3 * layers - 1
    assert len(matrix_products(E, leaves.feeds, [*gn.Graph(E).parameters, x])) == 3 * layers
    assert len(matrix_products(E, leaves.feeds, [W1])) == 2 * layers
    assert len(matrix_products(E, leaves.feeds, [])) == layers
    assert len(matrix_products(E, leaves.feeds, [t])) == layers


def matrix_products(E, feeds, wrt=None):
    """Return the calls that multiply two matrices."""
    made = []
    for function, arguments in program_of(E, feeds, wrt).calls:
        bound = getattr(function, "__self__", None)
        operands = [bound, *arguments] if isinstance(bound, np.ndarray) else list(arguments)
        if function is np.matmul or getattr(function, "__name__", "") == "dot":
            made += [operands] if all(operand.ndim == 2 for operand in operands[:2]) else []
    return made


def test_a_node_that_no_output_needs_is_not_computed():
    leaves = Leaves(0)
    x = leaves.input("x", 4, 3)
    a = gn.tanh(x)
    gn.exp(a)
    names = [line[1] for line in program_of(gn.sum(a), leaves.feeds, []).lines]
    assert "tanh" in names
    assert "exp" not in names


def test_a_call_has_its_memory_already():
    """Every call writes into an array that was there before, so that running makes no large array."""
    leaves = Leaves(0)
    made = program_of(mlp(leaves, 4, (3, 5, 2)), leaves.feeds)
    assert len(made.calls) == len(made.lines) > 5
    assert isinstance(made, program.Program)
    for _, arguments in made.calls:
        assert any(isinstance(argument, np.ndarray) and argument.flags.writeable for argument in arguments)


def test_settings_that_look_equal_to_python_are_told_apart():
    x = gn.input("x", (4, 3))
    outputs = [gn.take(x, 1, axis=0), gn.take(x, True * 1, axis=1), ops.Getitem((1,))(x), x[1:2]]
    found = lowered(*outputs, feeds={x: np.ones((4, 3))})
    assert [node.shape for node in found] == [(3,), (4,), (3,), (1, 3)]
