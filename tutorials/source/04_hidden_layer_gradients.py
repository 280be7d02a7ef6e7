# %% [markdown]
# # 4 · Hidden-layer gradients
#
# A weight into a hidden unit reaches the error through *every* output. So here the sum over the outputs stays.

# %%
import networkx as nx
import numpy as np

import graphnet as gn

rng = np.random.default_rng(4)
W_ij, b_j = rng.normal(size=(2, 3)), rng.normal(size=3)
W_jk, b_k = rng.normal(size=(3, 2)), rng.normal(size=2)
X, T = np.array([[0.5, -1.0]]), np.array([[1.0, 0.0]])  # one sample

x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 2))
W1, b1 = gn.parameter("W1", W_ij), gn.parameter("b1", b_j)
W2, b2 = gn.parameter("W2", W_jk), gn.parameter("b2", b_k)
z1 = gn.bias_add(x @ W1, b1, name="z1")
a1 = gn.tanh(z1, name="a1")
z2 = gn.bias_add(a1 @ W2, b2, name="z2")
a2 = gn.sigmoid(z2, name="a2")
E = gn.sse(a2, t, name="E")
bwd = gn.backward(E, {x: X, t: T})


def z_k_by_hand(W_ij=W_ij, b_j=b_j):
    return b_k + np.tanh(b_j + X @ W_ij) @ W_jk


def error(W_ij=W_ij, b_j=b_j):
    return 0.5 * np.sum((1 / (1 + np.exp(-z_k_by_hand(W_ij, b_j))) - T) ** 2)


def difference(f, at, h=1e-5):
    """(f(p + h) − f(p − h)) / 2h, for each entry of `at`."""
    slopes = np.zeros(at.shape)
    for entry in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[entry] = h
        slopes[entry] = (f(at + step) - f(at - step)) / (2 * h)
    return slopes


a_i, a_j = X[0], np.tanh(X @ W_ij + b_j)[0]
a_k = 1 / (1 + np.exp(-z_k_by_hand()[0]))
delta_k, slope_j = (a_k - T[0]) * a_k * (1 - a_k), 1 - a_j**2
measured = difference(lambda w: error(W_ij=w), W_ij)
gn.draw(bwd, view="units")

# %% [markdown]
# The output weights are *direct*: few steps from $E$. The hidden ones are *indirect*.

# %%
# S42
net = gn.Graph(E).to_networkx()
steps = {name: nx.shortest_path_length(net, name, "E") for name in ["W2", "b2", "W1", "b1"]}
assert steps == {"W2": 4, "b2": 3, "W1": 7, "b1": 6}
steps

# %% [markdown]
# **Eq. 7.** $\partial E/\partial w_{ij} = \sum_k (a_k - t_k)\,g'_k(z_k)\,\partial z_k/\partial w_{ij}$: each output
# has a term, and none is zero.

# %%
# S15
terms = [delta_k[k] * difference(lambda w, k=k: z_k_by_hand(W_ij=w)[0, k], W_ij) for k in range(2)]
assert all(np.all(np.abs(term) > 1e-6) for term in terms)
np.testing.assert_allclose(sum(terms), bwd.gradient(W1), rtol=1e-6)
assert not np.allclose(terms[0], bwd.gradient(W1))  # one term alone is not enough

# %% [markdown]
# **Eq. 8.** $z_k = b_k + \sum_j g_j\big(b_j + \sum_i a_i w_{ij}\big) w_{jk}$.

# %%
# S16
for k in range(2):
    inner = [b_j[j] + sum(a_i[i] * W_ij[i, j] for i in range(2)) for j in range(3)]
    assert np.isclose(bwd[z2][0, k], b_k[k] + sum(np.tanh(inner[j]) * W_jk[j, k] for j in range(3)))

# %% [markdown]
# **Eq. 9.** So $\partial z_k/\partial w_{ij} = w_{jk}\,g'_j(z_j)\,a_i$. In the graph: start an error signal of 1 at
# one $z_k$.

