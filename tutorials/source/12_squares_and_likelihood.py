# %% [markdown]
# # 12. Why the sum of squares, and when something else
#
# All the errors so far were $E = \tfrac12\sum(a - t)^2$. Why squares? And why does a network that says "yes or no" do
# better with another error? Both have one answer: **an error is a guess about how the data came about.**

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import graphnet as gn

rng = np.random.default_rng(4)

# %% [markdown]
# ## Residuals as squares
#
# Fit a straight line to twelve noisy points. A residual is the distance from the line's value to the target, and its
# square can be drawn as one. E is half of the area of all squares; training makes that area small.

# %%
# S53
X = np.linspace(0, 3, 12)[:, None]
T = 0.7 * X + 0.4 + rng.normal(scale=0.35, size=X.shape)
x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))
w, b = gn.parameter("w", [[0.0]]), gn.parameter("b", [0.2])
y = gn.identity(x @ w + b, name="y")
E = gn.sse(y, t, name="E")


def draw_squares(ax):
    """Draw the points, the line and the square on each residual; return the area of the squares drawn."""
    fwd = gn.forward(E, {x: X, t: T})
    area = 0.0
    for x0, y0, t0 in zip(X[:, 0], fwd[y][:, 0], T[:, 0], strict=True):
        side = abs(t0 - y0)
        ax.add_patch(Rectangle((x0, min(y0, t0)), side, side, color="#b3261e", alpha=0.2))
        area += side * side
    ax.plot(X, T, "o", color="black")
    ax.plot(X, fwd[y], color="#1f5fa8")
    ax.set(aspect="equal", title=f"E = {fwd['E']:.3f}, half of the area {area:.3f}", xlim=(-0.3, 5), ylim=(-0.2, 3.2))
    assert np.isclose(fwd["E"], area / 2)
    return area


figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
before = draw_squares(axes[0])
gn.fit(E, {x: X, t: T}, optimizer=gn.GradientDescent(0.02), epochs=500, progress=False)
after = draw_squares(axes[1])

slope, intercept = np.polyfit(X[:, 0], T[:, 0], 1)  # the least squares line, by another method
assert np.allclose([w.value.item(), b.value.item()], [slope, intercept], atol=1e-4)
assert after < before / 5

# %% [markdown]
# ## The Gaussian behind the square
#
# Suppose each target is the line's value plus noise of a bell shape, $t = y + \varepsilon$ with standard deviation σ.
# The probability density of a target is then
#
# $$p(t) = \frac{1}{\sqrt{2\pi}\,\sigma}\,e^{-(t-y)^2/2\sigma^2}$$
#
# The data's likelihood is the product of these; its negative logarithm is a sum, $\frac{1}{\sigma^2}E +
# n\log(\sqrt{2\pi}\,\sigma)$. The second term does not know the weights. So the line with the smallest E is the line
# under which the data were **most likely**.

