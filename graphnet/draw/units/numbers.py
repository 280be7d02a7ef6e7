"""The numbers of a chain of layers: of one sample of a pass, or averaged over its batch."""

from __future__ import annotations

import math

import numpy as np

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.draw.arrays import Array
from graphnet.draw.slopes import flat_entries
from graphnet.draw.text import count
from graphnet.draw.units.chain import Chain, Layer
from graphnet.engine.passes import BackwardPass, ForwardPass
from graphnet.engine.saturation import Mask
from graphnet.errors import DrawError


class Numbers:
    """What a graph or a pass knows of each unit and each weight of its layers; ``None`` where it knows nothing.

    Numbers are of one sample, counted from 0, or averages over the batch.

    Raises
    ------
    DrawError
        If there is no such sample.
    """

    def __init__(self, shown: Graph | ForwardPass, chain: Chain, sample: int | None) -> None:
        self.run = shown if isinstance(shown, ForwardPass) else None
        self.back = shown if isinstance(shown, BackwardPass) else None
        self.graph = shown.graph if isinstance(shown, ForwardPass) else shown
        self.chain = chain
        self.sample = sample
        self.samples = self._count_samples()

    def _count_samples(self) -> int:
        if self.run is None:
            if self.sample is not None:
                raise DrawError("a graph has no samples", repair="Give a pass, as gn.backward(E, feeds).")
            return 0
        samples = len(self._rows(self.run.values[self.chain.layers[0].product]))
        asked = self.sample
        whole = isinstance(asked, (int, np.integer)) and not isinstance(asked, bool)
        if asked is not None and not (whole and 0 <= asked < samples):
            raise DrawError(
                f"there is no sample {asked!r}: the pass has {count(samples, 'sample')}",
                repair=f"Give a number from 0 to {samples - 1}, or none for averages over the batch.",
            )
        return samples

    def _rows(self, array: Array) -> Array:
        """Return an array with one row for each sample."""
        if array.ndim == 1:
            return array[np.newaxis]
        return array.T if self.chain.columns else array

    def _each(self, array: Array | None) -> Array | None:
        """Return one number for each unit: of one sample, or the mean over the batch."""
        if array is None:
            return None
        rows: Array = self._rows(array).astype(float)
        if self.sample is not None:
            row: Array = rows[self.sample]
            return row
        with np.errstate(all="ignore"):
            return rows.mean(axis=0) if len(rows) else np.full(rows.shape[1], math.nan)

    def value(self, node: Node | None) -> Array | None:
        """Return a node's value, a number for each unit."""
        return None if self.run is None or node is None else self._each(self.run.values[node])

    def signal(self, node: Node) -> Array | None:
        """Return a node's error signal, a number for each unit."""
        return None if self.back is None else self._each(self.back.error_signals.get(node))

    def flat(self, layer: Layer) -> dict[str, Mask]:
        """Return where the activation of a layer is saturated or off: one row for each sample, one column for each unit."""
        flat = {} if self.back is None else flat_entries(layer.a, self.back)
        return {what: self._asked(where) for what, where in flat.items()}

    def silent(self, layer: Layer) -> Mask | None:
        """Return which units of a layer have a δ of exactly 0 in every sample."""
        if self.back is None or layer.z not in self.back.error_signals or not self.samples:
            return None
        silent: Mask = (self._asked(self.back.error_signals[layer.z]) == 0).all(axis=0)
        return silent

    def _asked(self, array: Array) -> Array:
        """Return the rows of the samples that are shown."""
        rows = self._rows(array)
        return rows if self.sample is None else rows[self.sample : self.sample + 1]

    def sample_text(self) -> str:
        """Return which sample the numbers are of, or that they are averages."""
        if self.run is None:
            return ""
        if self.sample is not None and self.samples > 1:
            share = " Gradients: what this sample adds to those of the batch." if self.back else ""
            return f"Sample {self.sample} of {self.samples}, counted from 0.{share}"
        if self.samples == 1:
            return "One sample."
        means = "z, a and δ are means; gradients are of the whole batch." if self.back else "z and a are means."
        return f"Averaged over {self.samples} samples: {means}"

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
        """Return ∂E/∂W of a layer: of the whole batch, or one sample's share a_prevᵀ δ (Eq. 11)."""
        if self.back is None or layer.weights not in self.back.error_signals:
            return None
        if self.sample is None or self.samples == 1:
            return self.oriented(layer, self.back.error_signals[layer.weights])
        a, delta = self.value(layer.signal), self.signal(layer.z)
        return None if a is None or delta is None else np.outer(a, delta)

    def bias_gradient(self, layer: Layer) -> Array | None:
        """Return ∂E/∂b of a layer: of the whole batch, or one sample's share δ (Eq. 12)."""
        if self.back is None or layer.bias is None or layer.bias not in self.back.error_signals:
            return None
        if self.sample is None or self.samples == 1:
            return self.back.error_signals[layer.bias].ravel()
        return self.signal(layer.z)
