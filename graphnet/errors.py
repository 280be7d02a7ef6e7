"""Every error that graphnet raises on purpose.

Each message says where (the node, its op, the source line that made it), what was expected, what came, and the likely
repair. The code that finds a mistake knows what is wrong; the code around it knows the place. So an error is raised
with its problem and repair, and located on its way out.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Self

FULL_TRACEBACK = "GRAPHNET_FULL_TRACEBACK"
"""Environment variable: where it is set, our own lines are shown too."""


def shown(value: object, most: int = 200) -> str:
    """Return a value as messages show it: its `repr` on one line, shortened; its type, if that fails."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an int of too many digits, an object whose own repr is broken
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}…"


class GraphnetError(Exception):
    """The root of graphnet's errors.

    Parameters
    ----------
    problem
        What was expected and what came.
    repair
        What most likely mends it.

    Attributes
    ----------
    subject : str
        What the problem is about, as ``"sse 'E'"``; empty until located.
    where : tuple of str
        Lines naming the nodes involved and the source lines that made them.

    Examples
    --------
    >>> print(ShapeError("got (2, 3)", repair="Transpose it.").locate("matmul 'z'", ["x: made at net.py:3"]))
    matmul 'z': got (2, 3)
      x: made at net.py:3
      Transpose it.
    """

    def __init__(self, problem: str, *, repair: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.repair = repair
        self.subject = ""
        self.where: tuple[str, ...] = ()

    def locate(self, subject: str, where: Sequence[str] = ()) -> Self:
        """Add the place, unless a closer one is known already; return the error itself."""
        if not self.subject:
            self.subject = subject
            self.where = tuple(where)
        return self

    def __str__(self) -> str:
        first = f"{self.subject}: {self.problem}" if self.subject else self.problem
        return "\n  ".join([first, *self.where, *([self.repair] if self.repair else [])])

    def _render_traceback_(self) -> list[str]:
        """Return what is shown in place of the traceback: the user's lines, also inside rules, and the message.

        IPython asks for it; elsewhere it is shown of an error that ends the program. All of it is in ``__traceback__`` as
        ever: ``traceback.print_exception(error)``.
        """
        told = traceback.TracebackException.from_exception(self)
        part: traceback.TracebackException | None = told
        while part is not None and not os.environ.get(FULL_TRACEBACK):
            part.stack = traceback.StackSummary.from_list(_theirs(part.stack) or part.stack)
            cause = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
            if cause is not None and not _theirs(cause.stack):  # what the message says already
                part.__cause__, part.__suppress_context__, cause = None, True, None
            part = cause
        return "".join(told.format()).splitlines()


def _theirs(frames: traceback.StackSummary) -> list[traceback.FrameSummary]:
    """Return the user's own frames: neither ours, nor those of Python and IPython."""
    return [frame for frame in frames if not _is_internal(frame.filename)]


def _is_internal(file: str) -> bool:
    ours, of_python = (file.startswith(os.path.dirname(module) + os.sep) for module in (__file__, os.__file__))
    return ours or f"{os.sep}IPython{os.sep}" in file or (of_python and "site-packages" not in file)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error that ends the program: one of ours by the user's lines, any other as ever."""
    if isinstance(error, GraphnetError):
        print("\n".join(error._render_traceback_()), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if sys.excepthook is sys.__excepthook__:  # a hook that somebody else has set stays
    sys.excepthook = _show


class GraphnetWarning(UserWarning):
    """What computes, but hardly what is meant. Shown once for each place in the user's code.

    Examples
    --------
    >>> issubclass(GraphnetWarning, UserWarning)
    True
    """


class GraphError(GraphnetError, ValueError):
    """A graph that can't be: empty, cyclic, a name used twice, a node of another graph.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.Graph([])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    GraphError: ...
    """


class ShapeError(GraphnetError, ValueError):
    """Shapes that don't fit, found when the node is made or when arrays are fed.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.matmul(gn.input("x", (None, 2)), [[1.0, 2.0, 3.0]])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ShapeError: ...
    """


class UnknownSizeError(ShapeError):
    """A rule needs the number behind a ``None`` size.

    Examples
    --------
    >>> issubclass(UnknownSizeError, ShapeError)
    True
    """


class DtypeError(GraphnetError, TypeError):
    """A dtype that graphnet does not compute with.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.constant(["a", "b"])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    DtypeError: ...
    """


class FeedError(GraphnetError, ValueError):
    """A feed that is missing, unknown or given twice.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.forward(gn.tanh(gn.input("x")), {})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    FeedError: ...
    """


class OpaqueError(GraphnetError, TypeError):
    """Something was asked of a node that only an array can answer.

    Examples
    --------
    >>> import graphnet as gn
    >>> bool(gn.parameter("w", 1.0) > 0)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    OpaqueError: ...
    """


class RuleError(GraphnetError):
    """A forward or backward rule broke its contract: count, shape, dtype, or it raised.

    Examples
    --------
    >>> import graphnet as gn
    >>> @gn.op
    ... def wrong(z):
    ...     return 2 * z
    >>> @wrong.backward
    ... def rule(delta, a, z):
    ...     return delta[:1]
    >>> gn.backward(gn.sum(wrong(gn.parameter("w", [1.0, 2.0]))), {})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    RuleError: ...
    """


class NoBackwardRuleError(RuleError):
    """An error signal arrived at an op that has no backward rule.

    Examples
    --------
    >>> import graphnet as gn
    >>> @gn.op
    ... def twice(z):
    ...     return 2 * z
    >>> gn.backward(gn.sum(twice(gn.parameter("w", [1.0]))), {})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    NoBackwardRuleError: ...
    """


class UnreachableError(GraphnetError, LookupError):
    """The output does not depend on the node differentiably, so that there is no gradient to give.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.gradients(gn.sum(gn.parameter("w", [1.0])), [gn.parameter("v", [1.0])])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    UnreachableError: ...
    """


class NonFiniteError(GraphnetError, ArithmeticError):
    """A value or an error signal became infinite or NaN; names the first node where it did.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.forward(gn.sum(gn.parameter("w", [float("inf")])), {}, on_nonfinite="raise")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    NonFiniteError: ...
    """


class GradientCheckError(GraphnetError, AssertionError):
    """A gradient check failed; the message is the report.

    Examples
    --------
    >>> import graphnet as gn
    >>> @gn.op
    ... def twice(z):
    ...     return 2 * z
    >>> @twice.backward
    ... def rule(delta, a, z):
    ...     return delta
    >>> gn.check_op(twice, [1.0, 2.0]).raise_if_failed()  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    GradientCheckError: ...
    """


class PlanError(GraphnetError, MemoryError):
    """A compiled program can't be made on this machine.

    Examples
    --------
    >>> issubclass(PlanError, MemoryError)
    True
    """


class DrawError(GraphnetError):
    """A picture can't be made: an unknown format, or nothing on this machine that draws it.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.draw(gn.input("x")).save("net.drawing")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    DrawError: ...
    """


class MissingExtraError(GraphnetError, ImportError):
    """A library that only some users need is not installed.

    Examples
    --------
    >>> issubclass(MissingExtraError, ImportError)
    True
    """


class OverwrittenError(GraphnetError, ImportError):
    """The package's first file is another's: one of the same import name was installed over it, or removed with it.

    Examples
    --------
    >>> issubclass(OverwrittenError, ImportError)
    True
    """


class TrainingError(GraphnetError, ValueError):
    """Settings or data that training can't start with.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.GradientDescent(-1.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    TrainingError: ...
    """


class SaveError(GraphnetError, OSError):
    """A file can't be written, or something can't be written down in one; a file that was there is as it was.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.save("no/such/folder/net.gn", gn.parameter("w", 1.0))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    SaveError: ...
    """


class LoadError(GraphnetError, OSError):
    """A file can't be read: not there, of another kind or version, damaged, or not what its user expects.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.load("no-such-file.gn")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    LoadError: ...
    """


class TargetError(GraphnetError, ValueError):
    """What the command line was asked to work on can't be used: a file, a function in it, or what that returned.

    Examples
    --------
    >>> issubclass(TargetError, ValueError)
    True
    """
