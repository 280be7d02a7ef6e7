"""Save and load large parameters, beside np.save and np.load.

    python tools/file_speed.py --megabytes 1000

Each is done in turn, several times, on the same disk; the medians are shown. np.save writes over the old file and leaves
the data to the operating system; gn.save writes a new file, waits until it has reached the disk, and then replaces the old one.
"np.save, with replacing" does all that as well. Memory is what the process needed beyond the arrays it had, per byte of the
file, measured in a process of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import graphnet as gn

MEMORY = """
import sys
import graphnet as gn
import numpy as np

def now(what):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(what))

verb, path, entries = sys.argv[1], sys.argv[2], int(sys.argv[3])
w = None if verb == "load" else gn.parameter("w", np.ones(entries))
open("/proc/self/clear_refs", "w").write("5")
before = now("VmRSS")
graph = gn.save(path, w) if verb == "save" else gn.load(path) if verb == "load" else gn.load_parameters(path, w)
print(now("VmHWM") - before)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--megabytes", type=int, default=1000)
    arguments.add_argument("--arrays", type=int, default=1, help="how many parameters they are")
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--folder", type=Path, help="where to write; by default a temporary folder")
    chosen = arguments.parse_args()
    entries = chosen.megabytes * 1_000_000 // 8 // chosen.arrays
    values = np.random.default_rng(0).random(entries * chosen.arrays)
    parameters = [gn.parameter(f"w{i}", part) for i, part in enumerate(np.split(values, chosen.arrays))]
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        ours, theirs = Path(folder, "net.gn"), Path(folder, "array.npy")
        speeds = measure(
            {
                "np.save": lambda: np.save(theirs, values),
                "np.save, with replacing": lambda: save_with_replacing(theirs, values),
                "gn.save": lambda: gn.save(ours, parameters),
                "np.load": lambda: np.load(theirs),
                "gn.load": lambda: gn.load(ours),
            },
            chosen.repeat,
        )
        print(
            f"{chosen.megabytes:,} MB of parameters in {chosen.arrays} arrays, medians of {chosen.repeat} runs in turn"
        )
        for name, seconds in speeds.items():
            print(f"  {name:25} {seconds:6.2f} s  {chosen.megabytes / 1000 / seconds:5.2f} GB/s")
        for ours_name, theirs_name in (("save", "save"), ("save", "save, with replacing"), ("load", "load")):
            ratio = speeds[f"np.{theirs_name}"] / speeds[f"gn.{ours_name}"]
            print(f"  gn.{ours_name} has {ratio:.2f} of the speed of np.{theirs_name}")
        for verb in ("save", "load", "load_parameters"):
            command = [sys.executable, "-c", MEMORY, verb, str(ours), str(entries * chosen.arrays)]
            more = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            print(f"  gn.{verb} needed {more / ours.stat().st_size:.3f} bytes of memory per byte of the file")


def measure(tasks: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Return the median time of each task; they take turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeat + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def save_with_replacing(path: Path, values: np.ndarray) -> None:
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.save(file, values)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


if __name__ == "__main__":
    main()
