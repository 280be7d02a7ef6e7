import sys
from typing import NamedTuple

import pytest

from graphnet.cli import main

NET = """
import numpy as np
import graphnet as gn

X = np.random.default_rng(0).normal(size=(8, 2))
T = X @ [[2.0], [-3.0]]


def loss():
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    with gn.scope("layer"):
        a = gn.bias_add(x @ gn.parameter("W", [[0.5], [0.25]]), gn.parameter("b", np.zeros(1)), name="a")
    return gn.sse(a, t, name="E")


def network():
    return loss(), {"x": X, "t": T}


def ready():
    return *network(), {"optimizer": gn.GradientDescent(0.05), "epochs": 30}


def remembering():
    return *network(), {"optimizer": gn.Adam(0.05)}
"""


class Outcome(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder of its own, which holds net.py."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")

    def command(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return command


@pytest.fixture
def script(tmp_path):
    """Write a Python file."""

    def write(text, name="user.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write
