# %% [markdown]
# # 10. Digits: from raw pixels to a trained network
#
# Eight by eight pixels, ten possible answers. Nothing here is new: the same forward pass, the same error signals,
# only more numbers. We go in two steps: one logistic unit that says how **probable** a 1 is, then a network for all
# ten digits.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import graphnet as gn

pixels, labels = load_digits(return_X_y=True)
print(pixels.shape, "pixels from", pixels.min(), "to", pixels.max())

figure, axes = plt.subplots(1, 10, figsize=(10, 1.4))
for ax, image, label in zip(axes, pixels, labels, strict=False):
    ax.imshow(image.reshape(8, 8), cmap="gray_r")
    ax.set_title(label)
    ax.axis("off")

# %% [markdown]
# ## Prepare
#
# Pixels are brought to 0 … 1, so that no unit starts saturated. A label becomes a row with a single 1. A part of the
# images is laid aside: only on those does it count what the network can do.

# %%
rng = np.random.default_rng(0)
order = rng.permutation(len(pixels))
X, T = pixels[order] / 16, gn.one_hot(labels[order], 10)
X_train, T_train, X_test, T_test = X[:1300], T[:1300], X[1300:], T[1300:]
assert X.min() == 0
assert X.max() == 1
assert np.all(T.sum(axis=1) == 1)
assert np.array_equal(T.argmax(axis=1), labels[order])

# %% [markdown]
# ## One unit: 0 or 1?
#
# A logistic output lies between 0 and 1, so it can be read as a probability. Train one unit to tell ones from zeros,
# by the error that belongs to probabilities.

# %%
# S35
zero_or_one = np.isin(labels[order], (0, 1))
X01, T01 = X[zero_or_one], (labels[order][zero_or_one] == 1)[:, None].astype(float)
x, t = gn.input("x", shape=(None, 64)), gn.input("t", shape=(None, 1))
W, b = gn.parameter("W", np.zeros((64, 1))), gn.parameter("b", np.zeros(1))
z = gn.bias_add(x @ W, b, name="z")
a = gn.sigmoid(z, name="a")
E = gn.binary_cross_entropy(z, t, name="E")

assert np.all(gn.forward(a, {x: X01})[a] == 0.5)  # before training: it knows nothing, and says so
gn.fit(E, {x: X01[:250], t: T01[:250]}, optimizer=gn.GradientDescent(0.01), epochs=100, progress=False)
probability = gn.forward(a, {x: X01[250:]})[a]
assert np.all((probability > 0) & (probability < 1))
assert np.mean((probability > 0.5) == (T01[250:] == 1)) > 0.97

# with a bias, training makes the mean of the probabilities equal the share of ones: ∂E/∂b = Σ (a − t) → 0
bwd = gn.backward(E, {x: X01[:250], t: T01[:250]})
assert np.isclose(bwd.gradient(b), np.sum(bwd.error_signal(z)))
print(f"probabilities say {np.mean(1 / (1 + np.exp(-bwd[z]))):.3f} ones, there are {T01[:250].mean():.3f}")
assert abs(np.mean(1 / (1 + np.exp(-bwd[z]))) - T01[:250].mean()) < 0.02

# %% [markdown]
# The weights of the unit are a picture themselves: red pixels speak for a 1, blue ones for a 0. And $\partial
# E/\partial W = x^\top\delta$ says how it came about: each image was added, weighted by how wrong the unit was about
# it.

# %%
# S35
assert np.allclose(bwd.gradient(W), X01[:250].T @ bwd.error_signal(z))
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
limit = abs(W.value).max()
left.imshow(W.value.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
left.set_title("the unit's weights")
left.axis("off")
right.hist([probability[T01[250:] == 0], probability[T01[250:] == 1]], bins=20, label=["zeros", "ones"])
right.set(title="what it says about new images", xlabel="probability of a 1")
_ = right.legend()

# %% [markdown]
# ## All ten: a hidden layer

# %%
x, t = gn.input("x", shape=(None, 64)), gn.input("t", shape=(None, 10))
hidden = gn.layers.dense(x, 32, gn.tanh, rng=rng, name="hidden")
scores = gn.layers.dense(hidden, 10, None, rng=rng, name="scores")
E = gn.cross_entropy(scores, t, name="E")
correct = gn.accuracy(scores, t)
assert sum(p.value.size for p in gn.Graph(E).parameters) == 64 * 32 + 32 + 32 * 10 + 10
gn.draw(gn.Graph(E))

# %% [markdown]
# Before training, check: are the gradients right, and is the error what ten equal chances give, ln 10 an image?

# %%
few = {x: X_train[:5], t: T_train[:5]}
report = gn.check_gradients(E, few, budget=200)
assert report.ok
untrained = gn.forward(E, {x: X_train, t: T_train})["E"] / len(X_train)
print(f"{untrained:.2f} an image; ln 10 = {np.log(10):.2f}")
assert abs(untrained - np.log(10)) < 0.8

# %%
history = gn.fit(
    E,
    {x: X_train, t: T_train},
    optimizer=gn.GradientDescent(0.01),
    batch_size=32,
    epochs=15,
    metrics={"accuracy": correct},
    validation={x: X_test, t: T_test},
    rng=rng,
    progress=False,
)
accuracy = gn.forward(correct, {x: X_test, t: T_test})[correct].item()
print(f"{accuracy:.1%} of the new images are right")
assert accuracy > 0.94
history.plot()

# %% [markdown]
# ## Look at what it gets wrong

# %%
said = gn.forward(scores, {x: X_test})[scores].argmax(axis=1)
true = T_test.argmax(axis=1)
mistakes = np.flatnonzero(said != true)
assert np.isclose(1 - len(mistakes) / len(true), accuracy)
figure, axes = plt.subplots(1, 8, figsize=(10, 1.7))
for ax in axes:
    ax.axis("off")
for ax, i in zip(axes, mistakes, strict=False):
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{true[i]}, said {said[i]}", fontsize=9)

# %% [markdown]
# ## Which pixels mattered?
#
# Backprop doesn't stop at the weights. The error signal of the **input** says which pixels would change the error,
# and which way.

# %%
i = mistakes[0]
bwd = gn.backward(E, {x: X_test[i : i + 1], t: T_test[i : i + 1]})
signal = bwd.error_signal(x)
moved = np.array(X_test[i : i + 1]) - 0.05 * signal
better = gn.forward(E, {x: moved, t: T_test[i : i + 1]})["E"]
assert better < bwd["E"]  # a small step of the IMAGE against its error signal lowers the error
figure, (left, right) = plt.subplots(1, 2, figsize=(5, 2.6), layout="constrained")
left.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
limit = abs(signal).max()
right.imshow(signal.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
left.set_title("image")
right.set_title("∂E/∂image")
for ax in (left, right):
    ax.axis("off")

# %% [markdown]
# ## Exercises
#
# **1.** Feed the raw pixels, 0 … 16, instead of dividing by 16. What does `gn.diagnose` say of the hidden layer?
#
# <details><summary>Solution</summary>
#
# The inputs of the hidden units are 16 times as large, and most are saturated before training has begun:
# `gn.diagnose(gn.backward(E, {x: 16 * X_train, t: T_train}))`.
#
# </details>
#
# **2.** How well does a network without the hidden layer do?
#
# <details><summary>Solution</summary>
#
# `gn.layers.dense(x, 10, None, ...)` straight from the pixels is surprisingly good here, usually only a few images in
# a hundred worse: these digits are small and centred, so that straight cuts through 64 dimensions nearly suffice.
#
# </details>
