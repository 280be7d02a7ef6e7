"""Third set: graphs, particles, layers around others."""

from __future__ import annotations

import numpy as np

from ..record import Family, normal, positive, three, uniform

F = Family("third, graphs and layers")


@F.forward(*three(lambda n, k: (positive(n, n), normal(n, k)), (4, 3), (3, 2), (5, 1)), slots=("positive", "real"),
           span=(1e-4, 1e4))  # fmt: skip
def neighbours(w, x):
    return w / w.sum(1, keepdims=True) @ x


def neighbours_signals(d, a, w, x, degree=1.0):
    total = w.sum(1, keepdims=True)
    return (d @ x.T - degree * (d * a).sum(1, keepdims=True)) / total, (w / total).T @ d


@neighbours.right
def _(d, a, w, x):
    return neighbours_signals(d, a, w, x)


@neighbours.wrong("lost projection", "a mean over neighbours: the degree taken for a constant")
def neighbours_degree_constant(d, a, w, x):
    return neighbours_signals(d, a, w, x, degree=0.0)


@neighbours.wrong("transposed", "a mean over neighbours: the graph was thought to be undirected")
def neighbours_undirected(d, a, w, x):
    return neighbours_signals(d, a, w, x)[0], w / w.sum(1, keepdims=True) @ d


FROM, TO = np.array([0, 2, 1, 0, 2, 1]), np.array([1, 0, 1, 2, 0, 2])


@F.forward(*three(lambda n, k: (normal(n, k), normal(6)), (3, 4), (4, 2), (5, 1)), slots=("real", "real"),
           span=(1e-4, 1e4))  # fmt: skip
def messages(x, w):
    out = np.zeros_like(x * w[0])
    np.add.at(out, TO, w[:, None] * x[FROM])
    return out


def messages_back(d, w, at, read):
    out = np.zeros_like(d)
    np.add.at(out, at, w[:, None] * d[read])
    return out


@messages.right
def _(d, a, x, w):
    return messages_back(d, w, FROM, TO), (d[TO] * x[FROM]).sum(1)


@messages.wrong("wrong place", "messages: sent on along the edges, not back")
def messages_sent_on(d, a, x, w):
    return messages_back(d, w, TO, FROM), (d[TO] * x[FROM]).sum(1)


@messages.wrong("missing factor", "messages: the edges' weights forgotten on the way back")
def messages_unweighted(d, a, x, w):
    return messages_back(d, np.ones_like(w), FROM, TO), (d[TO] * x[FROM]).sum(1)


def by_target(v):
    out = np.zeros(3, v.dtype)
    np.add.at(out, TO, v)
    return out[TO]


@F.forward(normal(6), normal(6, scale=2), normal(6, scale=0.5), span=(1e-8, 30))
def edge_weights(s):
    e = np.exp(s - s.max())
    return e / by_target(e)


@edge_weights.right
def _(d, a, s):
    return a * (d - by_target(d * a))


@edge_weights.wrong("wrong axis", "weights of edges: the sum taken over the whole graph, not each node's edges")
def edge_weights_whole_graph(d, a, s):
    return a * (d - (d * a).sum())


@edge_weights.wrong("lost projection", "weights of edges: the diagonal only")
def edge_weights_diagonal(d, a, s):
    return d * a * (1 - a)


def particles(n):
    """Draw places near a lattice, none of them close together."""
    grid = np.stack(np.meshgrid(*(np.arange(2) * 1.3,) * 3, indexing="ij"), -1).reshape(-1, 3)
    return lambda rng: grid[:n] + rng.uniform(-0.15, 0.15, (n, 3))


def gaps(r):
    off = r[:, None] - r
    return off, (off**2).sum(-1) + np.eye(len(r))


@F.forward(particles(4), particles(2), particles(6), slots=("fixed",))
def energy(r):
    q = (1 - np.eye(len(r))) / gaps(r)[1] ** 3
    return 2 * (q * q - q).sum()


def forces(r):
    off, q = gaps(r)
    return off * ((1 - np.eye(len(r))) * (6 / q**4 - 12 / q**7))[..., None]


@energy.right
def _(d, a, r):
    return d * 4 * forces(r).sum(1)


