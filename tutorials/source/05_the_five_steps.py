# %% [markdown]
# # 5 · The five steps
#
# Backpropagation as a recipe. 1: feed forward. 2: the error at the output. 3: send error signals back. 4: from them,
# the
# gradients of the parameters. 5: update. Here is each of them alone, for a network of 2, 3 and 1 units.

# %%
from pathlib import Path

import numpy as np

import graphnet as gn

rng = np.random.default_rng(1)
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", np.zeros(3))
W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", np.zeros(1))
z1 = gn.bias_add(x @ W1, b1, name="z1")
a1 = gn.tanh(z1, name="a1")
z2 = gn.bias_add(a1 @ W2, b2, name="z2")
a2 = gn.sigmoid(z2, name="a2")
E = gn.sse(a2, t, name="E")
parameters = [W1, b1, W2, b2]
X, T = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
feeds = {x: X, t: T}

# %% [markdown]
# The network as it is usually drawn: in each circle a sum and an activation; on the lines, the weights.

# %%
# S40: its layers are found in the graph
circles = gn.draw(E, view="units")
svg = circles.to_svg()
assert svg.count("Σ") >= 4  # a sum in each of the 3 + 1 units
circles

# %% [markdown]
# **1. Forward.** Every node's value, from the inputs to $E$.

# %%
fwd = gn.forward(E, feeds)
assert np.allclose(fwd[a2], 1 / (1 + np.exp(-(np.tanh(X @ W1.value) @ W2.value))))

# %% [markdown]
# **2. The error at the output.** $a_k - t_k$, for each sample.

# %%
error = fwd[a2] - T
error

# %% [markdown]
# **3. Error signals.** Hand the graph *only* that error, at $a_2$; it does the rest.

# %%
back = gn.backward(a2, {x: X}, delta=error)
delta_2 = error * fwd[a2] * (1 - fwd[a2])
delta_1 = (delta_2 @ W2.value.T) * (1 - fwd[a1] ** 2)
np.testing.assert_allclose(back.error_signal(z2), delta_2)
np.testing.assert_allclose(back.error_signal(z1), delta_1)

# %% [markdown]
# **4. Gradients.** The signal fed forward times the error signal sent back, summed over the samples.

# %%
gradients = {"W2": fwd[a1].T @ delta_2, "b2": delta_2.sum(axis=0), "W1": X.T @ delta_1, "b1": delta_1.sum(axis=0)}
for name, gradient in gradients.items():
    np.testing.assert_allclose(back.gradient(name), gradient)

# %% [markdown]
# **5. Update.** A step against each gradient, $w \leftarrow w - \eta\,\partial E/\partial w$. The error falls.

# %%
# S05: all five steps, each called alone
before = {parameter: parameter.value.copy() for parameter in parameters}
gn.GradientDescent(0.1).update(parameters, gradients)
for parameter in parameters:
    np.testing.assert_allclose(parameter.value, before[parameter] - 0.1 * gradients[parameter.name])
assert gn.forward(E, feeds)[E] < fwd[E]

# %% [markdown]
# ## All at once, and step by step
#
# `gn.backward` does 1 to 4 in one call. In the picture, values are blue, error signals red, gradients green.

# %%
# S41
bwd = gn.backward(E, feeds)
picture = gn.draw(bwd)
assert all(name in picture.to_svg() for name in ["z1", "a1", "z2", "a2"])
picture

# %% [markdown]
# Saved as `.html`, the same pass is a page that steps through it, number by number. Open the file in any browser (a
# double
# click does it; it needs no server and no network), and go forward and back with its buttons or the arrow keys.

# %%
# S46: the steps as a page
gn.draw(bwd).save("backprop.html")
assert Path("backprop.html").stat().st_size > 10_000

# %% [markdown]
# And as a script: repeat the steps, and the network learns "exclusive or".

# %%
# S46, S07: the steps as a script
errors = []
for _ in range(500):
    bwd = gn.backward(E, feeds)
    errors.append(float(bwd[E]))
    for parameter in parameters:
        parameter.value = parameter.value - 2.0 * bwd.gradient(parameter)
assert errors[-1] < 0.05 < errors[0]
assert np.array_equal(gn.forward(a2, {x: X})[a2].round(), T)
errors[0], errors[-1]

# %% [markdown]
# ## Exercise
#
# Swap steps 4 and 5 for the output layer: update $W_2$ *before* the error signals of the hidden layer are computed.
# What
# goes wrong?
#
# <details><summary>Solution</summary>
#
# $\delta_1$ contains $W_2$. With the new $W_2$ it is no longer the derivative of the $E$ that was computed in step 1.
# Compute all gradients first, then update.
#
# </details>
