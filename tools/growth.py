"""How the cost of what graphnet does grows with the size of a graph: ``python -m tools.growth``.

For each shape of graph and each public function: seconds at each size, and the exponent of growth over the last tenfold
of sizes. Seconds are of the processor, the least of several runs, each on a graph made anew. A series ends before a run
that would take long; the table shows where. What grows faster than its ceiling comes first, and so does what was too slow to be
measured at two sizes; then the exit code is 1. Also: whether each function gets by with a stack of 200 frames more.
"""

from __future__ import annotations

import argparse
import copy
import gc
import math
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

import graphnet as gn

CEILING = 1.2
CEILINGS = {
    "check_gradients": 2.2,  # one run of the graph for each entry that is compared
    "draw as svg": 2.2,  # Graphviz places the boxes; however large the graph, there are a few hundred
}
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
SMALL = (100, 300)
SLOW = ("check one leaf", "plot of report")
"""What begins with small sizes, as does what has a ceiling of its own."""
LONGEST_RUN, ENOUGH, RUNS = 40.0, 0.5, 5
TICK = 0.02
"""Less counts as this much: clocks of the processor's time are coarse."""
DEEPEST, FRAMES = 5_000, 200


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

    @cached_property
    def E(self):
        return self.make()

    @cached_property
    def graph(self):
        return gn.Graph(self.E)

    @cached_property
    def feeds(self):
        return {node: np.ones(node.shape) for node in self.graph.inputs}

    @cached_property
    def w(self):
        return self.graph.parameters[0]

    @cached_property
    def fwd(self):
        return gn.forward(self.E, self.feeds)

    @cached_property
    def bwd(self):
        return gn.backward(self.E, self.feeds)

    @cached_property
    def step(self):
        step = gn.compile(self.E)
        step(self.feeds)
        return step

    @cached_property
    def file(self):
        path = tempfile.mkdtemp() + "/net.gn"
        gn.save(path, self.E)
        return path

    @cached_property
    def pickled(self):
        return pickle.dumps(self.bwd)

    @cached_property
    def network(self):
        return self.graph.to_networkx()

    @cached_property
    def report(self):
        """A finding for each node; what they say is one gradient's."""
        w = gn.parameter("w", 1.0)
        report = gn.check_gradients(gn.tanh(w), {})
        nodes = [(node, self.graph.label(node)) for node in self.graph if node.op is not None]
        findings = [replace(report.findings[0], node=node, label=label) for node, label in nodes]
        return replace(report, graph=self.graph, findings=tuple(findings), properties=())


def fit(E, feeds):
    return gn.fit(E, feeds, epochs=2, batch_size=None, optimizer=gn.Adam(1e-3), on_nonfinite="raise", progress=False)


def check(E, feeds):
    return str(gn.check_gradients(E, feeds))


def every_text(derivation):
    return derivation.text, derivation.latex, derivation.mathml


Function = tuple[Callable[[Case], tuple[Any, ...]], Callable[..., Any]]
FUNCTIONS: dict[str, Function] = {
    "build": (lambda c: (c.make,), lambda make: make()),
    "Graph": (lambda c: (c.E,), gn.Graph),
    "labels": (lambda c: (c.graph, c.E), lambda graph, E: (graph.label(E), graph.consumers(E))),
    "forward": (lambda c: (c.E, c.feeds), gn.forward),
    "backward": (lambda c: (c.E, c.feeds), gn.backward),
    "gradients": (lambda c: (c.E, [c.w]), gn.gradients),
    "compile": (lambda c: (c.E, c.feeds), lambda E, feeds: gn.compile(E)(feeds)),
    "run compiled": (lambda c: (c.step, c.feeds), lambda step, feeds: step(feeds)),
    "explain compiled": (lambda c: (c.step,), lambda step: step.explain()),
    "fit": (lambda c: (c.E, c.feeds), fit),
    "inference": (lambda c: (c.E,), gn.inference),
    "dropout_masks": (lambda c: (c.E,), lambda E: gn.dropout_masks(E, 3, np.random.default_rng(0))),
    "check_gradients": (lambda c: (c.E, c.feeds), check),
    "check one leaf": (lambda c: (c.E, c.feeds, c.w), lambda E, x, w: gn.check_gradients(E, x, wrt=w, entries=1)),
    "step_curve": (lambda c: (c.E, c.feeds, c.w), lambda E, x, w: gn.step_curve(E, x, w, 0 if w.shape else ())),
    "print of report": (lambda c: (c.report,), lambda report: (str(report), report.to_json())),
    "plot of report": (lambda c: (c.report,), lambda report: report.plot()),
    "derive": (lambda c: (c.E, c.w), lambda E, w: every_text(gn.derive(E, w))),
    "explain": (lambda c: (c.bwd, c.w), lambda bwd, w: str(gn.explain(bwd, w))),
    "diagnose": (lambda c: (c.bwd,), lambda bwd: str(gn.diagnose(bwd))),
    "signal_norms": (lambda c: (c.bwd, c.E), lambda bwd, E: gn.plots.signal_norms([bwd, bwd], [E])),
    "histograms": (lambda c: (c.bwd, [c.w]), gn.plots.gradient_histograms),
    "draw of graph": (lambda c: (c.graph,), lambda graph: gn.draw(graph).to_dot()),
    "draw of pass": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_mermaid()),
    "draw of report": (lambda c: (c.report,), lambda report: gn.draw(report).to_text()),
    "draw as svg": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_svg()),
    "draw as page": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_html()),
    "save": (lambda c: (c.file, c.E), gn.save),
    "save_parameters": (lambda c: (c.file, c.E), gn.save_parameters),
    "load": (lambda c: (c.file,), gn.load),
    "load_parameters": (lambda c: (c.file, c.E), gn.load_parameters),
    "to_networkx": (lambda c: (c.graph,), gn.Graph.to_networkx),
    "from_networkx": (lambda c: (c.network,), gn.Graph.from_networkx),
    "pickle": (lambda c: (c.graph, c.bwd, c.step), lambda *whats: [pickle.dumps(what) for what in whats]),
    "unpickle": (lambda c: (c.pickled,), pickle.loads),
    "copy": (lambda c: (c.graph, c.bwd), lambda graph, bwd: (copy.copy(bwd), copy.deepcopy(graph))),
    "print": (lambda c: (c.graph, c.fwd, c.bwd), lambda graph, fwd, bwd: (str(graph), repr(fwd), repr(bwd))),
}


