"""A sixth set: rules as people write them, restated from reports and commits by an author who had not read the checks.

Each wrong rule's kind was written down before any run of the checks on it. At the first run, alone at three inputs and in a
network, all of the 1,117 places where a fault shows were caught and located. In 564 the name was one of the words written down
before, 369 had no name, 184 had another one: true in other words in 160 (they are in `tools/fresh_rules.py` now), by accident
of small sizes in 14, half true in 7, false in 3, of a part whose factor is 1. Of 3,103 places of right rules eight were called
wrong, all of `both_signs` at zero, where its slope is 0 for each output, and three undecided, where every entry lies at a kink.
"""

from __future__ import annotations

from ..record import Family
from . import attention, calls, losses, matrices, physics, sequences, units, windows

FAMILIES: tuple[Family, ...] = tuple(
    part.F for part in (units, attention, losses, windows, sequences, matrices, physics, calls)
)
