"""Compare instructions with the calls of Python that they stand for, on random programs.

    python tools/native_fuzz.py --size 20000

A program is eight calls on arrays of all kinds, layouts and sizes, a good part of which don't fit. To look for accesses out
of bounds, build the extension with AddressSanitizer, and run this in a process that has it:

    CFLAGS="-fsanitize=address -g -O1" python setup.py build_ext --inplace --force
    LD_PRELOAD=$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
        python tools/native_fuzz.py --size 2000 --wild 0.5
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.native.programs import survey


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", type=int, default=20_000, help="how many programs")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first; each next is one more")
    arguments.add_argument("--wild", type=float, default=0.1, help="how often an array does not fit, of one")
    chosen = arguments.parse_args()
    counts = survey(range(chosen.seed, chosen.seed + chosen.size), chosen.wild)
    for name, (made, count) in sorted(counts.items()):
        print(f"{name:16} {made:8,} of {count:8,} are instructions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
