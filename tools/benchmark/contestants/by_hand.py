"""Forward and backward written out by hand for NumPy, as one writes them without a library."""

import math

import numpy as np

from tools.benchmark.contestants.contestant import Contestant, Step, batches, mean_loss
from tools.benchmark.workloads import (
    ADD,
    MULTIPLY,
    TANH,
    Array,
    Convolution,
    Curvature,
    Demo,
    Layers,
    Scalars,
    Training,
)

FORWARD = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
SLOPE = {"tanh": lambda a: 1 - a * a, "sigmoid": lambda a: a * (1 - a)}
BEND = {"tanh": lambda a: -2 * a, "sigmoid": lambda a: 1 - 2 * a}
"""By how much a slope changes with its output."""


def loss_and_gradients(
    weights: list[Array], biases: list[Array], activations: tuple[str, ...], X: Array, T: Array
) -> tuple[float, dict[str, Array]]:
    """Return E and its gradients: what a textbook's reader writes."""
    outputs = [X]
    for W, b, activation in zip(weights, biases, activations, strict=True):
        outputs.append(FORWARD[activation](outputs[-1] @ W + b))
    error = outputs[-1] - T
    loss = 0.5 * np.sum(error * error)
    gradients = {}
    delta = error
    for i in reversed(range(len(weights))):
        delta = delta * SLOPE[activations[i]](outputs[i + 1])
        gradients[f"W{i + 1}"] = outputs[i].T @ delta
        gradients[f"b{i + 1}"] = delta.sum(axis=0)
        if i:
            delta = delta @ weights[i].T
    return float(loss), gradients


