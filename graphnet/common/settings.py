"""Arguments of the plain kinds: what is not a number, a list or a generator is refused by name, in one way everywhere."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np

from graphnet.common.origin import warn
from graphnet.errors import GraphError, GraphnetError, RuleError, shown

Proportion: TypeAlias = float
"""A setting from 0 to less than 1."""

NotNegative: TypeAlias = float
"""A setting from 0."""

Positive: TypeAlias = float
"""A setting above 0."""

Decay: TypeAlias = float
"""A setting above 0, and 1 at most."""

Count: TypeAlias = int
"""A setting from 1."""

Pair: TypeAlias = tuple[int, int]
"""Two settings from 0, for rows and columns."""

Steps: TypeAlias = tuple[int, int]
"""Two settings from 1, for rows and columns."""

LARGEST_COUNT = 2**48
"""What no count or size reaches on any machine: NumPy's own errors beyond it name no argument."""


def real(
    value: Any,
    what: str,
    error: type[GraphnetError] = GraphError,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    finite: bool = True,
) -> float:
    """Return a setting as a float; raise `error` if it is no real number within the limits, and a finite one unless told so."""
    try:
        is_number = isinstance(value, (int, float, np.integer, np.floating))
        number = float(value) if is_number and not isinstance(value, (bool, np.timedelta64)) else None
    except OverflowError:
        number = None
    limits = {"above": above, "at least": least, "below": below, "at most": most}
    words = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
    if number is None or not (
        (not finite or math.isfinite(number))
        and (above is None or number > above)
        and (least is None or number >= least)
        and (below is None or number < below)
        and (most is None or number <= most)
    ):
        repair = "Choose a value in this range." if words else "Write for example 0.1."
        words = words or "that is finite" * (number is not None)
        raise error(f"{what} is {shown(value)}, expected a number{words and f' {words}'}", repair=repair)
    return number


def whole(
    value: Any,
    what: str,
    repair: str = "Give a whole number.",
    *,
    least: int = -LARGEST_COUNT,
    most: int = LARGEST_COUNT,
    error: type[GraphnetError] = GraphError,
) -> int:
    """Return a setting as an int; raise `error` if it is no integer, or out of range."""
    try:
        number = None if isinstance(value, (bool, np.ndarray, np.timedelta64)) else operator.index(value)
    except Exception:  # of any kind: values of other libraries raise what they like
        number = None
    if number is None or not least <= number <= most:
        limits = "" if -least == most else f" ≥ {least}" if most == LARGEST_COUNT else f" from {least} to {most}"
        raise error(f"{what} is {shown(value)}, expected an integer{limits}", repair=repair)
    return number


def flag(value: Any, what: str, error: type[GraphnetError] = GraphError) -> bool:
    """Return a setting as true or false; raise `error` if it is neither."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise error(f"{what} is {shown(value)}, expected True or False", repair="Write True or False.")


def text(value: Any, what: str, error: type[GraphnetError] = GraphError) -> str:
    """Return a setting as text; raise `error` if it is none."""
    if isinstance(value, str):
        return str(value)
    raise error(f"{what} is {shown(value)}, expected text", repair='Write it in quotes, as "mean".')


def listed(values: Any, what: str, of: str, error: type[GraphnetError] = GraphError, repair: str = "") -> list[Any]:
    """Return what is given as several things as a list, so that an iterator is read once; raise `error` if it is none."""
    try:
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes, bytearray, set, frozenset, Mapping)):
            return list(values)
    except Exception:  # as a node raises, or an array of no dimension
        pass
    raise error(
        f"{what} is {shown(values)}, expected a list of {of}", repair=repair or f"Write {what}=[...], in order."
    )


def setting(value: Any, kind: str, what: str) -> Any:
    """Return a setting of a built-in op as the kind that its field is annotated with; raise `GraphError` if it is none."""
    kind = _LONG_FOR.get(kind, kind)
    if value is None and kind.endswith("| None"):
        return None
    if kind in _PLAIN:
        return _PLAIN[kind](value, what)
    if kind.startswith("Literal["):
        if isinstance(value, str) and repr(value) in kind:
            return value
        raise GraphError(f"{what} is {shown(value)}, expected one of {kind[8:-1]}", repair="Write one of these.")
    if kind.startswith(("int |", "float |")) and not isinstance(value, tuple):
        return (whole if kind.startswith("int") else real)(value, what)
    if not isinstance(value, tuple) or (kind in _PAIRS and len(value) != 2):
        raise GraphError(
            f"{what} is {shown(value)}, expected a tuple", repair="Or use the function, which takes lists."
        )
    if kind == "Index":
        if not all(
            item is None or item == "..." or (isinstance(item, tuple) and len(item) == 3) or type(item) is int
            for item in value
        ):
            raise GraphError(f"{what} is {shown(value)}, expected an index", repair="Write z[1, 2:4] instead.")
        return value
    read = _PAIRS.get(kind, real if "float" in kind else whole)
    unknown = "int | None," in kind  # of sizes, one may be known only when fed
    return tuple(
        None if entry is None and unknown else read(entry, f"entry {i} of {what}") for i, entry in enumerate(value)
    )


_LONG_FOR = {"Axes": "int | tuple[int, ...] | None"}

_PLAIN: dict[str, Callable[..., Any]] = {
    "int": whole,
    "float": real,
    "float | None": real,
    "Count": partial(whole, least=1),
    "Decay": partial(real, above=0, most=1),
    "Proportion": partial(real, least=0, below=1),
    "Positive": partial(real, above=0),
    "NotNegative": partial(real, least=0),
    "bool": flag,
    "str": text,
}
"""How a setting of one value is checked, by its annotation."""

_PAIRS = {"Pair": partial(whole, least=0), "Steps": partial(whole, least=1)}
"""How each of two values is checked."""


def check_settings(of: Any, error: type[GraphnetError]) -> None:
    """Raise `error` unless the settings of a dataclass are of the kinds that its fields are annotated with."""
    for each in fields(of):
        value, (kind, may_be_none, _) = getattr(of, each.name), str(each.type).partition(" | None")
        if each.init and kind in _PLAIN and not (may_be_none and value is None):
            _PLAIN[kind](value, each.name, error=error)


def generator(rng: Any, error: type[GraphnetError] = GraphError) -> None:
    """Raise `error` unless `rng` is a generator of random numbers."""
    if not isinstance(rng, np.random.Generator):
        raise error(f"rng is {shown(rng)}, expected a generator", repair="Write rng=np.random.default_rng(0).")


def takes(function: Any, count: int, what: str, error: type[GraphnetError] = GraphError) -> None:
    """Raise `error` if it can be seen that a function does not take this many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError as problem:
        raise error(
            f"{what} is {shown(function)}, which can't be called with {count} arguments: {problem}",
            repair=f"Give a function of {count}.",
        ) from None
    except ValueError:
        pass  # it is not written in Python, and has no signature


