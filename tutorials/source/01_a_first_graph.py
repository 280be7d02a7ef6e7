# %% [markdown]
# # 1 · A first graph, and why the error is "propagated back"
#
# A network is a formula, and a formula is a graph: each node is one small computation. Here is the smallest network
# that
# has everything: an input $x$, a weight $w$, a bias $b$, an activation, and an error against a target $t$.

# %%
import numpy as np

import graphnet as gn

# %%
# S01: input, parameter and target nodes; matrix product, bias, activation, and half the squared error
x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))
w, b = gn.parameter("w", np.array([[0.8]])), gn.parameter("b", np.array([-0.3]))
z = gn.bias_add(gn.matmul(x, w), b, name="z")
a = gn.sigmoid(z, name="a")
E = gn.sse(a, t, name="E")

feeds = {x: [[1.5]], t: [[1.0]]}
fwd = gn.forward(E, feeds)
by_hand = 1 / (1 + np.exp(-(1.5 * 0.8 - 0.3)))
assert np.isclose(fwd[a].item(), by_hand)
assert np.isclose(fwd[E], 0.5 * (by_hand - 1.0) ** 2)
gn.draw(fwd)

# %% [markdown]
# Values flow forward, along the arrows. Now ask each node: *if your output were a little larger, by how much would $E$
# change?* The answer is the node's **error signal**, $\partial E/\partial(\text{node})$. A backward pass computes
# all of them.

# %%
# S06: an error signal for every node; at a it is ∂E/∂a, at z it is ∂E/∂z = δ, and they differ
bwd = gn.backward(E, feeds)
at_a, at_z = bwd.error_signal(a).item(), bwd.error_signal(z).item()
assert np.isclose(at_a, by_hand - 1.0)
assert np.isclose(at_z, at_a * by_hand * (1 - by_hand))
gn.draw(bwd)

# %% [markdown]
# ## Why "propagated back"?
#
# Look at the red numbers from right to left.
#
# 1. At $a$ the error signal is $a - t$. That *is* the error: how far the output is from its target.
# 2. At $z$ it is $(a - t)\,g'(z)$. The error has been handed back through the activation, which multiplied it by its
# own
#    slope. A change of $z$ reaches $E$ only by way of $a$, and $g'(z)$ says how much of it gets there.
# 3. At $w$ it is $(a - t)\,g'(z)\,x$: handed back once more, through the product, whose slope in $w$ is $x$.
#
# So a product of $(a - t)$ and a derivative is the error, seen from further back. Each node needs only what arrives
# from
# its consumer and its own slope. Doing this node by node, from $E$ towards the weights, is back-propagation.

# %%
error = by_hand - 1.0
slope_of_a, slope_of_z = by_hand * (1 - by_hand), 1.5
assert np.isclose(bwd.gradient(w).item(), error * slope_of_a * slope_of_z)

# and E really changes so: nudge w up and down
h = 1e-6


def error_at(weight):
    return 0.5 * (1 / (1 + np.exp(-(1.5 * weight - 0.3))) - 1.0) ** 2


nudged = (error_at(0.8 + h) - error_at(0.8 - h)) / (2 * h)
assert np.isclose(nudged, bwd.gradient(w).item())
nudged, bwd.gradient(w).item()

# %% [markdown]
# The same in mathematics, read off this very graph:

# %%
gn.derive(E, [w, b])

# %% [markdown]
# ## Downhill
#
# The gradient points to where $E$ *grows*. To make it smaller, step the other way:
# $w \leftarrow w - \eta\,\partial E/\partial w$.

# %%
# S07, S45: a small step against the gradient lowers E, a step along it raises it
slope = bwd.gradient(w).item()
assert error_at(0.8 - 0.1 * slope) < error_at(0.8) < error_at(0.8 + 0.1 * slope)

# %% [markdown]
# ## Exercises
#
# 1. With the target at 0, what sign has the error signal at $a$? Which way will $w$ move?
#
# <details><summary>Solution</summary>
#
# $a - 0 > 0$: positive. The slope of the sigmoid and $x = 1.5$ are positive too, so the gradient is positive and $w$
# goes
# down, which makes $a$ smaller. The cell below asserts it.
#
# </details>
#
# 2. What is $\partial E/\partial b$? Find it from the picture before you look.
#
# <details><summary>Solution</summary>
#
# The slope of $z$ in $b$ is 1, so it equals the error signal at $z$.
#
# </details>

# %%
assert gn.backward(E, {x: [[1.5]], t: [[0.0]]}).gradient(w).item() > 0
assert np.isclose(bwd.gradient(b).item(), at_z)
