"""Caches and state: what a rule keeps between its calls, and what it writes where it must only read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import graphnet as gn

from .record import Family, normal, three

F = Family("state")
SIZES = three(normal, (4, 3), (6,), (2, 5))
REAL2 = ("real", "real")


@F.forward(*SIZES, kinks=True)
def relu(x):
    return np.maximum(x, 0)


@relu.right
def _(delta, a, x):
    return delta * (x > 0)


@relu.wrong_pair("stale state", "layer.mask is set 'once' in forward to save time, and never again")
def relu_mask_of_first_call():
    cache = {}

    def relu(x):
        cache.setdefault("mask", x > 0)
        return np.maximum(x, 0)

    return relu, lambda delta, a, x: delta * cache["mask"]


@dataclass(frozen=True)
class CachedRelu(gn.Op):
    cache: dict = field(default_factory=dict, compare=False)

    def forward(self, x):
        self.cache["mask"] = x > 0
        return np.maximum(x, 0)

    def backward(self, delta, a, x):
        return delta * self.cache["mask"]


@relu.wrong_pair("stale state", "homework layer: self.cache holds the last forward pass, the layer is used twice")
def relu_mask_of_last_call():
    return CachedRelu()


@relu.wrong_pair("stale state", "masks memoised by shape, to allocate less")
def relu_mask_by_shape():
    cache = {}

    def relu(x):
        return np.maximum(x, 0)

    def backward(delta, a, x):
        return delta * cache.setdefault(x.shape, x > 0)

    return relu, backward


@relu.wrong("writes into arguments", "relu: dout[x <= 0] = 0 and returned")
def relu_delta_in_place(delta, a, x):
    delta[x <= 0] = 0
    return delta


@relu.wrong("writes into arguments", "relu: the input is clamped in place to serve as a mask")
def relu_input_in_place(delta, a, x):
    np.maximum(x, 0, out=x)
    return delta * (x > 0)


@relu.wrong_pair("reused buffer", "relu: one preallocated gradient buffer, returned each time")
def relu_returns_its_buffer():
    kept = {}

    def relu(x):
        return np.maximum(x, 0)

    def backward(delta, a, x):
        return np.multiply(delta, x > 0, out=kept.setdefault(x.shape, np.empty(x.shape)))

    return relu, backward


@relu.wrong_pair("stale state", "x.grad += … inside the rule, never set to zero")
def relu_accumulates():
    kept = {}

    def relu(x):
        return np.maximum(x, 0)

    def backward(delta, a, x):
        kept[x.shape] = kept.get(x.shape, 0) + delta * (x > 0)
        return kept[x.shape].copy()

    return relu, backward


@relu.wrong_pair("stale state", "warm-up: gradients are damped in the first hundred calls")
def relu_warm_up():
    calls = [0]

    def relu(x):
        return np.maximum(x, 0)

    def backward(delta, a, x):
        calls[0] += 1
        return delta * (x > 0) * min(1.0, calls[0] / 100)

    return relu, backward


@relu.wrong("not linear in delta", "gradient clipped by its norm inside the layer")
def relu_clips_norm(delta, a, x):
    return delta * (x > 0) / max(1.0, np.sqrt((delta**2).sum()))


@relu.wrong("not linear in delta", "gradient clipped to ±0.5 'against explosions'")
def relu_clips_values(delta, a, x):
    return np.clip(delta, -0.5, 0.5) * (x > 0)


@relu.wrong("not linear in delta", "sign of the gradient sent on, as in signSGD")
def relu_sends_sign(delta, a, x):
    return np.sign(delta) * (x > 0)


@F.forward(*SIZES)
def tanh(x):
    return np.tanh(x)


@tanh.right
def _(delta, a, x):
    return delta * (1 - a * a)


@tanh.wrong("writes into arguments", "tanh: a *= a to save an array")
def tanh_output_in_place(delta, a, x):
    np.multiply(a, a, out=a)
    return delta * (1 - a)


@tanh.wrong_pair("stale state", "tanh: slope stored at the first forward, when shapes are worked out")
def tanh_slope_of_first_call():
    kept = {}

    def tanh(x):
        a = np.tanh(x)
        kept.setdefault("slope", 1 - a * a)
        return a

    return tanh, lambda delta, a, x: delta * kept["slope"]


@tanh.wrong_pair("reused buffer", "tanh: forward writes each result into the same array and returns it")
def tanh_forward_buffer():
    kept = {}

    def tanh(x):
        return np.tanh(x, out=kept.setdefault(x.shape, np.empty(x.shape)))

    return tanh, lambda delta, a, x: delta * (1 - a * a)


@tanh.wrong_pair("not deterministic", "gradient noise added for regularisation")
def tanh_gradient_noise():
    rng = np.random.default_rng(0)
    return (lambda x: np.tanh(x)), lambda delta, a, x: delta * (1 - a * a) + 0.1 * rng.normal(size=x.shape)


@F.forward(
    *three(lambda *s: (normal(*s), lambda rng: rng.integers(0, 2, s) * 2.0), (4, 3), (6,), (2, 5)),
    slots=("real", "fixed"),
)
def dropout(x, mask):
    return x * mask


@dropout.right
def _(delta, a, x, mask):
    return delta * mask, delta * x


@dropout.wrong("missing factor", "dropout: the mask was used in forward only")
def dropout_no_mask(delta, a, x, mask):
    return delta, delta * x


@dropout.wrong("constant factor", "dropout: 1/keep applied in forward and in backward again")
def dropout_scaled_twice(delta, a, x, mask):
    return 2 * delta * mask, delta * x


@dropout.wrong_pair("not deterministic", "dropout: backward draws a mask of its own")
def dropout_draws_again():
    rng = np.random.default_rng(1)

    def dropout(x, mask):
        return x * mask

    def backward(delta, a, x, mask):
        return delta * rng.integers(0, 2, x.shape) * 2.0, delta * x

    return dropout, backward


@dropout.wrong_pair("not deterministic", "dropout: mask drawn in forward on each call and kept for backward")
def dropout_draws_in_forward():
    rng, kept = np.random.default_rng(2), {}

    def dropout(x, mask):
        kept["mask"] = rng.integers(0, 2, x.shape) * mask
        return x * kept["mask"]

    return dropout, lambda delta, a, x, mask: (delta * kept["mask"], delta * x)


@F.forward(*three(lambda *s: (normal(*s), normal(*s)), (4, 3), (6,), (2, 5)), slots=REAL2)
def multiply(x, y):
    return x * y


@multiply.right
def _(delta, a, x, y):
    return delta * y, delta * x


@multiply.wrong("reused buffer", "multiply: one temporary for both gradients, the second overwrites the first")
def multiply_one_temporary(delta, a, x, y):
    temporary = np.empty_like(x)
    dx = np.multiply(delta, y, out=temporary)
    dy = np.multiply(delta, x, out=temporary)
    return dx, dy


@multiply.wrong("writes into arguments", "multiply: delta *= y, and dy computed from what is left of it")
def multiply_delta_in_place(delta, a, x, y):
    dx = np.multiply(delta, y, out=delta)
    return dx, delta * x


@multiply.wrong_pair("stale state", "multiply: saved tensors of the last call only, as class attributes")
def multiply_saved_on_class():
    class Saved:
        x = y = None

    def multiply(x, y):
        Saved.x, Saved.y = x, y
        return x * y

    return multiply, lambda delta, a, x, y: (delta * Saved.y, delta * Saved.x)


@F.forward(*three(normal, (6, 3), (4, 2), (8, 4)), span=(1e-1, 1e6), zero=False)
def standardise(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)


@standardise.right
def _(delta, a, x):
    return (delta - delta.mean(0) - a * (delta * a).mean(0)) / np.sqrt(x.var(0) + 1e-5)


@standardise.wrong_pair("stale state", "batch norm: backward divides by the running variance")
def standardise_running_variance():
    kept = {}

    def standardise(x):
        kept["var"] = 0.9 * kept.get("var", 1.0) + 0.1 * x.var(0)
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)

    def backward(delta, a, x):
        return (delta - delta.mean(0) - a * (delta * a).mean(0)) / np.sqrt(kept["var"] + 1e-5)

    return standardise, backward


@standardise.wrong_pair("stale state", "batch norm: forward normalises by running statistics that it moves")
def standardise_running_forward():
    kept = {"mean": 0.0}

    def standardise(x):
        kept["mean"] = 0.5 * kept["mean"] + 0.5 * x.mean(0)
        return (x - kept["mean"]) / np.sqrt(x.var(0) + 1e-5)

    def backward(delta, a, x):
        return (delta - delta.mean(0) - a * (delta * a).mean(0)) / np.sqrt(x.var(0) + 1e-5)

    return standardise, backward


@F.forward(*SIZES)
def pass_on(x):
    return x * 1.0


@pass_on.right
def _(delta, a, x):
    return delta * 1.0


@pass_on.wrong("sign", "gradient reversal layer left in")
def pass_on_reversed(delta, a, x):
    return -delta


@pass_on.wrong("no signal", "detach() left in after debugging")
def pass_on_detached(delta, a, x):
    return np.zeros_like(x)
