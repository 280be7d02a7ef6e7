"""Time graphnet against hand-written NumPy and other libraries.

    python -m tools.benchmark --quick
    python -m tools.benchmark --workload W1 W4 --json results.json --chart results.png

A step is everyone's same work: arrays are fed, E and its gradients computed, the gradients handed out. Gradients are
compared before anything is timed. Peers come with `pip install -e .[bench]`; those not installed are left out.

"NumPy by hand" is forward and backward as one writes them down; "preallocated" hands out its own buffers, not copies. For
scalar nodes the two are a loop over Python's floats, and a ufunc for each generation and kind of node; for micrograd's demo,
products of matrices. "First call" is graph building, compilation and one step; torch and PyTensor keep compiled code on disk
between runs. "Cores" is processor time by time: under the number of threads, the machine was busy.
"""

import argparse
import gc
import sys
from dataclasses import replace
from pathlib import Path

from tools.benchmark import chart, machine, report
from tools.benchmark.agreement import Disagreement, compare
from tools.benchmark.contestants import MODULES, contestants
from tools.benchmark.contestants.contestant import Contestant
from tools.benchmark.timing import enter, memory_of, time_in_turns
from tools.benchmark.workloads import QUICK, Sizes, Workload, workloads

NUMPY_MEMORY = {"numpy", "graphnet-dag", "autograd", "micrograd"}
"""Packages whose memory Python's tracing sees."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: small sizes, few rounds, no slow starters"
    )
    parser.add_argument("--workload", nargs="+", choices=Sizes.names, default=Sizes.names, metavar="W")
    parser.add_argument("--threads", type=int, default=1, help="threads of every library")
    parser.add_argument("--without", nargs="+", choices=sorted(MODULES.values()), default=[], metavar="PACKAGE")
    parser.add_argument("--layers", type=int, nargs="+", help="depths of W4, as 1000 10000 100000")
    parser.add_argument("--nodes", type=int, nargs="+", help="sizes of the wide graphs of W5")
    parser.add_argument("--rounds", type=int, help="samples of each contestant")
    parser.add_argument("--budget", type=float, help="seconds of samples, after which a contestant has had enough")
    parser.add_argument("--memory", action="store_true", help="also the peak memory of those that allocate by NumPy")
    parser.add_argument("--history", type=Path, help="add the medians to this file, as docs/benchmarks.csv")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--chart", type=Path, help="draw a bar chart to this file")
    parser.add_argument("--markdown", action="store_true", help="print one Markdown table at the end")
    return parser.parse_args()


def run(workload: Workload, field: list[Contestant], chosen: argparse.Namespace) -> report.Section:
    """Let everyone take part in one workload."""
    workload.prepare()
    entries = []
    for contestant in field:
        print(f"\r{workload.name}: {contestant.name:40}", end="", file=sys.stderr, flush=True)
        entries.append(enter(contestant, workload))
    print("\r" + " " * 60, end="\r", file=sys.stderr, flush=True)
    compare(entries, workload)
    time_in_turns(entries, chosen.rounds or (5 if chosen.quick else 25), chosen.budget or (0.3 if chosen.quick else 8))
    for contestant, entry in zip(field, entries, strict=True):
        entry.step = None
        if chosen.memory and entry.skipped is None and contestant.package in NUMPY_MEMORY:
            entry.memory = memory_of(contestant, workload)
    gc.collect()
    return report.Section(workload.name, workload.title, entries)


def main() -> int:
    chosen = options()
    machine.restart_with(chosen.threads)
    sizes = replace(QUICK if chosen.quick else Sizes(), names=tuple(chosen.workload))
    sizes = replace(sizes, layers=tuple(chosen.layers or sizes.layers), wide=tuple(chosen.nodes or sizes.wide))
    field, left_out = contestants(chosen.threads, chosen.without)
    if chosen.quick:
        left_out += [f"{contestant.name}: compiles for seconds" for contestant in field if contestant.slow_start]
        field = [contestant for contestant in field if not contestant.slow_start]
    description = machine.description(chosen.threads)
    print(*(f"{key}: {value}" for key, value in description.items()), sep="\n")
    print(*(f"left out: {line}" for line in left_out), sep="\n", end="\n\n")
    sections = []
    for workload in workloads(sizes):
        try:
            sections.append(run(workload, field, chosen))
        except Disagreement as error:
            print(f"DISAGREEMENT: {error}", file=sys.stderr)
            return 1
        print(report.text(sections[-1]), end="\n\n", flush=True)
    if chosen.history:
        report.append(chosen.history, sections, description)
    if chosen.json:
        report.write_json(chosen.json, sections, description)
    if chosen.chart:
        chart.save(chosen.chart, sections)
    if chosen.markdown:
        print(report.markdown(sections, description))
    return 0


if __name__ == "__main__":
    sys.setrecursionlimit(10_000_000)  # micrograd recurses
    sys.exit(main())
