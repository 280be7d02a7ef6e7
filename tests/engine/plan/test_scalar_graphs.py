"""Graphs of very many scalar nodes are computed depth by depth, to the same results."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import UnreachableError
from tests.engine.plan.agreement import Leaves, assert_agrees, assert_infers

OPS = [
    gn.tanh, gn.sigmoid, gn.relu, gn.leaky_relu, gn.softplus, gn.identity, gn.square, gn.abs, gn.exp, np.sin, np.cosh,
    lambda z: z**3, lambda z: 2.0**z, lambda z: 1 / (z * z + 1), lambda z: gn.maximum(z, 0.1),
    lambda z: gn.minimum(0.1, z), lambda z: gn.polynomial(z, (0.5, 1.0, -2.0)), lambda z: np.sqrt(z * z + 0.5),
    lambda z: np.log1p(z * z) - z / 3.0, lambda z: z + z, lambda z: z * z,
]  # fmt: skip


def chain(z, length=300):
    """Return a node behind so many others that its graph is a large one."""
    for _ in range(length // 2):
        z = gn.tanh(z) * 1.25
    return z


def random_scalars(seed, nodes, dtype=float):
    """Return the sum of a random graph's last nodes, and its feeds."""
    leaves = Leaves(seed, dtype)
    made = (
        [leaves.parameter(f"p{i}") for i in range(4)] + [leaves.input(f"x{i}") for i in range(3)] + [gn.constant(0.5)]
    )
    for _ in range(nodes):
        x, y = (made[-1 - int(leaves.rng.integers(min(len(made), 40)))] for _ in range(2))
        op = OPS[leaves.rng.integers(len(OPS))]
        made.append(gn.tanh((x + y, x - y, x * y)[leaves.rng.integers(3)] if leaves.rng.random() < 0.6 else op(x)))
    E = made[-1]
    for node in [*made[-40:-1], *made[:8]]:
        E = E + node * 0.5
    given = set(gn.Graph(E).inputs)
    return E, {node: array for node, array in leaves.feeds.items() if node in given}


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_of_scalars(seed):
    dtype = np.float32 if seed % 4 == 3 else np.float64
    E, feeds = random_scalars(seed, nodes=(60, 300, 600)[seed % 3], dtype=dtype)
    assert_agrees(E, feeds)
    assert_infers([E, *E.inputs], feeds)


@pytest.mark.parametrize("seed", range(4))
def test_every_error_signal_of_a_graph_of_scalars(seed):
    E, feeds = random_scalars(seed, nodes=300)
    assert_agrees(E, feeds, wrt=list(gn.backward(E, feeds).error_signals)[::-1])


@pytest.mark.parametrize("op", OPS)
def test_operations_on_scalars(op):
    p, q = gn.parameter("p", -0.75), gn.parameter("q", 0.5)
    assert_agrees(chain(op(chain(p)) * q) + op(q) * op(gn.constant(0.5)), {})


def test_parameters_and_feeds_are_read_anew():
    E, feeds = random_scalars(1, nodes=300)
    step = gn.compile(E)
    for factor in (1.0, -0.5, 0.25):
        for p in gn.Graph(E).parameters:
            p.value *= factor
        assert_agrees(E, {node: array * factor for node, array in feeds.items()}, step)
    for p in gn.Graph(E).parameters:
        p.value[...] = 0.125
    assert_agrees(E, feeds, step)


def test_results_are_copies():
    E, feeds = random_scalars(2, nodes=300)
    step = gn.compile(E)
    _, grads = step(feeds)
    before = {name: float(gradient) for name, gradient in grads.items()}
    step({node: array + 1 for node, array in feeds.items()})
    assert {name: float(gradient) for name, gradient in grads.items()} == before
    for gradient in grads.values():
        gradient[...] = np.nan
    assert_agrees(E, feeds, step)


def test_float32_parameters_in_a_float64_run():
    p, x = gn.parameter("p", np.float32(0.3)), gn.input("x")
    assert_agrees(chain(p) * x, {x: 2.0})


def test_a_large_graph_of_scalars_is_a_short_program():
    leaves = Leaves(3)
    units = [leaves.parameter(f"p{i}") for i in range(50)]
    for _ in range(10):
        units = [gn.tanh(unit * other) for unit, other in zip(units, units[1:] + units[:1], strict=True)]
    E = units[0]
    for unit in units[1:]:
        E = E * 0.5 + unit
    assert_agrees(E, {})
    flat = [gn.tanh(p * 2.0) for p in gn.Graph(E).parameters for _ in range(20)]
    while len(flat) > 1:
        flat = [x + y for x, y in zip(flat[::2], flat[1::2], strict=False)]
    step = gn.compile(flat[0])
    assert_agrees(flat[0], {}, step)
    assert len(step.run({}).calls) < len(gn.Graph(flat[0])) / 4


def test_what_nothing_smooth_reaches_is_left_out():
    p, q = gn.parameter("p", -0.7), gn.parameter("q", 0.3)
    E = chain(p) * np.sign(q)
    assert_agrees(E, {})
    assert list(gn.compile(E)({})[1]) == ["p"]


def test_what_nothing_smooth_reaches_is_named_when_asked_for():
    p, q = gn.parameter("p", -0.7), gn.parameter("q", 0.3)
    step = gn.compile(chain(p) * np.sign(q), [p, q])
    with pytest.raises(UnreachableError, match="'q'"):
        step({})


def test_it_explains_itself_with_its_totals():
    step = gn.compile(chain(gn.parameter("p", 0.5)))
    made = step.run({})
    assert f"{len(made.calls)} calls" in step.explain()
    assert " bytes in " in step.explain()
