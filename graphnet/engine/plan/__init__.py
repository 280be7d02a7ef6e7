"""From a graph to a program: a flat list of NumPy calls whose outputs have memory already.

Read in this order, which is that of the passes: `sizes` (every size a number), `lowering` (every op a NumPy function), `memory`
(who may use which memory), `calls` (which call computes a node fastest). `build` runs them, `program` is what they make: how
it runs, natively where that can be, and explains itself. Graphs of very many scalars go another way, `scalars`: to a
program of the machine in `graphnet.native`.
"""
