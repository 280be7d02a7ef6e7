# %% [markdown]
# # 2 · Activation functions and their slopes
#
# A unit adds up what it receives, $z = \sum_i a_i w_i + b$, and puts out $a = g(z)$. What is $g$, and what does it do to
# an error signal on its way back? The answer to the second question is always the same: it multiplies it by its slope,
# $g'(z)$.
#
# Three functions, and all there is to know about their slopes.

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

rng = np.random.default_rng(2)

# %%
figure = gn.plots.activations()
figure

# %% tags=["test"]
# S30: functions left, derivatives right, from −5 to 5: identity red, logistic (sigmoid) blue, tanh green
assert figure.axes[0].get_legend_handles_labels()[1] == ["identity", "sigmoid", "tanh"]
for axes in figure.axes:
    for line, channel in zip(axes.lines, [0, 2, 1], strict=False):
        assert np.argmax(plt.matplotlib.colors.to_rgb(line.get_color())) == channel
        assert (line.get_xdata().min(), line.get_xdata().max()) == (-5, 5)

# %% [markdown]
# The identity goes on for ever; the logistic function stays between 0 and 1, tanh between −1 and 1.

# %%
z = np.linspace(-12, 12, 1001)
by_hand = {gn.identity: z, gn.sigmoid: 1 / (1 + np.exp(-z)), gn.tanh: np.sinh(z) / np.cosh(z)}
for g in by_hand:
    a = gn.forward(g(gn.constant(z), name="a"), {})["a"]
    print(f"{g.__name__:10} from {a.min():.10f} to {a.max():.10f}")

# %% tags=["test"]
# S02: their ranges
for g, values in by_hand.items():
    a = gn.forward(g(gn.constant(z), name="a"), {})["a"]
    np.testing.assert_allclose(a, values)
assert 0 < by_hand[gn.sigmoid].min() < 1e-4 < 1 - 1e-4 < by_hand[gn.sigmoid].max() < 1
assert -1 < by_hand[gn.tanh].min() < -1 + 1e-4 < 1 - 1e-4 < by_hand[gn.tanh].max() < 1

# %% [markdown]
# ## Identity
#
# $g(z) = z$, so $g'(z) = 1$: an error signal passes unchanged. For a vector, that is a vector of ones.

# %%
v = gn.input("v", shape=(5,))
bwd = gn.backward(gn.sum(gn.identity(v)), {v: z[:5]})
bwd.error_signal(v)

# %% tags=["test"]
# S33
np.testing.assert_array_equal(bwd.error_signal(v), np.ones(5))

# %% [markdown]
# Then why not use it everywhere? Because layers of identities **collapse**. A matrix times a matrix is a matrix, so four
# linear layers can do no more than one:

# %%
x = gn.input("x", shape=(None, 3))
W, b = np.eye(3), np.zeros(3)
deep = x
for n in range(4):
    W_n, b_n = rng.normal(size=(3, 3)), rng.normal(size=3)
    deep = gn.identity(deep @ gn.parameter(f"W{n}", W_n) + gn.parameter(f"b{n}", b_n))
    W, b = W @ W_n, b @ W_n + b_n  # the one layer that does the same

X = rng.normal(size=(6, 3))
four_layers, one_layer = gn.forward(deep, {x: X})[deep], X @ W + b
print(f"largest difference: {np.abs(four_layers - one_layer).max():.1e}")

# %% tags=["test"]
# S31
np.testing.assert_allclose(four_layers, one_layer, rtol=1e-12, atol=1e-12)

# %% [markdown]
# Hidden units need a bend. An *output* may well be the identity, though, when it should be any number: **regression**.
# It is then a sum of hidden signals, each with its weight. Here three tanh units add up to one curve:

# %%
line = np.linspace(-3, 3, 101)[:, None]
u = gn.input("u", shape=(None, 1))
h = gn.tanh(u @ gn.parameter("V", [[1.0, 2.0, -1.5]]) + gn.parameter("c", [1.0, 0.0, 1.0]), name="h")
V2, c2 = np.array([[0.8], [-0.5], [0.6]]), 0.2
y = gn.identity(h @ gn.parameter("V2", V2) + gn.parameter("c2", [c2]), name="y")

fwd = gn.forward(y, {u: line})
contributions = fwd[h] * V2.T  # each hidden signal, weighted

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(line, contributions, "--", label=[f"{weight} × unit {n}" for n, weight in enumerate(V2[:, 0])])
axes.plot(line, fwd[y], "k", label=f"their sum + {c2}")
axes.set(xlabel="u", ylabel="y")
figure.legend(loc="outside right center", frameon=False)
plt.show()

# %% tags=["test"]
# S32
np.testing.assert_allclose(contributions.sum(axis=1) + c2, fwd[y][:, 0])

