"""Functions of other libraries, and the rules they differentiate by, as ops: to be drawn, run and judged like our own."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from graphnet.common.origin import scope, written_at
from graphnet.core.graph import Graph
from graphnet.core.leaves import Input, numbers
from graphnet.core.node import Array, Node, Numbers
from graphnet.core.op import Op
from graphnet.engine.feeds import run_dtype
from graphnet.errors import MissingExtraError, OpaqueError, RuleError


class Library(ABC):
    """What is asked of a library whose functions are judged."""

    name: str

    def claims(self, value: Any) -> bool:
        """Tell whether a function, or an array, is surely of this library."""
        module = str(getattr(value, "__module__", None) or type(value).__module__)
        return module.partition(".")[0] in (self.name, f"{self.name}lib")

    @abstractmethod
    def array(self, value: Any) -> Numbers:
        """Return one of its arrays as NumPy's."""

    @abstractmethod
    def flattened(self, arguments: Sequence[Any]) -> tuple[list[tuple[list[str], Any]], Any]:
        """Return what lies within dicts, lists and tuples, each with its path from its argument's place, and what joins it."""

    @abstractmethod
    def joined(self, leaves: Sequence[Any], tree: Any) -> Sequence[Any]:
        """Return arguments again, of what lay within them."""

    @abstractmethod
    def outputs(self, function: Callable[..., Any], inputs: Sequence[Any]) -> list[Numbers | None]:
        """Return what a function gives for NumPy's arrays: each output as such, or None if it is no array of the library."""

    @abstractmethod
    def messages(
        self, function: Callable[..., Any], inputs: Sequence[Any], output: int, delta: Numbers
    ) -> list[Numbers | None]:
        """Return the error signals of the inputs for that of one output, by the library's own way back."""

    @abstractmethod
    def work(self, function: Callable[..., Any], inputs: Sequence[Any]) -> int:
        """Return about how many multiply-adds a call takes; to write a number counts as ten."""

    @abstractmethod
    def calls(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Iterator[tuple[Any, Sequence[Any]]]:
        """Yield each function with a rule of the user's own that a run calls, and what it is called with."""

    def with_parameters(self, function: Any, inputs: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """Return a function that is given its parameters too, and what it is to be called with."""
        return function, inputs

    def callable(self, function: Any) -> Any:
        """Return what is to be called."""
        return function

    def called(self, function: Any) -> str:
        """Return the name of a function."""
        name = str(getattr(function, "__name__", type(function).__name__))
        return "function" if name == "<lambda>" else name

    def rule(self, function: Any) -> Any:
        """Return the Python function that is its backward rule, as far as it can be known."""
        return function

    def parameters(self, function: Any) -> Any:
        """Return the Python function whose parameters are those of `function`."""
        return function


def needing(package: str, module: str) -> Any:
    """Return a module of this folder that needs an optional package, or raise `MissingExtraError`."""
    try:
        return import_module(f"graphnet.interop.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{package} is not installed", repair=f"Install it, for example with pip install {package}."
        ) from error


def library(name: str) -> Library:
    """Return what stands for a library: ``"torch"`` or ``"jax"``."""
    found: Library = needing(name, f"{name}_rules").LIBRARY
    return found


def without_counterpart(called: str, missing: dict[str, str], of: Library) -> OpaqueError:
    """Return the error that names all that a function calls and that has no counterpart, with the reasons that are known."""
    names = ", ".join(name + (f" ({why})" if why else "") for name, why in sorted(missing.items()))
    return OpaqueError(
        f"{called} calls what has no counterpart here: {names}",
        repair=f'With unsupported="opaque" each becomes one node, which {of.name} runs and differentiates.',
    )


class _Call:
    """A call of which some arguments are set: those that are no arrays, in their places, and those given by name."""

    def __init__(
        self, function: Any, fixed: dict[int, Any], named: dict[str, Any], join: Callable[..., Any] | None = None
    ) -> None:
        self.function, self.fixed, self.named, self.join = function, fixed, named, join

    def __call__(self, *arrays: Any) -> Any:
        rest, places = iter(arrays), range(len(arrays) + len(self.fixed))
        given: Sequence[Any] = [self.fixed[i] if i in self.fixed else next(rest) for i in places]
        return self.function(*(self.join(given) if self.join else given), **self.named)


@dataclass(frozen=True)
class ForeignOp(Op):
    """A function of another library, with the rule that this library has for the way back.

    Attributes
    ----------
    library
        Whose it is.
    function
        Called with arrays of that library.
    called
        Its name.
    names
        Of its inputs, as far as they are known.
    output
        Which of its outputs this op gives.
    single
        Whether it computes in float32, whatever it is given.
    source
        Where its rule is written, as ``"rules.py:12"``.
    """

    library: Library
    function: Callable[..., Any]
    called: str
    names: tuple[str, ...] = ()
    output: int = 0
    single: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.called)

    @property
    def settings(self) -> dict[str, Any]:
        """Which output, if it is not the first."""
        return {"output": self.output} if self.output else {}

    def input_names(self, count: int) -> list[str]:
        """Return what the function calls its inputs."""
        return [*self.names, *super().input_names(count)[len(self.names) :]][:count]

    def forward(self, *inputs: Array) -> Array:
        """Run the function, and choose the output."""
        outputs = self.library.outputs(self.function, self.given(inputs) if self.single else inputs)
        chosen = outputs[self.output] if self.output < len(outputs) else None
        if chosen is None:
            raise RuleError(f"of {len(outputs)} outputs, none is array {self.output}", repair="They count from 0.")
        return self._taken(chosen, inputs)

    def backward(self, delta: Array, output: Array, *inputs: Array) -> Any:
        """Ask the library for its way back."""
        signal, *arrays = self.given([delta, *inputs]) if self.single else [delta, *inputs]
        messages = self.library.messages(self.function, arrays, self.output, signal)
        return [None if message is None else self._taken(message, [delta]) for message in messages]

    def called_between(self) -> ForeignOp:
        """Return it with a call at other values between each call and its way back: what one leaves behind is found out."""

        def twice(*arrays: Any) -> Any:
            others = [2 * array if "float" in str(array.dtype) else array for array in arrays]
            given = self.function(*arrays)
            with suppress(Exception):  # of any kind: other values may be outside the rule's domain
                self.function(*others)
            return given

        return replace(self, function=twice)

    def work(self, inputs: Sequence[Any]) -> int:
        """Return about how many multiply-adds a run takes."""
        return self.library.work(self.function, self.given(inputs))

    def given(self, arrays: Sequence[Any]) -> list[Any]:
        """Return arrays in the precision that it computes in."""
        dtype = np.float32 if self.single else np.float64
        return [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays]

    def _taken(self, array: Any, beside: Sequence[Any]) -> Numbers:
        """Return an array in the precision of what it was computed from."""
        kinds = [each.dtype for each in beside if each.dtype.kind == "f"]
        taken: Numbers = array
        return taken.astype(np.result_type(*kinds)) if self.single and kinds and taken.dtype.kind == "f" else taken


class Held(Op):
    """Its input, from which no error signal comes back: torch's ``detach``, JAX's ``stop_gradient``."""

    held = True

    def forward(self, z: Array) -> Array:
        """Return z."""
        return z

    def backward(self, delta: Array, output: Array, z: Array) -> Array:
        """Return None: there is no error signal."""
        return (None,)


def foreign_op(
    of: Library, function: Any, output: int, fixed: dict[int, Any], named: dict[str, Any], tree: Any = None,
    paths: Sequence[Sequence[str]] = (),
) -> ForeignOp:  # fmt: skip
    """Make an op of one output of a function; of what lies within its arguments, if there is a tree to join it by."""
    bare = _bare(function)
    call = of.callable(function)
    if fixed or named or paths:
        call = _Call(call, fixed, named, partial(of.joined, tree=tree) if paths else None)
    names = signature_names(of.parameters(bare)) if bare is function else ()
    names = tuple(path_names(names, paths)) if paths else names
    names = tuple(name for place, name in enumerate(names) if place not in fixed and name not in named)
    return ForeignOp(of, call, of.called(bare), names, output, source=written_at(of.rule(bare)))


def as_source(outputs: Sequence[Node], inputs: Iterable[Any]) -> Graph:
    """Return the graph of outputs, with its inputs in the order that the source has them in."""
    return Graph(outputs, inputs=[each for each in inputs if isinstance(each, Input)])


def scoped(path: str) -> AbstractContextManager[None]:
    """Open the scope of a path, if there is one."""
    return scope(path) if path else nullcontext()


def foreign_rules(f: Any, arguments: Sequence[Any], of: Library | None = None) -> tuple[list[ForeignOp], list[Numbers]]:
    """Return an op for each output of a foreign function that has real numbers, and its arguments as arrays.

    Nothing, if it is not of a library that was imported, or of the one given. Arguments that are neither arrays nor tensors
    are settings.

    Raises
    ------
    RuleError
        If the function itself fails on these arguments.
    """
    found = [library(name) for name in ("torch", "jax") if name in sys.modules]
    within = {each: each.flattened(arguments) for each in ([of] if of is not None else found)}
    sure = [of] if of is not None else [
        each for each, (leaves, _) in within.items() if any(map(each.claims, (_bare(f), *(leaf for _, leaf in leaves))))
    ]  # fmt: skip
    problems = []
    for each in sure or (found if callable(f) else []):
        leaves, tree = within[each]
        paths = [path for path, _ in leaves]
        fixed = {place: value for place, (_, value) in enumerate(leaves) if not _is_array(each, value)}
        arrays = [_as_array(each, value) for place, (_, value) in enumerate(leaves) if place not in fixed]
        dtype = run_dtype(arrays)  # of all of them: a module in float32 may be given an array in float64
        arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays]
        op = foreign_op(each, f, 0, fixed, {}, tree, paths if any(len(path) > 1 for path in paths) else ())
        for single in (False, True):
            op = replace(op, single=single)
            try:
                outputs = each.outputs(op.function, op.given(arrays))
            except Exception as error:  # of any kind: it is the function's own
                problems.append(error)
                continue
            dtypes = {place: value.dtype for place, value in enumerate(outputs) if value is not None}
            real = [place for place, dtype in dtypes.items() if dtype.kind == "f"]
            if not single and any(dtypes[place] != np.float64 for place in real):
                continue  # it computes in float32 whatever it is given
            if real:
                return [replace(op, output=place) for place in real], arrays
    if sure:
        raise RuleError(
            f"{sure[0].called(_bare(f))} of {sure[0].name} gave no real numbers for these arguments"
            + (f": {type(problems[0]).__name__}: {problems[0]}" if problems else ""),
            repair="Give the arguments that it is called with; what is no array or tensor is passed on as it is.",
        )
    return [], []


def _is_array(of: Library, value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) or (of.claims(value) and hasattr(value, "dtype"))


def _as_array(of: Library, value: Any) -> Numbers:
    return of.array(value) if of.claims(value) else numbers(value, "an argument")


def _bare(f: Any) -> Any:
    while isinstance(f, partial):
        f = f.func
    return f


def path_names(names: Sequence[str], paths: Sequence[Sequence[str]]) -> list[str]:
    """Return names for what lies within arguments: the parameter's, and the path from there."""
    return ["/".join([dict(enumerate(names)).get(int(first), f"x{first}"), *rest]) for first, *rest in paths]


def signature_names(function: Any) -> tuple[str, ...]:
    """Return the names of a function's positional parameters; none if they can't be known."""
    if (names := getattr(function, "names", None)) is not None:
        return tuple(names)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return tuple(each.name for each in parameters if each.kind in kinds)
