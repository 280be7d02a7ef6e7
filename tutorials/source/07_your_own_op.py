# %% [markdown]
# # 7 · Your own op and backward rule
#
# An op is two rules, in plain NumPy:
#
# * the **forward rule** makes the output from the inputs;
# * the **backward rule** is given `delta`, the error signal of the output, then the output and the inputs, and returns
#   what is sent back: one error signal for each input.
#
# Let us make an activation that nobody has built in: a bump, $a = e^{-z^2}$. Its slope is
# $-2z\,e^{-z^2} = -2z\,a$.

# %%
import numpy as np

import graphnet as gn

rng = np.random.default_rng(7)


@gn.op
def bump(z):
    return np.exp(-z * z)


@bump.backward
def bump_backward(delta, a, z):
    return delta * (-2 * z * a)  # the cached output saves an exp


gn.plots.activations([bump], z=(-3, 3))

# %% [markdown]
# ## Check it alone
#
# ... before it hides in a network. `gn.check_op` takes arrays to try it at.

# %%
report = gn.check_op(bump, rng.normal(size=(4, 3)))
report.raise_if_failed()
report

# %% [markdown]
# ## Use it
#
# Now it is an op like any other. So can be an error of your own: here is the fourth power in place of the square, which
# minds large errors more and small ones less. It has two inputs, so its rule returns two error signals.


# %%
@gn.op
def quartic(a, t):
    return np.sum((a - t) ** 4)


@quartic.backward
def quartic_backward(delta, e, a, t):
    slope = 4 * (a - t) ** 3
    return delta * slope, delta * -slope


# %%
x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W1 = gn.parameter("W1", rng.normal(size=(2, 3), scale=0.5))
W2 = gn.parameter("W2", rng.normal(size=(3, 1), scale=0.5))
a1 = bump(gn.matmul(x, W1, name="z1"), name="a1")
E = quartic(gn.matmul(a1, W2, name="z2"), t, name="E")
X, T = rng.normal(size=(3, 2)), np.array([[0.5], [-0.5], [1.0]])
feeds = {x: X, t: T}

bwd = gn.backward(E, feeds)
hidden = np.exp(-((X @ W1.value) ** 2))  # and by hand
delta_2 = 4 * (hidden @ W2.value - T) ** 3
delta_1 = (delta_2 @ W2.value.T) * (-2 * (X @ W1.value) * hidden)
gn.check_gradients(E, feeds).raise_if_failed()
gn.draw(bwd, direction="down")

# %% tags=["test"]
# S08: an activation and an error of one's own
np.testing.assert_allclose(bwd.gradient(W2), hidden.T @ delta_2)
np.testing.assert_allclose(bwd.gradient(W1), X.T @ delta_1)

# %% [markdown]
# Nobody told graphnet any mathematics. It reads the formulas from the rules that you wrote in NumPy, by handing them
# symbols in place of arrays:

# %%
gn.derive(E, [W2, W1])

# %% [markdown]
# And it trains:

# %%
history = gn.fit(E, feeds, optimizer=gn.GradientDescent(0.001), epochs=300)
gn.plots.loss(history, log=True)

# %% tags=["test"]
# S08, S07
assert history.loss[-1] < history.loss[0] / 20

# %% [markdown]
# ## Without a backward rule
#
# An op may do without one, as long as no error signal has to pass through it. Otherwise it is refused, by name, and not
# taken for zero:


# %%
@gn.op
def staircase(z):
    return z - z % 1


w = gn.parameter("w", [0.5, 1.5])
steps = gn.sum(staircase(w, name="stairs"))
try:
    gn.backward(steps, {})
except gn.errors.NoBackwardRuleError as refusal:
    message = str(refusal)
else:
    message = ""
print(message)

# %% tags=["test"]
# S08: refused by name
assert gn.forward(steps, {})[steps] == 1.0
assert "staircase" in message

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Write the backward rule of $a = z\,e^{-z}$.


# %%
def my_rule(delta, a, z):
    return delta * np.exp(-z)  # not all of it


gn.exercise(lambda z: z * np.exp(-z), my_rule, hint="The product rule has two terms.")

# %% [markdown]
# <details><summary>Hint</summary>
#
# One of the two terms is there. In the other, $e^{-z}$ is differentiated, and the output is hidden in it.
#
# </details>
#
# <details><summary>Solution</summary>
#
# $a' = e^{-z} - z\,e^{-z} = e^{-z} - a$.
#
# ```python
# def my_rule(delta, a, z):
#     return delta * (np.exp(-z) - a)
#
#
# assert gn.exercise(lambda z: z * np.exp(-z), my_rule).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** And of $a = u\,v$, entry by entry. Two inputs, two error signals.


# %%
def product_rule(delta, a, u, v):
    return delta * u, delta * v


gn.exercise(lambda u, v: u * v, product_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# By how much does $u\,v$ move if $u$ moves by 0.01?
#
# </details>
#
# <details><summary>Solution</summary>
#
# Each input is sent what the *other* one says.
#
# ```python
# def product_rule(delta, a, u, v):
#     return delta * v, delta * u
#
#
# assert gn.exercise(lambda u, v: u * v, product_rule).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 3.** Make an op: the softsign $a = z / (1 + |z|)$, its rule included, and check it with `gn.check_op`.


# %%
@gn.op
def softsign(z):
    return z / (1 + np.abs(z))


@softsign.backward
def softsign_backward(delta, a, z):
    return delta / (1 + np.abs(z))  # change this line


points = rng.normal(size=(4, 3))
print(gn.check_op(softsign, points).verdict)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The quotient rule. On the right side, where $|z| = z$, the slope is $\frac{(1+z) - z}{(1+z)^2}$.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# @softsign.backward
# def softsign_backward(delta, a, z):
#     return delta / (1 + np.abs(z)) ** 2
#
#
# gn.check_op(softsign, points).raise_if_failed()
# ```
#
# With the cached output it needs no division: $1/(1+|z|) = 1 - |a|$.
#
# ```python
# @softsign.backward
# def from_the_output(delta, a, z):
#     return delta * (1 - np.abs(a)) ** 2
#
#
# gn.check_op(softsign, points).raise_if_failed()
# ```
#
# </details>
#
# ---
# Next: [8 · Why topological order](08_topological_order.ipynb): in which order must all these rules run?
