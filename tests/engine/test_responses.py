"""Differences of many entries at once: the same as one run for each."""

from itertools import pairwise

import numpy as np
import pytest

import graphnet as gn
from graphnet.core.function_op import FunctionOp
from graphnet.engine.perturb.cuts import OpCall
from graphnet.engine.perturb.responses import STEP, Joint, Response
from tests.fuzz import dialect
from tests.fuzz.programs import Step, carry_out
from tests.ops.cases import EVERY


def one_by_one(calls, values, source, directions, low, high):
    """Return the changes by plain runs, one for each entry and side."""
    changes = []
    for i in range(values[source].size):
        results = []
        for step in (low[i], high[i]):
            run = dict(values)
            run[source] = values[source].copy()
            run[source].reshape(-1)[i] += step
            for call in calls:
                run[call.output] = np.asarray(call.op.forward(*[run[key] for key in call.inputs]))
            results.append(run)
        changes.append(sum(np.sum(d * (results[1][key] - results[0][key])) for key, d in directions.items()))
    return np.array(changes)


def compare(calls, values, source, directions, **options):
    response = Response(calls, values, source, directions)
    x = values[source].reshape(-1)
    steps = STEP * np.maximum(1.0, np.abs(x))
    expected = one_by_one(calls, values, source, directions, -steps, steps)
    for alone in (False, True):
        found, size = response.changes(np.arange(x.size), -steps, steps, alone=alone)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-13)
        assert (size >= 0).all()
    return response


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_every_operation(case):
    arrays = [np.asarray(arg, float) if np.asarray(arg).dtype.kind == "f" else np.asarray(arg) for arg in case.args]
    step = Step(case.op, tuple(range(len(arrays))), dict(case.settings))
    nodes = [gn.constant(a, dtype=int) if a.dtype.kind == "i" else gn.constant(a) for a in arrays]
    graph = gn.Graph(carry_out(dialect.DIALECT, step, nodes))
    values = dict(gn.forward(graph, {}).values)
    calls = [OpCall(node.op, node.inputs, node) for node in graph.nodes if node.op]
    direction = {graph.outputs[0]: np.random.default_rng(0).normal(size=values[graph.outputs[0]].shape)}
    for node in nodes:
        if node.dtype.kind == "f" and node in graph:
            compare(calls, values, node, direction)


def layered(shapes, seed=0):
    rng = np.random.default_rng(seed)
    x = gn.input("x", (7, shapes[0]))
    a = x
    for i, (n, m) in enumerate(pairwise(shapes)):
        a = gn.tanh(a @ gn.parameter(f"W{i}", rng.normal(size=(n, m))) + gn.parameter(f"b{i}", rng.normal(size=m)))
    E = gn.sse(a, rng.normal(size=(7, shapes[-1])))
    graph = gn.Graph(E)
    values = dict(gn.forward(graph, {x: rng.normal(size=(7, shapes[0]))}).values)
    return graph, values, [OpCall(node.op, node.inputs, node) for node in graph.nodes if node.op]


def test_a_network_of_layers_and_where_its_columns_meet():
    graph, values, calls = layered((20, 30, 4))
    one = {graph.outputs[0]: np.array(1.0)}
    response = compare(calls, values, graph["W0"], one)
    assert response._cut.key is graph["tanh_1"]
    assert response._cut.apart == (1,)
    assert response.checked
    assert all(response.checked.values())  # bias_add and sse call op functions: these take stacks
    for leaf in ("W1", "b0", "b1", "x"):
        compare(calls, values, graph[leaf], one)


def test_a_leaf_used_twice_has_no_cut_between_its_uses():
    rng = np.random.default_rng(0)
    w = gn.parameter("w", rng.normal(size=(40, 30)))
    graph = gn.Graph(gn.sum(gn.tanh(w) * np.sin(w), name="E"))
    values = dict(gn.forward(graph, {}).values)
    calls = [OpCall(node.op, node.inputs, node) for node in graph.nodes if node.op]
    response = compare(calls, values, w, {graph["E"]: np.array(1.0)})
    assert response._cut.key is graph["multiply_1"]


