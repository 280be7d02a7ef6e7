# %% [markdown]
# # 4 · Hidden-layer gradients: the sum stays
#
# Nobody tells a hidden unit what it should have put out: it has no target. But it feeds *all* outputs, and so the error
# reaches it from all of them. In lesson 3 a sum disappeared. Here it stays, and that is the whole difference.
#
# The network is the one of lesson 3: inputs $i$, hidden units $j$, outputs $k$.

# %%
import networkx as nx
import numpy as np

import graphnet as gn

rng = np.random.default_rng(88)
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

bwd = gn.backward(E, {x: [a_i], t: [t_k]})
gn.draw(bwd, view="units")

# %% [markdown]
# Follow the red arrows: each hidden unit is told something by both outputs.
#
# The output weights are **direct** parameters, few steps away from $E$. The hidden weights are **indirect**: what they
# do to $E$, they do by way of others.

# %%
edges = gn.Graph(E).to_networkx()
steps = {name: nx.shortest_path_length(edges, name, "E") for name in ["W2", "b2", "W1", "b1"]}
steps

# %% tags=["test"]
# S42: path lengths to E
assert steps == {"W2": 4, "b2": 3, "W1": 7, "b1": 6}

# %% [markdown]
# As before, everything is computed **by hand**, **by the graph** and **nudged**.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def z_k(w_ij=w_ij, b_j=b_j):
    return np.tanh(a_i @ w_ij + b_j) @ w_jk + b_k


def error(z_k):
    return 0.5 * np.sum((sigmoid(z_k) - t_k) ** 2)


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


a_j, a_k = np.tanh(a_i @ w_ij + b_j), sigmoid(z_k())
delta_k = (a_k - t_k) * a_k * (1 - a_k)  # from lesson 3
slope_j = 1 - a_j**2
units = [(i, j) for i in range(2) for j in range(3)]  # the six weights w_ij, in order

# %% [markdown]
# ## Eq. 7: the sum does not disappear
#
# $$\frac{\partial E}{\partial w_{ij}} = \sum_k (a_k - t_k)\;g'_k(z_k)\;\frac{\partial z_k}{\partial w_{ij}}$$
#
# Nudge a hidden weight, and *every* $z_k$ moves. Each output adds a term.

# %%
moves_z = [nudge(lambda w, k=k: z_k(w_ij=w)[k], w_ij) for k in range(2)]
terms = [delta_k[k] * moves_z[k] for k in range(2)]
for what, array in [
    ("by output 0", terms[0]),
    ("by output 1", terms[1]),
    ("together", sum(terms)),
    ("graph", bwd.gradient(W1)),
]:
    print(f"{what:12}", array.round(6).ravel())

# %% tags=["test"]
# S15: a term for each output, none of them zero; only together are they the gradient
assert np.abs(terms).min() > 1e-4
assert not any(np.allclose(term, bwd.gradient(W1), rtol=0.01) for term in terms)
np.testing.assert_allclose(terms[0] + terms[1], bwd.gradient(W1), rtol=1e-6)

# %% [markdown]
# `gn.explain` finds the same two terms as **paths**: one through each output. Multiply the slopes along a path, add up
# the paths.

# %%
one = gn.explain(bwd, W1, entry=(0, 2))
through = [path.product for path in one.paths]
ok = agree(
    by_hand=sum(delta_k[k] * w_jk[2, k] * slope_j[2] * a_i[0] for k in range(2)),
    graph=sum(through),
    nudged=nudge(lambda w: error(z_k(w_ij=w)), w_ij)[0, 2],
)
one

# %% tags=["test"]
# S15: the same by the paths of the graph
assert ok
assert len(one.paths) == 2
np.testing.assert_allclose(sorted(through), sorted(term[0, 2] for term in terms), rtol=1e-6)

# %% [markdown]
# ## Eq. 8: write the output out
#
# To find $\partial z_k/\partial w_{ij}$, write $z_k$ so that $w_{ij}$ can be seen in it:
#
# $$z_k = b_k + \sum_j g_j\Big(b_j + \sum_i a_i\,w_{ij}\Big)\,w_{jk}$$


# %%
def written_out(w_ij):
    inner = [b_j[j] + sum(a_i[i] * w_ij[i, j] for i in range(2)) for j in range(3)]
    return np.array([b_k[k] + sum(np.tanh(inner[j]) * w_jk[j, k] for j in range(3)) for k in range(2)])


def by_the_graph(w_ij):
    W1.value = w_ij
    return gn.forward(z2, {x: [a_i]})[z2][0]


print(written_out(w_ij), by_the_graph(w_ij))
W1.value = w_ij

