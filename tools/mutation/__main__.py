"""Change the checks' own code in one place after another, and see whether a test notices.

    python -m tools.mutation                     # all
    python -m tools.mutation --count 60 --seed 0 --file "sig*.py" --json mutants.json
    python -m tools.mutation --folder graphnet/files --tests tests/files graphnet/files --count 100

Each mutant is one operator, constant or condition of graphnet/check, or of the runs that it stands on, or of another folder,
made wrong. It is killed if a test fails, or takes far longer than usual. First all tests run once, to see which lines each of
them runs; a mutant then meets those that run its lines, those named after the file and the quickest first, in a process forked
off for it.
Mutants that live are printed; those that are as good as the original are listed in equivalent.py, each with its reason.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tools.mutation.equivalent import EQUIVALENT
from tools.mutation.mutants import FOLDERS, Mutant, files, mutants
from tools.mutation.runs import Runs

TESTS = ["tests/check", "tests/wrong_rules", "graphnet/check"]
TESTS += [f"tests/engine/test_{name}.py" for name in ("cuts", "probes", "responses")]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=0, help="how many mutants, chosen at random; 0 for all")
    arguments.add_argument("--seed", type=int, default=0, help="which")
    arguments.add_argument("--file", default="*.py", help="of which files")
    arguments.add_argument("--folder", type=Path, nargs="+", default=FOLDERS, help="where, if not in the checks")
    arguments.add_argument("--tests", nargs="+", default=TESTS, help="files or folders of tests")
    arguments.add_argument(
        "--seconds", type=float, default=math.inf, help="of tests that a mutant meets, the quickest first"
    )
    arguments.add_argument("--again", type=Path, help="without those killed according to this file, written by --json")
    arguments.add_argument("--json", type=Path, help="write what became of each to this file")
    chosen = arguments.parse_args()
    began = time.perf_counter()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    folders = [folder.resolve() for folder in chosen.folder]
    every = [mutant for path in files(chosen.file, folders) for mutant in mutants(path)]
    if chosen.again:
        done = {
            tuple(record["key"]) for record in json.loads(chosen.again.read_text()) if record["outcome"] == "killed"
        }
        every = [mutant for mutant in every if mutant.key not in done]
    picked = random.Random(chosen.seed).sample(every, min(chosen.count or len(every), len(every)))
    picked.sort(key=every.index)
    records: list[dict[str, Any]] = []

    def judge_all(runs: Runs) -> None:
        baseline = runs.measure()
        print(f"{len(baseline.seconds)} tests, {time.perf_counter() - began:.0f} s", flush=True)
        for done, mutant in enumerate(picked, 1):
            records.append(judge(mutant, runs, baseline.tests(mutant, chosen.seconds)))
            print(f"{done:5} {records[-1]['outcome']:9} {mutant}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        Runs.of(chosen.tests, judge_all, folders)
    counts = Counter(record["outcome"] for record in records)
    print(f"\n{len(picked)} of {len(every)} mutants:", ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    print(*(f"  {record['mutant']}" for record in records if record["outcome"] == "ALIVE"), sep="\n")
    print(f"{time.perf_counter() - began:.0f} s")
    if chosen.json:
        chosen.json.write_text(json.dumps(records, indent=1, ensure_ascii=False))
    return bool(counts["ALIVE"])


def judge(mutant: Mutant, runs: Runs, tests: list[str]) -> dict[str, Any]:
    """Return what became of a mutant, and by which test or for which reason."""
    if mutant.key in EQUIVALENT:
        outcome, by = "as good", EQUIVALENT[mutant.key]
    else:
        by = runs.killer(mutant, tests)
        outcome = "killed" if by else "ALIVE"
    return {"mutant": str(mutant), "key": mutant.key, "outcome": outcome, "by": by, "tests": len(tests)}


if __name__ == "__main__":
    sys.exit(main())
