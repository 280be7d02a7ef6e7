"""Kill a process at random moments of its saving, and load what it leaves.

    python -m tests.files.kills --count 300

A process of its own, because it forks: each child saves one value after the other until it is killed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import graphnet as gn

LONGEST = 0.02  # seconds until the kill, once it runs


def save_until_killed(path: Path, w: gn.Parameter, first: int, sync: bool) -> None:
    """Save again and again, each time with all entries one more."""
    if not sync:  # then most kills come while bytes are written, else while waiting for the disk
        os.fsync = lambda descriptor: None
    for number in itertools.count(first):
        w.value[...] = number
        gn.save(path, w, state={"number": number})


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    rng = np.random.default_rng(chosen.seed)
    w = gn.parameter("w", np.zeros(60_000))
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.gn")
        gn.save(path, w, state={"number": 0})
        last = 0
        for i in range(chosen.count):
            ready, running = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(running, b"!")
                save_until_killed(path, w, last + 1, sync=i % 3 == 0)
            os.read(ready, 1)  # on a loaded machine it runs later than that
            os.close(ready)
            os.close(running)
            time.sleep(rng.uniform(0, LONGEST))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            number = gn.load_state(path)["number"]
            value = gn.load(path)["w"].value
            assert number >= last, "an older file came back"
            assert (value == number).all(), "a mixture of two files"
            counts["strays"] += len(os.listdir(folder)) - 1
            counts["saves"] += number - last
            last = number
        gn.save(path, w, state={"number": last})
        assert os.listdir(folder) == ["net.gn"], "a stray is left"
    print(f"{chosen.count} kills, {counts['saves']} saves, {counts['strays']} of the kills left a stray")
    return 0 if counts["strays"] else 1  # without strays no kill came during a save


if __name__ == "__main__":
    sys.exit(main())
