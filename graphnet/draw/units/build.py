"""From a graph or a pass to the neutral description of its unit view."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node, describe
from graphnet.draw.names import Names, title_of
from graphnet.draw.picture import Bundle, Column, Diagram, ErrorBox, Unit, Weight
from graphnet.draw.scale import Scale, linear, logarithmic
from graphnet.draw.text import count, listing, number_text, shape_text, short
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
    of: Graph | ForwardPass,
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
    return _Builder(of, sample, scales, updated or {}).diagram()


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

    def __init__(self, of: Graph | ForwardPass, sample: int | None) -> None:
        self.run = of if isinstance(of, ForwardPass) else None
        self.back = of if isinstance(of, BackwardPass) else None
        self.graph = of.graph if isinstance(of, ForwardPass) else of
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


class _Builder(_Numbers):
    """What all parts of one diagram need to know."""

    def __init__(
        self, of: Graph | ForwardPass, sample: int | None, scales: Scales | None, updated: Mapping[Node, Array]
    ) -> None:
        super().__init__(of, sample)
        self.title, self.updated = title_of(of), updated
        self.names = Names(self.graph)
        self.layers = self.chain.layers
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        shapes = [self.weights(layer).shape for layer in self.layers]
        self.sizes = [shapes[0][0], *(units for _, units in shapes)]
        columns = list(range(len(self.sizes)))
        if len(columns) > _MOST_COLUMNS:
            columns[_KEPT_AT_EACH_END:-_KEPT_AT_EACH_END] = []
        self.kept = dict(zip(columns, _kept_units([self.sizes[c] for c in columns]), strict=True))
        self.units = {c: self._of_units(self.layers[c - 1]) if c else self._of_inputs() for c in columns}
        self.lines = {c: self._of_weights(self.layers[c - 1]) for c in columns if c - 1 in self.kept}
        self.scales = scales or self._scales()

    def diagram(self) -> Diagram:
        columns: list[Column] = []
        for c in self.kept:
            if c and c not in self.lines:
                first = int(columns[-1].id[1:]) + 1
                columns.append(Column(f"c{first}", "folded", count(c - first, "layer"), size=c - first))
            columns.append(self._column(c))
        values, signals, weights = self.scales
        ends = [("weight", "0", weights)]
        ends += [("value", "0", values)] if self.run is not None else []
        ends += [("error signal", number_text(signals.low, 2), signals)] if self.back is not None else []
        return Diagram(
            self.title,
            self.sample_text(),
            "; ".join(self._notices()),
            tuple(columns),
            tuple(map(self._bundle, self.lines)),
            None if self.chain.error is None else self._error_box(self.chain.error),
            tuple((what, low, number_text(scale.high, 2)) for what, low, scale in ends),
        )

    # Numbers --------------------------------------------------------------------------------------------------------

    def _of_inputs(self) -> dict[str, Array | None]:
        return {"a": self.value(self.chain.input)}

    def _of_units(self, layer: Layer) -> dict[str, Array | None]:
        """Return the numbers of a layer's units by the names that they have in `Unit`; an error is shown of the last layer."""
        delta = self.signal(layer.z)
        has_gradient = self.back is not None and layer.bias in self.back.error_signals
        return {
            "z": self.value(layer.z),
            "a": self.value(layer.a),
            "delta": delta,
            "error": self.signal(layer.a),
            "bias": None if layer.bias is None else self.held(layer.bias).ravel(),
            "bias_gradient": delta if has_gradient else None,  # a sample's share of ∂E/∂b is δ (Eq. 12)
            "target": self.value(self.chain.target) if layer is self.layers[-1] else None,
        }

    def _of_weights(self, layer: Layer) -> dict[str, Array | None]:
        """Return the numbers of a layer's weights by the names that they have in `Weight`: of ∂E/∂W a_prevᵀ δ (Eq. 11)."""
        a, delta, weight = self.value(layer.signal), self.signal(layer.z), self.weights(layer)
        has_gradient = self.back is not None and layer.weights in self.back.error_signals
        gradient = np.outer(a, delta) if has_gradient and a is not None and delta is not None else None
        return {"weight": weight, "gradient": gradient, "message": None if delta is None else weight * delta}

    def _scales(self) -> Scales:
        """Return the scales of what is drawn; no message is drawn to an input."""

        def drawn(*names: str) -> Iterator[Array]:
            for c, numbers in self.units.items():
                yield from (a[self.kept[c]] for name in names if (a := numbers.get(name)) is not None)
            for c, numbers in self.lines.items():
                place = np.ix_(self.kept[c - 1], self.kept[c])
                wanted = [name for name in names if name != "message" or c > 1]
                yield from (a[place] for name in wanted if (a := numbers.get(name)) is not None)

        signals = logarithmic(drawn("delta", "error", "gradient", "message"))
        return Scales(linear(drawn("z", "a")), signals, linear(drawn("weight")))

    # Parts ----------------------------------------------------------------------------------------------------------

    def _place(self, node: Node | None) -> int | None:
        return None if node is None else self.positions[node]

    def _column(self, c: int) -> Column:
        layer, last = self.layers[c - 1] if c else None, len(self.layers)
        node, bias = (layer.a, layer.bias) if layer else (self.chain.input, None)
        kind: Any = "input" if layer is None else "output" if c == last else "hidden"
        inputs = "computed inputs" if node.op else "inputs"
        title = {"input": inputs, "output": "output layer", "hidden": f"hidden layer {c}"}[kind]
        values, signals, weights = self.scales
        of = {"z": values, "a": values, "target": values, "bias": weights, "delta": signals, "bias_gradient": signals}
        of |= {"error": signals} if c == last and self.chain.error is not None else {}
        numbers = {name: array for name, array in self.units[c].items() if name in of and array is not None}
        delta, flat = numbers.get("delta"), self.flat(layer)
        updated = None if bias is None else self.updated.get(bias)
        units = tuple(
            Unit(
                f"u{c}-{n}",
                n,
                **{name: of[name].cell(array[n], _DIGITS) for name, array in numbers.items()},
                flat=", ".join(what for what, where in flat.items() if where[n]),
                silent=delta is not None and bool(delta[n] == 0),
                bias_updated="" if updated is None else number_text(updated.ravel()[n], _DIGITS),
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
            _size("a", numbers.get("a")),
            _size("δ", delta),
            *map(self._place, (layer.product, layer.z, node, bias) if layer else (None, None, node, None)),
        )

    def _bundle(self, c: int) -> Bundle:
        layer, numbers = self.layers[c - 1], self.lines[c]
        new = self.updated.get(layer.weights)
        updated = None if new is None else self.weights(layer, new)
        of = {"gradient": self.scales.signals, "message": self.scales.signals}
        if self.run is not None or getattr(layer.weights, "value", None) is not None:  # else they are not known
            of["weight"] = self.scales.weights
        known = {name: array for name, array in numbers.items() if name in of and array is not None}
        weights = tuple(
            Weight(
                f"w{c}-{i}-{j}",
                f"u{c - 1}-{i}",
                f"u{c}-{j}",
                negative="weight" in known and bool(known["weight"][i, j] < 0),
                updated="" if updated is None else number_text(updated[i, j], _DIGITS),
                **{name: of[name].cell(array[i, j], _DIGITS) for name, array in known.items()},
            )
            for j in self.kept[c]
            for i in self.kept[c - 1]
        )
        name, back = self.names.full(layer.weights, 24), _size("gradient", numbers["gradient"])
        summary = f"{name}, {shape_text(self.held(layer.weights).shape)}"
        return Bundle(f"c{c - 1}", f"c{c}", name, self.positions[layer.weights], summary, back, weights)

    def _error_box(self, node: Node) -> ErrorBox:
        value = self.run.values[node] if self.run is not None else None
        text = "" if value is None else number_text(value[()]) if value.ndim == 0 else shape_text(value.shape)
        call = self.names.call(node, self.names.graph.scope(node), 16)
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
        folded = len(self.sizes) - len(self.kept)
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


def _size(what: str, array: Array | None) -> str:
    if array is None:
        return ""
    return f"{what} exactly 0" if not array.any() else f"norm of {what} {number_text(np.linalg.norm(array), _DIGITS)}"