class ByHand(Contestant):
    """Natural NumPy: every result is a new array."""

    name = "NumPy by hand"

    def layers(self, workload: Layers) -> Step:
        weights, biases = weights_and_biases(workload)
        X, T = workload.feeds
        return lambda: loss_and_gradients(weights, biases, workload.activations, X, T)

    def scalars(self, workload: Scalars) -> Step:
        """Scalars one by one are Python's own floats, not NumPy's."""
        program, leaves = workload.program, workload.leaves

        def step() -> tuple[float, dict[str, Array]]:
            values = workload.values.tolist()
            for kind, i, j in program:
                if kind == ADD:
                    values.append(values[i] + values[j])
                elif kind == MULTIPLY:
                    values.append(values[i] * values[j])
                else:
                    values.append(math.tanh(values[i]))
            deltas = [0.0] * len(values)
            deltas[-1] = 1.0
            for number, (kind, i, j) in zip(range(len(values) - 1, leaves - 1, -1), reversed(program), strict=True):
                delta = deltas[number]
                if kind == ADD:
                    deltas[i] += delta
                    deltas[j] += delta
                elif kind == MULTIPLY:
                    deltas[i] += delta * values[j]
                    deltas[j] += delta * values[i]
                else:
                    deltas[i] += delta * (1 - values[number] * values[number])
            return values[-1], {"leaves": np.array(deltas[:leaves])}

        return step

    def demo(self, workload: Demo) -> Step:
        """The same training as products of matrices: what scalars cost."""
        X, t = workload.data

        def train() -> tuple[float, dict[str, Array]]:
            parameters = {name: value.copy() for name, value in workload.parameters.items()}
            layers = range(1, len(workload.sizes))
            for step in range(workload.steps):
                outputs = [X]
                for layer in layers:
                    z = outputs[-1] @ parameters[f"W{layer}"] + parameters[f"b{layer}"]
                    outputs.append(z if layer == layers[-1] else np.maximum(z, 0))
                margins = np.maximum(1 - t * outputs[-1][:, 0], 0)
                loss = margins.mean() + workload.alpha * sum(np.vdot(value, value) for value in parameters.values())
                delta = (np.where(margins > 0, -t, 0) / len(t))[:, np.newaxis]
                gradients = {}
                for layer in reversed(layers):
                    gradients[f"W{layer}"] = outputs[layer - 1].T @ delta
                    gradients[f"b{layer}"] = delta.sum(axis=0)
                    delta = delta @ parameters[f"W{layer}"].T * (outputs[layer - 1] > 0)
                for name, value in parameters.items():
                    value -= workload.learning_rate(step) * (gradients[name] + 2 * workload.alpha * value)
            return float(loss), parameters

        return train

    def curvature(self, workload: Curvature) -> Step:
        """Pearlmutter's R{...}: each line of forward and backward, and below it its derivative along v."""
        activations, (X, T) = workload.network.activations, workload.network.feeds
        weights, biases = weights_and_biases(workload.network)
        V, v = list(workload.direction.values())[0::2], list(workload.direction.values())[1::2]

        def step() -> tuple[float, dict[str, Array]]:
            outputs, moved = [X], [np.zeros_like(X)]
            for i, activation in enumerate(activations):
                outputs.append(FORWARD[activation](outputs[i] @ weights[i] + biases[i]))
                z = outputs[i] @ V[i] + v[i]
                if i:
                    z += moved[i] @ weights[i]
                moved.append(SLOPE[activation](outputs[i + 1]) * z)
            delta, turned, slope, products = outputs[-1] - T, moved[-1], 0.0, {}
            for i in reversed(range(len(weights))):
                bent = BEND[activations[i]](outputs[i + 1]) * moved[i + 1]
                turned = turned * SLOPE[activations[i]](outputs[i + 1]) + delta * bent
                delta = delta * SLOPE[activations[i]](outputs[i + 1])
                products[f"W{i + 1}"] = outputs[i].T @ turned
                if i:
                    products[f"W{i + 1}"] += moved[i].T @ delta
                products[f"b{i + 1}"] = turned.sum(axis=0)
                slope += np.vdot(outputs[i].T @ delta, V[i]) + np.vdot(delta.sum(axis=0), v[i])
                if i:
                    turned = turned @ weights[i].T + delta @ V[i].T
                    delta = delta @ weights[i].T
            return float(slope), products

        return step

    def convolution(self, workload: Convolution) -> Step:
        """Windows of the padded images as rows of a matrix; back, each row is added to where it came from."""
        x, W = workload.parameters.values()
        margin, k, size = workload.kernel // 2, workload.kernel, workload.size
        edges = ((0, 0), (0, 0), (margin, margin), (margin, margin))
        weights, kernels = workload.weights, W.reshape(len(W), -1)

        def step() -> tuple[float, dict[str, Array]]:
            windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, edges), (k, k), (2, 3))
            rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, kernels.shape[1])
            out = rows @ kernels.T
            delta = weights.transpose(0, 2, 3, 1).reshape(-1, len(W))
            loss = float(np.sum(out * delta))
            back = (delta @ kernels).reshape(len(x), size, size, x.shape[1], k, k)
            dx = np.zeros((*x.shape[:2], size + 2 * margin, size + 2 * margin), x.dtype)
            for i in range(k):
                for j in range(k):
                    dx[:, :, i : i + size, j : j + size] += back[..., i, j].transpose(0, 3, 1, 2)
            return loss, {"x": dx[:, :, margin:-margin, margin:-margin], "W": (delta.T @ rows).reshape(W.shape)}

        return step

    def training(self, workload: Training) -> Step:
        X, T = workload.data
        network = workload.network

        def train() -> tuple[float, dict[str, Array]]:
            parameters = {name: value.copy() for name, value in network.parameters.items()}
            weights = [parameters[f"W{i + 1}"] for i in range(network.depth)]
            biases = [parameters[f"b{i + 1}"] for i in range(network.depth)]
            rng = np.random.default_rng(0)
            history = []
            for _ in range(workload.epochs):
                losses = []
                for chosen in batches(rng.permutation(len(X)), network.batch):
                    loss, gradients = loss_and_gradients(weights, biases, network.activations, X[chosen], T[chosen])
                    for name, gradient in gradients.items():
                        parameters[name] -= workload.learning_rate * gradient
                    losses.append(loss)
                history.append(mean_loss(losses, network.batch, len(X)))
            return history[-1], parameters

        return train


