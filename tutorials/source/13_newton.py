# %% [markdown]
# # 13 · Newton's method
#
# `gn.backward` gives gradients as numbers. `gn.gradients` gives them as **nodes**: the same backward rules, read once more,
# write the backward pass as a graph. And a graph can be differentiated again. That gives the *curvature* of the error, and
# with it a far better step than a slope alone allows.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

# %% [markdown]
# ## The gradient of a gradient
#
# Let $a = \tanh w$ and $E = \sum a$. The slope is $1 - a^2$, and the slope of the slope is $-2a\,(1 - a^2)$. In the
# picture, the frame called "gradients" holds what the backward rules have written: the rule of tanh, as nodes.

# %%
w = gn.parameter("w", [1.0, -2.0, 0.5])
E = gn.sum(gn.tanh(w, name="a"), name="E")
(slope,) = gn.gradients(E, [w])
(curvature,) = gn.gradients(gn.sum(slope), [w])
fwd = gn.forward([slope, curvature], {})
a = np.tanh(w.value)
gn.draw(slope)

# %% tags=["test"]
np.testing.assert_allclose(fwd[slope], 1 - a**2)
np.testing.assert_allclose(fwd[curvature], -2 * a * (1 - a**2))

# %% [markdown]
# ## The Hessian of a small network
#
# One tanh unit, with its two weights and two biases in one vector $\theta$: four numbers to find, so that the network
# follows data which we make with $\theta = (1.2, -0.6, 1.5, 0.3)$. The **Hessian** $H$ is the table of all second
# derivatives, $H_{ij} = \partial^2 E/\partial\theta_i\,\partial\theta_j$. Its row $i$ is the gradient of the $i$-th entry of
# the gradient, so we ask for just that.

# %%
X = np.linspace(-2, 2, 25)[:, None]
T = 1.5 * np.tanh(1.2 * X - 0.6) + 0.3
theta = gn.parameter("theta", [1.0, -0.2, 1.0, 0.0])
x, t = gn.input("x", shape=(25, 1)), gn.input("t", shape=(25, 1))
w1, b1 = gn.reshape(theta[0:1], (1, 1)), theta[1:2]
w2, b2 = gn.reshape(theta[2:3], (1, 1)), theta[3:4]
E = gn.sse(gn.tanh(x @ w1 + b1) @ w2 + b2, t, name="E")
feeds = {x: X, t: T}

(gradient,) = gn.gradients(E, [theta])
rows = [gn.gradients(gradient[i], [theta])[0] for i in range(4)]
everything = gn.Graph(E, gradient, *rows)
print(f"{len(gn.Graph(E))} nodes forward, {len(everything)} with gradient and Hessian")


def at(point):
    """Return E, its gradient and its Hessian at a θ."""
    theta.value = point
    fwd = gn.forward(everything, feeds)
    return float(fwd[E]), fwd[gradient], np.array([fwd[row] for row in rows])


start = np.array([1.0, -0.2, 1.0, 0.0])
value, g, H = at(start)
print(H.round(3))

# %% [markdown]
# Is it right? It does not matter in which order one differentiates, so $H$ must be symmetric. And nudging $\theta_i$ must
# change the gradient (that of `gn.backward`, found without any of these nodes) by row $i$:


# %%
def gradient_at(point):
    """Return the gradient at a θ as numbers."""
    theta.value = point
    return gn.backward(E, feeds).gradient(theta)


h = 1e-5
nudged = np.array([(gradient_at(start + step) - gradient_at(start - step)) / (2 * h) for step in h * np.eye(4)])
print(f"H and nudging differ by {np.abs(H - nudged).max():.0e} at most, where H goes up to {H.max():.0f}")

# %% tags=["test"]
np.testing.assert_allclose(H, H.T)
np.testing.assert_allclose(H, nudged, rtol=1e-6, atol=1e-6)
np.testing.assert_allclose(g, gradient_at(start))
assert gn.check_gradients(E, feeds, second_order=True).ok  # the same, as one call

