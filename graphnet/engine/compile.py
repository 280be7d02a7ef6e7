"""Compiled steps: a program for each set of shapes fed, kept and run again."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.common.origin import one_source_line
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Input
from graphnet.core.node import Node, Numbers, as_nodes, describe
from graphnet.engine.feeds import fed_arrays, run_dtype
from graphnet.engine.gradients import require_reached
from graphnet.engine.plan.build import build_program
from graphnet.engine.plan.program import Program
from graphnet.engine.plan.scalars import build_scalars, is_scalar_graph
from graphnet.engine.run import backward, forward
from graphnet.errors import GraphError, ShapeError, UnreachableError

_PLAIN = {np.ndarray}

KEPT = 8
"""How many programs a step keeps: the least recently used one goes first."""


class CompiledStep:
    """A compiled graph; made by `compile`.

    Parameters
    ----------
    graph, wrt
        What to compute, and what to differentiate by.
    all_reached
        Whether a node of `wrt` that no error signal reaches is an error; else it has no gradient.

    Notes
    -----
    Safe to call from several threads: calls take turns, since a program has one set of buffers.
    """

    def __init__(self, graph: Graph, wrt: Sequence[Node], *, all_reached: bool = True) -> None:
        self.graph = graph
        self.wrt = tuple(wrt)
        self._all_reached = all_reached
        self._of_scalars = len(graph.outputs) == 1 and is_scalar_graph(graph)
        self._keys = tuple((node, graph.label(node)) for node in graph.inputs)
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._last: Program
        self._turn = threading.Lock()
        _steps.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _compiled_again, (self.graph, self.wrt, self._all_reached)

    def __call__(self, feeds: Mapping[Any, Any]) -> Any:
        """Run it.

        Parameters
        ----------
        feeds
            As for `forward`.

        Returns
        -------
        loss, grads
            E as a float, and {name: array} of the gradients. Compiled without gradients: the output's array, or a list of
            arrays if there are several outputs. They are the caller's: no later run writes into them.
        """
        with self._turn:
            program = self.run(feeds)
            if not self.wrt:
                outputs = [np.array(array) for array in program.outputs]
                return outputs[0] if len(outputs) == 1 else outputs
            return program.outputs[0].item(), program.hand_out()

    def run(self, feeds: Mapping[Any, Any]) -> Program:
        """Run the program for these feeds and return it; its results are valid until the next run."""
        try:
            arrays = [feeds[node] if node in feeds else feeds[name] for node, name in self._keys]
            known = len(feeds) == len(arrays) and (
                self._last.fits(arrays) or (set(map(type, arrays)) <= _PLAIN and self._take_up(arrays))
            )  # of other types, masks would be passed over
        except Exception:  # of any kind: what is wrong with the feeds is found out below
            known = False
        if not known:
            arrays = self._prepare(feeds)
        try:
            self._last.run(arrays)
        except Exception:
            (backward if self.wrt else forward)(self.graph, feeds)  # names the node whose rule failed
            raise
        return self._last

    def _take_up(self, arrays: Sequence[Numbers]) -> bool:
        """Make the program for arrays of these shapes and dtypes the last one; tell whether there is one."""
        key = _key(arrays)
        program = self._programs.get(key)
        if program is None:
            return False
        self._programs.move_to_end(key)  # the last one used stands last
        self._last = program
        return True

    def _prepare(self, feeds: Mapping[Any, Any]) -> list[Numbers]:
        """Check feeds in full, and make their program the last one, built if it is not there; return their arrays."""
        fed = fed_arrays(self.graph, feeds)
        arrays = [fed[node] for node in self.graph.inputs]
        if not self._take_up(arrays):
            program = self._build(fed)
            if self._all_reached:
                require_reached(self.graph, self.wrt, {self.graph[name] for name in program.gradients})
            if len(self._programs) == KEPT:
                self._programs.popitem(last=False)
            self._programs[_key(arrays)] = self._last = program
        return arrays

    def _build(self, fed: Mapping[Input, Numbers]) -> Program:
        dtype = run_dtype([*fed.values(), *(parameter.value for parameter in self.graph.parameters)])
        with one_source_line(), _no_garbage_collection():
            program = build_scalars(self.graph, self.wrt, dtype) if self._of_scalars else None
            shapes = {node: array.shape for node, array in fed.items()}
            return program or build_program(self.graph, self.wrt, shapes, dtype)

    def explain(self) -> str:
        """Return the program run last as a table: one line a call, with its buffers and bytes."""
        if not self._programs:
            return "Not compiled yet: the program is made at the first call, for the shapes fed."
        return next(reversed(self._programs.values())).explain()

    def __repr__(self) -> str:
        kinds = f"loss and {len(self.wrt)} gradients" if self.wrt else f"{len(self.graph.outputs)} outputs"
        return (
            f"<compiled {self.graph.label(self.graph.outputs[0])}: {kinds}, programs for {len(self._programs)} shapes>"
        )


def _compiled_again(graph: Graph, wrt: Sequence[Node], all_reached: bool) -> CompiledStep:
    """Return the step that was pickled or copied; its program is made again at the first call."""
    return CompiledStep(graph, wrt, all_reached=all_reached)


def _key(arrays: Sequence[Numbers]) -> tuple[Any, ...]:
    return (*[array.shape for array in arrays], *[array.dtype for array in arrays])


_steps: weakref.WeakSet[CompiledStep] = weakref.WeakSet()


def _free_after_fork() -> None:
    """Free steps that another thread was running: it is not in the child, and what it was at is half done."""
    for step in _steps:
        if step._turn.locked():
            step._programs.clear()
            vars(step).pop("_last", None)
        step._turn = threading.Lock()  # of each step: a thread that waited may have its turn before locked() says so


if hasattr(os, "register_at_fork"):  # not where there is no fork
    os.register_at_fork(after_in_child=_free_after_fork)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the search for cycles: a program has many objects, which all stay, and to look through them takes a while."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def compile(target: Target, wrt: Sequence[Node] | None = None) -> CompiledStep:
    """Turn a graph into a program: a flat list of NumPy calls whose outputs have memory already.

    The program is made at the first call, for the shapes fed, by reading the ops' own rules as graph. Its results equal those
    of `backward` but for rounding. A parameter whose value changes is seen by every step compiled before.

    Parameters
    ----------
    target
        The loss E, for a step with gradients; or outputs of any shapes, for inference.
    wrt
        What to differentiate by; by default all parameters, if the target is one scalar that depends on any. Empty: no
        gradients.

    Returns
    -------
    CompiledStep
        ``loss, grads = step(feeds)``, or without gradients ``array = step(feeds)``.

    Raises
    ------
    GraphError
        If `wrt` holds something else than nodes of the graph, or gradients of several outputs are asked for.
    UnreachableError
        If E does not depend on a node of `wrt`; when called, if it does not smoothly.
    ShapeError
        If gradients of an output that is not a scalar are asked for.
    PlanError
        When called, if the program would need more memory than the machine has.

    Examples
    --------
    >>> import graphnet as gn
    >>> x, w = gn.input("x", shape=(None, 2)), gn.parameter("w", [[1.0], [2.0]])
    >>> step = gn.compile(gn.sse(x @ w, [[0.0]]))
    >>> loss, grads = step({x: [[1.0, 1.0]]})
    >>> loss, grads["w"].tolist()
    (4.5, [[3.0], [3.0]])
    """
    graph = as_graph(target)
    scalar = len(graph.outputs) == 1 and graph.outputs[0].shape == ()
    if wrt is None:
        return CompiledStep(graph, graph.parameters if scalar else (), all_reached=False)
    if isinstance(wrt, Node):
        raise GraphError("wrt is a single node, expected a list", repair="Write compile(E, [node]).")
    wrt = as_nodes(wrt, "compile")
    outside = [node for node in wrt if node not in graph]
    if outside:
        raise UnreachableError(
            f"{graph.label(graph.outputs[0])!r} does not depend on {describe(outside[0])}",
            repair="Differentiate by nodes of its graph only.",
        )
    if wrt and not scalar:
        raise ShapeError(
            f"gradients of {len(graph.outputs)} outputs, the first of shape {graph.outputs[0].shape}",
            repair="Only one scalar output has gradients: end in a loss.",
        )
    return CompiledStep(graph, tuple(wrt))
