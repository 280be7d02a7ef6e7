# %% [markdown]
# # 16 · Find the wrong rule in a PyTorch model
#
# You wrote a layer for PyTorch, with a backward rule of your own. The model trains, somehow. Is the rule right? And if
# it isn't: which one, where, and what is wrong with it?
#
# You need PyTorch for this: `pip install torch`. graphnet judges the rules where they are; nothing has to be rewritten.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import graphnet as gn

# %% [markdown]
# ## A model with two rules of its own
#
# `Swish` is $a = z\,\sigma(z)$. `RMSNorm` divides each row by its size, $a = z / r$ with $r = \sqrt{\text{mean}(z^2)}$.
# One of the two backward rules is wrong. Can you see it?


# %%
class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        s = torch.sigmoid(z)
        ctx.save_for_backward(z, s)
        return z * s

    @staticmethod
    def backward(ctx, delta):
        z, s = ctx.saved_tensors
        return delta * (s + z * s * (1 - s))


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        r = torch.sqrt((z * z).mean(-1, keepdim=True))
        ctx.save_for_backward(z, r)
        return z / r

    @staticmethod
    def backward(ctx, delta):
        return delta / ctx.saved_tensors[1]


class Model(torch.nn.Module):
    def __init__(self, norm=RMSNorm):
        super().__init__()
        self.norm = norm
        self.first, self.second, self.out = (torch.nn.Linear(*size) for size in [(2, 16), (16, 16), (16, 1)])

    def forward(self, x):
        hidden = Swish.apply(self.norm.apply(self.first(x)))
        hidden = Swish.apply(self.norm.apply(self.second(hidden)))
        return self.out(hidden)


# %% [markdown]
# ## It trains
#
# Two arms of a spiral are to be told apart. Nothing crashes, no warning, and the error falls:

# %%
rng = np.random.default_rng(0)
turn, arm = rng.uniform(0.5, 3 * np.pi, 200), rng.integers(0, 2, 200)
X = np.stack([turn * np.cos(turn + np.pi * arm), turn * np.sin(turn + np.pi * arm)], axis=1) / 5
T = arm[:, None].astype(float)


def train(norm, epochs=600):
    torch.manual_seed(1)
    model, x, t = Model(norm).double(), torch.tensor(X), torch.tensor(T)
    optimizer, errors = torch.optim.Adam(model.parameters(), lr=0.003), []
    for _ in range(epochs):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    return errors


suspicious = train(RMSNorm)
print(f"the error falls from {suspicious[0]:.3f} to {suspicious[-1]:.3f}")

# %% tags=["test"]
assert suspicious[-1] < 0.7 * suspicious[0]

# %% [markdown]
# ## Which rule is it?
#
# `gn.check_torch` runs the model once, notes every rule of yours that is called on the way, and measures each of them
# **at the numbers of this pass**, by nudging its inputs. Then it measures the whole model, end to end.

# %%
torch.manual_seed(0)
report = gn.check_torch(Model(), X[:4])
wrong = {line.node.op.name for line in report.failures if line.node.op is not None}
gn.draw(report)

# %% tags=["test"]
assert wrong == {"RMSNorm"}

# %% [markdown]
# There it is: `RMSNorm` is wrong, both times it is called. `Swish` is right. End to end, the gradients of both layers
# below a norm are wrong *too*, which is no fault of theirs; those of the last layer are right, as no `RMSNorm` lies
# between them and the end.
#
# A check of the whole alone could only say: "something is wrong". That is what PyTorch's own says, two tables of numbers:

# %%
x = torch.tensor(X[:1], requires_grad=True)
try:
    torch.autograd.gradcheck(RMSNorm.apply, x)
except RuntimeError as error:
    print(str(error).strip())

# %% [markdown]
# ## What is wrong with it?
#
# One rule alone, at numbers that we choose: `gn.check_op` takes the class as it is.

# %%
alone = gn.check_op(RMSNorm, rng.normal(size=(5, 3)))
print("\n".join(line for line in alone.verdict.splitlines() if "looks like" in line).strip())

# %% tags=["test"]
assert not alone.ok
assert "the right one has no part along output" in str(alone)

# %% [markdown]
# *The right one has no part along the output.* Now we can think. A row's output always has the same size: if $z$ grows
# along itself, $a$ does not move at all. So nothing can come back in the direction of $a$. Here it is for rows of two
# numbers: outputs lie on a circle, and what comes back must be a tangent to it.

# %%
z = torch.tensor([[2.0, 1.0], [-1.0, 2.0], [-1.5, -1.5], [1.5, -2.0]], requires_grad=True, dtype=torch.float64)
a = RMSNorm.apply(z)
delta = torch.tensor([[0.7, 0.8], [0.6, 0.6], [-0.9, 0.2], [0.2, 0.9]], dtype=torch.float64)
(sent,) = torch.autograd.grad(a, z, delta)
a, r = a.detach().numpy(), np.sqrt((z.detach().numpy() ** 2).mean(1, keepdims=True))
measured = (delta.numpy() - a * (a * delta.numpy()).mean(1, keepdims=True)) / r  # δ without its part along a, over r

