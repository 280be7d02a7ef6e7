# %% [markdown]
# # 15 · From a laptop to a mesh
#
# One day a network outgrows the machine. Then it should not have to be written again, least of all its **rules**. Here the
# same graph moves from NumPy to JAX, and from one device to eight, and at every step we check that it is still the same
# network.
#
# You need `pip install -e ".[jax]"`. The eight devices are simulated on this processor: that must be said before JAX is
# loaded.

# %%
import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import re

import jax
import numpy as np
from jax.sharding import Mesh

import graphnet as gn

jax.config.update("jax_enable_x64", True)
print(jax.device_count(), "devices")

# %% [markdown]
# ## A network with a rule of our own


# %%
@gn.op
def bent(z):
    return z / np.sqrt(1 + z * z)


@bent.backward
def bent_backward(delta, a, z):
    return delta * (1 + z * z) ** -1.5


def network(units=12):
    """Return E and the data: is a point inside a ring?"""
    rng = np.random.default_rng(0)
    x, t = gn.input("x", (None, 2)), gn.input("t", (None, 1))
    a = bent(x @ gn.parameter("W", rng.normal(size=(2, units))) + gn.parameter("b", rng.normal(size=units)))
    E = gn.binary_cross_entropy(a @ gn.parameter("V", rng.normal(size=(units, 1))), t, name="E") / gn.batch_size(x)
    X = rng.normal(size=(300, 2))
    return E, {x: X, t: (np.hypot(*X.T) < 1.2).astype(float)[:, None]}


E, data = network()
bwd = gn.backward(E, data)
print("E =", bwd[E].round(6))

# %% [markdown]
# ## The same graph as a function of JAX
#
# `gn.to_jax(E)` runs the forward rule of each node, and then the backward rules in reverse order: the very loop
# of [the five steps](05_the_five_steps.ipynb). Only the arrays are others. They behave as NumPy's do, and while the
# rules run, JAX writes down what they compute.

# %%
parameters = {each.name: each.value for each in gn.Graph(E).parameters}
feeds = {each.name: array for each, array in data.items()}
step = gn.to_jax(E)
loss, gradients = jax.jit(step)(parameters, feeds)

print("E and all gradients agree, the bent rule's too")

# %% tags=["test"]
np.testing.assert_allclose(loss, bwd[E], rtol=1e-12)
for name, gradient in gradients.items():
    np.testing.assert_allclose(gradient, bwd.gradients[name], atol=1e-12)

# %% [markdown]
# What it wrote down is a program, as long as the rules are, and JAX may do with it what it does with any other. One thing
# that our two passes have no word for: the gradient of **each sample** by itself, by `vmap`.


# %%
def of_one(x, t):
    return step(parameters, {"x": x[None], "t": t[None]})[1]


each = jax.vmap(of_one)(feeds["x"], feeds["t"])
print({name: array.shape for name, array in each.items()})

# %% tags=["test"]
for name, gradient in gradients.items():
    np.testing.assert_allclose(each[name].mean(axis=0), gradient, atol=1e-12)

# %% [markdown]
# ## What can't be written down
#
# While JAX listens there are no numbers yet. A rule that looks at them, or puts entries into an array one by one, can't be
# traced. It is named, with its line:


# %%
@gn.op
def one_by_one(z):
    out = np.empty(z.shape)
    for i in range(len(z)):
        out[i] = 2 * z[i]
    return out


one_by_one.backward(lambda delta, a, z: 2 * delta)
w = gn.parameter("w", [1.0, 2.0])
mine = gn.sum(one_by_one(w, name="mine"))
try:
    gn.to_jax(mine)({"w": w.value}, {})
except gn.errors.OpaqueError as error:
    message = str(error)
print(re.sub(r"\(.*?:(\d+)\)", "", message.splitlines()[0]))

# %% tags=["test"]
assert "one_by_one 'mine'" in message

