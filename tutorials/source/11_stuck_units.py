# %% [markdown]
# # 11. Why units get stuck, and error signals that vanish
#
# The gradient of a weight is a product of two things, $\partial E/\partial w_{jk} = \delta_k\,a_j$, and $\delta_k =
# (a_k - t_k)\,g'_k(z_k)$ is itself one. A product is nothing as soon as **one** factor is: the activation $a_j$, the
# slope $g'$, or the error. Each of them can leave a unit stuck, and it is worth knowing which one did.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

# %% [markdown]
# ## First half: the activation goes to 0
#
# Feed a hidden unit a strongly negative input. A logistic unit then gives 0, a tanh unit −1. What is left of the
# gradient of the weight that leads **out** of the unit?


# %%
# S38
def one_unit(activation, z):
    """Run z → g → times w → E, and return the backward pass."""
    x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))
    w = gn.parameter("w", [[0.5]])
    E = gn.sse(gn.identity(gn.matmul(activation(x, name="a"), w, name="z_k"), name="y"), t, name="E")
    return gn.backward(E, {x: [[z]], t: [[1.0]]})


zs = [-1.0, -2.0, -5.0, -10.0, -20.0]
for z in zs:
    logistic, tanh = one_unit(gn.sigmoid, z), one_unit(gn.tanh, z)
    for bwd in (logistic, tanh):  # Eq. 5: the gradient is δ_k a_j
        assert np.allclose(bwd.gradient("w"), bwd.error_signal("z_k") * bwd["a"])
    print(
        f"z = {z:5}: ∂E/∂w = {logistic.gradient('w').item():10.2e} with logistic, {tanh.gradient('w').item():.4f} with tanh"
    )

assert abs(logistic.error_signal("z_k").item()) > 0.9  # there is plenty of error left ...
assert abs(logistic.gradient("w").item()) < 1e-8  # ... and none of it reaches the weight
assert abs(tanh.gradient("w").item()) > 1
gn.explain(logistic, "w", entry=(0, 0))

# %% [markdown]
# The logistic unit is off, so the weight out of it gets no blame and does not move; the tanh unit, at −1, still
# teaches it. That is the usual argument for tanh. It is only half of the story.
#
# ## The other half: the slope goes to 0
#
# Going **through** the unit the error signal is multiplied by $g'(z)$. Far from 0 both curves are flat, and the slope
# of tanh falls off even faster: as $4e^{-2|z|}$ where the logistic falls as $e^{-|z|}$.

# %%
# S38
for z in zs:
    logistic, tanh = one_unit(gn.sigmoid, z), one_unit(gn.tanh, z)
    slope_logistic = (logistic.error_signal("x") / logistic.error_signal("a")).item()
    slope_tanh = (tanh.error_signal("x") / tanh.error_signal("a")).item()
    print(f"z = {z:5}: g′ = {slope_logistic:.2e} for logistic, {slope_tanh:.2e} for tanh")
    if z in (-5.0, -10.0):
        assert np.isclose(slope_logistic, np.exp(-abs(z)), rtol=0.02)
        assert np.isclose(slope_tanh, 4 * np.exp(-2 * abs(z)), rtol=0.02)
        assert slope_tanh < slope_logistic  # tanh is stuck harder

# %%
gn.plots.activations([gn.sigmoid, gn.tanh])

# %% [markdown]
# ## Both halves in a deep network
#
# Eight layers of 20 units each. We make the weights large and push the biases down, so that units are driven hard,
# and look layer by layer at the activations (which decide what a weight **out of** the layer learns) and at the
# slopes (which decide what the layers **below** learn).

# %%
# S38
DEPTH = 8
rng = np.random.default_rng(0)
X, T = rng.normal(size=(64, 20)), rng.normal(size=(64, 1))


def deep(activation, scale=1.0, bias=0.0, depth=DEPTH, width=20):
    """Run a deep network, its weights `scale` times the usual size, its biases all `bias`."""
    rng = np.random.default_rng(1)
    x, t = gn.input("x", shape=(None, width)), gn.input("t", shape=(None, 1))
    a = x
    for layer in range(1, depth + 1):
        W = gn.parameter(f"W{layer}", scale * rng.normal(size=(width, width)) / np.sqrt(width))
        b = gn.parameter(f"b{layer}", np.full(width, bias))
        a = activation(gn.bias_add(a @ W, b, name=f"z{layer}"), name=f"a{layer}")
    W = gn.parameter("W_out", rng.normal(size=(width, 1)) / np.sqrt(width))
    E = gn.mse(gn.identity(a @ W, name="y"), t, name="E")
    return gn.backward(E, {x: X[:, :width], t: T})


def mean_slope(bwd, layer, activation):
    """Return the mean of g′ over the units of a layer, read from the cached outputs."""
    a = bwd[f"a{layer}"]
    return np.mean(a * (1 - a) if activation is gn.sigmoid else 1 - a**2)


