"""Many things at once: threads and forked children that run, compile, draw and save what they share and what is their own."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import graphnet as gn

PATIENCE = 120.0
"""Seconds after which what does not come back is called a deadlock."""


class Network:
    """One network, what is asked of it, and what the answers are to be."""

    def __init__(self, seed: int, folder: str) -> None:
        rng = np.random.default_rng(seed)
        x, t = gn.input("x", shape=(None, 8)), gn.input("t", shape=(None, 3))
        self.E = gn.mse(gn.layers.mlp(x, [16, 16, 3], rng=rng), t)
        self.feeds = {x: rng.normal(size=(50, 8)), t: rng.normal(size=(50, 3))}
        self.step = gn.compile(self.E)
        self.bwd = gn.backward(self.E, self.feeds)
        self.path = Path(folder, f"{seed}.gn")
        self.asks: dict[str, Callable[[], bytes]] = {
            "pass": lambda: content(gn.backward(self.E, self.feeds).error_signals),
            "nodes": lambda: content(gn.forward(gn.gradients(self.E, self.bwd.graph.parameters), self.feeds).values),
            "step": lambda: content(self.step(self.feeds)[1]),
            "own step": lambda: content(gn.compile(self.E)(self.feeds)[1]),
            "text": lambda: gn.draw(self.bwd).to_text().encode(),
            "picture": lambda: gn.draw(self.bwd).to_svg().encode(),
            "file": self.saved,
        }
        self.answers = {name: ask() for name, ask in self.asks.items()}

    def saved(self) -> bytes:
        gn.save(self.path, self.E)
        return content({p.name: p.value for p in gn.load(self.path).parameters})

    def ask(self, rng: np.random.Generator) -> Iterator[tuple[str, bool]]:
        """Ask everything once, in random order; tell of each whether the answer is the one it was."""
        for name in rng.permutation(list(self.asks)):
            yield str(name), self.asks[name]() == self.answers[name]


def content(arrays: Any) -> bytes:
    return b"".join(np.asarray(array).tobytes() for array in arrays.values())


def work(networks: list[Network], seed: int, counts: Counter[str]) -> None:
    """Ask all networks everything, and count what comes back."""
    rng = np.random.default_rng(seed)
    for network in networks:
        try:
            for name, right in network.ask(rng):
                counts["answers"] += 1
                counts[f"wrong: {name}"] += not right
        except Exception:
            counts[f"raised: {traceback.format_exc()}"] += 1


@contextmanager
def busy(threads: int, seconds: float, folder: str) -> Iterator[tuple[Network, Counter[str]]]:
    """Let threads work, on one network that all share and one that is their own, while the block runs and for some time."""
    shared, counts = Network(0, folder), Counter[str]()
    own = [Network(i + 1, folder) for i in range(threads)]
    end, before = time.monotonic() + seconds, sys.getswitchinterval()
    each = [Counter[str]() for _ in range(threads)]
    inside = threading.Event()

    def run(i: int) -> None:
        while not inside.is_set() or time.monotonic() < end:
            work([shared, own[i]], i, each[i])

    running = [threading.Thread(target=run, args=[i], daemon=True) for i in range(threads)]
    sys.setswitchinterval(1e-4)  # so that they meet often
    try:
        for thread in running:
            thread.start()
        yield shared, counts
    finally:
        inside.set()
        for thread in running:
            thread.join(timeout=seconds + PATIENCE)
            counts["deadlocks"] += thread.is_alive()
        sys.setswitchinterval(before)
        for found in each:
            counts.update(found)


def forked(shared: Network) -> str:
    """Ask a forked child everything of the shared network; return what was wrong there."""
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # of a fork while threads run
        child = os.fork()
    if child == 0:
        counts = Counter[str]()
        shared.path = shared.path.with_suffix(f".{os.getpid()}")
        work([shared], os.getpid(), counts)
        os._exit(0 if counts["answers"] == len(shared.asks) and counts.total() == counts["answers"] else 1)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "" if status == 0 else f"wrong in a child: status {status}"
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "deadlocks"


def survey(threads: int, seconds: float, children: int) -> Counter[str]:
    """Return how many answers there were, and how often something was wrong with one."""
    with tempfile.TemporaryDirectory() as folder, busy(threads, seconds, folder) as (shared, counts):
        for _ in range(children):
            counts[forked(shared) or "children"] += 1
    return +counts