# %% [markdown]
# ## Newton's step
#
# Close to where we stand, $E$ is nearly a bowl: $E(\theta + s) \approx E + g^{\mathsf T}s + \tfrac12 s^{\mathsf T}H s$.
# Gradient descent knows only $g$: which way is down, but not how far. Newton's step goes straight to the **bottom of the
# bowl**, $s = -H^{-1}g$, and needs no learning rate. (A real error may also bend down, and then there is no bottom. So each
# curvature is taken without its sign, and none below 0.001.)


# %%
def newton_step(g, H):
    """Return the step to the bottom of the bowl."""
    curvatures, directions = np.linalg.eigh(H)
    return -directions @ ((directions.T @ g) / np.maximum(np.abs(curvatures), 1e-3))


points, errors = [start], [value]
for _ in range(5):
    value, g, H = at(points[-1])
    points.append(points[-1] + newton_step(g, H))
    errors.append(at(points[-1])[0])
print("\n".join(f"step {i}: E = {error:.1e}" for i, error in enumerate(errors)))

# %% tags=["test"]
assert errors[-1] < 1e-17
np.testing.assert_allclose(points[-1], [1.2, -0.6, 1.5, 0.3])  # the numbers that made the data

# %% [markdown]
# Here are two of these steps from the side. Blue is the real error along the step, dashed the bowl; 0 is where we stand
# and 1 where Newton's step leads. At first the bowl is a rough guess. Near the end the two can't be told apart.

# %%
along = np.linspace(-0.5, 2, 101)
figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
misfit = []
for axes, i in zip(panels, (0, 4), strict=True):
    value, g, H = at(points[i])
    s = points[i + 1] - points[i]
    real = np.array([at(points[i] + k * s)[0] for k in along])
    bowl = value + along * (g @ s) + along**2 / 2 * (s @ H @ s)
    misfit.append(np.abs(real - bowl).max() / (real.max() - real.min()))
    axes.plot(along, real, color="#1f5fa8", label="E")
    axes.plot(along, bowl, "--", color="#b3261e", label="bowl")
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set(title=f"step {i + 1}", xlabel="share of Newton's step")
    axes.legend()
plt.show()
print("misfit of the bowl:", np.round(misfit, 3))

# %% tags=["test"]
for i in (0, 4):
    value, g, H = at(points[i])
    s = points[i + 1] - points[i]
    bowl = value + along * (g @ s) + along**2 / 2 * (s @ H @ s)
    assert np.all(np.linalg.eigvalsh(H) > 1e-3)  # it does not bend down here
    np.testing.assert_allclose(along[np.argmin(bowl)], 1)  # so the step leads to the bottom
assert misfit[1] < 0.01 < misfit[0]

# %% [markdown]
# ## Beside gradient descent
#
# On a scale of powers of ten, gradient descent soon is a straight line: every step gains about the same small part of a
# digit. Newton's curve falls ever faster: each step about **doubles** the number of digits that are right.

# %%
theta.value = start
descent = []
for _ in range(400):
    bwd = gn.backward(E, feeds)
    descent.append(float(bwd[E]))
    theta.value = theta.value - 0.02 * bwd.gradient(theta)

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
axes.semilogy(descent[:60], "--", color="#1f5fa8", label="gradient descent, η = 0.02")
axes.semilogy(errors, "o-", color="#b3261e", label="Newton")
axes.set(xlabel="step", ylabel="E")
axes.legend()
plt.show()

digits = -np.log10(errors)
print("digits of Newton:", digits.round(1), " of gradient descent, after 400 steps:", -np.log10(descent[-1]).round(1))
gained = -np.diff(np.log10(descent[200:]))
doubled = digits[2:] / digits[1:-1]
print("digits, as a multiple of those a step before:", doubled.round(1))

