"""Units: what a layer of them is, what their activation is, and where its slope lets no error signal through.

Pictures, tables, formulas and words all ask here, about custom ops as about built-in ones. A layer is a matrix product of a
signal with weights, with a bias and an activation behind it where there are some: z = a_prev W + b, a = g(z).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnet.core import shapes
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.core.node import Node, Numbers
from graphnet.core.op import Op
from graphnet.core.registry import OPS
from graphnet.engine.gradients import depending_on
from graphnet.engine.interventions import Difference
from graphnet.engine.passes import BackwardPass
from graphnet.engine.rules import apply_backward
from graphnet.errors import ShapeError, shown
from graphnet.ops.activations import Identity, LeakyRelu, LogSoftmax, Polynomial, Relu, Sigmoid, Softmax, Softplus, Tanh
from graphnet.ops.arithmetic import Add
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.neural import NEURAL_ACTIVATIONS
from graphnet.ops.shaping import Moving

SATURATED = 0.05
"""A unit is saturated where its slope is below this share of the largest slope of its function."""

ACTIVATIONS: tuple[type[Op], ...] = (
    Identity, Sigmoid, Tanh, Relu, LeakyRelu, Softplus, Polynomial, Softmax, LogSoftmax, *NEURAL_ACTIVATIONS
)  # fmt: skip
"""The built-in ones."""

Flags = np.ndarray[Any, np.dtype[np.bool_]]


# Activations --------------------------------------------------------------------------------------------------------


def keeps_units(node: Node) -> bool:
    """Tell whether a node has one input, keeps its shape and leaves each entry with its unit."""
    same_shape = len(node.inputs) == 1 and node.shape == node.inputs[0].shape
    return same_shape and not isinstance(node.op, (Moving, Transpose))


def is_custom(op: Op | None) -> bool:
    """Tell whether an op is none of the built-in ones."""
    return op is not None and OPS.get(op.name) is not type(op)


def is_activation(node: Node) -> bool:
    """Tell whether a node applies the g of units: a built-in activation, or a custom op of one input that keeps its shape.

    Examples
    --------
    >>> import graphnet as gn
    >>> z = gn.input("z", (None, 3))
    >>> is_activation(gn.tanh(z)), is_activation(gn.negative(z))
    (True, False)
    """
    return keeps_units(node) and (isinstance(node.op, ACTIVATIONS) or is_custom(node.op))


def curve(op: Op | None) -> tuple[tuple[float, float], ...]:
    """Return points (z, a) of an activation, or nothing if it does not work entry by entry; no op is the identity."""
    z = np.linspace(-4.0, 4.0, 33)
    if op is None:
        return ((-4.0, -4.0), (4.0, 4.0))
    try:
        with np.errstate(all="ignore"):
            a, alone, turned = (np.asarray(op.forward(points), dtype=float) for points in (z, z[:5], z[::-1]))
    except Exception:  # a custom op: whatever it raises, it has no curve
        return ()
    entry_by_entry = a.shape == z.shape and np.allclose(a[:5], alone) and np.allclose(a[::-1], turned)
    return tuple((float(x), float(y)) for x, y in zip(z, a, strict=True) if np.isfinite(y)) if entry_by_entry else ()


# Slopes -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlopeRange:
    """What the slope g′ of an activation can be.

    Attributes
    ----------
    largest : float
        The largest |g′|; infinite if it grows without end, as that of exp, and then no unit is saturated.
    flat : bool
        Whether g is exactly flat over a part, as relu is: a unit can be dead.
    straight : bool
        Whether g is made of straight pieces, as relu and leaky relu: a unit can be off, and is never saturated.
    """

    largest: float
    flat: bool
    straight: bool

    def saturated(self, slopes: Any) -> Flags:
        """Tell where a unit is saturated, given its slopes."""
        slopes = np.abs(np.asarray(slopes, float))
        if self.straight or self.largest == np.inf:
            return np.zeros(slopes.shape, bool)
        below: Flags = slopes < SATURATED * self.best(slopes)
        return below & ~self.off(slopes)

    def best(self, slopes: Any) -> float:
        """Return the largest slope that a unit can have; of a function that has none, the largest of these slopes."""
        least = 0.0 if self.largest == np.inf else self.largest
        return float(np.nanmax(np.abs(slopes), initial=least))

    def off(self, slopes: Any) -> Flags:
        """Tell where a unit is off, given its slopes: on a part where the function is exactly flat."""
        off: Flags = np.asarray(slopes) == 0
        return off & self.flat


def slope_range(op: Op) -> SlopeRange:
    """Find out what the slope of an activation can be, by its own backward rule.

    Examples
    --------
    >>> import graphnet as gn
    >>> slope_range(gn.ops.Sigmoid()).largest, slope_range(gn.ops.Relu())
    (0.25, SlopeRange(largest=1.0, flat=True, straight=True))
    """
    near = np.linspace(-5.0, 5.0, 101)
    widths = np.array([1, 4, 16, 64])
    z = np.outer(widths, near).ravel()  # farther out too: there a slope may be larger, or grow without end
    try:
        with np.errstate(all="ignore"):
            a = np.asarray(op.forward(z))
            slopes = np.abs(np.asarray(op.backward(np.ones_like(z), a, z), float)).reshape(len(widths), -1)
    except Exception:  # a custom rule may take arrays of some shapes only
        return SlopeRange(1.0, flat=False, straight=False)
    *_, nearly, largest = np.fmax.accumulate(np.fmax.reduce(slopes, axis=1, initial=0.0))
    if largest > 1.5 * nearly:
        largest = np.inf
    here = slopes[0]
    straight = len(np.unique(here.round(12))) <= 3
    return SlopeRange(float(largest) or 1.0, bool(np.count_nonzero(here == 0) > 5), straight)


def local_slope(bwd: BackwardPass, node: Node) -> Numbers | None:
    """Return g′(z) of each unit, of a node a = g(z); None if it is no activation, or one that mixes units.

    The slope is what the op's own rule sends back for an error signal of ones at the values of the pass.
    """
    if not is_activation(node) or node not in bwd.error_signals or node.inputs[0] not in bwd.error_signals:
        return None
    value, z = bwd.values[node], bwd.values[node.inputs[0]]
    signs = np.where(np.arange(value.size).reshape(value.shape) % 2, 1, -1).astype(value.dtype)
    with np.errstate(all="ignore"):  # the pass itself has shown what is not finite
        (slope,) = apply_backward(bwd.graph, node, np.ones_like(value), value, [z])
        (signed,) = apply_backward(bwd.graph, node, signs, value, [z])
    if slope is None or signed is None or not np.allclose(signed, signs * slope, equal_nan=True):
        return None  # as softmax: a unit's error signal depends on its neighbours'
    return np.asarray(slope)


@dataclass(frozen=True)
class Units:
    """Units of a = g(z), in all samples.

    Attributes
    ----------
    slope : numpy.ndarray
        g′(z) of each, in each sample.
    best : float
        The largest |g′| that the function has.
    saturated, off, dead : numpy.ndarray of bool
        Which are saturated, and which off, in which samples; which are off in all of them.
    """

    slope: Numbers
    best: float
    saturated: Flags
    off: Flags

    @staticmethod
    def of(bwd: BackwardPass, node: Node) -> Units | None:
        """Return the units of a node; None if it is no activation, or one that mixes units."""
        slope = None if isinstance(bwd, Difference) or node in bwd.replaced else local_slope(bwd, node)
        if slope is None or node.op is None:
            return None
        possible = slope_range(node.op)
        return Units(slope, possible.best(slope), possible.saturated(slope), possible.off(slope))

    @property
    def dead(self) -> Flags:
        """Which units are off in every sample."""
        return np.asarray(self.off.all(axis=0 if self.off.ndim > 1 else ()))

    @property
    def share_saturated(self) -> float:
        """Share of all entries that are saturated."""
        return float(self.saturated.mean()) if self.saturated.size else 0.0

    @property
    def share_dead(self) -> float:
        """Share of units that are dead."""
        return float(self.dead.mean()) if self.dead.size else 0.0


def flat_units(bwd: BackwardPass, node: Node) -> dict[str, Flags]:
    """Return at which entries an activation is ``"saturated"``, and at which it is ``"off"``, where there are any.

    Examples
    --------
    >>> import graphnet as gn
    >>> w = gn.parameter("w", [-1.0, 2.0])
    >>> a = gn.relu(w)
    >>> flat_units(gn.backward(gn.sum(a), {}), a)
    {'off': array([ True, False])}
    """
    units = Units.of(bwd, node)
    flat = {} if units is None else {"saturated": units.saturated, "off": units.off}
    return {what: where for what, where in flat.items() if where.any()}


# Layers -------------------------------------------------------------------------------------------------------------


class NotInARowError(ValueError):
    """Why a graph is no single row of layers: what is in the way, and of which node that is said, if of one."""

    def __init__(self, what: str, node: Node | None = None) -> None:
        super().__init__(what)
        self.node = node


@dataclass(frozen=True, eq=False)  # eq: comparing nodes with == would build graph
class Layer:
    """One layer of units; z is the product where there is no bias, a is z where there is no activation.

    Attributes
    ----------
    signal : Node
        What comes in: the input, or the activation of the layer before.
    product, weights : Node
        The matrix product, and the leaf that holds its weights.
    transposed : bool
        Whether each row of the weights belongs to a unit of this layer, not of the layer before.
    bias : Node or None
    z, a : Node
    """

    signal: Node
    product: Node
    weights: Node
    transposed: bool
    bias: Node | None
    z: Node
    a: Node


@dataclass(frozen=True, eq=False)
class Chain:
    """A network of layers in a row, at least one, and the error behind it.

    Attributes
    ----------
    input : Node
    layers : tuple of Layer
    error : Node or None
        The output behind the last layer, if the graph does not end with that.
    target : Node or None
        What the last layer is compared with, if that is one node of its shape.
    columns : bool
        Whether samples are columns, as in ``W @ x``, not rows, as in ``x @ W``.
    """

    input: Node
    layers: tuple[Layer, ...]
    error: Node | None
    target: Node | None
    columns: bool


def chain_of(graph: Graph) -> Chain:
    """Return the layers that a graph is made of, found by going back from its last matrix product with weights.

    What lies before the first product is not looked into: its last node is the input. Nor is what lies behind the last
    activation: it is the error.

    Raises
    ------
    NotInARowError
        If the graph is no single row of layers; it names the node that is in the way.
    """
    products = {node: None for node in graph.nodes if weights_slot(node) is not None}
    if not products:
        raise NotInARowError("has no matrix product of a signal with weights")
    behind = depending_on(graph, [*products]) | products.keys()
    z, a = _last(graph, next(reversed(products)))
    layers: list[Layer] = []
    while not layers or a in behind:
        layers.append(_layer(graph, products, z, a, is_last=not layers))
        a = layers[-1].signal
        z = a.inputs[0] if a in behind and keeps_units(a) else a
    layers.reverse()
    seen = {layer.product for layer in layers}
    for product in products:
        if product not in seen:
            raise NotInARowError("is a layer beside the others: the layers don't stand in one row", product)
    error, target = _error_and_target(graph, layers[-1].a)
    return Chain(layers[0].signal, tuple(layers), error, target, _in_columns(layers))


def weights_slot(node: Node) -> int | None:
    """Return which operand of a matrix product holds weights, or ``None`` if the node is no layer's product.

    A parameter is taken before a constant, a constant before an input, the right operand before the left one. An input whose
    number of rows is known only when fed holds samples, no weights.
    """
    if not isinstance(node.op, Matmul):
        return None
    for kind in (Parameter, Constant, Node):
        for slot in (1, 0):
            leaf = _untransposed(node.inputs[slot])
            if leaf.op is None and leaf.ndim == 2 and isinstance(leaf, kind) and None not in leaf.shape:
                return slot
    return None


def bias_slot(node: Node) -> int | None:
    """Return which input of a node is the bias that it adds to a layer's product: a leaf with one entry for each unit.

    A vector alone adds along the last axis, be it units or samples.
    """
    for slot in (1, 0) if isinstance(node.op, (Add, BiasAdd)) else ():
        bias, product = node.inputs[slot], node.inputs[1 - slot]
        if bias.op is not None or weights_slot(product) is None or product.ndim not in (1, 2):
            continue
        on_the_left = weights_slot(product) == 0
        units = product.shape[0] if on_the_left else product.shape[-1]
        row, column = product.ndim == 1 or not on_the_left, product.ndim == 2 and not isinstance(node.op, BiasAdd)
        fits = [(units,)] * row + [(units, 1) if on_the_left else (1, units)] * column
        if bias.shape in fits:
            return slot
    return None


def _untransposed(node: Node) -> Node:
    return node.inputs[0] if isinstance(node.op, Transpose) else node


def _layer(graph: Graph, products: Container[Node], z: Node, a: Node, *, is_last: bool) -> Layer:
    slot = bias_slot(z)
    product = z if slot is None else z.inputs[1 - slot]
    weights = weights_slot(product) if product in products else None
    if weights is None:
        raise NotInARowError("stands between two layers", product)
    if product.ndim not in (1, 2):
        raise NotInARowError(f"has shape {product.shape}, where a layer has samples and units", product)
    inner = [source for source, target in ((product, z), (z, a)) if source is not target]
    for node in inner if is_last else [*inner, a]:
        uses = graph.consumers(node)
        if len(uses) > 1:
            users = " and ".join(repr(graph.label(use.consumer)) for use in uses[:2])
            raise NotInARowError(f"goes to {users}, past the layer behind it", node)
    held = product.inputs[weights]
    leaf = _untransposed(held)
    rows_are_units = (weights == 0) != (held is not leaf)
    bias = None if slot is None else z.inputs[slot]
    return Layer(product.inputs[1 - weights], product, leaf, rows_are_units, bias, z, a)


def _last(graph: Graph, product: Node) -> tuple[Node, Node]:
    """Return the pre-activation and the activation of the last layer."""
    biased = [use.consumer for use in graph.consumers(product) if bias_slot(use.consumer) is not None]
    z = biased[0] if len(biased) == 1 else product
    use = graph.only_use(z)
    return z, use.consumer if use and keeps_units(use.consumer) else z


def _error_and_target(graph: Graph, a: Node) -> tuple[Node | None, Node | None]:
    """Return the output behind the last layer, and the one node of the layer's shape that enters there from outside."""
    behind = depending_on(graph, [a]) | {a}
    error = next((output for output in graph.outputs if output in behind and output is not a), None)
    sources = {source: None for node in graph.nodes if node in behind and node is not a for source in node.inputs}
    beside = [node for node in sources if node not in behind and not isinstance(node, Parameter)]
    same = [node for node in beside if node.shape == a.shape]
    return error, same[0] if error is not None and len(same) == 1 else None


def _in_columns(layers: Sequence[Layer]) -> bool:
    of_samples = [layer.product for layer in layers if layer.product.ndim == 2]
    on_the_left = [weights_slot(product) == 0 for product in of_samples]
    if any(on_the_left) and not all(on_the_left):
        odd = of_samples[on_the_left.index(not on_the_left[0])]
        raise NotInARowError("has its samples in columns where another layer has them in rows", odd)
    return any(on_the_left)


def entry_of(place: Any, shape: Sequence[int], label: str) -> tuple[int, ...]:
    """Return the place of an entry in an array of this shape, counted from 0; raise `ShapeError` if there is none."""
    try:
        found = shapes.as_axes(place)
    except ShapeError:
        found = None
    if found is None or len(found) != len(shape) or not all(-n <= i < n for i, n in zip(found, shape, strict=True)):
        raise ShapeError(
            f"{label!r} of shape {tuple(shape)} has no entry {shown(place)}",
            repair=f"Give {len(shape)} whole numbers within it." if shape else "It is a scalar: give no entry.",
        )
    return tuple(i % size for i, size in zip(found, shape, strict=True))