def test_rows_that_meet_are_not_moved_together():
    centred = FunctionOp(lambda z: z - z.mean(axis=0), None)
    values = {"z": np.random.default_rng(0).normal(size=(60, 50))}
    values["a"] = centred.forward(values["z"])
    response = compare([OpCall(centred, ("z",), "a")], values, "z", {"a": np.ones((60, 50)) + values["z"]})
    assert response._cut.apart == (1,)


@pytest.mark.parametrize(("products", "runs"), [(0, 1), (0, 5), (4000, 5), (1e6, 11)])
def test_the_work_of_a_run_is_its_products_and_ten_times_its_numbers(products, runs):
    mixing = FunctionOp(lambda z: z * z.sum(), None)
    z = np.arange(12.0)
    calls, values = [OpCall(mixing, ("z",), "a", products)], {"z": z, "a": z * z.sum()}
    work = 10 * (12 + 12 + 12) + products  # the array is made, read, and another one written
    for budget, expected in ((2 * work * runs, runs), (2 * work * runs - 1, max(1, runs - 1)), (np.inf, 12)):
        response = Response(calls, values, "z", {"a": np.ones(12)}, budget=budget)
        assert len(response.sample(None, np.random.default_rng(0))) == expected


def test_alone_each_entry_moves_in_a_run_of_its_own():
    z = np.random.default_rng(0).normal(size=(30, 20))
    steps = np.full(z.size, STEP)
    double_if_all_move = FunctionOp(lambda x: x * x * (1 + np.all(x != z)), None)
    response = Response([OpCall(double_if_all_move, ("z",), "a")], {"z": z, "a": z * z}, "z", {"a": np.ones(z.shape)})
    for alone, factor in ((False, 2), (True, 1)):
        change, _ = response.changes(np.arange(z.size), -steps, steps, alone=alone)
        np.testing.assert_allclose(change, factor * 4 * STEP * z.ravel(), rtol=1e-6)


def test_a_rule_that_only_arrays_can_run_is_run_version_by_version():
    looping = FunctionOp(lambda z: np.array([float(x) ** 3 for x in z]), None)
    values = {"z": np.array([0.5, -1.0, 2.0])}
    values["a"] = looping.forward(values["z"])
    response = compare([OpCall(looping, ("z",), "a")], values, "z", {"a": np.array([1.0, 2.0, 3.0])})
    assert list(response.checked.values()) == [False]


def test_a_rule_that_means_something_else_for_a_stack_is_found_out():
    tricky = FunctionOp(lambda z: z * z if isinstance(z, np.ndarray) else z * 7.0, None)
    values = {"z": np.array([0.5, -1.0, 2.0]), "a": np.array([0.25, 1.0, 4.0])}
    response = compare([OpCall(tricky, ("z",), "a")], values, "z", {"a": np.array([1.0, 2.0, 3.0])})
    assert list(response.checked.values()) == [False]


@pytest.mark.parametrize("shape", [(3, 2), (40, 30)])
def test_an_array_whose_columns_lie_side_by_side(shape):
    z = np.asfortranarray(np.random.default_rng(0).normal(size=shape))
    direction = np.random.default_rng(1).normal(size=shape[::-1])
    op = FunctionOp(lambda z: np.tanh(z).T, None)
    compare([OpCall(op, ("z",), "a")], {"z": z, "a": np.tanh(z).T}, "z", {"a": direction})


# How large the numbers are that depend on an entry -------------------------------------------------------------------