@energy.wrong("constant factor", "an energy of pairs: each pair counted once in the energy, its force halved again")
def energy_half_forces(d, a, r):
    return d * 2 * forces(r).sum(1)


@energy.wrong("missing term", "an energy of pairs: the force on the first of each pair, no reaction on the second")
def energy_no_reaction(d, a, r):
    f = forces(r)
    return d * 4 * (f * np.triu(np.ones((len(r), len(r))), 1)[..., None]).sum(1)


@energy.wrong("wrong factor", "an energy of pairs: the repulsion's power taken for the attraction's, 6 for 12")
def energy_powers(d, a, r):
    off, q = gaps(r)
    return d * 4 * (off * ((1 - np.eye(len(r))) * (6 / q**4 - 6 / q**7))[..., None]).sum(1)


@F.forward(normal(3, 4), normal(5, 2), normal(2, 3, 2))
def squared_relu(z):
    return np.maximum(z, 0) ** 2


@squared_relu.right
def _(d, a, z):
    return 2 * d * np.maximum(z, 0)


@squared_relu.wrong("bound", "relu²: 2 z on both sides")
def squared_relu_both_sides(d, a, z):
    return 2 * d * z


@squared_relu.wrong("missing factor", "relu²: a mask, without the value")
def squared_relu_mask(d, a, z):
    return 2 * d * (z > 0)


@F.forward(
    *three(lambda n, i, o: (normal(n, i), normal(i, o), normal(i, 2), normal(2, o)), (4, 3, 2), (2, 5, 3), (3, 2, 4)),
    slots=("real",) * 4, span=(1e-4, 1e4),
)  # fmt: skip
def adapted(x, w, down, up):
    return x @ w + 4 * x @ down @ up


def adapted_signals(d, x, w, down, up, scale=4, low=4):
    return d @ w.T + low * d @ up.T @ down.T, x.T @ d, scale * x.T @ d @ up.T, scale * (x @ down).T @ d


@adapted.right
def _(d, a, *inputs):
    return adapted_signals(d, *inputs)


@adapted.wrong("constant factor", "an adapter of low rank: its scale forgotten on the way back")
def adapted_without_scale(d, a, *inputs):
    return adapted_signals(d, *inputs, scale=1)


@adapted.wrong("missing term", "an adapter of low rank: the input's way through it forgotten")
def adapted_base_only(d, a, *inputs):
    return adapted_signals(d, *inputs, low=0)


@F.forward(
    *three(lambda n, c, t: (normal(n, c, t), normal(n, c), normal(n, c)), (2, 3, 4), (3, 2, 2), (1, 4, 3)),
    slots=("real",) * 3,
)
def modulated(x, gain, shift):
    return x * (1 + gain[..., None]) + shift[..., None]


@modulated.right
def _(d, a, x, gain, shift):
    return d * (1 + gain[..., None]), (d * x).sum(-1), d.sum(-1)


@modulated.wrong("missing term", "modulating: the 1 of 1 + γ forgotten")
def modulated_without_one(d, a, x, gain, shift):
    return d * gain[..., None], (d * x).sum(-1), d.sum(-1)


@modulated.wrong("output for input", "modulating: γ's gradient read from the output")
def modulated_gain_of_output(d, a, x, gain, shift):
    return d * (1 + gain[..., None]), (d * a).sum(-1), d.sum(-1)


def near(v):
    wide = np.pad(v, ((0, 0), (1, 1)))
    return wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]


@F.forward(normal(3, 5), normal(2, 4), normal(4, 7))
def local_response(x):
    return x * (1 + 0.5 * near(x * x)) ** -0.75


def local_signal(d, x, others=near, power=1.75):
    s = 1 + 0.5 * near(x * x)
    return d * s**-0.75 - 0.75 * x * others(d * x * s**-power)


@local_response.right
def _(d, a, x):
    return local_signal(d, x)


@local_response.wrong("missing term", "local response: each channel's part in its own divisor, not in its neighbours'")
def local_response_own_only(d, a, x):
    return local_signal(d, x, others=lambda v: v)


@local_response.wrong("wrong factor", "local response: the power β in the second term too, where β + 1 belongs")
def local_response_power(d, a, x):
    return local_signal(d, x, power=0.75)


