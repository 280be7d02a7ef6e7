"""Central differences, complex steps and Taylor remainders; samples and directions; second order; bad input."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphnet as gn
from graphnet.core.function_op import FunctionOp
from graphnet.engine.perturb.probes import Stack, multiply_adds
from graphnet.errors import DtypeError, GraphError, UnreachableError
from tests.check.one_rule import one_entry_wrong

METHODS = ["central", "complex", "taylor"]


def network(activation=gn.tanh, seed=0):
    rng = np.random.default_rng(seed)
    x = gn.input("x", (None, 3))
    W, b = gn.parameter("W", rng.normal(size=(3, 4))), gn.parameter("b", rng.normal(size=4))
    E = gn.sse(activation(x @ W + b, name="a"), rng.normal(size=(5, 4)), name="E")
    return E, {x: rng.normal(size=(5, 3))}


def wrong_by(factor):
    @gn.op
    def my_tanh(z):
        return np.tanh(z)

    my_tanh.backward(lambda delta, a, z: factor * delta * (1 - a * a))
    return my_tanh


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_what_is_right(method):
    E, feeds = network()
    report = gn.check_gradients(E, feeds, method=method)
    assert report.ok, str(report)
    assert report.method == method
    assert ("in random directions only" in report.verdict) == (method == "taylor")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1.001, -1.0, 2.0, 0.0])
def test_every_method_finds_what_is_wrong(method, factor):
    E, feeds = network(wrong_by(factor))
    report = gn.check_gradients(E, feeds, method=method)
    assert {(f.label, f.slot) for f in report.failures if f.local} == {("a", 0)}
    assert "my_tanh at 'a'" in report.verdict
    assert {f.label for f in report.failures if not f.local} == {"W", "b"}


def test_the_complex_step_is_exact_to_rounding():
    E, feeds = network()
    assert max(f.error for f in gn.check_gradients(E, feeds, method="complex").findings) < 1e-14
    assert max(f.error for f in gn.check_gradients(E, feeds).findings) > 1e-14


@pytest.mark.parametrize("activation", [gn.sigmoid, gn.relu, gn.softmax, gn.log_softmax, np.sin])
def test_the_complex_step_works_where_a_rule_is_analytic_at_these_values(activation):
    z = np.array([[0.5, -1.0, 2.0]])
    if activation is np.sin:
        activation = gn.ops.Sin()
    assert gn.check_op(activation, z, method="complex").ok


@pytest.mark.parametrize("op", [gn.ops.Abs(), gn.ops.Softplus()])
def test_the_complex_step_is_refused_by_name_where_a_rule_is_not_analytic(op):
    with pytest.raises(
        GraphError, match=f"the complex step can't check {op.name} at '{op.name} alone': a complex step gives"
    ):
        gn.check_op(op, np.array([0.5, -1.0]), method="complex")


def test_the_complex_step_is_refused_where_a_rule_takes_no_complex_numbers():
    @gn.op
    def real_only(z):
        return np.array([math.pow(x, 2) for x in z])

    real_only.backward(lambda delta, a, z: 2 * delta * z)
    assert gn.check_op(real_only, np.array([0.5, -1.0])).ok
    with pytest.raises(GraphError, match=r"real_only.*given complex numbers it raised (TypeError|ComplexWarning)"):
        gn.check_op(real_only, np.array([0.5, -1.0]), method="complex")


def test_the_order_of_the_remainder():
    right = gn.check_op(gn.ops.Exp(), np.array([0.3, 0.7]), method="taylor").findings[0]
    assert right.order == pytest.approx(2, abs=0.05)
    wrong = gn.check_op(wrong_by(1.01), np.array([0.3, 0.7]), method="taylor").findings[0]
    assert wrong.order == pytest.approx(1, abs=0.05)
    linear = gn.check_op(gn.ops.Negative(), np.array([0.3, 0.7]), method="taylor").findings[0]
    assert (linear.order, linear.verdict) == (None, "right")
    kinked = gn.check_op(gn.ops.Abs(), np.zeros(3), method="taylor").findings[0]
    assert kinked.verdict == "kink"


@pytest.mark.parametrize("step", [1e-4, 1e-5, 1e-6])
def test_a_step_of_ones_own(step):
    E, feeds = network()
    assert gn.check_gradients(E, feeds, step=step).ok
    E, feeds = network(wrong_by(1.001))
    assert gn.check_gradients(E, feeds, step=step).failures


# Samples and directions ----------------------------------------------------------------------------------------------


def test_beyond_the_budget_a_sample_is_compared_and_the_report_says_so():
    z = np.random.default_rng(0).normal(size=(40, 30))
    report = gn.check_op(gn.ops.Softmax(0), z, budget=5e5)
    (finding,) = report.findings
    assert 0 < finding.entries < 1200 == finding.of
    assert finding.directions == 8
    assert "A WEAKER check: of 1 of these arrays a sample of the entries only" in report.verdict
    assert gn.check_op(gn.ops.Softmax(0), z).findings[0].entries == 1200
    assert "WEAKER" not in gn.check_op(gn.ops.Softmax(0), z).verdict


@pytest.mark.parametrize("entry", [(0, 0), (17, 3), (39, 29)])
def test_directions_lead_to_the_one_entry_that_the_sample_missed(entry):
    report = gn.check_op(one_entry_wrong(entry), np.random.default_rng(0).normal(size=(40, 30)), entries=3)
    assert not report.ok
    assert f"halving them leads to entry {entry}" in report.failures[0].diagnosis or report.failures[0].worst == entry


def test_directions_are_no_false_alarm_at_kinks():
    z = np.where(np.random.default_rng(0).random((30, 30)) < 0.5, 0.0, 1.0)
    report = gn.check_op(gn.ops.Relu(), z, entries=5)
    assert report.failures == ()


def test_all_entries_of_a_large_elementwise_rule_take_a_few_runs():
    runs = []

    @gn.op
    def counted(z):
        runs.append(z.size * (1 if isinstance(z, np.ndarray) else len(z.data)))
        return np.tanh(z)

    counted.backward(lambda delta, a, z: delta * (1 - a * a))
    report = gn.check_op(counted, np.random.default_rng(0).normal(size=(100, 50)))
    assert (report.ok, report.findings[0].entries) == (True, 5000)
    assert sum(runs) < 200 * 5000


# Second order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [gn.tanh, gn.sigmoid, gn.softplus, gn.softmax])
def test_second_order_checks_the_rules_of_the_gradients_graph(activation):
    E, feeds = network(activation)
    report = gn.check_gradients(E, feeds, second_order=True)
    assert report.ok, str(report)
    parts = {finding.part for finding in report.findings}
    assert parts == {"rule", "gradient", "second order rule", "second order gradient"}
    assert "Second order: from end to end" in str(report)
    assert {f.label for f in report.findings if f.part == "second order gradient"} == {"W", "b"}


def test_first_order_alone_has_two_parts():
    E, feeds = network()
    assert {finding.part for finding in gn.check_gradients(E, feeds).findings} == {"rule", "gradient"}


def test_second_order_where_the_gradient_depends_on_a_leaf_by_a_condition_only():
    w, x = gn.parameter("w", [0.5, -1.5]), gn.input("x", (2,))
    assert gn.check_gradients(gn.sum(gn.relu(w) * x), {x: [1.0, 2.0]}, second_order=True).ok


def test_second_order_says_why_it_was_not_made_from_end_to_end():
    @gn.op
    def slope(z):
        return 3 * z * z

    slope.backward(lambda delta, a, z: delta / nothing)  # noqa: F821

    @gn.op
    def cube(z):
        return z * z * z

    cube.backward(lambda delta, a, z: delta * slope(z))
    w = gn.parameter("w", [0.5, 1.5])
    assert gn.check_gradients(gn.sum(cube(w)), {}).ok
    report = gn.check_gradients(gn.sum(cube(w)), {}, second_order=True)
    assert report.skipped.startswith("Not checked from end to end: slope ")
    assert {(f.part, f.op) for f in report.failures} == {("second order rule", "slope")}


def test_second_order_finds_a_rule_that_is_another_as_a_graph():
    @gn.op
    def cube(z):
        return z * z * z

    @cube.backward
    def rule(delta, a, z):
        return delta * (3 * z * z if isinstance(z, np.ndarray) else 2 * z * z)

    w = gn.parameter("w", [0.5, 1.5])
    E = gn.sum(cube(w, name="c"))
    assert gn.check_gradients(E, {}).ok
    report = gn.check_gradients(E, {}, second_order=True)
    assert [f.label for f in report.failures] == ["w"]
    assert "a rule gives another gradient as a graph, given nodes, than on arrays" in report.verdict


def test_second_order_leaves_out_what_no_error_signal_reaches():
    w, limit = gn.parameter("w", [0.5, 1.5]), gn.parameter("limit", 1.0)
    E = gn.sum(np.where(w > limit, w**3, w**2))
    assert gn.check_gradients(E, {}, second_order=True).ok
    with pytest.raises(UnreachableError, match="does not depend smoothly on 'limit'"):
        gn.check_gradients(E, {}, wrt=[limit])


def test_second_order_of_float32_parameters():
    w = gn.parameter("w", np.array([0.5, 1.5, -0.3], np.float32))
    assert gn.check_gradients(gn.sum(gn.tanh(w) * w), {}, second_order=True).ok


def test_second_order_of_several_outputs():
    w = gn.parameter("w", [0.5, 1.5])
    graph = gn.Graph(gn.sum(w**3, name="E"), gn.tanh(w, name="a"), w > 1)
    report = gn.check_gradients(graph, {}, second_order=True)
    assert report.ok, str(report)


def test_second_order_of_an_output_that_is_no_scalar():
    w = gn.parameter("w", np.arange(1.0, 7.0).reshape(2, 3) / 3)
    assert gn.check_gradients(gn.tanh(w) * w, {}, second_order=True).ok


# Any right rule, any values ------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.sampled_from(
        [gn.ops.Tanh(), gn.ops.Sigmoid(), gn.ops.Softplus(), gn.ops.Sin(), gn.ops.Softmax(), gn.ops.Square()]
    ),
    st.lists(st.floats(-50, 50), min_size=2, max_size=6),
    st.sampled_from(METHODS),
)
def test_no_false_alarm_by_any_method(op, numbers, method):
    try:
        report = gn.check_op(op, np.array([numbers]), method=method)
    except GraphError as error:
        assert "complex step can't check" in str(error)  # noqa: PT017
    else:
        assert not report.failures, str(report)


# Bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "forward"}, "unknown method 'forward'"),
        ({"entries": "al"}, "entries is 'al'"),
        ({"step": 0}, "step is 0"),
        ({"step": "small"}, "step is 'small'"),
        ({"step": np.inf}, "step is inf"),
        ({"step": np.nan}, "step is nan"),
        ({"budget": -1}, "budget is -1"),
        ({"budget": None}, "budget is None"),
        ({"rng": 0}, "rng is 0"),
        ({"wrt": "W"}, "wrt takes nodes, got str 'W'"),
        ({"wrt": ["W"]}, "wrt takes nodes, got str 'W'"),
    ],
)
def test_options_are_checked(options, message):
    E, feeds = network()
    with pytest.raises(GraphError, match=message):
        gn.check_gradients(E, feeds, **options)


def test_a_leaf_that_does_not_reach_the_output_is_refused():
    E, feeds = network()
    with pytest.raises(UnreachableError, match="'E' does not depend on 'other'"):
        gn.check_gradients(E, feeds, wrt=[gn.parameter("other", [1.0])])
    w = gn.parameter("w", [0.5, 1.5])
    with pytest.raises(UnreachableError, match="does not depend smoothly on 'w'"):
        gn.check_gradients(gn.sum(np.where(w > 1, 1.0, 2.0)), {}, wrt=[w])


def test_whole_numbers_have_no_gradient():
    rows = gn.input("rows", (2,), dtype=int)
    E = gn.sum(gn.take(gn.parameter("t", [1.0, 2.0, 3.0]), rows))
    with pytest.raises(DtypeError, match="'rows' holds int64 values, which have no gradient"):
        gn.check_gradients(E, {rows: [0, 2]}, wrt=[rows])


@pytest.mark.parametrize("array", ["text", [[1.0], [2.0, 3.0]], 1j])
def test_arguments_of_check_op_are_numbers(array):
    with pytest.raises(DtypeError, match="an argument"):
        gn.check_op(gn.tanh, array)


# How a sample is chosen ----------------------------------------------------------------------------------------------


def test_from_end_to_end_too_a_sample_goes_with_directions():
    E, feeds = network()
    found = gn.check_gradients(E, feeds, entries=5).findings
    assert {(f.label, f.slot): (f.entries, f.directions) for f in found if not f.local} == {
        ("W", None): (5, 8),
        ("b", None): (4, 0),
    }
    assert {f.directions for f in gn.check_gradients(E, feeds).findings} == {0}


def test_a_sample_of_a_matrix_comes_from_many_rows():
    rng = np.random.default_rng(0)
    responses = []

    class Spy(np.random.Generator):
        def choice(self, a, *args, **kwargs):
            responses.append(np.asarray(a))
            return super().choice(a, *args, **kwargs)

    x, W = rng.normal(size=(16, 40)), rng.normal(size=(40, 30))
    report = gn.check_op(gn.matmul, x, W, entries=50, rng=Spy(np.random.PCG64(0)))
    assert [f.entries for f in report.findings] == [50, 50]
    among = [a for a in responses if a.size in (8 * 16, 8 * 30)]
    assert [len(np.unique(among[0] % 40)), len(np.unique(among[1] // 30))] == [8, 8]


def test_a_larger_budget_compares_more():
    z = np.random.default_rng(0).normal(size=(30, 50))
    counts = [gn.check_op(gn.softmax, z, budget=budget).findings[0].entries for budget in (1, 3e5, 1e6, 3e6, 1e7)]
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[-1] == 1500
    assert len(set(counts)) == 5


def test_without_parameters_the_inputs_of_real_numbers_are_checked():
    table, rows = gn.input("table", (3,)), gn.input("rows", (2,), dtype=int)
    report = gn.check_gradients(gn.sum(gn.take(table, rows) ** 2), {table: [1.0, 2.0, 3.0], rows: [0, 2]})
    assert [f.label for f in report.findings if f.part == "gradient"] == ["table"]


# How much is work ----------------------------------------------------------------------------------------------------


def layers(*sizes, batch):
    rng = np.random.default_rng(0)
    a = x = gn.input("x", (None, sizes[0]))
    for i, (n, m) in enumerate(pairwise(sizes)):
        W = gn.parameter(f"W{i}", rng.normal(size=(n, m)) / np.sqrt(n))
        a = gn.tanh(a @ W + gn.parameter(f"b{i}", rng.normal(size=m)))
    return gn.sse(a, rng.normal(size=(batch, sizes[-1])), name="E"), {x: rng.normal(size=(batch, sizes[0]))}


def test_all_4810_parameters_of_a_network_of_two_layers_are_compared_by_default():
    report = gn.check_gradients(*layers(64, 64, 10, batch=16))
    assert sum(f.entries for f in report.findings if f.part == "gradient") == 4810
    assert report.verdict == "ALL RIGHT: 12 inputs of rules, 4 gradients from end to end"


def test_the_work_of_a_check_stays_near_its_budget():
    done = []

    @gn.op
    def product(x, W):
        versions = max(len(z.data) if isinstance(z, Stack) else 1 for z in (x, W))
        done.append(math.prod(np.shape(x)) * np.shape(W)[-1] * versions)
        return x @ W

    product.backward(lambda delta, a, x, W: (delta @ W.T, x.T @ delta))
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(32, 60)), rng.normal(size=(60, 40))
    spent = []
    for budget in (2e6, 8e6):
        done.clear()
        report = gn.check_op(product, x, W, budget=budget)
        assert all(f.sampled and f.directions == 8 for f in report.findings)
        assert "A WEAKER check: of 2 of these arrays a sample of the entries only" in report.verdict
        spent.append(sum(done))
    assert (
        0.3 < (spent[1] - spent[0]) / (2 * (8e6 - 2e6)) < 1.5
    )  # the rest is the same for both, and numbers count, too


def test_with_an_infinite_budget_all_entries_are_compared():
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(40, 50)), rng.normal(size=(50, 30))
    assert all(f.sampled for f in gn.check_op(gn.matmul, *arrays, budget=1e5).findings)
    assert not any(f.sampled for f in gn.check_op(gn.matmul, *arrays, budget=np.inf).findings)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("rule", "shapes", "expected"),
    [
        (lambda x, y: x @ y, [(2, 3), (3, 5)], 2 * 3 * 5),
        (lambda x, y: np.matmul(x, y), [(4, 2, 3), (3, 5)], 4 * 2 * 3 * 5),
        (lambda x, y: np.dot(x, y), [(2, 3), (3,)], 2 * 3),
        (lambda x, y: np.inner(x, y), [(3,), (3,)], 3),
        (lambda x, y: np.tensordot(x, y, 1), [(2, 3), (3, 5)], 2 * 3 * 5),
        (lambda x, y: np.einsum("ij,jk->ik", x, y), [(2, 3), (3, 5)], 2 * 3 * 5),
        (lambda x, y: np.tanh(x @ y) @ y.T + 1, [(2, 3), (3, 5)], 2 * 3 * 5 + 2 * 5 * 3),
        (lambda x, y: np.matmul(x, y, out=np.empty((2, 5))), [(2, 3), (3, 5)], 2 * 3 * 5),
        (lambda x, y: np.tanh(x) @ np.ones((3, 2)), [(2, 3), (3, 5)], 2 * 3 * 2),
        (lambda x, y: x * y, [(3, 5), (5,)], 0),
        (lambda x, y: [x @ y, 1 // 0], [(2, 3), (3, 5)], 0),
        (gn.ops.Matmul(), [(2, 3), (3, 5)], 2 * 3 * 5),
    ],
)
def test_multiply_adds_of_a_rule(rule, shapes, expected):
    op = rule if isinstance(rule, gn.Op) else FunctionOp(rule, None)
    assert multiply_adds(op, [RNG.normal(size=shape) for shape in shapes]) == expected
