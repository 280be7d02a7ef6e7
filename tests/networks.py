"""Networks that between them use every family of ops, settings, scopes, constants and dtypes."""

from dataclasses import MISSING, fields
from inspect import signature

import numpy as np

import graphnet as gn
from graphnet.core.op import Op
from graphnet.core.registry import OPS
from graphnet.ops.comparisons import Stepwise
from graphnet.ops.elementwise import Elementwise


def layers():
    x, t = gn.input("x", shape=(4, 3)), gn.input("t", shape=(4, 2))
    with gn.scope("hidden"):
        a = gn.tanh(x @ parameter("W", (3, 5)) + parameter("b", (5,)), name="a")
        with gn.scope("inner"):
            a = gn.leaky_relu(a @ parameter("W", (5, 2)), slope=0.125)
    return gn.sse(gn.sigmoid(a), t, name="E")


def activations():
    z = parameter("z", (4, 3))
    parts = [gn.identity(z), gn.relu(z), gn.softplus(z), gn.polynomial(z, [0.1, -2.0, 1 / 3]), gn.softmax(z, axis=0)]
    return gn.sum(gn.concatenate([*parts, gn.log_softmax(z)], axis=1), name="E")


def arithmetic():
    z, y = parameter("z", (4, 3)), parameter("y", (4, 1))
    a = z * z - y / 2.0 + gn.exp(z) ** 0.5 + gn.sqrt(gn.square(z) + 1.0) + gn.log(gn.abs(z) + 1e-3) + np.sin(z)
    return gn.mean(gn.negative(a) * np.float64(0.1))


def elementwise():
    z = parameter("z", (4, 3))
    terms = [np.expm1(z), np.log1p(z * z), np.cos(z), np.sinh(z), np.cosh(z), np.reciprocal(z), np.sign(z)]
    terms += [np.zeros_like(z), np.ones_like(z), gn.where((z != 0) | (z >= 1) & ~(z == 2), z, 0.0)]
    terms += [gn.where((z < 1) & (z <= 1), z, 1.0)]
    return gn.sum(sum(terms[1:], terms[0]), name="E")


def every_function_of_a_number():
    z = gn.parameter("between_0_and_1", np.linspace(0.1, 0.9, 12).reshape(4, 3))
    kinds = [kind for kind in OPS.values() if issubclass(kind, Elementwise) and all(map(has_default, fields(kind)))]
    smooth = [kind() for kind in kinds if kind.backward is not Op.backward and not issubclass(kind, Stepwise)]
    of_one = [op for op in smooth if len(signature(op.forward).parameters) == 1]
    terms = [op(1 + z if isinstance(op, gn.ops.Arccosh) else z) for op in of_one]
    return gn.sum(sum(terms, z), name="E")


def has_default(setting):
    return setting.default is not MISSING


def shaping():
    z = parameter("z", (4, 3))
    turned = gn.transpose(gn.reshape(z.T, (2, 6))[:, ::-2][..., np.newaxis], (2, 0, 1))  # (1, 2, 3)
    spread = gn.broadcast_to(np.squeeze(np.expand_dims(z[0, :1], (0, 2)), (0, 2)), (3,))
    picked = gn.take(z, [[1], [3]], axis=0)[:, 0, 1:]
    return gn.sum(turned * spread) + gn.mean(gn.concatenate([picked, picked], axis=1))


def words_of_shape():
    z = parameter("z", (4, 3))
    padded = np.pad(np.roll(z, 1, axis=0), ((0, 0), (1, 0)))
    paired = z[[0, 3], [1, 2]] * z[:, 0][np.array([True, False, False, True])]
    return gn.sum(padded) + gn.sum(
        paired * np.take_along_axis(z, np.array([[1], [0], [2], [0]]), 1)[:2, 0]
    ) / gn.batch_size(z)


