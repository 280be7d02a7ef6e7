"""The numbers of a chain of layers: of one sample of a pass."""

from __future__ import annotations

import math

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.arrays import Array
from graphnet.draw.text import count
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.units import Chain, Layer, Mask, flat_units
from graphnet.errors import DrawError, shown


class Numbers:
    """What a graph or a pass knows of each unit and each weight of its layers; ``None`` where it knows nothing.

    Numbers are of one sample, counted from 0: by default of the first.

    Raises
    ------
    DrawError
        If there is no such sample.
    """

    def __init__(self, of: Graph | ForwardPass, chain: Chain, sample: int | None) -> None:
        self.run = of if isinstance(of, ForwardPass) else None
        self.back = of if isinstance(of, BackwardPass) else None
        self.graph = of.graph if isinstance(of, ForwardPass) else of
        self.chain = chain
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
        rows: Array = self._rows(array).astype(float)
        return rows[self.sample] if len(rows) else np.full(rows.shape[1], math.nan)

    def value(self, node: Node | None) -> Array | None:
        """Return a node's value, a number for each unit."""
        return None if self.run is None or node is None else self._each(self.run.values[node])

    def signal(self, node: Node) -> Array | None:
        """Return a node's error signal, a number for each unit."""
        return None if self.back is None else self._each(self.back.error_signals.get(node))

    def flat(self, layer: Layer) -> dict[str, Mask]:
        """Return which units of a layer are saturated or off."""
        flat = flat_units(self.back, layer.a) if self.back is not None and self.samples else {}
        return {what: self._rows(where)[self.sample] for what, where in flat.items()}

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

    def weights(self, layer: Layer) -> Array:
        """Return one row for each unit before the layer, one column for each unit of it."""
        return self.oriented(layer, self.held(layer.weights))

    def oriented(self, layer: Layer, weights: Array) -> Array:
        """Return an array of the shape of the weights, one row for each unit before the layer."""
        return weights.T if layer.transposed else weights

    def weight_gradient(self, layer: Layer) -> Array | None:
        """Return a sample's share of ∂E/∂W of a layer, a_prevᵀ δ (Eq. 11)."""
        if self.back is None or layer.weights not in self.back.error_signals:
            return None
        a, delta = self.value(layer.signal), self.signal(layer.z)
        return None if a is None or delta is None else np.outer(a, delta)

    def bias_gradient(self, layer: Layer) -> Array | None:
        """Return a sample's share of ∂E/∂b of a layer, δ (Eq. 12)."""
        if self.back is None or layer.bias is None or layer.bias not in self.back.error_signals:
            return None
        return self.signal(layer.z)
