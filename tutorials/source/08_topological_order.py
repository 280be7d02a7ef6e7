# %% [markdown]
# # 8. Why topological order
#
# A node's error signal is the **sum** of what its consumers send back. So a node may only pass its error signal on
# when **all** of them have sent. Visiting the nodes in reverse topological order makes sure of that. In this notebook
# we run the backward pass in wrong orders on purpose, and see which nodes go wrong.

# %%
from itertools import permutations

import numpy as np

import graphnet as gn

# %% [markdown]
# ## The smallest graph that shows it
#
# `a → b = a + a → c = b + b`, and E is c. So $E = 4a$, and $\partial E/\partial a = 4$.

# %%
a = gn.parameter("a", 1.0)
b = gn.add(a, a, name="b")
c = gn.add(b, b, name="c")
bwd = gn.backward(c, {})
assert bwd.gradient(a) == 4
gn.draw(bwd)

# %% [markdown]
# ## A backward pass in a few lines
#
# This is the loop of the engine with one thing left open: the order. It uses the ops' own rules, so if a number is
# wrong the order is to blame.


# %%
def backward_in(order, graph, values):
    """Send error signals back, visiting the nodes in the order given. Return what each node has received."""
    received = {node: np.zeros_like(values[node]) for node in graph.nodes}
    received[graph.outputs[0]] = np.ones(())
    for node in order:
        if node.op is not None and np.any(received[node]):
            sent = node.op.backward(received[node], values[node], *[values[i] for i in node.inputs])
            for source, message in zip(node.inputs, sent if isinstance(sent, tuple) else [sent], strict=True):
                received[source] = received[source] + message
    return received


graph = gn.Graph(c)
right = backward_in(list(reversed(graph.nodes)), graph, gn.forward(c, {}))
assert right[a] == 4

# %% [markdown]
# ## A diamond, and the order of the queue
#
# A popular idea is to start at E and always go on to the inputs of the node just visited: first come, first served
# (breadth first). For a chain that is right. It goes wrong where a signal arrives by a **short and a long way**:
#
# $$u = w \cdot x,\qquad v = \tanh u,\qquad E = \sum (v + u)$$

# %%
x = gn.constant([0.5, -1.0, 2.0])
w = gn.parameter("w", [0.3, 0.8, -0.4])
u = gn.multiply(w, x, name="u")
v = gn.tanh(u, name="v")
E = gn.sum(gn.add(u, v, name="s"), name="E")
graph = gn.Graph(E)
values = gn.backward(E, {})
gn.draw(values)


# %%
def breadth_first(output):
    """Return the nodes in the order in which a queue meets them, each once."""
    queue, met = [output], {output}
    for node in queue:
        for source in node.inputs:
            if source not in met:
                queue.append(source)
                met.add(source)
    return queue


def wrong_nodes(order, graph, values):
    """Return the labels of the nodes whose error signal differs from the engine's."""
    received = backward_in(order, graph, values)
    return {graph.label(n) for n in graph.nodes if not np.allclose(received[n], values.error_signal(n))}


order = breadth_first(E)
print(" → ".join(graph.label(node) for node in order))
wrong = wrong_nodes(order, graph, values)
print("wrong:", sorted(wrong))

place = {node: i for i, node in enumerate(order)}
assert place[u] < place[v]  # u is visited before its consumer v
assert "w" in wrong
assert "u" not in wrong  # u's own sum is right in the end: v's message did come. But too late to be passed on

# %% [markdown]
# Look at what happened. u was visited when only s had sent its message. It passed on a part. Then v sent the rest to
# u, where it stayed. So **u looks right and everything below it is wrong**, by exactly the message that came late:

# %%
received = backward_in(order, graph, values)
late = next(m.delta for m in values.messages(u) if m.consumer is v)
assert np.allclose(values.error_signal(w) - received[w], late * values[x])
assert not gn.check_gradients(E, {}).failures  # the rules were never to blame

# %% [markdown]
# ## Calling the rules recursively
#
# Another idea: let every node, as soon as a message arrives, pass on **all it has so far**. Then the first message is
# sent twice: once alone, and once more within the sum.


# %%
def recursive_total(node, received, values):
    """Pass on the whole of what has been received, each time something arrives."""
    if node.op is not None:
        sent = node.op.backward(received[node], values[node], *[values[i] for i in node.inputs])
        for source, message in zip(node.inputs, sent if isinstance(sent, tuple) else [sent], strict=True):
            received[source] = received[source] + message
            recursive_total(source, received, values)


small = gn.forward(c, {})
received = {node: np.zeros(()) for node in gn.Graph(c).nodes}
received[c] = np.ones(())
recursive_total(c, received, small)
print("∂E/∂b =", received[b], " ∂E/∂a =", received[a], "where 2 and 4 are right")
assert received[b] == 2
# b passed on 1 along both edges, then 2 along both: 1 + 1 + 2 + 2
assert received[a] == 6

# %% [markdown]
# Passing on only the message that just arrived gives the right sum, but it walks every **path** once. In a chain of
# n doublings there are $2^n$ paths, where topological order needs n visits:

# %%
chain = gn.parameter("start", 1.0)
for _ in range(40):
    chain = chain + chain
assert gn.backward(chain, {}).gradient("start") == 2.0**40  # 41 visits, not 2⁴⁰ of them

# %% [markdown]
# ## All orders of the diamond
#
# There are few enough nodes to try every order that begins at E. An order is right exactly when every node that has
# something to pass on comes after all of its consumers; **which** of these orders it is does not matter. (A leaf
# passes nothing on: its place is free.)

# %%
orders = [(E, *rest) for rest in permutations([n for n in graph.nodes if n is not E])]
good = 0
for order in orders:
    place = {node: i for i, node in enumerate(order)}
    edges = [(node, source) for node in graph.nodes for source in node.inputs if source.op is not None]
    topological = all(place[node] < place[source] for node, source in edges)
    assert topological == (not wrong_nodes(order, graph, values))
    good += topological
print(f"{good} of {len(orders)} orders are right")
assert 0 < good < len(orders)

# %% [markdown]
# The engine's order is one of them. `Graph` works it out once, without recursion, so that a chain of 100,000 nodes is
# no trouble.

# %%
place = {node: i for i, node in enumerate(graph.nodes)}
assert all(place[source] < place[node] for node in graph.nodes for source in node.inputs)

# %% [markdown]
# ## Exercises
#
# **1.** In `backward_in`, replace the sum by `received[source] = message`. Which nodes of the diamond go wrong, in
# the right order?
#
# <details><summary>Solution</summary>
#
# u keeps only the last message, and w is wrong with it. A node with one consumer doesn't notice: that is why this
# mistake survives in code that was only tried on chains.
#
# </details>
#
# **2.** Must the *forward* pass keep to the topological order too?
#
# <details><summary>Solution</summary>
#
# Yes, and there a mistake is easier to see: the value of an input isn't there yet. The backward pass has a number to
# go on with too early, namely a part of the sum, and so goes wrong silently.
#
# </details>
