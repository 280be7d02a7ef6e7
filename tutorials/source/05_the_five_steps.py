# %% [markdown]
# # 5 · The five steps
#
# Backpropagation as a recipe:
#
# 1. **Forward**: compute every value, from the inputs to the output.
# 2. **Output error**: how far is the output from its target?
# 3. **Error signals back**: hand that error from node to node, towards the inputs.
# 4. **Gradients**: for each weight, the signal it carried times the error signal of where it leads.
# 5. **Update**: move each weight a little against its gradient.
#
# Here is each of them alone, on one small network, with a picture. At the end you can step through it yourself.

# %%
import numpy as np

import graphnet as gn

x, t = gn.input("x", shape=(None, 2)), gn.input("t", shape=(None, 1))
W1 = gn.parameter("W1", [[0.3, 0.8, -0.6], [-1.3, 0.9, 0.4]])
W2 = gn.parameter("W2", [[-0.5], [0.6], [1.2]])
z1 = gn.matmul(x, W1, name="z1")  # no biases, to keep the pictures small
a1 = gn.tanh(z1, name="a1")
z2 = gn.matmul(a1, W2, name="z2")
a2 = gn.sigmoid(z2, name="a2")
E = gn.sse(a2, t, name="E")

X, T = np.array([[1.0, -0.5]]), np.array([[1.0]])  # one sample, and its target
feeds = {x: X, t: T}

# %% [markdown]
# ## The network in two pictures
#
# This is how networks are usually drawn. In each circle a sum Σ makes $z$, and an activation $g$ makes $a$ of it. On the
# lines are the weights; grey ones are positive, orange ones negative.


# %% tags=["test"]
import colorsys  # noqa: E402
from collections import Counter  # noqa: E402
from xml.etree import ElementTree  # noqa: E402


def written(drawing):
    """Everything that is written in a picture, by colour."""
    texts = {"grey": [], "red": [], "orange": [], "green": [], "blue": []}
    hues = {"red": 3, "orange": 35, "green": 161, "blue": 212}
    for element in ElementTree.fromstring(drawing.to_svg()).findall(".//{*}text"):
        red, green, blue = bytes.fromhex(element.get("fill")[1:])
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        name = min(hues, key=lambda name: abs(hues[name] - 360 * hue)) if saturation > 0.3 else "grey"
        texts[name].append("".join(element.itertext()))
    return texts


def numbers(words):
    return np.array([float(word.split()[-1].replace("−", "-")) for word in words])


# %%
gn.draw(E, view="units")

# %% tags=["test"]
# S40: 2, 3 and 1 circles; every symbol of the figure stands where it belongs
words = written(gn.draw(E, view="units"))
labels = Counter(word.split()[0] for texts in words.values() for word in texts if "=" not in word)
expected = {"ai": 2, "wij": 6, "Σ": 4, "zj": 3, "gj": 3, "aj": 3, "wjk": 3, "zk": 1, "gk": 1, "ak": 1}
assert {label: labels[label] for label in expected} == expected
assert all(numbers(words["orange"]) < 0)
assert len(words["orange"]) == np.sum(W1.value < 0) + np.sum(W2.value < 0)

# %% [markdown]
# The same network as a graph of operations, one box for each. Each of the five steps will fill in a part of it.

# %%
gn.draw(E, show=[])

# %% [markdown]
# ## Step 1: forward
#
# $$z_j = \sum_i a_i w_{ij} \qquad a_j = g_j(z_j) \qquad z_k = \sum_j a_j w_{jk} \qquad a_k = g_k(z_k)$$

# %%
fwd = gn.forward(E, feeds)

hidden = np.tanh(X @ W1.value)
output = 1 / (1 + np.exp(-hidden @ W2.value))
gn.draw(fwd, show="values")

# %% tags=["test"]
# S05, S46: step 1
np.testing.assert_allclose(fwd[a1], hidden)
np.testing.assert_allclose(fwd[a2], output)

# %% [markdown]
# ## Step 2: the error at the output
#
# $$\frac{\partial E}{\partial a_k} = a_k - t_k$$
#
# For this step alone the network can be forgotten: only its output counts. (Grey: the error signal goes no further yet.)

# %%
error = fwd[a2] - T

a_k = gn.input("a2", shape=(None, 1))  # the output, as if it had fallen from the sky
alone = gn.backward(gn.sse(a_k, t, name="E"), {a_k: fwd[a2], t: T})
gn.draw(alone, show=["values", "error signals", "messages"])

# %% tags=["test"]
# S05, S46: step 2
np.testing.assert_array_equal(alone.error_signal(a_k), error)

# %% [markdown]
# ## Step 3: error signals back
#
# $$\delta_k = (a_k - t_k)\,g'_k(z_k) \qquad \delta_j = g'_j(z_j)\sum_k \delta_k\,w_{jk}$$
#
# Hand the graph nothing but that error, at `a2`, and let it go back from there. The picture shows where its error
# signals belong.

