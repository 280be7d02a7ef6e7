"""A sixth set: rules as people write them, restated from reports and commits by an author who had not read the checks.

Each wrong rule's kind was written down before any run of the checks on it.
"""

from __future__ import annotations

from ..record import Family
from . import attention, calls, losses, matrices, physics, sequences, units, windows

FAMILIES: tuple[Family, ...] = tuple(
    part.F for part in (units, attention, losses, windows, sequences, matrices, physics, calls)
)
