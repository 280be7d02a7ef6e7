"""Recurrent cells and short unrolled sequences."""

from __future__ import annotations

import numpy as np

from .record import Family, normal, three

F = Family("recurrent")


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


CELL = three(
    lambda n, i, h: (normal(n, i), normal(n, h), normal(i, h, scale=0.6), normal(h, h, scale=0.6), normal(h)),
    (3, 2, 4),
    (2, 3, 3),
    (1, 4, 2),
)
REAL5 = ("real",) * 5
SPAN = (1e-8, 1e3)


@F.forward(*CELL, slots=REAL5, span=SPAN)
def rnn_step(x, h, w, u, b):
    return np.tanh(x @ w + h @ u + b)


def step_signals(dz, x, h, w, u):
    return dz @ w.T, dz @ u.T, x.T @ dz, h.T @ dz, dz.sum(0)


@rnn_step.right
def _(delta, a, x, h, w, u, b):
    return step_signals(delta * (1 - a * a), x, h, w, u)


@rnn_step.wrong("input for output", "rnn step: 1 − h_prev² for 1 − h²")
def rnn_reads_previous(delta, a, x, h, w, u, b):
    return step_signals(delta * (1 - h * h), x, h, w, u)


@rnn_step.wrong("transposed", "rnn step: U for Uᵀ in the hidden signal, square and therefore silent")
def rnn_u_not_transposed(delta, a, x, h, w, u, b):
    dx, _, dw, du, db = step_signals(delta * (1 - a * a), x, h, w, u)
    return dx, (delta * (1 - a * a)) @ u, dw, du, db


@rnn_step.wrong("output for input", "rnn step: U's gradient from the new hidden state")
def rnn_u_from_new_state(delta, a, x, h, w, u, b):
    dz = delta * (1 - a * a)
    return dz @ w.T, dz @ u.T, x.T @ dz, a.T @ dz, dz.sum(0)


@rnn_step.wrong("no signal", "rnn step: truncated, the previous state gets None")
def rnn_truncated(delta, a, x, h, w, u, b):
    dx, _, dw, du, db = step_signals(delta * (1 - a * a), x, h, w, u)
    return dx, None, dw, du, db


@rnn_step.wrong("size factor", "rnn step: the bias averages over the batch")
def rnn_bias_mean(delta, a, x, h, w, u, b):
    dx, dh, dw, du, db = step_signals(delta * (1 - a * a), x, h, w, u)
    return dx, dh, dw, du, db / len(x)


GATES = three(lambda n, h: (normal(n, 4 * h), normal(n, h)), (3, 2), (2, 3), (1, 4))
REAL2 = ("real", "real")


def gates(z):
    i, f, o, g = np.split(z, 4, axis=1)
    return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)


@F.forward(*GATES, slots=REAL2, span=SPAN)
def lstm_cell(z, c):
    """Return the new cell state and the output side by side."""
    i, f, o, g = gates(z)
    new = f * c + i * g
    return np.concatenate([new, o * np.tanh(new)], axis=1)


def lstm_back(delta, a, z, c):
    i, f, o, g = gates(z)
    h = c.shape[1]
    new, dh = a[:, :h], delta[:, h:]
    t = np.tanh(new)
    dc = delta[:, :h] + dh * o * (1 - t * t)
    return i, f, o, g, t, dc, dh


def lstm_gates(di, df, do, dg):
    return np.concatenate([di, df, do, dg], axis=1)


@lstm_cell.right
def _(delta, a, z, c):
    i, f, o, g, t, dc, dh = lstm_back(delta, a, z, c)
    return lstm_gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)), dc * f


@lstm_cell.wrong("missing term", "lstm: the signal through h = o·tanh(c) isn't added to the cell's")
def lstm_cell_path_only(delta, a, z, c):
    i, f, o, g, t, _, dh = lstm_back(delta, a, z, c)
    dc = delta[:, : c.shape[1]]
    return lstm_gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)), dc * f


@lstm_cell.wrong("missing factor", "lstm: 1 − tanh² of the new state forgotten")
def lstm_tanh_slope(delta, a, z, c):
    i, f, o, g, t, _, dh = lstm_back(delta, a, z, c)
    dc = delta[:, : c.shape[1]] + dh * o
    return lstm_gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)), dc * f


