"""Ops made of plain functions: ``@op``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphnet.common.settings import is_setting, parameters_of, with_name
from graphnet.core.node import Array
from graphnet.core.op import Op, not_by_name, positional_parameters
from graphnet.errors import GraphError, RuleError, shown


@dataclass(frozen=True)
class FunctionOp(Op):
    """An op made of two plain functions by `op`."""

    forward_rule: Callable[..., Any]
    backward_rule: Callable[..., Any] | None
    shape_rule: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.forward_rule.__name__)
        object.__setattr__(self, "forward", self.forward_rule)
        if self.backward_rule is not None:
            object.__setattr__(self, "backward", self.backward_rule)
        if self.shape_rule is not None:
            object.__setattr__(self, "shape", self.shape_rule)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return as_op, (_found(self.forward_rule, self.name, lambda each: isinstance(each, op) and each.op == self)[1],)

    @property
    def has_backward(self) -> bool:
        """Whether it has a backward rule."""
        return self.backward_rule is not None

    @property
    def settings(self) -> dict[str, Any]:
        """None: an op made of functions has no settings."""
        return {}


class op:
    """Make an op of a plain function: its forward rule. Give it a backward rule with ``@name.backward``.

    Parameters
    ----------
    forward
        The forward rule, over NumPy's functions and operators.

    Raises
    ------
    RuleError
        If `forward` is not a function of inputs alone: a setting, as a parameter with a default, needs a class.
    NoBackwardRuleError
        In a backward pass, if no backward rule was given before the node was made.

    Examples
    --------
    >>> import numpy as np
    >>> @op
    ... def cube(z):
    ...     return z * z * z
    >>> @cube.backward
    ... def cube_backward(delta, a, z):
    ...     return delta * 3 * z * z
    >>> cube(np.array([2.0]))
    array([8.])
    """

    def __init__(self, forward: Callable[..., Any] | None = None) -> None:
        if not callable(forward):
            problem = f"@{type(self).__name__} decorates a function, got {shown(forward)}"
            raise RuleError(problem, repair=f"Write @gn.{type(self).__name__} above a def.")
        self._op = self._made(forward, parameters_of(forward, type(self).__name__))
        self.__name__ = forward.__name__
        self.__doc__ = forward.__doc__
        self.__wrapped__ = forward
        self.__signature__ = with_name(inspect.signature(forward))
        self.__module__ = getattr(forward, "__module__", "")

    def _made(self, forward: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> Op:
        name = forward.__name__
        for parameter in filter(is_setting, parameters):
            raise RuleError(
                f"@op {name}: {parameter} is a setting, and all parameters must be inputs, which are nodes or arrays",
                repair="Settings are the fields of a class: under @dataclass(frozen=True), write class "
                f"{name.title().replace('_', '')}(gn.Op) with a line {parameter.name}: float, and methods "
                "forward(self, z) and backward(self, delta, a, z). Of known ops alone, @gn.composite takes settings.",
            )
        return FunctionOp(forward, None)

    def _with(self, **rule: Callable[..., Any]) -> Op:
        return replace(self._op, **rule)

    @property
    def op(self) -> Op:
        """The op, with the backward rule given last."""
        return self._op

    def backward(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Register the backward rule ``rule(delta, output, *inputs)``; a decorator that returns `rule` unchanged.

        Nodes keep the rules they were made with: build the network after this.
        """
        if isinstance(rule, type) or not callable(rule):
            raise RuleError(
                f"@{self.__name__}.backward decorates a function, got {shown(rule)}",
                repair=f"To call the rule, use {self.__name__}.op.backward(delta, output, *inputs).",
            )
        _require_arguments(self._op, rule)
        if getattr(rule, "__name__", "") == self.__name__ != "<lambda>":
            raise RuleError(
                f"the backward rule of {self.__name__} is called {self.__name__} too, and would take its place",
                repair=f"Call it {self.__name__}_backward.",
            )
        self._op = self._with(backward_rule=rule)
        return rule

    def shape(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Register a function of the inputs' shapes that gives the output's; a decorator that returns `rule` unchanged.

        Needed only where the forward rule can't be run to find out, neither on nodes nor on arrays made up for it.

        Examples
        --------
        >>> import numpy as np
        >>> @op
        ... def root(matrix):
        ...     return np.linalg.cholesky(matrix)
        >>> @root.shape
        ... def root_shape(matrix):
        ...     return matrix
        """
        if not callable(rule):
            raise RuleError(
                f"@{self.__name__}.shape decorates a function, got {rule!r}",
                repair="Write it above a def of the inputs' shapes that returns the output's.",
            )
        self._op = self._with(shape_rule=rule)
        return rule

    def __call__(self, *inputs: Array, name: str | None = None, **named: Array) -> Array:
        """Build a node if any input is one; compute if all are arrays or numbers."""
        return self._op(*inputs, name=name, **named)

    def __repr__(self) -> str:
        return f"<op {self.__name__}>"

    def __reduce__(self) -> str:
        return _found(self.__wrapped__, self.__name__, lambda each: each is self)[0]


def _found(rule: Callable[..., Any], name: str, is_it: Callable[[object], bool]) -> tuple[str, object]:
    """Return the name in its rule's module that an op is pickled by, and the op: that of the rule, or any other."""
    module, qualified = sys.modules.get(rule.__module__), getattr(rule, "__qualname__", "<locals>")
    inner: Any = module
    for part in qualified.split("."):
        inner = getattr(inner, part, None)
    for known, each in [(qualified, inner), *list(vars(module).items() if module else ())]:
        if is_it(each):
            return known, each
    raise not_by_name(rule, name)


def _require_arguments(op: Op, rule: Callable[..., Any]) -> None:
    """Raise `RuleError` unless a backward rule takes delta, the output and the inputs."""
    try:
        signature = inspect.signature(rule)
    except (TypeError, ValueError):
        return  # of a function that is not written in Python: the first pass will tell
    inputs, variadic = positional_parameters(op.forward)
    try:
        signature.bind("delta", "output", *inputs, **op.settings)
    except TypeError:
        expected = ", ".join(["delta", "output", *inputs, *([f"*{variadic}"] if variadic else []), *op.settings])
        raise RuleError(
            f"@{op.name}.backward got a rule with the parameters {signature}, expected ({expected})",
            repair="It is given the error signal of the output, the output, and each input.",
        ) from None


def as_op(rule: Any) -> Op:
    """Return the op that `rule` is or stands for."""
    if isinstance(rule, op):
        return rule.op
    if isinstance(rule, Op):
        return rule
    raise GraphError(
        f"expected an op, got {shown(rule)}",
        repair="Give an instance, as gn.ops.Tanh(), or a function made with @gn.op: one op, not a network of several.",
    )
