# %% [markdown]
# # 8 · Why topological order
#
# A node's error signal is the **sum** of what its consumers send back. So a node may pass its error signal on only when
# **all** of them have sent theirs. An order in which no node comes before what it depends on is called topological; gone
# through backwards, it makes sure of exactly this. Here we go through the nodes in wrong orders on purpose, and see which
# numbers go wrong.

# %%
import sys
from itertools import permutations

import numpy as np

import graphnet as gn

# %% [markdown]
# ## The smallest graph that shows it
#
# $b = a + a$ and $E = b + b$. So $E = 4a$, and the gradient of $a$ is 4. Two arrows lead from $E$ back to $b$, since $E$
# uses $b$ twice, and each brings a message of 1:

# %%
a = gn.parameter("a", 1.0)
b = gn.add(a, a, name="b")
four_a = gn.add(b, b, name="E")
bwd = gn.backward(four_a, {})
gn.draw(bwd)

# %% tags=["test"]
assert bwd.gradient(a) == 4
assert [message.delta for message in bwd.messages(b)] == [1, 1]

# %% [markdown]
# ## A backward pass with the order left open
#
# This is the loop of the engine, written out. Each node asks its own backward rule what to send, and what arrives at a
# node is added up. If a number comes out wrong now, the order is to blame.


# %%
def backward_in(order, fwd):
    """Send error signals back, visiting the nodes in the order given. Return what each node has received."""
    received = {node: np.zeros_like(fwd[node]) for node in fwd.graph.nodes}
    received[order[0]] = np.ones_like(fwd[order[0]])  # ∂E/∂E
    for node in order:
        if node.op is not None:
            messages = node.op.backward(received[node], fwd[node], *[fwd[source] for source in node.inputs])
            messages = messages if isinstance(messages, tuple) else (messages,)
            for source, message in zip(node.inputs, messages, strict=True):
                received[source] = received[source] + message
    return received


topological = gn.Graph(four_a).nodes
print("∂/∂a =", backward_in(topological[::-1], gn.forward(four_a, {}))[a])

# %% tags=["test"]
assert backward_in(topological[::-1], gn.forward(four_a, {}))[a] == 4

# %% [markdown]
# ## First come, first served
#
# A popular idea: begin at $E$, and go on with the inputs of the node just visited, in the order in which they are met.
# In a chain that is right. It goes wrong where a signal arrives by a **short and a long way**, as at $u$ here:
#
# $$u = w\,x,\qquad v = \tanh u,\qquad E = \sum (u + v)$$

# %%
x, w = gn.input("x", shape=(3,)), gn.parameter("w", [0.3, 0.8, -0.4])
u = gn.multiply(w, x, name="u")
v = gn.tanh(u, name="v")
s = gn.add(u, v, name="s")
E = gn.sum(s, name="E")
bwd = gn.backward(E, {x: [0.5, -1.0, 2.0]})
gn.draw(bwd)


# %%
def first_come(output):
    """Return the nodes in the order in which they are met."""
    order, met = [output], {output}
    for node in order:
        for source in node.inputs:
            if source not in met:
                order.append(source)
                met.add(source)
    return order


def wrong_nodes(order, bwd):
    """Return the names of the nodes whose error signal is not what the engine says."""
    received = backward_in(order, bwd)
    return [bwd.graph.label(n) for n in bwd.graph.nodes if not np.allclose(received[n], bwd.error_signal(n))]


order = first_come(E)
print(" → ".join(node.name for node in order))
print("wrong:", wrong_nodes(order, bwd))

# %% tags=["test"]
place = {node: i for i, node in enumerate(order)}
assert place[u] < place[v]  # u is visited before v, which uses it
assert set(wrong_nodes(order, bwd)) == {"x", "w"}

# %% [markdown]
# Look closely: $u$ itself is **right**. It was visited when only $s$ had sent a message, and passed that on. Then the
# message of $v$ came, was added, and stayed where it was. So everything below $u$ is wrong, by just what came late. (The
# rules are all right, so a check of each rule alone would find nothing.)

# %%
received = backward_in(order, bwd)
late = next(message.delta for message in bwd.messages(u) if message.consumer is v)
print("w is off by", bwd.error_signal(w) - received[w], "and that is the late message times x:", late * bwd[x])

# %% tags=["test"]
np.testing.assert_allclose(bwd.error_signal(w) - received[w], late * bwd[x])
np.testing.assert_allclose(received[u], bwd.error_signal(u))
assert gn.check_gradients(E, {x: bwd[x]}).ok

# %% [markdown]
# ## Passing on at once
#
# Another idea: each node passes on what it has, whenever something arrives. In the smallest graph, $b$ first hands 1 to
# $a$ twice; then the second message arrives, and it hands on 2, twice. The first message is counted in both: 1 + 1 + 2 + 2.


# %%
def pass_on(node, received, fwd, message):
    """Add a message to what a node has received, and pass all of that on."""
    received[node] = received.get(node, 0.0) + message
    if node.op is not None:
        inputs = [fwd[source] for source in node.inputs]
        for source, sent in zip(node.inputs, node.op.backward(received[node], fwd[node], *inputs), strict=True):
            pass_on(source, received, fwd, sent)
    return received