# %%
back = gn.backward(a2, {x: X}, delta=error)

delta_2 = error * output * (1 - output)
delta_1 = (delta_2 @ W2.value.T) * (1 - hidden**2)

bwd = gn.backward(E, feeds)  # steps 1 to 4 in one call
gn.draw(bwd, show=["values", "error signals", "messages"])

# %% tags=["test"]
# S05, S46: step 3
np.testing.assert_allclose(back.error_signal(z2), delta_2)
np.testing.assert_allclose(back.error_signal(z1), delta_1)
for node in [z2, a1, z1]:
    np.testing.assert_array_equal(bwd.error_signal(node), back.error_signal(node))

# %% [markdown]
# ## Step 4: gradients
#
# $$\frac{\partial E}{\partial w_{jk}} = \delta_k\,a_j \qquad \frac{\partial E}{\partial w_{ij}} = \delta_j\,a_i$$
#
# Blue times red makes green: the signal fed forward through a weight, times the error signal that came back to where it
# leads.

# %%
gradients = {"W2": hidden.T @ delta_2, "W1": X.T @ delta_1}
gn.draw(bwd, show=["values", "error signals", "gradients", "messages"])

# %% tags=["test"]
# S05, S46: step 4
for name, gradient in gradients.items():
    np.testing.assert_allclose(back.gradient(name), gradient)
    np.testing.assert_allclose(bwd.gradient(name), gradient)

# %% [markdown]
# ## Step 5: update
#
# $$w \leftarrow w - \eta\,\frac{\partial E}{\partial w}$$
#
# Then forward once more, to see what it has brought:

# %%
before = {"W1": W1.value.copy(), "W2": W2.value.copy()}
gn.GradientDescent(0.5).update([W1, W2], gradients)

after = gn.forward(E, feeds)
print(f"E      was {fwd[E]:.4f} and is {after[E]:.4f}")
print(f"output was {fwd[a2].item():.4f} and is {after[a2].item():.4f}")
gn.draw(after, show="values")

# %% tags=["test"]
# S05, S46: step 5, with a learning rate of 0.5
for parameter in [W1, W2]:
    moved = before[parameter.name] - 0.5 * gradients[parameter.name]
    np.testing.assert_allclose(parameter.value, moved)
assert after[E] < fwd[E]

# %% [markdown]
# ## All at once
#
# `gn.backward` does steps 1 to 4 in one call, and this is all of it: values blue, error signals red, gradients green.

# %%
W1.value, W2.value = before["W1"], before["W2"]  # back to where we began
bwd = gn.backward(E, feeds)
picture = gn.draw(bwd)
picture

# %% tags=["test"]
# S41: the names, every error signal and every gradient, and their colours, are read from the picture itself
boxes = {box.title: {field.role: field.rows for field in box.fields} for box in picture.picture.boxes}
roles = dict.fromkeys(["z1", "a1", "z2", "a2"], "error signal") | {"W1": "gradient", "W2": "gradient"}
colours = written(picture)
assert list(boxes) == ["x", "W1", "z1", "a1", "W2", "z2", "a2", "t", "E"]
for name, role in roles.items():
    shown = [[numbers([cell.text])[0] for cell in row] for row in boxes[name][role]]
    np.testing.assert_allclose(shown, bwd.error_signal(name), rtol=1e-3)
assert {f"error signal ∂E/∂{name}" for name in ["z1", "a1", "z2", "a2", "E"]} < set(colours["red"])
assert {"gradient ∂E/∂W1", "gradient ∂E/∂W2"} < set(colours["green"])
assert colours["blue"].count("value") == 9

# %% [markdown]
# And as circles, with the numbers of the same pass:

# %%
gn.draw(bwd, view="units")

# %% tags=["test"]
# S40, S41: what is red in the circles are the δ, what is green the gradients
words = written(gn.draw(bwd, view="units"))
shown = numbers(word for word in words["red"] if word.startswith(("δj ", "δk ")) and "=" not in word)
signals = np.concatenate([bwd.error_signal(z1)[0], bwd.error_signal(z2)[0]])
np.testing.assert_allclose(shown, signals, rtol=0.01)
shown = numbers(word for word in words["green"] if not word.startswith(("∂", "gradient")))
for gradient in np.concatenate([bwd.gradient(W1).ravel(), bwd.gradient(W2).ravel()]):
    assert np.isclose(shown, gradient, rtol=0.01).any()

# %% [markdown]
# ## Step by step
#
# Saved as `.html`, a pass becomes a page that steps through it, number by number: `gn.draw(bwd).save("steps.html")`
# makes a file that any browser opens, without a network. Here it is right in the notebook. Use its buttons, or click
# into it and press → and ←; the keys 1 to 5 jump to the five steps. **Predict** hides the next number until you have said it.
#
# Every number can be changed, and all others follow; **Update** takes the step, **Train** takes many.
#
# (Where this notebook is only shown and not run, you see a picture. The pictures above are the same steps.)