# %%
# S53
sigma = 0.35
slopes = np.linspace(-0.5, 2, 101)
errors, likelihoods = [], []
for value in slopes:
    predicted = X * value + b.value
    errors.append(0.5 * np.sum((predicted - T) ** 2))
    density = np.exp(-((T - predicted) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    likelihoods.append(np.prod(density))
errors, likelihoods = np.array(errors), np.array(likelihoods)

expected = errors / sigma**2 + len(X) * np.log(np.sqrt(2 * np.pi) * sigma)
possible = likelihoods > 1e-250  # a product of many small numbers underflows: one more reason for logarithms
assert np.allclose(-np.log(likelihoods[possible]), expected[possible])
assert np.argmin(errors) == np.argmax(likelihoods)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
left.plot(slopes, errors, color="#b3261e")
left.set(xlabel="w", title="E: smallest at the dashed line")
right.plot(slopes, likelihoods, color="#1f5fa8")
right.set(xlabel="w", title="likelihood of the data: largest at the same w")
for ax in (left, right):
    ax.axvline(slopes[np.argmin(errors)], color="black", linestyle="--")

# %% [markdown]
# The ½ has its place here, and it has a practical one: the 2 of the derivative cancels it, and $\partial E/\partial y
# = y - t$.

# %%
# S53
bwd = gn.backward(E, {x: X, t: T})
assert np.allclose(bwd.error_signal(y), bwd[y] - T)

# %% [markdown]
# ## Yes or no: the Bernoulli likelihood
#
# If a target is 0 or 1, a bell is the wrong guess. A coin that gives 1 with probability $a$ is the right one:
# $p(t) = a^t(1-a)^{1-t}$. Its negative logarithm is
#
# $$E = -\sum\,t\log a + (1-t)\log(1-a)$$
#
# `gn.binary_cross_entropy` is this error. It takes z and not a, so that the logarithm of a number rounded to 0 never
# happens.

# %%
# S39
X2 = rng.normal(size=(40, 2))
T2 = (X2 @ [[2.0], [-1.0]] + 0.3 > 0).astype(float)
x2, t2 = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W, c = gn.parameter("W", rng.normal(size=(2, 1))), gn.parameter("b", np.zeros(1))
z = gn.bias_add(x2 @ W, c, name="z")
a = gn.sigmoid(z, name="a")
feeds = {x2: X2, t2: T2}

bernoulli = gn.backward(gn.binary_cross_entropy(z, t2, name="E"), feeds)
a_value = 1 / (1 + np.exp(-bernoulli[z]))
by_hand = -np.sum(T2 * np.log(a_value) + (1 - T2) * np.log(1 - a_value))
assert np.isclose(bernoulli["E"], by_hand)
gn.draw(bernoulli)

# %% [markdown]
# ## δ = a − t, and δ = (a − t) g′
#
# The difference that matters is in the error signal at z. With the sum of squares it is the error **times the
# slope**; with the Bernoulli likelihood the slope has cancelled. The derivative of the logarithm is $(a-t)/(a(1-a))$,
# and $g' = a(1-a)$.

# %%
# S39
squares = gn.backward(gn.sse(a, t2, name="E"), feeds)
assert np.allclose(bernoulli.error_signal(z), a_value - T2)
assert np.allclose(squares.error_signal(z), (a_value - T2) * a_value * (1 - a_value))

written = gn.log(a) * t2 + gn.log(1.0 - a) * (1.0 - t2)  # the same error written out, node by node
assert np.allclose(gn.backward(-gn.sum(written), feeds).error_signal(z), a_value - T2)
gn.derive(gn.binary_cross_entropy(z, t2, name="E"), W)

# %%
gn.derive(gn.sse(a, t2, name="E"), W)

# %% [markdown]
# Why it matters: take one sample with target 1 and make the network more and more wrong about it. With squares the
# error signal **dies** where the mistake is greatest, since the unit is saturated. With the likelihood it goes to −1.

# %%
# S39
zs = np.linspace(-10, 4, 141)
z_in, t_in = gn.input("z", shape=(None, 1)), gn.input("t", shape=(None, 1))
one = {z_in: zs[:, None], t_in: np.ones((141, 1))}
delta_bce = gn.backward(gn.binary_cross_entropy(z_in, t_in), one).error_signal(z_in)[:, 0]
delta_sse = gn.backward(gn.sse(gn.sigmoid(z_in), t_in), one).error_signal(z_in)[:, 0]
assert delta_bce[0] < -0.9999
assert abs(delta_sse[0]) < 1e-4
assert np.all(np.abs(delta_sse) <= np.abs(delta_bce) / 4 + 1e-15)  # g′ is at most ¼

figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.plot(zs, delta_bce, color="#1f5fa8", label="Bernoulli likelihood: a − t")
ax.plot(zs, delta_sse, "--", color="#b3261e", label="sum of squares: (a − t) g′")
ax.set(xlabel="z, where the target is 1", ylabel="δ = ∂E/∂z", title="the more wrong, the further to the left")
_ = ax.legend()

# %% [markdown]
# So, from a bad start, one learns and the other sits:

# %%
# S39
histories = {}
for name in ("sum of squares", "Bernoulli likelihood"):
    W.value, c.value = [[-20.0], [10.0]], [0.0]  # confident, and wrong
    E2 = gn.sse(a, t2) if name == "sum of squares" else gn.binary_cross_entropy(z, t2)
    accuracy = []
    for _ in range(60):
        bwd = gn.backward(E2, feeds)
        accuracy.append(np.mean((bwd[z] > 0) == (T2 > 0.5)))
        W.value, c.value = W.value - 0.1 * bwd.gradient(W), c.value - 0.1 * bwd.gradient(c)
    histories[name] = accuracy
print({name: f"{accuracy[-1]:.0%} right" for name, accuracy in histories.items()})
assert histories["Bernoulli likelihood"][-1] >= 0.95
assert histories["sum of squares"][-1] < 0.5

# %% [markdown]
# ## Exercises
#
# **1.** One target is spoilt: `T[3] += 5`. What does the least squares line do, and which guess about the noise made
# it?
#
# <details><summary>Solution</summary>
#
# It turns far towards that point: a residual of 5 costs 25 times what a residual of 1 does. A bell says that large
# deviations almost never happen, so the line must explain this one. Noise with heavier tails, $p \propto
# e^{-|t-y|/s}$, gives `gn.sum(gn.abs(y - t))`, whose error signal is only the sign of the residual.
#
# </details>
#
# **2.** `gn.cross_entropy` is the same for several classes. What is its error signal at the scores?
#
# <details><summary>Solution</summary>
#
# Once more a − t, where a is the softmax of the scores. Assert it:
# `gn.backward(gn.cross_entropy(z, t), ...).error_signal(z)`.
#
# </details>