# %% tags=["test"]
assert gained.max() < 1.2 * gained.min() < 0.1  # the same small part of a digit each time
assert np.all((doubled > 1.6) & (doubled < 2.4))

# %% [markdown]
# ## Why not always?
#
# With $n$ numbers to train, the Hessian has $n^2$ entries. For 4 that is nothing; for a million, it is a million millions.
# But often $H$ times *one* vector $v$ will do, and that is cheap: it is the gradient of $g^{\mathsf T}v$. One more backward
# pass, and no table.

# %%
v = np.array([1.0, -2.0, 0.5, 3.0])
(product,) = gn.gradients(gn.sum(gradient * v), [theta])
value, g, H = at(start)
print(f"H v: {len(gn.Graph(product))} nodes; all of H: {len(everything)}")

# %% tags=["test"]
np.testing.assert_allclose(gn.forward(product, feeds)[product], H @ v)
assert len(gn.Graph(product)) < len(everything) / 2

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** To differentiate a rule once more, its *slope* is an op with a backward rule of its own. Here is the slope
# of tanh, $g = 1 - \tanh^2 z$. Write its backward rule. `g` is the output. (What stands there now would be right if the
# slope of the slope were the slope.)


# %%
def slope_rule(delta, g, z):
    return delta * g  # change this


gn.exercise(lambda z: 1 - np.tanh(z) ** 2, slope_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The derivative of $-a^2$ is $-2a$ times that of $a = \tanh z$. And that one you have already.
#
# </details>
#
# <details><summary>Solution</summary>
#
# $-2a\,(1 - a^2)$, which is $-2\tanh(z)\,g$. It is what `gn.gradients` found at the beginning.
#
# ```python
# def slope_rule(delta, g, z):
#     return delta * -2 * np.tanh(z) * g
#
#
# assert gn.exercise(lambda z: 1 - np.tanh(z) ** 2, slope_rule).ok
# np.testing.assert_allclose(slope_rule(1.0, fwd[slope], w.value), fwd[curvature])
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Without a hidden layer, and with an identity output, $E$ **is** a bowl. How many Newton steps does it take
# then, from anywhere? Write the step, and see.

# %%
W = gn.parameter("W", [5.0, -7.0])
line = gn.constant(X) @ gn.reshape(W[0:1], (1, 1)) + W[1:2]
error = gn.sse(line, T, name="E")
(g_nodes,) = gn.gradients(error, [W])
H_nodes = [gn.gradients(g_nodes[i], [W])[0] for i in range(2)]


def my_step(g, H):
    return -0.02 * g  # change this: it is gradient descent


W.value = [5.0, -7.0]
lowest = 0.5 * np.linalg.lstsq(np.hstack([X, np.ones((25, 1))]), T[:, 0], rcond=None)[1].item()
for _ in range(3):
    here = gn.forward([error, g_nodes, *H_nodes], {})
    print(f"E is {here[error] - lowest:.1e} above the lowest")
    W.value = W.value + my_step(here[g_nodes], np.array([here[row] for row in H_nodes]))

# %% [markdown]
# <details><summary>Hint</summary>
#
# `np.linalg.solve(H, g)` is $H^{-1}g$.
#
# </details>
#
# <details><summary>Solution</summary>
#
# One step, from anywhere. It is the solution of the least squares equations.
#
# ```python
# def my_step(g, H):
#     return -np.linalg.solve(H, g)
#
#
# for anywhere in ([5.0, -7.0], [100.0, 3.0], [0.0, 0.0]):
#     W.value = anywhere
#     here = gn.forward([error, g_nodes, *H_nodes], {})
#     W.value = W.value + my_step(here[g_nodes], np.array([here[row] for row in H_nodes]))
#     np.testing.assert_allclose(gn.forward(error, {})[error], lowest)
# ```
#
# </details>
#
# ---
# Next: [14 · Scalar nodes](14_scalar_nodes.ipynb): every single number a node.
