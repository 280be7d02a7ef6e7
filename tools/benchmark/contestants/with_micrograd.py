"""micrograd: scalars only. Its backward pass recurses, so the benchmark lifts Python's limit."""

import math
from collections.abc import Iterable
from typing import Any

from micrograd.engine import Value
from micrograd.nn import MLP

from tools.benchmark.contestants.contestant import Contestant, Skip, Step
from tools.benchmark.workloads import ADD, MULTIPLY, Demo, Layers, Scalars


def tanh(value: Value) -> Value:
    """What micrograd's own lecture adds: the package has no tanh."""
    a = math.tanh(value.data)
    out = Value(a, (value,), "tanh")

    def backward() -> None:
        value.grad += (1 - a * a) * out.grad

    out._backward = backward
    return out


def differentiate(E: Value, leaves: Iterable[Value]) -> None:
    """Gradients add up between calls unless they are set back."""
    for leaf in leaves:
        leaf.grad = 0
    E.backward()


class Micrograd(Contestant):
    name = "micrograd"
    package = "micrograd"

    def layers(self, workload: Layers) -> Step:
        if workload.batch * sum(value.size for value in workload.parameters.values()) > 100_000:
            raise Skip("a node for each multiplication: too many")
        if set(workload.activations) != {"tanh"}:
            raise Skip("scalars with tanh only")
        weights = {name: as_values(value.tolist()) for name, value in workload.parameters.items()}
        leaves = list(flat(weights.values()))
        X, T = (array.tolist() for array in workload.feeds)

        def step() -> tuple[float, dict[str, Any]]:
            errors = []
            for sample, target in zip(X, T, strict=True):
                a = sample
                for i in range(1, workload.depth + 1):
                    columns = zip(*weights[f"W{i}"], strict=True)
                    a = [
                        tanh(sum((w * x for w, x in zip(column, a, strict=True)), b))
                        for column, b in zip(columns, weights[f"b{i}"], strict=True)
                    ]
                errors += [(y - t) ** 2 for y, t in zip(a, target, strict=True)]
            E = sum(errors) * 0.5
            differentiate(E, leaves)
            return E.data, {name: gradients(values) for name, values in weights.items()}

        return step

    def demo(self, workload: Demo) -> Step:
        """The package's own ``MLP``, which draws other weights: these are put in their place."""
        model = MLP(workload.sizes[0], list(workload.sizes[1:]))
        points, labels = (array.tolist() for array in workload.data)
        first = [value for layer in workload.neurons for neuron in layer for value in neuron]

        def train() -> tuple[float, dict[str, Any]]:
            for p, value in zip(model.parameters(), first, strict=True):
                p.data = value
            for step in range(workload.steps):
                losses = [(1 - t * model(point)).relu() for point, t in zip(points, labels, strict=True)]
                squares = sum(p * p for p in model.parameters())
                E = sum(losses) * (1 / workload.samples) + squares * workload.alpha
                differentiate(E, model.parameters())
                for p in model.parameters():
                    p.data -= workload.learning_rate(step) * p.grad
            trained = [[[p.data for p in neuron.parameters()] for neuron in layer.neurons] for layer in model.layers]
            return E.data, workload.by_layer(trained)

        return train

    def scalars(self, workload: Scalars) -> Step:
        leaves = [Value(value) for value in workload.values.tolist()]
        program = workload.program

        def step() -> tuple[float, dict[str, Any]]:
            nodes = list(leaves)
            for kind, i, j in program:
                if kind == ADD:
                    nodes.append(nodes[i] + nodes[j])
                elif kind == MULTIPLY:
                    nodes.append(nodes[i] * nodes[j])
                else:
                    nodes.append(tanh(nodes[i]))
            differentiate(nodes[-1], leaves)
            return nodes[-1].data, {f"x{i}": leaf.grad for i, leaf in enumerate(leaves)}

        return step


def as_values(numbers: Any) -> Any:
    return [as_values(number) for number in numbers] if isinstance(numbers, list) else Value(numbers)


def flat(nested: Iterable[Any]) -> Iterable[Value]:
    for item in nested:
        if isinstance(item, Value):
            yield item
        else:
            yield from flat(item)


def gradients(nested: Any) -> Any:
    return [gradients(item) for item in nested] if isinstance(nested, list) else nested.grad


def contestants(threads: int) -> list[Contestant]:
    return [Micrograd()]
