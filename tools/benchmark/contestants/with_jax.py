"""JAX: one jitted function a step; and loops over layers or mini-batches inside XLA, with scan."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tools.benchmark.contestants.contestant import Contestant, Skip, Step, batches, mean_loss
from tools.benchmark.workloads import Convolution, Curvature, Layers, Scalars, Training

ACTIVATIONS = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}


def loss_of(workload: Layers) -> Callable[..., Any]:
    activations = [ACTIVATIONS[activation] for activation in workload.activations]

    def loss(parameters: dict[str, Any], x: Any, t: Any) -> Any:
        for i, activation in enumerate(activations, start=1):
            x = activation(x @ parameters[f"W{i}"] + parameters[f"b{i}"])
        return 0.5 * jnp.sum((x - t) ** 2)

    return loss


def scanned_loss_of(workload: Layers) -> Callable[..., Any]:
    """Return the loss of equal layers as a function of stacked parameters."""
    activation = ACTIVATIONS[workload.activations[0]]

    def loss(stacks: dict[str, Any], x: Any, t: Any) -> Any:
        def layer(a: Any, parameters: dict[str, Any]) -> tuple[Any, None]:
            return activation(a @ parameters["W"] + parameters["b"]), None

        a, _ = jax.lax.scan(layer, x, stacks)
        return 0.5 * jnp.sum((a - t) ** 2)

    return loss


def step_of(loss: Callable[..., Any], parameters: dict[str, Any], feeds: tuple[Any, Any]) -> Step:
    evaluate = jax.jit(jax.value_and_grad(loss))
    held = {name: jnp.asarray(value) for name, value in parameters.items()}

    def step() -> tuple[float, dict[str, Any]]:
        value, gradients = jax.block_until_ready(evaluate(held, *feeds))
        return float(value), gradients

    return step


def descend(loss: Callable[..., Any], rate: float, parameters: Any, x: Any, t: Any) -> tuple[Any, Any]:
    """Return the parameters after one step, and the loss before it."""
    value, gradients = jax.value_and_grad(loss)(parameters, x, t)
    return jax.tree.map(lambda w, g: w - rate * g, parameters, gradients), value


class Jit(Contestant):
    name = "JAX jit"
    package = "jax"

    def layers(self, workload: Layers) -> Step:
        if workload.depth > 200:
            raise Skip("unrolls the layers: compiles for minutes; see scan")
        return step_of(loss_of(workload), workload.parameters, workload.feeds)

    def scalars(self, workload: Scalars) -> Step:
        raise Skip("unrolls the graph: can't compile it in reasonable time")

    def curvature(self, workload: Curvature) -> Step:
        """Forward over reverse, as JAX's own guide advises."""
        gradient = jax.grad(loss_of(workload.network))

        @jax.jit
        def product(parameters: Any, direction: Any, x: Any, t: Any) -> tuple[Any, Any]:
            gradients, products = jax.jvp(lambda held: gradient(held, x, t), (parameters,), (direction,))
            return sum(jnp.vdot(gradients[name], direction[name]) for name in direction), products

        held = {name: jnp.asarray(value) for name, value in workload.network.parameters.items()}

        def step() -> tuple[float, dict[str, Any]]:
            slope, products = jax.block_until_ready(product(held, workload.direction, *workload.network.feeds))
            return float(slope), products

        return step

    def convolution(self, workload: Convolution) -> Step:
        weights = jnp.asarray(workload.weights)

        def error(parameters: dict[str, Any]) -> Any:
            return jnp.sum(jax.lax.conv(parameters["x"], parameters["W"], (1, 1), "SAME") * weights)

        evaluate = jax.jit(jax.value_and_grad(error))
        held = {name: jnp.asarray(value) for name, value in workload.parameters.items()}

        def step() -> tuple[float, dict[str, Any]]:
            value, gradients = jax.block_until_ready(evaluate(held))
            return float(value), gradients

        return step

    def training(self, workload: Training) -> Step:
        network = workload.network
        update = jax.jit(partial(descend, loss_of(network), workload.learning_rate))
        X, T = workload.data

        def train() -> tuple[float, dict[str, Any]]:
            parameters = {name: jnp.asarray(value) for name, value in network.parameters.items()}
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                losses = []
                for chosen in batches(rng.permutation(len(X)), network.batch):
                    parameters, loss = update(parameters, X[chosen], T[chosen])
                    losses.append(loss)
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], jax.block_until_ready(parameters)

        return train


class Scan(Contestant):
    name = "JAX scan"
    package = "jax"

    def layers(self, workload: Layers) -> Step:
        if not workload.square:
            raise Skip("only for layers of one size")
        values = list(workload.parameters.values())
        stacks = {"W": np.stack(values[0::2]), "b": np.stack(values[1::2])}
        return step_of(scanned_loss_of(workload), stacks, workload.feeds)

    def scalars(self, workload: Scalars) -> Step:
        raise Skip("nodes of drawn kinds have nothing to scan over")

    def training(self, workload: Training) -> Step:
        """Scan over the full mini-batches of an epoch; the smaller last one is a step after it."""
        network = workload.network
        update = partial(descend, loss_of(network), workload.learning_rate)
        full = len(workload.data[0]) // network.batch * network.batch

        @jax.jit
        def epoch(parameters: Any, X: Any, T: Any, order: Any) -> tuple[Any, Any]:
            parameters, losses = jax.lax.scan(
                lambda held, chosen: update(held, X[chosen], T[chosen]),
                parameters,
                order[:full].reshape(-1, network.batch),
            )
            if full < len(order):
                parameters, last = update(parameters, X[order[full:]], T[order[full:]])
                losses = jnp.append(losses, last)
            return parameters, losses

        X, T = (jnp.asarray(array) for array in workload.data)

        def train() -> tuple[float, dict[str, Any]]:
            parameters = {name: jnp.asarray(value) for name, value in network.parameters.items()}
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                parameters, losses = epoch(parameters, X, T, rng.permutation(len(X)))
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], jax.block_until_ready(parameters)

        return train


def contestants(threads: int) -> list[Contestant]:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return [Jit(), Scan()]