Z = np.random.default_rng(3).normal(size=(20, 30)) * np.logspace(-2, 2, 30)
V = np.random.default_rng(4).normal(size=(30, 5))
FORWARDS = {
    "elementwise": lambda z: np.tanh(z) + 1e3,
    "rows": lambda z: z @ V,
    "a part": lambda z: np.concatenate([2 * z[:5], np.full((3, 30), 1e5)]),
    "dead units": lambda z: np.maximum(z, 0.5) * 100,
    "a part alone": lambda z: 1e-3 * z[:5],
    "small and dead": lambda z: np.maximum(z, 0.5) * 1e-3,
    "all meet": lambda z: z[:3] * z.sum(),
    "one number": lambda z: np.asarray((z * z).sum()),
}


def response_to(forward, z, direction, *more):
    calls = [OpCall(FunctionOp(function, None), (f"a{i}",), f"a{i + 1}") for i, function in enumerate((forward, *more))]
    values = {"a0": z}
    for call in calls:
        values[call.output] = np.asarray(call.op.forward(values[call.inputs[0]]))
    last = calls[-1].output
    if direction is None:
        direction = np.random.default_rng(5).normal(size=values[last].shape)
    return Response(calls, values, "a0", {last: direction}), values[last], direction


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("forward", FORWARDS.values(), ids=FORWARDS)
def test_the_size_is_that_of_the_numbers_that_depend_on_the_entry(forward, alone):
    response, out, direction = response_to(forward, Z, None)
    entries = np.array([*range(0, Z.size, 7), Z.size - 1])
    steps = STEP * np.maximum(1.0, np.abs(Z.reshape(-1)[entries]))
    _, size = response.changes(entries, -steps, steps, alone=alone)
    weights = np.abs(direction * out)
    for entry, found in zip(entries, size, strict=True):
        moved = Z.copy()
        moved.reshape(-1)[entry] += 0.015 * max(1.0, abs(Z.reshape(-1)[entry]))
        depends = np.asarray(forward(moved)) != out
        expected = weights[depends].sum() if depends.any() else weights.max()
        assert found == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("more", [(), (lambda a: a * a.sum(),)], ids=["up to a cut", "behind it"])
@pytest.mark.parametrize("name", ["elementwise", "rows", "all meet", "one number"])
def test_a_complex_step_gives_the_slopes(name, more):
    response, *_ = response_to(FORWARDS[name], Z, None, *more)
    entries = np.arange(0, Z.size, 7)
    zeros = np.zeros(len(entries))
    step = STEP * np.maximum(1.0, np.abs(Z.reshape(-1)[entries]))
    real, _ = response.changes(entries, -step, step)
    for alone in (False, True):
        change, _ = response.changes(entries, zeros, np.full(len(entries), 1e-100j), alone=alone)
        largest = np.abs(real / (2 * step)).max()
        np.testing.assert_allclose(change.imag / 1e-100, real / (2 * step), rtol=1e-5, atol=1e-6 * largest)


@pytest.mark.parametrize(("forward", "more", "together", "before", "behind"), [
    (lambda z: z @ V, (), 20, 600 + 600 + 100, 0),
    (lambda z: z @ V, (lambda a: a * a.sum(),), 20, 600 + 600 + 100, 100 + 100),
    (lambda z: np.tanh(z), (lambda a: a * a.sum(),), 600, 600 + 600 + 600, 600 + 600),
])  # fmt: skip
def test_how_many_entries_a_budget_allows(forward, more, together, before, behind):
    for runs in (1, 3, 9):
        budget = 2 * 10 * (before + together * behind) * runs
        for spent, expected in ((budget, runs * together), (budget * 0.999, (runs - 1) * together)):
            response, *_ = response_to(forward, Z, None, *more)
            response.budget = spent
            few = max(1, int(spent / (2 * 10 * (before + behind))))
            found = response.sample(None, np.random.default_rng(0))
            assert len(found) == min(Z.size, expected or few)
            assert len(np.unique(found)) == len(found)
            assert (np.diff(found) > 0).all()


