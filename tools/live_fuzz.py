"""Check any number of random networks in the engine of the page, run by node, against ``gn.backward``.

    python tools/live_fuzz.py --count 20000 --seed 1000000

The tests do the same with the first 200 seeds, in Chromium.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import graphnet as gn
from tests.fuzz.compare import build
from tests.fuzz.grow import random_program
from tests.page.live import ENGINE, RUN, NotLive, case, differences, wrong

AT_ONCE = 200


def by_node(cases):
    """Run cases with node."""
    script = f"{ENGINE}\nconst cases = JSON.parse(require('fs').readFileSync(0));"
    script += f"process.stdout.write(JSON.stringify(({RUN})(cases)));"
    done = subprocess.run(["node", "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=2000, help="how many networks")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first; each next is one more")
    chosen = arguments.parse_args()
    counts: Counter[str] = Counter()
    worst: Counter[str] = Counter()
    end = chosen.seed + chosen.count
    for first in range(chosen.seed, end, AT_ONCE):
        cases, runs = [], []
        for seed in range(first, min(first + AT_ONCE, end)):
            program = random_program(seed)
            network = build(program, seed % 2 == 0, np.float32 if seed % 20 == 7 else np.float64)
            run = gn.backward(network.output, network.feeds, delta=program.delta)
            try:
                cases.append(case(run))
                runs.append((seed, run))
            except NotLive:
                counts["recorded, of opaque rules" if not program.smooth else "recorded"] += 1
        for one, found, (seed, run) in zip(cases, by_node(cases), runs, strict=True):
            real = one["live"]["real"]
            off = differences(one, found, run)
            counts[f"computed in {real}"] += 1
            worst[real] = max(worst[real], *off.values())
            if told := wrong(real, off):
                counts["wrong"] += 1
                print(f"seed {seed}: {told}", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{what:28} {count:8}")
    for real, off in worst.items():
        print(f"largest difference in {real:6} {off:8.1e}")
    return bool(counts["wrong"] or counts["recorded"])


if __name__ == "__main__":
    sys.exit(main())
