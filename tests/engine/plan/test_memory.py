"""No value is written over before its last reader has run, and a program too large is refused before it takes memory."""

import re
import tracemalloc

import numpy as np
import pytest

import graphnet as gn
from graphnet import ops
from graphnet.engine.plan import build as program
from graphnet.errors import PlanError
from graphnet.ops.elementwise import ElementwisePrimitive
from tests.engine.plan.agreement import Leaves, assert_agrees, assert_infers, mlp
from tests.engine.plan.test_same_as_backward import GRAPHS
from tests.fuzz import compare
from tests.fuzz.grow import random_program


@pytest.fixture
def plan(monkeypatch):
    """Return a function that compiles and runs E once, and returns its layout and the nodes it hands out."""

    def plan(E, feeds, wrt=None):
        seen = []

        def recorded(order, results, *args, **options):
            seen.append((real(order, results, *args, **options), list(results)))
            return seen[-1][0]

        real = program.allot
        with monkeypatch.context() as patch:
            patch.setattr(program, "allot", recorded)
            gn.compile(E, wrt)(feeds)
        return seen[-1]

    return plan


def owner_of(node, layout):
    """Return the node whose memory a node's value lies in."""
    while node in layout.views:
        node = layout.views[node]
    return node


def require_sound(layout, results):
    """Require that every value lives until its last reader has run, each reader being given what it reads.

    Written anew, from the order and the buffers alone: each buffer holds the value written to it last.
    """
    holds = {}  # buffer → node whose value it holds
    for node in layout.order:  # inputs are filled before all calls
        if isinstance(node, gn.Node) and node.op is None and node in layout.buffer and node.kind == "input":
            assert layout.buffer[node] not in holds, f"two inputs in {layout.buffer[node]}"
            holds[layout.buffer[node]] = owner_of(node, layout)
    for node in layout.order:
        for source in node.inputs:
            owner = owner_of(source, layout)
            if owner in layout.buffer:
                held = holds[layout.buffer[owner]]
                assert held is owner, f"{node} reads {source}, but {held} lies there"
        if node not in layout.buffer or node.kind == "input":
            continue
        buffer = layout.buffer[node]
        reads_there = [source for source in node.inputs if layout.buffer.get(owner_of(source, layout)) is buffer]
        if reads_there and node.op is not None:
            assert isinstance(node.op, ElementwisePrimitive), f"{node} writes over what it reads"
            assert not isinstance(node.op, ops.Where), f"{node} writes twice over what it reads"
        holds[buffer] = node
        assert buffer.size >= np.prod(node.shape, dtype=int)
        assert buffer.dtype.kind == node.dtype.kind
    for node in results:
        owner = owner_of(node, layout)
        if owner in layout.buffer:
            assert holds[layout.buffer[owner]] is owner


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_values_live_as_long_as_they_are_read_in_random_programs(first, plan):
    for seed in range(first, first + 10):
        grown = random_program(seed)
        network = compare.build(grown, open_batch=seed % 2 == 0)
        delta = 1.0 if grown.delta is None else grown.delta
        scalar = (
            gn.sum(network.output * delta) if network.output.shape != () or grown.delta is not None else network.output
        )
        reached = gn.backward(scalar, network.feeds).error_signals
        wrt = [leaf for leaf in (*gn.Graph(scalar).parameters, *gn.Graph(scalar).inputs) if leaf in reached]
        require_sound(*plan(scalar, network.feeds, wrt))
        require_sound(*plan(network.output, network.feeds, []))


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_values_live_as_long_as_they_are_read(graph, plan):
    leaves = Leaves(5)
    E = graph(leaves)
    require_sound(*plan(E, leaves.feeds))
    require_sound(*plan(E, leaves.feeds, []))


@pytest.mark.parametrize("batch", [3, 200])
def test_memory_is_used_again(batch, plan):
    leaves = Leaves(6)
    a = leaves.input("x", batch, 40)
    for _ in range(30):
        a = np.sin(np.tanh(a) * 1.5)
    layout, results = plan(gn.sum(a), leaves.feeds, [])
    require_sound(layout, results)
    assert layout.bytes <= 4 * batch * 40 * 8
    assert layout.bytes == sum(buffer.size * buffer.dtype.itemsize for buffer in set(layout.buffer.values()))


def test_what_two_readers_wait_for_is_kept():
    """In-place operations on a value that is read later, by a node and through a view."""
    leaves = Leaves(7)
    p = leaves.parameter("p", 4, 4)
    z = np.sin(p)
    for late in (z, z.T, z[::-1], gn.reshape(z, (16,)), gn.broadcast_to(z[0], (4, 4))):
        early = np.cos(np.exp(np.tanh(z)))
        assert_agrees(gn.sum(gn.square(early)) + gn.sum(late * late * 2.0) + gn.sum(early * z + z.T), {})


