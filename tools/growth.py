"""How the cost of what graphnet does grows with the size of a graph.

    python -m tools.growth      prints a line for each function and shape, and writes docs/growth.md

For each shape of graph and each public function that reads a graph: seconds at each size, and the exponent of growth over the
last tenfold of sizes. Seconds are of the processor, the least of several runs, each on a graph made anew, with Python's
collector of garbage at work. Each series has a process of its own, and ends before a run that would take long. What grows
faster than its ceiling, raises or was too slow to be measured at two sizes makes the exit code 1, and so does a function
that needs a stack deeper than 200 frames more.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gc
import json
import math
import os
import pickle
import platform
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import graphnet as gn

CEILING = 1.2
CEILINGS = {
    "check_gradients": 2.2,  # one run of the graph for each entry that is compared
    "draw as svg": 2.2,  # Graphviz places the boxes; however large the graph, there are a few hundred
}
CEILINGS_OF_JOINED = {"check one leaf": 2.2}
"""Where one node joins n others, its rule is run for each input that is compared, and each run reads n inputs."""
JOINED = ("fan_out", "fan_in", "wide", "many_inputs", "many_parameters")
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
SMALL = (100, 300)
SLOW = ("check one leaf", "plot of report")
"""What begins with small sizes, as does what has a ceiling of its own."""
LONGEST_RUN, ENOUGH, RUNS = 60.0, 0.5, 5
"""Seconds: what a run may take, and all runs at one size need not exceed, ten times that with what prepares them."""
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


def layers(n):
    """The ninth shape: a deep network, which alone has a picture of units."""
    x, t, rng = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 2)), np.random.default_rng(0)
    return gn.sse(gn.layers.mlp(x, [2] * (n // 5), rng=rng), t)


SHAPES = {f.__name__: f for f in (chain, fan_out, fan_in, wide, scalars, scopes, many_inputs, many_parameters, layers)}


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
        return {node: np.ones([size or 1 for size in node.shape]) for node in self.graph.inputs}

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
        gn.save(path, self.E, state={label: i for i, label in enumerate(map(self.graph.label, self.graph))})
        return path

    @cached_property
    def pickled(self):
        return pickle.dumps(self.bwd)

    @cached_property
    def derivation(self):
        return gn.derive(self.E)

    @cached_property
    def diagnosis(self):
        return gn.diagnose(self.bwd)

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
    """Two epochs, and the loss of validation after each."""
    options = {"validation": feeds} if feeds else {}
    return gn.fit(E, feeds, epochs=2, optimizer=gn.Adam(1e-3), progress=False, **options)


def look_up(graph, bwd, diagnosis):
    """Ask for all that is known of each node, by the node and by its label."""
    for node in graph:
        label = graph.label(node)
        assert graph[label] is node, label
        (
            graph.consumers(label),
            graph.only_use(node),
            bwd[label],
            bwd.error_signal(label),
            bwd.messages(node),
            diagnosis[label],
        )
        if isinstance(node, gn.Parameter):
            bwd.gradient(label)


def mistake(graph, bwd, E):
    """Make mistakes that are answered with names out of all there are."""
    w = graph.parameters[0]
    for call in (
        lambda: graph["wieght"],
        lambda: bwd.gradient(E),
        lambda: gn.forward(E, {}),
        lambda: gn.backward(E, {"wieght": 1.0}),
        lambda: gn.gradients(E, gn.parameter("w", 1.0)),
        lambda: gn.Graph(E * gn.parameter(w.name, w.value)),
        lambda: gn.compile(E)({"wieght": 1.0}),
    ):
        with contextlib.suppress(gn.errors.GraphnetError):
            call()


def check(E, feeds, **options):
    return str(gn.check_gradients(E, feeds, **options))


def every_text(derivation):
    return str(derivation), derivation.latex, derivation.mathml, derivation.to_dict()


def every_print(report):
    """Print a report in every way."""
    with contextlib.suppress(gn.errors.GraphnetError):
        report.raise_if_failed()
    return str(report), report.to_json(), report._repr_html_()


def read(found):
    return str(found), found.to_dict(), found._repr_html_()


Function = tuple[Callable[[Case], tuple[Any, ...]], Callable[..., Any]]
FUNCTIONS: dict[str, Function] = {
    "build": (lambda c: (c.make,), lambda make: make()),
    "delete": (lambda c: ([c.make()],), list.clear),
    "Graph": (lambda c: (c.E,), gn.Graph),
    "look up": (lambda c: (c.graph, c.bwd, c.diagnosis), look_up),
    "mistakes": (lambda c: (c.graph, c.bwd, c.E), mistake),
    "forward": (lambda c: (c.E, c.feeds), gn.forward),
    "backward": (lambda c: (c.E, c.feeds), gn.backward),
    "gradients": (lambda c: (c.E, c.graph.parameters), gn.gradients),
    "compile": (lambda c: (c.E, c.feeds), lambda E, feeds: gn.compile(E)(feeds)),
    "run compiled": (lambda c: (c.step, c.feeds), lambda step, feeds: step(feeds)),
    "explain compiled": (lambda c: (c.step,), lambda step: step.explain()),
    "fit": (lambda c: (c.E, c.feeds), fit),
    "inference": (lambda c: (c.E, c.feeds), gn.inference),
    "dropout_masks": (lambda c: (c.E,), lambda E: gn.dropout_masks(E, 3, np.random.default_rng(0))),
    "check_gradients": (lambda c: (c.E, c.feeds), check),
    "check one leaf": (lambda c: (c.E, c.feeds, c.w), lambda E, x, w: check(E, x, wrt=w, entries=1)),
    "step_curve": (lambda c: (c.E, c.feeds, c.w), lambda E, x, w: gn.step_curve(E, x, w, (0,) * len(w.shape))),
    "print of report": (lambda c: (c.report,), every_print),
    "plot of report": (lambda c: (c.report,), lambda report: report.plot()),
    "derive": (lambda c: (c.E,), lambda E: every_text(gn.derive(E))),
    "derive entries": (lambda c: (c.E,), lambda E: str(gn.derive(E, indices=True))),
    "evaluate": (lambda c: (c.derivation, c.bwd), lambda derivation, bwd: derivation.evaluate(bwd)),
    "explain": (lambda c: (c.bwd, c.w), lambda bwd, w: read(gn.explain(bwd, w))),
    "diagnose": (lambda c: (c.bwd,), lambda bwd: read(gn.diagnose(bwd))),
    "signal_norms": (lambda c: (c.bwd, c.E), lambda bwd, E: gn.plots.signal_norms([bwd, bwd], [E])),
    "histograms": (lambda c: (c.bwd, [c.w]), gn.plots.gradient_histograms),
    "draw of graph": (lambda c: (c.graph,), lambda graph: gn.draw(graph).to_dot()),
    "draw of pass": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_mermaid()),
    "draw of report": (lambda c: (c.report,), lambda report: gn.draw(report).to_text()),
    "draw folded": (lambda c: (c.fwd,), lambda fwd: gn.draw(fwd, depth=0, show=["values", "formulas"]).to_dot()),
    "draw of units": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd, view="units").to_svg()),
    "draw as svg": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_svg()),
    "draw as page": (lambda c: (c.bwd,), lambda bwd: gn.draw(bwd).to_html()),
    "save": (lambda c: (c.file, c.E), gn.save),
    "save_parameters": (lambda c: (c.file, c.E), gn.save_parameters),
    "load": (lambda c: (c.file,), gn.load),
    "load_parameters": (lambda c: (c.file, c.E), gn.load_parameters),
    "load_state": (lambda c: (c.file,), gn.load_state),
    "to_networkx": (lambda c: (c.graph,), gn.Graph.to_networkx),
    "from_networkx": (lambda c: (c.network,), gn.Graph.from_networkx),
    "pickle": (lambda c: (c.graph, c.bwd, c.step), lambda *whats: [pickle.dumps(what) for what in whats]),
    "unpickle": (lambda c: (c.pickled,), pickle.loads),
    "copy": (lambda c: (c.graph, c.bwd), lambda graph, bwd: (copy.copy(bwd), copy.deepcopy(graph))),
    "print": (lambda c: (c.graph, c.fwd, c.bwd), lambda graph, fwd, bwd: (str(graph), repr(fwd), repr(bwd))),
}
LAYERS_ONLY = ("draw of units",)
"""What needs layers. Elsewhere it raises, and says so."""


def operations(shape: str, what: str, size: int) -> int:
    """Return how many operations of Python's one call of a function takes."""
    prepare, function = FUNCTIONS[what]
    counted(
        function, *prepare(Case(shape, 10))
    )  # from Python 3.12 on, code that is traced the first time counts in part
    return counted(function, *prepare(Case(shape, size)))


