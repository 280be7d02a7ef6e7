"""A third set of rules, restated from reports of wrong gradients, by an author who had not read the checks."""

from __future__ import annotations

from ..record import Family
from . import densities, functions, graphs, matching, rendering, resampling, sequences, solvers, spectral

FAMILIES: tuple[Family, ...] = tuple(
    part.F for part in (rendering, spectral, functions, densities, resampling, solvers, sequences, matching, graphs)
)
