"""PyTensor: a symbolic graph compiled to one function, parameters shared with it; layers of one size by scan."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from tools.benchmark.contestants.contestant import Contestant, Skip, Step, batches, mean_loss
from tools.benchmark.workloads import Curvature, Layers, Scalars, Training

ACTIVATIONS = {"tanh": pt.tanh, "sigmoid": pt.sigmoid}


def loss_of(workload: Layers, x: Any, t: Any, parameters: list[Any]) -> Any:
    a = x
    for i, activation in enumerate(workload.activations):
        a = ACTIVATIONS[activation](pt.dot(a, parameters[2 * i]) + parameters[2 * i + 1])
    return 0.5 * pt.sum((a - t) ** 2)


def function(inputs: list[Any], outputs: list[Any], mode: str, **options: Any) -> Any:
    compiled = pytensor.function(inputs, outputs, mode=mode, **options)
    compiled.trust_input = True
    return compiled


class PyTensor(Contestant):
    package = "pytensor"
    slow_start = True

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.name = "PyTensor, numba" if mode == "NUMBA" else "PyTensor, C"

    def layers(self, workload: Layers) -> Step:
        if workload.depth > 200:
            return self.scanned(workload)
        dtype = np.dtype(workload.dtype).name
        x, t = pt.matrix("x", dtype=dtype), pt.matrix("t", dtype=dtype)
        parameters = [pytensor.shared(value, name) for name, value in workload.parameters.items()]
        loss = loss_of(workload, x, t, parameters)
        evaluate = function([x, t], [loss, *pt.grad(loss, parameters)], self.mode)
        return self.step(evaluate, workload, list(workload.parameters))

    def scanned(self, workload: Layers) -> Step:
        if not workload.square:
            raise Skip("unrolled layers don't compile")
        x, t = pt.matrix("x", dtype="float64"), pt.matrix("t", dtype="float64")
        values = list(workload.parameters.values())
        stacks = [pytensor.shared(np.stack(values[0::2]), "W"), pytensor.shared(np.stack(values[1::2]), "b")]
        activation = ACTIVATIONS[workload.activations[0]]
        outputs = pytensor.scan(
            lambda W, b, a: activation(pt.dot(a, W) + b), sequences=stacks, outputs_info=[x], return_updates=False
        )
        loss = 0.5 * pt.sum((outputs[-1] - t) ** 2)
        return self.step(function([x, t], [loss, *pt.grad(loss, stacks)], self.mode), workload, ["W", "b"])

    def step(self, evaluate: Any, workload: Layers, names: list[str]) -> Step:
        X, T = workload.feeds

        def step() -> tuple[float, dict[str, Any]]:
            loss, *gradients = evaluate(X, T)
            return float(loss), dict(zip(names, gradients, strict=True))

        return step

    def curvature(self, workload: Curvature) -> Step:
        network = workload.network
        dtype = np.dtype(network.dtype).name
        x, t = pt.matrix("x", dtype=dtype), pt.matrix("t", dtype=dtype)
        parameters = [pytensor.shared(value, name) for name, value in network.parameters.items()]
        direction = [parameter.type() for parameter in parameters]
        gradients = pt.grad(loss_of(network, x, t, parameters), parameters)
        slope = sum(pt.sum(gradient * v) for gradient, v in zip(gradients, direction, strict=True))
        evaluate = function([x, t, *direction], [slope, *pt.grad(slope, parameters)], self.mode)

        def step() -> tuple[float, dict[str, Any]]:
            value, *products = evaluate(*network.feeds, *workload.direction.values())
            return float(value), dict(zip(network.parameters, products, strict=True))

        return step

    def scalars(self, workload: Scalars) -> Step:
        raise Skip("unrolls the graph: can't compile it in reasonable time")

    def training(self, workload: Training) -> Step:
        network = workload.network
        x, t = pt.matrix("x", dtype="float64"), pt.matrix("t", dtype="float64")
        parameters = [pytensor.shared(value, name) for name, value in network.parameters.items()]
        loss = loss_of(network, x, t, parameters)
        gradients = pt.grad(loss, parameters)
        updates = [(w, w - workload.learning_rate * g) for w, g in zip(parameters, gradients, strict=True)]
        update = function([x, t], [loss], self.mode, updates=updates)
        X, T = workload.data

        def train() -> tuple[float, dict[str, Any]]:
            for parameter, value in zip(parameters, network.parameters.values(), strict=True):
                parameter.set_value(value)
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                losses = []
                for chosen in batches(rng.permutation(len(X)), network.batch):
                    losses.append(update(X[chosen], T[chosen])[0])
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], {parameter.name: parameter.get_value() for parameter in parameters}

        return train


def contestants(threads: int) -> list[Contestant]:
    return [PyTensor("NUMBA"), PyTensor("CVM")]
