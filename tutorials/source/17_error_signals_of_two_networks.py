# %% [markdown]
# # 17 · The error signals of a ResNet and of a transformer
#
# Two ideas made networks deep: the shortcut, and attention. Both are about how error signals get back. `gn.from_torch`
# turns a module of PyTorch into a graph, so that we can look.

# %%
import logging
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import graphnet as gn

warnings.simplefilter("ignore")
logging.disable()  # torch speaks of itself while it traces


# %% [markdown]
# ## A block with a shortcut
#
# A residual block gives $x + f(x)$. With a setting to leave the shortcut out, so that we can compare:


# %%
class Block(nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.conv, self.shortcut = nn.Conv2d(4, 4, 3, padding=1, bias=False), shortcut

    def forward(self, x):
        f = torch.relu(self.conv(x))
        return x + f if self.shortcut else f


torch.manual_seed(0)
rng = np.random.default_rng(0)
block = gn.from_torch(Block(True).double(), torch.zeros(2, 4, 6, 6).double())
x, (output,) = block["x"], block.outputs
bwd = gn.backward(block, {"x": rng.normal(size=(2, 4, 6, 6))}, delta=rng.normal(size=(2, 4, 6, 6)))
gn.draw(bwd, show=["error signals", "messages"])

# %% [markdown]
# The picture says it all. The input sends its value to two consumers, so two messages come back and are added. The one
# over the shortcut *is* the error signal of the output: no weight, no slope touched it.

# %%
messages = {consumer.kind: message for consumer, _, message in bwd.messages(x)}
print({kind: round(float(np.linalg.norm(message)), 2) for kind, message in messages.items()})

# %% tags=["test"]
np.testing.assert_array_equal(messages["add"], bwd.error_signal(output))
np.testing.assert_allclose(bwd.error_signal(x), messages["add"] + messages["conv2d"])

# %% [markdown]
# ## Twelve of them
#
# Now a whole network, with and without shortcuts: same weights, same images. How large is the error signal behind each
# block, on its way from the last to the first?


# %%
class Images(nn.Module):
    def __init__(self, shortcut, depth=12):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*[Block(shortcut) for _ in range(depth)])
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.blocks(self.stem(x)).mean((2, 3)))


pictures, labels = rng.normal(size=(8, 1, 6, 6)), np.eye(2)[rng.integers(0, 2, 8)]


def backward(shortcut):
    torch.manual_seed(0)
    graph = gn.from_torch(Images(shortcut).double(), torch.tensor(pictures))
    E = gn.cross_entropy(graph.outputs[0], labels, name="E")
    return gn.backward(E, {"x": pictures})


passes = {"with shortcuts": backward(True), "without": backward(False)}
norms = {}
for name, bwd in passes.items():
    last = "add_1" if name == "with shortcuts" else "relu_1"
    norms[name] = [np.linalg.norm(bwd.error_signal(f"blocks/{n}/{last}")) for n in range(12)]

figure, axes = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for (name, sizes), colour in zip(norms.items(), ["#15803D", "#B91C1C"], strict=True):
    axes.semilogy(range(1, 13), sizes, "o-", color=colour)
    axes.annotate(f"{name}  ", (1, sizes[0]), color=colour, ha="right", va="center")
axes.set(xlabel="block", ylabel="size of the error signal", xlim=(-2.4, 12.5), xticks=range(1, 13))
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% tags=["test"]
assert norms["without"][0] < 1e-3 * norms["without"][-1]
assert 0.5 < norms["with shortcuts"][0] / norms["with shortcuts"][-1] < 10

# %% [markdown]
# Without shortcuts there is one path back, through twelve slopes and twelve weights. Each block divides by about 2 to 3,
# and the first hears next to nothing. With shortcuts there are $2^{12}$ paths, and one of them runs through no block at
# all. Silence the blocks, and it alone is left: what leaves the top arrives at the bottom, unchanged.

# %%
torch.manual_seed(0)
silent = Images(True).double()
for each in silent.blocks:
    nn.init.zeros_(each.conv.weight)