layers = range(1, DEPTH + 1)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
driven = {name: deep(g, scale=3.0, bias=-8.0) for name, g in {"logistic": gn.sigmoid, "tanh": gn.tanh}.items()}
for name, style in (("logistic", "o-"), ("tanh", "s--")):
    g = gn.sigmoid if name == "logistic" else gn.tanh
    axes[0].semilogy(layers, [np.median(abs(driven[name][f"a{i}"])) for i in layers], style, label=name)
    axes[1].semilogy(layers, [mean_slope(driven[name], i, g) for i in layers], style, label=name)
axes[0].set(title="first half: the median |a|", xlabel="layer")
axes[1].set(title="other half: the mean slope g′", xlabel="layer")
axes[0].legend()

# the first half: logistic units are off, and so is the gradient of the weights out of them; tanh units are at −1
assert np.median(driven["logistic"]["a8"]) < 0.01
assert np.median(driven["tanh"]["a8"]) < -0.99
size = {name: np.median(abs(bwd.gradient("W_out"))) for name, bwd in driven.items()}
assert size["logistic"] < 0.01 * size["tanh"]
# the other half: yet below, it is tanh too that passes almost nothing on
assert mean_slope(driven["tanh"], 8, gn.tanh) < 0.05
lost = {name: np.linalg.norm(b.error_signal("z1")) / np.linalg.norm(b.error_signal("a8")) for name, b in driven.items()}
print("gradient of the last weights:", {name: f"{value:.1e}" for name, value in size.items()})
print("what is left of the error signal at z1:", {name: f"{value:.1e}" for name, value in lost.items()})
assert max(lost.values()) < 1e-4

# %% [markdown]
# `diagnose` reads the same from a pass and says it in words:

# %%
# S38
found = gn.diagnose(driven["tanh"])
assert found["a8"].saturated > 0.9
found

# %% [markdown]
# ## Vanishing without any saturation
#
# No unit need be stuck for the signal to vanish. The slope of the logistic is at most ¼, **even at its best point**.
# Eight layers of it multiply the signal by at most $(1/4)^8 = 1/65536$, times what the weights do. The slope of tanh
# is 1 at 0.

# %%
# S38
mild = {"logistic": deep(gn.sigmoid), "tanh": deep(gn.tanh), "relu, weights √2 larger": deep(gn.relu, np.sqrt(2))}
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
kept = {}
for (name, bwd), style in zip(mild.items(), ("o-", "s--", "^:"), strict=True):
    norms = [np.linalg.norm(bwd.error_signal(f"z{i}")) for i in layers]
    ax.semilogy(layers, np.array(norms) / norms[-1], style, label=name)
    kept[name] = norms[0] / norms[-1]
ax.set(xlabel="layer", title="the norm of the error signal ∂E/∂z, beside the last layer's")
ax.legend()
print({name: f"{value:.1e}" for name, value in kept.items()})

for i in layers:  # not one logistic unit is saturated, and no slope is above ¼
    a = mild["logistic"][f"a{i}"]
    assert np.all(a * (1 - a) <= 0.25)
    assert gn.diagnose(mild["logistic"])[f"a{i}"].saturated < 0.05
assert kept["logistic"] < 1e-3
assert kept["tanh"] > 0.05
assert 0.1 < kept["relu, weights √2 larger"] < 10

# %% [markdown]
# Below is the same as a picture, of a smaller network of three logistic layers: the red numbers shrink from right to
# left.

# %%
bwd = deep(gn.sigmoid, depth=3, width=3)
norms = [np.linalg.norm(bwd.error_signal(f"z{i}")) for i in (1, 2, 3)]
assert norms == sorted(norms)
gn.draw(bwd, view="units", sample=0)

# %% [markdown]
# ## What helps
#
# Weights drawn at the right size (`init="glorot"` and `"he"` of `gn.layers.dense`), activations whose slope is near 1
# where units live, inputs centred around 0, and errors that do not multiply by $g'$ once more at the output (the next
# tutorial).
#
# ## Exercises
#
# **1.** The logistic network's error signal shrinks by about 4 a layer, yet its weights are of the "usual size". By how
# much must they grow for the signal to keep its size, and what happens then?
#
# <details><summary>Solution</summary>
#
# By about 4, to make up for the slope of ¼. Try `deep(gn.sigmoid, scale=4)`: now the inputs z are large, units
# saturate, and the slope is no longer ¼. The two halves of this notebook pull against each other.
#
# </details>
#
# **2.** A relu unit whose input is negative for every sample is called dead. Which factor is 0? Can it come back?
#
# <details><summary>Solution</summary>
#
# Both: its activation and its slope. No error signal passes through it, so no weight into it moves; it only comes
# back if the layers below change its input for it. `gn.diagnose(deep(gn.relu, bias=-3.0))` shows the share of dead
# units.
#
# </details>
