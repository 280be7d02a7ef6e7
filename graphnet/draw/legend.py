"""What the colours of a picture mean, for the colours it uses."""

from __future__ import annotations

from collections.abc import Sequence

from graphnet.draw.picture import Box, Edge, LegendEntry, Role
from graphnet.draw.scale import Scale
from graphnet.draw.text import number

_MEANINGS: dict[Role, str] = {
    "error signal": "error signal, flowing back",
    "gradient": "gradient of a parameter",
    "unused signal": "error signal of an input or a constant: goes no further",
}


def legend_of(
    boxes: Sequence[Box], edges: Sequence[Edge], values: Scale, signals: Scale, *, above: bool, forward_only: bool
) -> tuple[LegendEntry, ...]:
    """Return one entry for each colour that has a meaning in this picture, and one that says what was not computed.

    `above` tells that values lie beyond the end of their scale, `forward_only` that a pass has no error signals.
    """
    fields = [field for box in boxes for field in box.fields]
    coloured = {field.role for field in fields if field.rows or field.thumbnail}
    arrows = {edge.role for edge in edges}
    entries = []
    if "value" in coloured:
        text = "value, flowing forward; colour of a number: its size"
        high = number(values.high, 2) + (" and above" if above else "")
        entries.append(LegendEntry("value", text, "0", high, arrow="value" in arrows))
    elif arrows - {"value"}:
        entries.append(LegendEntry("value", "value, flowing forward"))
    for role, meaning in _MEANINGS.items():
        if role in coloured | arrows:
            entries.append(LegendEntry(role, meaning, number(signals.low, 2), number(signals.high, 2), role in arrows))
    if forward_only:
        entries.append(LegendEntry("error signal", "error signals: not computed, this is a forward pass", arrow=False))
    return tuple(entries)
