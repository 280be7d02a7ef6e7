"""From a graph or a pass to the neutral description of its unit view."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Node, describe
from graphnet.draw.arrays import Array
from graphnet.draw.names import Names
from graphnet.draw.picture import Cell
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import count, number, shape_text, short
from graphnet.draw.title import title_of
from graphnet.draw.units.diagram import Bundle, Column, Diagram, ErrorBox, Unit, Weight
from graphnet.draw.units.numbers import Numbers
from graphnet.engine.passes import ForwardPass
from graphnet.engine.units import Chain, NotInARowError, chain_of, curve
from graphnet.errors import DrawError
from graphnet.ops.linear import Transpose

MOST_UNITS = 60
"""A network of more units has its layers abridged, so that about as many are drawn."""

MOST_COLUMNS = 10
COLUMNS_KEPT_AT_EACH_END = 4

MOST_OPS = 5
"""Ops that are named of the nodes that are not drawn."""

LETTERS = "efghijk"
"""The last ones number the units of the layers, as in the source: i, j and k where there is one hidden layer."""

DIGITS = 3


Updated = Mapping[Node, Array]
"""What the parameters become."""


class Scales(NamedTuple):
    """How sizes of z and a, of error signals and gradients, and of weights become strengths of colours."""

    values: Scale
    signals: Scale
    weights: Scale


def build_units(
    shown: Graph | ForwardPass, sample: int | None = None, scales: Scales | None = None, updated: Updated | None = None
) -> Diagram:
    """Return the description of the unit view of a graph, with the numbers of a pass if one is given.

    They are of one sample, counted from 0: by default of the first. Without scales it gets its own, of what it shows.

    Raises
    ------
    DrawError
        If the graph is no row of layers, or there is no such sample.
    """
    return _Builder(shown, sample, scales, updated or {}).diagram()


def row_of_layers(graph: Graph) -> Chain:
    """Return the layers of a graph; raise `DrawError` if it is no row of layers."""
    any_graph = 'Draw it without view="units": that shows any graph.'
    try:
        return chain_of(graph)
    except NotInARowError as found:
        if found.node is None:
            raise DrawError(f"the unit view needs layers, and this graph {found}", repair=any_graph) from None
        raise DrawError(
            "the unit view draws layers in one row (matmul, bias_add, one activation), but "
            f"{describe(found.node, graph.label(found.node))} {found}",
            repair=f"{any_graph} An activation of several ops can be one: @gn.op.",
        ) from None


class _Builder:
    """What all parts of one diagram need to know."""

    def __init__(self, shown: Graph | ForwardPass, sample: int | None, scales: Scales | None, updated: Updated) -> None:
        self.shown = shown
        self.graph = shown.graph if isinstance(shown, ForwardPass) else shown
        self.names = Names(self.graph)
        self.updated = updated
        self.chain = row_of_layers(self.graph)
        self.layers = self.chain.layers
        self.of = Numbers(shown, self.chain, sample)
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.nodes = [self.chain.input, *(layer.a for layer in self.layers)]  # one for each column
        shapes = [self.of.weights(layer).shape for layer in self.layers]
        self.sizes = [shapes[0][0], *(units for _, units in shapes)]
        self.kept = _kept_columns(len(self.nodes))
        self.numbers = _kept_units([self.sizes[c] for c in self.kept])
        self.scales = scales or self._scales()

    def diagram(self) -> Diagram:
        columns: list[Column] = []
        bundles: list[Bundle] = []
        for place, (c, numbers) in enumerate(zip(self.kept, self.numbers, strict=True)):
            if place and c != self.kept[place - 1] + 1:
                missing = c - self.kept[place - 1] - 1
                columns.append(Column(f"c{self.kept[place - 1] + 1}", "folded", count(missing, "layer"), size=missing))
            elif place:
                bundles.append(self._bundle(c, self.numbers[place - 1], numbers))
            columns.append(self._column(c, numbers))
        return Diagram(
            title_of(self.shown),
            self.of.sample_text(),
            self._notice(),
            tuple(columns),
            tuple(bundles),
            self._error_box(),
            self._scale_texts(),
        )

    # Scales ---------------------------------------------------------------------------------------------------------

    def _scales(self) -> Scales:
        values: list[Array] = []
        signals: list[Array] = []
        weights: list[Array] = []
        for place, (c, numbers) in enumerate(zip(self.kept, self.numbers, strict=True)):
            layer = self.layers[c - 1] if c else None
            shown = [self.of.value(self.nodes[c]), self.of.value(layer.z) if layer else None]
            values += [array[numbers] for array in shown if array is not None]
            back = [self.of.signal(layer.z), self.of.signal(layer.a)] if layer else []
            signals += [array[numbers] for array in back if array is not None]
            if layer and self.kept[place - 1] == c - 1:
                drawn = np.ix_(self.numbers[place - 1], numbers)
                weight, delta, gradient = (
                    self.of.weights(layer),
                    self.of.signal(layer.z),
                    self.of.weight_gradient(layer),
                )
                weights.append(weight[drawn])
                signals += [] if gradient is None else [gradient[drawn]]
                signals += [] if delta is None or c == 1 else [(weight * delta)[drawn]]
        return Scales(linear(values), logarithmic(signals), linear(weights))

    def _scale_texts(self) -> tuple[tuple[str, str, str], ...]:
        texts = [("weight", "0", number(self.scales.weights.high, 2))]
        if self.of.run is not None:
            texts.append(("value", "0", number(self.scales.values.high, 2)))
        if self.of.back is not None:
            texts.append(("error signal", number(self.scales.signals.low, 2), number(self.scales.signals.high, 2)))
        return tuple(texts)

    # Parts ----------------------------------------------------------------------------------------------------------

    def _column(self, c: int, numbers: Sequence[int]) -> Column:
        node = self.nodes[c]
        layer = self.layers[c - 1] if c else None
        last = len(self.layers)
        kind = "input" if layer is None else "output" if c == last else "hidden"
        title = {
            "input": "computed inputs" if node.op else "inputs",
            "output": "output layer",
            "hidden": f"hidden layer {c}",
        }[kind]
        z = self.of.value(layer.z) if layer else None
        a = self.of.value(node)
        delta = self.of.signal(layer.z) if layer else None
        error = self.of.signal(node) if c == last and self.chain.error is not None else None
        target = self.of.value(self.chain.target) if c == last else None
        bias = self.of.held(layer.bias).ravel() if layer and layer.bias is not None else None
        bias_gradient = self.of.bias_gradient(layer) if layer else None
        updated = self.updated.get(layer.bias) if layer and layer.bias is not None else None
        flat = self.of.flat(layer) if layer else {}
        values, signals, _ = self.scales
        units = tuple(
            Unit(
                f"u{c}-{n}",
                n,
                z=_cell(z, n, values),
                a=_cell(a, n, values),
                delta=_cell(delta, n, signals),
                error=_cell(error, n, signals),
                bias=_cell(bias, n, self.scales.weights),
                bias_gradient=_cell(bias_gradient, n, signals),
                bias_updated="" if updated is None else number(updated.ravel()[n], DIGITS),
                target=_cell(target, n, values),
                flat=", ".join(what for what, where in flat.items() if where[n]),
                silent=delta is not None and bool(delta[n] == 0),
            )
            for n in numbers
        )
        op = layer.a.op if layer and layer.a is not layer.z else None
        return Column(
            f"c{c}",
            kind,  # type: ignore[arg-type]
            title,
            name=self.names.full(node, 24),
            index=LETTERS[c - last - 1] if last < len(LETTERS) else "",
            activation=short(op.name) if op else "",
            curve=curve(op) if layer else (),
            size=self.sizes[c],
            units=units,
            summary=_size("a", a),
            signal_summary=_size("δ", delta),
            product=self.positions[layer.product] if layer else None,
            z=self.positions[layer.z] if layer else None,
            a=self.positions[node],
            bias=self.positions[layer.bias] if layer and layer.bias is not None else None,
        )

    def _bundle(self, c: int, sources: Sequence[int], targets: Sequence[int]) -> Bundle:
        layer = self.layers[c - 1]
        array = self.of.weights(layer)
        gradient = self.of.weight_gradient(layer)
        delta = self.of.signal(layer.z)
        updated = self.updated.get(layer.weights)
        updated = None if updated is None else self.of.oriented(layer, updated)
        known = self.of.run is not None or getattr(layer.weights, "value", None) is not None
        weights = tuple(
            Weight(
                f"w{c}-{i}-{j}",
                f"u{c - 1}-{i}",
                f"u{c}-{j}",
                _number(array[i, j], self.scales.weights) if known else None,
                bool(array[i, j] < 0),
                None if gradient is None else _number(gradient[i, j], self.scales.signals),
                None if delta is None else _number(delta[j] * array[i, j], self.scales.signals),
                "" if updated is None else number(updated[i, j], DIGITS),
            )
            for j in targets
            for i in sources
        )
        name = self.names.full(layer.weights, 24)
        summary = f"{name}, {shape_text(self.of.held(layer.weights).shape)}"
        back = "" if gradient is None else _size("gradient", gradient)
        return Bundle(f"c{c - 1}", f"c{c}", name, self.positions[layer.weights], summary, back, weights)

    def _error_box(self) -> ErrorBox | None:
        node = self.chain.error
        if node is None:
            return None
        value = self.of.run.values[node] if self.of.run is not None else None
        text = "" if value is None else number(value[()]) if value.ndim == 0 else shape_text(value.shape)
        target = self.positions[self.chain.target] if self.chain.target is not None else None
        call = self.names.call(node, node.scope, 16)
        return ErrorBox(self.names.full(node, 24), call, text, self.positions[node], target)

    def _notice(self) -> str:
        notices = [*self._outside()]
        folded = len(self.nodes) - len(self.kept)
        if folded:
            notices.append(f"{folded:,} of {len(self.layers):,} layers not drawn")
        missing = sum(self.sizes[c] - len(numbers) for c, numbers in zip(self.kept, self.numbers, strict=True))
        if missing:
            where = "in the layers drawn, " if folded else ""
            total = sum(self.sizes[c] for c in self.kept)
            notices.append(f"{where}{missing:,} of {total:,} units not drawn")
        return "; ".join(notices)

    def _outside(self) -> Iterator[str]:
        """Yield what is said of the nodes that are no part of a layer, and of weights that are more than a layer's."""
        drawn = {node for layer in self.layers for node in (layer.product, *layer.product.inputs, layer.z, layer.a)}
        leaves = [leaf for layer in self.layers for leaf in (layer.weights, layer.bias) if leaf is not None]
        drawn |= {self.chain.input, *leaves}
        if self.chain.error is not None:
            drawn |= {self.chain.error, *(source for source in self.chain.error.inputs if source.op is None)}
        before = set(Graph(self.chain.input).nodes)
        parts = {"before the inputs": [n for n in self.graph.nodes if n in before and n not in drawn]}
        parts["behind the layers"] = [n for n in self.graph.nodes if n not in before and n not in drawn]
        for where, nodes in parts.items():
            ops = list(dict.fromkeys(short(node.kind) for node in nodes if node.op is not None))
            if nodes:
                names = ", ".join(ops[:MOST_OPS]) + (", …" if len(ops) > MOST_OPS else "")
                yield f"{count(len(nodes), 'node')} {where} not drawn" + (f": {names}" if ops else "")
        for leaf in dict.fromkeys(leaves):
            use = self.graph.only_use(leaf)
            if use and isinstance(use.consumer.op, Transpose):
                use = self.graph.only_use(use.consumer)
            if use is None and self.of.back is not None:
                yield f"gradients of {self.names.full(leaf, 24)}: without what its other uses add"


def _kept_columns(count: int) -> list[int]:
    if count <= MOST_COLUMNS:
        return list(range(count))
    return [*range(COLUMNS_KEPT_AT_EACH_END), *range(count - COLUMNS_KEPT_AT_EACH_END, count)]


def _kept_units(sizes: Sequence[int]) -> list[list[int]]:
    """Return which units of each column are drawn: all, or the first and the last ones of large layers."""
    most = max(sizes, default=0)
    while most > 2 and sum(min(size, most) for size in sizes) > MOST_UNITS:
        most = min(most - 1, MOST_UNITS)
    return [
        list(range(size)) if size <= most else [*range(math.ceil(most / 2)), *range(size - most // 2, size)]
        for size in sizes
    ]


def _cell(array: Array | None, n: int, scale: Scale) -> Cell | None:
    return None if array is None else _number(array[n], scale)


def _number(value: Any, scale: Scale) -> Cell:
    return Cell(number(value, DIGITS), scale.strength(value))


def _size(what: str, array: Array | None) -> str:
    if array is None:
        return ""
    return f"{what} exactly 0" if not array.any() else f"norm of {what} {number(np.linalg.norm(array), DIGITS)}"