def op_function(value: Any, what: str) -> None:
    """Raise `GraphError` unless a setting is a function to apply to nodes."""
    if not callable(value) or isinstance(value, type):
        raise GraphError(
            f"{what} is {shown(value)}, expected an op function", repair="Give a function, as gn.tanh, not its name."
        )
    takes(value, 1, what)


Given = ParamSpec("Given")
Result = TypeVar("Result")


def called(
    example: str, error: type[GraphnetError] = GraphError
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Raise `error`, which shows a right call, where a function is called with arguments that it does not have; a decorator."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @functools.wraps(function)
        def checked(*args: Given.args, **named: Given.kwargs) -> Result:
            try:
                return function(*args, **named)
            except TypeError as problem:
                try:
                    inspect.signature(function).bind(*args, **named)
                except TypeError:
                    raise error(str(problem), repair=f"Write {example}.") from None
                raise

        return checked

    return decorate


Kind = TypeVar("Kind", bound=type[Any])


def renamed(**names: str) -> Callable[[Kind], Kind]:
    """Keep the old names of a class's settings working, as keywords and as attributes, each with a `DeprecationWarning`."""

    def new_name(kind: type, old: str) -> str:
        warn(f"{old} of {kind.__name__} is called {names[old]} now", DeprecationWarning)
        return names[old]

    def decorate(kind: Kind) -> Kind:
        init = kind.__init__

        @functools.wraps(init)
        def with_old_names(self: Any, *args: Any, **settings: Any) -> None:
            for old in [name for name in names if name in settings]:
                settings[new_name(kind, old)] = settings.pop(old)
            init(self, *args, **settings)

        def read(old: str, self: Any) -> Any:
            return getattr(self, new_name(kind, old))

        kind.__init__ = with_old_names
        for old in names:
            setattr(kind, old, property(functools.partial(read, old)))
        return kind

    return decorate


def parameters_of(forward: Callable[..., Any], kind: str) -> list[inspect.Parameter]:
    """Return the parameters of a forward rule; raise `RuleError` if it has none, or no name."""
    name = getattr(forward, "__name__", "")
    try:  # a ufunc has a signature since NumPy 2.4, but its parameters are settings
        parameters = [] if isinstance(forward, np.ufunc) else list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if not name or not parameters:
        raise RuleError(
            f"@{kind} got {shown(forward)}, which has no {'parameters' if name else 'name'} to go by",
            repair="Write it as a def with one parameter for each input.",
        )
    return parameters


def with_name(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature of what makes a node, which takes a name for it beside what it is made of."""
    parameters = [p for p in signature.parameters.values() if p.name != "name"]
    return signature.replace(
        parameters=[*parameters, inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None)]
    )


def is_setting(parameter: inspect.Parameter) -> bool:
    """Tell whether a parameter of a forward rule is a setting: it has a default, or is given by name."""
    return parameter.default is not parameter.empty or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD)
