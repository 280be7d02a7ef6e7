"""Which cell or test covers each point of the tutorials' checklist (tutorials/README.md).

    python -m tools.coverage_of_source

A point is covered by a cell, one for tests mostly, that bears its number in a comment, as ``# S14``, and asserts something;
or by a test that has the number in its name.
"""

import re
import sys
from pathlib import Path

from tools.notebooks import read, sources

TESTS = Path(__file__).parent.parent / "tests"
POINTS = [f"S{n:02}" for n in [*range(1, 10), *range(10, 23), *range(30, 48), *range(50, 54)]]
ASSERTS = re.compile(r"^\s*assert\b|np\.testing\.assert_|raise_if_failed\(", re.MULTILINE)


def coverage() -> dict[str, list[str]]:
    """Return, for each point, the cells and tests that cover it."""
    found: dict[str, list[str]] = {point: [] for point in POINTS}
    for source in sources():
        for cell in read(source, tests=True).cells:
            if cell.cell_type == "code" and ASSERTS.search(cell.source):
                comments = " ".join(re.findall(r"#(.*)", cell.source))
                for point in sorted(set(re.findall(r"\bS\d\d\b", comments))):
                    found.setdefault(point, []).append(f"{source.stem}, {cell.id}")
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in re.findall(r"^def (test_\w*S\d\d\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            for point in re.findall(r"S\d\d", test):
                found.setdefault(point, []).append(f"{path.name}, {test}")
    return found


def main() -> int:
    found = coverage()
    for point, places in found.items():
        print(f"{point}  {'; '.join(places) or 'MISSING'}")
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
