"""The changes: one operator, constant or condition of a file made wrong, each a mutant of its own."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "graphnet" / "check", ROOT / "graphnet" / "engine" / "perturb")

Change = tuple[Any, str | int, Any]
"""Where a change is made, a dictionary or list; under which key; and what becomes of it."""
OTHER: dict[type[ast.AST], type[ast.AST]] = {
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
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
"""What an operator becomes."""
GUARDS = {"strict", "frozen"}
"""Settings that change nothing but an error on a mistake in the code."""
TYPES = {"Any", "None", "int", "float", "str", "bool", "Array", "Numbers"}
SHOWN = (ast.Call, ast.Subscript, ast.Compare, ast.BinOp, ast.BoolOp, ast.IfExp, ast.arguments, ast.stmt)
KNOWN_BY = 20
"""Characters that an expression must have at least to be known by: of a shorter one, what it is part of is shown."""


def files(pattern: str = "*.py", folders: Sequence[Path] = FOLDERS) -> list[Path]:
    """Return the files of folders, those of the checks if not told otherwise."""
    return sorted(path for folder in folders for path in folder.glob(pattern))


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    path, line
        The file, and where in it.
    lines
        Those that a test must run to notice; none outside of functions, which is run on import.
    function
        Dotted name of the function or class that it is in; empty at the top level.
    before, after
        The expression around the change; at the top level the statement.
    node, choice
        Which node of the file's syntax tree is changed, and which of its changes it is.
    """

    path: Path
    line: int
    lines: range
    function: str
    before: str
    after: str
    node: int
    choice: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by, for as long as the expression stays what it is."""
        return self.path.name, self.function, self.after

    def __str__(self) -> str:
        where = " ".join([f"{self.path.name}:{self.line}", self.function]).strip()
        return f"{where}: {self.before}  →  {self.after}"

    def code(self) -> CodeType:
        """Return the file, compiled, with the change made."""
        tree = ast.parse(self.path.read_text())
        node = next(node for i, node in enumerate(ast.walk(tree)) if i == self.node)
        with _made(list(_changes(node))[self.choice]):
            return compile(ast.fix_missing_locations(tree), str(self.path), "exec")


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    parents = {child: parent for parent in nodes for child in ast.iter_child_nodes(parent)}
    never_run = {part for node in nodes for one in _never_run(node) for part in ast.walk(one)}
    for number, node in enumerate(nodes):
        if node in never_run or (isinstance(parents.get(node), ast.keyword) and parents[node].arg in GUARDS):
            continue
        for choice, change in enumerate(_changes(node)):
            around = [node]
            while around[-1] in parents:
                around.append(parents[around[-1]])
            function = ".".join(one.name for one in around[::-1] if isinstance(one, (ast.FunctionDef, ast.ClassDef)))
            statement = next(one for one in around if isinstance(one, ast.stmt))
            shown = next(one for one in around if one is statement or (function and _is_telling(one)))
            before = _text(shown)
            with _made(change):
                after = _text(shown)
            later = next((one for one in around if isinstance(one, (ast.FunctionDef, ast.Lambda))), None)
            part = later if isinstance(later, ast.Lambda) else statement
            lines = _lines(part) if later else range(0)
            yield Mutant(path, statement.lineno, lines, function, before, after, number, choice)


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield what can be changed in a node."""
    own = vars(node)
    match node:
        case ast.Compare():
            yield from ((node.ops, i, OTHER[type(op)]()) for i, op in enumerate(node.ops))
        case ast.BinOp() | ast.BoolOp() if type(node.op) in OTHER and not _is_of_texts_or_types(node):
            yield own, "op", OTHER[type(node.op)]()
        case ast.UnaryOp(op=ast.Not()):
            yield own, "operand", ast.UnaryOp(ast.Not(), node.operand)
        case ast.UnaryOp():
            yield own, "op", ast.UAdd()
        case ast.If() | ast.IfExp() | ast.While() if isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)):
            yield own, "test", ast.UnaryOp(ast.Not(), node.test)
        case ast.Constant(value=bool()):
            yield own, "value", not node.value
        case ast.Constant(value=int() | float()):
            yield own, "value", node.value * 1000 or 1


@contextmanager
def _made(change: Change) -> Iterator[None]:
    """Make a change for a while."""
    container, key, new = change
    old, container[key] = container[key], new
    yield
    container[key] = old


def _lines(statement: ast.stmt | ast.Lambda) -> range:
    """Return the lines of a statement: without its body, if it has one, but for a function, whose defaults matter in it."""
    body, end = getattr(statement, "body", None), statement.end_lineno or statement.lineno
    if isinstance(body, list) and not isinstance(statement, ast.FunctionDef):
        end = max(statement.lineno, body[0].lineno - 1)
    return range(statement.lineno, end + 1)


def _never_run(node: ast.AST) -> list[ast.AST]:
    """Return what of a node is for readers of types alone."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return [node]
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        return [node]
    return [one for one in (getattr(node, "annotation", None), getattr(node, "returns", None)) if one]


def _is_telling(node: ast.AST) -> bool:
    return isinstance(node, SHOWN) and len(ast.unparse(node)) >= KNOWN_BY


def _is_of_texts_or_types(node: ast.BinOp | ast.BoolOp) -> bool:
    """Tell whether it joins texts, or types in an annotation."""
    return isinstance(node, ast.BinOp) and any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and (side.value is None or isinstance(side.value, str)))
        or (isinstance(side, ast.Name) and side.id in TYPES)
        for side in (node.left, node.right)
    )


def _text(node: ast.AST) -> str:
    """Return a node as text, a compound statement without its body."""
    if not isinstance(getattr(node, "body", None), list):
        return ast.unparse(node)
    bare = copy.copy(node)
    bare.body, bare.orelse = [ast.Pass()], []
    return ast.unparse(bare).removesuffix("\n    pass").removesuffix(":")
