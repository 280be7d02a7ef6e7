# %% [markdown]
# # 12 · Squares and likelihood
#
# All the errors so far were $E = \tfrac12\sum(a - t)^2$, or nearly. Why squares? And why does a network that says "yes" or
# "no" do better with another error? Both have one answer: **an error is a guess about how the data came about.**

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import graphnet as gn

rng = np.random.default_rng(4)

# %% [markdown]
# ## The squares are squares
#
# A straight line through twelve noisy points. From each point to the line runs a residual; draw a square on it. $E$ is half
# of the area of all the squares, and training makes that area as small as a line can.

# %%
X = np.linspace(0, 3, 12)[:, None]
T = 0.7 * X + 0.4 + rng.normal(scale=0.35, size=X.shape)
x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))
w, b = gn.parameter("w", [[0.0]]), gn.parameter("b", [0.2])
y = gn.bias_add(x @ w, b, name="y")
E = gn.sse(y, t, name="E")


def draw_squares(axes):
    """Draw points, line and squares; return the area of the squares."""
    fwd = gn.forward(E, {x: X, t: T})
    area = 0.0
    for left, on_line, target in zip(X[:, 0], fwd[y][:, 0], T[:, 0], strict=True):
        side = abs(target - on_line)
        axes.add_patch(Rectangle((left, min(on_line, target)), side, side, color="#b3261e", alpha=0.2))
        area += side * side
    axes.plot(X, T, "o", color="black")
    axes.plot(X, fwd[y], color="#1f5fa8")
    axes.set(aspect="equal", xlim=(-0.3, 6), ylim=(-0.2, 3.2))
    axes.set_title(f"E = {fwd[E]:.3f}, half of the area {area:.3f}")
    np.testing.assert_allclose(fwd[E], area / 2)
    return area


figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
before = draw_squares(left)
gn.fit(E, {x: X, t: T}, optimizer=gn.GradientDescent(0.02), epochs=500, progress=False)
after = draw_squares(right)
plt.show()

# %% tags=["test"]
# S53
assert after < before / 5
np.testing.assert_allclose([w.value.item(), b.value.item()], np.polyfit(X[:, 0], T[:, 0], 1), atol=1e-4)

# %% [markdown]
# ## The bell behind the square
#
# Suppose a target is the line's value and some noise, and small noise is likelier than large noise, by a bell curve of
# width $\sigma$:
#
# $$p(t) = \frac{1}{\sqrt{2\pi}\,\sigma}\;e^{-(t-y)^2/2\sigma^2}$$
#
# The **likelihood** of all the data is the product of these. Take its logarithm and change the sign: the product becomes a
# sum, and the exponents become squares.
#
# $$-\ln \prod p(t) = \frac{1}{\sigma^2}\,E + n \ln(\sqrt{2\pi}\,\sigma)$$
#
# Only the first term knows the weights. So the line with the smallest $E$ is the line under which the data were **most
# likely**. Whoever minimises squares has guessed that the noise is a bell.