# %%
# S17
for k in range(2):
    by_hand = np.outer(a_i, W_jk[:, k] * slope_j)
    graph = gn.backward(z2, {x: X}, delta=np.eye(2)[[k]]).gradient(W1)
    np.testing.assert_allclose(graph, by_hand)
    np.testing.assert_allclose(difference(lambda w, k=k: z_k_by_hand(W_ij=w)[0, k], W_ij), by_hand, rtol=1e-6)

# %% [markdown]
# **Eq. 10.** Put it in: $\partial E/\partial w_{ij} = \big(\sum_k \delta_k w_{jk}\big)\,g'_j(z_j)\,a_i$. The bracket
# is what unit $j$ is told by
# the units it feeds: their error signals, each weighted by the weight it went through. It is the error signal at $a_j$.

# %%
# S18
told = np.array([sum(delta_k[k] * W_jk[j, k] for k in range(2)) for j in range(3)])
np.testing.assert_allclose(bwd.error_signal(a1)[0], told)
np.testing.assert_allclose(np.outer(a_i, told * slope_j), bwd.gradient(W1))
np.testing.assert_allclose(measured, bwd.gradient(W1), rtol=1e-6)

# %% [markdown]
# **The recursion.** Call $\delta_j = g'_j(z_j)\sum_k \delta_k w_{jk}$, the error signal at $z_j$. It is made from
# the $\delta$ of the layer above.

# %%
# S19
delta_j = slope_j * told
np.testing.assert_allclose(bwd.error_signal(z1)[0], delta_j)
np.testing.assert_allclose(difference(lambda b: error(b_j=b), b_j), delta_j, rtol=1e-6)  # moving b_j moves z_j

# %% [markdown]
# **Eq. 11 and 12.** $\partial E/\partial w_{ij} = \delta_j a_i$ and $\partial E/\partial b_j = \delta_j$: just as
# for the output layer.

# %%
# S20, S21
np.testing.assert_allclose(bwd.gradient(W1), np.outer(a_i, delta_j))
np.testing.assert_allclose(bwd.gradient(b1), delta_j)
gn.derive(E, [W1, b1], indices=True)

# %% [markdown]
# **And so on.** Nothing in the recursion knows how deep the layer is. With any number of layers, none included:

# %%
# S04, S22
for depth in [0, 1, 2, 5]:
    weights = [gn.parameter(f"V{n}", rng.normal(size=(2, 2))) for n in range(depth + 1)]
    signals = [x]
    for n, V in enumerate(weights):
        act = [gn.tanh, gn.sigmoid, gn.identity][n % 3]  # an activation for each layer
        signals.append(act(signals[-1] @ V, name=f"s{n}"))
    deep = gn.backward(gn.sse(signals[-1], t), {x: X, t: T})
    delta = deep[signals[-1]] - T
    for n in reversed(range(depth + 1)):
        s = deep[signals[n + 1]]
        delta = delta * [1 - s**2, s * (1 - s), np.ones_like(s)][n % 3]  # through the activation: δ
        np.testing.assert_allclose(deep.gradient(weights[n]), deep[signals[n]].T @ delta)
        delta = delta @ weights[n].value.T  # through the weights: to the layer below

# %% [markdown]
# ## Exercise
#
# Write the backward rule of a matrix product $z = a\,W$: given the error signal of $z$, what is sent to $a$ and to $W$?
#
# <details><summary>Solution</summary>
#
# To $a$: each $\delta_k$ through its weight, $\delta W^{\mathsf T}$. To $W$: signal times error signal, summed over
# samples, $a^{\mathsf T}\delta$.
#
# </details>


# %%
def my_rule(delta, z, a, W):
    return delta @ W.T, a.T @ delta


attempt = gn.exercise(lambda a, W: a @ W, my_rule, rng.normal(size=(4, 3)), rng.normal(size=(3, 2)))
assert attempt.ok
attempt
