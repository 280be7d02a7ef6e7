"""What is timed: each workload as plain data and arrays, the same for every contestant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Activation = Literal["tanh", "sigmoid"]

ADD, MULTIPLY, TANH = range(3)


@dataclass(frozen=True)
class Layers:
    """One step of a fully connected network: E = ½ Σ (a − t)², a of each layer = g(a of the last @ W + b)."""

    name: str
    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    batch: int
    dtype: Any = np.float64
    square: bool = False
    """All layers of one size with orthogonal weights: signals stay in range (no denormals) at any depth."""

    @property
    def title(self) -> str:
        shape = f"{self.depth:,} × ({self.sizes[0]}→{self.sizes[1]})" if self.square else "-".join(map(str, self.sizes))
        kinds = ", ".join(dict.fromkeys(self.activations))
        return f"{shape} {kinds}, batch {self.batch}, {np.dtype(self.dtype).name}"

    @property
    def depth(self) -> int:
        return len(self.sizes) - 1

    @property
    def tolerance(self) -> float:
        """Largest difference allowed: a thousand-term sum is rounded to about √1000 eps, and layers add to it."""
        return 1e-8 if np.dtype(self.dtype) == np.float64 else 2e-3

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """{"W1": array, "b1": array, ...} in the order of the layers."""
        rng = np.random.default_rng(1)
        values = {}
        for layer, (rows, columns) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), start=1):
            if self.square:
                W, b = np.linalg.qr(rng.normal(size=(rows, columns)))[0], np.zeros(columns)
            else:
                limit = np.sqrt(6 / (rows + columns))
                W, b = rng.uniform(-limit, limit, (rows, columns)), rng.normal(scale=0.1, size=columns)
            values[f"W{layer}"], values[f"b{layer}"] = W.astype(self.dtype), b.astype(self.dtype)
        return values

    @cached_property
    def feeds(self) -> tuple[Array, Array]:
        """Inputs and targets."""
        rng = np.random.default_rng(2)
        X, T = rng.normal(size=(self.batch, self.sizes[0])), rng.uniform(0.1, 0.9, (self.batch, self.sizes[-1]))
        return X.astype(self.dtype), T.astype(self.dtype)

    def prepare(self) -> None:
        """Make the arrays, so that no contestant's first call pays for them."""
        self.parameters, self.feeds  # noqa: B018

    def arrays(self, gradients: Mapping[str, Any]) -> dict[str, Array]:
        """Return gradients by parameter as NumPy arrays; stacks of all layers ("W", "b") are taken apart."""
        if "W" not in gradients:
            return {name: np.asarray(gradients[name]) for name in self.parameters}
        stacks = {kind: np.asarray(gradients[kind]) for kind in "Wb"}
        return {name: stacks[name[0]][int(name[1:]) - 1] for name in self.parameters}