# %%
sigma = 0.35
slopes = np.linspace(-0.5, 2, 101)
lines = X[:, 0] * slopes[:, None] + b.value  # a line in each row
squares = 0.5 * np.sum((lines - T[:, 0]) ** 2, axis=1)
densities = np.exp(-((T[:, 0] - lines) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
likelihood = np.prod(densities, axis=1)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
left.plot(slopes, squares, color="#b3261e")
left.set(xlabel="w", title="E is smallest at the dashed line")
right.plot(slopes, likelihood, color="#1f5fa8")
right.set(xlabel="w", title="and there the likelihood is largest")
for axes in (left, right):
    axes.axvline(slopes[np.argmin(squares)], color="black", linestyle="--")
plt.show()

# %% tags=["test"]
# S53
np.testing.assert_allclose(-np.log(likelihood), squares / sigma**2 + len(X) * np.log(np.sqrt(2 * np.pi) * sigma))
assert np.argmin(squares) == np.argmax(likelihood)

# %% [markdown]
# ## Yes or no: a coin
#
# If a target is 0 or 1, a bell is the wrong guess. A coin is the right one, which shows 1 with probability $a$:
# $p(t) = a^t(1-a)^{1-t}$. The same steps give another error:
#
# $$E = -\sum\big(t\ln a + (1-t)\ln(1-a)\big)$$
#
# This is `gn.binary_cross_entropy`. It is given $z$ and not $a$: an $a$ that was rounded to 0 has no logarithm.

# %%
X2 = rng.normal(size=(40, 2))
T2 = (X2 @ [[2.0], [-1.0]] + 0.3 > 0).astype(float)
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W, c = gn.parameter("W", rng.normal(size=(2, 1))), gn.parameter("c", np.zeros(1))
z = gn.bias_add(x @ W, c, name="z")
a = gn.sigmoid(z, name="a")
feeds = {x: X2, t: T2}

with_coin = gn.binary_cross_entropy(z, t, name="E")
coin = gn.backward(with_coin, feeds)
says = 1 / (1 + np.exp(-coin[z]))
print(
    f"E = {coin[with_coin]:.6f}, and −ln of the likelihood = {-np.log(np.prod(says**T2 * (1 - says) ** (1 - T2))):.6f}"
)

# %% tags=["test"]
# S39
np.testing.assert_allclose(coin[with_coin], -np.sum(T2 * np.log(says) + (1 - T2) * np.log(1 - says)))
np.testing.assert_allclose(coin[with_coin], -np.log(np.prod(says**T2 * (1 - says) ** (1 - T2))))
far_off = gn.constant([[-800.0]])
assert gn.forward(gn.sigmoid(far_off, name="a"), {})["a"] == 0  # its logarithm would be −∞
assert gn.forward(gn.binary_cross_entropy(far_off, [[1.0]], name="E"), {})["E"] == 800

# %% [markdown]
# ## Where the slope goes
#
# Now compare the error signals at $z$. With squares, δ is the error **times the slope**. With the coin, the derivative of
# the logarithm is $(a - t)/\big(a(1-a)\big)$, the slope is $a(1-a)$, and they cancel: δ is the error itself.

# %%
with_squares = gn.sse(a, t, name="E")
bell = gn.backward(with_squares, feeds)

written_out = -gn.sum(t * gn.log(a) + (1.0 - t) * gn.log(1.0 - a))  # node by node, the same
gn.derive(with_squares, W)

# %% tags=["test"]
# S39
np.testing.assert_allclose(bell.error_signal(z), (says - T2) * says * (1 - says))
np.testing.assert_allclose(coin.error_signal(z), says - T2)
np.testing.assert_allclose(gn.backward(written_out, feeds).error_signal(z), says - T2)

# %%
gn.derive(with_coin, W)

# %% [markdown]
# (The last line is the same error, arranged so that it never overflows: $\mathrm{softplus}(z) = \ln(1 + e^z)$.)

# %% tags=["test"]
np.testing.assert_allclose(coin[with_coin], np.sum(np.log(1 + np.exp(coin[z])) - T2 * coin[z]))

# %% [markdown]
# Does it matter? Take one sample with target 1, and let the unit be more and more wrong about it. With squares, δ **dies**
# just where the mistake is greatest: there the unit is saturated. With the coin, δ grows towards −1.

# %%
zs = np.linspace(-10, 4, 141)[:, None]
z_in, ones = gn.input("z", shape=(None, 1)), np.ones((141, 1))
delta_coin = gn.backward(gn.binary_cross_entropy(z_in, ones), {z_in: zs}).error_signal(z_in)
delta_squares = gn.backward(gn.sse(gn.sigmoid(z_in), ones), {z_in: zs}).error_signal(z_in)

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(zs, delta_coin, color="#1f5fa8", label="coin: a − t")
axes.plot(zs, delta_squares, "--", color="#b3261e", label="squares: (a − t) g′")
axes.set(xlabel="z, where the target is 1: further left is more wrong", ylabel="δ = ∂E/∂z")
axes.legend()
plt.show()

# %% tags=["test"]
# S39
assert np.all(np.diff(delta_coin[:, 0]) > 0)  # the more wrong, the more negative
assert delta_coin[0] < -0.9999
assert abs(delta_squares[0]) < 1e-4
assert np.all(np.abs(delta_squares) < np.abs(delta_coin) / 4 + 1e-15)  # for the slope is at most ¼

# %% [markdown]
# So, if both begin sure of themselves and wrong, one learns and the other sits still:

# %%
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
last = {}
for name, error, style in [("coin", with_coin, "-"), ("squares", with_squares, "--")]:
    W.value, c.value = [[-20.0], [10.0]], [0.0]
    right = []
    for _ in range(60):
        bwd = gn.backward(error, feeds)
        right.append(np.mean((bwd[z] > 0) == (T2 > 0.5)))
        W.value, c.value = W.value - 0.1 * bwd.gradient(W), c.value - 0.1 * bwd.gradient(c)
    last[name] = right[-1]
    axes.plot(right, style, color={"coin": "#1f5fa8", "squares": "#b3261e"}[name], label=name)
axes.set(xlabel="step", ylabel="share right", ylim=(0, 1))
axes.legend()
plt.show()

# %% tags=["test"]
# S39
assert last["coin"] >= 0.95
assert last["squares"] < 0.5

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Let the targets be *counts*, as of cars in an hour. The usual guess for counts is the Poisson
# distribution with mean $a = e^z$ ($z$ may be any number, the mean may not). But for a constant, its error is
# $E = \sum(e^z - t\,z)$. Write the error signal of $z$.

# %%
counts = np.array([[0.0, 2.0, 1.0], [4.0, 0.0, 3.0]])
some_z = np.array([[0.3, -0.7, 1.1], [0.4, -1.2, 0.8]])


def count_rule(delta, e, z):
    return delta * (z - counts)  # change this


gn.exercise(lambda z: np.sum(np.exp(z) - counts * z), count_rule, some_z)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Differentiate the two terms one by one. Then write the result with $a$ in place of $e^z$. Have you seen it before?
#
# </details>
#
# <details><summary>Solution</summary>
#
# $e^z - t = a - t$: the error itself, once more, as with the coin and with the bell.
#
# ```python
# def count_rule(delta, e, z):
#     return delta * (np.exp(z) - counts)
#
#
# assert gn.exercise(lambda z: np.sum(np.exp(z) - counts * z), count_rule, some_z).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** One target is spoilt: `spoilt[3] += 5`. Squares make the line turn far towards it, since a bell says that
# such a miss next to never happens. Noise with more room for misses, $p \propto e^{-|t - y|/s}$, gives the error
# $E = \sum |y - t|$. Write its rule, and see how hard the spoilt target pulls then.


# %%
def absolute_rule(delta, e, y, t):
    return delta * (y - t), delta * (t - y)  # change this: these are the squares


attempt = gn.exercise(lambda y, t: np.sum(np.abs(y - t)), absolute_rule)
spoilt = T.copy()
spoilt[3] += 5
best = np.polyval(np.polyfit(X[:, 0], T[:, 0], 1), X)
pull = np.abs(absolute_rule(1.0, None, best, spoilt)[0][:, 0])
print(f"the spoilt target pulls {pull[3] / np.median(pull):.0f} times as hard as the usual one")
turned = np.polyval(np.polyfit(X[:, 0], spoilt[:, 0], 1), X)
print(f"and turns the line of least squares by up to {np.abs(turned - best).max():.1f}")
attempt

# %% [markdown]
# <details><summary>Hint</summary>
#
# The slope of $|u|$ is 1 on the right, −1 on the left. NumPy has a function for just that.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Its error signal is only the sign of the residual. However far off a target is, it pulls no harder than any other.
#
# ```python
# def absolute_rule(delta, e, y, t):
#     return delta * np.sign(y - t), delta * np.sign(t - y)
#
#
# assert gn.exercise(lambda y, t: np.sum(np.abs(y - t)), absolute_rule).ok
# assert set(np.abs(absolute_rule(1.0, None, best, spoilt)[0]).ravel()) == {1}
# assert np.abs(best - spoilt)[3] > 10 * np.median(np.abs(best - spoilt))
# ```
#
# </details>
#
# ---
# Next: [13 · Newton's method](13_newton.ipynb): gradients of gradients.
