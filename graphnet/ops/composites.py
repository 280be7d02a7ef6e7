"""Composites: ops whose backward rule is the chain rule through their own forward rule, written of ops that are known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from graphnet.common.origin import inside
from graphnet.common.settings import is_setting
from graphnet.core import registry
from graphnet.core.function_op import op
from graphnet.core.graph import Graph
from graphnet.core.inference import require_value
from graphnet.core.leaves import Constant, Input, as_node
from graphnet.core.node import Array, Node, describe
from graphnet.core.op import Op
from graphnet.core.shapes import Shape, ones_of
from graphnet.errors import GraphError, GraphnetError, OpaqueError, RuleError, shown
from graphnet.ops.functions import documented


class Expansion(NamedTuple):
    """What a composite's forward rule makes of nodes.

    Attributes
    ----------
    inputs
        The nodes that stand for the composite's inputs.
    output
        The one whose value the composite's is.
    graph
        From the inputs to the output.
    """

    inputs: tuple[Node, ...]
    output: Node
    graph: Graph


@dataclass(frozen=True)
class Composite(Op):
    """An op whose forward rule is made of known ops: the chain rule through it is its backward rule.

    It is one node of a graph, and of its picture. Derive from it to make a composite with settings and methods of its own, or
    decorate a function with `composite`. A backward method of its own goes before the chain rule: for one that uses the
    cached output, or does not cancel where the chain rule does.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Swish(Composite):
    ...     beta: float = 1.0
    ...     def forward(self, z):
    ...         return z / (1 + np.exp(-self.beta * z))
    >>> z = np.array([0.0])
    >>> Swish().backward(np.ones(1), Swish()(z), z)
    (array([0.5]),)
    """

    def backward(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Send the error signal back through what the forward rule is made of."""
        return tuple(registry.CHAIN_RULE[-1](self, delta, output, inputs))

    @property
    def by_chain_rule(self) -> bool:
        """Whether it has no backward rule of its own."""
        return type(self).backward is Composite.backward

    def expansion(self, shapes: Sequence[Shape], dtypes: Sequence[np.dtype[Any]]) -> Expansion:
        """Return what the forward rule makes of inputs of these shapes and dtypes.

        Raises
        ------
        RuleError
            If it asks of a node what only an array can do, or calls what no op covers.
        """
        try:
            return _expansion(self.name, self, tuple(shapes), tuple(dtypes), ones_of(shapes))
        except OpaqueError as error:
            problem, repair = error.problem, error.repair
        except GraphnetError as error:  # of a step within the rule, whose operands have no names that the user knows
            raise type(error)(error.problem, repair=error.repair) from error
        except Exception as error:  # of any kind: node.astype, range(None) ...
            problem, repair = f"{type(error).__name__}: {error}", "Write it with functions listed in gn.ops."
        raise RuleError(
            f"its forward rule can't be read as a graph, through which the chain rule could go: {problem}",
            repair=f"{repair} Or give it a backward rule of its own: @gn.op and @{self.name}.backward.",
        )

    def shape_of(self, inputs: Sequence[Node]) -> Shape:
        """Find out the output's shape from the input nodes."""
        if getattr(self.shape, "__func__", None) is not Op.shape:
            return super().shape_of(inputs)
        try:
            return self._shape([node.shape for node in inputs], [node.dtype for node in inputs])
        except RuleError:
            if self.by_chain_rule:
                raise
            return super().shape_of(inputs)  # beside a backward rule of its own, the forward rule need not be read

    def _shape(self, shapes: Sequence[Shape], dtypes: Sequence[np.dtype[Any]]) -> Shape:
        """Return the output's shape; of a rule that asks for a size that is not known yet, by running it at two sizes."""
        try:
            return self.expansion(shapes, dtypes).output.shape
        except GraphnetError as error:
            if not any(None in shape for shape in shapes):
                raise
            try:
                sized = [[tuple(n if s is None else s for s in shape) for shape in shapes] for n in (2, 5)]
                first, second = (self.expansion(known, dtypes).output.shape for known in sized)
            except GraphnetError:
                raise error from None
        return tuple(size if size == other else None for size, other in zip(first, second, strict=True))

    def _dtype_of(self, kinds: Any) -> np.dtype[Any]:
        try:
            dtype = self.expansion([shape for shape, _, _ in kinds], [dtype for _, dtype, _ in kinds]).output.dtype
        except GraphnetError:  # a size is not known yet, or its backward rule is its own
            return super()._dtype_of(kinds)
        return super()._dtype_of(kinds) if dtype.kind == "f" else dtype

    def steps(self, inputs: Sequence[Node], fed: Sequence[Any]) -> Iterator[tuple[Op, tuple[Node, ...], list[Any]]]:
        """Yield the ops that it expands to, their inputs, and the shapes of these as fed, if sizes were declared unknown."""
        if len(inputs) < 2 or not any(None in node.shape for node in inputs):
            return
        dtypes = [node.dtype for node in inputs]
        try:
            sized = self.expansion(fed, dtypes)
        except RuleError:
            return  # its backward rule is its own
        try:
            declared = self.expansion([node.shape for node in inputs], dtypes)
        except GraphnetError:
            return  # it asks for a size, and so promises nothing about one that is not known
        for node, twin in zip(declared.graph.nodes, sized.graph.nodes, strict=False):
            if node.op is not None and node.op == twin.op:
                yield node.op, node.inputs, [source.shape for source in twin.inputs]


