# %% [markdown]
# # 11 · Stuck units, and error signals that vanish
#
# The gradient of a weight is a product, $\partial E/\partial w_{jk} = \delta_k\,a_j$, and $\delta_k = (a_k -
# t_k)\,g'_k(z_k)$ is a product itself. A product is nothing as soon as **one** factor is: the error, the slope or the
# signal. Each of them can leave a weight stuck. It is worth knowing which one did.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

# %% [markdown]
# ## First half: the signal goes to 0
#
# Feed one hidden unit a strongly negative input. A logistic unit then says 0, a tanh unit −1. What does the weight **out
# of** that unit learn?


# %%
def one_unit(activation, z):
    """Run z → a = g(z) → z_k = a w → E, and return the backward pass."""
    x, t = gn.input("z", shape=(None, 1)), gn.input("t", shape=(None, 1))
    w = gn.parameter("w", [[0.5]])
    E = gn.sse(gn.matmul(activation(x, name="a"), w, name="z_k"), t, name="E")
    return gn.backward(E, {x: [[z]], t: [[1.0]]})


print("    z   ∂E/∂w: logistic      tanh")
for z in [-1.0, -2.0, -5.0, -10.0, -20.0]:
    logistic, tanh = one_unit(gn.sigmoid, z), one_unit(gn.tanh, z)
    print(f"{z:5} {logistic.gradient('w').item():17.1e} {tanh.gradient('w').item():10.4f}")

gn.explain(logistic, "w")

# %% tags=["test"]
# S38
for z in [-1.0, -2.0, -5.0, -10.0, -20.0]:
    logistic, tanh = one_unit(gn.sigmoid, z), one_unit(gn.tanh, z)
    for bwd in (logistic, tanh):  # Eq. 5: the gradient is δ_k a_j
        np.testing.assert_allclose(bwd.gradient("w"), bwd.error_signal("z_k") * bwd["a"])
assert logistic["a"] < 1e-8
assert np.isclose(tanh["a"], -1)
assert abs(logistic.error_signal("z_k")) > 0.99  # there is plenty of error ...
assert abs(logistic.gradient("w")) < 1e-8  # ... and none of it reaches the weight
assert abs(tanh.gradient("w")) > 1

# %% [markdown]
# The verdict in the last line has it: the error is there, but the signal is gone. The unit took no part, so the weight out
# of it gets no blame. The tanh unit says −1 loudly, and its weight learns. That is the usual argument for tanh. It is half
# of the story.
#
# ## The other half: the slope goes to 0
#
# On its way **through** the unit the error signal is multiplied by $g'(z)$. Far from 0 both curves are flat, and tanh
# becomes flat even faster: its slope falls like $4e^{-2|z|}$, that of the logistic like $e^{-|z|}$. Such a unit is called
# **saturated**. (Here, if its slope is below 5 % of the largest that the function has.)

# %%
print("    z   g′: logistic      tanh")
for z in [-1.0, -2.0, -5.0, -10.0]:
    logistic, tanh = one_unit(gn.sigmoid, z), one_unit(gn.tanh, z)
    slopes = [(bwd.error_signal("z") / bwd.error_signal("a")).item() for bwd in (logistic, tanh)]
    print(f"{z:5} {slopes[0]:14.1e} {slopes[1]:9.1e}")
gn.plots.activations([gn.sigmoid, gn.tanh])

# %% tags=["test"]
# S38
np.testing.assert_allclose(slopes, [np.exp(-10), 4 * np.exp(-20)], rtol=1e-3)

# %% [markdown]
# See it in a network: the bias of the first hidden unit drives it far down, the others live near 0. Its circle is as dark as a
# number can be, and what comes to it from the right in red ends there.

# %%
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
hidden = gn.parameter("W", [[0.6, -0.4, 0.8], [-0.3, 0.9, 0.5]]), gn.parameter("b", [-6.0, 0.2, -0.1])
a = gn.tanh(gn.bias_add(x @ hidden[0], hidden[1], name="z"), name="a")
y = gn.bias_add(a @ gn.parameter("V", [[0.9], [0.7], [-0.8]]), gn.parameter("c", [0.1]), name="y")
stuck = gn.backward(gn.sse(y, t, name="E"), {x: [[0.5, -1.0]], t: [[1.0]]})
gn.draw(stuck, view="units")

# %% tags=["test"]
assert np.all(np.abs(stuck.error_signal("z")[0] / stuck.error_signal("a")[0]) < [0.001, 1, 1])
assert np.all(np.abs(stuck.gradient("W")[:, 1:]) > 100 * np.abs(stuck.gradient("W")[:, :1]))

# %% [markdown]
# In `gn.draw(stuck).widget()` you can drag that bias back to 0 and see the signal come through again.
#
# ## Both halves in a deep network
#
# Now the same, counted.
#
# Eight layers of 20 units each, with weights that are too large and biases that push every unit down hard. `gn.diagnose`
# looks through the whole pass, and says for each node what it does to the error signal.

