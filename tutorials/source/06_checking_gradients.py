# %% [markdown]
# # 6 · Checking gradients, and finding a planted bug
#
# A wrong backward rule seldom crashes. The network just learns badly, and nobody knows why. But a gradient can be
# **measured**: nudge a number, run forward again, see how $E$ moves. That is far too slow to train with, and just right
# for checking what is fast.

# %%
import numpy as np
from IPython.display import Image

import graphnet as gn

rng = np.random.default_rng(6)
X, T = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))


def network(activation):
    x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
    draw = np.random.default_rng(60)
    W1, b1 = gn.parameter("W1", draw.normal(size=(2, 3))), gn.parameter("b1", draw.normal(size=3))
    W2, b2 = gn.parameter("W2", draw.normal(size=(3, 1))), gn.parameter("b2", draw.normal(size=1))
    a1 = activation(gn.bias_add(x @ W1, b1, name="z1"), name="a1")
    E = gn.sse(gn.bias_add(a1 @ W2, b2, name="z2"), t, name="E")
    return E, W1, {x: X, t: T}


E, W1, feeds = network(gn.tanh)
bwd = gn.backward(E, feeds)

# %% [markdown]
# ## By hand, for one weight
#
# $$\frac{\partial E}{\partial w} \approx \frac{E(w + h) - E(w - h)}{2h}$$

# %%
h, start = 1e-5, W1.value.copy()
errors = []
for step in (+h, -h):
    nudged = start.copy()
    nudged[0, 2] += step
    W1.value = nudged
    errors.append(float(gn.forward(E, feeds)[E]))
W1.value = start

difference = (errors[0] - errors[1]) / (2 * h)
print(f"measured {difference:.9f}, by the backward rules {bwd.gradient(W1)[0, 2]:.9f}")

# %% tags=["test"]
assert np.isclose(difference, bwd.gradient(W1)[0, 2], rtol=1e-7)

# %% [markdown]
# ## How small is "a little"?
#
# Too large a step, and the curve bends away under it. Too small, and the computer's rounding is all that is left of the
# difference. In between it is good to nine digits and more:

# %%
curve = gn.step_curve(E, feeds, W1, (0, 2))
best = curve.errors.argmin()
curve.save("curve.png")
Image("curve.png", width=640)

# %% tags=["test"]
assert curve.errors[0] > curve.errors[best] < curve.errors[-1]  # the best is in between
assert curve.errors[best] < 1e-9

# %% [markdown]
# ## All of them
#
# `gn.check_gradients` does two things. It checks each **rule alone**, at the numbers of this pass; and it nudges each
# entry of each parameter and checks the **whole way** from there to $E$.

# %%
report = gn.check_gradients(E, feeds)
report

# %% tags=["test"]
assert report.ok

# %% [markdown]
# ## A planted bug
#
# Here is a tanh whose rule reads $z$ where it should read the output. It is a common slip, and it looks right.


# %%
@gn.op
def my_tanh(z):
    return np.tanh(z)


@my_tanh.backward
def my_tanh_backward(delta, a, z):
    return delta * (1 - z * z)


E_bad, _, feeds_bad = network(my_tanh)
bad = gn.backward(E_bad, feeds_bad)  # no error, no warning
print(bad["E"], bwd["E"])  # and the values are right

# %% tags=["test"]
assert np.isclose(bad["E"], bwd["E"])

# %% [markdown]
# The check finds it, names the node, and says what the fault looks like:

# %%
report = gn.check_gradients(E_bad, feeds_bad)
print(report.verdict)

# %% tags=["test"]
assert not report.ok
assert "my_tanh" in str(report)
assert "reads the input where the cached output belongs" in str(report)

# %% [markdown]
# Not just "some gradient is off". The gradients of `W1` and `b1` are wrong too, but only because of the error signal
# that reached them: their own rules are right. The output layer lies above the fault, where nothing wrong ever came:

# %%
gn.draw(report, direction="down", show=[])

# %% tags=["test"]
for name in ["W2", "b2"]:
    np.testing.assert_allclose(bad.gradient(name), bwd.gradient(name))
for name in ["W1", "b1"]:
    assert not np.allclose(bad.gradient(name), bwd.gradient(name))

# %% [markdown]
# ## What faults look like
#
# Most wrong rules are wrong in one of a few ways. Here are five, of tanh, and what the check says of each. Can you see
# it yourself, before you read it?

# %%
faults = {
    "delta * (a * a - 1)": lambda delta, a, z: delta * (a * a - 1),
    "delta * (2 - 2 * a * a)": lambda delta, a, z: delta * (2 - 2 * a * a),
    "1 - a * a": lambda delta, a, z: 1 - a * a,
    "delta": lambda delta, a, z: delta,
    "delta * a": lambda delta, a, z: delta * a,
}
for rule, function in faults.items():
    attempt = gn.exercise(np.tanh, function)
    print(f"{rule:24} {attempt.report.removeprefix('looks like: ').split(' (')[0]}")

# %% tags=["test"]
named = ["sign flipped", "constant factor", "delta is forgotten", "without the slope", "where g′ belongs"]
for function, name in zip(faults.values(), named, strict=True):
    attempt = gn.exercise(np.tanh, function)
    assert not attempt.ok
    assert name in attempt.report

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** This rule of $a = z^2$ is wrong. Mend it.


# %%
def square_rule(delta, a, z):
    return delta * z


gn.exercise(lambda z: z * z, square_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The check says by which factor it is off.
#
# </details>
#
# <details><summary>Solution</summary>
#
# The slope is $2z$.
#
# ```python
# def square_rule(delta, a, z):
#     return delta * 2 * z
#
#
# assert gn.exercise(lambda z: z * z, square_rule).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** One of the rules of this network is wrong. Which? Make `found` the name of the node, and run.


# %%
@gn.op
def my_product(a, W):
    return a @ W


@my_product.backward
def my_product_backward(delta, z, a, W):
    return delta @ W.T, a.T @ delta


@gn.op
def my_mean_square(a, t):
    return np.mean((a - t) ** 2)


@my_mean_square.backward
def my_mean_square_backward(delta, e, a, t):
    return delta * 2 * (a - t), delta * 2 * (t - a)


x, t = gn.input("x", shape=(4, 2)), gn.input("t", shape=(4, 1))
p1 = my_product(x, gn.parameter("V1", rng.normal(size=(2, 3))), name="p1")
p2 = my_product(gn.tanh(p1, name="hidden"), gn.parameter("V2", rng.normal(size=(3, 1))), name="p2")
suspect = my_mean_square(p2, t, name="mean_square")

found = None  # "p1", "hidden", "p2" or "mean_square"

suspicion = gn.check_gradients(suspect, {x: X, t: T})
culprits = {finding.label for finding in suspicion.failures if finding.local}
print("Right!" if found in culprits else "Not yet: what does suspicion.verdict say?")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `print(suspicion.verdict)` tells where, and what it looks like. Count the samples.
#
# </details>
#
# <details><summary>Solution</summary>
#
# The mean is a sum divided by the number of entries, and the rule has lost that division: it is four times too large.
# This fault is easily lived with for years. It only looks like a learning rate that doesn't suit.
#
# ```python
# assert culprits == {"mean_square"}
#
#
# @my_mean_square.backward
# def mended(delta, e, a, t):
#     return delta * 2 * (a - t) / a.size, delta * 2 * (t - a) / a.size
#
#
# gn.check_gradients(my_mean_square(p2, t), {x: X, t: T}).raise_if_failed()
# ```
#
# </details>
#
# ---
# Next: [7 · Your own op](07_your_own_op.ipynb): writing a rule from scratch.
