# %% [markdown]
# # 18 · The same network in ONNX
#
# ONNX is a file format for networks: a list of calls, with their weights, that many programs read. A graph of graphnet is
# the same thing. So it can be written and read; and what is written need not be the forward pass alone.
#
# You need `pip install onnx onnxruntime`, and PyTorch for the last step.

# %%
import logging
import warnings
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime
import torch

import graphnet as gn

warnings.simplefilter("ignore")
logging.disable()  # torch speaks of itself while it exports

# %% [markdown]
# ## A network goes out
#
# Two numbers in, three hidden units, one number out.

# %%
rng = np.random.default_rng(1)
start = {name: rng.normal(size=size) for name, size in [("W1", (2, 3)), ("b1", 3), ("W2", (3, 1)), ("b2", 1)]}


def network(leaf):
    """Return the output of the network; `leaf` makes its weights."""
    x = gn.input("x", shape=(None, 2))
    W1, b1, W2, b2 = (leaf(name, value) for name, value in start.items())
    return gn.sigmoid(gn.tanh(x @ W1 + b1, name="a1") @ W2 + b2, name="a2")


a2 = network(gn.parameter)
gn.to_onnx(a2, "network.onnx")
gn.draw(a2)

# %% [markdown]
# Here are the calls in the file: one for each op, in the same order. Only `bias_add` has another name, `Add`.

# %%
model = onnx.load("network.onnx")
for call in model.graph.node:
    print(f"{', '.join(call.input):24} → {call.op_type:8} → {call.output[0]}")

# %% tags=["test"]
assert [call.op_type for call in model.graph.node] == ["MatMul", "Add", "Tanh", "MatMul", "Add", "Sigmoid"]

# %% [markdown]
# Another program runs it, one that has never heard of graphnet, with the same numbers. (It computes in float32, with seven
# digits; files can be written in float64 too.)

# %%
X = rng.normal(size=(5, 2))
session = onnxruntime.InferenceSession("network.onnx")
(theirs,) = session.run(None, {"x": X.astype(np.float32)})
print(np.hstack([theirs, gn.forward(a2, {"x": X})[a2]]))  # onnxruntime in float32, graphnet in float64

# %% tags=["test"]
np.testing.assert_allclose(theirs, gn.forward(a2, {"x": X})[a2], rtol=1e-5)

# %% [markdown]
# ## And comes back
#
# `gn.from_onnx` reads a file as a graph: same names, its weights are parameters again. So all that graphnet can do with
# its own graphs it can do with it: error signals, formulas, checks, pictures.

# %%
graph = gn.from_onnx("network.onnx")
E = gn.sse(graph["a2"], np.ones((5, 1)), name="E")
gn.check_gradients(E, {"x": X}).raise_if_failed()
gn.draw(gn.backward(E, {"x": X}), view="units")

# %% tags=["test"]
assert [node.name for node in graph.parameters] == ["W1", "b1", "W2", "b2"]

# %% [markdown]
# ## The backward pass as a file
#
# `gn.gradients` gives gradients as *nodes*. Nodes can be written. So can what is computed from them: the new weights,
# $w - \eta\,\partial E/\partial w$. Weights that change must be fed, so here they are inputs:

# %%
t = gn.input("t", shape=(None, 1))
prediction = network(lambda name, value: gn.input(name, shape=value.shape))
weights = [gn.Graph(prediction)[name] for name in start]
E = gn.divide(gn.sse(prediction, t), gn.batch_size(t), name="E")
slopes = gn.gradients(E, weights)
step = [gn.subtract(w, 2.0 * slope, name=f"new {w.name}") for w, slope in zip(weights, slopes, strict=True)]
gn.to_onnx([E, *step], "step.onnx", dtype=np.float64)

called = Counter(call.op_type for call in onnx.load("step.onnx").graph.node if call.op_type != "Constant")
print(", ".join(f"{count} × {name}" for name, count in called.most_common()))

# %% tags=["test"]
assert called["MatMul"] == 5  # two on the way forward, three on the way back: nobody asks for ∂E/∂x

# %% [markdown]
# That file *is* one step of training. Run it over and over, and it learns. Here it tells the inside of a ring from the
# outside: once in onnxruntime, and once here.

