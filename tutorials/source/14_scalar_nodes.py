# %% [markdown]
# # 14. A graph of scalar nodes, at vector speed
#
# There is a fine way of learning backprop in which every **single number** is a node: no matrices, only +, × and
# tanh. Everything is there to see. It has one drawback: it is slow, since each node costs a function call. In this
# notebook we build such a network and then let `gn.compile` find the matrices' speed again, **without changing the
# graph**.

# %%
from itertools import pairwise
from time import perf_counter

import numpy as np

import graphnet as gn

rng = np.random.default_rng(0)

# %% [markdown]
# ## One unit, number by number

# %%
x1, x2 = gn.input("x1", shape=()), gn.input("x2", shape=())
w1, w2, b = gn.parameter("w1", -3.0), gn.parameter("w2", 1.0), gn.parameter("b", 6.9)
a = gn.tanh(x1 * w1 + x2 * w2 + b, name="a")
bwd = gn.backward(a, {x1: 2.0, x2: 0.0})

# by hand: z = −6 + 0 + 6.9, the slope is 1 − a², and each weight's gradient is the slope times its input
slope = 1 - np.tanh(0.9) ** 2
assert np.isclose(bwd["a"], np.tanh(0.9))
assert np.allclose([bwd.gradient("w1"), bwd.gradient("w2"), bwd.gradient("b")], [2 * slope, 0, slope])
gn.draw(bwd)

# %% [markdown]
# ## A whole network of such nodes
#
# The same with loops: every unit is a sum of products, written out.


# %%
def network(sizes, samples):
    """Return E of a network of scalar nodes over all samples, each sample with its own copy of the units' arithmetic."""
    layers = []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        weights = [
            [gn.parameter(f"w{layer}_{i}_{j}", rng.normal() / np.sqrt(n_in)) for j in range(n_out)] for i in range(n_in)
        ]
        biases = [gn.parameter(f"b{layer}_{j}", 0.0) for j in range(n_out)]
        layers.append((weights, biases))
    E = gn.constant(0.0)
    for sample in range(samples):
        signals = [gn.input(f"x_{sample}_{i}", shape=()) for i in range(sizes[0])]
        for weights, biases in layers:
            following = []
            for j, z in enumerate(biases):
                for i, signal in enumerate(signals):
                    z = z + signal * weights[i][j]
                following.append(gn.tanh(z))
            signals = following
        for k, output in enumerate(signals):
            difference = output - gn.input(f"t_{sample}_{k}", shape=())
            E = E + 0.5 * (difference * difference)
    return E


SIZES, SAMPLES = [2, 8, 8, 1], 30
E = network(SIZES, SAMPLES)
graph = gn.Graph(E)
print(f"{len(graph):,} nodes")
assert len(graph) > 5_000

X, T = rng.uniform(-1, 1, size=(SAMPLES, 2)), rng.choice([-0.8, 0.8], size=(SAMPLES, 1))
feeds = {f"x_{s}_{i}": X[s, i] for s in range(SAMPLES) for i in range(2)} | {
    f"t_{s}_0": T[s, 0] for s in range(SAMPLES)
}

# %% [markdown]
# ## The same network in matrices gives the same gradients
#
# This is what a matrix product **is**: all those sums of products at once. And the sum over the batch in $\partial
# E/\partial W = a^\top\delta$ is nothing but the messages of the copies of a weight's use, added up at the weight.

# %%
bwd = gn.backward(E, feeds)
matrices, a = {}, gn.constant(X)
for layer, (n_in, n_out) in enumerate(pairwise(SIZES), start=1):
    values = [[graph[f"w{layer}_{i}_{j}"].value for j in range(n_out)] for i in range(n_in)]
    W = gn.parameter(f"W{layer}", np.array(values))
    matrices[layer] = W
    a = gn.tanh(a @ W + gn.parameter(f"b{layer}", np.zeros(n_out)))
whole = gn.backward(gn.sse(a, T, name="E"), {})

assert np.isclose(whole["E"], bwd[E])
for layer, W in matrices.items():
    n_in, n_out = W.shape
    number_by_number = [[bwd.gradient(f"w{layer}_{i}_{j}") for j in range(n_out)] for i in range(n_in)]
    assert np.allclose(whole.gradient(W), number_by_number)

# %%
assert len(bwd.messages("w1_0_0")) == SAMPLES  # one message for each sample
assert np.isclose(sum(m.delta for m in bwd.messages("w1_0_0")), bwd.gradient("w1_0_0"))

# %% [markdown]
# ## Compiled: the same graph, a handful of array calls
#
# `gn.compile` sees that many nodes of one kind wait for nothing but nodes that are done. Those are **one** NumPy call
# on an array that holds them all. The results must stay the same; the time falls. (How much depends on the machine,
# so nothing is asserted about the time.)

# %%
step = gn.compile(E)
step(feeds)  # the program is made at the first call
value, grads = step(feeds)
assert np.isclose(value, bwd[E])
assert set(grads) == set(bwd.gradients)
assert all(np.isclose(grads[name], bwd.gradients[name]) for name in grads)


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
print(
    f"node by node {one_by_one * 1e3:.1f} ms, compiled {compiled * 1e3:.2f} ms: {one_by_one / compiled:.0f} times faster"
)

# %% [markdown]
# ## And it trains

# %%
errors = []
for _ in range(200):
    value, grads = step(feeds)
    errors.append(float(value))
    for parameter in graph.parameters:
        parameter.value = parameter.value - 0.05 * grads[parameter.name]
print(f"E: {errors[0]:.2f} → {errors[-1]:.3f}")
assert errors[-1] < 0.5 * errors[0]

# %% [markdown]
# ## Exercises
#
# **1.** Build a chain of 50,000 scalar nodes, `a = gn.tanh(a + w)`, and run it backward and compiled. What is
# different?
#
# <details><summary>Solution</summary>
#
# Both run: nothing in graphnet calls itself. But in a chain every node waits for the one before, so there is never
# more than one node to put into a call. Only what is **wide** can be made one array.
#
# </details>
#
# **2.** Build the XOR network with two hidden units from scalar nodes, and check it with `gn.check_gradients`.
#
# <details><summary>Solution</summary>
#
# `E = network([2, 2, 1], samples=4)`, and then `gn.check_gradients(E, feeds)` with the four samples as `feeds`, made
# as above.
#
# </details>