# %% tags=["test"]
# S16: the formula with its sums written out, and the graph
np.testing.assert_allclose(by_the_graph(w_ij), written_out(w_ij), rtol=1e-12)
for k in range(2):  # and nudging w_ij moves both alike
    moved_in_graph = nudge(lambda w, k=k: by_the_graph(w)[k], w_ij)
    np.testing.assert_allclose(moved_in_graph, nudge(lambda w, k=k: written_out(w)[k], w_ij), rtol=1e-6)
W1.value = w_ij

# %% [markdown]
# ## Eq. 9: how a hidden weight moves an output
#
# Only one term of the sum over $j$ contains $w_{ij}$. The chain rule goes through $a_j$:
#
# $$\frac{\partial z_k}{\partial w_{ij}} = \frac{\partial z_k}{\partial a_j}\,\frac{\partial a_j}{\partial w_{ij}}
# = w_{jk}\;g'_j(z_j)\;a_i$$
#
# In the graph: start at $z_k$ instead of $E$, with an error signal of 1 at one $k$ and 0 at the other.

# %%
ok = [
    agree(
        by_hand=[w_jk[j, k] * slope_j[j] * a_i[i] for i, j in units],
        graph=gn.backward(z2, {x: [a_i]}, delta=only_k).gradient(W1),
        nudged=moves_z[k],
    )
    for k, only_k in enumerate([[[1.0, 0.0]], [[0.0, 1.0]]])
]

# and as a formula: "only" is 1 at the one k that is asked for, and 0 elsewhere
z_0 = gn.sum(z2 * gn.constant([[1.0, 0.0]], name="only"))
gn.derive(z_0, W1, indices=True)

# %% tags=["test"]
# S17
assert all(ok)
assert np.allclose(gn.backward(z_0, {x: [a_i]}).gradient(W1), moves_z[0])

# %% [markdown]
# ## Eq. 10: put it in
#
# $$\frac{\partial E}{\partial w_{ij}} = \Big(\sum_k \delta_k\,w_{jk}\Big)\;g'_j(z_j)\;a_i$$
#
# Three factors again, and two of them are old friends: the slope and the signal. In place of the error there is the
# bracket. It is what hidden unit $j$ *is told*: the error signals of the units it feeds, each weighted by the weight
# that it went through. It is $\partial E/\partial a_j$, the error signal at $a_j$.

# %%
told = np.array([sum(delta_k[k] * w_jk[j, k] for k in range(2)) for j in range(3)])
ok = agree(
    by_hand=told,
    graph=bwd.error_signal(a1),
    nudged=nudge(lambda a: error(a @ w_jk + b_k), a_j),
)

# %% tags=["test"]
# S18
assert ok

# %%
ok = agree(
    by_hand=[told[j] * slope_j[j] * a_i[i] for i, j in units],
    graph=bwd.gradient(W1),
    nudged=nudge(lambda w: error(z_k(w_ij=w)), w_ij),
)
gn.derive(E, [a1, W1], indices=True)[a1]

# %% tags=["test"]
# S18
assert ok

# %% [markdown]
# ## The recursion
#
# Give the first two factors a name, as in lesson 3:
#
# $$\delta_j = g'_j(z_j)\sum_k \delta_k\,w_{jk}$$
#
# This is the line that the whole method is named after. The δ of a layer is made from the δ of the layer above, carried
# back through the same weights that carried the signals forward.

# %%
delta_j = slope_j * told
ok = agree(
    by_hand=delta_j,
    graph=bwd.error_signal(z1),
    nudged=nudge(lambda z: error(np.tanh(z) @ w_jk + b_k), a_i @ w_ij + b_j),
)
gn.derive(E, z1, indices=True)[z1]

# %% tags=["test"]
# S19
assert ok

# %% [markdown]
# ## Eq. 11 and 12: and now it looks as before
#
# $$\frac{\partial E}{\partial w_{ij}} = \delta_j\,a_i \qquad\qquad \frac{\partial E}{\partial b_j} = \delta_j$$
#
# Error signal times signal, and the bias with a signal of 1: word for word the equations 5 and 6 of the output layer.

# %%
ok = agree(
    by_hand=[delta_j[j] * a_i[i] for i, j in units],
    graph=bwd.gradient(W1),
    nudged=nudge(lambda w: error(z_k(w_ij=w)), w_ij),
)

# %% tags=["test"]
# S20: Eq. 11
assert ok

# %%
ok = agree(
    by_hand=delta_j,
    graph=bwd.gradient(b1),
    nudged=nudge(lambda b: error(z_k(b_j=b)), b_j),
)
gn.derive(E, [W1, b1], indices=True)