@dataclass(frozen=True)
class Scalars:
    """One step of a graph of scalar nodes: first the leaves, then generations, then a tree of adds down to E.

    Each node takes its first input from the generation before, each of which is taken once, so that all nodes count; its
    second from all earlier nodes. The kinds +, × and tanh are equally likely.
    """

    name: str
    nodes: int
    width: int
    leaves: int
    tolerance: float = 1e-8

    @property
    def title(self) -> str:
        return f"{self.nodes:,} scalar nodes (+, ×, tanh) in {self.nodes // self.width:,} generations"

    @cached_property
    def values(self) -> Array:
        """The values of the leaves."""
        return np.random.default_rng(1).uniform(-1, 1, self.leaves)

    @cached_property
    def generations(self) -> list[tuple[Array, Array, Array]]:
        """For each generation its nodes' kinds, first inputs, second inputs: numbers of nodes, leaves counted first."""
        rng = np.random.default_rng(2)
        made, last = self.leaves, np.arange(self.leaves)
        generations = []
        for _ in range(self.nodes // self.width):
            first = rng.permutation(np.resize(last, max(self.width, len(last))))[: self.width]
            generations.append((rng.integers(0, 3, self.width), first, rng.integers(0, made, self.width)))
            last = np.arange(made, made + self.width)
            made += self.width
        while len(last) > 1:
            half = len(last) // 2
            generations.append((np.full(half, ADD), last[:half], last[half : 2 * half]))
            last = np.concatenate([np.arange(made, made + half), last[2 * half :]])
            made += half
        return generations

    @cached_property
    def program(self) -> list[tuple[int, int, int]]:
        """(kind, first input, second input) of each node, as Python numbers."""
        return [
            (int(kind), int(first), int(second))
            for generation in self.generations
            for kind, first, second in zip(*generation, strict=True)
        ]

    def prepare(self) -> None:
        self.values, self.program  # noqa: B018

    def arrays(self, gradients: Mapping[str, Any]) -> dict[str, Array]:
        """Return the gradients of all leaves as one vector: each alone may be small by cancellation."""
        if "leaves" in gradients:
            return {"leaves": np.asarray(gradients["leaves"])}
        return {"leaves": np.array([float(gradients[f"x{i}"]) for i in range(self.leaves)])}


@dataclass(frozen=True)
class Training:
    """Stochastic gradient descent on scikit-learn's digits, from the same weights, in the same shuffled order.

    A step here is the whole training; instead of gradients it hands out the trained parameters. Each contestant shuffles
    with ``rng(0).permutation(samples)`` in each epoch, takes a last, smaller mini-batch, and keeps the mean loss of each
    epoch, weighted by samples. The loss handed out is that of the last epoch.
    """

    name: str
    network: Layers
    epochs: int
    learning_rate: float = 0.02
    tolerance: float = 1e-7
    """Rounding differences grow a little over the steps."""

    @property
    def title(self) -> str:
        return f"training: digits {self.network.title}, {self.epochs} epochs"

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Images with pixels in 0 to 1, and one-hot targets."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.data / 16.0, np.eye(10)[digits.target]

    def prepare(self) -> None:
        self.network.parameters, self.data  # noqa: B018

    def arrays(self, parameters: Mapping[str, Any]) -> dict[str, Array]:
        return {name: np.asarray(parameters[name]) for name in self.network.parameters}


@dataclass(frozen=True)
class Demo:
    """micrograd's own demo: two moons, a network of scalar nodes, hinge loss and L2, and 100 steps of gradient descent.

    E = mean of max(0, 1 − t·score) + alpha Σ p², over all samples and parameters p; neurons are rectified but for the last.
    A step here is the whole training. Scalars stay scalars: a node for each product, sum and rectification of each sample.
    Who builds graph once builds it when set up, which "first call" counts; micrograd has no other way than to build it anew
    in each step. Handed out are the trained parameters, and the loss before the last update.
    """

    name: str = "W7"
    samples: int = 100
    sizes: tuple[int, ...] = (2, 16, 16, 1)
    steps: int = 100
    alpha: float = 1e-4
    tolerance: float = 1e-8

    @property
    def title(self) -> str:
        shape = "-".join(map(str, self.sizes))
        return f"training: two moons of {self.samples}, {shape} of scalar nodes, relu, hinge loss, {self.steps} steps"

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """{"W1": array, "b1": array, ...} in the order of the layers."""
        rng = np.random.default_rng(1)
        values = {}
        for layer, (rows, columns) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), start=1):
            values[f"W{layer}"], values[f"b{layer}"] = rng.uniform(-1, 1, (rows, columns)), np.zeros(columns)
        return values

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Points on two half circles that reach into each other, with noise, and ±1 for which of them."""
        rng = np.random.default_rng(2)
        angles = np.linspace(0, np.pi, self.samples // 2)
        outer = np.column_stack([np.cos(angles), np.sin(angles)])
        points = np.concatenate([outer, [1, 0.5] - outer])
        return points + rng.normal(scale=0.1, size=points.shape), np.repeat([-1.0, 1.0], self.samples // 2)

    @property
    def neurons(self) -> list[list[list[float]]]:
        """For each layer and neuron the first values of its weights, and behind them of its bias."""
        arrays = list(self.parameters.values())
        return [np.vstack([W, b]).T.tolist() for W, b in zip(arrays[0::2], arrays[1::2], strict=True)]

    def by_layer(self, neurons: list[list[list[float]]]) -> dict[str, Array]:
        """Return weights and biases of neurons as arrays."""
        joined = [np.array(layer).T for layer in neurons]
        return {
            name: array
            for layer, Wb in enumerate(joined, start=1)
            for name, array in ((f"W{layer}", Wb[:-1]), (f"b{layer}", Wb[-1]))
        }

    def learning_rate(self, step: int) -> float:
        """Return the rate of a step, counted from 0."""
        return 1 - 0.9 * step / self.steps

    def prepare(self) -> None:
        self.parameters, self.data  # noqa: B018

    def arrays(self, parameters: Mapping[str, Any]) -> dict[str, Array]:
        return {name: np.asarray(parameters[name]) for name in self.parameters}


@dataclass(frozen=True)
class Curvature:
    """One Hessian-vector product H v of a network's E in its parameters, for a direction v that is fed.

    Handed out are the arrays of H v by parameter, and as E the slope of E along v.
    """

    name: str
    network: Layers

    @property
    def title(self) -> str:
        return f"Hessian-vector product: {self.network.title}"

    @property
    def tolerance(self) -> float:
        return self.network.tolerance

    @cached_property
    def direction(self) -> dict[str, Array]:
        """v by parameter."""
        rng = np.random.default_rng(3)
        return {
            name: rng.normal(size=value.shape).astype(value.dtype) for name, value in self.network.parameters.items()
        }

    def prepare(self) -> None:
        self.network.prepare()
        self.direction  # noqa: B018

    def arrays(self, products: Mapping[str, Any]) -> dict[str, Array]:
        return {name: np.asarray(products[name]) for name in self.network.parameters}


@dataclass(frozen=True)
class Convolution:
    """One step of E = Σ c ⊙ conv2d(x, W) with gradients by the images x and the kernels W, padded so that sizes stay."""

    name: str = "conv"
    batch: int = 32
    channels: int = 16
    size: int = 28
    kernel: int = 3
    dtype: Any = np.float32
    tolerance: float = 2e-3

    @property
    def title(self) -> str:
        sizes = f"{self.channels} channels of {self.size}×{self.size}, kernels {self.kernel}×{self.kernel}"
        return f"conv2d: {sizes}, batch {self.batch}, {np.dtype(self.dtype).name}"

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """The images and the kernels, channels first."""
        rng = np.random.default_rng(1)
        x = rng.normal(size=(self.batch, self.channels, self.size, self.size))
        W = rng.normal(size=(self.channels, self.channels, self.kernel, self.kernel)) / self.kernel**2
        return {"x": x.astype(self.dtype), "W": W.astype(self.dtype)}

    @cached_property
    def weights(self) -> Array:
        """The error signal of the convolution."""
        shape = self.batch, self.channels, self.size, self.size
        return np.random.default_rng(2).normal(size=shape).astype(self.dtype)

    def prepare(self) -> None:
        self.parameters, self.weights  # noqa: B018

    def arrays(self, gradients: Mapping[str, Any]) -> dict[str, Array]:
        return {name: np.asarray(gradients[name]) for name in self.parameters}


@dataclass(frozen=True)
class Check:
    """A full check of all gradients by finite differences, in float64, every entry of every parameter.

    graphnet checks each rule alone besides, and the properties of each. A contestant raises if it finds a gradient wrong.
    """

    name: str
    network: Layers
    tolerance: float = 0.0

    @property
    def title(self) -> str:
        count = sum(value.size for value in self.network.parameters.values())
        return f"gradient check: {self.network.title}, {count:,} parameters"

    def prepare(self) -> None:
        self.network.prepare()

    def arrays(self, gradients: Mapping[str, Any]) -> dict[str, Array]:
        return {}


Workload = Layers | Scalars | Training | Demo | Curvature | Convolution | Check


@dataclass(frozen=True)
class Sizes:
    """How large the workloads that have a choice are."""

    layers: tuple[int, ...] = (1_000,)
    wide: tuple[int, ...] = (100_000, 1_000_000)
    deep: tuple[int, ...] = (100_000,)
    batch: int = 1024
    epochs: int = 10
    steps: int = 100
    names: tuple[str, ...] = field(default=("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "conv", "check"))


QUICK = Sizes(wide=(10_000,), deep=(10_000,), batch=64, epochs=2, steps=5)


def workloads(sizes: Sizes) -> list[Workload]:
    """Return the workloads asked for."""
    small = Layers("W1", (2, 16, 16, 1), ("tanh",) * 3, 32)
    middle = Layers("W6", (64, 64, 10), ("tanh", "sigmoid"), 32)
    large = Layers("W2", (784, 256, 128, 10), ("sigmoid", "tanh", "sigmoid"), 128, np.float32)
    every: list[Workload] = [
        small,
        large,
        Layers("W3", (1024, 2048, 2048, 1000), ("tanh",) * 3, sizes.batch, np.float32),
        *(Layers("W4", (32,) * (n + 1), ("tanh",) * n, 8, square=True) for n in sizes.layers),
        *(Scalars("W5 wide", n, max(n // 100, 1), min(1000, max(n // 100, 1))) for n in sizes.wide),
        *(Scalars("W5 deep", n, 10, 10) for n in sizes.deep),
        Training("W6", middle, sizes.epochs),
        Demo(steps=sizes.steps),
        *(Curvature("W8", network) for network in (small, middle, large)),
        Convolution(),
        Check("check", Layers("check", (2, 16, 16, 1), ("tanh",) * 3, 32)),
        Check("check", Layers("check", (64, 64, 10), ("tanh",) * 2, 16)),
    ]
    return [workload for workload in every if workload.name.split()[0] in sizes.names]