def test_all_at_once_are_few_runs_and_a_rule_for_arrays_only_is_run_for_each():
    seen = []

    def rule(z):
        seen.append(z)
        return np.tanh(z)

    response, *_ = response_to(rule, Z, None)
    seen.clear()
    response.changes(np.arange(600), -np.full(600, 1e-5), np.full(600, 1e-5))
    assert len(seen) == 2
    seen.clear()
    response.changes(np.arange(600), -np.full(600, 1e-5), np.full(600, 1e-5), alone=True)
    most = (1 << 17) // 600  # versions in a stack
    assert len(seen) == 3 * -(-600 // most) + 2  # and twice a run to compare with
    assert {z.data.shape[0] for z in seen if not isinstance(z, np.ndarray)} == {most, 600 % most}


def test_versions_that_differ_from_runs_of_their_own_by_little_are_found_out_too():
    off = FunctionOp(lambda z: z * z if isinstance(z, np.ndarray) else z * z * (1 + 1e-9), None)
    values = {"z": np.array([0.5, -1.0, 2.0]), "a": np.array([0.25, 1.0, 4.0])}
    response = compare([OpCall(off, ("z",), "a")], values, "z", {"a": np.array([1.0, 2.0, 3.0])})
    assert list(response.checked.values()) == [False]


def test_several_outputs_of_different_shapes_count_together():
    def calls_of(*functions):
        return [OpCall(FunctionOp(function, None), ("z",), f"a{i}") for i, function in enumerate(functions)]

    calls = calls_of(lambda z: z @ V, lambda z: np.asarray((z * z).sum()), lambda z: z > 0)
    values = {"z": Z, **{call.output: np.asarray(call.op.forward(Z)) for call in calls}}
    directions = {"a0": np.random.default_rng(6).normal(size=(20, 5)), "a1": np.asarray(-2.0)}
    compare(calls, values, "z", directions)
    response = Response(calls, values, "z", directions)
    _, size = response.changes(np.arange(3), np.zeros(3), np.full(3, 1e-3))
    first_row = np.abs(directions["a0"] * values["a0"])[0].sum()
    np.testing.assert_allclose(size, first_row + 2 * values["a1"], rtol=1e-3)


def test_where_no_output_is_reached_nothing_changes():
    response = Response([], {"z": Z, "a": Z}, "z", {"a": Z})
    change, size = response.changes(np.arange(3), np.zeros(3), np.ones(3))
    assert not change.any()
    assert not size.any()
    w, v = gn.parameter("w", [1.0, 2.0]), gn.parameter("v", [1.0, -2.0])
    report = gn.check_gradients(gn.Graph(gn.sum(w * w), v > 0), {})
    assert [f.verdict for f in report.findings if f.label == "v"] == ["right"]


def test_a_large_sample_where_no_entries_move_together():
    z = np.linspace(1, 2, 3000)
    op = FunctionOp(lambda z: z * z.sum(), None)
    response = Response(
        [OpCall(op, ("z",), "a")], {"z": z, "a": op.forward(z)}, "z", {"a": z}, budget=2 * 10 * 9000 * 1500
    )
    assert len(response.sample(None, np.random.default_rng(0))) == 1500


def test_no_entries_are_none_to_choose_from():
    z = np.zeros((0, 3))
    op = FunctionOp(lambda z: z * 2, None)
    assert (
        len(Response([OpCall(op, ("z",), "a")], {"z": z, "a": z}, "z", {"a": z}).sample(None, np.random.default_rng(0)))
        == 0
    )


@pytest.mark.parametrize(("share", "searched"), [(1.0, True), (0.99, False)])
def test_a_search_may_take_ten_times_the_budget(share, searched):
    op = FunctionOp(lambda z: z @ V, None)
    runs, work = 2 * (2 + 4 * 5), 10 * (600 + 600 + 100)
    budget = share * runs * work / 10
    response = Response([OpCall(op, ("z",), "a")], {"z": Z, "a": Z @ V}, "z", {"a": Z @ V}, budget=budget)
    assert bool(response._cut) == searched


def joined(target):
    """Return the responses of a graph's parameters, and all of them in one."""
    graph = gn.Graph(target)
    values = dict(gn.forward(graph, {}).values)
    calls = [OpCall(node.op, node.inputs, node) for node in graph.nodes if node.op]
    rng = np.random.default_rng(1)
    directions = {node: rng.normal(size=values[node].shape) for node in graph.outputs}
    responses = [Response(calls, values, leaf, directions) for leaf in graph.parameters]
    assert all(response.can_join for response in responses)
    return responses, Joint(calls, responses)


def leaves(count, shape=(3, 3)):
    rng = np.random.default_rng(2)
    return [gn.parameter(f"w{i}", rng.normal(size=shape)) for i in range(count)]


def chain():
    *weights, z = leaves(7)
    for w in weights:
        z = gn.tanh(z @ w)
    return z


def shared():
    w, v, z = leaves(3)
    for _ in range(3):
        z = gn.tanh(z @ w + v)
    return gn.sum(z * v)


def residual():
    *weights, z = leaves(5)
    for w in weights:
        z = z + gn.tanh(z @ w)
    return gn.sum(z)


def late_first():
    """Arrays come in in another order than that in which they are numbered."""
    many = leaves(70)
    z = np.concatenate([*many[::-1], many[0] * many[3]])
    return gn.sum(gn.tanh(z * 0.1 - gn.sum(z) * 0.01))


def arrays_only():
    @gn.op
    def picky(x, y):
        assert type(x) is type(y) is np.ndarray
        return x * y

    u, v, w = leaves(3)
    return gn.sum(picky(picky(u, v) + w, u))


@pytest.mark.parametrize("most", [1 << 17, 40])
@pytest.mark.parametrize("network", [chain, shared, residual, late_first, arrays_only])
def test_entries_of_several_arrays_in_the_same_runs(network, most, monkeypatch):
    monkeypatch.setattr("graphnet.engine.perturb.responses.AT_ONCE", 1 << 17)
    responses, joint = joined(network())
    monkeypatch.setattr("graphnet.engine.perturb.responses.AT_ONCE", most)
    rng = np.random.default_rng(3)
    steps = rng.uniform(0.01, 0.1, joint.array.size)
    chosen = np.flatnonzero(rng.random(joint.array.size) < 0.7)
    found = joint.sweep(chosen, -steps[chosen], [steps[chosen], 0 * steps[chosen]])
    assert (found[0][0] != 0).any()
    for i, response in enumerate(responses):
        here = joint.arrays(chosen) == i
        own = chosen[here]
        entries, step = own - joint.starts[i], steps[own]
        expected = response.sweep(entries, -step, [step, 0 * step], alone=True)
        for these, those in zip(found, expected, strict=True):
            for one, other in zip(these, those, strict=True):
                np.testing.assert_allclose(one[here], other, rtol=1e-9, atol=1e-13)
        np.testing.assert_array_equal(joint.magnitudes(own), response.magnitudes(entries))


def test_a_deep_network_is_one_pass_for_all_its_arrays():
    ran = []

    @gn.op
    def counted(z):
        ran.append(1)
        return np.tanh(z)

    counted.backward(lambda delta, a, z: delta * (1 - a * a))
    for depth in (5, 20):
        ran.clear()
        *weights, z = leaves(depth + 1)
        for w in weights:
            z = counted(z @ w)
        assert gn.check_gradients(gn.sum(z), {}).ok
        assert len(ran) < 60 * depth


def test_in_a_deep_network_each_array_has_its_own_verdict():
    @gn.op
    def passed(z):
        return 1.0 * z

    passed.backward(lambda delta, a, z: 2 * delta)
    before, first, after, z = leaves(4, (8, 8))
    z = passed(gn.tanh(gn.constant(z.value) @ before * first))
    report = gn.check_gradients(gn.sum(gn.tanh(z * after) * 0.5), {})
    wrong = {f.label: f.verdict for f in report.findings if f.slot is None}
    assert wrong == {"w0": "wrong", "w1": "wrong", "w2": "right"}
