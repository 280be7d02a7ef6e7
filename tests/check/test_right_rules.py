"""A right rule is never called wrong: at kinks, in saturation, near the edge of a domain, for tiny and huge values."""

import numpy as np
import pytest

import graphnet as gn

POINTS = {
    "moderate": np.linspace(-2, 2, 12).reshape(3, 4) + 0.05,
    "saturated": np.array([-700.0, -40.0, -10.0, 10.0, 40.0, 700.0]),
    "tiny": np.array([-1e-6, 1e-6, 3e-9]),
    "huge": np.array([-1e6, 1e6, 3e5]),
    "at zero": np.array([0.0, 0.0, 1.0, -1.0]),
    "near zero": np.array([1e-7, -1e-7, 3e-12]),
    "one sample": np.array([[0.3]]),
}
EVERYWHERE = [
    gn.ops.Identity(),
    gn.ops.Sigmoid(),
    gn.ops.Tanh(),
    gn.ops.Relu(),
    gn.ops.LeakyRelu(0.1),
    gn.ops.Softplus(),
    gn.ops.Polynomial((1.0, -2.0, 0.5, 0.1)),
    gn.ops.Square(),
    gn.ops.Abs(),
    gn.ops.Negative(),
    gn.ops.Sin(),
    gn.ops.Softmax(),
    gn.ops.LogSoftmax(),
    gn.ops.Sum(),
    gn.ops.Mean(),
    gn.ops.Max(),
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("op", EVERYWHERE, ids=lambda op: op.name)
def test_no_false_alarm_on_ops_of_one_input(op, point):
    report = gn.check_op(op, POINTS[point])
    assert report.failures == (), str(report)


@pytest.mark.parametrize(
    "op", [gn.ops.Log(), gn.ops.Sqrt(), gn.ops.Reciprocal(), gn.ops.Log1p()], ids=lambda op: op.name
)
@pytest.mark.parametrize("x", [1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_no_false_alarm_near_the_edge_of_a_domain(op, x):
    gn.check_op(op, np.array([x, 2 * x])).raise_if_failed()


@pytest.mark.parametrize("op", [gn.ops.Add(), gn.ops.Multiply(), gn.ops.Divide(), gn.ops.Maximum(), gn.ops.Minimum()])
@pytest.mark.parametrize("shape", [(3, 4), (4,), (3, 1), ()])
def test_no_false_alarm_on_broadcast_operands(op, shape):
    rng = np.random.default_rng(0)
    gn.check_op(op, rng.normal(size=(3, 4)) + 3, rng.normal(size=shape) - 3).raise_if_failed()


def test_kinks_are_counted_and_set_aside():
    (finding,) = gn.check_op(gn.ops.Relu(), np.array([0.0, 0.0, 1.0, -1.0])).findings
    assert (finding.entries, finding.kinks, finding.verdict) == (4, 2, "right")
    assert finding.worst in {(2,), (3,)}


def test_an_array_of_kinks_alone_is_undecided_and_not_a_pass():
    report = gn.check_op(gn.ops.Relu(), np.zeros(3))
    assert not report.ok
    assert report.failures == ()
    with pytest.raises(gn.errors.GradientCheckError, match="UNDECIDED at 'relu alone'"):
        report.raise_if_failed()


def test_float32_parameters_are_checked_in_float64():
    rng = np.random.default_rng(0)
    W = gn.parameter("W", rng.normal(size=(3, 2)).astype(np.float32))
    x = gn.input("x", shape=(None, 3))
    gn.check_gradients(gn.sse(gn.tanh(x @ W), np.zeros((4, 2))), {x: rng.normal(size=(4, 3))}).raise_if_failed()


def test_an_output_that_is_no_scalar_is_checked_in_a_random_direction():
    w = gn.parameter("w", np.arange(6.0).reshape(2, 3))
    report = gn.check_gradients(gn.softmax(w, name="a"), {})
    assert report.ok
    assert [finding.label for finding in report.findings] == ["a", "w"]


def test_a_graph_of_several_outputs_and_positions():
    table = gn.parameter("table", np.arange(12.0).reshape(4, 3))
    rows = gn.input("rows", shape=(None,), dtype=int)
    picked = gn.tanh(gn.take(table, rows))
    report = gn.check_gradients(gn.Graph(gn.sum(picked, name="E"), gn.mean(picked, name="m")), {rows: [1, 1, 3]})
    assert report.ok, str(report)