# %%
rng = np.random.default_rng(0)
X, T = rng.normal(size=(64, 20)), rng.normal(size=(64, 1))


def deep(activation, scale=1.0, bias=0.0, depth=8, width=20):
    """Return E and the feeds of a deep network: weights are normal, of standard deviation scale / √width."""
    rng = np.random.default_rng(1)
    x, t = gn.input("x", shape=(None, width)), gn.input("t", shape=(None, 1))
    a = x
    for layer in range(1, depth + 1):
        W = gn.parameter(f"W{layer}", scale * rng.normal(size=(width, width)) / np.sqrt(width))
        b = gn.parameter(f"b{layer}", np.full(width, bias))
        a = activation(gn.bias_add(a @ W, b, name=f"z{layer}"), name=f"a{layer}")
    W = gn.parameter("W_out", rng.normal(size=(width, 1)) / np.sqrt(width))
    return gn.mse(gn.matmul(a, W, name="y"), t, name="E"), {x: X[:, :width], t: T}


driven = {"logistic": gn.backward(*deep(gn.sigmoid, 3.0, -8.0)), "tanh": gn.backward(*deep(gn.tanh, 3.0, -8.0))}
found = gn.diagnose(driven["tanh"])
found

# %% tags=["test"]
# S38
for layer in range(1, 9):  # what it says, computed by hand
    slopes = 1 - driven["tanh"][f"a{layer}"] ** 2
    arrives, leaves = (np.linalg.norm(driven["tanh"].error_signal(f"{at}{layer}")) for at in "az")
    assert found[f"a{layer}"].saturated == np.mean(slopes < 0.05) > 0.9
    assert np.isclose(found[f"a{layer}"].passed_on, leaves / arrives)
    assert "saturated" in found[f"a{layer}"].verdict

# %% [markdown]
# So tanh is stuck as well. And the logistic network suffers from **both**: its units say nearly 0, so the weights out of
# them hardly learn, and its slopes are nearly 0, so the layers below hear nothing. Compare the last weights of the two
# (they only need a signal), and what is left of the error signal at the first layer (it only needs slopes):

# %%
last = {name: np.abs(bwd.gradient("W_out")).mean() for name, bwd in driven.items()}
left = {name: gn.diagnose(bwd)["z1"].norm / gn.diagnose(bwd)["a8"].norm for name, bwd in driven.items()}
for name in driven:
    print(f"{name:8}  last weights' gradient {last[name]:.1e}   left at the first layer {left[name]:.1e}")
gn.plots.gradient_histograms(driven["tanh"], ["W1", "W8", "W_out"])

# %% tags=["test"]
# S38
assert np.median(driven["logistic"]["a8"]) < 0.01  # off
assert np.median(driven["tanh"]["a8"]) < -0.99  # at −1
assert last["logistic"] < 0.01 * last["tanh"]  # the first half: only the logistic network is stuck
assert max(left.values()) < 1e-12  # the other half: both are
assert np.linalg.norm(driven["tanh"].gradient("W1")) < 1e-14 * np.linalg.norm(driven["tanh"].gradient("W_out"))

# %% [markdown]
# Look at the **scales** below the bars: from the last weights to the first, gradients shrink by many powers of ten. A
# learning rate that suits the ones is nothing to the others.
#
# ## Vanishing without a single stuck unit
#
# Now weights of a usual size, and no bias. No unit is saturated, and yet in the logistic network hardly anything is left
# at the first layer: the slope of the logistic is at most ¼, *at its very best*. Eight layers multiply by at most
# $(1/4)^8 = 1/65536$, times what the weights do.

# %%
healthy = {"logistic": deep(gn.sigmoid), "tanh": deep(gn.tanh)}
found = {name: gn.diagnose(gn.backward(*each)) for name, each in healthy.items()}
print("logistic:", found["logistic"].overall)
print("tanh:    ", found["tanh"].overall or "nothing to say")
found["logistic"]

# %% tags=["test"]
# S38
for layer in range(1, 9):
    a = gn.forward(*healthy["logistic"])[f"a{layer}"]
    assert np.all(a * (1 - a) <= 0.25)
    assert found["logistic"][f"a{layer}"].saturated < 0.001
assert "shrinks" in found["logistic"].overall
assert found["tanh"].overall == ""

# %% [markdown]
# One first-layer weight of it, explained. Its gradient is small, and the factor to blame is the error that arrives; signal
# and slope are fine.

# %%
explanation = gn.explain(gn.backward(*healthy["logistic"]), "W1", most=3)
print(explanation.verdict)
for factor in explanation.factors:
    print("-", factor)

# %% tags=["test"]
assert explanation.culprit == "error"

# %% [markdown]
# Does training help? Here is the norm of δ at each layer while the two networks learn. In the tanh network all layers hear
# about the same, and $E$ falls to less than a tenth. In the logistic one the first layers stay thousands of times behind
# the last. They might as well not be there: all that it learns is the mean of the targets.

