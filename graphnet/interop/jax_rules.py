"""Rules written for JAX: what `jax.custom_vjp`, or JAX itself, has for the way back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from graphnet.core.node import Numbers
from graphnet.interop.foreign import Library


class _Jax(Library):
    name = "jax"

    def claims(self, value: Any) -> bool:
        return isinstance(value, (jax.Array, jax.custom_vjp, jax.custom_jvp)) or super().claims(value)

    def array(self, value: Any) -> Numbers:
        array = np.asarray(value)
        return array.astype(np.float32) if array.dtype.name in ("bfloat16", "float16") else array

    def flattened(self, arguments: Sequence[Any]) -> tuple[list[tuple[list[str], Any]], Any]:
        leaves, tree = jax.tree_util.tree_flatten_with_path(tuple(arguments))
        return [([jax.tree_util.keystr((key,), simple=True) for key in path], leaf) for path, leaf in leaves], tree

    def joined(self, leaves: Sequence[Any], tree: Any) -> Sequence[Any]:
        arguments: Sequence[Any] = jax.tree_util.tree_unflatten(tree, leaves)
        return arguments

    def outputs(self, function: Callable[..., Any], inputs: Sequence[Any]) -> list[Numbers | None]:
        with jax.enable_x64(True):
            given = jax.tree.leaves(function(*map(jnp.asarray, inputs)))
        return [self.array(each) if isinstance(each, jax.Array) else None for each in given]

    def messages(
        self, function: Callable[..., Any], inputs: Sequence[Any], output: int, delta: Numbers
    ) -> list[Numbers | None]:
        with jax.enable_x64(True):
            _, pull = jax.vjp(lambda *given: jax.tree.leaves(function(*given))[output], *map(jnp.asarray, inputs))
            found = pull(jnp.asarray(delta))
        return [None if signal.dtype == jax.dtypes.float0 else self.array(signal) for signal in found]

    def work(self, function: Callable[..., Any], inputs: Sequence[Any]) -> int:
        with jax.enable_x64(True):
            cost = jax.jit(function).lower(*map(jnp.asarray, inputs)).cost_analysis() or {}
        return int(cost.get("flops", 0) // 2 + 10 * cost.get("bytes accessed", 0) // 8 + _CALL)

    def calls(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Iterator[tuple[Any, Sequence[Any]]]:
        with jax.enable_x64(True):
            arrays = [jnp.asarray(each) for each in inputs]
            closed = jax.make_jaxpr(function)(*arrays)
            found: list[tuple[Any, Sequence[Any]]] = []

            def noted(rule: Rule, own: Sequence[Any]) -> Sequence[Any]:
                given = rule.given(own)
                if rule.written:
                    found.append((rule, given))
                made: Sequence[Any] = rule(*given)
                return made

            walk(closed, arrays, noted)
        yield from found

    def rule(self, function: Any) -> Any:
        return getattr(function, "bwd", None) or getattr(function, "jvp", None) or function


LIBRARY = _Jax()
_OF_JAX = os.path.dirname(jax.__file__) + os.sep
_CALL = 1_000_000
"""The multiply-adds that the call of a function of JAX takes as long as, with its way back traced."""


class Rule:
    """One equation of a trace, as a function of what it reads."""

    def __init__(self, jaxpr: Any, equation: Any) -> None:
        self.primitive, self.params, self.equation = equation.primitive.name, equation.params, equation
        self.read = list(dict.fromkeys(each for each in equation.invars if not isinstance(each, Literal)))
        self.made = [each for each in equation.outvars if type(each).__name__ != "DropVar"]
        nameless = jaxpr.debug_info.with_unknown_names()
        alone = jaxpr.replace(constvars=[], invars=self.read, outvars=self.made, eqns=[equation], debug_info=nameless)
        self._run = jaxpr_as_fun(ClosedJaxpr(alone, []))
        self.bwd = getattr(equation.params.get("bwd"), "f", None)
        body = getattr(equation.params.get("call_jaxpr"), "jaxpr", None)
        told = getattr(body, "debug_info", None)  # "name at file:line"
        self.__name__, _, self.file = str(getattr(told, "func_src_info", "") or self.primitive).partition(" at ")
        custom = self.primitive in ("custom_vjp_call", "custom_jvp_call")
        self.written = custom and not self.file.startswith(_OF_JAX)  # by the user
        names = getattr(told, "arg_names", None)
        self.names = tuple(names) if names and len(names) == len(self.read) else ()

    def given(self, own: Sequence[Any]) -> list[Any]:
        """Return what it is called with, of what its equation reads: each variable once, and no literal."""
        read = zip(self.equation.invars, own, strict=True)
        return list({variable: value for variable, value in read if not isinstance(variable, Literal)}.values())

    def __call__(self, *arrays: Any) -> Any:
        """Run it."""
        # Graphs reckon with integers as with real numbers, and their integers are of one width.
        kinds = [getattr(variable.aval.dtype, "kind", "") for variable in self.read]
        same = zip(arrays, self.read, kinds, strict=True)
        return self._run(*[jnp.asarray(a, v.aval.dtype) if kind in ("i", "u", "b") else a for a, v, kind in same])


def walk(closed: Any, arrays: Sequence[Any], call: Callable[[Rule, Sequence[Any]], Sequence[Any]]) -> list[Any]:
    """Go through a trace, and what is compiled within it, and return what it gives if `call` gives that of each equation."""
    jaxpr = closed.jaxpr
    held = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*closed.consts, *arrays), strict=True))
    for equation in jaxpr.eqns:
        own = [each.val if isinstance(each, Literal) else held[each] for each in equation.invars]
        if equation.primitive.name in ("jit", "pjit"):
            held.update(zip(equation.outvars, walk(equation.params["jaxpr"], own, call), strict=True))
        else:
            rule = Rule(jaxpr, equation)
            held.update(zip(rule.made, call(rule, own), strict=True))
    return [each.val if isinstance(each, Literal) else held[each] for each in jaxpr.outvars]
