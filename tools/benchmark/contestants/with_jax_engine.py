"""graphnet's graphs and rules on JAX: ``gn.to_jax``, jitted, and ``gn.fit`` with a `JaxEngine`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import graphnet as gn
from tools.benchmark.contestants.contestant import Contestant, Skip, Step
from tools.benchmark.contestants.with_graphnet import convolution, network
from tools.benchmark.workloads import Convolution, Layers, Training


class OnJax(Contestant):
    """The same graph, run by JAX."""

    name = "graphnet on JAX"
    package = "jax"

    def layers(self, workload: Layers) -> Step:
        if workload.depth > 200:
            raise Skip("JAX compiles it for minutes")
        X, T = workload.feeds
        return step_of(network(workload)[0], {"x": X, "t": T})

    def convolution(self, workload: Convolution) -> Step:
        return step_of(convolution(workload), {})

    def training(self, workload: Training) -> Step:
        E, x, t = network(workload.network)
        parameters = gn.Graph(E).parameters
        X, T = workload.data
        engine = gn.JaxEngine()

        def train() -> Any:
            for parameter in parameters:
                parameter.value = workload.network.parameters[parameter.name]
            history = gn.fit(
                E,
                {x: X, t: T},
                optimizer=gn.GradientDescent(workload.learning_rate),
                epochs=workload.epochs,
                batch_size=workload.network.batch,
                rng=np.random.default_rng(0),
                progress=False,
                engine=engine,
            )
            return history.loss[-1], {parameter.name: parameter.value for parameter in parameters}

        return train


def step_of(E: gn.Node, feeds: dict[str, Any]) -> Step:
    evaluate = jax.jit(gn.to_jax(E))
    held = {parameter.name: jnp.asarray(parameter.value) for parameter in gn.Graph(E).parameters}

    def step() -> tuple[float, dict[str, Any]]:
        value, gradients = jax.block_until_ready(evaluate(held, feeds))
        return float(value), gradients

    return step


def contestants(threads: int) -> list[Contestant]:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return [OnJax()]