# %%
figure, panels = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
layers, runs = [f"z{layer}" for layer in range(1, 9)], {}
for axes, (name, (E, feeds)) in zip(panels, healthy.items(), strict=True):
    passes = [gn.backward(E, feeds)]
    for _ in range(6):
        gn.fit(E, feeds, optimizer=gn.GradientDescent(0.03), epochs=20, progress=False)
        passes.append(gn.backward(E, feeds))
    gn.plots.signal_norms(passes, layers, at=range(0, 140, 20), ax=axes)
    axes.set_title(f"{name}: E from {passes[0][E]:.2f} to {passes[-1][E]:.2f}", loc="left")
    runs[name] = passes
plt.show()

# %% tags=["test"]
for name, passes in runs.items():
    norms = np.array([[np.linalg.norm(bwd.error_signal(z)) for z in layers] for bwd in passes])
    apart = norms.max(axis=1) / norms.min(axis=1)
    loss = [bwd["E"] for bwd in passes]
    if name == "tanh":
        assert np.all(apart < 2)
        assert loss[-1] < loss[0] / 10
    else:
        assert np.all(apart > 1000)
        np.testing.assert_allclose(loss[-1], np.var(T), rtol=1e-3)  # E of the mean, and no more

# %% [markdown]
# ## What helps
#
# - Units whose slope is near 1 where they live: tanh around 0, relu where it is on.
# - Weights of the right size. What tanh had above is the size of `init="glorot"` in `gn.layers.dense`; relu lets only half
#   of the units through, and wants $\sqrt2$ as much, `init="he"`.
# - Errors that do not multiply by $g'$ once more at the output: the next tutorial.

# %%
many = np.random.default_rng(2)
glorot, he = (gn.layers.INITIALISERS[name](many, 400, 400).std() * np.sqrt(400) for name in ("glorot", "he"))

bwd = gn.backward(*deep(gn.relu, np.sqrt(2)))
kept = np.linalg.norm(bwd.error_signal("z1")) / np.linalg.norm(bwd.error_signal("z8"))
print(f"relu, eight layers: {kept:.2f} of the error signal is kept")

# %% tags=["test"]
np.testing.assert_allclose([glorot, he], [1, np.sqrt(2)], rtol=0.01)
assert 0.5 < kept < 2

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** The logistic network loses a factor of about 4 a layer, its slope. Can larger weights make up for it?
# Look for a `scale` at which the error signal neither shrinks nor grows by more than ten times.

# %%
scale = 1.0  # change this
network = deep(gn.sigmoid, scale=scale)
report = gn.diagnose(gn.backward(*network))
print(report.overall or "Right: it arrives at the first layer.")
print("saturated units, layer by layer:", [f"{report[f'a{layer}'].saturated:.0%}" for layer in range(1, 9)])

# %% [markdown]
# <details><summary>Hint</summary>
#
# To make up for a slope of ¼ the weights would have to be about 4 times as large, if the slopes stayed as they are. Do
# they? Try some more.
#
# </details>
#
# <details><summary>Solution</summary>
#
# It takes about 12, not 4: larger weights make larger $z$, units saturate, and slopes fall below ¼. By then about half of
# all units are stuck, each for some samples. What cures one thing causes the other.
#
# ```python
# at_4, at_12 = (gn.diagnose(gn.backward(*deep(gn.sigmoid, scale=scale))) for scale in (4, 12))
# assert "shrinks" in at_4.overall
# assert at_12.overall == ""
# assert np.mean([at_12[f"a{layer}"].saturated for layer in range(1, 9)]) > 0.5
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** A relu unit whose $z$ is negative in every sample is *dead*: its signal and its slope are 0, and no weight
# of its own can bring it back. The *leaky* relu lets a tenth through there, $a = 0.1\,z$ for $z < 0$. Write its rule.


# %%
def leaky_rule(delta, a, z):
    return delta * (z > 0)  # change this: it is the rule of relu


gn.exercise(lambda z: np.where(z > 0, z, 0.1 * z), leaky_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `np.where(z > 0, ..., ...)` chooses between two slopes.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def leaky_rule(delta, a, z):
#     return delta * np.where(z > 0, 1.0, 0.1)
#
#
# assert gn.exercise(lambda z: np.where(z > 0, z, 0.1 * z), leaky_rule).ok
#
# dead = gn.diagnose(gn.backward(*deep(gn.relu, bias=-3.0)))
# assert dead["a8"].dead == 1  # with relu, a strongly negative bias kills whole layers
# assert dead["a8"].verdict == "the error signal ends at a8: every one of its units has slope 0"
# assert dead["W1"].state == "exactly zero"
# leaky = gn.diagnose(gn.backward(*deep(gn.leaky_relu, bias=-3.0)))
# assert leaky["a8"].dead == 0
# assert leaky["W1"].state == "passes"
# ```
#
# </details>
#
# ---
# Next: [12 · Squares and likelihood](12_squares_and_likelihood.ipynb): which error to choose.
