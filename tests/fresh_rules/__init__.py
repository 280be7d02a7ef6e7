"""Wrong backward rules as people write them, each with its right counterpart, in families; see `record` for the words."""

from __future__ import annotations

from . import (
    activations,
    attention,
    convolution,
    fifth,
    fourth,
    gather,
    geometry,
    linalg,
    losses,
    normalisations,
    precision,
    recurrent,
    reductions,
    scans,
    second,
    sixth,
    small,
    state,
    third,
)
from .record import Family, Rule

FIRST: tuple[Family, ...] = tuple(
    part.F
    for part in (
        activations,
        normalisations,
        losses,
        attention,
        convolution,
        gather,
        scans,
        linalg,
        geometry,
        recurrent,
        reductions,
        state,
        precision,
        small,
    )
)
SECOND: tuple[Family, ...] = second.FAMILIES
THIRD: tuple[Family, ...] = third.FAMILIES
FOURTH: tuple[Family, ...] = fourth.FAMILIES
FIFTH: tuple[Family, ...] = fifth.FAMILIES
SIXTH: tuple[Family, ...] = sixth.FAMILIES
FAMILIES = FIRST + SECOND + THIRD + FOURTH + FIFTH + SIXTH
RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES for rule in family)
