# %% [markdown]
# # 3 · Output-layer gradients: error, slope, signal
#
# How does the error depend on a weight into an **output** unit? The answer has three factors, and each can be pointed
# at in the picture: the **error** at the output, the **slope** of its activation, and the **signal** that came in.
#
# The network has two inputs (counted by $i$), three hidden units ($j$) and two outputs ($k$).

# %%
import numpy as np

import graphnet as gn

rng = np.random.default_rng(3)
w_ij, b_j = rng.normal(size=(2, 3)), rng.normal(size=3)
w_jk, b_k = rng.normal(size=(3, 2)), rng.normal(size=2)
a_i, t_k = np.array([0.5, -1.0]), np.array([1.0, 0.0])  # one sample and its targets

x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 2))
W1, b1 = gn.parameter("W1", w_ij), gn.parameter("b1", b_j)
W2, b2 = gn.parameter("W2", w_jk), gn.parameter("b2", b_k)
z1 = gn.bias_add(x @ W1, b1, name="z1")
a1 = gn.tanh(z1, name="a1")
z2 = gn.bias_add(a1 @ W2, b2, name="z2")
a2 = gn.sigmoid(z2, name="a2")
E = gn.sse(a2, t, name="E")

feeds = {x: [a_i], t: [t_k]}
bwd = gn.backward(E, feeds)
gn.draw(bwd, view="units")

# %% [markdown]
# Every equation below is computed three ways: **by hand** with NumPy, **by the graph**, and **nudged**, which means that
# the quantity is moved a little up and down to see how much $E$ moves. They must agree.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def error(a_k):
    return 0.5 * np.sum((a_k - t_k) ** 2)


def nudge(f, at, h=1e-5):
    """How much f moves for each number in `at`: (f(at + h) − f(at − h)) / 2h."""
    steps = h * np.eye(at.size).reshape(at.size, *at.shape)
    return np.reshape([(f(at + step) - f(at - step)) / (2 * h) for step in steps], at.shape)


def agree(by_hand, graph, nudged):
    """Print the three side by side, and tell whether they agree."""
    by_hand, graph, nudged = np.ravel(by_hand), np.ravel(graph), np.ravel(nudged)
    print("   by hand      graph     nudged")
    for three in zip(by_hand, graph, nudged, strict=True):
        print("".join(f"{number:10.6f} " for number in three))
    return np.allclose(graph, by_hand, rtol=1e-12) and np.allclose(nudged, by_hand, rtol=1e-6)


# the forward pass by hand
a_j = np.tanh(a_i @ w_ij + b_j)
z_k = a_j @ w_jk + b_k
a_k = sigmoid(z_k)

# %% tags=["test"]
assert np.allclose(bwd[a2][0], a_k)

# %% [markdown]
# ## Eq. 1: the error
#
# $$E = \tfrac12\sum_k (a_k - t_k)^2$$
#
# The ½ is there for one reason: it cancels the 2 of the derivative, and $\partial E/\partial a_k = a_k - t_k$ remains.
# (`gn.derive` reads the formulas below off the graph; it calls the signals of the inputs $x_i$.)

# %%
ok = agree(
    by_hand=a_k - t_k,
    graph=bwd.error_signal(a2),
    nudged=nudge(error, a_k),
)
gn.derive(E, a2, indices=True)

# %% tags=["test"]
# S10
assert ok
assert np.isclose(bwd[E], error(a_k))

# %% [markdown]
# ## Eq. 2–3: the sum disappears
#
# Of the sum over all outputs in $E$, one term is left. A weight $w_{jk}$ goes into output $k$, and the other outputs
# never hear of it:
#
# $$\frac{\partial E}{\partial w_{jk}} = (a_k - t_k)\,\frac{\partial a_k}{\partial w_{jk}}
# = (a_k - t_k)\;g'_k(z_k)\;\frac{\partial z_k}{\partial w_{jk}}$$
#
# Take output 0, and its three weights.

# %%
moves_z_0 = nudge(lambda w: (a_j @ w + b_k)[0], w_jk)  # ∂z_0/∂w_jk, for all j and k
print(moves_z_0.round(6))  # the second column: nothing moves

