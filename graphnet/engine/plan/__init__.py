"""From a graph to a program: a flat list of NumPy calls whose outputs have memory already.

Read in this order, which is that of the passes: `with_sizes` in `engine.rewrite` (every size a number), `lowering` (every op a
NumPy function), `memory` (who may use which memory), `program` (which call computes a node fastest; how the list of them runs,
natively where that can be, and explains itself). `build` runs them. Graphs of very many scalars go another way, `scalars`: to
a program of the machine in `graphnet.native`.
"""
