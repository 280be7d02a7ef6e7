"""From a graph or a pass to the neutral description of its unit view."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node, describe
from graphnet.draw.names import Names, title_of
from graphnet.draw.picture import Bundle, Cell, Column, Diagram, ErrorBox, Unit, Weight
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import count, listing, number, shape_text, short
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import Chain, Layer, NotInARowError, chain_of, curve, flat_units
from graphnet.errors import DrawError, shown
from graphnet.ops.linear import Transpose

_MOST_UNITS = 60  # a network of more units has its layers abridged, so that about as many are drawn
_MOST_COLUMNS, _KEPT_AT_EACH_END = 10, 4
_MOST_OPS = 5  # ops that are named of the nodes that are not drawn
_LETTERS = "efghijk"  # the last ones number the units of the layers: i, j and k where there is one hidden layer
_DIGITS = 3


class Scales(NamedTuple):
    """How sizes of z and a, of error signals and gradients, and of weights become strengths of colours."""

    values: Scale
    signals: Scale
    weights: Scale


def diagram_of(
    shown: Graph | ForwardPass,
    sample: int | None = None,
    scales: Scales | None = None,
    updated: Mapping[Node, Array] | None = None,
) -> Diagram:
    """Return the description of the unit view of a graph, with the numbers of a pass if one is given.

    They are of one sample, counted from 0: by default of the first. Without scales it gets its own, of what it shows.
    `updated` is what the parameters become.

    Raises
    ------
    DrawError
        If the graph is no row of layers, or there is no such sample.
    """
    return _Builder(shown, sample, scales, updated or {}).diagram()


def _layers_of(graph: Graph) -> Chain:
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


class _Numbers:
    """What a graph or a pass knows of each unit and each weight of its layers; ``None`` where it knows nothing."""

    def __init__(self, shown: Graph | ForwardPass, sample: int | None) -> None:
        self.run = shown if isinstance(shown, ForwardPass) else None
        self.back = shown if isinstance(shown, BackwardPass) else None
        self.graph = shown.graph if isinstance(shown, ForwardPass) else shown
        self.chain = _layers_of(self.graph)
        self.samples = self._count_samples(sample)
        self.sample = sample or 0

    def _count_samples(self, asked: int | None) -> int:
        if self.run is None:
            if asked is not None:
                raise DrawError("a graph has no samples", repair="Give a pass, as gn.backward(E, feeds).")
            return 0
        samples = len(self._rows(self.run.values[self.chain.layers[0].product]))
        whole = isinstance(asked, (int, np.integer)) and not isinstance(asked, (bool, np.timedelta64))
        if asked is not None and not (whole and 0 <= asked < samples):
            raise DrawError(
                f"there is no sample {shown(asked)}: the pass has {count(samples, 'sample')}",
                repair=f"Give a number from 0 to {samples - 1}, or none for the first." if samples else "Feed some.",
            )
        return samples

    def _rows(self, array: Array) -> Array:
        """Return an array with one row for each sample."""
        if array.ndim == 1:
            return array[np.newaxis]
        return array.T if self.chain.columns else array

    def _each(self, array: Array | None) -> Array | None:
        """Return one number for each unit; none is known if there is no sample."""
        if array is None:
            return None
        rows = self._rows(array).astype(float)
        return rows[self.sample] if len(rows) else np.full(rows.shape[1], math.nan)

    def value(self, node: Node | None) -> Array | None:
        """Return a node's value, a number for each unit."""
        return None if self.run is None or node is None else self._each(self.run.values[node])

    def signal(self, node: Node | None) -> Array | None:
        """Return a node's error signal, a number for each unit."""
        return None if self.back is None or node is None else self._each(self.back.error_signals.get(node))

    def flat(self, layer: Layer | None) -> dict[str, Array]:
        """Return which units of a layer are saturated or off."""
        if layer is None or self.back is None or not self.samples:
            return {}
        return {what: self._rows(where)[self.sample] for what, where in flat_units(self.back, layer.a).items()}

    def sample_text(self) -> str:
        """Return which sample the numbers are of."""
        if self.run is None:
            return ""
        if self.samples < 2:
            return "One sample." if self.samples else "No sample."
        which = f"Sample {self.sample} of {self.samples:,}, counted from 0; sample=n draws another."
        return f"{which} Gradients: what it adds; those of the batch are Σ_n over its samples." if self.back else which

    def held(self, leaf: Node) -> Array:
        """Return what a leaf holds: an input without a pass holds numbers that are not known."""
        if self.run is not None:
            return self.run.values[leaf]
        value = getattr(leaf, "value", None)
        if value is None and None in leaf.shape:
            raise DrawError(
                f"the weights {self.graph.label(leaf)!r} are an input of unknown size {leaf.shape}",
                repair="Draw a pass, or declare its shape.",
            )
        return np.full([size or 0 for size in leaf.shape], math.nan) if value is None else np.asarray(value)

    def weights(self, layer: Layer, held: Array | None = None) -> Array:
        """Return the weights, or an array of their shape, one row for each unit before the layer, a column for each of it."""
        held = self.held(layer.weights) if held is None else held
        return held.T if layer.transposed else held

    def gradient(self, layer: Layer) -> Array | None:
        """Return a sample's share of ∂E/∂W of a layer, a_prevᵀ δ (Eq. 11)."""
        if self.back is None or layer.weights not in self.back.error_signals:
            return None
        a, delta = self.value(layer.signal), self.signal(layer.z)
        return None if a is None or delta is None else np.outer(a, delta)


