"""Check right rules at hard places and in random networks: none may be called wrong.

    python tools/false_alarms.py --count 8000 --seed 100000

Saturated units, ties, zeros, tiny and huge numbers, batches of one, float32 parameters. The tests do the same with fewer.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.wrong_rules.right import survey


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=2000, help="how many rules; a fifth as many networks besides")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first")
    chosen = arguments.parse_args()
    warnings.simplefilter("error")
    began = time.perf_counter()
    counts, alarms = survey(range(chosen.seed, chosen.seed + chosen.count))
    print(*alarms, sep="\n")
    checks = sum(count for verdict, count in counts.items() if verdict in ("right", "wrong", "kink", "blurred"))
    for what, count in sorted(counts.items()):
        print(f"{what:22} {count:8}")
    print(f"{'arrays checked':22} {checks:8}   in {time.perf_counter() - began:.1f} s")
    return bool(alarms)


if __name__ == "__main__":
    sys.exit(main())