@pytest.mark.parametrize(
    "view",
    [
        lambda z: z.T,
        lambda z: z[::-1],
        lambda z: gn.reshape(z, (16,)),
        lambda z: z[1:3],
        lambda z: gn.broadcast_to(z[0], (4, 4)),
        lambda z: gn.transpose(gn.reshape(z, (2, 8))),
    ],
)
def test_a_view_is_read_after_the_value_itself(view):
    """Nothing but the view waits for the value once exp has read it."""
    z = np.sin(Leaves(7).parameter("p", 4, 4))
    seen = view(z)
    later = gn.sum(np.tanh(np.exp(z))) + gn.sum(np.cos(seen) * 2.0)
    for E in (later, gn.sum(np.tanh(np.exp(z) * 3.0)) * gn.sum(seen), gn.sum(np.cos(seen)) * gn.sum(np.exp(z))):
        assert_infers(E, {})
        assert_agrees(E, {})
    a, b = gn.broadcast_to(gn.sum(seen), (4, 4)), np.exp(z)
    assert_infers([b + a, gn.sum(seen, axis=0) * gn.sum(b)], {})


def test_an_operation_on_a_value_and_its_own_view():
    p = Leaves(8).parameter("p", 5, 5)
    for z in (np.sin(p), np.sin(p) @ np.cos(p)):
        assert_agrees(gn.sum(gn.square(z + z.T) * (z - z[::-1]) * np.arange(25.0).reshape(5, 5)), {})


def test_a_choice_between_dying_values():
    p = Leaves(9).parameter("p", 5, 4)
    z = np.sin(p)
    assert_agrees(gn.sum(np.where(z > 0.1, z * 2.0, z * z) * np.arange(20.0).reshape(5, 4)), {})


# Too large ----------------------------------------------------------------------------------------------------------

HUGE = np.broadcast_to(0.5, (10**12, 4))

TOO_LARGE = {
    "entry by entry": lambda x, W: gn.sum(gn.tanh(x)),
    "squares": lambda x, W: gn.sum(gn.square(x)),
    "a mean of squared errors": lambda x, W: gn.mse(x @ W, x @ (2 * W)),
    "a layer": lambda x, W: gn.sum(gn.square(gn.tanh(x @ W + [0.5, 0.25]))),
    "a sum of products": lambda x, W: gn.sum(x @ W),
    "a mean of products": lambda x, W: gn.mean(x @ W),
    "ones": lambda x, W: gn.sum(np.ones_like(x) @ W),
}


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("graph", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_program_too_large_is_refused_with_its_bytes(graph, gradients):
    x, W = gn.input("x", (None, 4)), gn.parameter("W", np.arange(8.0).reshape(4, 2) / 8)
    E = graph(x, W)
    wrt = [W] if gradients and W in gn.Graph(E) else []
    step = gn.compile(E, wrt)
    tracemalloc.start()
    try:
        with pytest.raises(PlanError, match=r"needs ([\d,]+) bytes") as raised:
            step({x: HUGE})
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert isinstance(raised.value, MemoryError)
    (named,) = re.findall(r"needs ([\d,]+) bytes", str(raised.value))
    assert int(named.replace(",", "")) >= 10**12 * 8
    assert_agrees(E, {x: np.ones((3, 4))}, step, wrt)


def test_the_gradient_of_a_sum_by_a_huge_input_is_refused():
    x = gn.input("x", (None, 4))
    step = gn.compile(gn.sum(x), [x])
    with pytest.raises(PlanError, match="bytes"):
        step({x: HUGE})
    assert_agrees(gn.sum(x), {x: np.ones((3, 4))}, gn.compile(gn.sum(x), [x]), [x])


def test_bytes_are_counted_beyond_64_bits():
    """The product has 2⁶⁴ entries, which is 0 in 64 bits."""
    x, y = gn.input("x", (None, 1)), gn.input("y", (1, None))
    step = gn.compile(gn.sum(gn.tanh(x @ y)))
    row = np.broadcast_to(0.5, (2**32, 1))
    with pytest.raises(PlanError, match=r"needs ([\d,]+) bytes") as raised:
        step({x: row, y: row.T})
    (named,) = re.findall(r"needs ([\d,]+) bytes", str(raised.value))
    assert int(named.replace(",", "")) >= 2**64 * 8


def test_memory_is_taken_once_a_shape():
    leaves = Leaves(10)
    E = mlp(leaves, 500, (30, 40, 2))
    step = gn.compile(E)
    step(leaves.feeds)
    tracemalloc.start()
    try:
        for _ in range(5):
            step(leaves.feeds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500 * 40 * 8  # less than one layer: only the results are copied
