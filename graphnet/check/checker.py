"""The two checks that make a verdict: each backward rule alone, and the gradients from end to end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from graphnet.check.methods import BUDGET, Entries, Method, Settings
from graphnet.check.report import Finding, Part, Property, Report
from graphnet.check.rules import check_rules
from graphnet.check.whole import Whole, slopes_of, unreachable
from graphnet.common.settings import called, flag
from graphnet.core.function_op import as_op
from graphnet.core.function_op import op as function_op
from graphnet.core.graph import Graph, Target, as_graph
from graphnet.core.leaves import Constant, constant, numbers, parameter
from graphnet.core.node import Node, Numbers, as_nodes, describe
from graphnet.core.op import Op
from graphnet.engine.feeds import Values, leaf_values, run_dtype
from graphnet.engine.rules import read_only
from graphnet.engine.run import run_forward
from graphnet.errors import DtypeError, GraphError, GraphnetError, OpaqueError, shown

SEED = 1_618_033_988
"""Of the generator used if none is given: not 0, or δ would be the numbers that users draw as inputs with that seed."""


@called("gn.check_gradients(E, {x: X, t: T})")
def check_gradients(
    target: Target,
    feeds: Mapping[Any, Any],
    *,
    wrt: Node | Iterable[Node] | None = None,
    entries: Entries = "all",
    method: Method = "central",
    step: float | None = None,
    second_order: bool = False,
    budget: float = BUDGET,
    rng: np.random.Generator | None = None,
) -> Report:
    """Check every backward rule by finite differences, alone and all together.

    Local: each node's rule at the values of this pass, with a random error signal, so that a wrong rule is named rather
    than everything upstream of it. End to end: the gradients of the whole graph. Computed in float64 always.

    Parameters
    ----------
    target
        The output, or a graph. An output that is not a scalar is checked in a random direction.
    feeds
        As for `forward`.
    wrt
        The leaves to check from end to end, or one leaf; by default all parameters, or all inputs if there are none.
    entries
        How many entries of each array to compare. ``"all"``: as long as the check of one array is no more work than
        `budget`. Beyond, and of larger arrays than a number given, a random sample is compared and eight random
        directions over all entries; the report says so, and calls the check weaker.
    method
        ``"central"``: central differences. ``"complex"``: a complex step, exact to rounding, where every forward rule is
        analytic. ``"taylor"``: the order of the remainder in random directions, 2 if right, which needs no step size.
    step
        The step of central differences; by default chosen for each entry: ε^⅓ · max(1, abs(x)).
    second_order
        Check the gradients of the gradients too: the graph that `gradients` builds, each of its rules and from end to end,
        summed in a random direction.
    budget
        Work for the check of one array: multiply-adds of what lies downstream of its entries, once for each run. To read
        or write a number counts as ten, as it takes as long. ``np.inf``: all entries, however long it takes.
    rng
        Chooses the error signals and the samples; by default one with a fixed seed.

    Returns
    -------
    Report
        ``print(report)``, ``report.ok``, ``report.failures``, ``report.raise_if_failed()``.

    Raises
    ------
    FeedError, ShapeError, DtypeError, RuleError
        As for `forward`. A wrong backward rule is not raised but reported.
    NonFiniteError
        If a value in the forward pass is not finite.
    GraphError
        If a node of `wrt` is not a leaf, an option is none of those above, or a complex step is asked for where a forward
        rule is not analytic.
    UnreachableError
        If the output does not depend smoothly on a leaf of `wrt`.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [1.0, -2.0])
    >>> print(gn.check_gradients(gn.sse(gn.tanh(w), [0.0, 0.0]), {}).verdict)
    ALL RIGHT: 3 inputs of rules, 1 gradients from end to end
    """
    graph = as_graph(target)
    settings = _settings(entries, method, step, budget, rng)
    leaves = _leaves(graph, wrt)
    findings, properties, skipped = _check(graph, feeds, leaves, settings, asked=wrt is not None)
    if flag(second_order, "second_order"):
        slopes, fed, moving, unlike = slopes_of(graph, feeds, leaves, settings.rng)
        more, _, reason = _check(slopes, fed, moving, settings, "second order ", asked=False)
        findings, skipped = [*findings, *unlike, *more], skipped or reason
    return Report(graph, tuple(findings), skipped, tuple(properties), method)


def check_op(
    op: Any,
    *arrays: Any,
    entries: Entries = "all",
    method: Method = "central",
    step: float | None = None,
    budget: float = BUDGET,
    rng: np.random.Generator | None = None,
) -> Report:
    """Check one backward rule alone, at given arrays.

    What it can resolve: waves and bends that are longer than about 1e-8 of max(1, abs(x)), and that change the slope by
    more than a hundredth. A right rule for finer ones may be called wrong, and one that leaves them out right.

    Parameters
    ----------
    op
        A function made with ``@gn.op``, an op function as ``gn.tanh``, or an op, as ``gn.ops.LeakyRelu(0.1)``; or a function
        of another library, judged by the way back that it has there: a ``torch.autograd.Function`` class, a
        ``jax.custom_vjp`` function, any callable of tensors or of JAX's arrays. Each of several outputs is checked alone.
    *arrays
        Its inputs. Integers beside floating arrays are positions or labels, without an error signal. A function of another
        library may take dicts, lists and tuples of them; what is no array is passed on to it as it is.
    entries, method, step, budget, rng
        As for `check_gradients`.

    Returns
    -------
    Report
        As of `check_gradients`, the local part.

    Raises
    ------
    GraphError
        If `op` is not an op, or takes another number of inputs.
    ShapeError, DtypeError, RuleError, NonFiniteError
        As for `check_gradients`.

    Examples
    --------
    >>> import graphnet as gn
    >>> gn.check_op(gn.tanh, np.linspace(-2, 2, 5)).ok
    True
    """
    settings = _settings(entries, method, step, budget, rng)
    rules, given = _foreign(op, arrays)
    if not rules:
        given = [_array(array) for array in arrays]
        rules = [_op_of(op, leaves_of([f"x{i}" for i in range(len(given))], given))]
    for rule in rules:
        rule.check_count(len(given))
    leaves = leaves_of(rules[0].input_names(len(given)), given)
    names = [f"{rule.name} alone" + (f", output {rule.output}" if len(rules) > 1 else "") for rule in rules]
    graph = Graph([rule(*leaves, name=name) for rule, name in zip(rules, names, strict=True)])
    findings, properties = check_alone(graph, settings, run_dtype(given))
    return Report(graph, tuple(findings), "", tuple(properties), method)


def leaves_of(names: Sequence[str], arrays: Sequence[Numbers]) -> list[Node]:
    """Return leaves that hold arrays, as ops are checked at: integers beside real numbers are positions or labels.

    A rule that can't say which shape it gives is run on them to find out.
    """
    whole = int if any(array.dtype.kind == "f" for array in arrays) else float
    kinds = [{"b": bool, "i": whole, "u": whole}.get(array.dtype.kind, float) for array in arrays]
    each = zip(names, arrays, kinds, strict=True)
    return [parameter(name, x) if kind is float else constant(x, name=name, dtype=kind) for name, x, kind in each]


def check_alone(graph: Graph, settings: Settings, dtype: np.dtype[Any]) -> tuple[list[Finding], list[Property]]:
    """Check the rule of each output of a graph without inputs."""
    return check_rules(graph, graph.outputs, _values(graph, {}), settings, dtype)


def _values(graph: Graph, feeds: Mapping[Any, Any]) -> Values:
    """Return the value of each node, copied: a rule that returns a buffer of its own writes over it when called again."""
    copied = lambda node, computed, value: read_only(np.array(value))  # noqa: E731
    return run_forward(graph, leaf_values(graph, feeds, np.float64), "raise", copied)


def _foreign(op: Any, arrays: Sequence[Any]) -> tuple[Sequence[Any], list[np.ndarray[Any, Any]]]:
    """Return the rules of a function of another library, one for each output, and its arrays; none if it is ours."""
    of = op if isinstance(op, type) else type(op)
    module = str(getattr(op, "__module__", "") or of.__module__)
    if issubclass(of, (Op, function_op)) or module.startswith("graphnet.") or not {"torch", "jax"} & set(sys.modules):
        return [], []
    from graphnet.interop.foreign import foreign_rules  # only where one of these libraries is there

    return foreign_rules(op, arrays)


def _check(
    graph: Graph, feeds: Mapping[Any, Any], leaves: Sequence[Node], settings: Settings, order: str = "", *, asked: bool
) -> tuple[list[Finding], list[Property], str]:
    """Check each rule of a graph alone, and all together."""
    rule, total = cast(tuple[Part, Part], (f"{order}rule", f"{order}gradient"))
    dtype = run_dtype(list(leaf_values(graph, feeds).values()))
    values = _values(graph, feeds)
    # A backward rule that can't be read as a graph is said to be unchecked, from end to end.
    nodes = [node for node in graph.nodes if not order or node.op is None or node.op.has_backward]
    findings, properties = check_rules(graph, nodes, values, settings, dtype, rule)
    whole, skipped = Whole(graph, values, settings, findings, total, asked).check(leaves)
    return [*findings, *whole], properties, skipped


def _settings(entries: Any, method: Any, step: Any, budget: Any, rng: Any) -> Settings:
    return Settings(entries, method, step, budget, np.random.default_rng(SEED) if rng is None else rng)


def _array(value: Any) -> np.ndarray[Any, Any]:
    array = numbers(value, "an argument")
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"an argument has dtype {array.dtype}", repair="Give numbers or truth values.")
    return array


def _op_of(op: Any, probes: Sequence[Node]) -> Any:
    """Return an op, or the one that an op function applies to such inputs: it is asked for a node."""
    if isinstance(op, type):
        return as_op(op)  # a class of ops where an op belongs
    try:
        node = op(*probes)
    except Exception as error:  # of any kind: it is no op function, or not for these arrays
        if not callable(op) or isinstance(op, (Op, function_op)) or isinstance(error, OpaqueError):
            return as_op(op)
        if isinstance(error, GraphnetError):
            raise
        repair = "Where it has settings, write a function of the arrays alone: lambda z: gn.reshape(z, (3, 2))."
        raise GraphError(f"{shown(op)} can't be applied to these arrays: {shown(error)}", repair=repair) from error
    if isinstance(node, Node) and node.op is not None and list(map(id, node.inputs)) == list(map(id, probes)):
        return node.op
    return as_op(op)


def _leaves(graph: Graph, wrt: Node | Iterable[Node] | None) -> Sequence[Node]:
    if wrt is None:
        return graph.parameters or tuple(node for node in graph.inputs if node.dtype.kind == "f")
    leaves = as_nodes(wrt, "wrt")
    for node in leaves:
        if node.op is None and node not in graph:
            raise unreachable(graph, "on", describe(node))
        label = graph.label(node)
        if node.op is not None or isinstance(node, Constant):
            repair = "The check from end to end perturbs leaves; every rule in between is checked alone anyway."
            raise GraphError(f"{label!r} ({node.kind}) is neither a parameter nor an input", repair=repair)
        if node.dtype.kind != "f":
            problem = f"{label!r} holds {node.dtype} values, which have no gradient"
            raise DtypeError(problem, repair="Leave it out of wrt.")
    return leaves
