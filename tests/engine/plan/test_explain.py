"""A step explains itself: one line a call, with where it comes from, what it reads and where it writes."""

import re

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import Leaves, mlp


@pytest.fixture
def net():
    leaves = Leaves(0)
    return mlp(leaves, 100, (3, 50, 2)), leaves.feeds


def rows(text):
    """Return the cells of each call's line."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.split("\n\n")[0].split("\n")[2:]]


def test_before_the_first_call_nothing_is_compiled(net):
    step = gn.compile(net[0])
    assert step.explain().startswith("Not compiled yet")
    assert "0 shapes" in repr(step)


def test_one_line_a_call(net):
    step = gn.compile(net[0])
    made = step.run(net[1])
    lines = rows(step.explain())
    assert [line[0] for line in lines] == [str(i) for i in range(len(made.calls))]
    assert step.explain().split("\n")[0].split() == [
        "call",
        "from",
        "function",
        "operands",
        "result",
        "buffer",
        "bytes",
        "by",
    ]


def test_origin_function_shapes_and_bytes(net):
    E, feeds = net
    step = gn.compile(E)
    step(feeds)
    text = step.explain()
    tanh = next(line for line in text.split("\n") if re.search(r"\btanh\b.*\(100, 50\)", line))
    assert "tanh_1" in tanh
    assert tanh.split()[-2].replace(",", "") == "40000"  # 100 × 50 × 8
    assert re.search(r"gradients/tanh_1 .*\(100, 50\)", text)
    assert re.search(r"matmul +\(100, 3\).*\(3, 50\).*\(100, 50\)", text)


def test_the_totals_are_those_of_the_program(net):
    E, feeds = net
    step = gn.compile(E)
    made = step.run(feeds)
    total = re.search(r"([\d,]+) calls, ([\d,]+) bytes in ([\d,]+) buffers", step.explain())
    assert [int(number.replace(",", "")) for number in total.groups()] == [
        len(made.calls),
        made.layout.bytes,
        len(made.layout.buffers),
    ]


def test_it_explains_the_program_run_last(net):
    E, feeds = net
    step = gn.compile(E)
    for rows_fed in (100, 7, 100):
        step({node: array[:rows_fed] for node, array in feeds.items()})
        assert f"({rows_fed}, 50)" in step.explain()
    assert "2 shapes" in repr(step)


def test_a_program_without_calls_explains_itself():
    step = gn.compile(gn.constant(1.0))
    assert step({}) == 1.0
    assert "0 calls" in step.explain()


def test_cast_parameters_and_opaque_rules_are_lines_too():
    @gn.op
    def total(z):
        return np.add.accumulate(z)

    step = gn.compile(total(gn.parameter("p", np.float32([1, 2])) * gn.input("x", (2,))), [])
    step({"x": [1.0, 2.0]})
    assert "copyto" in step.explain()
    assert "total" in step.explain()


def test_what_each_pass_did_is_told():
    leaves = Leaves(0)
    E = mlp(leaves, 8, (4, 4, 4, 4, 4, 2))
    x = gn.Graph(E)["x"]
    step = gn.compile(E)
    step(leaves.feeds)
    told = dict(re.findall(r"^  ([a-z ]+): (.*)$", step.explain(), re.MULTILINE))
    made = step.run(leaves.feeds)
    assert list(told)[:3] == ["sizes", "pruning", "lowering"]
    assert told["sizes"] == f"{len(gn.Graph(E)):,} nodes"
    assert told["pruning"].startswith(f"error signals of {len(gn.Graph(E)) - 2} nodes")  # not of x, nor of the target
    assert "composites expanded" in told["lowering"]
    assert f"in {len(made.layout.buffers)} buffers" in told["memory"]
    gn_x = gn.compile(E, [x])
    gn_x(leaves.feeds)
    assert "pruning: error signals of 16 nodes" in gn_x.explain()  # x, three a layer but for the last activation, and E


def test_equal_expressions_constants_and_idle_steps_are_counted():
    w = gn.parameter("w", [1.0, 2.0])
    two = gn.constant(1.0) + gn.constant(1.0)
    y = np.exp(w) * 1.0 + np.exp(w) * two
    step = gn.compile(y, [])
    np.testing.assert_allclose(step({}), np.exp([1.0, 2.0]) * 3)
    assert (
        "lowering: 5 nodes; common subexpressions: 1, constants computed: 1, steps that change nothing left out: 1"
        in step.explain()
    )
