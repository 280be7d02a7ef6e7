# %% [markdown]
# # 1 · A first graph, and why the error is "propagated back"
#
# A neural network is a formula with numbers in it that can be adjusted. **Backpropagation** tells, for each of these
# numbers, which way to adjust it. This first lesson does it for the smallest network that has everything: one input
# $x$, one weight $w$, one bias $b$, one activation $g$, and an error $E$ that says how far the output is from a target
# $t$:
#
# $$z = x\,w + b \qquad a = g(z) = \frac{1}{1+e^{-z}} \qquad E = \tfrac12\,(a - t)^2$$
#
# You need a little Python, and to know that a derivative is a slope: by how much something moves if you nudge
# something else.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphnet as gn

# %% [markdown]
# ## The formula as a graph
#
# Each small computation is a **node**. You build the graph first; numbers come later.

# %%
x, t = gn.input("x", shape=(None, 1)), gn.input("t", shape=(None, 1))  # None: any number of samples
w, b = gn.parameter("w", np.array([[0.8]])), gn.parameter("b", np.array([-0.3]))
z = gn.bias_add(gn.matmul(x, w), b, name="z")
a = gn.sigmoid(z, name="a")
E = gn.sse(a, t, name="E")  # half the sum of the squared errors

# %% [markdown]
# Now feed it one sample, $x = 1.5$ with the target $t = 1$. **Forward**: values flow along the arrows, from left to
# right.

# %%
feeds = {x: [[1.5]], t: [[1.0]]}
fwd = gn.forward(E, feeds)

z_by_hand = 1.5 * 0.8 - 0.3
a_by_hand = 1 / (1 + np.exp(-z_by_hand))
print(f"by hand: z = {z_by_hand:.4g}, a = {a_by_hand:.4g}, E = {0.5 * (a_by_hand - 1) ** 2:.4g}")
gn.draw(fwd)

# %% tags=["test"]
# S01: input, parameter and target nodes; matrix product, bias, activation, and half the squared error
assert np.isclose(fwd[z].item(), z_by_hand)
assert np.isclose(fwd[a].item(), a_by_hand)
assert np.isclose(fwd[E], 0.5 * (a_by_hand - 1.0) ** 2)

# %% [markdown]
# The output is 0.71 and should be 1. Whose fault is it, and what would help?
#
# ## One question for every node
#
# Ask each node: *if your value were a little larger, by how much would $E$ change?* The answer is called its **error
# signal**, $\partial E/\partial(\text{that node})$. One backward pass answers it for all nodes at once:

# %%
bwd = gn.backward(E, feeds)
gn.draw(bwd)

# %% [markdown]
# Don't believe the red numbers: check them. Nudge the value at $a$, at $z$, at $w$ a little up and a little down, and
# see how $E$ moves.


# %%
def error_from_a(a):
    return 0.5 * (a - 1.0) ** 2


def error_from_z(z):
    return error_from_a(1 / (1 + np.exp(-z)))


def error_from_w(w):
    return error_from_z(1.5 * w - 0.3)


def nudge(f, at, h=1e-5):
    return (f(at + h) - f(at - h)) / (2 * h)


for node, f, at in [(a, error_from_a, a_by_hand), (z, error_from_z, z_by_hand), (w, error_from_w, 0.8)]:
    signal = bwd.error_signal(node).item()
    print(f"∂E/∂{node.name} = {signal:.6f}    nudged: {nudge(f, at):.6f}")

# %% tags=["test"]
# S06: an error signal for every node; at a it is ∂E/∂a, at z it is ∂E/∂z = δ, and they differ
for node, f, at in [(a, error_from_a, a_by_hand), (z, error_from_z, z_by_hand), (w, error_from_w, 0.8)]:
    signal = bwd.error_signal(node).item()
    assert np.isclose(signal, nudge(f, at), rtol=1e-7)

# %% [markdown]
# ## Change a number yourself
#
# Below is the same pass, alive. Click a number in a circle or on a line, type another one or drag it, and watch what
# follows: first the values to its right, then the error signals to its left. Which number moves all others?
#
# (Where this notebook is only shown and not run, you see a picture. `gn.draw(bwd).save("play.html")` makes a page of it
# that any browser opens.)

# %%
gn.draw(bwd, view="units").widget()

# %% [markdown]
# ## Why "propagated back"?
#
# Read the red numbers from right to left, and see where each comes from.
#
# 1. **At $a$** it is $a - t$. That simply *is* the error: the output is 0.29 too low.
# 2. **At $z$** it is $(a - t)\cdot g'(z)$. Whatever $z$ does to $E$, it does by way of $a$, and $g'(z)$ is how much of
#    a nudge at $z$ arrives at $a$. So the error is handed back to $z$, scaled by that slope.
# 3. **At $w$** it is $(a - t)\cdot g'(z)\cdot x$. A nudge at $w$ arrives at $z$ multiplied by $x$. So the error is
#    handed back once more, scaled by $x$.
#
# This is why $(a - t)$ times derivatives is "the error, propagated back": it is the same error at every node, only seen
# from further away, and each derivative is what one step of the way lets through. No node needs to know the whole
# network. It takes what its consumer sends back, multiplies by **its own slope**, and passes the product on.

