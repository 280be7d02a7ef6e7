# %% [markdown]
# # 2 · Activation functions and their derivatives
#
# Three functions, and what each of them does to an error signal on its way back: it multiplies it by its slope.

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

import graphnet as gn

# %%
# S30: functions left, derivatives right
figure = gn.plots.activations()
assert figure.axes[0].get_legend_handles_labels()[1] == ["identity", "sigmoid", "tanh"]
for axes in figure.axes:
    for line, channel in zip(axes.lines, [0, 2, 1], strict=False):  # red, blue, green
        assert np.argmax(to_rgb(line.get_color())) == channel
        assert (line.get_xdata().min(), line.get_xdata().max()) == (-5, 5)
figure

# %%
# S02: identity has no bounds; the logistic function lies in (0, 1), tanh in (−1, 1)
z = np.linspace(-12, 12, 1001)
logistic, tanh = 1 / (1 + np.exp(-z)), np.sinh(z) / np.cosh(z)
node = gn.constant(z)
assert np.array_equal(gn.forward(gn.identity(node, name="a"), {})["a"], z)
for apply, values, low, high in [(gn.sigmoid, logistic, 0, 1), (gn.tanh, tanh, -1, 1)]:
    a = gn.forward(apply(node, name="a"), {})["a"]
    np.testing.assert_allclose(a, values)
    assert low < a.min() < low + 1e-4
    assert high - 1e-4 < a.max() < high

# %% [markdown]
# ## Identity
#
# Its slope is 1: over a vector, a vector of ones. Layers of identities collapse: a product of matrices is a matrix.

# %%
# S31, S33
rng = np.random.default_rng(2)
v = gn.input("v", shape=(5,))
np.testing.assert_array_equal(gn.backward(gn.sum(gn.identity(v)), {v: z[:5]}).error_signal(v), np.ones(5))

x = gn.input("x", shape=(None, 3))
Ws, bs = [rng.normal(size=(3, 3)) for _ in range(4)], [rng.normal(size=3) for _ in range(4)]
deep, W, b = x, np.eye(3), np.zeros(3)
for n in range(4):
    deep = gn.identity(deep @ gn.parameter(f"W{n}", Ws[n]) + gn.parameter(f"b{n}", bs[n]))
    W, b = W @ Ws[n], b @ Ws[n] + bs[n]
X = rng.normal(size=(6, 3))
np.testing.assert_allclose(gn.forward(deep, {x: X})[deep], X @ W + b, rtol=1e-12, atol=1e-12)

# %% [markdown]
# So hidden units need a bend; but an *output* may well be the identity. Regression is then a sum of hidden signals,
# each
# with its weight. Here three tanh units add up to one curve:

# %%
# S32
line = np.linspace(-3, 3, 101)[:, None]
u = gn.input("u", shape=(None, 1))
h = gn.tanh(u @ gn.parameter("V", [[1.0, 2.0, -1.5]]) + gn.parameter("c", [1.0, 0.0, 1.0]), name="h")
V2, c2 = np.array([[0.8], [-0.5], [0.6]]), 0.2
y = gn.identity(h @ gn.parameter("V2", V2) + gn.parameter("c2", [c2]), name="y")
fwd = gn.forward(y, {u: line})
contributions = fwd[h] * V2.T
np.testing.assert_allclose(contributions.sum(axis=1) + c2, fwd[y][:, 0])
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot(line, contributions, "--", label=["unit 1", "unit 2", "unit 3"])
axes.plot(line, fwd[y], "k", label="their sum, and the bias")
axes.legend()
plt.show()

# %% [markdown]
# ## Logistic
#
# $g = 1/(1+e^{-z})$. Its derivative, line by line; each line is computed and compared with a finite difference.
#
# 1. the quotient rule: $g' = \dfrac{e^{-z}}{(1+e^{-z})^2}$
# 2. add one and take it away: $\dfrac{1 + e^{-z} - 1}{(1+e^{-z})^2}$
# 3. two fractions: $\dfrac{1}{1+e^{-z}} - \dfrac{1}{(1+e^{-z})^2} = g - g^2$
# 4. $g' = g\,(1 - g)$

