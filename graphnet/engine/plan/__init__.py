"""From a graph to a program: a flat list of NumPy calls whose outputs have memory already.

`build` makes it, by one pass after the other: every size a number and every op a NumPy function (both in `engine.rewrite`), who
may use which memory, and, in `program`, which call computes a node fastest; how the list of them runs, natively where that
can be, and explains itself. Graphs of very many scalars go another way, `scalars`: to a program of the machine in
`graphnet.native`.
"""