@lstm_cell.wrong("wrong place", "lstm: gates concatenated i, f, g, o in backward")
def lstm_gate_order(delta, a, z, c):
    i, f, o, g, t, dc, dh = lstm_back(delta, a, z, c)
    return lstm_gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)), dc * f


@lstm_cell.wrong("output for input", "lstm: the forget gate's gradient reads the new cell state")
def lstm_forget_reads_new(delta, a, z, c):
    i, f, o, g, t, dc, dh = lstm_back(delta, a, z, c)
    df = dc * a[:, : c.shape[1]] * f * (1 - f)
    return lstm_gates(dc * g * i * (1 - i), df, dh * t * o * (1 - o), dc * i * (1 - g * g)), dc * f


@lstm_cell.wrong("missing factor", "lstm: signal to the old cell isn't multiplied by the forget gate")
def lstm_no_forget(delta, a, z, c):
    i, f, o, g, t, dc, dh = lstm_back(delta, a, z, c)
    return lstm_gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)), dc


PEEP = three(lambda n, h: (normal(n, h), normal(n, h), normal(h)), (3, 2), (4, 3), (2, 2))


@F.forward(*PEEP, slots=("real",) * 3, span=SPAN)
def peephole_gate(z, c, w):
    return sigmoid(z + w * c) * c


@peephole_gate.right
def _(delta, a, z, c, w):
    f = sigmoid(z + w * c)
    dz = delta * c * f * (1 - f)
    return dz, delta * f + dz * w, (dz * c).sum(0)


@peephole_gate.wrong("missing term", "peephole: no signal goes back to the cell through the gate")
def peephole_cell_path(delta, a, z, c, w):
    f = sigmoid(z + w * c)
    dz = delta * c * f * (1 - f)
    return dz, delta * f, (dz * c).sum(0)


@peephole_gate.wrong("wrong place", "peephole: batch handled by a broadcast, weights of another unit")
def peephole_weight_shifted(delta, a, z, c, w):
    f = sigmoid(z + w * c)
    dz = delta * c * f * (1 - f)
    return dz, delta * f + dz * np.roll(w, 1), (dz * c).sum(0)


GRU = three(lambda n, h: (normal(n, 3 * h), normal(n, h), normal(h, h, scale=0.7)), (3, 2), (2, 3), (1, 3))


def gru_parts(z, h, u):
    r, k, _ = np.split(z, 3, axis=1)
    r, k = sigmoid(r), sigmoid(k)
    n = np.tanh(np.split(z, 3, axis=1)[2] + (r * h) @ u)
    return r, k, n


@F.forward(*GRU, slots=("real",) * 3, span=SPAN)
def gru_cell(z, h, u):
    _, k, n = gru_parts(z, h, u)
    return (1 - k) * n + k * h


@gru_cell.right
def _(delta, a, z, h, u):
    r, k, n = gru_parts(z, h, u)
    dn = delta * (1 - k) * (1 - n * n)
    drh = dn @ u.T
    dz = np.concatenate([drh * h * r * (1 - r), delta * (h - n) * k * (1 - k), dn], axis=1)
    return dz, delta * k + drh * r, (r * h).T @ dn


@gru_cell.wrong("sign", "gru: update gate, n − h for h − n")
def gru_update_sign(delta, a, z, h, u):
    r, k, n = gru_parts(z, h, u)
    dn = delta * (1 - k) * (1 - n * n)
    drh = dn @ u.T
    dz = np.concatenate([drh * h * r * (1 - r), delta * (n - h) * k * (1 - k), dn], axis=1)
    return dz, delta * k + drh * r, (r * h).T @ dn


@gru_cell.wrong("missing term", "gru: previous state gets k·δ only, not what comes through the candidate")
def gru_state_one_path(delta, a, z, h, u):
    r, k, n = gru_parts(z, h, u)
    dn = delta * (1 - k) * (1 - n * n)
    drh = dn @ u.T
    dz = np.concatenate([drh * h * r * (1 - r), delta * (h - n) * k * (1 - k), dn], axis=1)
    return dz, delta * k, (r * h).T @ dn


