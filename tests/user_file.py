"""A user's file, with types: noxfile.py shows it to mypy --strict and to pyright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import graphnet as gn

Numbers = npt.NDArray[np.floating[Any]]


@gn.op
def swish(z: Any) -> Any:
    return z / (1 + np.exp(-z))


@swish.backward
def swish_backward(delta: Any, a: Any, z: Any) -> Any:
    return delta * (a + (1 - a) / (1 + np.exp(-z)))


@dataclass(frozen=True)
class Threshold(gn.Op):
    at: float = 1.0

    def forward(self, z: Any) -> Any:
        return np.where(z > self.at, z, 0)

    def backward(self, delta: Any, a: Any, z: Any) -> Any:
        return np.where(z > self.at, delta, 0)

    def shape(self, z: Any) -> Any:
        return z


class Patient(gn.Callback):
    def __call__(self, training: gn.Training) -> None:
        if training.history.loss[-1] < 0.01:
            training.stop("good enough")


def network(rng: np.random.Generator) -> gn.Node:
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    W = gn.parameter("W", rng.normal(size=(2, 1)))
    hidden: gn.Node = gn.tanh(x @ W, name="a")
    E: gn.Node = gn.sse(swish(hidden), t, name="E")
    return E


def train(E: gn.Node, X: Numbers, T: Numbers) -> float:
    graph = gn.Graph(E)
    feeds = {"x": X, "t": T}
    bwd: gn.BackwardPass = gn.backward(graph, feeds)
    gradients: dict[str, Any] = dict(bwd.gradients)
    report: gn.Report = gn.check_gradients(E, feeds)
    report.raise_if_failed()
    history: gn.History = gn.fit(E, feeds, optimizer=gn.Adam(0.01), epochs=3, callbacks=[Patient()])
    gn.draw(bwd).save("net.svg")
    print(sorted(gradients), gn.derive(E, graph.parameters[0]))
    return history.loss[-1]


def wrong() -> None:
    gn.input(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