class _Builder(_Numbers):
    """What all parts of one diagram need to know."""

    def __init__(
        self, shown: Graph | ForwardPass, sample: int | None, scales: Scales | None, updated: Mapping[Node, Array]
    ) -> None:
        super().__init__(shown, sample)
        self.title, self.updated = title_of(shown), updated
        self.names = Names(self.graph)
        self.layers = self.chain.layers
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.nodes = [self.chain.input, *(layer.a for layer in self.layers)]  # one for each column
        shapes = [self.weights(layer).shape for layer in self.layers]
        self.sizes = [shapes[0][0], *(units for _, units in shapes)]
        columns = list(range(len(self.nodes)))
        if len(columns) > _MOST_COLUMNS:
            columns[_KEPT_AT_EACH_END:-_KEPT_AT_EACH_END] = []
        self.kept = dict(zip(columns, _kept_units([self.sizes[c] for c in columns]), strict=True))
        self.scales = scales or self._scales()

    def diagram(self) -> Diagram:
        columns: list[Column] = []
        bundles: list[Bundle] = []
        for c in self.kept:
            if c and c - 1 in self.kept:
                bundles.append(self._bundle(c))
            elif c:
                first = int(columns[-1].id[1:]) + 1
                columns.append(Column(f"c{first}", "folded", count(c - first, "layer"), size=c - first))
            columns.append(self._column(c))
        ends = {"weight": ("0", self.scales.weights.high)}
        ends |= {"value": ("0", self.scales.values.high)} if self.run is not None else {}
        low = number(self.scales.signals.low, 2)
        ends |= {"error signal": (low, self.scales.signals.high)} if self.back is not None else {}
        scales = tuple((what, low, number(high, 2)) for what, (low, high) in ends.items())
        error = None if self.chain.error is None else self._error_box(self.chain.error)
        notice = "; ".join(self._notices())
        return Diagram(self.title, self.sample_text(), notice, tuple(columns), tuple(bundles), error, scales)

    def _scales(self) -> Scales:
        values: list[Any] = []
        signals: list[Any] = []
        weights: list[Any] = []
        for c, units in self.kept.items():
            layer = self._layer(c)
            shown = [self.value(self.nodes[c]), self.value(layer.z) if layer else None]
            back = [self.signal(layer.z), self.signal(layer.a)] if layer else []
            if layer and c - 1 in self.kept:
                drawn = np.ix_(self.kept[c - 1], units)
                weight, delta, gradient = self.weights(layer), self.signal(layer.z), self.gradient(layer)
                weights.append(weight[drawn])
                signals += [] if gradient is None else [gradient[drawn]]
                signals += [] if delta is None or c == 1 else [(weight * delta)[drawn]]
            values += [array[units] for array in shown if array is not None]
            signals += [array[units] for array in back if array is not None]
        return Scales(linear(values), logarithmic(signals), linear(weights))

    # Parts ----------------------------------------------------------------------------------------------------------

    def _layer(self, c: int) -> Layer | None:
        return self.layers[c - 1] if c else None

    def _place(self, node: Node | None) -> int | None:
        return None if node is None else self.positions[node]

    def _column(self, c: int) -> Column:
        node, layer, last = self.nodes[c], self._layer(c), len(self.layers)
        inputs = "computed inputs" if node.op else "inputs"
        kind: Any = "input" if layer is None else "output" if c == last else "hidden"
        title = {"input": inputs, "output": "output layer", "hidden": f"hidden layer {c}"}[kind]
        bias = layer.bias if layer else None
        a, delta = self.value(node), self.signal(layer.z if layer else None)
        has_gradient = self.back is not None and bias is not None and bias in self.back.error_signals
        values, signals, weights = self.scales
        columns: dict[str, tuple[Array | None, Scale]] = {
            "z": (self.value(layer.z if layer else None), values),
            "a": (a, values),
            "delta": (delta, signals),
            "error": (self.signal(node) if c == last and self.chain.error is not None else None, signals),
            "bias": (None if bias is None else self.held(bias).ravel(), weights),
            "bias_gradient": (delta if has_gradient else None, signals),  # a sample's share of ∂E/∂b is δ (Eq. 12)
            "target": (self.value(self.chain.target) if c == last else None, values),
        }
        updated = None if bias is None else self.updated.get(bias)
        flat = self.flat(layer)
        units = tuple(
            Unit(
                f"u{c}-{n}",
                n,
                **{name: _cell(array, n, scale) for name, (array, scale) in columns.items()},
                flat=", ".join(what for what, where in flat.items() if where[n]),
                silent=delta is not None and bool(delta[n] == 0),
                bias_updated="" if updated is None else number(updated.ravel()[n], _DIGITS),
            )
            for n in self.kept[c]
        )
        op = layer.a.op if layer and layer.a is not layer.z else None
        return Column(
            f"c{c}",
            kind,
            title,
            self.names.full(node, 24),
            _LETTERS[c - last - 1] if last < len(_LETTERS) else "",
            short(op.name) if op else "",
            curve(op) if layer else (),
            self.sizes[c],
            units,
            _size("a", a),
            _size("δ", delta),
            *map(self._place, (layer.product, layer.z, node, bias) if layer else (None, None, node, None)),
        )

    def _bundle(self, c: int) -> Bundle:
        layer = self.layers[c - 1]
        array, gradient, delta = self.weights(layer), self.gradient(layer), self.signal(layer.z)
        new = self.updated.get(layer.weights)
        updated = None if new is None else self.weights(layer, new)
        known = self.run is not None or getattr(layer.weights, "value", None) is not None
        signals = self.scales.signals
        weights = tuple(
            Weight(
                f"w{c}-{i}-{j}",
                f"u{c - 1}-{i}",
                f"u{c}-{j}",
                _cell(array, (i, j), self.scales.weights) if known else None,
                bool(array[i, j] < 0),
                _cell(gradient, (i, j), signals),
                None if delta is None else signals.cell(delta[j] * array[i, j], _DIGITS),
                "" if updated is None else number(updated[i, j], _DIGITS),
            )
            for j in self.kept[c]
            for i in self.kept[c - 1]
        )
        name, back = self.names.full(layer.weights, 24), _size("gradient", gradient)
        summary = f"{name}, {shape_text(self.held(layer.weights).shape)}"
        return Bundle(f"c{c - 1}", f"c{c}", name, self.positions[layer.weights], summary, back, weights)

    def _error_box(self, node: Node) -> ErrorBox:
        value = self.run.values[node] if self.run is not None else None
        text = "" if value is None else number(value[()]) if value.ndim == 0 else shape_text(value.shape)
        call = self.names.call(node, node.scope, 16)
        return ErrorBox(self.names.full(node, 24), call, text, self.positions[node], self._place(self.chain.target))

    def _notices(self) -> Iterator[str]:
        """Yield what is said of the nodes that are no part of a layer, and of what is left out."""
        chain = self.chain
        leaves = dict.fromkeys(
            leaf for layer in self.layers for leaf in (layer.weights, layer.bias) if leaf is not None
        )
        drawn = {node for layer in self.layers for node in (layer.product, *layer.product.inputs, layer.z, layer.a)}
        drawn |= {chain.input, *leaves}
        if chain.error is not None:
            drawn |= {chain.error, *(source for source in chain.error.inputs if source.op is None)}
        before = set(Graph(chain.input).nodes)
        for where, there in (("before the inputs", True), ("behind the layers", False)):
            nodes = [node for node in self.graph.nodes if node not in drawn and (node in before) is there]
            ops = list(dict.fromkeys(short(node.kind) for node in nodes if node.op is not None))
            if nodes:
                names = f": {listing(ops, _MOST_OPS)}" if ops else ""
                yield f"{count(len(nodes), 'node')} {where} not drawn{names}"
        for leaf in leaves:
            use = self.graph.only_use(leaf)
            if use and isinstance(use.consumer.op, Transpose):
                use = self.graph.only_use(use.consumer)
            if use is None and self.back is not None:
                yield f"gradients of {self.names.full(leaf, 24)}: without what its other uses add"
        folded = len(self.nodes) - len(self.kept)
        if folded:
            yield f"{folded:,} of {len(self.layers):,} layers not drawn"
        total = sum(self.sizes[c] for c in self.kept)
        missing = total - sum(map(len, self.kept.values()))
        if missing:
            yield f"{'in the layers drawn, ' if folded else ''}{missing:,} of {total:,} units not drawn"


def _kept_units(sizes: Sequence[int]) -> list[list[int]]:
    """Return which units of each column are drawn: all, or the first and the last ones of large layers."""
    most = max(sizes, default=0)
    while most > 2 and sum(min(size, most) for size in sizes) > _MOST_UNITS:
        most = min(most - 1, _MOST_UNITS)
    return [
        list(range(size)) if size <= most else [*range(math.ceil(most / 2)), *range(size - most // 2, size)]
        for size in sizes
    ]


def _cell(array: Array | None, place: Any, scale: Scale) -> Cell | None:
    return None if array is None else scale.cell(array[place], _DIGITS)


def _size(what: str, array: Array | None) -> str:
    if array is None:
        return ""
    return f"{what} exactly 0" if not array.any() else f"norm of {what} {number(np.linalg.norm(array), _DIGITS)}"
