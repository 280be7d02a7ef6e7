"""PyTorch, eager and compiled. Both take gradients of plain tensors; the products are ``addmm``, as in its own layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tools.benchmark.contestants.contestant import Contestant, Skip, Step, batches, mean_loss
from tools.benchmark.workloads import ADD, MULTIPLY, Check, Convolution, Curvature, Layers, Scalars, Training

ACTIVATIONS = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}


def tensors(workload: Layers) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, requires_grad=True) for name, value in workload.parameters.items()}


def loss_of(workload: Layers) -> Callable[..., torch.Tensor]:
    activations = [ACTIVATIONS[activation] for activation in workload.activations]

    def loss(x: torch.Tensor, t: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
        for i, activation in enumerate(activations):
            x = activation(torch.addmm(parameters[2 * i + 1], x, parameters[2 * i]))
        return 0.5 * torch.nn.functional.mse_loss(x, t, reduction="sum")

    return loss


class Eager(Contestant):
    name = "torch eager"
    package = "torch"

    def prepared(self, loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """Return the loss function as it is called."""
        return loss

    def layers(self, workload: Layers) -> Step:
        loss_function = self.prepared(loss_of(workload))
        named = tensors(workload)
        parameters = list(named.values())
        X, T = workload.feeds

        def step() -> tuple[float, dict[str, Any]]:
            loss = loss_function(torch.from_numpy(X), torch.from_numpy(T), parameters)
            gradients = torch.autograd.grad(loss, parameters)
            return loss.item(), dict(zip(named, gradients, strict=True))

        return step

    def scalars(self, workload: Scalars) -> Step:
        leaves = [torch.tensor(value, requires_grad=True) for value in workload.values]
        program = workload.program

        def step() -> tuple[float, dict[str, Any]]:
            nodes = list(leaves)
            for kind, i, j in program:
                if kind == ADD:
                    nodes.append(nodes[i] + nodes[j])
                elif kind == MULTIPLY:
                    nodes.append(nodes[i] * nodes[j])
                else:
                    nodes.append(torch.tanh(nodes[i]))
            gradients = torch.autograd.grad(nodes[-1], leaves, materialize_grads=True)
            return nodes[-1].item(), {f"x{i}": gradient for i, gradient in enumerate(gradients)}

        return step

    def training(self, workload: Training) -> Step:
        network = workload.network
        loss_function = self.prepared(loss_of(network))
        X, T = (torch.from_numpy(array) for array in workload.data)

        def train() -> tuple[float, dict[str, Any]]:
            named = tensors(network)
            parameters = list(named.values())
            optimizer = torch.optim.SGD(parameters, lr=workload.learning_rate)
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                losses = []
                for chosen in batches(torch.from_numpy(rng.permutation(len(X))), network.batch):
                    optimizer.zero_grad()
                    loss = loss_function(X[chosen], T[chosen], parameters)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], {name: tensor.detach() for name, tensor in named.items()}

        return train

    def curvature(self, workload: Curvature) -> Step:
        loss_function = loss_of(workload.network)
        named = tensors(workload.network)
        parameters = list(named.values())
        X, T = workload.network.feeds

        def step() -> tuple[float, dict[str, Any]]:
            loss = loss_function(torch.from_numpy(X), torch.from_numpy(T), parameters)
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            direction = [torch.from_numpy(v) for v in workload.direction.values()]
            slope = sum(torch.sum(gradient * v) for gradient, v in zip(gradients, direction, strict=True))
            products = torch.autograd.grad(slope, parameters)
            return slope.item(), dict(zip(named, products, strict=True))

        return step

    def convolution(self, workload: Convolution) -> Step:
        named = {name: torch.tensor(value, requires_grad=True) for name, value in workload.parameters.items()}
        weights = torch.from_numpy(workload.weights)
        padding = workload.kernel // 2

        def error(x: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
            return (torch.nn.functional.conv2d(x, W, padding=padding) * weights).sum()

        function = self.prepared(error)

        def step() -> tuple[float, dict[str, Any]]:
            E = function(*named.values())
            gradients = torch.autograd.grad(E, list(named.values()))
            return E.item(), dict(zip(named, gradients, strict=True))

        return step

    def check(self, workload: Check) -> Step:
        loss = loss_of(workload.network)
        X, T = map(torch.from_numpy, workload.network.feeds)
        parameters = list(tensors(workload.network).values())

        def step() -> tuple[float, dict[str, Any]]:
            torch.autograd.gradcheck(lambda *given: loss(X, T, list(given)), parameters)
            return 0.0, {}

        return step


class Compiled(Eager):
    name = "torch.compile"
    slow_start = True

    def prepared(self, loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        torch.compiler.reset()
        return torch.compile(loss)

    def layers(self, workload: Layers) -> Step:
        if workload.depth > 200:
            raise Skip("unrolls the layers: compiles for many minutes")
        return super().layers(workload)

    def scalars(self, workload: Scalars) -> Step:
        raise Skip("unrolls the graph: compiles for hours")

    def curvature(self, workload: Curvature) -> Step:
        raise Skip("differentiates what it compiles only once")

    def check(self, workload: Check) -> Step:
        raise Skip("the same check as without compiling")


def contestants(threads: int) -> list[Contestant]:
    torch.set_num_threads(threads)
    return [Eager(), Compiled()]
