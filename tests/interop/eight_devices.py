"""Run in a process of its own, with eight simulated devices: prints the name of each promise that holds."""

import tempfile

import numpy as np
import pytest

import graphnet as gn
from graphnet.train.batches import as_batches
from graphnet.train.descent import Descent, Devices
from tests.interop.test_jax_engine import network, same, trained
from tools import scaling

jax = pytest.importorskip("jax")

from graphnet.interop.jax_engine import put  # noqa: E402


def wide(samples):
    """Return a loss whose parameters have 8 and 32 entries beside 40, on as many samples."""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 10)), gn.input("t", (None, 8))
    z = x @ gn.parameter("W", rng.normal(size=(10, 32))) + gn.parameter("b", np.zeros(32))
    loss = gn.mse(np.tanh(z) @ gn.parameter("V", rng.normal(size=(32, 8))), t, name="E")
    return loss, {"x": rng.normal(size=(samples, 10)), "t": rng.normal(size=(samples, 8))}


def uneven():
    """Batches of 16, and one of 13, on 8 devices, through a batch normalisation."""
    assert jax.device_count() == 8
    one, eight = trained("numpy", gn.Adam(0.01)), trained(gn.JaxEngine(), gn.Adam(0.01))
    same(one, eight)
    assert eight[0].engine == "jax on 8 of cpu"
    same(one, trained(gn.JaxEngine(devices=3), gn.Adam(0.01)))


def split():
    """Batches split over four devices, parameters over two."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()).reshape(4, 2), ("samples", "units"))
    made = {"made": lambda dtype: wide(40), "batch_size": 20}
    same(trained("numpy", gn.Momentum(0.1), **made), trained(gn.JaxEngine(mesh=mesh), gn.Momentum(0.1), **made))
    devices = devices_of(wide(40), gn.JaxEngine(mesh=mesh))
    state, *_ = devices.runner.arguments(put, {"W": {"value": np.ones((10, 32))}}, {}, {}, np.ones((1, 1)))
    assert {shard.data.shape for shard in state["W"]["value"].addressable_shards} == {(10, 16)}


def resumed():
    """Two epochs on eight devices, saved, and two on three, are four."""
    loss, feeds = network()
    optimizer, rng = gn.Adam(0.01), np.random.default_rng(5)
    gn.fit(loss, feeds, optimizer=optimizer, epochs=2, batch_size=16, rng=rng, engine=gn.JaxEngine())
    with tempfile.TemporaryDirectory() as folder:
        gn.save(f"{folder}/net.gn", loss, state={"optimizer": optimizer.state, "rng": rng.bit_generator.state})
        graph, state = gn.load(f"{folder}/net.gn"), gn.load_state(f"{folder}/net.gn")
    optimizer, rng = gn.Adam(0.01), np.random.default_rng()
    optimizer.restore(state["optimizer"])
    rng.bit_generator.state = state["rng"]
    gn.fit(graph, feeds, optimizer=optimizer, epochs=2, batch_size=16, rng=rng, engine=gn.JaxEngine(devices=3))
    _, expected = trained("numpy", gn.Adam(0.01), epochs=4)
    for each in graph.parameters:
        np.testing.assert_allclose(each.value, expected[each.name], rtol=0, atol=1e-10)


def devices_of(made, engine):
    graph = gn.Graph(made[0])
    batches = as_batches(graph, made[1], epochs=1, batch_size=40)
    return Devices(engine, Descent(graph, gn.Momentum(0.1)), batches, raising=False)


def sent():
    """Each step sums the gradients and the loss, in one call, whatever the size of the batch and the number of devices."""
    graph = scaling.network((20, 30, 10))
    gradients = sum(each.value.nbytes for each in graph.parameters)
    for samples, devices in ((40, 8), (80, 8), (40, 4)):
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), ("batch",))
        program = scaling.lowered(graph, mesh, samples).compile().as_text()
        assert scaling.sent(program) == {"all-reduce": (1, gradients + 4)}


if __name__ == "__main__":
    for promise in (uneven, split, resumed, sent):
        promise()
        print(promise.__name__)
