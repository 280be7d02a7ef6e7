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

SAMPLE = 0.01
"""Seconds that a sample takes at least: the clock and its call are then nothing beside it."""

COLD = 0.1
"""A step shorter than so many seconds is run once before its sample: the others have emptied the caches."""


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
    """Set a contestant up and run its first step; what a peer raises is the reason why it is skipped."""
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
        if contestant.package == "graphnet-dag":
            raise  # a peer's limits are a result, graphnet's are a defect
        lines = str(error).strip().splitlines() or [""]
        entry.skipped = f"fails: {type(error).__name__}: {lines[0][:120]}"
    return entry


@dataclass
class Turns:
    """What one contestant has spent on its turns."""

    entry: Entry
    step: Step
    count: int = 1
    """Steps a sample."""
    spent: float = 0.0
    busy: float = 0.0

    def warm_up(self, budget: float) -> None:
        """Find out how many steps fill a sample. A step as long as the whole budget is a sample by itself."""
        while (sample := self.run())[0] < SAMPLE:
            grown = self.count * min(10, 1.3 * SAMPLE / max(sample[0], 1e-9))
            self.count = max(self.count + 1, math.ceil(grown))
        if sample[0] > budget:
            self.record(*sample)

    def take(self) -> None:
        """Take a sample, with warm caches as in training."""
        if not self.entry.samples or self.entry.samples[-1] < COLD:
            self.step()
        self.record(*self.run())

    def record(self, taken: float, used: float) -> None:
        """Keep a sample."""
        self.spent += taken
        self.busy += used
        self.entry.samples.append(taken / self.count)

    def run(self) -> tuple[float, float]:
        """Return the seconds that the steps of a sample take, and the processor's."""
        began, began_busy = time.perf_counter(), time.process_time()
        for _ in range(self.count):
            self.step()
        return time.perf_counter() - began, time.process_time() - began_busy


def time_in_turns(entries: list[Entry], rounds: int, budget: float) -> None:
    """Fill in samples: `rounds` of each, fewer of a contestant that has used up `budget` seconds."""
    running = [entry for entry in entries if entry.step is not None]
    gc.collect()
    gc.freeze()  # what the others hold is then no work for the collector while one of them allocates
    turns = [Turns(entry, entry.step) for entry in running]
    for turn in turns:
        turn.warm_up(budget)
    for _ in range(rounds):
        for turn in turns:
            if turn.spent <= budget:
                turn.take()
    gc.unfreeze()
    for turn in turns:
        turn.entry.cores = turn.busy / turn.spent


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