# %% [markdown]
# It can be called as it is, on the host, at the price of the way there and back: `opaque="callback"`.

# %%
value, slopes = gn.to_jax(mine, opaque="callback")({"w": w.value}, {})
print(value, slopes["w"])

# %% tags=["test"]
assert float(value) == 6.0
assert slopes["w"].tolist() == [2.0, 2.0]

# %% [markdown]
# ## Eight devices
#
# `fit` takes an engine. A batch is cut into eight parts, each device finds the gradients of its part, and their sum, one
# call of *all-reduce*, is what a single device would have found. Batches of 64 leave 44 samples at the end, which eight
# doesn't divide: that changes no number.


# %%
def trained(engine):
    E, data = network()
    history = gn.fit(
        E, data, optimizer=gn.Adam(0.05), epochs=20, batch_size=64, rng=np.random.default_rng(1), engine=engine
    )
    return history, {each.name: each.value for each in gn.Graph(E).parameters}


alone, on_one = trained("numpy")
together, on_eight = trained(gn.JaxEngine())
print(alone, "by", alone.engine)
print(together, "by", together.engine)

# %% tags=["test"]
np.testing.assert_allclose(together.loss, alone.loss, rtol=1e-10)
for name, value in on_one.items():
    np.testing.assert_allclose(on_eight[name], value, atol=1e-10)

# %% [markdown]
# ## A mesh
#
# With more axes than one, devices are a **mesh**. The first axis cuts the batch; along the second each parameter is cut, so
# that none of the devices holds all of it. So it is with networks that fit into no device. The numbers stay.

# %%
mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("samples", "units"))
_, on_mesh = trained(gn.JaxEngine(mesh=mesh))
print(mesh.shape)

# %% tags=["test"]
for name, value in on_one.items():
    np.testing.assert_allclose(on_mesh[name], value, atol=1e-10)

# %% [markdown]
# ## When not to
#
# All this has a price: each program is compiled, and a step on devices begins with a journey. For a network as small as
# this NumPy is done before JAX has begun, and `engine="auto"` knows it.

# %%
print(trained("auto")[0].engine)

# %% [markdown]
# ## Many machines
#
# Nothing changes but how it is started. On each machine the same command, with its own number:
#
# ```bash
# graphnet train net.py:network --engine jax --coordinator node0:4321 --processes 2 --process 0 -o net.gn
# graphnet train net.py:network --engine jax --coordinator node0:4321 --processes 2 --process 1
# ```
#
# The first one saves. When one of them dies, the other ends with an error within half a minute.
#
# **Exercise.** What must be sent from device to device in each step? Write a function that returns how many bytes are
# summed over all devices, for a network and its batch size. Think of what each of them knows, and what it lacks.


# %%
def bytes_sent(E, samples):
    return 0  # change this


for units in (4, 12):
    for samples in (64, 128):
        E, _ = network(units)
        told = sum(each.value.nbytes for each in gn.Graph(E).parameters)
        given = bytes_sent(E, samples)
        print(f"{units} units, {samples} samples:", "right" if given == told else f"not {given}")

# %% [markdown]
# <details><summary>Hint</summary>
#
# Each device has all parameters, and its own samples. What does it need to know of the others' samples?
#
# </details>
#
# <details><summary>Solution</summary>
#
# Only what they add to the gradients: as many numbers as there are parameters, **whatever the batch size**. (The loss comes
# along, one number more.) That is why training by large batches scales to many machines.
#
# ```python
# def bytes_sent(E, samples):
#     return sum(each.value.nbytes for each in gn.Graph(E).parameters)
#
#
# E, _ = network(4)
# assert bytes_sent(E, 64) == bytes_sent(E, 128) == 8 * (2 * 4 + 4 + 4)
# ```
#
# </details>
#
# ---
# Next: [16 · Find the wrong rule in a PyTorch model](16_find_the_wrong_rule.ipynb).