slope_0 = sigmoid(z_k[0]) * (1 - sigmoid(z_k[0]))
ok = agree(
    by_hand=(a_k[0] - t_k[0]) * slope_0 * a_j,  # z_0 is a weighted sum of the a_j, so ∂z_0/∂w_j0 = a_j
    graph=bwd.gradient(W2)[:, 0],
    nudged=nudge(lambda w: error(sigmoid(a_j @ w + b_k)), w_jk)[:, 0],
)

# %% tags=["test"]
# S11: first, nudging a weight into output 1 does not move z_0 at all
assert ok
assert np.all(moves_z_0[:, 1] == 0)
assert np.allclose((a_k[0] - t_k[0]) * slope_0 * moves_z_0[:, 0], bwd.gradient(W2)[:, 0])

# %%
absurd = gn.backward(E, {x: [a_i], t: [[1.0, 99.0]]})
print(absurd.gradient(W2) - bwd.gradient(W2))  # what the absurd target changes

# %% tags=["test"]
# S11: second, the other outputs do not matter. Give output 1 an absurd target.
np.testing.assert_array_equal(absurd.gradient(W2)[:, 0], bwd.gradient(W2)[:, 0])  # equal to the last bit
assert not np.allclose(absurd.gradient(W2)[:, 1], bwd.gradient(W2)[:, 1])

# %% [markdown]
# ## Eq. 4: three factors
#
# $z_k$ is a weighted sum of the $a_j$, so $\partial z_k/\partial w_{jk}$ is simply the signal $a_j$ that the weight
# multiplies. For **all** output weights:
#
# $$\frac{\partial E}{\partial w_{jk}} = \underbrace{(a_k - t_k)}_{\text{error}}\;
# \underbrace{g'_k(z_k)}_{\text{slope}}\;\underbrace{a_j}_{\text{signal}}$$

# %%
slope_k = a_k * (1 - a_k)
ok = agree(
    by_hand=[[(a_k[k] - t_k[k]) * slope_k[k] * a_j[j] for k in range(2)] for j in range(3)],
    graph=bwd.gradient(W2),
    nudged=nudge(lambda w: error(sigmoid(a_j @ w + b_k)), w_jk),
)

# %% tags=["test"]
# S12
assert ok

# %% [markdown]
# `gn.explain` takes one of these numbers apart. Look for the three factors:

# %%
one = gn.explain(bwd, W2, entry=(0, 1))
sizes = [factor.size for factor in one.factors]
one

# %% tags=["test"]
np.testing.assert_allclose(sizes, np.abs([a_k[1] - t_k[1], slope_k[1], a_j[0]]))

# %% [markdown]
# ## δ and Eq. 5: error signal times signal
#
# Two of the factors belong to the unit and are the same for all its weights. They get a name:
#
# $$\delta_k = (a_k - t_k)\,g'_k(z_k) \qquad\qquad \frac{\partial E}{\partial w_{jk}} = \delta_k\,a_j$$
#
# $\delta_k$ is the error signal at the *pre-activation* $z_k$. So a gradient is a **contribution**: the error signal of
# the unit that the weight leads to, weighted by how much signal was fed through it. A weight that carried nothing is
# not to blame.

# %%
delta_k = (a_k - t_k) * slope_k
ok = agree(
    by_hand=delta_k,
    graph=bwd.error_signal(z2),
    nudged=nudge(lambda z: error(sigmoid(z)), z_k),
)
gn.derive(E, z2, indices=True)[z2]

# %% tags=["test"]
# S13
assert ok

# %%
ok = agree(
    by_hand=np.outer(a_j, delta_k),
    graph=bwd.gradient(W2),
    nudged=nudge(lambda w: error(sigmoid(a_j @ w + b_k)), w_jk),
)
gn.derive(E, W2, indices=True)[W2]

# %% tags=["test"]
# S13, S43
assert ok

# %%
W1.value, b1.value = w_ij * [0, 1, 1], b_j * [0, 1, 1]  # hidden unit 0 puts out tanh(0) = 0
silent = gn.backward(E, feeds)
W1.value, b1.value = w_ij, b_j
print(silent[a1].round(4), silent.gradient(W2).round(4), sep="\n\n")

