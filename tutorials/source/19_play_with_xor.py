# %% [markdown]
# # 19 · Play with XOR
#
# Two numbers, each 0 or 1. The network is to say 1 if exactly one of them is 1. No single line through the plane does
# it (lesson 9 says why), but three hidden units can. Here you do not read how: you turn the numbers yourself, and see
# what follows.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

rng = np.random.default_rng(3)
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W1, b1 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("b1", np.zeros(3))
W2, b2 = gn.parameter("W2", rng.normal(size=(3, 1))), gn.parameter("b2", np.zeros(1))
a1 = gn.tanh(gn.bias_add(x @ W1, b1, name="z1"), name="a1")
a2 = gn.sigmoid(gn.bias_add(a1 @ W2, b2, name="z2"), name="a2")
E = gn.sse(a2, t, name="E")

X, T = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
bwd = gn.backward(E, {x: X, t: T})

# %% [markdown]
# ## The page
#
# Everything on it follows at once, forward and backward. Try, in this order:
#
# 1. **Choose a sample.** The numbers are those of one of the four points. For which one is the error largest?
# 2. **Turn a weight.** Click one on a line and drag, or type. Does $E$ go where its gradient says? The gradient
#    stands beside the weight, in green: against its sign is downhill.
# 3. **Predict.** The next number is hidden until you have said what it is. Go forward first, then back.
# 4. **Train.** Watch the curve of $E$, and how the map of the plane changes: one map for each hidden unit, one for
#    the output.
# 5. **Set a unit by hand.** Click the value of a hidden unit and set it to 0, as if the unit were not there. Which
#    samples go wrong without it?
#
# (Where this notebook is only shown and not run, you see a picture. `gn.draw(bwd).save("play.html")` makes the same
# page as a file.)

# %%
page = gn.draw(bwd, view="units", learning_rate=2.0).widget()
page

# %% [markdown]
# What you have changed is here, too:

# %%
page.parameters["b2"]

# %% tags=["test"]
assert page.parameters["W1"].tolist() == W1.value.tolist()

# %% [markdown]
# ## Python trains, the page follows
#
# `gn.Watch` shows the page above the parameters after each epoch. Run the cell and look up.

# %%
history = gn.fit(
    E, {x: X, t: T}, optimizer=gn.GradientDescent(2.0), epochs=400, callbacks=[gn.Watch(page, every=10)], progress=False
)
history.plot()

# %% tags=["test"]
assert history.loss[-1] < 0.02
assert page.parameters["W1"].tolist() == W1.value.tolist()

# %% [markdown]
# ## What the units do
#
# Each hidden unit draws one soft line across the plane. The output adds them up, each with its weight.

# %%
across = np.linspace(-0.5, 1.5, 61)
plane = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
seen = gn.forward(a2, {x: plane})
maps = [*seen[a1].T, seen[a2][:, 0]]
figure, panels = plt.subplots(1, 4, figsize=(10, 2.7), layout="constrained", sharey=True)
for axes, values, title in zip(panels, maps, ["unit 1", "unit 2", "unit 3", "output"], strict=True):
    axes.contourf(across, across, values.reshape(61, 61), 20, cmap="RdBu")
    axes.scatter(*X.T, c=T[:, 0], cmap="gray", edgecolors="black")
    axes.set_title(title)
plt.show()

# %% [markdown]
# ## Without one of them
#
# The same question as on the page, asked in Python: `replace` sets values by hand. A unit whose loss costs nothing is
# not needed.

# %%
for unit in range(3):
    without = gn.backward(E, {x: X, t: T}, replace={a1[:, unit]: 0.0})
    print(f"without unit {unit + 1}: E = {without[E]:.3f}, the output says", without[a2].ravel().round(2))

# %% tags=["test"]
costs = [gn.forward(E, {x: X, t: T}, replace={a1[:, unit]: 0.0})[E] for unit in range(3)]
assert max(costs) > 10 * history.loss[-1]

# %% [markdown]
# ## Your turn
#
# Here is the network once more, with all weights 0.

# %%
for parameter in (W1, b1, W2, b2):
    parameter.value = np.zeros(parameter.shape)
by_hand = gn.draw(gn.backward(E, {x: X, t: T}), view="units").widget()
by_hand

# %% [markdown]
# **Exercise.** Solve XOR by hand, without Train: turn the numbers above until all four outputs are on the right side of ½. Then
# run this cell.

# %%
for name, value in by_hand.parameters.items():
    gn.Graph(E)[name].value = value
said = gn.forward(a2, {x: X})[a2]
print(said.ravel().round(2), "Right!" if np.array_equal(said > 0.5, T > 0.5) else "Not yet: they should be 0, 1, 1, 0.")

# %% [markdown]
# <details><summary>Hint</summary>
#
# Let one hidden unit say whether *at least one* of the two is 1, and another whether *both* are. The output wants the
# first without the second.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Unit 1: $z = 5x_1 + 5x_2 - 2.5$ is positive as soon as one of them is 1. Unit 2: $5x_1 + 5x_2 - 7.5$ only if both
# are. The output takes the first for, the second against, and unit 3 is not needed.
#
# ```python
# W1.value, b1.value = np.array([[5.0, 5, 0], [5, 5, 0]]), np.array([-2.5, -7.5, 0])
# W2.value, b2.value = np.array([[4.0], [-4], [0]]), np.array([-4.0])
# said = gn.forward(a2, {x: X})[a2]
# assert np.array_equal(said > 0.5, T > 0.5)
# ```
#
# </details>
#
# ---
# This was the last tutorial. All of them: [contents](README.md).