@lru_cache(maxsize=1024)
def _expansion(
    name: str, op: Composite, shapes: tuple[Shape, ...], dtypes: tuple[np.dtype[Any], ...], ones: object
) -> Expansion:
    """Run a forward rule on nodes: once for all uses that are alike."""
    with inside(""):
        inputs = tuple([Input(None, (), shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)])
        output = as_node(require_value(op.forward(*inputs)))
        graph = Graph(output)
    for node in graph.nodes:
        if node.op is None and not isinstance(node, Constant) and node not in set(inputs):
            repair = "Make it an input of the function: a rule computes from its arguments alone."
            raise RuleError(f"its forward rule uses {describe(node)}, which is none of its inputs", repair=repair)
    return Expansion(inputs, output, graph)


class composite(op):
    """Make an op of a function that is made of known ops: the chain rule through it is its backward rule.

    The op is one node of a graph, and of its picture. Parameters with a default are its settings; all others are inputs. Where
    another backward rule is better, as one that uses the cached output, give it with ``@name.backward``; it is given the
    settings by name.

    Parameters
    ----------
    forward
        The forward rule, over NumPy's functions and operators, and the functions of `graphnet`.

    Raises
    ------
    RuleError
        If `forward` is no function, or a parameter by name alone has no default. When a node is made: if the rule calls what
        no op covers, or asks for values, as ``if z > 0``. `op` makes an op of any rule, and takes a backward rule with it.

    Examples
    --------
    >>> import numpy as np
    >>> import graphnet as gn
    >>> @gn.composite
    ... def swish(z, *, beta=1.0):
    ...     return z / (1 + np.exp(-beta * z))
    >>> swish(np.array([0.0, 2.0]), beta=0.0)
    array([0., 1.])
    >>> w = gn.parameter("w", [0.0])
    >>> gn.backward(gn.sum(swish(w)), {}).gradient(w)
    array([0.5])
    """

    kind: type[Composite]
    """The class of its ops: one op for each choice of settings."""

    def __init__(self, forward: Callable[..., Any] | None = None, *, base: type[Op] = Composite, **own: Any) -> None:
        self._bases = (Composite,) if base is Composite else (base, Composite)
        self._attributes = own
        super().__init__(forward)

    def _made(self, forward: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> Op:
        self._settings = {p.name: p for p in parameters if is_setting(p)}
        self._inputs = [p for p in parameters if not is_setting(p)]
        for p in [p for p in self._settings.values() if p.default is p.empty]:
            problem = f"@composite {forward.__name__}: the setting {p} has no default"
            raise RuleError(problem, repair=f"Write {p.name}=...: what it is where nobody says it.")
        self._attributes |= {"name": forward.__name__, "__doc__": forward.__doc__}
        self._attributes["__reduce_ex__"] = lambda op, protocol: (self.chosen, (op.settings,))  # by the function's name
        self._module = forward.__module__
        return self._with(forward_rule=forward)

    def _with(self, **rule: Callable[..., Any]) -> Op:
        """Return the op with a further rule: its class is made anew, since nodes keep the op that they were made with."""
        for role, function in rule.items():
            method = staticmethod(function) if role == "shape_rule" else self._method(function, role)
            self._attributes[role.removesuffix("_rule")] = method
        name = self._attributes["name"]
        settings = [
            (key, str(p.annotation), field(default=_setting(key, p.default, name))) for key, p in self._settings.items()
        ]
        class_name = "".join(part.capitalize() for part in name.split("_"))
        if settings:
            made = make_dataclass(
                class_name, settings, bases=self._bases, namespace=dict(self._attributes), frozen=True
            )
        else:
            made = type(class_name, self._bases, dict(self._attributes))  # the same, in a fiftieth of the time
        made.__module__ = self._module
        if registry.OPS.get(name, Composite) is getattr(self, "kind", None):
            registry.OPS[name] = made
        self.kind = made
        return self.chosen({})

    def chosen(self, settings: Mapping[str, Any]) -> Op:
        """Return its op of these settings, the others as they are by default."""
        return self.kind(**{key: _setting(key, value, self._attributes["name"]) for key, value in settings.items()})

    def _method(self, rule: Callable[..., Any], role: str) -> Callable[..., Any]:
        """Return a rule as a method of the class, which gives it the settings."""

        def method(self: Composite, *arguments: Array) -> Array:
            return rule(*arguments, **self.settings)

        first = ("self", "delta", "output") if role == "backward_rule" else ("self",)
        named = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in first]
        method.__signature__ = inspect.Signature([*named, *self._inputs])  # type: ignore[attr-defined]
        return method

    def __call__(self, *inputs: Array, name: str | None = None, **named: Any) -> Array:
        """Build a node if any input is one; compute if all are arrays or numbers."""
        given = {key: named.pop(key) for key in self._settings if key in named}
        count = len(self._inputs)
        if len(inputs) > count and all(p.kind is not p.VAR_POSITIONAL for p in self._inputs):
            placed = [key for key, p in self._settings.items() if p.kind is not p.KEYWORD_ONLY and key not in given]
            given |= zip(placed, inputs[count:], strict=False)
            inputs = (*inputs[:count], *inputs[count + len(placed) :])
        return (self.chosen(given) if given else self._op)(*inputs, name=name, **named)