# %%
# S34
z = np.linspace(-5, 5, 101)
e, g = np.exp(-z), 1 / (1 + np.exp(-z))
measured = (1 / (1 + np.exp(-z - 1e-5)) - 1 / (1 + np.exp(-z + 1e-5))) / 2e-5
for of_line in [e / (1 + e) ** 2, (1 + e - 1) / (1 + e) ** 2, 1 / (1 + e) - 1 / (1 + e) ** 2, g * (1 - g)]:
    np.testing.assert_allclose(of_line, measured, atol=1e-9)

# %% [markdown]
# An output between 0 and 1 can be read as a probability. One logistic unit, taught which of two clouds a point is from,
# says 0.5 in the middle, and is right about almost all points:

# %%
# S35
points = np.vstack([rng.normal(-1.5, 1, size=(50, 2)), rng.normal(1.5, 1, size=(50, 2))])
labels = np.repeat([[0.0], [1.0]], 50, axis=0)
p, t = gn.input("p", shape=(None, 2)), gn.input("t", shape=(None, 1))
score = p @ gn.parameter("w", np.zeros((2, 1))) + gn.parameter("bias", np.zeros(1))
E = gn.binary_cross_entropy(score, t)
gn.fit(E, {p: points, t: labels}, optimizer=gn.GradientDescent(0.01), epochs=200)
probability = gn.sigmoid(score)
said = gn.forward(probability, {p: points})[probability]
assert np.all((said > 0) & (said < 1))
assert np.mean((said > 0.5) == labels) > 0.95
assert 0.2 < gn.forward(probability, {p: [[0.0, 0.0]]})[probability].item() < 0.8

# %% [markdown]
# ## Tanh
#
# $g = \sinh/\cosh$. Quotient rule: $g' = \dfrac{\cosh^2 - \sinh^2}{\cosh^2} = 1 - g^2$.

# %%
# S37
g, measured = np.tanh(z), (np.tanh(z + 1e-5) - np.tanh(z - 1e-5)) / 2e-5
np.testing.assert_allclose((np.cosh(z) ** 2 - np.sinh(z) ** 2) / np.cosh(z) ** 2, measured, atol=1e-9)
np.testing.assert_allclose(1 - g**2, measured, atol=1e-9)

# %% [markdown]
# ## What the cache is for
#
# Both slopes can be had from the *output*, which the forward pass has already computed: no second `exp`. Count them.

# %%
# S03, S36: evaluations counted; time and memory measured
calls = 0


def counted_exp(z):
    global calls
    calls += z.size
    return np.exp(z)


z = rng.normal(size=200_000)
a = 1 / (1 + counted_exp(-z))
after_forward = calls
from_cache = a * (1 - a)
assert calls == after_forward == z.size  # nothing more was evaluated
again = counted_exp(-z) / (1 + counted_exp(-z)) ** 2
assert calls == 3 * z.size
np.testing.assert_allclose(from_cache, again)
rule = gn.sigmoid(gn.constant(z[:3])).op
np.testing.assert_allclose(rule.backward(np.ones(3), a[:3], np.full(3, np.nan)), from_cache[:3])  # z is not read


def cost(compute):
    """Seconds (the best of five), and bytes at the peak."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        compute()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak


cached, anew = cost(lambda: a * (1 - a)), cost(lambda: np.exp(-z) / (1 + np.exp(-z)) ** 2)
assert min(*cached, *anew) > 0
assert cached[1] < anew[1]  # and less memory on the way

# %% [markdown]
# ## Others
#
# Nothing is special about these three. A rectified unit, its soft sister, and a polynomial, each with its slope:

# %%
# S09
points = gn.parameter("points", np.array([-1.5, -0.5, 0.5, 1.5]))
at = points.value
for node, slope in [
    (gn.relu(points), (at > 0) * 1.0),
    (gn.softplus(points), 1 / (1 + np.exp(-at))),
    (gn.polynomial(points, [1.0, -2.0, 3.0]), -2 + 6 * at),
]:
    np.testing.assert_allclose(gn.backward(gn.sum(node), {}).gradient(points), slope)

# %% [markdown]
# ## Exercise
#
# The rule of tanh: given `delta`, the error signal of the output, and the output `a`, what is the error signal of `z`?
#
# <details><summary>Solution</summary>
#
# `delta * (1 - a * a)`. With `z` in place of `a` it would be wrong; try it, and read what the check says.
#
# </details>


# %%
attempt = gn.exercise(np.tanh, lambda delta, a, z: delta * (1 - a * a))
assert attempt.ok
assert not gn.exercise(np.tanh, lambda delta, a, z: delta * (1 - z * z)).ok
attempt
