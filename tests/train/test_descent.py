"""Steps of training are those of the optimiser's own update, whatever is looked at or changed meanwhile."""

import numpy as np
import pytest

import graphnet as gn
from tests.engine.plan.agreement import Leaves, mlp

pytestmark = pytest.mark.usefixtures("either_way")

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
def test_as_by_update(make, widths):
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


def test_values_are_never_behind():
    """Whoever looks at a parameter while it is trained, as a rule of a user's own does, sees its present value."""
    E, feeds = network((3, 5, 2))
    W1 = gn.Graph(E)["W1"]
    seen = []

    @gn.op
    def looking(z):
        seen.append(W1.value.copy())
        return np.add.accumulate(z)  # of which there is no primitive: a call of this very rule

    @looking.backward
    def rule(delta, output, z):
        return delta

    gn.fit(E + 0.0 * gn.sum(looking(W1[0])), feeds, optimizer=gn.Adam(0.1), epochs=4)
    assert all(not np.array_equal(*pair) for pair in zip(seen[-4:], seen[-3:], strict=False))


def test_an_optimiser_of_ones_own_sees_one_parameter_at_a_time():
    E, feeds = network((3, 5, 2))
    shapes = []

    class Scaled(gn.GradientDescent):
        def rule(self, value, gradient, rate):
            shapes.append(value.shape)
            value -= rate * gradient / np.linalg.norm(gradient)

    gn.fit(E, feeds, optimizer=Scaled(0.1), epochs=2)
    assert shapes == 2 * [parameter.shape for parameter in gn.Graph(E).parameters]


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
