"""Time contestants in turns: what disturbs the machine then disturbs all of them."""

import gc
import math
import statistics
import time
import tracemalloc
from dataclasses import dataclass, field
from typing import Any

from tools.benchmark.contestants.contestant import Contestant, Skip, Step
from tools.benchmark.workloads import Workload

SAMPLE = 0.002
"""Seconds that a sample takes at least: the clock and its call are then below a thousandth of it."""


@dataclass
class Entry:
    """One contestant in one workload, and all that was measured."""

    contestant: str
    package: str
    first_call: float = math.nan
    """Seconds from nothing to the first result: graph building, compilation, first step."""
    samples: list[float] = field(default_factory=list)
    """Seconds a step."""
    cores: float = math.nan
    """Processor time divided by time: how many cores it kept busy."""
    difference: float = math.nan
    memory: int | None = None
    skipped: str | None = None
    step: Step | None = None
    result: Any = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples) if self.samples else math.nan

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, relative to the median."""
        if len(self.samples) < 4:
            return math.nan
        low, _, high = statistics.quantiles(self.samples, n=4)
        return (high - low) / 2 / self.median


def enter(contestant: Contestant, workload: Workload) -> Entry:
    """Set a contestant up and run its first step; what it raises is the reason why it is skipped."""
    entry = Entry(contestant.name, contestant.package)
    began = time.perf_counter()
    try:
        step = contestant.setup(workload)
        loss, gradients = step()
        entry.first_call = time.perf_counter() - began
        entry.result = (loss, workload.arrays(gradients) if gradients else {})
        entry.step = step
    except Skip as reason:
        entry.skipped = str(reason)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        entry.skipped = f"fails: {type(error).__name__}: {lines[0][:120]}"
    return entry


def time_in_turns(entries: list[Entry], rounds: int, budget: float) -> None:
    """Fill in samples: `rounds` of each, fewer of a contestant that has used up `budget` seconds."""
    running = [entry for entry in entries if entry.step is not None]
    gc.collect()
    gc.freeze()  # what the others hold is then no work for the collector while one of them allocates
    repeats = {id(entry): _repeats(entry.step) for entry in running}
    spent = dict.fromkeys(repeats, 0.0)
    busy = dict.fromkeys(repeats, 0.0)
    for _ in range(rounds):
        for entry in running:
            if spent[id(entry)] > budget:
                continue
            taken, used = _timed(entry.step, repeats[id(entry)])
            spent[id(entry)] += taken
            busy[id(entry)] += used
            entry.samples.append(taken / repeats[id(entry)])
    gc.unfreeze()
    for entry in running:
        entry.cores = busy[id(entry)] / spent[id(entry)]


def memory_of(contestant: Contestant, workload: Workload) -> int:
    """Return the peak bytes that set-up and steps hold at once, as far as Python and NumPy allocate them."""
    gc.collect()
    tracemalloc.start()
    step = contestant.setup(workload)
    step()
    tracemalloc.reset_peak()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _timed(step: Step, count: int) -> tuple[float, float]:
    """Return the seconds that `count` steps take, and the processor's."""
    began, began_busy = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return time.perf_counter() - began, time.process_time() - began_busy


def _repeats(step: Step) -> int:
    """Return how many steps fill a sample; running them warms caches up."""
    count = 1
    while True:
        taken, _ = _timed(step, count)
        if taken >= SAMPLE:
            return count
        count = max(count + 1, math.ceil(count * min(10, 1.3 * SAMPLE / max(taken, 1e-9))))
