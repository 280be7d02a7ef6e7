"""Put odd values into every argument of every public function, and print what ends in no error of graphnet's own.

    python tools/mistakes.py
    python tools/mistakes.py --only gn.fit --accepted

The tests try a share of them.
"""

import argparse
import contextlib
import importlib
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import mkdtemp

sys.path.insert(0, str(Path(__file__).parents[1]))

from graphnet.common.text import table
from tests.mistakes import values
from tests.mistakes.calls import CALLS
from tests.mistakes.trial import Trial, attempt, choices, without_a_row

LIMIT, PATIENCE = 30, 600
"""Seconds of processor time, and in all, in which a trial must end: in a loop of NumPy's own it hears of no other limit."""
OUTCOMES = ("refused", "accepted", "warning", "no memory", "not reached", "bare error", "hang")


def ended(pipe, clock):
    """Wait until there is something in a pipe; tell whether it came in time, by a clock of the process behind it."""
    start, spent = time.monotonic(), time.clock_gettime(clock)
    while not pipe.poll(1):
        if time.clock_gettime(clock) - spent > LIMIT or time.monotonic() - start > PATIENCE:
            return False
    return True


def apart(chosen):
    """Yield what comes of trials in a process of their own: where one hangs or dies, another process goes on behind it."""
    fork, done = multiprocessing.get_context("fork"), 0
    while done < len(chosen):
        here, there = fork.Pipe(duplex=False)
        worker = fork.Process(
            target=lambda pipe, todo: [pipe.send(attempt(*each)) for each in todo], args=(there, chosen[done:])
        )
        worker.start()
        there.close()
        with contextlib.suppress(EOFError):
            while done < len(chosen) and ended(here, (~worker.pid << 3) | 2):
                yield here.recv()
                done += 1
        worker.kill()
        worker.join()
        if done < len(chosen):
            name, place, value, _ = chosen[done]
            print(f"ended from outside: {name}({place}) ← {value}", file=sys.stderr, flush=True)
            yield Trial(name, str(place), value, "hang", f"ended from outside: exit code {worker.exitcode}")
            done += 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", default="", help="calls whose name contains this")
    arguments.add_argument("--accepted", action="store_true", help="list what was accepted, too")
    arguments.add_argument("--refused", action="store_true", help="list the messages, too")
    arguments.add_argument("--memory", type=float, default=8.0, help="GiB that the process may take")
    arguments.add_argument("--every", type=int, default=1, help="try one in so many")
    chosen = arguments.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # among the odd values are texts that no encoding has
    resource.setrlimit(resource.RLIMIT_AS, (int(chosen.memory * 2**30),) * 2)
    values.HUGE = (2, 2**30)  # which NumPy gets through in seconds, and is too large for the memory
    os.chdir(mkdtemp(prefix="graphnet-mistakes-"))
    importlib.import_module("matplotlib.figure")  # whole: a trial that is cut off in the middle of it leaves a part
    missing = without_a_row()
    if missing:
        print(f"public, and without a right call in tests/mistakes/calls.py: {', '.join(missing)}")
        return 1
    done = list(apart(list(choices([name for name in CALLS if chosen.only in name], chosen.every))))
    for wanted, outcome in (
        (chosen.accepted, "accepted"),
        (chosen.refused, "refused"),
        (True, "warning"),
        (True, "hang"),
    ):
        for trial in done if wanted else ():
            if trial.outcome == outcome:
                print(trial)
    by_line = defaultdict(list)
    for trial in done:
        if trial.outcome == "bare error":
            by_line[trial.line].append(trial)
    for line, found in sorted(by_line.items(), key=lambda item: -len(item[1])):
        print(f"\n{len(found)} × {line}")
        for trial in found[:4]:
            print(f"    {trial}")
    counts = defaultdict(Counter)
    for trial in done:
        counts[trial.call][trial.outcome] += 1
    rows = [[name, *(str(found[outcome]) for outcome in OUTCOMES)] for name, found in counts.items()]
    total = Counter(trial.outcome for trial in done)
    print(table(["call", *OUTCOMES], [*rows, [f"all {len(done)}", *(str(total[outcome]) for outcome in OUTCOMES)]]))
    return 1 if total["bare error"] or total["hang"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