def operations(shape: str, what: str, size: int) -> int:
    """Return how many operations of Python's one call takes: the same in every run, and loops without a call count."""
    prepare, function = FUNCTIONS[what]
    arguments, count = prepare(Case(shape, size)), 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "opcode"
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count


def seconds(shape: str, what: str, size: int) -> float:
    """Return the processor time of one call, the least of several, each on a graph of its own."""
    prepare, function = FUNCTIONS[what]
    least = spent = math.inf
    for run in range(RUNS):
        arguments = prepare(Case(shape, size))
        gc.collect()
        start = time.process_time()
        function(*arguments)
        took = time.process_time() - start
        least, spent = min(least, took), took if run == 0 else spent + took
        if spent > ENOUGH:
            break
    return least


def exponent(sizes: list[int], costs: list[float]) -> float:
    """Return the slope of log cost over log size, by least squares over the last tenfold; infinite if there is one size.

    Over a tenfold, as the step from one size to the next also shows where a cache is full.
    """
    known = list(zip(sizes[: len(costs)], costs, strict=True))
    last = [(math.log(size), math.log(max(cost, TICK))) for size, cost in known if size * 10 >= known[-1][0]]
    return float(np.polyfit(*zip(*last, strict=True), 1)[0]) if len(last) > 1 else math.inf


def series(shape: str, what: str, sizes: list[int]) -> tuple[float, str]:
    """Measure one function on one shape; return by how much it grows too fast, and the line that tells it."""
    costs: list[float] = []
    ceiling = CEILINGS.get(what, CEILING)
    if what in CEILINGS or what in SLOW:
        sizes = [*SMALL, *sizes]
    for i, size in enumerate(sizes):
        if i and costs[-1] * (size / sizes[i - 1]) ** ceiling > LONGEST_RUN:
            break
        try:
            costs.append(seconds(shape, what, size))
        except Exception as error:
            return math.inf, f"{shape:16}{what:17} {size:,} nodes: {type(error).__name__}: {str(error)[:200]}"
    grows = exponent(sizes, costs)
    measured = "  ".join(f"{size:,}: {cost:.4f}" for size, cost in zip(sizes, costs, strict=False))
    return grows - ceiling, f"{shape:16}{what:17}{grows:6.2f}   {measured}"


def too_deep(what: str) -> str:
    """Run one function on a chain with few frames to spare; return what it raised."""
    prepare, function = FUNCTIONS[what]
    arguments = prepare(Case("chain", DEEPEST))
    function(*prepare(Case("chain", 3)))  # imports what it needs
    limit, frame, depth = sys.getrecursionlimit(), sys._getframe(), 0
    while frame := frame.f_back:
        depth += 1
    sys.setrecursionlimit(depth + FRAMES)
    try:
        function(*arguments)
    except RecursionError as error:
        return f"{what:17} recursion on a chain of {DEEPEST:,} nodes: {error}"
    finally:
        sys.setrecursionlimit(limit)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZES[-1], help="the largest number of nodes")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--only", choices=FUNCTIONS, action="append")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= options.size]
    functions = options.only or list(FUNCTIONS)
    deep = list(filter(None, map(too_deep, functions)))
    found = []
    for shape in options.shape or SHAPES:
        for what in functions:
            found.append(series(shape, what, sizes))
            print(found[-1][1], file=sys.stderr, flush=True)
    found.sort(key=lambda pair: -pair[0])
    print(*deep, sep="\n")
    print(f"{'graph':16}{'function':17}growth   nodes: seconds")
    print("\n".join(line for _, line in found))
    return int(bool(deep) or any(over > 0 for over, _ in found))


if __name__ == "__main__":
    sys.exit(main())
