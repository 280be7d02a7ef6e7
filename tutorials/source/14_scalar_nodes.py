# %% [markdown]
# # 14 · Scalar nodes, at the speed of arrays
#
# One can learn backprop with no matrices at all: every **single number** is a node, and there are only $+$, $\times$ and
# tanh. Nothing is hidden then. The price is speed, for each node costs a call of a function. Here we build such a network,
# and then let `gn.compile` find the speed of arrays again, **in the same graph**.

# %%
from itertools import pairwise
from time import perf_counter

import numpy as np

import graphnet as gn

# %% [markdown]
# ## One unit, number by number
#
# $a = \tanh(x_1 w_1 + x_2 w_2 + b)$. The slope of tanh is $1 - a^2$; a sum passes the error signal on as it is; a product
# multiplies it by the *other* factor. All of this can be read off the picture.

# %%
x1, x2 = gn.input("x1", shape=()), gn.input("x2", shape=())
w1, w2, b = gn.parameter("w1", -3.0), gn.parameter("w2", 1.0), gn.parameter("b", 6.9)
a = gn.tanh(x1 * w1 + x2 * w2 + b, name="a")
bwd = gn.backward(a, {x1: 2.0, x2: 0.5})
slope = 1 - np.tanh(2.0 * -3.0 + 0.5 * 1.0 + 6.9) ** 2
gn.draw(bwd, direction="down")

# %% tags=["test"]
for parameter, expected in [(w1, 2.0 * slope), (w2, 0.5 * slope), (b, slope)]:
    np.testing.assert_allclose(bwd.gradient(parameter), expected)

# %% [markdown]
# ## A whole network of such nodes
#
# Every unit is written out as its sum of products, and every sample has its own copy of all this arithmetic. Only the
# weights are shared.


# %%
def network(sizes, samples):
    """Return E of a network of scalar nodes, tanh in all layers, over all samples."""
    rng = np.random.default_rng(0)
    layers = []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        values = rng.normal(size=(n_in, n_out)) / np.sqrt(n_in)
        weights = [[gn.parameter(f"w{layer}_{i}_{j}", w) for j, w in enumerate(row)] for i, row in enumerate(values)]
        layers.append((weights, [gn.parameter(f"b{layer}_{j}", 0.0) for j in range(n_out)]))
    E = gn.constant(0.0)
    for n in range(samples):
        signals = [gn.input(f"x_{n}_{i}", shape=()) for i in range(sizes[0])]
        for weights, biases in layers:
            sums = list(biases)
            for i, signal in enumerate(signals):
                sums = [z + signal * weights[i][j] for j, z in enumerate(sums)]
            signals = [gn.tanh(z) for z in sums]
        for k, output in enumerate(signals):
            error = output - gn.input(f"t_{n}_{k}", shape=())
            E = E + 0.5 * (error * error)
    return E


def feeds_of(X, T):
    """Return the feeds: one number for each input node."""
    numbers = {f"x_{n}_{i}": x for (n, i), x in np.ndenumerate(X)}
    return numbers | {f"t_{n}_{k}": t for (n, k), t in np.ndenumerate(T)}


rng = np.random.default_rng(1)
SIZES, SAMPLES = [2, 8, 8, 1], 30
X = rng.uniform(-1, 1, size=(SAMPLES, 2))
T = 0.8 * np.sign(X[:, :1] * X[:, 1:])  # positive where both have one sign: XOR, with any numbers
E, feeds = network(SIZES, SAMPLES), feeds_of(X, T)
graph = gn.Graph(E)
bwd = gn.backward(E, feeds)
print(f"{len(graph):,} nodes, E = {bwd[E]:.3f}")

# %% [markdown]
# ## What a matrix product is
#
# The same network, written with matrices, has the same $E$ and the same gradients. A matrix product **is** all these sums
# of products at once. And the sum over the samples in $\partial E/\partial W = a^{\mathsf T}\delta$ is nothing but what a
# node does anyway: a weight is used once by each sample, and adds up the messages.

# %%
a, matrices = gn.constant(X), []
for layer, (n_in, n_out) in enumerate(pairwise(SIZES), start=1):
    values = [[graph[f"w{layer}_{i}_{j}"].value for j in range(n_out)] for i in range(n_in)]
    matrices.append(gn.parameter(f"W{layer}", np.array(values)))
    a = gn.tanh(a @ matrices[-1] + gn.parameter(f"b{layer}", np.zeros(n_out)))
E_matrices = gn.sse(a, T, name="E")
whole = gn.backward(E_matrices, {})

messages = bwd.messages("w1_0_0")
print(f"{len(gn.Graph(E_matrices))} nodes with matrices, {len(graph):,} without")

