"""Change the checks' own code in one place after another, and see whether a test notices.

    python tools/mutate.py --count 60 --seed 0

Each mutant is one operator, constant, condition or return value of graphnet/check made wrong, in a copy of the repository.
It is killed if a test fails. Mutants that live are printed; those known to be as good as the original are listed below,
each with its reason.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = Path("graphnet/check")
TESTS = ["tests/check", "tests/wrong_rules"]
LIMIT = 300

EQUIVALENT: dict[str, str] = {
    "AT_ONCE": "how much is computed at once: a matter of speed",
    "FEW": "from where on a cut is looked for: a matter of speed",
    "TRIED": "how far a cut is looked for: a matter of speed",
    "FEWEST_RUNS": "over how many runs a sample is spread: which sample it is, is open",
    "HALVINGS": "how long a culprit is looked for: any number above the depth of the halving will do",
    "CLOSER_LOOKS": "how many suspects are looked at first: the others follow if any is excused",
    "MOST_CONTRIBUTIONS": "from where on the contributions are not computed: a matter of speed",
    "max([1.0": "the largest of no numbers: it is compared with 1 anyway",
    "figsize": "the size of a plot",
    "reshape(": "in a shape, any negative number stands for what is left",
    "strict=True": "the lengths are equal; it is said once more",
    "number(": "how many digits are shown",
    "look(suspects, alone=False)": "to look at all of them alone at once takes longer and says the same",
    "default_rng": "another seed, another equally good trial",
    "checked": "a memory of what was compared before: without it, it is compared again",
}
"""What stands in the line of a mutant that behaves as the original does, and why."""

COMPARISONS = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One change: which node of a file's syntax tree, and what it becomes."""

    file: Path
    line: int
    place: int
    what: str


def mutants(root: Path, file: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    tree = ast.parse((root / file).read_text())
    for place, node in enumerate(ast.walk(tree)):
        what = change(node, apply=False)
        if what:
            yield Mutant(file, node.lineno, place, what)


def change(node: ast.AST, *, apply: bool) -> str:
    """Return what a node would become, or nothing; make it so if asked to."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        new = COMPARISONS[type(node.ops[0])]
        what = f"{type(node.ops[0]).__name__} becomes {new.__name__}"
        if apply:
            node.ops[0] = new()
        return what
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_text(node):
        new = ARITHMETIC[type(node.op)]
        what = f"{type(node.op).__name__} becomes {new.__name__}"
        if apply:
            node.op = new()
        return what
    if isinstance(node, ast.BoolOp):
        new = ast.Or if isinstance(node.op, ast.And) else ast.And
        what = f"{type(node.op).__name__} becomes {new.__name__}"
        if apply:
            node.op = new()
        return what
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
        what = f"{type(node.op).__name__} is dropped"
        if apply:
            node.op = ast.UAdd() if not isinstance(node.op, ast.Not) else node.op
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
        return what
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        new_value = (not node.value) if isinstance(node.value, bool) else node.value * 1000 if node.value else 1
        what = f"{node.value!r} becomes {new_value!r}"
        if apply:
            node.value = new_value
        return what
    return ""


def _is_text(node: ast.BinOp) -> bool:
    """Tell whether it joins texts, or types in an annotation."""
    sides = (node.left, node.right)
    names = {"Any", "None", "int", "float", "str", "bool", "Array"}
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and (side.value is None or isinstance(side.value, str)))
        or (isinstance(side, ast.Name) and side.id in names)
        for side in sides
    )


def survives(mutant: Mutant, copy: Path) -> bool:
    """Write the mutant into the copy, run the tests, and put the original back."""
    target = copy / mutant.file
    original = target.read_text()
    tree = ast.parse(original)
    change(list(ast.walk(tree))[mutant.place], apply=True)
    target.write_text(ast.unparse(tree))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *TESTS]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, timeout=LIMIT, check=False)
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_text(original)


def reason(mutant: Mutant, root: Path) -> str:
    """Return why a mutant is as good as the original, or nothing."""
    line = (root / mutant.file).read_text().splitlines()[mutant.line - 1]
    return next((why for word, why in EQUIVALENT.items() if word in line), "")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=60, help="how many mutants, chosen at random; 0 for all")
    arguments.add_argument("--seed", type=int, default=0, help="which")
    arguments.add_argument("--file", default="*.py", help="of which files of graphnet/check")
    chosen = arguments.parse_args()
    began, alive, excused = time.perf_counter(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache"))
        files = sorted((copy / FOLDER).glob(chosen.file))
        every = [mutant for file in files for mutant in mutants(copy, file.relative_to(copy))]
        picked = every
        if chosen.count and chosen.count < len(every):
            picked = random.Random(chosen.seed).sample(every, chosen.count)
        for done, mutant in enumerate(picked, 1):
            what = f"{mutant.file}:{mutant.line}: {mutant.what}"
            if why := reason(mutant, copy):
                excused += 1
                print(f"{done:4} as good  {what} ({why})", flush=True)
            elif survives(mutant, copy):
                alive.append(mutant)
                print(f"{done:4} ALIVE    {what}", flush=True)
            else:
                print(f"{done:4} killed   {what}", flush=True)
    killed = len(picked) - excused - len(alive)
    print(f"{len(picked)} of {len(every)} mutants: {killed} killed, {excused} as good, {len(alive)} alive", end="")
    print(f"; {time.perf_counter() - began:.0f} s")
    return bool(alive)


if __name__ == "__main__":
    sys.exit(main())
