"""Random networks with an op under test in their middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphnet as gn

Array = np.ndarray[Any, Any]


def random_network(op: Any, arguments: Sequence[Array], rng: np.random.Generator, *, plain: bool = False) -> gn.Node:
    """Return the loss of a network in which the op, called 'tested', is given these arguments.

    With `plain` they are its parameters, else what a random layer before makes of parameters. Integers are constants.
    """
    inputs = [
        gn.constant(x, dtype=int)
        if x.dtype.kind == "i"
        else gn.parameter(f"p{i}", x)
        if plain
        else before(gn.parameter(f"p{i}", x), rng)
        for i, x in enumerate(arguments)
    ]
    return behind(op(*inputs, name="tested"), rng)


def before(p: gn.Node, rng: np.random.Generator) -> gn.Node:
    """Return the same kind of numbers, after an op or two; positive ones stay positive."""
    choices = [
        lambda: p,
        lambda: p * 1.25,
        lambda: p / gn.constant(rng.uniform(0.8, 1.2, p.shape)),
        lambda: p * gn.exp(gn.parameter(f"{p.name} scale", rng.normal(size=p.shape) / 5)),
        lambda: gn.multiply(p, 0.5) + gn.multiply(p, 0.75),
    ]
    return choices[rng.integers(len(choices))]()


def behind(h: gn.Node, rng: np.random.Generator) -> gn.Node:
    """Return a loss that depends on every entry of `h`."""

    def numbers(*shape):
        return gn.constant(rng.normal(size=shape))

    choices = [
        lambda: gn.sse(h, numbers(*h.shape), name="E"),
        lambda: gn.mse(gn.tanh(h), numbers(*h.shape), name="E"),
        lambda: gn.sum(h * numbers(*h.shape), name="E"),
        lambda: gn.add(gn.sum(np.sin(h)), gn.mean(h * h), name="E"),
    ]
    if len(h.shape) == 2:
        W = gn.parameter("W", rng.normal(size=(h.shape[1], 3)))
        choices += [
            lambda: gn.sse(gn.sigmoid(h @ W), numbers(h.shape[0], 3), name="E"),
            lambda: gn.cross_entropy(h @ W, gn.constant(np.eye(3)[rng.integers(0, 3, h.shape[0])]), name="E"),
        ]
    return choices[rng.integers(len(choices))]()
