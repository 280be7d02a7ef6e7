# %% [markdown]
# # 13. Gradients of gradients: Newton's method on a small network
#
# `gn.backward` gives gradients as numbers. `gn.gradients` gives them as **nodes**: the same backward rules, read once
# more, build the backward pass as graph. What is graph can be differentiated again. That gives the curvature of the
# error, and with it a far better step than a slope alone allows.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

# %% [markdown]
# ## A derivative of a derivative
#
# Take $a = \tanh w$ and $E = \sum a$. Then $\partial E/\partial w = 1 - a^2$, and the next is $-2a(1 - a^2)$.

# %%
w = gn.parameter("w", [1.0, -2.0, 0.5])
E = gn.sum(gn.tanh(w, name="a"), name="E")
(slope,) = gn.gradients(E, [w])
(curvature,) = gn.gradients(gn.sum(slope), [w])
fwd = gn.forward([slope, curvature], {})
a = np.tanh(w.value)
assert np.allclose(fwd[slope], 1 - a**2)
assert np.allclose(fwd[curvature], -2 * a * (1 - a**2))
gn.draw(slope)

# %% [markdown]
# ## A small network and its Hessian
#
# A network with one hidden tanh unit has 4 numbers to train. They sit in one vector θ, from which the network takes
# its parts. (The inputs are declared with all their sizes: a backward pass as graph needs to know them.) So the
# Hessian $H_{ij} = \partial^2 E/\partial\theta_i\,\partial\theta_j$ is one 4 × 4 matrix: row i is the gradient of
# entry i of the gradient.

# %%
rng = np.random.default_rng(0)
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
newton = gn.Graph(E, gradient, *rows)
print(len(gn.Graph(E)), "nodes forward,", len(newton), "with gradient and Hessian")


def hessian():
    """Return E, its gradient and its Hessian at the present θ."""
    fwd = gn.forward(newton, feeds)
    return fwd["E"].item(), fwd[gradient], np.array([fwd[row] for row in rows])


value, g, H = hessian()
print(H.round(3))

# %% [markdown]
# It doesn't matter in which order one differentiates, so H must be symmetric. And it must agree with differences of the
# gradient that `gn.backward` gives:

# %%
assert np.allclose(H, H.T)
assert np.allclose(g, gn.backward(E, feeds).gradient(theta))


def gradient_at(point):
    """Return the gradient at another θ, and put θ back."""
    here = theta.value.copy()
    theta.value = point
    result = gn.backward(E, feeds).gradient(theta)
    theta.value = here
    return result


h = 1e-5
steps = h * np.eye(4)
start = theta.value.copy()
by_difference = np.array([(gradient_at(start + s) - gradient_at(start - s)) / (2 * h) for s in steps])
assert np.allclose(H, by_difference, atol=1e-6)
assert gn.check_gradients(E, feeds, second_order=True).ok

# %% [markdown]
# ## Newton's step
#
# Close to where we stand, E is nearly a paraboloid: $E(\theta + s) \approx E + g^\top s + \tfrac12 s^\top H s$.
# Gradient descent takes a step along −g, of a length that we had to choose. Newton's step goes straight to the lowest
# point of the paraboloid: $s = -H^{-1}g$. No learning rate. We lift H's eigenvalues to a small positive number, as
# where E bends down there is no lowest point.

# %%
newton_errors = []
for _ in range(12):
    value, g, H = hessian()
    newton_errors.append(value)
    eigenvalues, vectors = np.linalg.eigh(H)
    step = -vectors @ ((vectors.T @ g) / np.maximum(np.abs(eigenvalues), 1e-3))
    theta.value = theta.value + step
found = theta.value.copy()

theta.value = start
descent_errors = []
for _ in range(400):
    bwd = gn.backward(E, feeds)
    descent_errors.append(bwd["E"].item())
    theta.value = theta.value - 0.02 * bwd.gradient(theta)

print("Newton:", found.round(6), f"E = {newton_errors[-1]:.1e} after {len(newton_errors)} steps")
print(f"gradient descent: E = {descent_errors[-1]:.1e} after {len(descent_errors)} steps")
assert newton_errors[-1] < 1e-20
assert np.allclose(found, [1.2, -0.6, 1.5, 0.3])  # the numbers that made the data
assert descent_errors[-1] > 1e3 * newton_errors[-1]

# %% [markdown]
# Near the lowest point each Newton step **doubles the number of correct digits**; gradient descent adds about the
# same small amount of a digit each time.

# %%
digits = -np.log10(np.maximum(newton_errors, 1e-32))
near = (digits[:-1] > 3) & (digits[1:] < 30)
assert near.any()
assert np.all(digits[1:][near] > 1.5 * digits[:-1][near])
gained = -np.diff(np.log10(descent_errors[200:]))
assert gained.max() < 1.2 * gained.min() < 0.1

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.semilogy(np.maximum(newton_errors, 1e-32), "o-", color="#b3261e", label="Newton")
ax.semilogy(descent_errors[:60], "--", color="#1f5fa8", label="gradient descent, η = 0.02")
ax.set(xlabel="step", ylabel="E")
_ = ax.legend()

# %% [markdown]
# ## Why not always?
#
# A network with n weights has n² entries in its Hessian. For 4 that is nothing; for a million it is a million
# millions. What one can have cheaply is H **times a vector**: differentiate $g^\top v$, one more backward pass.

# %%
v = rng.normal(size=4)
(product,) = gn.gradients(gn.sum(gradient * v), [theta])
theta.value = start
_, _, H = hessian()
assert np.allclose(gn.forward(product, feeds)[product], H @ v)

# %% [markdown]
# ## Exercises
#
# **1.** How many Newton steps does a network without hidden layer and with an identity output need, from anywhere?
#
# <details><summary>Solution</summary>
#
# One. With a sum of squares, E **is** a paraboloid there: the step is the solution of the least squares equations.
#
# </details>
#
# **2.** Leave out `np.abs` and the lifting of the eigenvalues, and start at θ = (−1, 0, 1, 0). What happens?
#
# <details><summary>Solution</summary>
#
# Look at the eigenvalues: some are negative. The plain step $-H^{-1}g$ goes to where the slope is 0, which may as
# well be a saddle or a hilltop. It seeks a point without slope, not a low one.
#
# </details>