# %% tags=["test"]
# S21: Eq. 12
assert ok

# %% [markdown]
# ## And so on
#
# Nothing in the recursion knows how deep its layer is. In matrices, for any number of samples:
#
# $$\delta_{\text{below}} = (\delta\,W^{\top}) \odot g'(z_{\text{below}}) \qquad
# \frac{\partial E}{\partial W} = a_{\text{below}}^{\top}\,\delta$$
#
# Here it is by hand, in a loop of three lines, for networks with 0, 1, 2 and 5 hidden layers, an activation chosen for
# each.

# %%
slopes = {gn.tanh: lambda a: 1 - a**2, gn.sigmoid: lambda a: a * (1 - a), gn.identity: np.ones_like}
X, T = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))  # four samples

for hidden_layers in [0, 1, 2, 5]:
    g = [list(slopes)[n % 3] for n in range(hidden_layers + 1)]
    W = [gn.parameter(f"W{n}", rng.normal(size=(2, 2))) for n in range(hidden_layers + 1)]
    a = [x]
    for n in range(hidden_layers + 1):
        a.append(g[n](gn.matmul(a[n], W[n], name=f"z{n}"), name=f"a{n}"))
    deep = gn.backward(gn.sse(a[-1], t, name="E"), {x: X, t: T})

    told, furthest = deep[a[-1]] - T, 0.0
    for n in reversed(range(hidden_layers + 1)):
        delta = told * slopes[g[n]](deep[a[n + 1]])
        differences = delta - deep.error_signal(f"z{n}"), deep[a[n]].T @ delta - deep.gradient(W[n])
        furthest = max(furthest, *(np.abs(difference).max() for difference in differences))
        told = delta @ W[n].value.T  # what the layer below is told
    print(f"{hidden_layers} hidden layers: by hand and by the graph differ by {furthest:.0e} at most")

# %% tags=["test"]
# S04, S22: the same rule again and again
for n in reversed(range(6)):
    delta = (deep[a[-1]] - T if n == 5 else told) * slopes[g[n]](deep[a[n + 1]])
    np.testing.assert_allclose(deep.error_signal(f"z{n}"), delta)
    np.testing.assert_allclose(deep.gradient(W[n]), deep[a[n]].T @ delta)
    told = delta @ W[n].value.T
assert furthest < 1e-12

# %% [markdown]
# The last of them has five hidden layers. Where in it do error signals get smaller? `gn.plots.signal_norms` and
# `gn.diagnose` look at a network layer by layer; lesson 11 is about what they find.

# %%
found = gn.diagnose(deep)
print("\n".join(node.verdict for node in found.findings))

# %% tags=["test"]
for n in range(6):
    assert np.isclose(found[f"z{n}"].norm, np.linalg.norm(deep.error_signal(f"z{n}")))

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Write the backward rule of a matrix product, $z = a\,W$. Given the error signal of $z$, what is sent to
# $a$, and what to $W$? `a` has the shape (4, 3), `W` (3, 2), `delta` (4, 2).


# %%
def product_rule(delta, z, a, W):
    return delta @ W.T, delta.T @ a  # one of the two is right


numbers = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
gn.exercise(lambda a, W: a @ W, product_rule, *numbers)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Write the shapes down. What comes out for `W` must have its shape, (3, 2).
#
# </details>
#
# <details><summary>Solution</summary>
#
# To $a$ each $\delta_k$ goes through its weight: $\delta\,W^{\top}$, the sum of Eq. 10. To $W$ goes signal times error
# signal, summed over the samples: $a^{\top}\delta$, which is Eq. 11.
#
# ```python
# def product_rule(delta, z, a, W):
#     return delta @ W.T, a.T @ delta
#
#
# assert gn.exercise(lambda a, W: a @ W, product_rule, *numbers).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Compute $\delta_j$ of the network at the top of this page from $\delta_k$, in one line, without a loop.

# %%
my_delta_j = 0 * slope_j  # from delta_k, w_jk and slope_j

print("Right!" if np.allclose(my_delta_j, bwd.error_signal(z1)) else "Not yet.")

# %% [markdown]
# <details><summary>Hint</summary>
#
# A matrix times a vector is a sum over the shared index. Which order makes it the sum over $k$?
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# my_delta_j = (w_jk @ delta_k) * slope_j
# assert np.allclose(my_delta_j, bwd.error_signal(z1))
# ```
#
# </details>
#
# ---
# Next: [5 · The five steps](05_the_five_steps.ipynb): all of it as a recipe, step by step.
