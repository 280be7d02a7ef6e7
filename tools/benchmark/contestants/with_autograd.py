"""HIPS autograd: NumPy code differentiated by running it on boxes."""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, value_and_grad

from tools.benchmark.contestants.contestant import Contestant, Step, batches, mean_loss
from tools.benchmark.workloads import ADD, MULTIPLY, Curvature, Layers, Scalars, Training

ACTIVATIONS = {"tanh": anp.tanh, "sigmoid": lambda z: 1 / (1 + anp.exp(-z))}


def loss_of(workload: Layers) -> Callable[..., Any]:
    activations = [ACTIVATIONS[activation] for activation in workload.activations]

    def loss(parameters: list[Any], x: Any, t: Any) -> Any:
        for i, activation in enumerate(activations):
            x = activation(anp.dot(x, parameters[2 * i]) + parameters[2 * i + 1])
        error = x - t
        return 0.5 * anp.sum(error * error)

    return loss


class Autograd(Contestant):
    name = "autograd"
    package = "autograd"

    def layers(self, workload: Layers) -> Step:
        evaluate = value_and_grad(loss_of(workload))
        parameters = list(workload.parameters.values())
        X, T = workload.feeds

        def step() -> tuple[float, dict[str, Any]]:
            loss, gradients = evaluate(parameters, X, T)
            return float(loss), dict(zip(workload.parameters, gradients, strict=True))

        return step

    def curvature(self, workload: Curvature) -> Step:
        gradient = grad(loss_of(workload.network))

        def slope(parameters: list[Any], direction: list[Any], X: Any, T: Any) -> Any:
            return sum(anp.sum(g * v) for g, v in zip(gradient(parameters, X, T), direction, strict=True))

        evaluate = value_and_grad(slope)
        parameters, direction = list(workload.network.parameters.values()), list(workload.direction.values())

        def step() -> tuple[float, dict[str, Any]]:
            value, products = evaluate(parameters, direction, *workload.network.feeds)
            return float(value), dict(zip(workload.network.parameters, products, strict=True))

        return step

    def scalars(self, workload: Scalars) -> Step:
        program, leaves = workload.program, workload.leaves

        def value(vector: Any) -> Any:
            nodes = [vector[i] for i in range(leaves)]
            for kind, i, j in program:
                if kind == ADD:
                    nodes.append(nodes[i] + nodes[j])
                elif kind == MULTIPLY:
                    nodes.append(nodes[i] * nodes[j])
                else:
                    nodes.append(anp.tanh(nodes[i]))
            return nodes[-1]

        evaluate = value_and_grad(value)

        def step() -> tuple[float, dict[str, Any]]:
            result, gradient = evaluate(workload.values)
            return float(result), {"leaves": gradient}

        return step

    def training(self, workload: Training) -> Step:
        network = workload.network
        evaluate = value_and_grad(loss_of(network))
        X, T = workload.data

        def train() -> tuple[float, dict[str, Any]]:
            parameters = list(network.parameters.values())
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                losses = []
                for chosen in batches(rng.permutation(len(X)), network.batch):
                    loss, gradients = evaluate(parameters, X[chosen], T[chosen])
                    parameters = [w - workload.learning_rate * g for w, g in zip(parameters, gradients, strict=True)]
                    losses.append(loss)
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], dict(zip(network.parameters, parameters, strict=True))

        return train


def contestants(threads: int) -> list[Contestant]:
    return [Autograd()]
