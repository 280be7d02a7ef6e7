"""From a graph or a pass to the neutral description of its unit view."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphnet.common.text import count, listing, norm_of, short
from graphnet.core.graph import Graph
from graphnet.core.node import Array, Node, describe
from graphnet.draw.names import Names, number_text, shape_text, title_of
from graphnet.draw.picture import Bundle, Cell, Column, Diagram, ErrorBox, Unit, Weight
from graphnet.draw.scale import Scale, fitted
from graphnet.engine.interventions import Difference
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import Chain, Layer, NotInARowError, chain_of, curve, flat_units
from graphnet.errors import DrawError, shown
from graphnet.ops.linear import Transpose

_MOST_UNITS = 60  # a network of more units has its layers abridged, so that about as many are drawn
_MOST_COLUMNS, _KEPT_AT_EACH_END = 10, 4
_MOST_ADDED = 256  # samples whose errors are added up, to see whether that gives the error
_MOST_OPS = 5  # ops that are named of the nodes that are not drawn
_LETTERS = "efghijk"  # the last ones number the units of the layers: i, j and k where there is one hidden layer
_DIGITS = 3


class Scales(NamedTuple):
    """How sizes of z and a, of error signals and gradients, and of weights become strengths of colours."""

    values: Scale
    signals: Scale
    weights: Scale

    def of(self, name: str) -> Scale:
        """Return the scale of a number by its name in `Unit` or `Weight`."""
        if name in ("weight", "bias"):
            return self.weights
        return self.values if name in ("z", "a", "target") else self.signals


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


class _Builder:
    """What all parts of one diagram need to know; of each unit and each weight the numbers, where there are any."""

    def __init__(
        self, of: Graph | ForwardPass, sample: int | None, scales: Scales | None, updated: Mapping[Any, Array]
    ) -> None:
        self.run = of if isinstance(of, ForwardPass) else None
        self.back = of if isinstance(of, BackwardPass) else None
        self.graph = of.graph if isinstance(of, ForwardPass) else of
        self.values: Mapping[Any, Array] = self.run.values if self.run is not None else {}
        self.signals: Mapping[Any, Array] = self.back.error_signals if self.back is not None else {}
        self.title, self.updated, self.names = title_of(of), updated, Names(self.graph)
        self.chain = _layers_of(self.graph)
        self.layers = self.chain.layers
        self.samples, self.sample = self._count_samples(sample), sample or 0
        self.positions: dict[Any, int] = {node: position for position, node in enumerate(self.graph.nodes)}
        shapes = [_by_unit(layer, self._held(layer.weights)).shape for layer in self.layers]
        self.sizes = [shapes[0][0], *(units for _, units in shapes)]
        columns = list(range(len(self.sizes)))
        if len(columns) > _MOST_COLUMNS:
            columns[_KEPT_AT_EACH_END:-_KEPT_AT_EACH_END] = []
        self.kept = dict(zip(columns, _kept_units([self.sizes[c] for c in columns]), strict=True))
        self.units = {c: self._of_units(c) for c in columns}
        self.lines = {c: self._of_weights(self.layers[c - 1]) for c in columns if c - 1 in self.kept}
        if isinstance(of, Difference):  # of each number, also of those that are products here
            first, second = (_Builder(each, sample, scales, {}) for each in of.of)
            self.units = _less(first.units, second.units)
            self.lines = _less(first.lines, second.lines)
        self.scales = scales or self._scales()

    def diagram(self) -> Diagram:
        columns: list[Column] = []
        for c in self.kept:
            if c and c not in self.lines:
                first = int(columns[-1].id[1:]) + 1
                columns.append(Column(f"c{first}", "folded", count(c - first, "layer"), size=c - first))
            columns.append(self._column(c))
        ends = [("weight", self.scales.weights)]
        ends += [("value", self.scales.values)] if self.run is not None else []
        ends += [("error signal", self.scales.signals)] if self.back is not None else []
        return Diagram(
            self.title,
            self._sample_text(),
            "; ".join(self._notices()),
            tuple(columns),
            tuple(map(self._bundle, self.lines)),
            None if self.chain.error is None else self._error_box(self.chain.error),
            tuple((what, *scale.ends) for what, scale in ends),
        )

    # Samples --------------------------------------------------------------------------------------------------------

    def _count_samples(self, asked: int | None) -> int:
        if self.run is None:
            if asked is not None:
                raise DrawError("a graph has no samples", repair="Give a pass, as gn.backward(E, feeds).")
            return 0
        samples = len(self._rows(self.run.values[self.layers[0].product]))
        whole = isinstance(asked, (int, np.integer)) and not isinstance(asked, (bool, np.timedelta64))
        if asked is not None and not (whole and 0 <= asked < samples):
            raise DrawError(
                f"there is no sample {shown(asked)}: the pass has {count(samples, 'sample')}",
                repair=f"Give a number from 0 to {samples - 1}, or none for the first." if samples else "Feed some.",
            )
        return samples

    def _sample_text(self) -> str:
        """Return which sample the numbers are of."""
        if self.run is None:
            return ""
        if self.samples < 2:
            return "One sample." if self.samples else "No sample."
        which = f"Sample {self.sample + 1:,} of {self.samples:,} (sample={self.sample})."
        return f"{which} Gradients: what it adds to those of the batch, Σ_n over its samples." if self.back else which

    def _rows(self, array: Array) -> Array:
        """Return an array with one row for each sample."""
        if array.ndim == 1:
            return array[np.newaxis]
        return array.T if self.chain.columns else array

    # Numbers --------------------------------------------------------------------------------------------------------

    def _each(self, array: Array | None) -> Array | None:
        """Return one number for each unit; none is known if there is no sample."""
        if array is None:
            return None
        rows = self._rows(array).astype(float)
        return rows[self.sample] if len(rows) else np.full(rows.shape[1], math.nan)

    def _held(self, leaf: Node) -> Array:
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

    def _of_units(self, c: int) -> dict[str, Array]:
        """Return the numbers of a layer's units by the names that they have in `Unit`, as far as they are known."""
        if not c:
            return _known(a=self._each(self.values.get(self.chain.input)))
        layer = self.layers[c - 1]
        delta = self._each(self.signals.get(layer.z))
        return _known(
            z=self._each(self.values.get(layer.z)),
            a=self._each(self.values.get(layer.a)),
            delta=delta,
            error=self._each(self.signals.get(layer.a)),
            bias=None if layer.bias is None else self._held(layer.bias).ravel(),
            bias_gradient=delta if layer.bias in self.signals else None,  # a sample's share of ∂E/∂b is δ (Eq. 12)
            target=self._each(self.values.get(self.chain.target)) if layer is self.layers[-1] else None,
        )

    def _of_weights(self, layer: Layer) -> dict[str, Array]:
        """Return the numbers of a layer's weights by the names that they have in `Weight`: of ∂E/∂W a_prevᵀ δ (Eq. 11)."""
        a, delta = self._each(self.values.get(layer.signal)), self._each(self.signals.get(layer.z))
        weight = _by_unit(layer, self._held(layer.weights))
        gradient = np.outer(a, delta) if layer.weights in self.signals and a is not None and delta is not None else None
        return _known(weight=weight, gradient=gradient, message=None if delta is None else weight * delta)

    def _scales(self) -> Scales:
        """Return the scales of what is drawn; no message is drawn to an input."""

        def drawn(*names: str) -> Iterator[Array]:
            for c, numbers in self.units.items():
                yield from (numbers[name][self.kept[c]] for name in names if name in numbers)
            for c, numbers in self.lines.items():
                place = np.ix_(self.kept[c - 1], self.kept[c])
                wanted = [name for name in names if name in numbers and (name != "message" or c > 1)]
                yield from (numbers[name][place] for name in wanted)

        signals = fitted(drawn("delta", "error", "gradient", "message"))
        return Scales(fitted(drawn("z", "a")), signals, fitted(drawn("weight")))

    def _cells(self, numbers: Mapping[str, Array], *place: int) -> dict[str, Cell]:
        return {name: self.scales.of(name).cell(array[place], _DIGITS) for name, array in numbers.items()}

    # Parts ----------------------------------------------------------------------------------------------------------

    def _column(self, c: int) -> Column:
        layer, last = self.layers[c - 1] if c else None, len(self.layers)
        node, bias = (layer.a, layer.bias) if layer else (self.chain.input, None)
        kind: Any = "input" if layer is None else "output" if c == last else "hidden"
        inputs = "computed inputs" if node.op else "inputs"
        title = {"input": inputs, "output": "output layer", "hidden": f"hidden layer {c}"}[kind]
        numbers = dict(self.units[c])
        if c != last or self.chain.error is None:
            numbers.pop("error", None)
        delta, updated = numbers.get("delta"), self.updated.get(bias)
        flat = flat_units(self.back, node) if layer and self.back is not None and self.samples else {}
        units = tuple(
            Unit(
                f"u{c}-{n}",
                n,
                **self._cells(numbers, n),
                flat=", ".join(what for what, where in flat.items() if self._rows(where)[self.sample][n]),
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
            *map(self.positions.get, (layer.product, layer.z, node, bias) if layer else (None, None, node, None)),
        )

    def _bundle(self, c: int) -> Bundle:
        layer, numbers = self.layers[c - 1], dict(self.lines[c])
        if self.run is None and getattr(layer.weights, "value", None) is None:
            del numbers["weight"]  # it is not known
        weight, updated = numbers.get("weight"), self.updated.get(layer.weights)
        new = None if updated is None else _by_unit(layer, updated)
        weights = tuple(
            Weight(
                f"w{c}-{i}-{j}",
                f"u{c - 1}-{i}",
                f"u{c}-{j}",
                negative=weight is not None and bool(weight[i, j] < 0),
                updated="" if new is None else number_text(new[i, j], _DIGITS),
                **self._cells(numbers, i, j),
            )
            for j in self.kept[c]
            for i in self.kept[c - 1]
        )
        name, back = self.names.full(layer.weights, 24), _size("gradient", numbers.get("gradient"))
        shape = shape_text(self._held(layer.weights).shape)
        return Bundle(f"c{c - 1}", f"c{c}", name, self.positions[layer.weights], shape, back, weights)

    def _error_box(self, node: Node) -> ErrorBox:
        value = self.values.get(node)
        text = "" if value is None else number_text(value[()]) if value.ndim == 0 else shape_text(value.shape)
        call, target = self.names.call(node, self.names.graph.scope(node), 16), self.positions.get(self.chain.target)
        return ErrorBox(self.names.full(node, 24), call, text, self.positions[node], target, self._share(node))

    def _share(self, node: Node) -> str:
        """Return what the sample adds to an error that is the sum, or the mean, of those of its samples; else nothing."""
        if self.run is None or isinstance(self.run, Difference) or node.op is None or node in self.run.replaced:
            return ""
        if not 1 < self.samples <= _MOST_ADDED or self.values[node].ndim:
            return ""
        axis = 1 if self.chain.columns else 0
        n, inputs = self.samples, [self.values[source] for source in node.inputs]
        rows = [np.split(value, n, axis) if value.shape[axis : axis + 1] == (n,) else [value] * n for value in inputs]
        try:
            each = np.array([float(node.op.forward(*of_one)) for of_one in zip(*rows, strict=True)])
        except Exception:  # a custom rule may do anything, and be made for the whole batch
            return ""
        for of_each in (each, each / self.samples):
            if math.isclose(of_each.sum(), float(self.values[node]), rel_tol=1e-6):
                return number_text(of_each[self.sample])
        return ""

    def _notices(self) -> Iterator[str]:
        """Yield what is said of the nodes that are no part of a layer, and of what is left out."""
        chain = self.chain
        leaves = dict.fromkeys(leaf for one in self.layers for leaf in (one.weights, one.bias) if leaf is not None)
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


def _less(
    first: Mapping[int, Mapping[str, Array]], second: Mapping[int, Mapping[str, Array]]
) -> dict[int, dict[str, Array]]:
    """Return the numbers of columns less those of another pass, where both have them."""
    return {c: {name: n - second[c][name] for name, n in of.items() if name in second[c]} for c, of in first.items()}


def _known(**numbers: Array | None) -> dict[str, Array]:
    return {name: array for name, array in numbers.items() if array is not None}


def _by_unit(layer: Layer, weights: Array) -> Array:
    """Return weights, or an array of their shape, one row for each unit before the layer, a column for each of it."""
    return weights.T if layer.transposed else weights


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
    return f"{what} exactly 0" if not array.any() else f"norm of {what} {number_text(norm_of(array), _DIGITS)}"