# %% tags=["test"]
np.testing.assert_allclose(whole[E_matrices], bwd[E])
for layer, W in enumerate(matrices, start=1):
    for (i, j), entry in np.ndenumerate(whole.gradient(W)):
        np.testing.assert_allclose(bwd.gradient(f"w{layer}_{i}_{j}"), entry)
assert len(messages) == SAMPLES  # one from each
np.testing.assert_allclose(sum(message.delta for message in messages), whole.gradient("W1")[0, 0])

# %% [markdown]
# ## Compiled: few calls on arrays
#
# Many nodes do the same and wait for nothing but what is done already, as all the products $x_i w_{ij}$ of all the samples.
# `gn.compile` makes **one** call on an array of each such crowd. The numbers stay the same. (How much faster it is
# depends on your machine, so that is printed and not asserted.)

# %%
step = gn.compile(E)
value, grads = step(feeds)


def calls_of(step):
    """Return how many calls the plan of a step makes, from what it says of itself."""
    return int(next(line for line in step.explain().splitlines() if " calls, " in line).split()[0].replace(",", ""))


calls = calls_of(step)
print(f"{calls} calls forward and backward, for {len(graph):,} nodes forward alone")


def seconds(run, times):
    """Return the shortest of several times."""
    durations = []
    for _ in range(times):
        start = perf_counter()
        run()
        durations.append(perf_counter() - start)
    return min(durations)


one_by_one = seconds(lambda: gn.backward(E, feeds), 2)
compiled = seconds(lambda: step(feeds), 5)
print(f"node by node {1e3 * one_by_one:.0f} ms, compiled {1e3 * compiled:.2f} ms")
print(f"that is {one_by_one / compiled:.0f} times faster")

# %% tags=["test"]
np.testing.assert_allclose(value, bwd[E])
assert set(grads) == set(bwd.gradients)
for name, gradient in grads.items():
    np.testing.assert_allclose(gradient, bwd.gradients[name], rtol=1e-9, atol=1e-12)
assert calls < len(graph) / 20

# %% [markdown]
# And it trains:

# %%
errors = []
for _ in range(500):
    value, grads = step(feeds)
    errors.append(float(value))
    for parameter in graph.parameters:
        parameter.value = parameter.value - 0.05 * grads[parameter.name]
print(f"E: {errors[0]:.2f} → {errors[-1]:.3f}")

# %% tags=["test"]
assert errors[-1] < 0.5 * errors[0]

# %% [markdown]
# Only what is **wide** can be one array. In a chain each node waits for the one before, and is alone in its call:

# %%
chain = gn.parameter("w", 0.5)
for _ in range(100):
    chain = gn.tanh(chain)
in_a_chain = gn.compile(chain)
in_a_chain({})
print(f"{calls_of(in_a_chain)} calls for a chain of 100")

# %% tags=["test"]
assert calls_of(in_a_chain) >= 100

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Add a division to the toy: $y = u / v$. Write its backward rule, a message for $u$ and one for $v$.


# %%
def divide_rule(delta, y, u, v):
    return delta / v, delta * u / v**2  # one of them is wrong


gn.exercise(lambda u, v: u / v, divide_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# If $v$ grows, does $u/v$ grow, for positive $u$ and $v$?
#
# </details>
#
# <details><summary>Solution</summary>
#
# With the cached output it is even shorter: $-u/v^2 = -y/v$.
#
# ```python
# def divide_rule(delta, y, u, v):
#     return delta / v, -delta * y / v
#
#
# assert gn.exercise(lambda u, v: u / v, divide_rule).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** How many nodes has one unit with $n$ inputs, $a = \tanh(b + x_1w_1 + \dots + x_nw_n)$, its inputs, weights
# and bias counted too? Put your formula in place of the 0.


# %%
def nodes_of_a_unit(n):
    return 0  # change this


for n in (1, 2, 3, 10):
    unit = gn.parameter("b", 0.0)
    for i in range(n):
        unit = unit + gn.input(f"x{i}", shape=()) * gn.parameter(f"w{i}", 0.5)
    found = len(gn.Graph(gn.tanh(unit)))
    print(f"n = {n}:", "right" if nodes_of_a_unit(n) == found else f"not {nodes_of_a_unit(n)}")

# %% [markdown]
# <details><summary>Hint</summary>
#
# Each input brings itself, a weight, a product and a sum.
#
# </details>
#
# <details><summary>Solution</summary>
#
# $4n + 2$: four for each input, the bias, and tanh.
#
# ```python
# assert found == 4 * n + 2
# ```
#
# </details>
#
# ---
# Next: [15 · From a laptop to a mesh](15_from_a_laptop_to_a_mesh.ipynb): the same graph on many devices.
