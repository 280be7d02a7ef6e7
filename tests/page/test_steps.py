"""The order of what happens, and its numbers, without a browser."""

import numpy as np

import graphnet as gn
from graphnet.draw.page.steps import Sentences, new_value, steps_of
from tests.page.conftest import result


def told(run):
    return [(step.phase, step.shows, [run.graph.label(node) for node in step.nodes]) for step in steps_of(run)]


def test_the_five_parts_come_in_their_order_node_by_node(network):
    assert told(gn.backward(*network)) == [
        ("forward", "value", ["x", "W1", "b1", "W2", "b2", "t"]),
        *(("forward", "value", [name]) for name in ("p1", "z1", "a1", "p2", "z2", "a2", "E")),
        *(("error", "signal", [name]) for name in ("E", "t", "a2")),
        *(("backward", "signal", [name]) for name in ("z2", "p2", "a1", "z1", "p1", "x")),
        *(("gradients", "signal", [name]) for name in ("b2", "W2", "b1", "W1")),
        *(("update", "update", [name]) for name in ("W1", "b1", "W2", "b2")),
    ]


def test_the_numbers_are_those_of_the_derivation(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    X, T = feeds.values()
    W1, b1, W2, b2 = (bwd[name] for name in ("W1", "b1", "W2", "b2"))
    a1 = np.tanh(X @ W1 + b1)
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    d2 = (a2 - T) * a2 * (1 - a2)
    d1 = (d2 @ W2.T) * (1 - a1**2)
    expected = {
        ("value", "z1"): X @ W1 + b1,
        ("value", "a2"): a2,
        ("value", "E"): np.sum((a2 - T) ** 2) / 2,
        ("signal", "a2"): a2 - T,
        ("signal", "z2"): d2,
        ("signal", "a1"): d2 @ W2.T,
        ("signal", "z1"): d1,
        ("signal", "W1"): X.T @ d1,
        ("signal", "b1"): d1.sum(axis=0),
        ("update", "W1"): W1 - 0.25 * X.T @ d1,
        ("update", "b2"): b2 - 0.25 * d2.sum(axis=0),
    }
    results = {
        (step.shows, bwd.graph.label(node)): result(bwd, step, node, 0.25)
        for step in steps_of(bwd)
        for node in step.nodes
    }
    for key, array in expected.items():
        np.testing.assert_allclose(results[key], array, rtol=1e-12, err_msg=str(key))


def test_a_new_value_is_what_gradient_descent_makes(network):
    E, feeds = network
    bwd = gn.backward(E, feeds)
    told_values = {p.name: new_value(bwd, p, 0.3) for p in bwd.graph.parameters}
    gn.GradientDescent(0.3).update(bwd.graph.parameters, bwd.gradients)
    for parameter in bwd.graph.parameters:
        np.testing.assert_array_equal(parameter.value, told_values[parameter.name])


def test_what_flows_in_a_step_comes_from_what_happened_before(network):
    E, feeds = network
    x = next(iter(feeds))
    for run in (gn.backward(E, feeds), gn.backward(gn.sum(gn.square(x) * x + x, name="y"), {x: feeds[x]})):
        have_value, have_signal = set(), set()
        for step in steps_of(run):
            if step.shows == "value":
                assert all(use.source in have_value and use.consumer is step.nodes[0] for use in step.uses)
                have_value.update(step.nodes)
            if step.shows == "signal":
                assert all(use.consumer in have_signal and use.source is step.nodes[0] for use in step.uses)
                have_signal.update(step.nodes)
                signal = run.error_signals[step.nodes[0]]
                np.testing.assert_array_equal(signal, sum(message.delta for message in step.messages))
        assert have_value == set(run.graph.nodes)
        assert have_signal == set(run.error_signals)


def test_a_sum_of_losses_is_no_output_error_itself():
    w = gn.parameter("w", [1.0, 2.0])
    fit, decay = gn.sse(gn.tanh(w, name="a"), [0.0, 1.0], name="fit"), gn.sum(gn.square(w, name="w2"), name="decay")
    steps = told(gn.backward(gn.add(fit, decay, name="E"), {}))
    assert [names for phase, _, names in steps if phase == "error"] == [["E"]]
    assert [names for phase, _, names in steps if phase == "backward"] == [["decay"], ["w2"], ["fit"], ["a"]]


def test_several_outputs_each_start_the_way_back():
    x = gn.input("x", shape=(2,))
    graph = gn.Graph(gn.tanh(x, name="a"), gn.square(x, name="b"))
    bwd = gn.backward(graph, {x: [1.0, 2.0]}, delta={"a": [1.0, 0.0], "b": [0.0, 1.0]})
    assert [names for phase, _, names in told(bwd) if phase == "error"] == [["b"], ["a"]]


def test_what_no_error_signal_reaches_is_said_and_not_zero():
    x, mask = gn.input("x", shape=(2,)), gn.input("mask", shape=(2,))
    E = gn.sum(gn.where(gn.tanh(mask, name="m") > 0, x, 0.0), name="E")
    bwd = gn.backward(E, {x: [1.0, 2.0], mask: [1.0, -1.0]})
    step = next(step for step in steps_of(bwd) if step.shows == "none")
    assert [bwd.graph.label(node) for node in step.nodes] == ["mask", "m", "greater_1"]
    assert Sentences(bwd.graph, "0.1").of(step).startswith("No error signal reaches mask, m and greater_1")


def test_a_forward_pass_has_the_first_part_only(network):
    assert {phase for phase, _, _ in told(gn.forward(*network))} == {"forward"}


def test_a_deep_graph_takes_no_recursion():
    y = gn.input("x")
    for _ in range(20_000):
        y = gn.tanh(y)
    assert len(steps_of(gn.backward(y, {"x": 0.5}))) == 20_000 + 1 + 20_001


def test_sentences(network):
    bwd = gn.backward(*network)
    says = {
        (step.phase, bwd.graph.label(step.nodes[0])): Sentences(bwd.graph, "0.1").of(step) for step in steps_of(bwd)
    }
    assert says["forward", "x"] == "Given: inputs x and t; parameters W1, b1, W2 and b2."
    assert says["forward", "E"] == "E = sse(a2, t) = "
    assert says["error", "E"] == "The way back starts at E: ∂E/∂E = "
    assert says["error", "a2"] == "E (sse) sends back the output error: ∂E/∂a2 = "
    assert says["backward", "a1"] == "p2 (matmul) sends back one message: ∂E/∂a1 = "
    assert says["gradients", "W2"] == "The gradient of W2, sent back by p2 (matmul): ∂E/∂W2 = "
    assert says["update", "b2"] == "b2 ← b2 − 0.1 · ∂E/∂b2 = "


def test_messages_that_add_up_are_counted():
    x = gn.input("x")
    bwd = gn.backward(gn.multiply(x, x, name="y"), {x: 3.0})
    last = steps_of(bwd)[-1]
    assert Sentences(bwd.graph, "0.1").of(last) == (
        "2 messages to x, from y (multiply) and y (multiply), add up: ∂y/∂x = "
    )
