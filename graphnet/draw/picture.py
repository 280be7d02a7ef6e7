"""What a picture shows, as plain data: boxes, edges, groups and a legend, with no trace of a file format.

`graphnet.draw.build` makes a `Picture`, each writer turns it into one format. All text in it is clean: control
characters are visible and long names are cut, but nothing is escaped yet, because that depends on the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphnet.draw.text import count

Role = Literal["value", "error signal", "gradient", "unused signal"]
"""What numbers or an arrow stand for. An unused signal is that of an input or a constant: it goes no further."""

Kind = Literal["op", "input", "parameter", "constant", "literal", "folded"]
"""What a box stands for. A literal is a number written in the code, as 0.5; a folded box stands for many nodes."""

State = Literal["", "zero", "unreachable", "saturated"]
"""What is special about an array: exactly 0, not there because no error signal arrives, or of an activation's flat ends."""

MARKS: dict[State, str] = {"zero": "○", "unreachable": "∅", "saturated": "▬"}
"""Beside the words, so that they are found at a glance: a flat line is what a saturated activation is there."""

Direction = Literal["right", "down"]


@dataclass(frozen=True)
class Cell:
    """One entry of an array: its number, and its size from 0 to 1 on the scale of its role, ``None`` if not finite."""

    text: str
    strength: float | None


@dataclass(frozen=True)
class Field:
    """One array of a box: its value, or its error signal."""

    role: Role
    caption: str
    """The role in words, as ``"error signal ∂E/∂a1"``."""
    rows: tuple[tuple[Cell, ...], ...] = ()
    """The numbers, if they are few enough."""
    lines: tuple[str, ...] = ()
    """What is said instead of, or beside, the numbers."""
    thumbnail: tuple[tuple[float | None, ...], ...] = ()
    """Strengths only: the look of an array with too many numbers to print."""
    state: State = ""
    """Whether it is something else than numbers as usual; its lines say so in words, writers add a mark."""

    @property
    def text(self) -> str:
        """Its numbers, row by row, and its lines on one line; may be empty."""
        return "; ".join([*(" ".join(cell.text for cell in row) for row in self.rows), *self.lines])


@dataclass(frozen=True)
class Mark:
    """A remark that makes a node stand out, as a gradient check's finding.

    Attributes
    ----------
    kind
        ``"fault"`` or ``"checked"``.
    text
        What is said about the node.
    """

    kind: Literal["fault", "checked"]
    text: str


@dataclass(frozen=True)
class Box:
    """One node, or many folded into one."""

    id: str
    """Never made of a name: ``"n12"`` for the node at place 12 of ``graph.nodes``, or for a folded box that it is first in."""
    kind: Kind
    title: str
    lines: tuple[str, ...]
    """What the node is, as ``("tanh(z1)", "shape (4, 3)")``."""
    output: bool = False
    formulas: tuple[str, ...] = ()
    """What its backward rule sends to its inputs, if formulas are shown."""
    fields: tuple[Field, ...] = ()
    group: str | None = None
    """The id of the group it lies in, if any."""
    mark: Mark | None = None
    nodes: tuple[int, ...] = ()
    """Places in ``graph.nodes`` of all that it stands for: one, or more if it is folded."""

    @property
    def words(self) -> tuple[str, ...]:
        """What the node is, and that it is an output."""
        return (*self.lines, "output") if self.output else self.lines

    @property
    def faulty(self) -> bool:
        """Whether it is marked as a fault."""
        return self.mark is not None and self.mark.kind == "fault"


@dataclass(frozen=True)
class Edge:
    """One arrow between boxes, given by their ids in its direction: an error signal's source is the consumer.

    The arrow at place 7 of ``picture.edges`` has the id ``"e7"`` in files.
    """

    source: str
    target: str
    slot: int | None
    """Which input of the consumer it belongs to; ``None`` if it stands for several edges of folded boxes."""
    role: Role
    """What flows along it."""
    strength: float | None = None
    """From 0 to 1 on the scale of error signals; ``None`` for values and for a message that is exactly 0."""
    text: str = ""
    """What is written beside it, if anything."""


@dataclass(frozen=True)
class Group:
    """A scope by its own name, drawn as a frame around its boxes; `parent` is the id of the group around it, if any."""

    id: str
    title: str
    parent: str | None = None


@dataclass(frozen=True)
class LegendEntry:
    """What the colour of a role means, in words."""

    role: Role
    text: str
    low: str = ""
    high: str = ""
    """The ends of the colour scale; empty if the colour has none."""
    arrow: bool = True
    """Whether arrows of this role are drawn too."""


@dataclass(frozen=True)
class Picture:
    """All that a drawing shows.

    Attributes
    ----------
    title
        One line, with E and its value where there is a pass.
    notice
        What was left out, if anything.
    direction
        Where values flow to.
    boxes, edges, groups, legend : tuple
        In topological order; a parent group before its children.
    """

    title: str
    notice: str
    direction: Direction
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]
    legend: tuple[LegendEntry, ...]

    @property
    def counts(self) -> str:
        """How much is drawn, in words."""
        return count(len(self.boxes), "box", "boxes")

    def nested(self) -> Iterator[Box | Group | None]:
        """Yield the boxes and groups as they lie in each other: a group, its boxes, the groups in it, ``None`` at its end."""
        inside: dict[str | None, list[Box | Group | None]] = {}
        for box in self.boxes:
            inside.setdefault(box.group, []).append(box)
        for group in self.groups:
            inside.setdefault(group.parent, []).append(group)
        waiting = inside.get(None, [])[::-1]
        while waiting:
            part = waiting.pop()
            yield part
            if isinstance(part, Group):
                waiting += [None, *reversed(inside.get(part.id, []))]