def lengths(x):
    return np.sqrt((x * x).sum(-1, keepdims=True))


@F.forward(normal(4, 3), normal(6, 2), normal(5, 4, scale=0.6), kinks=True, zero=False)
def at_most_one(x):
    return x / np.maximum(lengths(x), 1.5)


@at_most_one.right
def _(d, a, x):
    n = lengths(x)
    return np.where(n > 1.5, (d - x * (d * x).sum(-1, keepdims=True) / n**2) / n, d / 1.5)


@at_most_one.wrong("bound", "rows of bounded length: normalised on the way back whether or not they were too long")
def at_most_one_always(d, a, x):
    n = lengths(x)
    return (d - x * (d * x).sum(-1, keepdims=True) / n**2) / n


@at_most_one.wrong("lost projection", "rows of bounded length: what they were divided by is a constant")
def at_most_one_divisor_constant(d, a, x):
    return d / np.maximum(lengths(x), 1.5)


def kept(z):
    """Return which entries of each row a projection to the simplex keeps."""
    s = -np.sort(-z, -1)
    k = np.arange(1, z.shape[-1] + 1)
    count = (1 + k * s > np.cumsum(s, -1)).sum(-1, keepdims=True)
    bound = (np.take_along_axis(np.cumsum(s, -1), count - 1, -1) - 1) / count
    return z > bound, bound


@F.forward(normal(4, 3), normal(2, 6, scale=0.5), normal(5, 4), kinks=True)
def sparsemax(z):
    inside, bound = kept(z)
    return np.where(inside, z - bound, 0)


@sparsemax.right
def _(d, a, z):
    inside = a > 0
    return inside * (d - (d * inside).sum(-1, keepdims=True) / inside.sum(-1, keepdims=True))


@sparsemax.wrong("lost mean", "sparsemax: what is kept passes on, its mean not taken away")
def sparsemax_mask_only(d, a, z):
    return d * (a > 0)


@sparsemax.wrong("size factor", "sparsemax: the kept signals' sum divided by the length of the row")
def sparsemax_all_counted(d, a, z):
    inside = a > 0
    return inside * (d - (d * inside).sum(-1, keepdims=True) / z.shape[-1])


@F.forward(*three(lambda n, v, k: (uniform(-1, 1, n, v), normal(v, k)), (3, 4, 2), (2, 5, 3), (4, 2, 3)),
           slots=("real", "real"), span=(1e-8, 4))  # fmt: skip
def tied(x, e):
    return np.tanh(x @ e) @ e.T


def tied_signals(d, x, e, first=1, last=1):
    h = np.tanh(x @ e)
    inner = (d @ e) * (1 - h * h)
    return inner @ e.T, first * x.T @ inner + last * d.T @ h


@tied.right
def _(d, a, x, e):
    return tied_signals(d, x, e)


@tied.wrong("missing term", "a tied embedding: its use at the end only")
def tied_last_use(d, a, x, e):
    return tied_signals(d, x, e, first=0)


@tied.wrong("missing term", "a tied embedding: its use at the start only")
def tied_first_use(d, a, x, e):
    return tied_signals(d, x, e, last=0)


@F.forward(*three(lambda n, t, c: (normal(n, t, c), normal(c, c)), (2, 3, 4), (3, 2, 2), (1, 4, 3)),
           slots=("real", "real"), span=(1e-8, 30))  # fmt: skip
def excited(x, w):
    return x / (1 + np.exp(-x.mean(1) @ w))[:, None]


def excited_signals(d, x, w, path=1):
    g = 1 / (1 + np.exp(-x.mean(1) @ w))
    e = (d * x).sum(1) * g * (1 - g)
    return d * g[:, None] + path * (e @ w.T)[:, None] / x.shape[1], x.mean(1).T @ e


@excited.right
def _(d, a, x, w):
    return excited_signals(d, x, w)


@excited.wrong("detached", "squeeze and excite: the gate taken for a constant")
def excited_gate_constant(d, a, x, w):
    return excited_signals(d, x, w, path=0)


@excited.wrong("size factor", "squeeze and excite: the mean's 1/T forgotten")
def excited_sum_for_mean(d, a, x, w):
    return excited_signals(d, x, w, path=x.shape[1])
