"""Sixth set: gathering and scattering, sorting, scans, recurrent cells."""

from __future__ import annotations

import numpy as np

from ..record import Family, ints, normal, positive, simplex, three, uniform

F = Family("sixth, gathers, sorts, scans")


def sigmoid(z):
    return (1 + np.tanh(z / 2)) / 2


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@F.forward(*three(lambda r, k, b, n: (normal(r, k), ints(r, b, n), normal(b, n)), (4, 3, 2, 5), (3, 2, 3, 4), (5, 1, 2, 3)),
           slots=("real", "fixed", "real"))  # fmt: skip
def weighted_bag(table, index, weight):
    return (weight[..., None] * table[index]).sum(1)


def weighted_bag_table(d, table, index, weight):
    out = np.zeros_like(table)
    np.add.at(out, index, weight[..., None] * d[:, None])
    return out


@weighted_bag.right
def _(d, a, table, index, weight):
    return weighted_bag_table(d, table, index, weight), None, (d[:, None] * table[index]).sum(-1)


@weighted_bag.wrong("missing factor", "a bag of embeddings: the weights forgotten on the way to the table")
def weighted_bag_unweighted(d, a, table, index, weight):
    return weighted_bag_table(d, table, index, np.ones_like(weight)), None, (d[:, None] * table[index]).sum(-1)


@weighted_bag.wrong("size factor", "a bag of embeddings: the weight's signal a mean over the features")
def weighted_bag_weight_mean(d, a, table, index, weight):
    return weighted_bag_table(d, table, index, weight), None, (d[:, None] * table[index]).mean(-1)


@weighted_bag.wrong(
    "overwritten", "a bag of embeddings: table[index] += …, where an index that comes twice counts once"
)
def weighted_bag_written(d, a, table, index, weight):
    out = np.zeros_like(table)
    out[index] += weight[..., None] * d[:, None]
    return out, None, (d[:, None] * table[index]).sum(-1)


@F.forward(*three(lambda r, k, b, n: (normal(r, k), ints(r, b, n)), (4, 3, 2, 3), (5, 2, 3, 2), (6, 4, 2, 4)),
           slots=("real", "fixed"), kinks=True, ties=False, zero=False)  # fmt: skip
def largest_of_bag(table, index):
    return table[index].max(1)


@largest_of_bag.right
def _(d, a, table, index):
    out = np.zeros_like(table)
    rows = np.take_along_axis(index, table[index].argmax(1), 1)
    np.add.at(out, (rows, np.arange(table.shape[1])), d)
    return out, None


@largest_of_bag.wrong("missing factor", "largest of a bag: the signal of the mean, to all rows alike")
def largest_of_bag_as_mean(d, a, table, index):
    out = np.zeros_like(table)
    np.add.at(out, index, np.repeat(d[:, None] / index.shape[1], index.shape[1], 1))
    return out, None


@largest_of_bag.wrong("wrong place", "largest of a bag: the place in the bag taken for the row of the table")
def largest_of_bag_local_place(d, a, table, index):
    out = np.zeros_like(table)
    np.add.at(out, (table[index].argmax(1), np.arange(table.shape[1])), d)
    return out, None


@F.forward(*three(lambda r, k, n: (normal(r, k), ints(r, n), normal(n, k)), (3, 2, 5), (4, 3, 4), (2, 1, 3)),
           slots=("real", "fixed", "real"))  # fmt: skip
def added_at(base, index, source):
    out = base + np.zeros_like(source, shape=())
    np.add.at(out, index, 0.5 * source)
    return out


@added_at.right
def _(d, a, base, index, source):
    return d, None, 0.5 * d[index]


@added_at.wrong("constant factor", "added at places: the factor of what is added forgotten")
def added_at_no_factor(d, a, base, index, source):
    return d, None, d[index]


@added_at.wrong("some entries", "added at places: the base cleared where something was added, as if it was set")
def added_at_base_cleared(d, a, base, index, source):
    db = d.copy()
    db[index] = 0
    return db, None, 0.5 * d[index]