def words_of_mathematics():
    z, y = parameter("z", (4, 3)), parameter("y", (4, 3))
    m = z.T @ z + np.eye(3)
    sign, size = np.linalg.slogdet(m)
    of_matrices = [np.linalg.inv(m), np.linalg.solve(m, z.T), np.linalg.det(m), sign, size, np.linalg.cholesky(m)]
    of_matrices += [
        np.linalg.matrix_power(m, 3),
        np.linalg.norm(z),
        np.trace(m),
        np.tril(z),
        np.triu(z),
        np.diag(z[:, 0]),
    ]
    of_matrices += [np.diagonal(z), np.outer(z[0], y[1]), np.kron(z, y[:2]), np.cross(z, y), np.vdot(z, y)]
    of_matrices += [np.einsum("ij,kj->ik", z, y)]
    along = [np.cumsum(z, 0), np.cumprod(z, 1), np.prod(z, 1), np.sort(z, 0), np.median(z, 0), np.quantile(z, 0.3, 0)]
    along += [
        np.percentile(z, 40, 1),
        np.std(z, 0),
        np.var(z, 1),
        np.ptp(z, 0),
        gn.logsumexp(z, 1),
        np.quantile(z, [0.2, 0.7], 1),
    ]
    pairs = [
        np.arctan2(z, y),
        np.logaddexp(z, y),
        np.logaddexp2(z, y),
        np.fmod(z, 0.7),
        z % 0.7,
        z // 0.7,
        np.heaviside(z, y),
    ]
    steps = [np.ceil(z), np.floor(z), np.rint(z), np.trunc(z), np.deg2rad(z), np.rad2deg(z), np.count_nonzero(z, 0)]
    truths = [np.isnan(z), np.isinf(z), np.isclose(z, y), np.signbit(z), np.logical_xor(z > 0, y > 0)]
    truths += [np.all(z > 0, 0), np.any(z > 0, 1)]
    picked = gn.take(y[:, 0], np.argmax(z, 0)) * gn.take(y[:, 1], np.argsort(z, 0)[0])
    terms = [gn.sum(each) for each in [*of_matrices, *along, *pairs, *steps, picked]]
    return gn.add(sum(terms[1:], terms[0]), sum(gn.sum(gn.where(each, 1.0, 0.5)) for each in truths), name="E")


def choices():
    z, mask, picked = parameter("z", (4, 3)), gn.input("mask", (4, 3), dtype=bool), gn.input("p", (2,), dtype=int)
    a = gn.where(mask & (z > 0) | ~(z <= -1), gn.maximum(z, 0.5), gn.minimum(z, z.mean()))
    return gn.sum(gn.where([True, False, True], a, 2 * a)) + gn.max(gn.take(z, picked), axis=(0, 1))


def losses():
    z, t = parameter("z", (4, 3)), gn.input("t", shape=(4, 3))
    kinds = [gn.mse, gn.binary_cross_entropy, gn.cross_entropy]
    terms = [kind(z, t, name=kind.__name__) for kind in kinds]
    return terms[0] + terms[1] * terms[2]


def neural():
    z, t, mask = parameter("z", (4, 3)), gn.input("t", shape=(4, 3)), gn.input("mask", (4, 3), dtype=bool)
    a = gn.attention(gn.rms_norm(z), gn.group_norm(z[:3]), z[:3], mask)
    return gn.huber(a, t, 0.5) + gn.hinge(z, t) * gn.kl_divergence(z, gn.smooth_labels(t))


def images():
    z, mask = parameter("z", (4, 3)), gn.input("mask", (4, 3), dtype=bool)
    x = gn.reshape(gn.layer_norm(gn.dropout(z, mask, rate=0.25)), (1, 1, 4, 3))
    a = gn.batch_norm(gn.conv2d(x, parameter("W", (2, 1, 2, 3)), stride=(1, 2), padding=(0, 1)))  # (1, 2, 3, 2)
    signal = gn.conv1d(a[:, :, 0], parameter("K", (2, 1, 2)), padding=1, groups=2)
    a = a + gn.avg_pool2d(a, size=3, stride=1, padding=1) + gn.mean(signal)
    return gn.mean(gn.max_pool2d(a, size=(2, 1), stride=1)) + gn.accuracy(z, gn.tanh(z))


def single_precision():
    w = gn.parameter("w", np.float32([0.1, -1e-30, 3.0]))
    return gn.sum(gn.tanh(w) * gn.constant(np.float32([1.0, 2.0, 0.3]), name="c"))


def parameter(name, shape):
    rng = np.random.default_rng(sum(map(ord, name)) + len(shape))
    return gn.parameter(name, rng.normal(size=shape))


FEEDS = {
    "x": np.random.default_rng(1).normal(size=(4, 3)),
    "t": np.random.default_rng(2).uniform(size=(4, 3)),
    "mask": np.random.default_rng(3).uniform(size=(4, 3)) > 0.5,
    "p": np.array([3, 1]),
}
NETWORKS = [
    layers,
    activations,
    arithmetic,
    elementwise,
    every_function_of_a_number,
    shaping,
    words_of_shape,
    words_of_mathematics,
    choices,
    losses,
    neural,
    images,
    single_precision,
]


def feeds_of(graph):
    return {node.name: FEEDS[node.name][tuple(map(slice, node.shape))] for node in graph.inputs}


def backward_pass(E):
    """The gradients as a graph; one output twice, as where two parameters have the same gradient."""
    gradients = gn.gradients(E, gn.Graph(E).parameters)
    return gn.Graph(*gradients, gradients[0])