# %%
gn.draw(bwd, view="units", learning_rate=0.5).widget()

# %% tags=["test"]
page = gn.draw(bwd, view="units", learning_rate=0.5).to_html()
# S46: the five steps as a page
assert all(step in page for step in ["Forward", "Output error", "Error signals back", "Gradients", "Update"])

# %% [markdown]
# ## As a script
#
# Do the steps again and again, and the network learns. The task: say whether the first of two numbers is the larger one.

# %%
pairs = np.array([[1.0, -0.5], [-1.0, 0.5], [0.2, 0.9], [0.8, 0.3], [-0.4, -0.9], [-0.7, 0.1]])
first_is_larger = (pairs[:, :1] > pairs[:, 1:]) * 1.0

errors = []
for _ in range(200):
    hidden = np.tanh(pairs @ W1.value)  # 1. forward
    output = 1 / (1 + np.exp(-hidden @ W2.value))
    errors.append(0.5 * np.sum((output - first_is_larger) ** 2))
    error = output - first_is_larger  # 2. output error
    delta_2 = error * output * (1 - output)  # 3. error signals back
    delta_1 = (delta_2 @ W2.value.T) * (1 - hidden**2)
    gradient_2, gradient_1 = hidden.T @ delta_2, pairs.T @ delta_1  # 4. gradients
    W2.value, W1.value = W2.value - gradient_2, W1.value - gradient_1  # 5. update, η = 1
by_hand = W1.value, W2.value

gn.plots.loss(errors)

# %% tags=["test"]
# S46, S07: the five steps as a script
assert errors[-1] < 0.05 < errors[0]
assert np.array_equal(output.round(), first_is_larger)

# %% [markdown]
# And the same with `gn.fit`, which does nothing else:

# %%
W1.value, W2.value = before["W1"], before["W2"]
history = gn.fit(E, {x: pairs, t: first_is_larger}, optimizer=gn.GradientDescent(1.0), epochs=200)
print("largest difference:", max(np.abs(W1.value - by_hand[0]).max(), np.abs(W2.value - by_hand[1]).max()))

# %% tags=["test"]
# S07
np.testing.assert_allclose(W1.value, by_hand[0], rtol=1e-9)
np.testing.assert_allclose(W2.value, by_hand[1], rtol=1e-9)

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Do step 3 yourself for another activation: the hidden units are now logistic, not tanh. What is
# $\delta_1$, given `delta` ($\delta_2$), `W` (that is $W_2$) and the hidden outputs `a`? `gn.exercise` reads it as the
# backward rule of the whole hidden layer: from `z`, through the activation, through the weights.


# %%
def layer_rule(delta, out, z, W):
    a = 1 / (1 + np.exp(-z))
    to_z = (delta @ W.T) * (1 - a**2)  # this was tanh
    to_W = a.T @ delta
    return to_z, to_W


sizes = np.random.default_rng(5).normal(size=(4, 3)), np.random.default_rng(6).normal(size=(3, 2))
clue = "What is the slope of the logistic function, in terms of its output?"
gn.exercise(lambda z, W: (1 / (1 + np.exp(-z))) @ W, layer_rule, *sizes, hint=clue)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Only the slope changes. Lesson 2 has it, in terms of the output `a`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def layer_rule(delta, out, z, W):
#     a = 1 / (1 + np.exp(-z))
#     return (delta @ W.T) * (a * (1 - a)), a.T @ delta
#
#
# assert gn.exercise(lambda z, W: (1 / (1 + np.exp(-z))) @ W, layer_rule, *sizes).ok
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Somebody is in a hurry and updates $W_2$ as soon as its gradient is known, *before* step 3 reaches the
# hidden layer. Does the hidden layer still get the right gradient? Answer, then run.

# %%
answer = None  # True or False: the gradient of W1 is still right

W1.value, W2.value = before["W1"], before["W2"]
right = gn.backward(E, feeds)
W2.value = W2.value - 0.5 * right.gradient(W2)  # too early
hurried = X.T @ ((right.error_signal(z2) @ W2.value.T) * (1 - right[a1] ** 2))
still_right = np.allclose(hurried, right.gradient(W1))
replies = {None: "Not yet: write True or False in place of None.", still_right: "Right!"}
print(replies.get(answer, "No. What does step 3 need W2 for?"))

# %% [markdown]
# <details><summary>Hint</summary>
#
# $\delta_j$ contains $w_{jk}$.
#
# </details>
#
# <details><summary>Solution</summary>
#
# False. $\delta_j = g'_j(z_j)\sum_k\delta_k w_{jk}$ asks for the weights that made the output. With new ones it is the
# derivative of nothing that was computed. All gradients first, then the update.
#
# ```python
# assert not still_right
# ```
#
# </details>
#
# ---
# Next: [6 · Checking gradients](06_checking_gradients.ipynb): how to know that all this is right.