def _setting(name: str, value: Any, of: str) -> Any:
    """Return a setting as what can be compared and kept in a file; raise `GraphError` if it is a node or an array."""
    value = value.item() if isinstance(value, np.generic) else tuple(value) if isinstance(value, list) else value
    if isinstance(value, (Node, np.ndarray, dict, set)):
        raise GraphError(
            f"{name}, a setting of {of}, is {shown(value)}",
            repair="Settings are numbers, texts, and tuples of them. What is a node or an array is an input: a parameter "
            "without a default.",
        )
    return value


def provided(*numpy_functions: Callable[..., Any], shapes: str = "Any shape.", **how: Any) -> Callable[..., composite]:
    """Make a composite that graphnet provides, as a decorator: registered under its name, its docstring completed.

    It is registered as what `numpy_functions` do to nodes. `how` is what its class derives from, as ``base=Elementwise``, and
    the attributes of the class, as ``written="σ"``. Settings are annotated with the kinds that built-in ops check; a section
    Attributes in the docstring says what they mean.
    """

    def decorate(forward: Callable[..., Any]) -> composite:
        made = composite(forward, **how)
        registry.OPS[made.__name__] = made.kind
        made._op = made.chosen({})  # its settings are checked now
        kinds = {name: str(p.annotation) for name, p in made._settings.items()}
        made.__doc__ = documented(made.__doc__ or "", [p.name for p in made._inputs], shapes, kinds)
        return registry.implements(*numpy_functions)(made)

    return decorate