@gru_cell.wrong("missing factor", "gru: U's gradient without the reset gate (the other GRU's formula)")
def gru_reset_after(delta, a, z, h, u):
    r, k, n = gru_parts(z, h, u)
    dn = delta * (1 - k) * (1 - n * n)
    drh = dn @ u.T
    dz = np.concatenate([drh * h * r * (1 - r), delta * (h - n) * k * (1 - k), dn], axis=1)
    return dz, delta * k + drh * r, h.T @ dn


SEQUENCE = three(lambda t, h: (normal(t, h), normal(h, h, scale=0.5)), (4, 3), (5, 2), (3, 4))


@F.forward(*SEQUENCE, slots=REAL2, span=SPAN)
def unrolled(x, u):
    h, out = np.zeros_like(x[0]), []
    for row in x:
        h = np.tanh(row + h @ u)
        out.append(h)
    return np.stack(out)


def unrolled_back(delta, a, u, carried=True, horizon=99):
    dz = np.zeros_like(delta)
    for t in range(len(delta)):
        g = delta[t] * (1 - a[t] ** 2)
        for s in range(t, max(-1, t - horizon), -1):
            dz[s] += g
            if s == 0 or not carried:
                break
            g = (g @ u.T) * (1 - a[s - 1] ** 2)
    return dz


def before(a):
    return np.concatenate([np.zeros_like(a[:1]), a[:-1]])


@unrolled.right
def _(delta, a, x, u):
    dz = unrolled_back(delta, a, u)
    return dz, before(a).T @ dz


@unrolled.wrong("detached", "bptt: hidden state detached between the steps")
def unrolled_detached(delta, a, x, u):
    dz = unrolled_back(delta, a, u, carried=False)
    return dz, before(a).T @ dz


@unrolled.wrong("missing sum", "bptt: dU overwritten at each step, the last one is kept")
def unrolled_weight_last(delta, a, x, u):
    dz = unrolled_back(delta, a, u)
    return dz, np.outer(a[0], dz[1])


@unrolled.wrong("detached", "bptt: truncated at two steps")
def unrolled_truncated(delta, a, x, u):
    dz = unrolled_back(delta, a, u, horizon=2)
    return dz, before(a).T @ dz


@unrolled.wrong("wrong place", "bptt: dU pairs each step's signal with the same step's state")
def unrolled_same_step(delta, a, x, u):
    dz = unrolled_back(delta, a, u)
    return dz, a.T @ dz


@F.forward(*three(lambda t, h: (normal(t, h), normal(h)), (4, 3), (5, 2), (3, 1)), slots=REAL2, span=SPAN)
def last_state(x, w):
    h = np.zeros_like(x[0])
    for row in x:
        h = np.tanh(row + w * h)
    return h


def states(x, w):
    h, out = np.zeros_like(x[0]), []
    for row in x:
        h = np.tanh(row + w * h)
        out.append(h)
    return np.stack(out)


def last_state_back(delta, x, w):
    s, g, dz = states(x, w), delta, np.zeros_like(x)
    for t in range(len(x) - 1, -1, -1):
        dz[t] = g * (1 - s[t] ** 2)
        g = dz[t] * w
    return s, dz


@last_state.right
def _(delta, a, x, w):
    s, dz = last_state_back(delta, x, w)
    return dz, (dz * before(s)).sum(0)


@last_state.wrong("some entries", "last state: the first step's input gets nothing (range stops at 1)")
def last_state_first_step(delta, a, x, w):
    s, dz = last_state_back(delta, x, w)
    dz[0] = 0
    return dz, (dz * before(s)).sum(0)


@last_state.wrong("wrong factor", "last state: slope of the final output used at every step")
def last_state_one_slope(delta, a, x, w):
    s, g, dz = states(x, w), delta, np.zeros_like(x)
    for t in range(len(x) - 1, -1, -1):
        dz[t] = g * (1 - a**2)
        g = dz[t] * w
    return dz, (dz * before(s)).sum(0)
