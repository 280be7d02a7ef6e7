"""Plant wrong backward rules in random networks, and print how many the check catches, locates and names.

    python tools/wrong_rules.py --graphs 25

The tests do the same with fewer networks.
"""

import argparse
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from graphnet.common.text import table
from tests.wrong_rules.faults import FAULTS
from tests.wrong_rules.score import Score, score

HEADER = ["wrong rule", "networks", "equivalent", "caught", "located", "named", "no known signature", "misnamed"]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--graphs", type=int, default=25, help="networks for each wrong rule")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the first network")
    arguments.add_argument("--only", default="", help="rules whose line contains this")
    arguments.add_argument("--by", choices=["rule", "family", "fault"], default="rule", help="lines of the table")
    chosen = arguments.parse_args()
    warnings.simplefilter("error")
    began = time.perf_counter()
    lines: dict[str, list[Score]] = defaultdict(list)
    for fault in FAULTS:
        line = {"rule": f"{fault.base.op.name}: {fault.name}", "family": fault.base.family, "fault": fault.name}[
            chosen.by
        ]
        if chosen.only in line:
            lines[line].append(score(fault, range(chosen.seed, chosen.seed + chosen.graphs)))
    scores = [one for several in lines.values() for one in several]
    rows = [row(line, several) for line, several in lines.items()]
    print(table(HEADER, [*rows, row(f"all {len(scores)} rules", scores)], most=10**6))
    for one in scores:
        print(*one.missed, *one.misnamed, sep="\n", end="\n" if one.missed or one.misnamed else "")
    print(f"{time.perf_counter() - began:.1f} s")
    return not all(one.perfect for one in scores)


def row(line: str, scores: list[Score]) -> list[str]:
    """Return a line of the table: the sums of several scores."""
    tried = sum(one.tried for one in scores)
    cells = [sum(one.graphs for one in scores), sum(one.equivalent for one in scores)]
    shares = [f"{sum(getattr(one, name) for one in scores)} of {tried}" for name in ("caught", "located", "named")]
    rest = [sum(one.unknown for one in scores), sum(len(one.misnamed) for one in scores)]
    return [line, *map(str, cells), *shares, *map(str, rest)]


if __name__ == "__main__":
    sys.exit(main())
