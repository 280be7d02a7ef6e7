"""A second set of rules, by an author who had read neither the checks nor the first set."""

from __future__ import annotations

from ..record import Family
from . import (
    activations,
    attention,
    broadcasting,
    cells,
    convolution,
    edges,
    gather,
    geometry,
    linalg,
    losses,
    normalisations,
    scans,
    state,
)

FAMILIES: tuple[Family, ...] = tuple(
    part.F
    for part in (
        activations,
        losses,
        normalisations,
        attention,
        convolution,
        gather,
        scans,
        linalg,
        geometry,
        cells,
        broadcasting,
        edges,
        state,
    )
)