graph = gn.from_torch(silent, torch.tensor(pictures))
bwd = gn.backward(gn.cross_entropy(graph.outputs[0], labels), {"x": pictures})
first, last = bwd.error_signal("stem/conv2d_1"), bwd.error_signal("blocks/11/add_1")
print(f"above the last block and below the first, error signals differ by {np.abs(first - last).max():g}")

# %% tags=["test"]
np.testing.assert_array_equal(bwd.error_signal("stem/conv2d_1"), bwd.error_signal("blocks/11/add_1"))

# %% [markdown]
# ## A transformer
#
# A sentence has seven words, each a number below 10. The question: **is there a 9 in it?** The answer is read at the
# first place, where always a 0 stands. So the first place must look at the others: that is attention. One layer of
# PyTorch's own, trained in PyTorch:


# %%
class Sentences(nn.Module):
    def __init__(self, mask=None):
        super().__init__()
        self.embed, self.mask = nn.Embedding(10, 8), mask
        self.layer = nn.TransformerEncoderLayer(8, 1, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, words):
        return self.out(self.layer(self.embed(words), self.mask)[:, 0])


torch.manual_seed(0)
words = torch.randint(1, 10, (512, 7))
words[:, 0] = 0
answers = (words == 9).any(1).long()
model = Sentences()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(150):
    loss = nn.functional.cross_entropy(model(words), answers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
right = (model(words).argmax(1) == answers).float().mean()
print(f"right: {right:.0%}")

# %% tags=["test"]
assert right > 0.98

# %% [markdown]
# Into a graph with it, and a sentence through it. Where does the first place look (the weights of its softmax), and where
# does the error signal come back to?

# %%
sentence = np.array([[0, 4, 2, 9, 7, 1, 5]])
graph = gn.from_torch(model.double().eval(), torch.tensor(np.repeat(sentence, 2, 0)))
attention = next(node for node in graph.nodes if node.kind == "softmax")
E = gn.cross_entropy(graph.outputs[0], np.array([[1.0, 0.0]]), name="E")  # as if there were no 9
bwd = gn.backward(E, {"words": sentence})
looks = bwd[attention].reshape(7, 7)[0]
heard = np.linalg.norm(bwd.error_signal("embed/take_1")[0], axis=1)

figure, panels = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
for axes, heights, colour, title in [
    (panels[0], looks, "#1D4ED8", "the first place looks at"),
    (panels[1], heard, "#B91C1C", "size of the error signal at"),
]:
    axes.bar(range(7), heights, color=colour)
    axes.set(xticks=range(7), xticklabels=sentence[0], title=title)
    axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% tags=["test"]
assert looks.argmax() == 3
assert heard[1:].argmax() == 2  # the 9, of the words; the first place is heard anyhow, over its shortcut

# %% [markdown]
# The error signal goes back **along the looks**. What each word said, its *value*, went into the answer with the weight of
# the look, and so $\delta_v = A^T \delta$: the same weights, turned around.

# %%
mixed = next(node for node in graph.nodes if node.kind == "matmul" and attention in gn.Graph(node))
value = mixed.inputs[1]
A = bwd[mixed.inputs[0]]
by_hand = np.swapaxes(A, -1, -2) @ bwd.error_signal(mixed)
print(f"Aᵀ δ and the graph's error signal of V differ by {np.abs(by_hand - bwd.error_signal(value)).max():.0e} at most")

# %% tags=["test"]
np.testing.assert_allclose(bwd.error_signal(value), np.swapaxes(A, -1, -2) @ bwd.error_signal(mixed))

# %% [markdown]
# What if it could not look at the 9? A number of a pass can be replaced. Then the 9 hears exactly 0, not little but nothing;
# and the answer is another.

# %%
blind = bwd[attention].copy()
blind[..., 3] = 0
p = gn.softmax(graph.outputs[0], name="p")
seen, unseen = (gn.forward(p, {"words": sentence}, replace=what)[p][0, 1] for what in [{}, {attention: blind}])
print(f"'there is a 9': {seen:.3f}, and when it can't be seen: {unseen:.3f}")

# %% tags=["test"]
np.testing.assert_array_equal(
    gn.backward(E, {"words": sentence}, replace={attention: blind}).error_signal("embed/take_1")[0, 3], 0
)
assert seen > 0.9
assert unseen < 0.1

# %% [markdown]
# ## Who may look at whom
#
# Models that write text must not look ahead: a mask sets the looks at later words to 0. Does yours? Ask the error
# signals. Send one from each place in turn, and see which words hear of it:


# %%
class Writer(Sentences):
    def forward(self, words):
        return self.layer(self.embed(words), self.mask)


mask = torch.triu(torch.full((7, 7), -torch.inf), 1).double()
writer = Writer(mask).double().eval()
graph = gn.from_torch(writer, torch.tensor(np.repeat(sentence, 2, 0)))
heard = np.zeros((7, 7))
for place in range(7):
    delta = np.zeros((1, 7, 8))
    delta[0, place] = rng.normal(size=8)
    bwd = gn.backward(graph, {"words": sentence}, delta=delta)
    heard[place] = np.linalg.norm(bwd.error_signal("embed/take_1")[0], axis=1)

figure, axes = plt.subplots(figsize=(4.2, 3.6), layout="constrained")
shown = axes.imshow(np.where(heard == 0, np.nan, heard), cmap="Reds", norm="log")
axes.set(xlabel="word", ylabel="error signal sent from place", xticks=range(7), yticks=range(7))
figure.colorbar(shown, label="size at the word (white: exactly 0)")
plt.show()

# %% tags=["test"]
assert np.all((heard == 0) == np.triu(np.ones((7, 7), bool), 1))  # no word hears of an earlier place

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** Someone puts the relu *behind* the sum: $\mathrm{relu}(x + f(x))$, as the first ResNet did. Is the
# message of the shortcut still the error signal of the output? Write the block, and look at `same`.


# %%
class Behind(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)

    def forward(self, x):
        return x + torch.relu(self.conv(x))  # change this line


def is_same(module):
    graph = gn.from_torch(module.double(), torch.zeros(2, 4, 6, 6).double())
    bwd = gn.backward(graph, {"x": np.ones((1, 4, 6, 6))}, delta=-np.ones((1, 4, 6, 6)))
    messages = {consumer.kind: message for consumer, _, message in bwd.messages(graph["x"])}
    return np.array_equal(messages["add"], bwd.error_signal(graph.outputs[0]))


torch.manual_seed(0)
print("same:", is_same(Behind()))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Where $x + f(x)$ is negative, the slope of relu is 0.
#
# </details>
#
# <details><summary>Solution</summary>
#
# No: it is stopped where the sum is negative. The path around all blocks is then no longer free. Later ResNets put the
# relu inside, for this reason.
#
# ```python
# class Behind(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
#
#     def forward(self, x):
#         return torch.relu(x + 10 * self.conv(x))
#
#
# torch.manual_seed(0)
# assert not is_same(Behind())
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** A sentence with two 9s: how do the looks share out? Put one in, and make `shares` the looks of the first
# place at the two.

# %%
two = sentence.copy()
two[0, 3] = 8  # change this line
graph = gn.from_torch(model, torch.tensor(np.repeat(sentence, 2, 0)))
attention = next(node for node in graph.nodes if node.kind == "softmax")
shares = gn.forward(graph, {"words": two})[attention].reshape(7, 7)[0][two[0] == 9]
print("looks at the 9s:", shares.round(3))

# %% [markdown]
# <details><summary>Hint</summary>
#
# `two[0, 5] = 9`. The words have no places of their own here: nothing tells the two 9s apart.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Equally: both have the same key.
#
# ```python
# two = sentence.copy()
# two[0, 5] = 9
# shares = gn.forward(graph, {"words": two})[attention].reshape(7, 7)[0][two[0] == 9]
# assert len(shares) == 2 and np.isclose(shares[0], shares[1])
# ```
#
# </details>
#
# ---
# Next: [18 · The same network in ONNX](18_the_same_network_in_onnx.ipynb).
