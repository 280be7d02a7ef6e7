"""Hold the machine for graphs of scalars to the ops' own rules, bit for bit, on any number of random graphs with odd numbers.

    python tools/scalars.py --count 20000 --nodes 40

The tests do the same with a few.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graphnet import native
from tests.native.scalar_graphs import differences, random_scalars


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=1000, help="how many graphs")
    arguments.add_argument("--nodes", type=int, default=100, help="about how many nodes each has")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first; each next is one more")
    chosen = arguments.parse_args()
    print("in C" if native.AVAILABLE else f"by NumPy calls: {native.WHY_NOT}")
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        dtype, odd = (np.float64, np.float32)[seed % 2], (0.0, 0.2, 0.6)[seed % 3]
        with np.errstate(all="ignore"):
            found = differences(random_scalars(seed, chosen.nodes // 2, dtype, odd), dtype)
        if found:
            failed += 1
            print(f"seed {seed}: {len(found)} differ: {found[0]}", flush=True)
    print(f"{chosen.count} graphs, {failed} with differences")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