def counted(function: Callable[..., Any], *arguments: Any) -> int:
    """Return how many operations of Python's a call takes: the same in every run, and loops without a call count."""
    count = 0

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
    took, began = [], time.process_time()
    while len(took) < RUNS and sum(took) < ENOUGH and time.process_time() - began < 10 * ENOUGH:
        arguments = prepare(Case(shape, size))
        gc.collect()
        start = time.process_time()
        function(*arguments)
        took.append(time.process_time() - start)
    return min(took)


def exponent(sizes: list[int], costs: list[float]) -> float:
    """Return the slope of log cost over log size, by least squares over the last tenfold; infinite if there is one size.

    Over a tenfold, as the step from one size to the next also shows where a cache is full.
    """
    known = list(zip(sizes[: len(costs)], costs, strict=True))
    last = [(math.log(size), math.log(max(cost, TICK))) for size, cost in known if size * 10 >= known[-1][0]]
    return float(np.polyfit(*zip(*last, strict=True), 1)[0]) if len(last) > 1 else math.inf


def ceiling(shape: str, what: str) -> float:
    return CEILINGS.get(what, CEILINGS_OF_JOINED.get(what, CEILING) if shape in JOINED else CEILING)


def sizes_of(what: str, largest: int) -> list[int]:
    slow = what in CEILINGS or what in SLOW
    return [size for size in (SMALL if slow else ()) + SIZES if size <= largest]


