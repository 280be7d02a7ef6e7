"""Print the figures by which the shape of the code is judged: its size, its rooms, and what it takes to follow one call.

python -m tools.figures
"""

from __future__ import annotations

import ast
import io
import sys
import tempfile
import tokenize
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphnet as gn

ROOT = Path(gn.__file__).parent
NUCLEUS = (
    "errors.py", "core/*.py", "engine/run.py", "engine/rules.py", "engine/feeds.py", "engine/passes.py",
    "engine/gradients.py", "ops/arithmetic.py", "ops/linear.py", "ops/activations.py", "ops/losses.py",
)  # fmt: skip
"""What a network is, and how error signals flow: an afternoon's reading."""
_LAYER = "an op of arrays, and the layer that makes its parameters"
SHARED = {
    **dict.fromkeys(("batch_norm", "conv2d", "dropout", "layer_norm"), _LAYER),
    "Constant": "a leaf of a graph, and gn.schedules.Constant beside gn.schedules.Cosine",
    "draw": "the function, and the command that calls it",
    "LIBRARY": "what interop.foreign looks up in the file of each library's rules",
    "read": "what makes a graph, in the file of each kind of source",
}
"""Public names that stand in two files, each with the reason."""
SKIPPED = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
)  # fmt: skip


def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines with code: no docstrings, comments or blanks."""
    source = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SKIPPED:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def nucleus() -> list[Path]:
    """Return the files that are marked as the afternoon's reading."""
    return sorted(path for pattern in NUCLEUS for path in ROOT.glob(pattern))


def top_names(path: Path) -> Iterator[str]:
    """Yield the names without underscore that a file defines at module level."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def names_in_several_files() -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in files():
        for name in top_names(path):
            if not name.startswith("_"):
                found[name].add(str(path.relative_to(ROOT)))
    return {name: sorted(places) for name, places in sorted(found.items()) if len(places) > 1}


def import_lines(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return len({line for node in imports for line in range(node.lineno, (node.end_lineno or 0) + 1)})


def imports_between(paths: list[Path]) -> dict[str, set[str]]:
    """Return for each module which others of its folder it imports, anywhere but for annotations."""
    modules = {module_name(path): path for path in paths}
    found: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            waiting += ast.iter_child_nodes(node)
            if isinstance(node, ast.ImportFrom) and node.module:
                below = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [other if other in modules else node.module for other in below]
                found[name] |= {other for other in wanted if other in modules and modules[other].parent == path.parent}
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles() -> list[list[str]]:
    """Return the groups of modules that import each other in a circle."""
    ahead = imports_between(files())

    def reached(start: str) -> set[str]:
        seen, waiting = set[str](), [start]
        while waiting:
            for name in ahead[waiting.pop()] - seen:
                seen.add(name)
                waiting.append(name)
        return seen

    reaches = {name: reached(name) for name in ahead}
    groups = {tuple(sorted(n for n in ahead if n in reaches[m] and m in reaches[n])) for m in ahead if m in reaches[m]}
    return sorted(map(list, groups))


def entered(call: Callable[[], Any]) -> set[str]:
    """Return the files of the package in which a function runs during a call, the second time it is made."""
    call()
    found: set[str] = set()

    def note(frame: Any, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(ROOT)):
            found.add(name)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def calls() -> dict[str, Callable[[], Any]]:
    """Return what a user does on the first day, on the 2-3-1 network."""
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
    a = gn.layers.dense(
        gn.layers.dense(x, 3, gn.tanh, rng=np.random.default_rng(0)), 1, None, rng=np.random.default_rng(1)
    )
    E = gn.sse(a, t)
    data = {x: np.ones((4, 2)), t: np.ones((4, 1))}
    page = Path(tempfile.mkdtemp()) / "network.html"
    return {
        "fit": lambda: gn.fit(E, data, optimizer=gn.GradientDescent(0.1), epochs=2, rng=np.random.default_rng(0)),
        "derive": lambda: str(gn.derive(E)),
        "draw": lambda: gn.draw(E).to_svg(),
        "page": lambda: gn.draw(gn.backward(E, data)).save(page),
    }


def main() -> None:
    paths = files()
    lines = {path: len(code_lines(path)) for path in paths}
    total = sum(lines.values())
    rooms: dict[str, list[int]] = defaultdict(list)
    for path, count in lines.items():
        parts = path.relative_to(ROOT).parts
        rooms[parts[0] if len(parts) > 1 else "."].append(count)
    for room, counts in sorted(rooms.items()):
        print(f"{sum(counts):7d} lines in {len(counts):3d} files  {room}")
    several = {name: places for name, places in names_in_several_files().items() if name not in SHARED}
    print(f"{total:7d} lines of code in {len(paths)} files")
    print(f"{sum(lines[path] for path in nucleus()):7d} lines in the nucleus")
    print(f"{100 * sum(map(import_lines, paths)) / total:7.1f} % of them imports")
    print(f"{len(several):7d} names defined in several files: {', '.join(several)}")
    print(f"{len(circles()):7d} circles of imports: {'; '.join(' ↔ '.join(c) for c in circles())}")
    for name, call in calls().items():
        print(f"{len(entered(call)):7d} files entered by {name}")


if __name__ == "__main__":
    main()
