"""A small network with all that can be made of it, and another one."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

import graphnet as gn


class World:
    """Everything that right calls need; made anew for each call, since some calls change it."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.X, self.T = self.rng.normal(size=(4, 3)), self.rng.normal(size=(4, 2))
        self.x, self.t = gn.input("x", shape=(None, 3)), gn.input("t", shape=(None, 2))
        self.W, self.b = gn.parameter("W", self.rng.normal(size=(3, 2))), gn.parameter("b", np.zeros(2))
        self.a = gn.tanh(self.x @ self.W + self.b, name="a")
        self.E = gn.sse(self.a, self.t, name="E")
        self.graph = gn.Graph(self.E)
        self.feeds = {self.x: self.X, self.t: self.T}
        self.positions = gn.input("i", shape=(None,), dtype=int)
        self.images = gn.input("images", shape=(None, 2, 5, 5))
        self.step = gn.compile(self.E)

    @property
    def forward(self):
        return gn.forward(self.E, self.feeds)

    @property
    def backward(self):
        return gn.backward(self.E, self.feeds)


@cache
def other():
    """Return a network that no call is about."""
    return World()


@cache
def report():
    return gn.check_op(gn.tanh, np.array([0.5, 1.0]))


@cache
def history():
    return gn.History(loss=[2.0, 1.0], validation_loss=[], metrics={"m": [1.0, 2.0]}, seconds=[1.0, 1.0])


@cache
def folder():
    """Return a folder with files to load."""
    path = Path(mkdtemp(prefix="graphnet-mistakes-"))
    gn.save(path / "net.gn", other().E, state={"step": 1})
    return path
