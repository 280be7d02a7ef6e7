"""How the cost of what graphnet does grows with the size of a graph: ``python -m tools.growth --size 10000``.

For each shape of graph and each public function: seconds at each size, and the exponent of growth over the last sizes.
A series ends at the first run of more than a few seconds. What grows faster than size ** 1.2 comes first; then the exit
code is 1.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

import graphnet as gn

GOAL, LONGEST_RUN = 1.2, 4.0


def chain(n):
    y = gn.parameter("w", np.ones(2))
    for _ in range(n):
        y = gn.tanh(y)
    return gn.sum(y)


def fan_out(n):
    h = gn.tanh(gn.parameter("w", np.ones(1)))
    return gn.sum(gn.concatenate([gn.tanh(h) for _ in range(n)]))


def fan_in(n):
    return gn.sum(gn.concatenate([gn.parameter("w", np.ones(1))] * n))


def wide(n):
    w = gn.parameter("w", np.ones(1))
    return gn.sum(gn.concatenate([gn.tanh(gn.exp(w * float(i % 7))) for i in range(n // 3)]))


def scalars(n):
    w = gn.parameter("w", 0.01)
    y = w * w
    for _ in range(n // 2):
        y = gn.tanh(y + w)
    return y


def scopes(n):
    y = gn.parameter("w", np.ones(2))
    for i in range(n // 2):
        with gn.scope(f"layer_{i}"):
            y = gn.tanh(y * 1.5, name="a")
    return gn.sum(y)


def many_inputs(n):
    return gn.sum(gn.concatenate([gn.input(f"x{i}", shape=(1,)) for i in range(n)]) * gn.parameter("w", np.ones(n)))


def many_parameters(n):
    return gn.sum(gn.concatenate([gn.parameter(f"w{i}", np.ones(1)) for i in range(n)]))


SHAPES = {f.__name__: f for f in (chain, fan_out, fan_in, wide, scalars, scopes, many_inputs, many_parameters)}


class Case:
    """A graph with what the functions need beside it, made before anything is measured."""

    def __init__(self, shape: str, size: int) -> None:
        self.make = lambda: SHAPES[shape](size)
        self.E = self.make()
        self.graph = gn.Graph(self.E)
        self.feeds = {node: np.ones(node.shape) for node in self.graph.inputs}
        self.w = self.graph.parameters[0]
        self.fwd, self.bwd = gn.forward(self.E, self.feeds), gn.backward(self.E, self.feeds)
        self.path = tempfile.mkdtemp() + "/net.gn"
        gn.save(self.path, self.E)
        self.step = gn.compile(self.E)


def compiled(case):
    step = gn.compile(case.E)
    step(case.feeds)
    return step.explain()


FUNCTIONS: dict[str, Callable[[Case], object]] = {
    "build": lambda c: c.make(),
    "Graph": lambda c: gn.Graph(c.E),
    "forward": lambda c: gn.forward(c.E, c.feeds),
    "backward": lambda c: gn.backward(c.E, c.feeds),
    "gradients": lambda c: gn.gradients(c.E, [c.w]),
    "compile": compiled,
    "derive": lambda c: str(gn.derive(c.E, c.w)),
    "explain": lambda c: str(gn.explain(c.bwd, c.w)),
    "diagnose": lambda c: str(gn.diagnose(c.bwd)),
    "draw of graph": lambda c: str(gn.draw(c.graph)),
    "draw of pass": lambda c: str(gn.draw(c.bwd)),
    "save": lambda c: gn.save(c.path, c.E),
    "load": lambda c: gn.load(c.path),
    "load_parameters": lambda c: gn.load_parameters(c.path, c.E),
    "print": lambda c: (str(c.graph), repr(c.fwd), repr(c.bwd)),
}


def exponent(shape: str, what: str, sizes: list[int]) -> float:
    """Return the exponent by which calls of functions grow, Python's and C's: the same in every run."""
    counts = []
    for size in sizes:
        case, count = Case(shape, size), 0

        def profile(frame, event, arg):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            FUNCTIONS[what](case)
        finally:
            sys.setprofile(None)
        counts.append(count)
    return slope(sizes, counts)


def slope(sizes, costs) -> float:
    """Return the slope of log cost over log size, between the last two sizes."""
    return math.log(costs[-1] / costs[-2]) / math.log(sizes[-1] / sizes[-2]) if len(costs) > 1 else math.nan


def series(shape: str, what: str, sizes: list[int]) -> tuple[float, str]:
    """Measure one function on one shape; return the exponent, and the line that tells it."""
    costs: list[float] = []
    for size in sizes:
        case = Case(shape, size)
        start = time.perf_counter()
        try:
            FUNCTIONS[what](case)
        except Exception as error:
            return math.inf, f"{shape:16}{what:16} {size:,} nodes: {type(error).__name__}"
        costs.append(time.perf_counter() - start)
        if costs[-1] > LONGEST_RUN:
            break
    grows = slope(sizes, costs)
    return grows, f"{shape:16}{what:16}{grows:6.2f}   " + "  ".join(f"{cost:.3f}" for cost in costs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000, help="the largest number of nodes")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--only", choices=FUNCTIONS, action="append")
    options = parser.parse_args()
    sizes = [size for size in (1_000, 3_000, 10_000, 30_000, 100_000) if size <= options.size]
    found = [series(s, f, sizes) for s in options.shape or SHAPES for f in options.only or FUNCTIONS]
    found.sort(key=lambda pair: -pair[0])
    print(f"{'graph':16}{'function':16}growth   seconds at {', '.join(f'{size:,}' for size in sizes)} nodes")
    print("\n".join(line for _, line in found))
    return int(any(grows > GOAL for grows, _ in found))


if __name__ == "__main__":
    sys.exit(main())