# %% [markdown]
# ## Logistic, also called sigmoid
#
# $$g(z) = \frac{1}{1+e^{-z}}$$
#
# Its slope, line by line:
#
# $$
# \begin{aligned}
# g'(z) &= \frac{e^{-z}}{(1+e^{-z})^2} && \text{the quotient rule} \\[1ex]
# &= \frac{1 + e^{-z} - 1}{(1+e^{-z})^2} && \text{add one, and take it away again} \\[1ex]
# &= \frac{1}{1+e^{-z}} - \frac{1}{(1+e^{-z})^2} && \text{two fractions} \\[1ex]
# &= g(z) - g(z)^2 = g(z)\,\big(1 - g(z)\big)
# \end{aligned}
# $$
#
# Each line is computed, and compared with a nudge of $z$:


# %%
def logistic(z):
    return 1 / (1 + np.exp(-z))


def nudge(g, z, h=1e-5):
    return (g(z + h) - g(z - h)) / (2 * h)


z = np.linspace(-5, 5, 101)
e, g = np.exp(-z), logistic(z)
lines = {
    "the quotient rule": e / (1 + e) ** 2,
    "add one, take it away": (1 + e - 1) / (1 + e) ** 2,
    "two fractions": 1 / (1 + e) - 1 / (1 + e) ** 2,
    "g (1 − g)": g * (1 - g),
}
for name, slope in lines.items():
    print(f"{name:22} differs by {np.abs(slope - nudge(logistic, z)).max():.0e} at most")

# %% tags=["test"]
# S34
for slope in lines.values():
    np.testing.assert_allclose(slope, nudge(logistic, z), atol=1e-9)

# %% [markdown]
# The slope is largest in the middle, where it is ¼, and fades away on both sides. There a unit is called **saturated**:
# hardly any error signal gets through. `gn.diagnose` looks for that.

# %%
z_node = gn.input("z", shape=(3,))
bwd = gn.backward(gn.sum(gn.sigmoid(z_node, name="a"), name="E"), {z_node: [-8.0, 0.0, 8.0]})
gn.diagnose(bwd)

# %% tags=["test"]
np.testing.assert_allclose(bwd.error_signal(z_node), [0, 0.25, 0], atol=1e-3)

# %% [markdown]
# An output between 0 and 1 can be read as a **probability**. One logistic unit is taught which of two clouds a point
# comes from. Half way between them it says about ½, and it is right about nearly all points:

# %%
points = np.vstack([rng.normal(-1.5, 1, size=(50, 2)), rng.normal(1.5, 1, size=(50, 2))])
labels = np.repeat([[0.0], [1.0]], 50, axis=0)
p, t = gn.input("p", shape=(None, 2)), gn.input("t", shape=(None, 1))
score = p @ gn.parameter("w", np.zeros((2, 1))) + gn.parameter("bias", np.zeros(1))
E = gn.binary_cross_entropy(score, t)  # lesson 12 says why this error
gn.fit(E, {p: points, t: labels}, optimizer=gn.GradientDescent(0.01), epochs=200)

probability = gn.sigmoid(score)
said = gn.forward(probability, {p: points})[probability]

across = np.linspace(-5, 5, 60)
plane = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
shades = gn.forward(probability, {p: plane})[probability].reshape(60, 60)
figure, axes = plt.subplots(figsize=(4.6, 3.6))
figure.colorbar(axes.contourf(across, across, shades, 10, cmap="RdBu"), label="probability of a cross")
axes.plot(*points[:50].T, "ko", markersize=3)
axes.plot(*points[50:].T, "kx", markersize=4)
axes.set_aspect("equal")
plt.show()

# %% tags=["test"]
# S35
assert np.all((said > 0) & (said < 1))
assert np.mean((said > 0.5) == labels) > 0.95
assert 0.2 < gn.forward(probability, {p: [[0.0, 0.0]]})[probability].item() < 0.8

# %% [markdown]
# ## Tanh
#
# $$g = \frac{\sinh}{\cosh} \qquad g' = \frac{\cosh\cdot\cosh - \sinh\cdot\sinh}{\cosh^2} = 1 - g^2$$
#
# The quotient rule once more: sinh and cosh are each other's derivatives.

# %%
by_quotient_rule = (np.cosh(z) ** 2 - np.sinh(z) ** 2) / np.cosh(z) ** 2
by_output = 1 - np.tanh(z) ** 2
for slope in (by_quotient_rule, by_output):
    print(f"differs from a nudge by {np.abs(slope - nudge(np.tanh, z)).max():.0e} at most")

# %% tags=["test"]
# S37
np.testing.assert_allclose(by_quotient_rule, nudge(np.tanh, z), atol=1e-9)
np.testing.assert_allclose(by_output, nudge(np.tanh, z), atol=1e-9)

