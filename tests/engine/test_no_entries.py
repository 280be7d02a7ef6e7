"""Of no entries there is no mean and no largest: every way of running says so, and none warns. A sum of none is 0."""

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import ShapeError

x, w = gn.input("x", (None, 3)), gn.parameter("w", np.ones(3))
t = gn.input("t", (None, 3))
NONE = np.zeros((0, 3))
WITHOUT = {
    "mean": lambda z: gn.mean(z, name="y"),
    "mean of a column": lambda z: gn.sum(gn.mean(z, axis=0, name="y")),
    "max": lambda z: gn.max(z, name="y"),
    "max of a column": lambda z: gn.sum(gn.max(z, axis=0, keepdims=True, name="y")),
    "softmax along the samples": lambda z: gn.sum(gn.softmax(z, axis=0, name="y")),
    "log_softmax along the samples": lambda z: gn.sum(gn.log_softmax(z, axis=0, name="y")),
    "mse": lambda z: gn.mse(z, z, name="y"),
    "batch_norm": lambda z: gn.sum(gn.batch_norm(z, name="y")),
}
RUNS = {
    "forward": lambda E: gn.forward(E, {x: NONE}),
    "backward": lambda E: gn.backward(E, {x: NONE}),
    "compiled": lambda E: gn.compile(E)({x: NONE}),
    "gradients": lambda E: gn.forward(gn.gradients(E, [w])[0] * E, {x: NONE}),
    "checked": lambda E: gn.check_gradients(E, {x: NONE}),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("build", WITHOUT.values(), ids=WITHOUT)
def test_what_has_no_value(build, run):
    with pytest.raises(ShapeError, match="y"):
        run(build(x * w))


@pytest.mark.parametrize(
    "function", [gn.mean, gn.max, lambda z: gn.mse(z, z), lambda z: gn.accuracy(z, z), gn.batch_norm]
)
def test_functions_of_arrays(function):
    with pytest.raises(ShapeError):
        function(NONE)


@pytest.mark.parametrize("function", [gn.mean, gn.max, gn.batch_norm])
def test_where_the_size_is_known_the_node_is_refused(function):
    with pytest.raises(ShapeError):
        function(gn.input("e", (0, 3)))


@pytest.mark.parametrize(
    "build", [gn.sum, lambda z: gn.sse(z, z), lambda z: gn.sum(gn.mean(z, axis=1)), lambda z: gn.sum(gn.max(z, axis=1))]
)
def test_sums_of_none_are_0(build):
    E = build(x * w)
    assert gn.forward(E, {x: NONE})[E] == 0
    loss, gradients = gn.compile(E)({x: NONE})
    assert loss == 0
    assert gradients["w"].tolist() == gn.backward(E, {x: NONE}).gradient(w).tolist() == [0, 0, 0]