@F.forward(normal(6), normal(6, scale=3), normal(6, scale=0.3), span=(1e-4, 30.0))
def log_sums_of_groups(z):
    return np.stack([np.log(np.exp(part - part.max()).sum()) + part.max() for part in np.split(z, [1, 4])])


@log_sums_of_groups.right
def _(d, a, z):
    return np.repeat(d, [1, 3, 2]) * np.exp(z - np.repeat(a, [1, 3, 2]))


@log_sums_of_groups.wrong("wrong factor", "log sums of groups: shares of the whole, not of the group")
def log_sums_of_whole(d, a, z):
    return np.repeat(d, [1, 3, 2]) * softmax(z)


@log_sums_of_groups.wrong("wrong place", "log sums of groups: the starts of the groups one too early")
def log_sums_early_starts(d, a, z):
    return np.repeat(d, [1, 2, 3]) * np.exp(z - np.repeat(a, [1, 3, 2]))


@F.forward(normal(3, 5), normal(6), normal(2, 2, 4))
def running_mean(x):
    return np.cumsum(x, -1) / np.arange(1, x.shape[-1] + 1)


def from_the_end(d):
    return np.cumsum(d[..., ::-1], -1)[..., ::-1]


@running_mean.right
def _(d, a, x):
    return from_the_end(d / np.arange(1, x.shape[-1] + 1))


@running_mean.wrong("row factor", "running mean: divided after it was summed from the end, not before")
def running_mean_divided_after(d, a, x):
    return from_the_end(d) / np.arange(1, x.shape[-1] + 1)


@running_mean.wrong("wrong axis", "running mean: summed from the first on")
def running_mean_forwards(d, a, x):
    return np.cumsum(d / np.arange(1, x.shape[-1] + 1), -1)


def faded(x, logit):
    keep, out, level = sigmoid(logit), [], np.zeros_like(x[0])
    for now in x:
        level = keep * level + (1 - keep) * now
        out.append(level)
    return np.stack(out)


@F.forward(*three(lambda t, c: (normal(t, c), normal(c)), (5, 3), (4, 2), (7, 1)), slots=("real", "fixed"))
def fading(x, logit):
    return faded(x, logit)


def fading_signals(d, a, x, logit, slope=True, state=None, input_path=1.0):
    keep, sent, dx, dk = sigmoid(logit), np.zeros_like(logit), np.zeros_like(x), np.zeros_like(logit)
    before = np.concatenate([np.zeros_like(a[:1]), a[:-1]]) if state is None else state
    for t in range(len(x) - 1, -1, -1):
        sent = d[t] + keep * sent
        dx[t] = (1 - keep) * sent
        dk += sent * (before[t] - input_path * x[t])
    return dx, dk * (keep * (1 - keep) if slope else 1)


@fading.right
def _(d, a, x, logit):
    return fading_signals(d, a, x, logit)


@fading.wrong("missing factor", "fading with a trained rate: the slope of the sigmoid around it forgotten")
def fading_no_sigmoid_slope(d, a, x, logit):
    return fading_signals(d, a, x, logit, slope=False)


@fading.wrong("wrong place", "fading with a trained rate: the state after the step for the one before")
def fading_state_after(d, a, x, logit):
    return fading_signals(d, a, x, logit, state=a)


@fading.wrong("missing term", "fading with a trained rate: 1 − rate in front of the input taken for a constant")
def fading_input_share_held(d, a, x, logit):
    return fading_signals(d, a, x, logit, input_path=0.0)


def memory(k, v, beta):
    state, states = np.zeros((v.shape[1], k.shape[1]), np.result_type(k, v)), []
    for t in range(len(k)):
        states.append(state)
        state = state + beta[t] * np.outer(v[t] - state @ k[t], k[t])
    return state, states


@F.forward(*three(lambda t, n, m: (normal(t, n), normal(t, m), uniform(0.1, 0.9, t)), (3, 2, 3), (4, 3, 2), (2, 4, 1)),
           slots=("fixed", "real", "fixed"))  # fmt: skip
def delta_memory(k, v, beta):
    return memory(k, v, beta)[0]