# %%
X = rng.uniform(-1.5, 1.5, size=(200, 2))
T = (np.hypot(*X.T) < 1).astype(float)[:, None]
session = onnxruntime.InferenceSession("step.onnx")
held, there = dict(start), []
for _ in range(400):
    error, *new = session.run(None, {"x": X, "t": T, **{name: np.atleast_1d(w) for name, w in held.items()}})
    held = dict(zip(start, new, strict=True))
    there.append(error)

a2 = network(gn.parameter)
own = gn.divide(gn.sse(a2, t), gn.batch_size(t), name="E")
here = gn.fit(own, {"x": X, "t": T}, optimizer=gn.GradientDescent(2.0), epochs=400, progress=False).loss

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(here, color="#15803D", label="graphnet")
axes.plot(range(0, 400, 20), there[::20], "o", color="#1D4ED8", fillstyle="none", label="onnxruntime, every 20th step")
axes.set(xlabel="step", ylabel="E")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
plt.show()

# %% tags=["test"]
np.testing.assert_allclose(there, here, rtol=1e-6)
assert there[-1] < there[0] / 3

# %% [markdown]
# ## A network from elsewhere
#
# Most programs for networks write ONNX. Here PyTorch does; then we ask for something that the file does not hold: its
# gradients. They are PyTorch's own.

# %%
torch.manual_seed(0)
foreign = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.GELU(), torch.nn.Linear(4, 1)).double()
tensor = torch.tensor(X[:5])
torch.onnx.export(
    foreign, (tensor,), "foreign.onnx", input_names=["x"], dynamo=True, verbose=False, external_data=False
)
graph = gn.from_onnx("foreign.onnx")
bwd = gn.backward(gn.sum(graph.outputs[0], name="E"), {"x": X[:5]})

foreign(tensor).sum().backward()
gn.draw(bwd, view="units")

# %% tags=["test"]
for name, weight in foreign.named_parameters():
    np.testing.assert_allclose(bwd.gradient(name.replace(".", "/")), weight.grad.numpy(), rtol=1e-12)

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** An op of your own is not in ONNX. What is in the file? Find out, and put the names of the calls in `names`.


# %%
@gn.op
def bump(z):
    return np.exp(-z * z)


@bump.backward
def bump_backward(delta, a, z):
    return delta * (-2 * z * a)


gn.to_onnx(bump(gn.input("z", shape=(3,)), name="a"), "bump.onnx")
names = {"bump"}
print("right" if names == {call.op_type for call in onnx.load("bump.onnx").graph.node} else "no: look into the file")

# %% [markdown]
# <details><summary>Hint</summary>
#
# Look at `onnx.load("bump.onnx").graph.node`, as above. What does the rule of `bump` call?
#
# </details>
#
# <details><summary>Solution</summary>
#
# Its rule is read: one call for each that it makes.
#
# ```python
# names = {"Neg", "Mul", "Exp"}
# assert names == {call.op_type for call in onnx.load("bump.onnx").graph.node}
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** How much does the output move with each input? Write a file that gives $\partial a_2/\partial x$.

# %%
a2 = network(gn.parameter)
(x,) = gn.Graph(a2).inputs
gn.to_onnx(a2, "slope.onnx")  # change this line

(found,) = onnxruntime.InferenceSession("slope.onnx").run(None, {"x": X[:5].astype(np.float32)})
wanted = gn.backward(gn.sum(a2), {"x": X[:5]}).error_signal(x)
print("right" if found.shape == (5, 2) and np.allclose(found, wanted, rtol=1e-4) else f"no: it gives {found.shape}")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `gn.gradients` takes any node, not parameters alone; it goes back from one number. Make one of the five outputs first.
#
# </details>
#
# <details><summary>Solution</summary>
#
# The sum: each output depends on its own row alone.
#
# ```python
# gn.to_onnx(gn.gradients(gn.sum(a2), [x])[0], "slope.onnx")
# (found,) = onnxruntime.InferenceSession("slope.onnx").run(None, {"x": X[:5].astype(np.float32)})
# assert np.allclose(found, wanted, rtol=1e-4)
# ```
#
# </details>
#
# ---
# Next: [19 · Play with XOR](19_play_with_xor.ipynb).
