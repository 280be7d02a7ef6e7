"""The tool that breaks the checks' own code: what it changes, and that it tells tests that notice from those that don't."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tools.mutation.equivalent import EQUIVALENT
from tools.mutation.mutants import mutants

ROOT = Path(__file__).parents[2]
SOURCE = '''\
"""Docstring with 1 + 2."""

LIMIT = 3


class Box:
    def __init__(self, size: int | None = 0, *, frozen=True):
        self.size = size + len(self.everything)

    def fits(self, x):
        if self.size and not x[-1] is None:
            return 1 <= x[0] < self.size, zip(x, x, strict=True)
'''


def test_each_operator_constant_and_condition_is_changed(tmp_path):
    path = tmp_path / "box.py"
    path.write_text(SOURCE)
    found = {(mutant.function, mutant.after) for mutant in mutants(path)}
    fits = "Box.fits"
    assert found == {
        ("", "LIMIT = 3000"),
        ("Box.__init__", "self, size: int | None=1, *, frozen=True"),
        ("Box.__init__", "self, size: int | None=0, *, frozen=False"),
        ("Box.__init__", "size - len(self.everything)"),
        (fits, "self.size or not x[-1] is None"),
        (fits, "self.size and (not not x[-1] is None)"),
        (fits, "self.size and (not x[-1] is not None)"),
        (fits, "self.size and (not x[+1] is None)"),
        (fits, "self.size and (not x[-1000] is None)"),
        (fits, "1 > x[0] < self.size"),
        (fits, "1 <= x[0] >= self.size"),
        (fits, "1000 <= x[0] < self.size"),
        (fits, "1 <= x[1] < self.size"),
    }
    for mutant in mutants(path):
        mutant.code()
        assert path.read_text().splitlines()[mutant.line - 1].strip()


def test_every_excuse_is_for_a_mutant_that_there_is():
    excused = {name for name, _, _ in EQUIVALENT}
    keys = Counter(
        mutant.key for path in (ROOT / "graphnet").rglob("*.py") if path.name in excused for mutant in mutants(path)
    )
    assert [key for key in EQUIVALENT if keys[key] != 1] == []


def outcomes(folder, *arguments):
    """Run the tool; return what became of each mutant."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "tools.mutation", "--json", str(report), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    found = Counter(record["outcome"] for record in json.loads(report.read_text()))
    assert done.returncode == (found["ALIVE"] > 0)
    return found


OF_METHODS = [f"tests/check/test_{name}.py" for name in ("directions", "rules", "settings", "taylor", "whole")]


def test_a_share_of_all_mutants_is_killed(tmp_path):
    assert outcomes(tmp_path, "--file", "methods.py", "--count", "8", "--seed", "1", "--tests", *OF_METHODS) == {
        "killed": 8
    }


def test_a_test_that_asserts_nothing_lets_them_live(tmp_path):
    weak = tmp_path / "test_weak.py"
    weak.write_text("import graphnet as gn\n\n\ndef test_nothing():\n    gn.check_op(gn.tanh, [0.3, 0.4])\n")
    found = outcomes(tmp_path, "--file", "methods.py", "--count", "4", "--seed", "3", "--tests", str(weak))
    assert found["ALIVE"] >= 3
