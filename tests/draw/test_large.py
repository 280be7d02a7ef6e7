"""Graphs too large to be drawn whole."""

import time

import numpy as np

import graphnet as gn
from graphnet.draw import draw
from graphnet.draw.build import build


def chain(length):
    x = y = gn.input("x")
    for _ in range(length):
        y = gn.tanh(y)
    return x, y


def test_a_long_chain_keeps_its_ends_and_says_so():
    x, y = chain(5000)
    start = time.perf_counter()
    drawing = draw(gn.backward(y, {x: 0.5}))
    svg = drawing.to_svg()
    assert time.perf_counter() - start < 10
    picture = drawing.picture
    assert len(picture.boxes) == 41
    assert [box.title for box in picture.boxes if box.kind == "folded"] == ["… 4,961 nodes not drawn …"]
    assert picture.notice == "5,001 nodes: 4,961 nodes not drawn"
    assert picture.notice in svg
    assert sum(edge.role == "value" for edge in picture.edges) == 40
    assert sum(edge.role != "value" for edge in picture.edges) == 40


def test_scopes_are_folded_first():
    y = gn.input("x")
    for block in range(20):
        with gn.scope(f"block{block}"):
            for _ in range(20):
                y = gn.tanh(y)
    picture = build(gn.Graph(y))
    assert [box.title for box in picture.boxes] == ["x", *(f"block{block}" for block in range(20))]
    assert picture.boxes[1].lines == ("scope with 20 nodes",)
    assert picture.boxes[-1].output
    assert len(picture.edges) == 20


def test_inner_scopes_are_folded_before_outer_ones():
    y = gn.input("x")
    with gn.scope("net"):
        for block in range(20):
            with gn.scope(f"block{block}"):
                for _ in range(20):
                    y = gn.tanh(y)
    picture = build(gn.Graph(y))
    assert [group.title for group in picture.groups] == ["net"]
    assert len(picture.boxes) == 21


class Total(gn.Op):
    """The sum of any number of inputs."""

    def forward(self, *inputs):
        return sum(inputs)

    def backward(self, delta, output, *inputs):
        return tuple(delta for _ in inputs)


def test_many_arrows_are_folded_too():
    rng = np.random.default_rng(0)
    nodes = [gn.input(f"x{i}") for i in range(10)]
    while len(nodes) < 280:
        nodes.append(Total()(*[nodes[i] for i in rng.integers(0, len(nodes), 5)]))
    start = time.perf_counter()
    drawing = draw(gn.backward(Total()(*nodes[-100:]), {f"x{i}": 0.1 for i in range(10)}))
    drawing.to_svg()
    assert time.perf_counter() - start < 10
    assert len(drawing.picture.boxes) < 60


def test_many_parallel_edges_become_one_with_a_count():
    x = gn.input("x")
    picture = build(gn.backward(Total()(*[x] * 1000, name="y"), {x: 1.0}))
    assert [(edge.slot, edge.role, edge.text) for edge in picture.edges] == [
        (None, "value", "× 1,000"),
        (None, "unused signal", ""),
    ]


def test_the_sketch_of_100_000_nodes_is_quick():
    _, y = chain(100_000)
    start = time.perf_counter()
    assert len(build(gn.Graph(y)).boxes) == 41
    assert time.perf_counter() - start < 10


def test_deep_scopes_do_not_recurse():
    from contextlib import ExitStack

    with ExitStack() as stack:
        for depth in range(2000):
            stack.enter_context(gn.scope(f"s{depth}"))
        y = gn.tanh(gn.input("x"))
    assert len(build(gn.Graph(y)).groups) == 8