# %% tags=["test"]
# S43: feed a signal of exactly 0 through a weight, and its gradient is 0, however large the error
assert np.all(silent[a1][:, 0] == 0)
assert np.all(silent.gradient(W2)[0] == 0)
assert np.all(silent.gradient(W2)[1:] != 0)

# %% [markdown]
# ## Eq. 6: biases
#
# $$\frac{\partial E}{\partial b_k} = \delta_k$$
#
# The same, with the signal 1:

# %%
ok = agree(
    by_hand=delta_k,
    graph=bwd.gradient(b2),
    nudged=nudge(lambda b: error(sigmoid(a_j @ w_jk + b)), b_k),
)
gn.derive(E, b2, indices=True)[b2]

# %% tags=["test"]
# S14
assert ok

# %% [markdown]
# And that is meant literally. **A bias is a weight on a constant one**: put a 1 beside the signals of *every* layer, and
# the biases below the weights. It is another graph with the same error, and the same gradients.

# %%
one = gn.constant([[1.0]])
V1 = gn.parameter("V1", np.vstack([w_ij, b_j]))  # three rows of weights: the third is the bias
V2 = gn.parameter("V2", np.vstack([w_jk, b_k]))
hidden = gn.tanh(gn.concatenate([x, one], axis=1) @ V1, name="hidden")
output = gn.sigmoid(gn.concatenate([hidden, one], axis=1) @ V2, name="output")
rewritten = gn.backward(gn.sse(output, t, name="E"), feeds)

print(rewritten.gradient(V1).round(6))  # rows of weights, and of the bias below them
print(bwd.gradient(W1).round(6), bwd.gradient(b1).round(6), sep="\n")

# %% tags=["test"]
# S44: both layers rewritten
assert np.isclose(rewritten["E"], bwd[E])
for together, weights, biases in [(V1, W1, b1), (V2, W2, b2)]:
    apart = np.vstack([bwd.gradient(weights), bwd.gradient(biases)])
    np.testing.assert_allclose(rewritten.gradient(together), apart, rtol=1e-12)

# %% [markdown]
# The last row is the gradient of the hidden biases. Which brings us to the hidden layer; but first:
#
# ## Your turn
#
# **Exercise 1.** Write the backward rule of the error, $E = \tfrac12\sum(a - t)^2$. `delta` is the error signal of $E$.
# What goes back to $a$, and what to $t$?


# %%
def error_rule(delta, e, a, t):
    return delta * (t - a), delta * (a - t)  # nearly


gn.exercise(lambda a, t: 0.5 * np.sum((a - t) ** 2), error_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# If $a$ is above $t$ and grows, does $E$ grow or shrink?
#
# </details>
#
# <details><summary>Solution</summary>
#
# The signs were the wrong way round. $E$ has the slope $a - t$ in $a$ and $t - a$ in $t$, and both are multiplied by
# `delta`, as everything is that goes back.
#
# ```python
# def error_rule(delta, e, a, t):
#     return delta * (a - t), delta * (t - a)
#
#
# assert gn.exercise(lambda a, t: 0.5 * np.sum((a - t) ** 2), error_rule).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** A whole batch goes through $z = y + b$: `y` has a row for each sample, and one `b` serves them all.
# What is sent back to `b`?


# %%
def bias_rule(delta, z, y, b):
    return delta, delta  # to y, to b


gn.exercise(lambda y, b: y + b, bias_rule, rng.normal(size=(4, 3)), rng.normal(size=3))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Eq. 6 is for one sample. Every sample has its own $\delta_k$, and the same bias is in all of them. Nudge it, and they
# all move.
#
# </details>
#
# <details><summary>Solution</summary>
#
# What the samples send back adds up.
#
# ```python
# def bias_rule(delta, z, y, b):
#     return delta, delta.sum(axis=0)
#
#
# assert gn.exercise(lambda y, b: y + b, bias_rule, rng.normal(size=(4, 3)), rng.normal(size=3)).ok
# ```
#
# </details>
#
# ---
# Next: [4 · Hidden-layer gradients](04_hidden_layer_gradients.ipynb): a weight whose error nobody can see directly.
