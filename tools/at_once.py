"""Hold threads, forked children and fresh processes to one answer, bit for bit.

    python tools/at_once.py --threads 8 --seconds 60 --children 100 --processes 50

Threads run passes, compiled steps of their own and a shared one, draw, save and load at once, and the main one forks children
that do the same meanwhile. Then each fresh process, with another seed of hashes, tells the digest of all that a pass computes.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.at_once import survey
from tests.engine.test_large_and_repeatable import DIGEST, in_a_fresh_process


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, default=8)
    arguments.add_argument("--seconds", type=float, default=10, help="how long the threads work, at least")
    arguments.add_argument("--children", type=int, default=20, help="how many are forked meanwhile")
    arguments.add_argument("--processes", type=int, default=50, help="how many fresh ones are started")
    chosen = arguments.parse_args()
    counts = survey(chosen.threads, chosen.seconds, chosen.children)
    with ThreadPoolExecutor(2) as pool:
        digests = set(pool.map(lambda seed: in_a_fresh_process(DIGEST, seed), range(chosen.processes)))
    for what, count in sorted(counts.items()):
        print(f"{what:20} {count:8,}")
    print(f"{chosen.processes} fresh processes, {len(digests)} digest{'s' * (len(digests) != 1)}")
    return int(not counts.keys() <= {"answers", "children"} or len(digests) > 1)


if __name__ == "__main__":
    sys.exit(main())
