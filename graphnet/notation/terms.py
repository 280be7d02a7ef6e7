"""What formulas are made of beside ops: arrays of a pass, entries and sums over a letter; and a run of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from graphnet.core.leaves import Constant
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.order import topological_order
from graphnet.core.shapes import Shape
from graphnet.errors import GraphError
from graphnet.notation.symbols import Letters, Symbol


class ByLabel(Protocol):
    """Arrays by the label of their node: a dict, or a pass."""

    def __getitem__(self, label: str, /) -> Any:
        """Return the array."""


class Leaf(Node):
    """What a formula is made of: an array of a pass, or the size of one of its axes.

    Attributes
    ----------
    role : str
        ``"value"`` of a node, as the forward pass cached it; its ``"error signal"``, ∂E/∂a, or ``"delta"`` if it is a
        pre-activation's, δ(z), so that they are never mixed up; or the ``"size"`` of an axis, known only when arrays are fed.
    label : str
        The node's.
    symbol : Symbol
        What it is called.
    detail : Symbol or int
        Of an error signal, the symbol of E; of a size, the axis.
    """

    __slots__ = ("detail", "label", "role", "symbol")
    role: Literal["value", "error signal", "delta", "size"]
    label: str
    symbol: Symbol
    detail: Any

    def __init__(self, role: str, label: str, symbol: Symbol, shape: Shape, detail: Any = None) -> None:
        super().__init__(None, (), shape, np.dtype(float))
        for name, value in (("role", role), ("label", label), ("symbol", symbol), ("detail", detail)):
            object.__setattr__(self, name, value)

    @property
    def is_signal(self) -> bool:
        """Whether it is an error signal."""
        return self.role in ("error signal", "delta")

    def of(self, values: ByLabel, signals: ByLabel | None) -> Any:
        """Look it up in a pass."""
        if self.is_signal and signals is None:
            raise KeyError(f"the formula mentions the error signal of {self.label!r}, and no error signals were given")
        try:
            found = (signals if self.is_signal else values)[self.label]  # type: ignore[index]
        except KeyError:
            what = "error signal" if self.is_signal else "value"
            raise GraphError(f"there is no {what} of {self.label!r}", repair="Give the values of a pass.") from None
        return np.shape(found)[self.detail] if self.role == "size" else found


class Sized(Node):
    """A node whose op has settings that are known only when arrays are fed, with nodes in place of sizes."""

    __slots__ = ("sizes",)
    sizes: Mapping[str, tuple[Any, ...]]

    def __init__(self, op: Op, inputs: tuple[Node, ...], shape: Shape, sizes: Mapping[str, tuple[Any, ...]]) -> None:
        super().__init__(op, inputs, shape, np.dtype(float))
        object.__setattr__(self, "sizes", sizes)

    def fed(self, values: ByLabel) -> Op:
        """Return the op with the sizes of a pass."""
        assert self.op is not None
        return replace(self.op, **{name: _fed(sizes, values) for name, sizes in self.sizes.items()})


def _fed(sizes: Any, values: ByLabel) -> Any:
    """Return sizes, in tuples however deep, with numbers in place of nodes."""
    if isinstance(sizes, tuple):
        return tuple(_fed(size, values) for size in sizes)
    return int(run(sizes, values)) if isinstance(sizes, Node) else sizes


# Entry by entry: an array has one axis for each letter, counted from the last, so that NumPy lines letters up -----------


@dataclass(frozen=True)
class Entry(Op):
    """The entry of an array at an index for each axis; `places` says which axis from the last each letter has."""

    indices: Letters
    places: tuple[int, ...]

    def forward(self, z: Any) -> Any:
        """Put the axes of the letters in their places."""
        z = np.asarray(z)[tuple(0 if index is None else slice(None) for index in self.indices)]
        names = [index for index in self.indices if index is not None]
        order = [name for _, name in sorted({*zip(self.places, names, strict=True)}, reverse=True)]
        z = np.einsum(z, list(map(order.index, names)), list(range(len(order))))
        sizes = dict(zip(map(dict(zip(names, self.places, strict=True)).__getitem__, order), z.shape, strict=True))
        return z.reshape([sizes.get(place, 1) for place in range(max(self.places, default=-1), -1, -1)])


@dataclass(frozen=True)
class SumOver(Op):
    """A sum over one letter, which runs to a count."""

    letter: str
    place: int

    def forward(self, z: Any, count: Any) -> Any:
        """Sum along the letter's axis, and keep it."""
        if z.ndim <= self.place or z.shape[-1 - self.place] == 1:
            return z * count
        return z.sum(-1 - self.place, keepdims=True)


def run(root: Node, values: ByLabel, signals: ByLabel | None = None) -> Any:
    """Compute a node from the leaves of its formula."""
    found: dict[Node, Any] = {}
    for node in topological_order([root]):
        if isinstance(node, Leaf):
            found[node] = np.asarray(node.of(values, signals))
        elif isinstance(node, Constant):
            found[node] = node.value
        else:
            op = node.fed(values) if isinstance(node, Sized) else node.op
            assert op is not None
            found[node] = np.asarray(op.forward(*[found[source] for source in node.inputs]))
    return found[root]
