"""graphnet: the compiled step, and the engine that keeps every value and error signal to look at."""

from typing import Any

import numpy as np

import graphnet as gn
from tools.benchmark.contestants.contestant import Contestant, Skip, Step
from tools.benchmark.workloads import ADD, MULTIPLY, Check, Convolution, Curvature, Demo, Layers, Scalars, Training

ACTIVATIONS = {"tanh": gn.tanh, "sigmoid": gn.sigmoid}


def network(workload: Layers) -> tuple[gn.Node, Any, Any]:
    """Return the loss and the inputs x and t."""
    x, t = gn.input("x", shape=(None, workload.sizes[0])), gn.input("t", shape=(None, workload.sizes[-1]))
    a = x
    for i, activation in enumerate(workload.activations, start=1):
        W = gn.parameter(f"W{i}", workload.parameters[f"W{i}"])
        b = gn.parameter(f"b{i}", workload.parameters[f"b{i}"])
        a = ACTIVATIONS[activation](a @ W + b)
    return gn.sse(a, t, name="E"), x, t


def scalar_graph(workload: Scalars) -> gn.Node:
    """Return the last node of a graph built node by node."""
    nodes: list[gn.Node] = [gn.parameter(f"x{i}", value) for i, value in enumerate(workload.values)]
    for kind, i, j in workload.program:
        if kind == ADD:
            nodes.append(nodes[i] + nodes[j])
        elif kind == MULTIPLY:
            nodes.append(nodes[i] * nodes[j])
        else:
            nodes.append(gn.tanh(nodes[i]))
    return nodes[-1]


def demo(workload: Demo) -> tuple[gn.Node, list[list[list[gn.Parameter]]]]:
    """Return the loss of a network of neurons, built number after number for each sample, and their parameters."""
    layers = [
        [[gn.parameter(f"p{i}_{j}_{k}", value) for k, value in enumerate(neuron)] for j, neuron in enumerate(layer)]
        for i, layer in enumerate(workload.neurons)
    ]
    X, t = (gn.input(name, shape=array.shape) for name, array in zip("Xt", workload.data, strict=True))
    losses = []
    for sample in range(workload.samples):
        a = [X[sample, 0], X[sample, 1]]
        for layer in layers:
            sums = [sum((w * x for w, x in zip(neuron[:-1], a, strict=True)), neuron[-1]) for neuron in layer]
            a = sums if layer is layers[-1] else [gn.relu(z) for z in sums]
        losses.append(gn.relu(1 - t[sample] * a[0]))
    squares = [p * p for layer in layers for neuron in layer for p in neuron]
    E = sum(losses[1:], losses[0]) * (1 / workload.samples) + sum(squares[1:], squares[0]) * workload.alpha
    return E, layers


def convolution(workload: Convolution) -> gn.Node:
    """Return the loss, with images and kernels as parameters."""
    x, W = (gn.parameter(name, value) for name, value in workload.parameters.items())
    return gn.sum(gn.conv2d(x, W, padding=workload.kernel // 2) * workload.weights)


class Compiled(Contestant):
    """``gn.compile`` and ``gn.fit``."""

    name = "graphnet"
    package = "graphnet-dag"

    def layers(self, workload: Layers) -> Step:
        E, x, t = network(workload)
        step = compiled(E)
        X, T = workload.feeds
        return lambda: step({x: X, t: T})

    def scalars(self, workload: Scalars) -> Step:
        step = compiled(scalar_graph(workload))
        return lambda: step({})

    def curvature(self, workload: Curvature) -> Step:
        E, x, t = network(workload.network)
        parameters = gn.Graph(E).parameters
        direction = {gn.input(f"v_{p.name}", shape=p.shape): workload.direction[p.name] for p in parameters}
        slopes = zip(gn.gradients(E, parameters), direction, strict=True)
        step = compiled(sum(gn.sum(gradient * v) for gradient, v in slopes))
        X, T = workload.network.feeds
        return lambda: step({x: X, t: T, **direction})

    def convolution(self, workload: Convolution) -> Step:
        step = compiled(convolution(workload))
        return lambda: step({})

    def check(self, workload: Check) -> Step:
        E, x, t = network(workload.network)
        X, T = workload.network.feeds

        def step() -> Any:
            report = gn.check_gradients(E, {x: X, t: T}, entries="all")
            report.raise_if_failed()
            return 0.0, {}

        return step

    def training(self, workload: Training) -> Step:
        E, x, t = network(workload.network)
        parameters = gn.Graph(E).parameters
        X, T = workload.data

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
            )
            return history.loss[-1], {parameter.name: parameter.value for parameter in parameters}

        return train

    def demo(self, workload: Demo) -> Step:
        E, layers = demo(workload)
        compiled_step = compiled(E)
        leaves = [leaf for layer in layers for neuron in layer for leaf in neuron]
        values = [value for layer in workload.neurons for neuron in layer for value in neuron]
        feeds = dict(zip("Xt", workload.data, strict=True))

        def train() -> Any:
            for leaf, value in zip(leaves, values, strict=True):
                leaf.value = value
            for number in range(workload.steps):
                loss, gradients = compiled_step(feeds)
                rate = workload.learning_rate(number)
                for leaf in leaves:
                    leaf.value[...] -= rate * gradients[leaf.name]
            trained = [[[leaf.value for leaf in neuron] for neuron in layer] for layer in layers]
            return loss, workload.by_layer(trained)

        return train


class Passes(Contestant):
    """``gn.backward``, which checks every rule and keeps all it computed."""

    name = "graphnet, plain engine"
    package = "graphnet-dag"

    def layers(self, workload: Layers) -> Step:
        E, x, t = network(workload)
        graph = gn.Graph(E)
        X, T = workload.feeds
        return lambda: loss_and_gradients(graph, {x: X, t: T})

    def scalars(self, workload: Scalars) -> Step:
        graph = gn.Graph(scalar_graph(workload))
        return lambda: loss_and_gradients(graph, {})

    def convolution(self, workload: Convolution) -> Step:
        graph = gn.Graph(convolution(workload))
        return lambda: loss_and_gradients(graph, {})


def loss_and_gradients(graph: gn.Graph, feeds: Any) -> Any:
    bwd = gn.backward(graph, feeds)
    return float(bwd[graph.outputs[0]]), bwd.gradients


def compiled(E: gn.Node) -> Any:
    if not hasattr(gn, "compile"):
        raise Skip("this version has no compile")
    return gn.compile(E)


def contestants(threads: int) -> list[Contestant]:
    return [Compiled(), Passes()]