# %% [markdown]
# ## Why write slopes in terms of the output?
#
# $g\,(1-g)$ and $1 - g^2$ need only the **output**, and that is there already: the forward pass has computed it. A
# backward rule that reads the cached output evaluates no `exp` a second time. graphnet's own rule does not look at $z$
# at all:

# %%
z, delta = rng.normal(size=4), np.array([1.0, -2.0, 0.5, 3.0])
a = logistic(z)
nothing = np.full(4, np.nan)
sent_back = gn.ops.Sigmoid().backward(delta, a, nothing)
sent_back

# %% tags=["test"]
# S03: the rule gives the right error signal even if z is not a number
np.testing.assert_allclose(sent_back, delta * nudge(logistic, z))

# %% [markdown]
# What does that save? Here are two ops that are right, both. One reads the cache, the other computes the exponential
# anew. We count evaluations of `exp`, and measure time and memory of the backward rule.

# %%
evaluated = 0


def counted_exp(z):
    global evaluated
    evaluated += np.size(z)
    return np.exp(z)


@gn.op
def reads_the_cache(z):
    return 1 / (1 + counted_exp(-z))


@reads_the_cache.backward
def from_cache(delta, a, z):
    return delta * (a * (1 - a))


@gn.op
def computes_anew(z):
    return 1 / (1 + counted_exp(-z))


@computes_anew.backward
def from_scratch(delta, a, z):
    e = counted_exp(-z)
    return delta * (e / ((1 + e) * (1 + e)))


def cost(rule, *arrays):
    """Milliseconds, the best of five, and megabytes at the peak."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        rule(*arrays)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    rule(*arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 1e3 * min(seconds), peak / 1e6


Z = rng.normal(size=200_000)
z_in = gn.input("z", shape=Z.shape)
counts, signals, peaks = [], [], []
for activation, rule in [(reads_the_cache, from_cache), (computes_anew, from_scratch)]:
    E = gn.sum(activation(z_in))
    evaluated = 0
    signals.append(gn.backward(E, {z_in: Z}).error_signal(z_in))
    counts.append(evaluated)
    milliseconds, megabytes = cost(rule, np.ones_like(Z), logistic(Z), Z)
    peaks.append(megabytes)
    print(f"{rule.__name__:12}  exp: {counts[-1]:7,}  {milliseconds:5.2f} ms  {megabytes:4.1f} MB")

# %% tags=["test"]
# S36: evaluations of exp counted; time and memory measured
np.testing.assert_allclose(signals[0], signals[1], rtol=1e-12)
assert counts == [Z.size, 2 * Z.size]  # forward only; forward and backward
assert peaks[0] < peaks[1] / 2

# %% [markdown]
# (The milliseconds are those of the machine that made this page. Run it on yours.)
#
# ## Others
#
# Nothing is special about these three. Whatever has a slope will do: a rectified unit, its soft sister, a polynomial.

# %%
points = gn.parameter("points", np.array([-1.5, -0.5, 0.5, 1.5]))
at = points.value
gn.plots.activations([gn.relu, gn.softplus], z=(-3, 3))

# %% tags=["test"]
# S09
for node, slope in [
    (gn.relu(points), (at > 0) * 1.0),
    (gn.softplus(points), logistic(at)),
    (gn.polynomial(points, [1.0, -2.0, 3.0]), -2 + 6 * at),  # 1 − 2z + 3z²
]:
    np.testing.assert_allclose(gn.backward(gn.sum(node), {}).gradient(points), slope)

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Write the backward rule of tanh. `delta` is the error signal of the output `a`; return that of `z`.


# %%
def tanh_rule(delta, a, z):
    return delta  # something is missing


gn.exercise(np.tanh, tanh_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What arrives, times the slope. And the slope can be had from `a`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def tanh_rule(delta, a, z):
#     return delta * (1 - a * a)
#
#
# assert gn.exercise(np.tanh, tanh_rule).ok
# ```
#
# With `z` in place of `a` it would be wrong. Try it, and read what the check says.
#
# ```python
# wrong = gn.exercise(np.tanh, lambda delta, a, z: delta * (1 - z * z))
# assert "reads the input where the cached output belongs" in wrong.report
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** The rectifier lets through what is positive: $g(z) = \max(z, 0)$. Write its rule, from the output
# again.


# %%
def relu_rule(delta, a, z):
    return delta * a  # not this


gn.exercise(lambda z: np.maximum(z, 0), relu_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Two slopes: one where the output is positive, one where it is 0. `(a > 0)` is 1 or 0 when multiplied.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def relu_rule(delta, a, z):
#     return delta * (a > 0)
#
#
# assert gn.exercise(lambda z: np.maximum(z, 0), relu_rule).ok
# ```
#
# </details>
#
# ---
# Next: [3 · Output-layer gradients](03_output_layer_gradients.ipynb): from one unit to a layer of them.
