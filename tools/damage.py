"""Damage any number of saved files, and load each.

    python tools/damage.py --count 100000

Each is refused by a LoadError that names it, or gives the same contents; the tests do the same with 5,000.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.files.survey import survey


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=100_000, help="how many files")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first; each next is one more")
    chosen = arguments.parse_args()
    warnings.simplefilter("error")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcomes, broken = survey(Path(folder), chosen.seed, chosen.count)
    for outcome, count in sorted(outcomes.items()):
        print(f"{outcome:45} {count:8,}")
    print(*broken, sep="\n")
    print(f"{outcomes.total():,} files in {time.perf_counter() - start:.0f} s: {len(broken)} promises broken")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
