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
        if isinstance(value, (jax.Array, jax.custom_vjp, jax.custom_jvp)):
            return True
        return str(getattr(value, "__module__", None) or type(value).__module__).partition(".")[0] in ("jax", "jaxlib")

    def array(self, value: Any) -> Numbers:
        array = np.asarray(value)
        return array.astype(np.float32) if array.dtype.name in ("bfloat16", "float16") else array

    def outputs(self, function: Callable[..., Any], inputs: Sequence[Any]) -> list[Numbers | None]:
        with jax.enable_x64(True):
            given = jax.tree_util.tree_leaves(function(*map(jnp.asarray, inputs)))
        return [self.array(each) if isinstance(each, jax.Array) else None for each in given]

    def messages(
        self, function: Callable[..., Any], inputs: Sequence[Any], output: int, delta: Numbers
    ) -> list[Numbers | None]:
        with jax.enable_x64(True):
            arrays = [jnp.asarray(each) for each in inputs]
            moving = [place for place, array in enumerate(arrays) if array.dtype.kind == "f"]

            def chosen(*floats: Any) -> Any:
                given = dict(enumerate(arrays)) | dict(zip(moving, floats, strict=True))
                return jax.tree_util.tree_leaves(function(*given.values()))[output]

            _, pull = jax.vjp(chosen, *[arrays[place] for place in moving])
            found = dict(zip(moving, pull(jnp.asarray(delta)), strict=True))
        return [self.array(found[place]) if place in found else None for place in range(len(arrays))]

    def work(self, function: Callable[..., Any], inputs: Sequence[Any]) -> int:
        with jax.enable_x64(True):
            cost = jax.jit(function).lower(*map(jnp.asarray, inputs)).cost_analysis() or {}
        return int(cost.get("flops", 0) // 2 + 10 * cost.get("bytes accessed", 0) // 8 + _CALL)

    def calls(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Iterator[tuple[Any, Sequence[Any]]]:
        with jax.enable_x64(True):
            arrays = [jnp.asarray(each) for each in inputs]
            closed = jax.make_jaxpr(function)(*arrays)
            found: list[tuple[Any, Sequence[Any]]] = []
            _run(closed, arrays, found)
        yield from found

    def rule(self, function: Any) -> Any:
        return getattr(function, "bwd", None) or getattr(function, "jvp", None) or function


LIBRARY = _Jax()
_OF_JAX = os.path.dirname(jax.__file__) + os.sep
_CALL = 1_000_000
"""The multiply-adds that the call of a function of JAX takes as long as, with its way back traced."""


class _Rule:
    """One equation of a trace, as a function of what it reads."""

    def __init__(self, jaxpr: Any, equation: Any) -> None:
        self.read = list(dict.fromkeys(each for each in equation.invars if not isinstance(each, Literal)))
        self.made = [each for each in equation.outvars if type(each).__name__ != "DropVar"]
        nameless = jaxpr.debug_info.with_unknown_names()
        alone = jaxpr.replace(constvars=[], invars=self.read, outvars=self.made, eqns=[equation], debug_info=nameless)
        self._run = jaxpr_as_fun(ClosedJaxpr(alone, []))
        self.bwd = getattr(equation.params.get("bwd"), "f", None)
        body = getattr(equation.params.get("call_jaxpr"), "jaxpr", None)
        told = getattr(body, "debug_info", None)  # "name at file:line"
        self.__name__, _, self.file = str(getattr(told, "func_src_info", "") or "function").partition(" at ")
        names = getattr(told, "arg_names", None)
        self.names = tuple(names) if names and len(names) == len(self.read) else ()

    def __call__(self, *arrays: Any) -> Any:
        return self._run(*arrays)


def _run(closed: Any, arrays: Sequence[Any], found: list[tuple[Any, Sequence[Any]]]) -> list[Any]:
    """Run a trace equation by equation, and note the calls of functions that have rules of their own."""
    jaxpr = closed.jaxpr
    held = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*closed.consts, *arrays), strict=True))
    for equation in jaxpr.eqns:
        name, rule = equation.primitive.name, _Rule(jaxpr, equation)
        given = [held[each] for each in rule.read]
        if name in ("custom_vjp_call", "custom_jvp_call") and not rule.file.startswith(_OF_JAX):
            found.append((rule, given))
        if name in ("jit", "pjit", "closed_call"):
            own = [each.val if isinstance(each, Literal) else held[each] for each in equation.invars]
            held.update(zip(equation.outvars, _run(equation.params["jaxpr"], own, found), strict=True))
        else:
            held.update(zip(rule.made, rule(*given), strict=True))
    return [each.val if isinstance(each, Literal) else held[each] for each in jaxpr.outvars]
