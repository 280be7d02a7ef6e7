"""A step is made for the shapes fed, hands out copies, reads parameters as they are, and serves threads in turn."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphnet as gn
from graphnet.engine.compile import KEPT
from graphnet.errors import DtypeError, FeedError, ShapeError
from tests.engine.plan.agreement import Leaves, assert_agrees, mlp


@pytest.fixture
def net():
    """Return E and a function that makes feeds for a batch size."""
    leaves = Leaves(1)
    E = mlp(leaves, 4, (3, 5, 2))

    def feeds(batch, seed=0, dtype=float):
        rng = np.random.default_rng([batch, seed])
        return {node: rng.normal(size=(batch, node.shape[1])).astype(dtype) for node in leaves.feeds}

    return E, feeds


def as_bytes(results):
    loss, grads = results
    return loss, {name: gradient.tobytes() for name, gradient in grads.items()}


# Shapes -------------------------------------------------------------------------------------------------------------


def test_any_number_of_samples_after_any_other(net):
    E, feeds = net
    step = gn.compile(E)
    for batch in (4, 7, 4, 1, 0, 7, 130, 2000, 4):
        assert_agrees(E, feeds(batch, seed=batch), step)


def test_programs_that_were_thrown_away_are_made_again(net):
    E, feeds = net
    step = gn.compile(E)
    for batch in [*range(1, 2 * KEPT + 2), 1, 2, 2 * KEPT]:
        assert_agrees(E, feeds(batch), step)


def test_the_memory_of_many_shapes_is_bounded(net):
    E, feeds = net
    step = gn.compile(E)
    held = []
    tracemalloc.start()
    try:
        for batch in range(20000, 20000 + 3 * KEPT):
            step(feeds(batch))
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[-1] < 1.2 * held[KEPT]


def test_the_program_used_last_is_not_the_one_thrown_away(net):
    E, feeds = net
    step = gn.compile(E)
    kept = step.run(feeds(1))
    for batch in range(2, 3 * KEPT):
        step.run(feeds(batch))
        assert step.run(feeds(1)) is kept


@pytest.mark.parametrize("order", [(np.float32, np.float64, np.float32), (np.float64, np.float32)])
def test_float32_and_float64_feeds_in_turn(order):
    leaves = Leaves(2, np.float32)
    E = mlp(leaves, 4, (3, 5, 2))
    step = gn.compile(E)
    for dtype in order:
        feeds = {node: array.astype(dtype) for node, array in leaves.feeds.items()}
        assert_agrees(E, feeds, step)
        assert step(feeds)[1]["W1"].dtype == dtype


def test_whole_numbers_lists_and_views_are_fed_as_arrays_are(net):
    E, _ = net
    step = gn.compile(E)
    X, T = np.arange(12).reshape(4, 3), np.arange(16).reshape(8, 2)
    for feeds in (
        {"x": X, "t": T[::2]},
        {"x": X.tolist(), "t": T[:4].tolist()},
        {"x": np.asfortranarray(X, dtype=float), "t": T[::-2] / 2},
        {"x": X.astype(">f8"), "t": T[4:].astype(np.uint8)},
    ):
        assert_agrees(E, feeds, step)


def test_feeds_by_node_and_by_name_are_the_same(net):
    E, feeds = net
    step = gn.compile(E)
    by_node = feeds(4)
    by_name = {node.name: array for node, array in by_node.items()}
    mixed = dict(zip(["x", *list(by_node)[1:]], by_node.values(), strict=True))
    backwards = dict(reversed(by_node.items()))
    assert len({str(as_bytes(step(given))) for given in (by_node, by_name, mixed, backwards)}) == 1


# Copies -------------------------------------------------------------------------------------------------------------


def test_results_stay_what_they_were(net):
    E, feeds = net
    step = gn.compile(E)
    first = step(feeds(4))
    before = as_bytes(first)
    given = feeds(4, seed=1)
    step(given)
    given[gn.Graph(E)["x"]] += 1
    step(feeds(6))
    for parameter in gn.Graph(E).parameters:
        parameter.value += 1
    step(feeds(4, seed=2))
    assert as_bytes(first) == before


def test_writing_into_results_disturbs_nothing(net):
    E, feeds = net
    step = gn.compile(E)
    _, grads = step(feeds(4))
    for gradient in grads.values():
        gradient.fill(np.nan)
    grads.clear()
    assert_agrees(E, feeds(4), step)


def test_gradients_do_not_share_memory():
    u, v = gn.parameter("u", [1.0, 2.0]), gn.parameter("v", [3.0, 4.0])
    _, grads = gn.compile(gn.sum(u + v))({})
    grads["u"] += 1
    assert grads["v"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "output",
    [lambda x, p: x, lambda x, p: p, lambda x, p: x.T, lambda x, p: p[0], lambda x, p: gn.constant([[1.0, 2.0]])],
)
def test_a_result_that_is_a_leaf_or_a_view_is_a_copy_too(output):
    x, p = gn.input("x", (1, 2)), gn.parameter("p", [[3.0, 4.0]])
    X = np.array([[1.0, 2.0]])
    node = output(x, p)
    step = gn.compile([node, gn.tanh(x)])
    first, _ = step({x: X})
    before = first.copy()
    first += 1
    again, _ = step({x: X})
    np.testing.assert_array_equal(again, before)
    assert X.tolist() == [[1.0, 2.0]]
    assert p.value.tolist() == [[3.0, 4.0]]


def test_feeds_and_parameters_are_only_read(net):
    E, feeds = net
    given = feeds(4)
    for array in given.values():
        array.flags.writeable = False
    parameters = gn.Graph(E).parameters
    before = [parameter.value.tobytes() for parameter in parameters]
    values = [parameter.value for parameter in parameters]
    for array in values:
        array.flags.writeable = False
    try:
        for _ in range(2):
            gn.compile(E)(given)
    finally:
        for array in values:
            array.flags.writeable = True
    assert [parameter.value.tobytes() for parameter in parameters] == before


# Parameters ---------------------------------------------------------------------------------------------------------


def assigned(parameter):
    parameter.value = parameter.value * 0.5 - 0.125


def written_in_place(parameter):
    parameter.value[...] = parameter.value * 0.5 - 0.125


def one_entry(parameter):
    parameter.value.flat[-1] = 0.75


@pytest.mark.parametrize("change", [assigned, written_in_place, one_entry])
@pytest.mark.parametrize(("of_parameters", "of_feeds"), [(float, float), (np.float32, float), (np.float32, np.float32)])
@pytest.mark.parametrize("units", [5, 2000])
def test_every_step_sees_the_present_values(change, of_parameters, of_feeds, units):
    leaves = Leaves(3, of_parameters)
    E = mlp(leaves, 4, (3, units, 2))
    feeds = {node: array.astype(of_feeds) for node, array in leaves.feeds.items()}
    steps = [gn.compile(E), gn.compile(E, list(leaves.feeds))]
    a2 = gn.Graph(E).outputs[0].inputs[0]
    inference, x = gn.compile(a2), gn.Graph(a2).inputs
    for parameter in (None, *gn.Graph(E).parameters):
        if parameter is not None:
            change(parameter)
        assert_agrees(E, feeds, steps[0])
        assert_agrees(E, feeds, steps[1], wrt=list(leaves.feeds))
        given = {node: feeds[node] for node in x}
        expected = gn.forward(a2, given)[a2]
        allowed = (1e-12 if of_feeds is float else 2e-5) * max(1.0, np.max(np.abs(expected)))
        np.testing.assert_allclose(inference(given), expected, rtol=0, atol=allowed)


def test_what_depends_on_parameters_alone_is_computed_in_each_call():
    p = gn.parameter("p", [1.0, 2.0])
    step = gn.compile(gn.sum(gn.exp(p)) * 2.0)
    for value in ([1.0, 2.0], [0.5, -1.0]):
        p.value = value
        assert_agrees(step.graph.outputs[0], {}, step)


# Wrong feeds --------------------------------------------------------------------------------------------------------


WRONG = {
    "missing": ({"x": np.ones((4, 3))}, FeedError),
    "unknown": ({"x": np.ones((4, 3)), "t": np.ones((4, 2)), "z": 1}, FeedError),
    "unknown instead": ({"x": np.ones((4, 3)), "T": np.ones((4, 2))}, FeedError),
    "not a mapping": ([np.ones((4, 3)), np.ones((4, 2))], FeedError),
    "wrong shape": ({"x": np.ones((4, 2)), "t": np.ones((4, 2))}, ShapeError),
    "unequal samples": ({"x": np.ones((4, 3)), "t": np.ones((5, 2))}, ShapeError),
    "one sample": ({"x": np.ones((4, 3)), "t": np.ones((1, 2))}, ShapeError),
    "complex": ({"x": np.ones((4, 3)) * 1j, "t": np.ones((4, 2))}, DtypeError),
    "text": ({"x": np.full((4, 3), "1"), "t": np.ones((4, 2))}, DtypeError),
    "truths": ({"x": np.ones((4, 3), bool), "t": np.ones((4, 2))}, DtypeError),
    "ragged": ({"x": [[1.0, 2.0], [3.0]], "t": np.ones((4, 2))}, DtypeError),
    "nothing": ({}, FeedError),
}


@pytest.mark.parametrize(("wrong", "kind"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("used", [False, True])
def test_wrong_feeds_are_refused_as_by_backward_and_the_step_stays_usable(net, wrong, kind, used):
    E, feeds = net
    step = gn.compile(E)
    if used:
        step(feeds(4))
    with pytest.raises(kind) as expected:
        gn.backward(E, wrong)
    with pytest.raises(kind) as found:
        step(wrong)
    assert type(found.value) is type(expected.value)
    assert str(found.value) == str(expected.value)
    assert_agrees(E, feeds(4), step)


@pytest.mark.parametrize("used", [False, True])
def test_an_input_fed_twice_or_that_of_another_graph_is_refused(net, used):
    E, feeds = net
    step = gn.compile(E)
    given = feeds(4)
    if used:
        step(given)
    x, t = given
    for wrong in ({**given, "x": given[x]}, {gn.input("x", x.shape): given[x], t: given[t]}, {x: given[x], E: 1.0}):
        with pytest.raises(FeedError) as expected:
            gn.backward(E, wrong)
        with pytest.raises(FeedError) as found:
            step(wrong)
        assert str(found.value) == str(expected.value)
    assert_agrees(E, given, step)


def test_a_rule_that_fails_leaves_the_step_usable():
    @gn.op
    def fussy(z):
        if np.any(z > 1):
            raise ValueError("too large")
        return np.add.accumulate(z)

    fussy.backward(lambda delta, a, z: np.add.accumulate(delta[::-1])[::-1])
    x = gn.input("x", (None,))
    E = gn.sum(fussy(gn.tanh(x) * gn.parameter("p", 1.0)) * fussy(x))
    step = gn.compile(E)
    assert_agrees(E, {x: [0.5, 0.25]}, step)
    with pytest.raises((gn.errors.GraphnetError, ValueError), match="too large"):
        step({x: [0.5, 2.0]})
    assert_agrees(E, {x: [0.5, 0.25]}, step)


def test_positions_that_do_not_exist_are_an_error():
    i, p = gn.input("i", (None,), dtype=int), gn.parameter("p", [1.0, 2.0, 3.0])
    E = gn.sum(gn.square(gn.take(p, i)))
    step = gn.compile(E)
    assert_agrees(E, {i: [0, 2, 1]}, step)
    for wrong in ([0, 3, 1], [0, -1, 1]):
        for run in (step, gn.compile(E, []), lambda feeds: gn.forward(E, feeds), lambda feeds: gn.backward(E, feeds)):
            with pytest.raises(gn.errors.ShapeError, match=f"positions {min(wrong)} to {max(wrong)} along"):
                run({i: wrong})
    assert_agrees(E, {i: [1, 2, 0]}, step)


# Threads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compile", [gn.compile, lambda E: gn.compile(E, [])])
def test_threads_get_their_own_numbers(net, compile):
    E, feeds = net
    step = compile(E)
    given = [feeds(1 + seed % (KEPT + 2), seed) for seed in range(40)]
    expected = [gn.backward(E, one) for one in given]

    def call(k):
        for i in [*range(k, 40), *range(k)]:
            loss, grads = step(given[i]) if step.wrt else (step(given[i]), {})
            np.testing.assert_allclose(loss, expected[i][E], rtol=1e-12)
            for name, gradient in grads.items():
                np.testing.assert_allclose(gradient, expected[i].gradients[name], rtol=1e-10, atol=1e-12)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(0, 40, 5)))


def test_a_rule_that_fails_in_a_step_is_named_as_by_the_engine():
    table, i = gn.parameter("table", np.ones((3, 2))), gn.input("i", (None,), dtype=int)
    step = gn.compile(gn.sum(gn.square(gn.take(table, i, name="rows"))))
    with pytest.raises(gn.errors.ShapeError, match=r"take 'rows': positions 0 to 3 along an axis of size 3"):
        step({i: [0, 3]})
    assert step({i: [0, 1]})[0] == 4.0
