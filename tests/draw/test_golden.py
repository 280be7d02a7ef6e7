"""The whole neutral description of a network small enough to work out by hand, in both views.

With x = (1, 2), W = (3, −1)ᵀ, b = 1 and t = 0: z = 3 − 2 + 1 = 2, a = relu(2) = 2, E = ½ 2² = 2; back from there ∂E/∂a = 2,
δ = ∂E/∂z = 2 · 1, ∂E/∂W = xᵀ δ = (2, 4)ᵀ, ∂E/∂b = 2, ∂E/∂x = δ Wᵀ = (6, −2), ∂E/∂t = −2.
"""

from math import log, sqrt

import pytest

import graphnet as gn
from graphnet.draw.build import picture_of
from graphnet.draw.diagram import diagram_of
from graphnet.draw.picture import (
    Arrow,
    Box,
    Bundle,
    Cell,
    Column,
    Diagram,
    ErrorBox,
    Field,
    Frame,
    LegendEntry,
    Picture,
    Unit,
    Weight,
)


@pytest.fixture
def tiny():
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
    with gn.scope("out"):
        z = gn.bias_add(x @ gn.parameter("W", [[3.0], [-1.0]]), gn.parameter("b", [1.0]), name="z")
        a = gn.relu(z, name="a")
    return gn.backward(gn.sse(a, t, name="E"), {x: [[1.0, 2.0]], t: [[0.0]]})


# Strengths have the sign of the number. All scales of numbers are linear here, as the middle size is at least half of the
# largest: values up to 3, error signals up to 2, gradients up to 4, what goes no further up to 6. The norms of messages are
# √40, √20 and five times 2: their median 2 is half as strong as √40.
ENDS = {"value": 3, "error signal": 2, "gradient": 4, "unused signal": 6}


def strength(norm):
    return pytest.approx((norm / sqrt(40)) ** (log(0.5) / log(2 / sqrt(40))))


def table(role, caption, *rows):
    def cell(number):
        return Cell(str(number).replace("-", "−"), number / ENDS[role])

    return Field(role, caption, tuple(tuple(map(cell, row)) for row in rows))


def box(place, kind, title, lines, shown, received, group="g0", **more):
    """Return a box with its value and its error signal, each as rows of numbers."""
    role, word = {"input": ("unused signal", "error signal"), "parameter": ("gradient", "gradient")}.get(
        kind, ("error signal", "error signal")
    )
    fields = table("value", "value", *shown), table(role, f"{word} ∂E/∂{title}", *received)
    return Box(f"n{place}", kind, title, lines, fields=fields, group=group, nodes=(place,), **more)


def test_the_op_view(tiny):
    expected = Picture(
        title="Backward pass: E = 2",
        notice="",
        direction="right",
        boxes=(
            box(0, "input", "x", ("input", "shape (1, 2)"), [(1, 2)], [(6, -2)], group=None),
            box(1, "parameter", "W", ("parameter", "shape (2, 1)"), [(3,), (-1,)], [(2,), (4,)]),
            box(2, "op", "matmul_1", ("matmul(x, W)", "shape (1, 1)"), [(1,)], [(2,)]),
            box(3, "parameter", "b", ("parameter", "shape (1,)"), [(1,)], [(2,)]),
            box(4, "op", "z", ("bias_add(matmul_1, b)", "shape (1, 1)"), [(2,)], [(2,)]),
            box(5, "op", "a", ("relu(z)", "shape (1, 1)"), [(2,)], [(2,)]),
            box(6, "input", "t", ("input", "shape (1, 1)"), [(0,)], [(-2,)], group=None),
            box(7, "op", "E", ("sse(out/a, t)", "scalar"), [(2,)], [(1,)], group=None, output=True),
        ),
        edges=(
            Arrow("n0", "n2", 0, "value"),
            Arrow("n2", "n0", 0, "unused signal", strength(sqrt(40))),
            Arrow("n1", "n2", 1, "value"),
            Arrow("n2", "n1", 1, "gradient", strength(sqrt(20))),
            Arrow("n2", "n4", 0, "value"),
            Arrow("n4", "n2", 0, "error signal", strength(2)),
            Arrow("n3", "n4", 1, "value"),
            Arrow("n4", "n3", 1, "gradient", strength(2)),
            Arrow("n4", "n5", 0, "value"),
            Arrow("n5", "n4", 0, "error signal", strength(2)),
            Arrow("n5", "n7", 0, "value"),
            Arrow("n7", "n5", 0, "error signal", strength(2)),
            Arrow("n6", "n7", 1, "value"),
            Arrow("n7", "n6", 1, "unused signal", strength(2)),
        ),
        groups=(Frame("g0", "out"),),
        legend=(
            LegendEntry("value", "value, flowing forward", "−3", "3"),
            LegendEntry("error signal", "error signal, flowing back", "−2", "2"),
            LegendEntry("gradient", "gradient of a parameter", "−4", "4"),
            LegendEntry("unused signal", "error signal of an input or a constant: goes no further", "−6", "6"),
        ),
    )
    assert picture_of(tiny) == expected


def test_the_unit_view(tiny):
    # Values: up to z = 2. Weights: up to 3. Error signals: up to the largest that is drawn, ∂E/∂w = 4; what the inputs
    # receive, 6 and −2, is not.
    def of(largest, number):
        return Cell(str(number).replace("-", "−"), number / largest)

    def back(number):
        return of(4, number) if number <= 4 else Cell(str(number), 1.0)

    two = back(2)
    output = Unit("u1-0", 0, of(2, 2), of(2, 2), two, two, of(3, 1), two, of(2, 0))
    columns = diagram_of(tiny).columns
    relu = tuple((z, max(z, 0.0)) for z in (-4 + i / 4 for i in range(33)))
    expected = Diagram(
        title="Backward pass: E = 2",
        sample="One sample.",
        notice="",
        columns=(
            Column(
                "c0", "input", "inputs", "x", "j", size=2, a=0, summary="norm of a 2.24",
                units=(Unit("u0-0", 0, a=of(2, 1)), Unit("u0-1", 1, a=of(2, 2))),
            ),
            Column(
                "c1", "output", "output layer", "out/a", "k", "relu", columns[1].curve, 1, (output,),
                "norm of a 2", "norm of δ 2", product=2, z=4, a=5, bias=3,
            ),
        ),
        bundles=(
            Bundle(
                "c0", "c1", "out/W", 1, "shape (2, 1)", "norm of gradient 4.47",
                (
                    Weight("w1-0-0", "u0-0", "u1-0", of(3, 3), False, two, back(6)),
                    Weight("w1-1-0", "u0-1", "u1-0", of(3, -1), True, back(4), back(-2)),
                ),
            ),
        ),
        error=ErrorBox("E", "sse(out/a, t)", "2", 7, 6),
        scales=(("weight", "−3", "3"), ("value", "−2", "2"), ("error signal", "−4", "4")),
    )  # fmt: skip
    assert columns[1].curve == relu
    assert diagram_of(tiny) == expected
