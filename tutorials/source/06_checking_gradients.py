# %% [markdown]
# # 6 · Checking gradients, and finding a planted bug
#
# A wrong backward rule seldom crashes: the network just learns badly. But a gradient can be *measured*: nudge a
# number, see
# how $E$ moves. That is slow, and good enough to check the fast way.

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
# By hand, for one weight: $\big(E(w + h) - E(w - h)\big) / 2h$.

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
assert np.isclose(difference, bwd.gradient(W1)[0, 2], rtol=1e-7)
difference, bwd.gradient(W1)[0, 2]

# %% [markdown]
# How large a step? Too large, and the curve bends away; too small, and rounding takes over. In between is the best one.

# %%
curve = gn.step_curve(E, feeds, W1, (0, 2))
assert curve.errors[0] > curve.errors.min() < curve.errors[-1]  # the best is in between
curve.save("curve.png")
Image("curve.png")

# %% [markdown]
# `check_gradients` does it for every rule and every parameter.

# %%
report = gn.check_gradients(E, feeds)
assert report.ok
report

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
report = gn.check_gradients(E_bad, feeds_bad)
assert not report.ok
assert "my_tanh" in str(report)
assert "reads the input where the cached output belongs" in str(report)
report

# %% [markdown]
# The report names the node, not just "some gradient is off": each rule is checked alone, with the values of this
# pass. The
# gradient of `W1` is wrong too, but only because the error signal that reached it was. In the picture the node
# stands out:

# %%
gn.draw(report)

# %% [markdown]
# The output layer is above the fault, so nothing wrong ever reached it:

# %%
good, bad = gn.backward(E, feeds), gn.backward(E_bad, feeds_bad)
for name in ["W2", "b2"]:
    np.testing.assert_allclose(bad.gradient(name), good.gradient(name))
for name in ["W1", "b1"]:
    assert not np.allclose(bad.gradient(name), good.gradient(name))

# %% [markdown]
# ## Exercise
#
# This rule of $a = z^2$ is wrong. Mend it.
#
# <details><summary>Solution</summary>
#
# The slope is $2z$: `delta * 2 * z`.
#
# </details>

# %%
attempt = gn.exercise(lambda z: z * z, lambda delta, a, z: delta * z)
assert not attempt.ok
attempt

# %%
mended = gn.exercise(lambda z: z * z, lambda delta, a, z: delta * 2 * z)
assert mended.ok
mended