def delta_memory_signals(d, k, v, beta, read=1.0, forget=1.0):
    states, sent = memory(k, v, beta)[1], d
    dk, dv, db = np.zeros_like(k), np.zeros_like(v), np.zeros_like(beta)
    for t in range(len(k) - 1, -1, -1):
        off = v[t] - states[t] @ k[t]
        pushed = beta[t] * sent @ k[t]
        dv[t], db[t] = pushed, off @ sent @ k[t]
        dk[t] = beta[t] * sent.T @ off - read * states[t].T @ pushed
        sent = sent - forget * np.outer(pushed, k[t])
    return dk, dv, db


@delta_memory.right
def _(d, a, k, v, beta):
    return delta_memory_signals(d, k, v, beta)


@delta_memory.wrong(
    "missing term", "memory by the delta rule: what is read before writing taken for a constant, for the key"
)
def delta_memory_read_held(d, a, k, v, beta):
    return delta_memory_signals(d, k, v, beta, read=0.0)


@delta_memory.wrong("detached", "memory by the delta rule: what was forgotten since is not, on the way back in time")
def delta_memory_forgets_nothing(d, a, k, v, beta):
    return delta_memory_signals(d, k, v, beta, forget=0.0)


def past_and_now(k, v, decay, bonus):
    t = np.arange(len(k))
    age = t[:, None] - 1 - t
    score = np.where(age >= 0, k[None, :] - decay * np.maximum(age, 0), -np.inf)
    return np.where(np.eye(len(k), dtype=bool), k + bonus, score)


@F.forward(*three(lambda t: (normal(t), normal(t), uniform(0.1, 0.9), normal()), (4,), (6,), (3,)),
           slots=("real", "real", "fixed", "real"), span=(1e-4, 10.0))  # fmt: skip
def time_mixed(k, v, decay, bonus):
    return softmax(past_and_now(k, v, decay, bonus)) @ v


def time_mixed_signals(d, a, k, v, decay, bonus, now=1.0, below=1.0):
    p = softmax(past_and_now(k, v, decay, bonus))
    ds = p * (d[:, None] * v - below * (d * a)[:, None])
    t = np.arange(len(k))
    age = np.maximum(t[:, None] - 1 - t, 0)
    direct = p * d[:, None] * v
    db = np.trace(ds) if now else np.trace(direct)
    return ds.sum(0), p.T @ d, -(ds * age).sum(), db


@time_mixed.right
def _(d, a, k, v, decay, bonus):
    return time_mixed_signals(d, a, k, v, decay, bonus)


@time_mixed.wrong("missing term", "mixing over time: the bonus of the present acts above only, not below")
def time_mixed_bonus_above(d, a, k, v, decay, bonus):
    return time_mixed_signals(d, a, k, v, decay, bonus, now=0.0)


@time_mixed.wrong("detached", "mixing over time: what it is divided by taken for a constant")
def time_mixed_divisor_held(d, a, k, v, decay, bonus):
    return time_mixed_signals(d, a, k, v, decay, bonus, below=0.0)


@F.forward(normal(3, 4), normal(5), normal(2, 6), kinks=True, ties=False, zero=False, span=(1e-2, 10.0))
def two_experts(z):
    return softmax(np.where(top_two(z), z, -np.inf))


def top_two(z):
    return z >= np.sort(z, -1)[..., -2:-1]


@two_experts.right
def _(d, a, z):
    return a * (d - (d * a).sum(-1, keepdims=True))


@two_experts.wrong("wrong factor", "gates of two experts: the slope of the softmax over all of them")
def two_experts_over_all(d, a, z):
    p = softmax(z)
    return top_two(z) * p * (d - (d * p).sum(-1, keepdims=True))


@two_experts.wrong("lost projection", "gates of two experts: the sum of the two taken for given")
def two_experts_sum_held(d, a, z):
    return a * d


@F.forward(normal(5), normal(3, 4), normal(2, 2, 3), span=(1e-4, 10.0))
def soft_ranks(x):
    return sigmoid((x[..., :, None] - x[..., None, :]) / 0.5).sum(-1)


