# %% [markdown]
# # 3 · Output-layer gradients
#
# A network with two inputs, three hidden units and two outputs. How does the error depend on a weight into an output
# unit? The answer has three factors: the **error**, the **slope** of the activation, and the **signal** that came in.

# %%
import numpy as np

import graphnet as gn

rng = np.random.default_rng(3)
W_ij, b_j = rng.normal(size=(2, 3)), rng.normal(size=3)
W_jk, b_k = rng.normal(size=(3, 2)), rng.normal(size=2)
X, T = np.array([[0.5, -1.0]]), np.array([[1.0, 0.0]])  # one sample

x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 2))
W1, b1 = gn.parameter("W1", W_ij), gn.parameter("b1", b_j)
W2, b2 = gn.parameter("W2", W_jk), gn.parameter("b2", b_k)
a1 = gn.tanh(gn.bias_add(x @ W1, b1, name="z1"), name="a1")
z2 = gn.bias_add(a1 @ W2, b2, name="z2")
a2 = gn.sigmoid(z2, name="a2")
E = gn.sse(a2, t, name="E")
bwd = gn.backward(E, {x: X, t: T})
gn.draw(bwd, view="units")

# %% [markdown]
# We compute everything three ways: by hand, by the graph, and by moving one number a little up and down.


# %%
def forward_by_hand(W_jk=W_jk, b_k=b_k):
    a_j = np.tanh(X @ W_ij + b_j)
    z_k = a_j @ W_jk + b_k
    return a_j, z_k, 1 / (1 + np.exp(-z_k))


def error(a_k):
    return 0.5 * np.sum((a_k - T) ** 2)


def difference(f, at, h=1e-5):
    """(f(p + h) − f(p − h)) / 2h, for each entry of `at`."""
    slopes = np.zeros(at.shape)
    for entry in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[entry] = h
        slopes[entry] = (f(at + step) - f(at - step)) / (2 * h)
    return slopes


a_j, z_k, a_k = forward_by_hand()

# %% [markdown]
# **Eq. 1.** $E = \tfrac12\sum_k (a_k - t_k)^2$. The ½ is there so that the 2 of the derivative goes away:
# $\partial E/\partial a_k = a_k - t_k$.

# %%
# S10
assert np.isclose(bwd[E], error(a_k))
np.testing.assert_allclose(bwd.error_signal(a2), a_k - T)
np.testing.assert_allclose(difference(error, a_k), a_k - T, rtol=1e-7)

# %% [markdown]
# **Eq. 2–3.** $\partial E/\partial w_{jk} = (a_k - t_k)\,g'_k(z_k)\,\partial z_k/\partial w_{jk}$. There was a sum
# over all outputs in $E$, and it is
# gone: a weight into output $k$ does not touch the others. So whatever the target of output 1 is, the weights into
# output 0 don't care.

# %%
# S11
slope = a_k * (1 - a_k)
signal_of_entry = difference(lambda w: forward_by_hand(W_jk=w)[1][0, 0], W_jk)  # ∂z_0/∂w_jk, for all j and k
assert np.all(signal_of_entry[:, 1] == 0)  # weights into output 1 do not move z_0
np.testing.assert_allclose(((a_k - T) * slope)[0, 0] * signal_of_entry[:, 0], bwd.gradient(W2)[:, 0], rtol=1e-7)
elsewhere = gn.backward(E, {x: X, t: [[1.0, 99.0]]})
np.testing.assert_array_equal(elsewhere.gradient(W2)[:, 0], bwd.gradient(W2)[:, 0])
assert not np.allclose(elsewhere.gradient(W2)[:, 1], bwd.gradient(W2)[:, 1])

# %% [markdown]
# **Eq. 4.** And $\partial z_k/\partial w_{jk} = a_j$. Three factors: $(a_k - t_k)\cdot g'_k(z_k)\cdot a_j$.

# %%
# S12
for j in range(3):
    for k in range(2):
        three = (a_k - T)[0, k] * slope[0, k] * a_j[0, j]
        assert np.isclose(three, bwd.gradient(W2)[j, k])
np.testing.assert_allclose(difference(lambda w: error(forward_by_hand(W_jk=w)[2]), W_jk), bwd.gradient(W2), rtol=1e-6)
gn.explain(bwd, W2, entry=(0, 1))

# %% [markdown]
# **Eq. 5.** The first two factors belong to the unit, not to the weight, so they get a name:
# $\delta_k = (a_k - t_k)\,g'_k(z_k)$, the
# error signal at $z_k$. Then $\partial E/\partial w_{jk} = \delta_k a_j$: the error signal, weighted by the signal
# that was fed forward.

# %%
# S13, S43
delta_k = (a_k - T) * slope
np.testing.assert_allclose(bwd.error_signal(z2), delta_k)
np.testing.assert_allclose(bwd.gradient(W2), a_j.T @ delta_k)

# %% [markdown]
# **Eq. 6.** A bias is a weight on a constant one, so its signal is 1: $\partial E/\partial b_k = \delta_k$.

# %%
# S14
np.testing.assert_allclose(bwd.gradient(b2), delta_k[0])
np.testing.assert_allclose(difference(lambda b: error(forward_by_hand(b_k=b)[2]), b_k), delta_k[0], rtol=1e-6)

# %% [markdown]
# Literally so: put a column of ones beside the signals and the bias below the weights.

# %%
# S44
both = gn.parameter("W2 and b2", np.vstack([W_jk, b_k]))
with_one = gn.concatenate([gn.constant(a_j), gn.constant(np.ones((1, 1)))], axis=1)
rewritten = gn.backward(gn.sse(gn.sigmoid(with_one @ both), t), {t: T})
np.testing.assert_allclose(rewritten.gradient(both), np.vstack([bwd.gradient(W2), bwd.gradient(b2)]))

# %% [markdown]
# The graph derives the same, in the order in which you would write it:

# %%
gn.derive(E, [W2, b2], indices=True)

# %% [markdown]
# ## Exercise
#
# Write the backward rule of $E = \tfrac12\sum(a - t)^2$ for $a$ and $t$. `delta` is the error signal of $E$.
#
# <details><summary>Solution</summary>
#
# $E$ grows with slope $a - t$ in $a$, and $t - a$ in $t$. Both are multiplied by `delta`, as every message is.
#
# </details>


# %%
def my_rule(delta, e, a, t):
    return delta * (a - t), delta * (t - a)


attempt = gn.exercise(lambda a, t: 0.5 * np.sum((a - t) ** 2), my_rule)
assert attempt.ok
attempt