class ByHandPreallocated(Contestant):
    """The same with memory of its own for every result; what it hands out is overwritten by the next step."""

    name = "NumPy by hand, preallocated"

    def layers(self, workload: Layers) -> Step:
        weights, biases = weights_and_biases(workload)
        X, T = workload.feeds
        outputs = [X] + [np.empty((len(X), size), X.dtype) for size in workload.sizes[1:]]
        deltas = [np.empty_like(a) for a in outputs]
        slopes = [np.empty_like(a) for a in outputs]
        gradients = {name: np.empty_like(value) for name, value in workload.parameters.items()}
        one = X.dtype.type(1)
        forward = list(zip(outputs, weights, biases, outputs[1:], workload.activations, strict=False))
        backward = [
            (
                outputs[i], outputs[i].T, outputs[i + 1], weights[i].T, deltas[i] if i else None, deltas[i + 1],
                slopes[i + 1], gradients[f"W{i + 1}"], gradients[f"b{i + 1}"], workload.activations[i],
            )
            for i in reversed(range(workload.depth))
        ]  # fmt: skip

        def step() -> tuple[float, dict[str, Array]]:
            for before, W, b, a, activation in forward:
                np.matmul(before, W, a)
                np.add(a, b, a)
                if activation == "tanh":
                    np.tanh(a, a)
                else:
                    np.negative(a, a)
                    np.exp(a, a)
                    np.add(a, one, a)
                    np.divide(one, a, a)
            error = np.subtract(outputs[-1], T, deltas[-1])
            loss = 0.5 * float(np.vdot(error, error))
            for _, transposed, a, W, delta_before, delta, slope, dW, db, activation in backward:
                if activation == "tanh":
                    np.multiply(a, a, slope)
                    np.subtract(one, slope, slope)
                else:
                    np.subtract(one, a, slope)
                    np.multiply(slope, a, slope)
                np.multiply(delta, slope, delta)
                np.matmul(transposed, delta, dW)
                np.add.reduce(delta, 0, None, db)
                if delta_before is not None:
                    np.matmul(delta, W, delta_before)
            return loss, gradients

        return step

    def scalars(self, workload: Scalars) -> Step:
        """Scalars grouped by generation and kind, one ufunc a group: what a patient expert writes."""
        groups = []
        made = workload.leaves
        for kinds, first, second in workload.generations:
            for kind in (ADD, MULTIPLY, TANH):
                (members,) = np.nonzero(kinds == kind)
                if len(members):
                    groups.append((kind, made + members, first[members], second[members]))
            made += len(kinds)
        values, deltas = np.empty(made), np.empty(made)

        def step() -> tuple[float, dict[str, Array]]:
            values[: workload.leaves] = workload.values
            for kind, members, i, j in groups:
                if kind == ADD:
                    values[members] = values[i] + values[j]
                elif kind == MULTIPLY:
                    values[members] = values[i] * values[j]
                else:
                    values[members] = np.tanh(values[i])
            deltas.fill(0)
            deltas[-1] = 1
            for kind, members, i, j in reversed(groups):
                delta = deltas[members]
                if kind == ADD:
                    np.add.at(deltas, i, delta)
                    np.add.at(deltas, j, delta)
                elif kind == MULTIPLY:
                    np.add.at(deltas, i, delta * values[j])
                    np.add.at(deltas, j, delta * values[i])
                else:
                    np.add.at(deltas, i, delta * (1 - values[members] ** 2))
            return float(values[-1]), {"leaves": deltas[: workload.leaves].copy()}

        return step


def weights_and_biases(workload: Layers) -> tuple[list[Array], list[Array]]:
    values = list(workload.parameters.values())
    return values[0::2], values[1::2]


def contestants(threads: int) -> list[Contestant]:
    from tools.benchmark.contestants.products import ProductsAlone

    return [ByHand(), ByHandPreallocated(), ProductsAlone()]
