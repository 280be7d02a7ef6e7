"""Check any number of random networks against an independent library and complex numbers, compiled with C and without.

    python tools/fuzz.py --count 20000 --seed 1000000

The tests do the same with the first 2,000 seeds.
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.compare import skipped, survey
from tests.fuzz.grow import random_program


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=2000, help="how many networks")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first; each next is one more")
    chosen = arguments.parse_args()
    warnings.simplefilter("error")
    counts: Counter[str] = Counter()
    failures: list[tuple[int, Exception]] = []
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        try:
            counts += survey([seed])
        except Exception as error:
            failures.append((seed, error))
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{what:20} {count:8}")
    print(f"{'failed':20} {len(failures):8}")
    if chosen.count == 1:
        print(*random_program(chosen.seed).items, sep="\n")
        for _, error in failures:
            raise error
    return bool(failures) or skipped(counts) > 0.001 * chosen.count


if __name__ == "__main__":
    sys.exit(main())
