"""What a graph consists of, in numbers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from graphnet.core.graph import Graph
from graphnet.core.node import Node
from graphnet.core.tables import table


@dataclass(frozen=True)
class Leaf:
    """An input or a parameter; `entries` and `bytes` are None where sizes are known only when fed."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    entries: int | None
    bytes: int | None

    @classmethod
    def of(cls, graph: Graph, node: Node) -> Self:
        """Return what there is to say about a leaf of a graph."""
        entries = None if None in node.shape else node.size
        memory = None if entries is None else entries * node.dtype.itemsize
        return cls(graph.label(node), node.shape, node.dtype.name, entries, memory)


@dataclass(frozen=True)
class Info:
    """How many nodes, parameters and ops a graph has, and what its parameters and constants take in memory.

    Attributes
    ----------
    nodes, constants, parameter_entries, parameter_bytes, constant_bytes : int
        Counts.
    outputs : list of str
        Their labels.
    inputs, parameters : list of Leaf
        In topological order.
    ops, scopes : dict of str to int
        How many nodes there are of each op, the most frequent first; and made in each scope.
    """

    nodes: int
    outputs: list[str]
    inputs: list[Leaf]
    parameters: list[Leaf]
    parameter_entries: int
    parameter_bytes: int
    constants: int
    constant_bytes: int
    ops: dict[str, int]
    scopes: dict[str, int]

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """Count a graph."""
        return cls(
            nodes=len(graph),
            outputs=[graph.label(output) for output in graph.outputs],
            inputs=[Leaf.of(graph, node) for node in graph.inputs],
            parameters=[Leaf.of(graph, node) for node in graph.parameters],
            parameter_entries=sum(node.value.size for node in graph.parameters),
            parameter_bytes=sum(node.value.nbytes for node in graph.parameters),
            constants=len(graph.constants),
            constant_bytes=sum(node.value.nbytes for node in graph.constants),
            ops=dict(Counter(node.op.name for node in graph if node.op is not None).most_common()),
            scopes=dict(Counter(node.scope for node in graph if node.scope)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        counts = [
            ["nodes", f"{self.nodes:,}"],
            ["outputs", ", ".join(self.outputs[:8]) + (", ..." if len(self.outputs) > 8 else "")],
            ["parameters", f"{len(self.parameters):,}, with {self.parameter_entries:,} entries"],
            ["memory", f"{_size(self.parameter_bytes)} parameters, {_size(self.constant_bytes)} constants"],
        ]
        width = max(len(name) for name, _ in counts)
        parts = ["\n".join(f"{name:{width}}  {value}" for name, value in counts)]
        for kind, leaves in (("input", self.inputs), ("parameter", self.parameters)):
            if leaves:
                rows = [[leaf.name, str(leaf.shape), leaf.dtype] for leaf in leaves]
                parts.append(table([kind, "shape", "dtype"], rows))
        for kind, counted in (("op", self.ops), ("scope", self.scopes)):
            if counted:
                parts.append(table([kind, "nodes"], [[name, f"{count:,}"] for name, count in counted.items()]))
        return "\n\n".join(parts)


def _size(count: float) -> str:
    """Return a number of bytes in a unit that makes it readable."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"