# %%
error = a_by_hand - 1.0
slope_of_a = a_by_hand * (1 - a_by_hand)  # g′(z); lesson 2 shows why
print(f"at a: {error:.4g}    at z: {error * slope_of_a:.4g}    at w: {error * slope_of_a * 1.5:.4g}")
gn.explain(bwd, w)

# %% tags=["test"]
assert np.isclose(bwd.error_signal(a).item(), error)
assert np.isclose(bwd.error_signal(z).item(), error * slope_of_a)
assert np.isclose(bwd.gradient(w).item(), error * slope_of_a * 1.5)

# %% [markdown]
# The line under "paths" is the whole story: from $w$ to $E$, one slope for each step, multiplied. (The error signal of
# a parameter, such as $w$ or $b$, is called its **gradient**; in pictures it is green.)
#
# The same in mathematics. Nobody typed these lines: they are read off the graph above. (⊙ multiplies number by number;
# $x^{\top}\delta$ is $x$ times δ, added up over the samples, and here there is only one.)

# %%
gn.derive(E, [w, b])

# %% [markdown]
# ## Downhill
#
# The gradient at $w$ is negative: a larger $w$ makes $E$ *smaller*. So step **against** the gradient, a little:
#
# $$w \leftarrow w - \eta\,\frac{\partial E}{\partial w}$$
#
# The minus sign is there because the gradient points uphill and we want to go down; $\eta$, the **learning rate**, says
# how far.

# %%
slope = bwd.gradient(w).item()

weights = [0.8]
for _ in range(8):  # eight steps with η = 4, only w
    weights.append(weights[-1] - 4 * nudge(error_from_w, weights[-1]))

line, near = np.linspace(-1, 3, 101), np.array([0.2, 1.25])
tangent = error_from_w(0.8) + slope * (near - 0.8)
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(line, error_from_w(line), "C0")
axes.plot(near, tangent, "C3--", label="slope at the start: ∂E/∂w")
axes.plot(weights, [error_from_w(weight) for weight in weights], "k.", label="eight steps downhill")
axes.set(xlabel="w", ylabel="E")
axes.legend(frameon=False)
plt.show()

# %% tags=["test"]
# S07, S45: a small step against the gradient lowers E, a step along it raises it
assert error_from_w(0.8 - 0.1 * slope) < error_from_w(0.8) < error_from_w(0.8 + 0.1 * slope)
assert np.all(np.diff([error_from_w(weight) for weight in weights]) < 0)  # every step went down

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Let the target be 0 instead of 1. Will a step against the gradient make $w$ larger or smaller? Answer
# before you compute, then run the cell.

# %%
answer = None  # write "larger" or "smaller"

step = -gn.backward(E, {x: [[1.5]], t: [[0.0]]}).gradient(w).item()
right_answer = "larger" if step > 0 else "smaller"
replies = {None: "Not yet: write your answer in place of None.", right_answer: "Right!"}
print(replies.get(answer, "No. Which sign does each factor have?"))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Which sign has $a - t$ now? And the other two factors?
#
# </details>
#
# <details><summary>Solution</summary>
#
# Smaller. Now $a - t = 0.71 - 0$ is positive, and so are the slope of the sigmoid and $x = 1.5$. The gradient is
# positive, and the step goes the other way.
#
# ```python
# at_zero = gn.backward(E, {x: [[1.5]], t: [[0.0]]})
# assert at_zero.error_signal(a).item() > 0
# assert right_answer == "smaller"
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Write your first backward rule, for a sum $y = u + v$. `delta` is the error signal of $y$. What is
# sent back to $u$, and what to $v$? `gn.exercise` tests your rule by nudging, and says what is wrong with it.


# %%
def sum_rule(delta, y, u, v):
    return 0 * delta, 0 * delta  # to u, to v: change this line


gn.exercise(lambda u, v: u + v, sum_rule)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Nudge $u$ by 0.01. By how much does $y$ move? That is the slope to multiply by.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Both slopes are 1, so a sum hands on what it gets, to both. This is also why $\partial E/\partial b$ equals the error
# signal at $z$ in the picture above.
#
# ```python
# def sum_rule(delta, y, u, v):
#     return delta, delta
#
#
# assert gn.exercise(lambda u, v: u + v, sum_rule).ok
# assert bwd.gradient(b).item() == bwd.error_signal(z).item()
# ```
#
# </details>
#
# ---
# Next: [2 · Activation functions](02_activation_functions.ipynb): where $g' = g\,(1-g)$ comes from.
