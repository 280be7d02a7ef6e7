# %% [markdown]
# # 7 · Your own op and backward rule
#
# An op is a forward rule and a backward rule. The backward rule is given `delta`, the error signal of its output,
# then the
# output and the inputs of the forward pass, and returns one message for each input.

# %%
import numpy as np

import graphnet as gn

rng = np.random.default_rng(7)


@gn.op
def bump(z):
    return np.exp(-z * z)


@bump.backward
def bump_backward(delta, a, z):
    return delta * (-2 * z * a)  # the cached output a saves an exp


# %% [markdown]
# Check it alone, before it hides in a network:

# %%
report = gn.check_op(bump, rng.normal(size=(4, 3)))
report.raise_if_failed()
report

# %% [markdown]
# Now it is an op like any other: it can be drawn, derived, and trained with. So can an error of your own. Here the
# fourth
# power in place of the square, which cares more about large errors:


# %%
@gn.op
def quartic(a, t):
    return np.sum((a - t) ** 4)


@quartic.backward
def quartic_backward(delta, e, a, t):
    return delta * 4 * (a - t) ** 3, delta * -4 * (a - t) ** 3


# %%
# S08: an activation and an error of one's own
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W1, W2 = gn.parameter("W1", rng.normal(size=(2, 3))), gn.parameter("W2", rng.normal(size=(3, 1)))
a1 = bump(gn.matmul(x, W1, name="z1"), name="a1")
E = quartic(gn.matmul(a1, W2, name="z2"), t, name="E")
feeds = {x: rng.normal(size=(5, 2)), t: rng.normal(size=(5, 1))}
gn.check_gradients(E, feeds).raise_if_failed()

bwd = gn.backward(E, feeds)
hidden = np.exp(-((feeds[x] @ W1.value) ** 2))
by_hand = hidden.T @ (4 * (hidden @ W2.value - feeds[t]) ** 3)
np.testing.assert_allclose(bwd.gradient(W2), by_hand)
gn.draw(bwd)

# %% [markdown]
# The mathematics is read from the rule you wrote in NumPy:

# %%
gn.derive(E, [W2, W1])

# %% [markdown]
# ## Without a backward rule
#
# An op may do without one, as long as no error signal has to pass through it. Otherwise it is refused, by name:


# %%
@gn.op
def staircase(z):
    return z - z % 1


# S08: refused by name
w = gn.parameter("w", [0.5, 1.5])
steps = gn.sum(staircase(w, name="stairs"))
assert gn.forward(steps, {})[steps] == 1.0
try:
    gn.backward(steps, {})
except gn.errors.NoBackwardRuleError as refusal:
    message = str(refusal)
else:
    message = ""
assert "staircase" in message
print(message)

# %% [markdown]
# ## Exercises
#
# 1. Write the backward rule of $a = z\,e^{-z}$.
#
# <details><summary>Solution</summary>
#
# $a' = e^{-z} - z e^{-z} = e^{-z} - a$, so `delta * (np.exp(-z) - a)`.
#
# </details>
#
# 2. And of $a = u\,v$, entry by entry.
#
# <details><summary>Solution</summary>
#
# Each input gets the other one: `(delta * v, delta * u)`.
#
# </details>

# %%
first = gn.exercise(lambda z: z * np.exp(-z), lambda delta, a, z: delta * (np.exp(-z) - a))
second = gn.exercise(lambda u, v: u * v, lambda delta, a, u, v: (delta * v, delta * u))
assert first.ok
assert second.ok
second
