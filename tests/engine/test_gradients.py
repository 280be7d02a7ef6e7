"""The backward pass as nodes."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphError, NoBackwardRuleError, RuleError, ShapeError, UnreachableError

W = np.array([[0.3, -0.2], [0.5, 0.7], [-0.4, 0.1]])
X = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]])


def value(node, feeds=None):
    return gn.forward(node, feeds or {})[node]


def numeric(output, nodes, feeds, **options):
    bwd = gn.backward(output, feeds, **options)
    return [bwd.error_signal(node) for node in nodes]


def network(rows):
    x, w, b = gn.input("x", (rows, 3)), gn.parameter("w", W), gn.parameter("b", [0.1, -0.3])
    t = gn.input("t", (rows, 2))
    return gn.sse(gn.tanh(x @ w + b), t), [w, b, x, t], {x: X, t: np.ones((2, 2))}


@pytest.mark.parametrize("rows", [2, None])
def test_they_are_the_numeric_backward_pass(rows):
    E, wrt, feeds = network(rows)
    nodes = gn.gradients(E, wrt)
    fwd = gn.forward(nodes, feeds)
    for node, leaf, signal in zip(nodes, wrt, numeric(E, wrt, feeds), strict=True):
        assert node.shape == leaf.shape
        np.testing.assert_array_equal(fwd[node], signal)


def test_they_are_nodes_to_differentiate_again():
    x = gn.input("x")
    derivatives = [x**5]
    for _ in range(6):
        derivatives += gn.gradients(derivatives[-1], [x])
    found = [float(gn.forward(gn.Graph(y, x), {x: 2.0})[y]) for y in derivatives]
    assert found == [32.0, 80.0, 160.0, 240.0, 240.0, 120.0, 0.0]


def test_a_hessian_row_by_row():
    w = gn.parameter("w", [1.0, 2.0, 3.0])
    A = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])
    (g,) = gn.gradients(0.5 * (w @ (A @ w)), [w])
    rows = [gn.gradients(g[i], [w])[0] for i in range(3)]
    np.testing.assert_allclose([value(row) for row in rows], A, atol=1e-15)


def test_intermediate_nodes_and_repeated_ones_may_be_asked_for():
    w = gn.parameter("w", 2.0)
    a = gn.square(w)
    da, dw, again = gn.gradients(a * a, [a, w, w])
    assert [float(value(node)) for node in (da, dw, again)] == [8.0, 32.0, 32.0]


def test_the_output_itself_has_gradient_1():
    w = gn.parameter("w", 2.0)
    assert [value(node) for node in gn.gradients(w, [w])] == [1.0]


@pytest.mark.parametrize("delta", [[1.0, 10.0], np.array([1.0, 10.0]), gn.constant([1.0, 10.0])])
def test_delta_starts_an_output_that_is_not_a_scalar(delta):
    w = gn.parameter("w", [2.0, 3.0])
    (dw,) = gn.gradients(w * w, [w], delta=delta)
    assert value(dw).tolist() == [4.0, 60.0]


def test_a_single_node_is_a_list_of_one():
    w = gn.parameter("w", [2.0, 3.0])
    for wrt in (w, [w], (w,), iter([w]), {"w": w}.values()):
        assert [value(node).tolist() for node in gn.gradients(gn.sum(w * w), wrt)] == [[4.0, 6.0]]


def test_the_slope_of_a_straight_line_has_no_slope(refused):
    x = gn.input("x")
    (slope,) = gn.gradients(3 * x, x)
    with refused(UnreachableError, "does not depend on it: 'x' (input), made at", "zero everywhere"):
        gn.gradients(slope, x)


def test_building_gradients_changes_nothing_about_the_graph():
    E, wrt, feeds = network(2)
    before = gn.Graph(E).nodes, numeric(E, wrt, feeds)
    gn.gradients(E, wrt)
    assert [id(node) for node in gn.Graph(E).nodes] == [id(node) for node in before[0]]
    for signal, same in zip(numeric(E, wrt, feeds), before[1], strict=True):
        assert signal.tobytes() == same.tobytes()


w2 = gn.parameter("w2", [1.0, 2.0])


@pytest.mark.parametrize(
    ("output", "wrt", "options", "error", "match"),
    [
        (w2, [w2], {}, ShapeError, "only a scalar has a gradient"),
        (gn.sum(w2), "w2", {}, GraphError, r"gradients takes nodes, got str 'w2'(?s:.*)graph\[name\] finds one"),
        (gn.sum(w2), ["w2"], {}, GraphError, "takes nodes"),
        (gn.sum(w2), gn.Graph(w2), {}, GraphError, "takes nodes, got Graph"),
        (gn.sum(w2), [gn.parameter("other", 1.0)], {}, UnreachableError, "does not depend on it: 'other' .* is not in"),
        (gn.sum(w2), [gn.parameter("w2", 1.0)], {}, UnreachableError, "its own 'w2' is another node"),
        (gn.Graph(w2, gn.sum(w2)), [w2], {}, GraphError, "the graph has 2 outputs"),
        (w2, [w2], {"delta": [1.0]}, ShapeError, r"delta has shape \(1,\), expected \(2,\)"),
        (gn.sum(w2 > 0), [w2], {}, UnreachableError, r"does not depend smoothly on 'w2' \(parameter\), made at"),
    ],
)
def test_what_has_no_gradient_is_refused(output, wrt, options, error, match):
    with pytest.raises(error, match=match):
        gn.gradients(output, wrt, **options)


# Sizes that are not known yet ---------------------------------------------------------------------------------------

open_x, open_y = gn.input("x", (None, 3)), gn.input("y", (None, 3))
OPEN_FEEDS = {
    open_x: np.random.default_rng(0).normal(size=(5, 3)),
    open_y: np.random.default_rng(1).normal(size=(5, 3)),
}
SIZED = {  # rules that go by a size
    "sum": gn.sum(open_x**3),
    "sum of columns": gn.sum(gn.sum(open_x, axis=1) ** 3),
    "sum of rows": gn.sum(gn.sum(open_x, axis=0, keepdims=True) ** 3),
    "mean": gn.mean(open_x**3),
    "mean of columns": gn.sum(gn.mean(open_x, axis=1) ** 3),
    "mean of rows": gn.sum(gn.mean(open_x, axis=0, keepdims=True) ** 3),
    "variance": gn.mean((open_x - gn.mean(open_x, axis=0)) ** 2),
    "mse": gn.mse(gn.tanh(open_x), open_y),
    "max": gn.sum(gn.max(open_x**2, axis=1)),
    "reshape": gn.sum(gn.reshape(open_x, (-1,)) ** 3),
    "concatenate": gn.sum(gn.concatenate([open_x, open_x**2], axis=1) ** 2),
}
SIZED |= {
    f"columns {index}": gn.sum(open_x[index] ** 3)
    for index in [np.s_[:, 0], np.s_[:, -1:], np.s_[..., ::-2], np.s_[:, None, 2, None], np.s_[..., 1:1]]
}
OPAQUE_WHEN_OPEN = {  # what is taken out of an axis of unknown size is put back by an opaque node
    "take": gn.sum(gn.take(open_x, [0, 2, 0]) ** 3),
    "an entry": open_x[1, 2] ** 3,
    "rows joined": gn.sum(gn.concatenate([open_x, open_x**2], axis=0) ** 2),
    "broadcast_to": gn.sse(gn.broadcast_to(open_x[:1], (4, 3)), np.ones((4, 3))),
}


def feeds_of(E):
    return {node: array for node, array in OPEN_FEEDS.items() if node in gn.Graph(E)}


@pytest.mark.parametrize("E", (SIZED | OPAQUE_WHEN_OPEN).values(), ids=(SIZED | OPAQUE_WHEN_OPEN).keys())
@pytest.mark.parametrize("rows", [1, 5])
def test_the_number_of_samples_may_be_unknown(E, rows):
    feeds = {node: array[-rows:] for node, array in feeds_of(E).items()}
    if rows == 1 and E in {OPAQUE_WHEN_OPEN["take"], OPAQUE_WHEN_OPEN["an entry"]}:
        return  # they ask for more rows
    (dx,) = gn.gradients(E, [open_x])
    assert dx.shape == (None, 3)
    np.testing.assert_allclose(value(dx, feeds), numeric(E, [open_x], feeds)[0], rtol=1e-13)


@pytest.mark.parametrize("E", SIZED.values(), ids=SIZED.keys())
def test_gradients_of_gradients_need_no_sizes_either(E):
    feeds = feeds_of(E)
    (slope,) = gn.gradients(E, [open_x])
    (twice,) = gn.gradients(gn.sum(slope**2), [open_x])
    step, h = np.random.default_rng(2).normal(size=(5, 3)), 1e-5
    squares = [np.sum(value(slope, feeds | {open_x: feeds[open_x] + s * step}) ** 2) for s in (h, -h)]
    assert np.sum(value(twice, feeds) * step) == pytest.approx((squares[0] - squares[1]) / (2 * h), rel=1e-6)


def test_no_samples_at_all():
    for E in (SIZED["mean"], SIZED["mse"], SIZED["sum"]):
        (dx,) = gn.gradients(E, [open_x])
        assert value(dx, {node: np.zeros((0, 3)) for node in feeds_of(E)}).shape == (0, 3)


def test_what_is_opaque_says_how_to_differentiate_it_again(refused):
    E = OPAQUE_WHEN_OPEN["an entry"]
    (dx,) = gn.gradients(E, [open_x])
    with refused(
        NoBackwardRuleError,
        "the backward rule of getitem could not be read as a graph, so it can't be differentiated again",
        "shape=(16, 2) instead of (None, 2)",
    ):
        gn.gradients(gn.sum(dx), [open_x])
    x = gn.input("x", (5, 3))
    (dx,) = gn.gradients(x[1, 2] ** 3, [x])
    (ddx,) = gn.gradients(gn.sum(dx), [x])
    feed = OPEN_FEEDS[open_x]
    np.testing.assert_allclose(
        value(ddx, {x: feed}), np.where(np.arange(15).reshape(5, 3) == 5, 6 * feed, 0), rtol=1e-13
    )


# Rules that only arrays can answer ----------------------------------------------------------------------------------


def opaque(forward, backward):
    forward.__name__ = "opaque"
    op = gn.op(forward)
    op.backward(backward)
    return op


OPAQUE = [
    opaque(lambda z: np.add.accumulate(z), lambda d, a, z: np.add.accumulate(d[::-1])[::-1]),  # no op covers it
    opaque(lambda z: -z if z[0] > 0 else z, lambda d, a, z: -d if z[0] > 0 else d),  # a truth value
    opaque(lambda z: z.clip(0, 1), lambda d, a, z: d * ((z > 0) & (z < 1)).astype(float)),  # a method of arrays
    opaque(lambda z: np.array([float(v) ** 2 for v in z]), lambda d, a, z: np.array([2 * v * e for v, e in zip(z, d)])),  # noqa: B905
]


@pytest.mark.parametrize("op", OPAQUE)
@pytest.mark.parametrize("size", [2, None])
def test_a_rule_that_no_node_can_answer_is_one_opaque_node(op, size):
    z = gn.input("z", (size,))
    y = op(np.sin(z))
    delta = np.array([2.0, -3.0])
    (dz,) = gn.gradients(y, [z], delta=delta)
    assert [node.kind for node in gn.Graph(dz).nodes].count("opaque_backward") == 1
    feeds = {z: [0.4, 1.1]}
    np.testing.assert_array_equal(value(dz, feeds), numeric(y, [z], feeds, delta=delta)[0])


def test_an_opaque_rule_of_several_inputs_answers_for_each():
    op = opaque(
        lambda x, y: np.add.accumulate(x) * y,
        lambda d, a, x, y: (np.add.accumulate((d * y)[::-1])[::-1], d * np.add.accumulate(x)),
    )
    x, y = gn.parameter("x", [1.0, 2.0]), gn.parameter("y", [3.0, 5.0])
    E = gn.sum(op(x, y))
    nodes = gn.gradients(E, [x, y])
    assert [value(node).tolist() for node in nodes] == [[8.0, 5.0], [1.0, 3.0]]


def test_a_wrong_rule_is_found_when_the_graph_is_built():
    z = gn.input("z", (2, 3))
    for wrong, match in (
        (lambda d, a, z: (d, d), "returned 2 error signals, expected 1"),
        (lambda d, a, z: d.T, "shape"),
    ):
        op = opaque(lambda z: np.sin(z), wrong)
        with pytest.raises(RuleError, match=match):
            gn.gradients(op(z), [z], delta=np.ones((2, 3)))


def test_an_opaque_node_is_not_differentiable_again():
    z = gn.parameter("z", [0.4, 1.1])
    square = opaque(
        lambda z: np.add.accumulate(z) ** 2,
        lambda d, a, z: np.add.accumulate((2 * d * np.add.accumulate(z))[::-1])[::-1],
    )
    (dz,) = gn.gradients(gn.sum(square(z)), [z])
    with pytest.raises(NoBackwardRuleError, match="opaque_backward"):
        gn.gradients(gn.sum(dz), [z])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "build",
    [
        lambda p: gn.sum(p) / 10,
        lambda p: gn.mean(2 * p + [1.0, 2.0, 3.0]),
        lambda p: gn.sum(p),
        lambda p: gn.mse(p, np.ones(3)),
        lambda p: gn.sum(p * gn.exp(gn.constant([0.5, 0.25, 0.0]))),
    ],
)
def test_a_gradient_has_the_dtype_of_its_parameter(build, dtype):
    p = gn.parameter("p", np.ones(3, dtype))
    E = build(p)
    assert E.dtype == dtype  # constants beside it adapt, and what is made of them, as when it is run
    (gradient,) = gn.gradients(E, [p])
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gn.forward(gradient, {})[gradient], gn.backward(E, {}).gradient(p), rtol=1e-6)


def test_what_is_made_of_constants_alone_is_float64():
    assert gn.tanh(gn.constant([1.0, 2.0])).dtype == np.float64
    assert (gn.input("x", (3,)) * gn.constant([1.0, 2.0, 3.0], dtype=np.float32)).dtype == np.float64
