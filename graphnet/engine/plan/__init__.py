"""From a graph to a program: a flat list of NumPy calls whose outputs have memory already.

Read in this order: `sizes` (every size a number), `lowering` (every op a NumPy function), `memory` (who may use which
memory), `calls` (which call computes a node fastest), `program` (the list, and how it explains itself).
"""