def soft_ranks_signal(d, x, own=1.0, others=1.0, warmth=0.5):
    s = sigmoid((x[..., :, None] - x[..., None, :]) / 0.5)
    g = s * (1 - s) / warmth
    return own * d * g.sum(-1) - others * (g * d[..., :, None]).sum(-2)


@soft_ranks.right
def _(d, a, x):
    return soft_ranks_signal(d, x)


@soft_ranks.wrong("missing term", "soft ranks: a number moves its own rank, not those of the others")
def soft_ranks_own_only(d, a, x):
    return soft_ranks_signal(d, x, others=0.0)


@soft_ranks.wrong("constant factor", "soft ranks: the temperature forgotten in the slope")
def soft_ranks_no_warmth(d, a, x):
    return soft_ranks_signal(d, x, warmth=1.0)


@soft_ranks.wrong("wrong sign of a term", "soft ranks: the others' ranks rise with a number, too")
def soft_ranks_plus(d, a, x):
    return soft_ranks_signal(d, x, others=-1.0)


@F.forward(normal(3, 5), normal(7), normal(2, 2, 6), kinks=True, ties=False, zero=False)
def trimmed_mean(x):
    return np.sort(x, -1)[..., 1:-1].mean(-1)


def trimmed_mean_signal(d, x, kept, count):
    rank = x.argsort(-1).argsort(-1)
    return d[..., None] * kept(rank, x.shape[-1] - 1) / count


@trimmed_mean.right
def _(d, a, x):
    return trimmed_mean_signal(d, x, lambda r, last: (r > 0) & (r < last), x.shape[-1] - 2)


@trimmed_mean.wrong("size factor", "trimmed mean: divided by how many there were before")
def trimmed_mean_of_all(d, a, x):
    return trimmed_mean_signal(d, x, lambda r, last: (r > 0) & (r < last), x.shape[-1])


@trimmed_mean.wrong("some entries", "trimmed mean: the largest kept in the backward pass")
def trimmed_mean_largest_kept(d, a, x):
    return trimmed_mean_signal(d, x, lambda r, last: r > 0, x.shape[-1] - 2)


@trimmed_mean.wrong("wrong place", "trimmed mean: sorted once, where the rank of each is needed")
def trimmed_mean_sorted_once(d, a, x):
    order = x.argsort(-1)
    return d[..., None] * ((order > 0) & (order < x.shape[-1] - 1)) / (x.shape[-1] - 2)


@F.forward(*three(lambda n, m: (normal(n, m), normal(n, m), normal(n, m), normal(m, m)), (2, 3), (3, 2), (1, 4)),
           slots=("real",) * 4, span=(1e-4, 4.0))  # fmt: skip
def minimal_cell(gate, new, h, u):
    f = sigmoid(gate)
    return (1 - f) * h + f * np.tanh(new + (f * h) @ u)


def minimal_cell_signals(d, gate, new, h, u, through=1.0, sign=-1.0, turned=True):
    f = sigmoid(gate)
    c = np.tanh(new + (f * h) @ u)
    dn = d * f * (1 - c * c)
    back = dn @ (u.T if turned else u)
    df = d * (c + sign * h) + through * back * h
    return df * f * (1 - f), dn, d * (1 - f) + back * f, (f * h).T @ dn


@minimal_cell.right
def _(d, a, gate, new, h, u):
    return minimal_cell_signals(d, gate, new, h, u)


@minimal_cell.wrong(
    "missing term", "minimal gated cell: the gate acts on the mixing only, not on what the candidate sees"
)
def minimal_cell_candidate_held(d, a, gate, new, h, u):
    return minimal_cell_signals(d, gate, new, h, u, through=0.0)


@minimal_cell.wrong("wrong sign of a term", "minimal gated cell: 1 − f differentiated with a plus")
def minimal_cell_plus(d, a, gate, new, h, u):
    return minimal_cell_signals(d, gate, new, h, u, sign=1.0)


