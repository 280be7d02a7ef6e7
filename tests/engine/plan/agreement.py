"""What a compiled step is held to: the plain engine's values and error signals, of the same shapes and dtypes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import graphnet as gn
from tests.fuzz.compare import difference, scale

ALLOWED = {"float64": 1e-12, "float32": 2e-5}
"""Difference allowed, of the largest error signal: the two round in another order."""


def assert_agrees(E: gn.Node, feeds: Mapping[Any, Any], step: Any = None, wrt: Sequence[gn.Node] | None = None) -> None:
    """Hold a step, by default a new one, to `backward`: twice, since its memory is used again."""
    bwd = gn.backward(E, feeds)
    step = gn.compile(E, wrt) if step is None else step
    allowed, largest = ALLOWED[bwd[E].dtype.name], scale(bwd)
    expected = bwd.gradients if wrt is None else {bwd.graph.label(node): bwd.error_signal(node) for node in wrt}
    for _ in range(2):
        found = step(feeds)
        loss, grads = found if expected else (found, {})
        assert difference(loss, bwd[E]) <= allowed * max(largest, abs(float(bwd[E])))
        assert grads.keys() == expected.keys()
        for name, gradient in expected.items():
            assert grads[name].dtype == gradient.dtype, name
            assert difference(grads[name], gradient) <= allowed * largest, name


def assert_infers(outputs: Any, feeds: Mapping[Any, Any]) -> None:
    """Hold a step without gradients to `forward`."""
    nodes = outputs if isinstance(outputs, list) else [outputs]
    fwd = gn.forward(outputs, feeds)
    step = gn.compile(outputs, [])
    for _ in range(2):
        found = step(feeds)
        for node, array in zip(nodes, found if isinstance(outputs, list) else [found], strict=True):
            value = fwd[node]
            assert isinstance(array, np.ndarray)
            assert array.dtype == value.dtype
            allowed = ALLOWED.get(value.dtype.name, 0) * max(1.0, float(np.max(np.abs(value), initial=0)))
            assert difference(array * 1, value * 1) <= allowed


class Leaves:
    """Parameters and inputs by name, of random values, with the feeds of the inputs."""

    def __init__(self, seed: int = 0, dtype: Any = float) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.feeds: dict[gn.Node, Any] = {}

    def array(self, *shape: int) -> Any:
        """Return random numbers."""
        return self.rng.uniform(-1, 1, shape).astype(self.dtype)

    def parameter(self, name: str, *shape: int) -> gn.Node:
        """Return a parameter of that shape."""
        return gn.parameter(name, self.array(*shape))

    def input(self, name: str, *shape: int) -> gn.Node:
        """Return an input, its first size unknown until fed, and remember a feed of that shape."""
        node = gn.input(name, (None, *shape[1:]) if shape else ())
        self.feeds[node] = self.array(*shape)
        return node


def mlp(leaves: Leaves, batch: int, widths: Sequence[int], activation: Any = gn.tanh, loss: Any = gn.sse) -> gn.Node:
    """Return the loss of a network x, W1, b1, W2, b2 …, t with these layer widths, the input's first."""
    a = leaves.input("x", batch, widths[0])
    for i, (inputs, units) in enumerate(pairwise(widths), 1):
        scale = inputs**-0.5
        W = gn.parameter(f"W{i}", (leaves.array(inputs, units) * scale).astype(leaves.dtype))
        a = a @ W + leaves.parameter(f"b{i}", units)
        if i < len(widths) - 1:
            a = activation(a)
    return loss(a, leaves.input("t", batch, widths[-1]), name="E")