def series(records: str, largest: int, cell: tuple[str, str]) -> None:
    """Measure one function on one shape at the sizes not yet on record, and put them there; in a process of its own."""
    shape, what = cell
    known, sizes = measured(records)[cell], sizes_of(what, largest)
    for before, size in zip([0, *sizes], sizes, strict=False):
        if before and isinstance(known[before], float):
            expected = known[before] * (size / before) ** ceiling(shape, what)
        if before and (not isinstance(known[before], float) or expected > LONGEST_RUN):
            return
        if size not in known:
            known[size] = limited(shape, what, size)
            with open(records, "a", encoding="utf-8") as file:
                file.write(json.dumps([shape, what, size, known[size]]) + "\n")


def limited(shape: str, what: str, size: int) -> float | str:
    """Return the seconds, or what was raised; a run of a few times the longest is stopped."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took longer than {3 * LONGEST_RUN:.0f} s, preparation included")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 3 * LONGEST_RUN)
    try:
        return seconds(shape, what, size)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


Costs = dict[int, Any]


def measured(records: str) -> dict[tuple[str, str], Costs]:
    """Return what is on record: for each shape and function the seconds by size, the least of all that were measured."""
    found: dict[tuple[str, str], Costs] = defaultdict(dict)
    if os.path.exists(records):
        for line in Path(records).read_text(encoding="utf-8").splitlines():
            shape, what, size, cost = json.loads(line)
            known = found[shape, what].get(size)
            found[shape, what][size] = (
                min(cost, known) if isinstance(known, float) and isinstance(cost, float) else cost
            )
    return found


class Row:
    """One function on one shape: what it costs, and whether that grows too fast."""

    def __init__(self, shape: str, what: str, costs: Costs) -> None:
        self.shape, self.what, self.ceiling = shape, what, ceiling(shape, what)
        self.costs = {size: cost for size, cost in sorted(costs.items()) if isinstance(cost, float)}
        self.raised = next((cost for cost in costs.values() if isinstance(cost, str)), "")
        self.exponent = exponent(list(self.costs), list(self.costs.values()))
        self.bad = bool(self.raised) or self.exponent > self.ceiling

    def __str__(self) -> str:
        costs = "  ".join(f"{size:,}: {cost:.3f}" for size, cost in self.costs.items())
        return f"{self.shape:16}{self.what:17}{self.exponent:6.2f}   {costs}  {self.raised}"

    def cell(self) -> str:
        """Return it for the table: the exponent, and the size reached if it is not the largest of all."""
        if self.raised or len(self.costs) < 2:
            return self.raised.partition(":")[0] or "not measured"
        reached = max(self.costs)
        grows = f"**{self.exponent:.2f}**" if self.bad else f"{self.exponent:.2f}"
        return grows + ("" if reached == SIZES[-1] else f" to {reached / 1000:g}k")


def table(rows: list[Row]) -> Iterator[str]:
    """Write all as Markdown: a line for each function."""
    shapes = list(dict.fromkeys(row.shape for row in rows))
    yield f"| function | {' | '.join(shapes)} | at most | seconds |"
    yield "|---|" + "---|" * (len(shapes) + 2)
    by_function: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_function[row.what][row.shape] = row
    for what, found in by_function.items():
        cells = [found[shape].cell() if shape in found else "-" for shape in shapes]
        allowed = " or ".join(f"{most}" for most in sorted({row.ceiling for row in found.values()}))
        largest = [(cost, size) for row in found.values() for size, cost in list(row.costs.items())[-1:]]
        slowest = max(largest, default=(math.nan, 0))
        yield f"| {what} | {' | '.join(cells)} | {allowed} | {slowest[0]:.1f} at {slowest[1]:,} |"


def too_deep(what: str) -> str:
    """Run one function on a long row of nodes with few frames to spare; return what it raised."""
    prepare, function = FUNCTIONS[what]
    shape = "layers" if what in LAYERS_ONLY else "chain"
    arguments = prepare(Case(shape, DEEPEST))
    function(*prepare(Case(shape, 5)))  # imports what it needs
    limit, frame, depth = sys.getrecursionlimit(), sys._getframe(), 0
    while frame := frame.f_back:
        depth += 1
    sys.setrecursionlimit(depth + FRAMES)
    try:
        function(*arguments)
    except RecursionError as error:
        return f"{what:17} recursion on {DEEPEST:,} nodes in a row: {error}"
    finally:
        sys.setrecursionlimit(limit)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZES[-1], help="the largest number of nodes")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--only", choices=FUNCTIONS, action="append")
    parser.add_argument("--records", help="where measurements are kept, and taken from if they are there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many series at a time")
    parser.add_argument("--uncollected", action="store_true", help="with Python's collector of garbage off")
    parser.add_argument("--measured", action="store_true", help="measure nothing more, write what is on record")
    options = parser.parse_args()
    if options.uncollected:
        gc.disable()
    functions = options.only or list(FUNCTIONS)
    cells = [(s, f) for f in functions for s in options.shape or SHAPES if f not in LAYERS_ONLY or s == "layers"]
    records = options.records or tempfile.mkdtemp() + "/records"
    deep = [] if options.measured else list(filter(None, map(too_deep, functions)))
    if not options.measured:
        with get_context("fork").Pool(options.jobs, maxtasksperchild=1) as pool:
            pool.map(partial(series, records, options.size), cells, chunksize=1)
    found = measured(records)
    rows = [Row(*cell, found[cell]) for cell in cells]
    print("\n".join(map(str, sorted(rows, key=lambda row: row.ceiling - row.exponent))))
    print("\n".join(deep))
    if not options.only and not options.shape:
        page = Path(__file__).parents[1] / "docs" / "growth.md"
        text = page.read_text(encoding="utf-8")
        machine = (
            f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}, {os.cpu_count()} cores"
        )
        page.write_text(
            text[: text.index("Measured with")] + f"Measured with {machine}.\n\n" + "\n".join(table(rows)) + "\n",
            "utf-8",
        )
    return int(bool(deep) or any(row.bad for row in rows))


if __name__ == "__main__":
    sys.exit(main())