@minimal_cell.wrong("transposed", "minimal gated cell: the matrix not transposed on the way back")
def minimal_cell_not_turned(d, a, gate, new, h, u):
    return minimal_cell_signals(d, gate, new, h, u, turned=False)


@F.forward(*three(lambda n, m: (normal(n, m), normal(n, m), normal(n, m), uniform(0.2, 2, n, 1)), (2, 3), (3, 2), (4, 4)),
           slots=("real", "real", "real", "fixed"), span=(1e-4, 8.0))  # fmt: skip
def closed_form_cell(rate, early, late, time):
    s = sigmoid(-rate * time)
    return s * early + (1 - s) * late


def closed_form_cell_signals(d, rate, early, late, time):
    s = sigmoid(-rate * time)
    g = -d * (early - late) * s * (1 - s)
    return g * time, d * s, d * (1 - s), (g * rate).sum(1, keepdims=True)


@closed_form_cell.right
def _(d, a, rate, early, late, time):
    return closed_form_cell_signals(d, rate, early, late, time)


@closed_form_cell.wrong("size factor", "closed-form cell: the time's signal a mean over the units")
def closed_form_cell_time_mean(d, a, rate, early, late, time):
    *rest, dt = closed_form_cell_signals(d, rate, early, late, time)
    return *rest, dt / rate.shape[1]


@closed_form_cell.wrong("sign", "closed-form cell: the minus in the gate forgotten, for the rate")
def closed_form_cell_rate_up(d, a, rate, early, late, time):
    dr, *rest = closed_form_cell_signals(d, rate, early, late, time)
    return -dr, *rest


@closed_form_cell.wrong("missing term", "closed-form cell: the gate's slope of the early part only")
def closed_form_cell_early_only(d, a, rate, early, late, time):
    s = sigmoid(-rate * time)
    g = -d * early * s * (1 - s)
    return g * time, d * s, d * (1 - s), (g * rate).sum(1, keepdims=True)


@F.forward(
    *three(lambda t, m: (normal(t, m), normal(m)), (4, 3), (6, 2), (3, 4)), slots=("real", "real"), span=(1e-4, 2.0)
)
def independent_cells(x, u):
    out, h = [], np.zeros_like(x[0])
    for now in x:
        h = np.tanh(now + u * h)
        out.append(h)
    return np.stack(out)


def independent_cells_signals(d, a, x, u, lag=1, carried=1.0):
    before = np.concatenate([np.zeros_like(a[:1]), a[:-1]]) if lag else a
    dx, sent = np.zeros_like(x), np.zeros_like(u)
    for t in range(len(x) - 1, -1, -1):
        dx[t] = (d[t] + carried * sent) * (1 - a[t] ** 2)
        sent = u * dx[t]
    return dx, (dx * before).sum(0)


@independent_cells.right
def _(d, a, x, u):
    return independent_cells_signals(d, a, x, u)


@independent_cells.wrong("wrong place", "cells with a loop each: the state of the same step in the weight's signal")
def independent_cells_same_step(d, a, x, u):
    return independent_cells_signals(d, a, x, u, lag=0)


@independent_cells.wrong("detached", "cells with a loop each: nothing goes back in time")
def independent_cells_cut(d, a, x, u):
    return independent_cells_signals(d, a, x, u, carried=0.0)


@F.forward(*three(lambda n, k: (simplex(n, k), positive(k)), (4, 3), (2, 5), (3, 2)), slots=("fixed", "positive"))
def last_first(p, value):
    return p[:, ::-1] @ np.cumsum(value)


@last_first.right
def _(d, a, p, value):
    return np.outer(d, np.cumsum(value))[:, ::-1], from_the_end(p[:, ::-1].T @ d)


@last_first.wrong("wrong place", "steps from the last on: turned round once only")
def last_first_not_turned(d, a, p, value):
    return np.outer(d, np.cumsum(value)), from_the_end(p[:, ::-1].T @ d)


@last_first.wrong("missing term", "steps from the last on: each value counted at its own step only")
def last_first_own_step(d, a, p, value):
    return np.outer(d, np.cumsum(value))[:, ::-1], p[:, ::-1].T @ d