received = pass_on(four_a, {}, gn.forward(four_a, {}), np.ones(()))
print("at b:", received[b], "  at a:", received[a], "  (2 and 4 are right)")

# %% tags=["test"]
assert received[b] == 2
assert received[a] == 6

# %% [markdown]
# Passing on only what has just arrived does give 4. But then every **path** is walked by itself, and their number
# explodes: each doubling has two edges, so $n$ of them in a row have $2^n$ paths. In topological order each node is
# visited once.


# %%
def visits(node):
    """Count the visits if each message is passed on by itself."""
    return 1 + sum(visits(source) for source in node.inputs)


chain = gn.parameter("start", 1.0)
for _ in range(12):
    chain = gn.add(chain, chain)
print(f"12 doublings: {visits(chain):,} visits path by path, {len(gn.Graph(chain))} in topological order")

# %% tags=["test"]
chain = gn.parameter("start", 1.0)
for n in range(1, 13):
    chain = gn.add(chain, chain)
    assert visits(chain) == 2 ** (n + 1) - 1
    assert len(gn.Graph(chain)) == n + 1
    assert gn.backward(chain, {}).gradient("start") == 2**n

# %% [markdown]
# ## Every order there is
#
# The graph with the short and the long way has few nodes, so we can try **all** orders that begin at $E$. The right ones
# are exactly those in which each node that passes something on comes after all of its consumers. Which of these it is
# makes no difference.

# %%
good = 0
orders = [(E, *rest) for rest in permutations([u, v, s, w, x])]
for order in orders:
    place = {node: i for i, node in enumerate(order)}
    after_its_consumers = all(
        place[node] > place[consumer]
        for node in (u, v, s)  # a leaf passes nothing on: its place is free
        for consumer, _ in bwd.graph.consumers(node)
    )
    good += after_its_consumers
print(f"{good} of {len(orders)} orders are right")

# %% tags=["test"]
for order in orders:
    place = {node: i for i, node in enumerate(order)}
    after_its_consumers = all(
        place[node] > place[consumer]
        for node in (u, v, s)  # a leaf passes nothing on: its place is free
        for consumer, _ in bwd.graph.consumers(node)
    )
    assert after_its_consumers == (wrong_nodes(order, bwd) == [])
    good += after_its_consumers

# %% [markdown]
# The engine works one out when a graph is made, without calling itself: a chain may be far longer than Python's own
# limit for functions that call themselves.

# %%
long = gn.parameter("start", 0.5)
for _ in range(5 * sys.getrecursionlimit()):
    long = gn.negative(long)
nodes = gn.Graph(long).nodes
print(f"{len(nodes):,} nodes in a row; ∂/∂start = {gn.backward(long, {}).gradient('start'):g}")

# %% tags=["test"]
assert all(nodes[i].inputs == (nodes[i - 1],) for i in range(1, len(nodes)))  # each after its input
assert gn.backward(long, {}).gradient("start") == (-1) ** (5 * sys.getrecursionlimit())

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Write a function that returns the nodes in a right order. It is tried on three graphs; `first_come`,
# which stands there now, is right for one of them only.


# %%
def my_order(output):
    return first_come(output)  # change this


diamond = bwd
chain_of_three = gn.backward(gn.negative(gn.tanh(gn.negative(a))), {})
shared = gn.backward(gn.tanh(four_a) * gn.tanh(b) + b, {})


def try_order(rule):
    """Return what goes wrong in each of the three graphs."""
    passes = {"a chain": chain_of_three, "short and long way": diamond, "b used in four places": shared}
    return {name: wrong_nodes(rule(p.graph.outputs[0]), p) or "right" for name, p in passes.items()}


try_order(my_order)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Let every node wait. Count for each how many messages it still waits for: `len(graph.consumers(node))` at first. A node
# is ready when that count is 0, and each visit of a node takes one from the count of each of its inputs.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def my_order(output):
#     graph = gn.Graph(output)
#     waits_for = {node: len(graph.consumers(node)) for node in graph.nodes}
#     order, ready = [], [output]
#     while ready:
#         node = ready.pop()
#         order.append(node)
#         for source in node.inputs:
#             waits_for[source] -= 1
#             if waits_for[source] == 0:
#                 ready.append(source)
#     return order
#
#
# assert set(try_order(my_order).values()) == {"right"}
# assert list(try_order(first_come).values()).count("right") == 1
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Let $y = u\,u$, as one op. A product sends $\delta$ times the *other* factor back along each of its two
# edges. Here both lead to the same $u$. What arrives there in all? Read what the check says about the rule below.


# %%
def my_rule(delta, y, u):
    return delta * u  # change this


gn.exercise(lambda u: u * u, my_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# One message came by the left edge, one by the right. What does a node do with its messages?
#
# </details>
#
# <details><summary>Solution</summary>
#
# It adds them up: $\delta u + \delta u$. Forgetting one of them is the mistake of `received[source] = message` in place of
# a sum, and what it looks like is a factor of ½.
#
# ```python
# def my_rule(delta, y, u):
#     return delta * u + delta * u
#
#
# assert gn.exercise(lambda u: u * u, my_rule).ok
# assert "ratio 0.5" in str(gn.exercise(lambda u: u * u, lambda delta, y, u: delta * u))
# ```
#
# </details>
#
# ---
# Next: [9 · Training](09_training.ipynb): the steps downhill, on data.