figure, axes = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
axes.add_patch(plt.Circle((0, 0), np.sqrt(2), fill=False, color="0.7"))
for arrows, colour, name in [(sent.numpy(), "#B91C1C", "sent by the rule"), (measured, "#15803D", "a tangent")]:
    axes.quiver(*a.T, *arrows.T, color=colour, label=name, angles="xy", scale_units="xy", scale=0.8, width=0.008)
axes.plot(*a.T, "o", color="0.2", label="outputs a")
axes.set(xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal")
axes.legend(frameon=False, loc="upper center", ncols=3, fontsize=8)
plt.show()

# %% tags=["test"]
np.testing.assert_allclose((a * measured).sum(1), 0, atol=1e-15)  # at right angles to a
assert np.abs((a * sent.numpy()).sum(1)).min() > 0.1  # and this is not

# %% [markdown]
# ## Mend it, and check again
#
# The part of δ along the output goes away: $\;\delta_z = (\delta - a \cdot \text{mean}(a\,\delta)) / r$.


# %%
class Mended(RMSNorm):
    @staticmethod
    def backward(ctx, delta):
        z, r = ctx.saved_tensors
        a = z / r
        return (delta - a * (a * delta).mean(-1, keepdim=True)) / r


gn.check_op(Mended, rng.normal(size=(5, 3))).raise_if_failed()
report = gn.check_torch(Model(Mended), X[:4])
print(report.verdict)

# %% tags=["test"]
assert report.ok

# %% [markdown]
# ## What the fault had cost
#
# Same start, same data, same learning rate:

# %%
mended = train(Mended)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for errors, colour, name in [(suspicious, "#B91C1C", "wrong rule"), (mended, "#15803D", "right rule")]:
    axes.plot(errors, color=colour)
    axes.annotate(f" {name}: {errors[-1]:.2f}", (len(errors), errors[-1]), color=colour, va="center")
axes.set(xlabel="epoch", ylabel="error", xlim=(0, 780))
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% tags=["test"]
assert mended[-1] < suspicious[-1] / 5

# %% [markdown]
# A wrong gradient still points *somewhat* downhill. That is why such faults live for years.
#
# In your tests it is one line: `gn.check_torch(model, *inputs).raise_if_failed()`. JAX has the same:
# `gn.check_jax(function, *inputs)` judges every `custom_vjp`, and `gn.check_op` takes such a function too.

# %% [markdown]
# ## Your turn
#
# **Exercise 1.** This layer is $z = xW + b$. The check says what is wrong; mend `backward`.


# %%
class Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b):
        ctx.save_for_backward(x, W)
        return x @ W + b

    @staticmethod
    def backward(ctx, delta):
        x, W = ctx.saved_tensors
        return delta @ W.T, x.T @ delta, delta.mean(0)


arrays = rng.normal(size=(5, 2)), rng.normal(size=(2, 3)), rng.normal(size=3)
verdict = gn.check_op(Layer, *arrays).verdict
print("\n".join(line for line in verdict.splitlines() if "is written at" not in line))

# %% [markdown]
# <details><summary>Hint</summary>
#
# $b$ is added to each of the five rows, so each of the five sends a message back. What happens to the messages of several
# consumers?
#
# </details>
#
# <details><summary>Solution</summary>
#
# They add up: a sum over the batch, no mean.
#
# ```python
# class Right(Layer):
#     @staticmethod
#     def backward(ctx, delta):
#         x, W = ctx.saved_tensors
#         return delta @ W.T, x.T @ delta, delta.sum(0)
#
#
# gn.check_op(Right, *arrays).raise_if_failed()
# ```
#
# </details>

# %% [markdown]
# **Exercise 2.** Write the backward rule of a huber error: $\frac12 d^2$ where $|d| \le 1$, and $|d| - \frac12$ elsewhere,
# summed, with $d = a - t$.


# %%
class Huber(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, t):
        d = a - t
        ctx.save_for_backward(d)
        return torch.where(d.abs() <= 1, d * d / 2, d.abs() - 0.5).sum()

    @staticmethod
    def backward(ctx, delta):
        (d,) = ctx.saved_tensors
        return delta * d, -delta * d  # change this line


points = np.array([0.3, -0.7, 2.0, -3.0]), np.zeros(4)
verdict = gn.check_op(Huber, *points).verdict
print("\n".join(line for line in verdict.splitlines() if "is written at" not in line))

# %% [markdown]
# <details><summary>Hint</summary>
#
# The slope of $|d| - \frac12$ is 1 or −1. `torch.clamp` cuts numbers off.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# class RightHuber(Huber):
#     @staticmethod
#     def backward(ctx, delta):
#         (d,) = ctx.saved_tensors
#         slope = torch.clamp(d, -1, 1)
#         return delta * slope, -delta * slope
#
#
# gn.check_op(RightHuber, *points).raise_if_failed()
# ```
#
# </details>
#
# ---
# Next: [17 · The error signals of a ResNet and a transformer](17_error_signals_of_two_networks.ipynb).
