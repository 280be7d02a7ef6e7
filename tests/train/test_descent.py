"""Parameters trained side by side come out as those trained one by one."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.train.descent import Descent
from tests.engine.plan.agreement import Leaves, mlp

OPTIMIZERS = [
    lambda: gn.GradientDescent(0.05, weight_decay=0.01),
    lambda: gn.Momentum(0.05, nesterov=True, clip_value=0.1),
    lambda: gn.RMSProp(0.01),
    lambda: gn.Adam(0.01, clip_norm=0.5),
    lambda: gn.AdamW(0.01),
]


def network(widths, batch=8):
    leaves = Leaves(1)
    E = mlp(leaves, batch, widths)
    return E, leaves.feeds


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("widths", [(3, 5, 2), (6,) * 8], ids=["in order", "gradients of many layers in one stack"])
def test_as_one_by_one(make, widths):
    E, feeds = network(widths)
    graph = gn.Graph(E)
    start = [parameter.value.copy() for parameter in graph.parameters]
    one_by_one, optimizer = make(), make()
    for _ in range(6):
        one_by_one.update(graph.parameters, gn.backward(E, feeds).gradients)
    expected = [parameter.value.copy() for parameter in graph.parameters]
    for parameter, value in zip(graph.parameters, start, strict=True):
        parameter.value = value
    gn.fit(E, feeds, optimizer=optimizer, epochs=6)
    for parameter, value in zip(graph.parameters, expected, strict=True):
        np.testing.assert_allclose(parameter.value, value, rtol=1e-9, atol=1e-12)
    assert optimizer.state.keys() == one_by_one.state.keys()
    for name, value in optimizer.state.items():
        np.testing.assert_allclose(value, one_by_one.state[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_they_lie_side_by_side_only_while_nobody_looks():
    E, feeds = network((3, 5, 2))
    graph = gn.Graph(E)
    assert Descent(graph, gn.Adam(0.1), undisturbed=True).together
    assert not Descent(graph, gn.Adam(0.1), undisturbed=False).together

    class Scaled(gn.GradientDescent):
        def rule(self, value, gradient, rate):
            value -= rate * gradient / np.linalg.norm(gradient)  # looks at all entries of one parameter

    assert not Descent(graph, Scaled(0.1), undisturbed=True).together
    gn.fit(E, feeds, optimizer=Scaled(0.1), epochs=2)


def test_a_parameter_that_no_error_signal_reaches_keeps_its_value_and_that_is_said():
    E, feeds = network((3, 5, 2))
    lost = gn.parameter("lost", [1.0, -2.0])
    E = E + gn.sum(np.sign(lost))
    optimizer = gn.Adam(0.1, weight_decay=0.5)
    with pytest.warns(UserWarning, match="not trained, since no error signal reaches them: 'lost'") as said:
        gn.fit(E, feeds, optimizer=optimizer, epochs=4)
    assert len(said) == 1
    assert said[0].filename == __file__
    np.testing.assert_array_equal(lost.value, [1.0, -2.0])
    assert not any("lost" in name for name in optimizer.state)


def test_callbacks_see_and_set_values():
    E, feeds = network((3, 5, 2))
    W1 = gn.Graph(E)["W1"]
    seen = []

    def freeze(training):
        seen.append(W1.value.copy())
        W1.value = np.zeros_like(W1.value)

    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.1), epochs=3, callbacks=[freeze])
    assert all(value.any() for value in seen)
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(W1.value, 0)


def test_a_restored_state_is_taken_up_in_the_middle():
    E, feeds = network((3, 5, 2))
    optimizer = gn.Momentum(0.1, momentum=0.9)
    zeros = {}

    def forget(training):
        zeros.update({name: np.zeros_like(value) for name, value in optimizer.state.items() if name != "step"})
        optimizer.restore({"step": 0, **zeros})

    before = [parameter.value.copy() for parameter in gn.Graph(E).parameters]
    gn.fit(E, feeds, optimizer=optimizer, epochs=4, callbacks=[forget])
    after = [parameter.value.copy() for parameter in gn.Graph(E).parameters]
    for parameter, value in zip(gn.Graph(E).parameters, before, strict=True):
        parameter.value = value
    gn.fit(E, feeds, optimizer=gn.GradientDescent(0.1), epochs=4)  # momentum without a past
    for parameter, value in zip(gn.Graph(E).parameters, after, strict=True):
        np.testing.assert_allclose(parameter.value, value, rtol=1e-12)
