"""Which of YOUR rules is wrong: every rule of another library that is called on the way, at these values, and the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnet.check.checker import SEED, check_alone, leaves_of
from graphnet.check.methods import BUDGET, Entries, Settings
from graphnet.check.report import Report
from graphnet.check.whole import Whole
from graphnet.core.graph import Graph
from graphnet.core.node import Node, Numbers
from graphnet.engine.feeds import leaf_values, run_dtype
from graphnet.engine.run import run_forward
from graphnet.interop.foreign import ForeignOp, foreign_rules, library


def check_torch(
    function: Any,
    *inputs: Any,
    entries: Entries = "all",
    budget: float = BUDGET,
    rng: np.random.Generator | None = None,
) -> Report:
    """Check every rule of yours that a model or a loss of PyTorch calls, each alone, and then the whole from end to end.

    It is run once. Of every ``torch.autograd.Function`` and every operator of ``torch.library`` with a registered way back
    that is called, the inputs are kept, and the rule is judged at them. PyTorch's own functions are not judged alone. It is
    computed in float64 where that works, of a module in a copy, and else in float32.

    Parameters
    ----------
    function
        A ``torch.nn.Module``, whose parameters are checked too, or any callable of tensors.
    *inputs
        What it is called with: tensors or arrays, also in dicts, lists and tuples; anything else is passed on as it is.
    entries, budget, rng
        As for `check_gradients`.

    Returns
    -------
    Report
        The rules called, each with the place where it is written, and the gradients of inputs and parameters.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    RuleError
        If `function` fails, or gives no real numbers.

    Notes
    -----
    A picture of the report shows each rule by itself. To see it within the network, check the graph of the module:
    ``gn.check_gradients(gn.from_torch(module, *inputs), feeds)``.

    Examples
    --------
    >>> import torch, graphnet as gn  # doctest: +SKIP
    >>> gn.check_torch(torch.nn.Linear(3, 2), np.ones((4, 3))).raise_if_failed()  # doctest: +SKIP
    """
    return _check("torch", function, inputs, entries, budget, rng)


def check_jax(
    function: Any,
    *inputs: Any,
    entries: Entries = "all",
    budget: float = BUDGET,
    rng: np.random.Generator | None = None,
) -> Report:
    """Check every rule of yours that a function of JAX calls, each alone, and then the whole from end to end.

    The function is traced once. Every ``jax.custom_vjp`` and ``jax.custom_jvp`` in the trace is judged at the values it is
    called with, those within jitted functions too; what stands in loops and branches (``scan``, ``while``, ``cond``) is
    judged as part of the whole alone. It is computed in float64.

    Parameters
    ----------
    function
        Any callable of JAX's arrays.
    *inputs
        What it is called with: arrays, also in dicts, lists and tuples; anything else is passed on as it is.
    entries, budget, rng
        As for `check_gradients`.

    Returns
    -------
    Report
        The rules called, and the gradients of the inputs.

    Raises
    ------
    MissingExtraError
        If jax is not installed.
    RuleError
        If `function` fails, or gives no real numbers.

    Examples
    --------
    >>> import jax, graphnet as gn  # doctest: +SKIP
    >>> gn.check_jax(jax.nn.gelu, np.ones(3)).raise_if_failed()  # doctest: +SKIP
    """
    return _check("jax", function, inputs, entries, budget, rng)


def _check(
    name: str, function: Any, inputs: Sequence[Any], entries: Entries, budget: float, rng: np.random.Generator | None
) -> Report:
    settings = Settings(entries, "central", None, budget, np.random.default_rng(SEED) if rng is None else rng)
    of = library(name)
    total, arguments = of.with_parameters(function, inputs)
    rules, arrays = foreign_rules(total, arguments, of)
    outputs: list[Node] = []
    seen: Counter[str] = Counter()
    for call, given in of.calls(rules[0].function, rules[0].given(arrays)):
        called, own = foreign_rules(call, given, of)
        name = called[0].name
        seen[name] += 1
        outputs += _nodes(called, own, f"{name}, call {seen[name]}", f"{name} {seen[name]}/")
    whole = Graph(_nodes(rules, arrays, rules[0].name, ""))
    findings, properties = check_alone(Graph(outputs), settings, run_dtype(arrays)) if outputs else ([], [])
    values = run_forward(whole, leaf_values(whole, {}, np.float64), "raise")
    more, skipped = Whole(whole, values, settings, findings).check(whole.parameters)
    return Report(Graph([*outputs, *whole.outputs]), (*findings, *more), skipped, tuple(properties))


def _nodes(rules: Sequence[ForeignOp], arrays: Sequence[Numbers], name: str, prefix: str) -> list[Node]:
    """Return a node for each output of a function, of leaves that hold its arrays."""
    leaves = leaves_of([prefix + each for each in rules[0].input_names(len(arrays))], arrays)
    several = len(rules) > 1
    return [rule(*leaves, name=name + (f", output {rule.output}" if several else "")) for rule in rules]
