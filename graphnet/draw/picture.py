"""What is drawn, as plain data with no trace of a file format: a `Picture` of ops, or a `Diagram` of units.

`graphnet.draw.build` and `graphnet.draw.diagram` make them, each writer turns them into one format. All text in them is
clean: control characters are visible and long names are cut, but nothing is escaped yet, because that depends on the format.
Ids are opaque and never made of a name. Which node is shown is said by its place in ``graph.nodes``: what shows the node at
place 12 has the class ``"n12"`` in files, in both views.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

# What numbers or an arrow stand for. An unused signal is that of an input or a constant: it goes no further.
Role = Literal["value", "error signal", "gradient", "unused signal"]

# What a box stands for. A literal is a number written in the code, as 0.5; a folded box stands for many nodes.
BoxKind = Literal["op", "input", "parameter", "constant", "literal", "folded"]

# What is special about an array: exactly 0, not there because no error signal arrives, or of an activation's flat ends.
FieldState = Literal["", "zero", "unreachable", "saturated"]

# Beside the words, so that they are found at a glance: a flat line is what a saturated activation is there.
STATE_MARKS: dict[FieldState, str] = {"zero": "○", "unreachable": "∅", "saturated": "▬"}

Direction = Literal["right", "down"]

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Cell:
    """One entry of an array: its number, and from −1 to 1 its place on the scale of its role, ``None`` if not finite."""

    text: str
    strength: float | None


# The op view --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One array of a box: its value, or its error signal.

    Attributes
    ----------
    role, caption
        What it is, and that in words, as ``"error signal ∂E/∂a1"``.
    rows
        The numbers, if they are few enough.
    lines
        What is said in place of, or beside, the numbers.
    thumbnail
        Strengths only: the look of an array with too many numbers to print.
    state
        Whether it is something else than numbers as usual; its lines say so in words, writers add a mark.
    """

    role: Role
    caption: str
    rows: tuple[tuple[Cell, ...], ...] = ()
    lines: tuple[str, ...] = ()
    thumbnail: tuple[tuple[float | None, ...], ...] = ()
    state: FieldState = ""

    @property
    def text(self) -> str:
        """Its numbers, row by row, and its lines on one line; may be empty."""
        rows = "; ".join(" ".join(cell.text for cell in row) for row in self.rows)
        return ", ".join(filter(None, [rows, *self.lines]))

    @property
    def told(self) -> str:
        """Its caption, and its text."""
        return ": ".join(filter(None, [self.caption, self.text]))


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
    """One node, or many folded into one.

    Attributes
    ----------
    id
        ``"n12"`` for the node at place 12 of ``graph.nodes``, or for a folded box that it is first in.
    kind, title
        What it stands for, and what it is called.
    lines
        What the node is, as ``("tanh(z1)", "shape (4, 3)")``.
    output
        Whether it is an output of the graph.
    formulas
        What its backward rule sends to its inputs, if formulas are shown.
    fields
        Its arrays.
    group
        The id of the frame it lies in, if any.
    mark
        A remark, if any.
    nodes
        Places in ``graph.nodes`` of all that it stands for: one, or more if it is folded.
    """

    id: str
    kind: BoxKind
    title: str
    lines: tuple[str, ...]
    output: bool = False
    formulas: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    group: str | None = None
    mark: Mark | None = None
    nodes: tuple[int, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What the node is, and that it is an output."""
        return (*self.lines, "output") if self.output else self.lines

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said of it beside its arrays: its mark, and its formulas."""
        return (*([f"{self.mark.kind}: {self.mark.text}"] if self.mark else []), *self.formulas)

    @property
    def told(self) -> tuple[str, ...]:
        """All that it says, line by line."""
        return (self.title, *self.words, *self.remarks, *(field.told for field in self.fields))

    @property
    def classes(self) -> tuple[str, ...]:
        """What it is in files: ``"n12"`` if it stands for one node, at that place."""
        return ("node", *([f"n{self.nodes[0]}" if len(self.nodes) == 1 else "folded"] if self.nodes else []))

    @property
    def faulty(self) -> bool:
        """Whether it is marked as a fault."""
        return self.mark is not None and self.mark.kind == "fault"


@dataclass(frozen=True)
class Arrow:
    """One arrow between boxes, given by their ids in its direction: an error signal's source is the consumer.

    The arrow at place 7 of ``picture.edges`` has the id ``"e7"`` in files.

    Attributes
    ----------
    source, target
        Ids of boxes.
    slot
        Which input of the consumer it belongs to; ``None`` if it stands for several edges of folded boxes.
    role
        What flows along it.
    strength
        From 0 to 1 on the scale of error signals; ``None`` for values and for a message that is exactly 0.
    text
        What is written beside it, if anything.
    """

    source: str
    target: str
    slot: int | None
    role: Role
    strength: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Frame:
    """A scope by its own name, drawn around its boxes; `parent` is the id of the frame around it, if any."""

    id: str
    title: str
    parent: str | None = None


@dataclass(frozen=True)
class LegendEntry:
    """What the colour of a role means, in words.

    Attributes
    ----------
    role, text
        The role, and its meaning.
    low, high
        The ends of the colour scale; empty if the colour has none.
    arrow
        Whether arrows of this role are drawn too.
    """

    role: Role
    text: str
    low: str = ""
    high: str = ""
    arrow: bool = True


@dataclass(frozen=True)
class Picture:
    """All that a drawing of ops shows.

    Attributes
    ----------
    title
        One line, with E and its value where there is a pass.
    notice
        What was left out, if anything.
    direction
        Where values flow to.
    boxes, edges, groups, legend : tuple
        In topological order; a parent frame before its children.
    """

    title: str
    notice: str
    direction: Direction
    boxes: tuple[Box, ...]
    edges: tuple[Arrow, ...]
    groups: tuple[Frame, ...]
    legend: tuple[LegendEntry, ...]

    def nested(self) -> Iterator[Box | Frame | None]:
        """Yield the boxes and frames as they lie in each other: a frame, its boxes, the frames in it, ``None`` at its end."""
        inside: dict[str | None, list[Box | Frame | None]] = {}
        for box in self.boxes:
            inside.setdefault(box.group, []).append(box)
        for group in self.groups:
            inside.setdefault(group.parent, []).append(group)
        waiting = inside.get(None, [])[::-1]
        while waiting:
            part = waiting.pop()
            yield part
            if isinstance(part, Frame):
                waiting += [None, *reversed(inside.get(part.id, []))]


# The unit view ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """One circle. What is not there, or not known, is ``None``.

    Attributes
    ----------
    id
        ``"u1-0"`` for the first unit of column 1.
    number
        Its number in its layer, from 0.
    z, a, delta
        Its pre-activation, activation and error signal δ = ∂E/∂z; an input unit has an activation only.
    error
        ∂E/∂a, of output units only: what the error sends back to the unit.
    bias, bias_gradient
        Of its layer's bias, if that has one.
    target
        What its activation is compared with.
    flat
        Whether its activation is saturated or off, in a word; empty if it is neither.
    silent
        Whether δ is exactly 0.
    bias_updated
        The number that takes the place of the bias, where that is known.
    """

    id: str
    number: int
    z: Cell | None = None
    a: Cell | None = None
    delta: Cell | None = None
    error: Cell | None = None
    bias: Cell | None = None
    bias_gradient: Cell | None = None
    target: Cell | None = None
    flat: str = ""
    silent: bool = False
    bias_updated: str = ""

    @property
    def marks(self) -> str:
        """What makes it stand out where there is no room for words."""
        return (STATE_MARKS["saturated"] if self.flat else "") + (STATE_MARKS["zero"] if self.silent else "")

    @property
    def numbers(self) -> dict[str, str]:
        """Its z, a and δ by these symbols, as far as they are known."""
        return {name: cell.text for name, cell in {"z": self.z, "a": self.a, "δ": self.delta}.items() if cell}


@dataclass(frozen=True)
class Column:
    """One layer of units, or several that are not drawn, and the nodes that it shows.

    Attributes
    ----------
    id
        ``"c1"`` for the second column.
    kind, title
        What it is, and that in words, as ``"hidden layer 1"``.
    name
        What the node of its activations is called in the graph.
    index
        The letter that numbers its units: i, j and k in a network of one hidden layer.
    activation
        What its op is called; empty where there is none.
    curve
        Points (z, a) of the activation, where it works entry by entry.
    size
        How many units the layer has, or how many layers are folded.
    units
        Those drawn; if fewer than `size`, the first and the last ones.
    summary, signal_summary
        All its activations, and all its error signals, in words: drawn or not.
    product, z, a, bias
        Places of its nodes.
    """

    id: str
    kind: Literal["input", "hidden", "output", "folded"]
    title: str
    name: str = ""
    index: str = ""
    activation: str = ""
    curve: tuple[tuple[float, float], ...] = ()
    size: int = 0
    units: tuple[Unit, ...] = ()
    summary: str = ""
    signal_summary: str = ""
    product: int | None = None
    z: int | None = None
    a: int | None = None
    bias: int | None = None

    @property
    def left_out(self) -> int:
        """How many of its units are not drawn."""
        return 0 if self.kind == "folded" else self.size - len(self.units)


@dataclass(frozen=True)
class Weight:
    """One line between two units, given by their ids in the direction of values.

    Attributes
    ----------
    id
        ``"w1-2-0"`` from unit 2 of column 0 to unit 0 of column 1.
    source, target
        Ids of units.
    weight, negative, gradient
        Its number, its sign, and ∂E/∂w.
    message
        δ w: what the target sends back along it.
    updated
        The number that takes the place of the weight, where that is known.
    """

    id: str
    source: str
    target: str
    weight: Cell | None = None
    negative: bool = False
    gradient: Cell | None = None
    message: Cell | None = None
    updated: str = ""


@dataclass(frozen=True)
class Bundle:
    """All weights between two columns, given by their ids: those that are drawn, and the whole array in words."""

    source: str
    target: str
    name: str
    node: int
    shape: str
    gradient_summary: str
    weights: tuple[Weight, ...]

    @property
    def summary(self) -> str:
        """Its name and its shape."""
        return f"{self.name}, {self.shape}"


@dataclass(frozen=True)
class ErrorBox:
    """What the last layer is measured by, as ``"sse(a2, t)"``, its number if known, and the places of it and the target.

    `share` is what the sample that is shown adds to it, if known; empty also if there is no other sample.
    """

    name: str
    call: str
    value: str
    node: int
    target: int | None
    share: str = ""

    @property
    def equation(self) -> str:
        """Its name, and its number if that is known."""
        return f"{self.name} = {self.value}" if self.value else self.name

    @property
    def added(self) -> str:
        """What the sample adds, in words."""
        return f"this sample adds {self.share}" if self.share else ""


@dataclass(frozen=True)
class Diagram:
    """All that a drawing of units shows.

    Attributes
    ----------
    title
        One line, with E and its value where there is a pass.
    sample
        Which sample the numbers are of; empty without a pass.
    notice
        What was left out, if anything: units, layers, and nodes that are no part of a layer.
    columns
        From the input to the output.
    bundles
        One for each two neighbouring columns, folded ones left out.
    error
        The error, if the graph has one.
    scales
        The ends of the colour scales in words, as ``(("value", "0", "1.2"), ...)``.
    """

    title: str
    sample: str
    notice: str
    columns: tuple[Column, ...]
    bundles: tuple[Bundle, ...]
    error: ErrorBox | None
    scales: tuple[tuple[str, str, str], ...]

    @property
    def has_signals(self) -> bool:
        """Whether it shows error signals."""
        return any(unit.delta for column in self.columns for unit in column.units)
