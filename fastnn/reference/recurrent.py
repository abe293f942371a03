"""Twins of the recurrent layers and of what moves steps and axes about.

The steps are written once, as generators, on whatever has the arithmetic of arrays: the twins run
them on float64, the bounds on numbers that carry their rounding errors along.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide
from fastnn.reference.elementwise import ACTIVATIONS

#: An array, or what behaves like one.
Number = Any
Function = Callable[[Number], Number]
Slope = Callable[[Number, Number], Number]


def split(x: Number, count: int) -> list[Number]:
    """The parts of the last axis, one for each gate."""
    width = x.shape[-1] // count
    return [x[..., i * width : (i + 1) * width] for i in range(count)]


def _functions(attrs: Attrs) -> list[tuple[Function, Slope]]:
    names = [attrs[name] for name in ("activation", "recurrent_activation") if name in attrs]
    return [ACTIVATIONS[name] for name in names]


# ---- simple --------------------------------------------------------------------------------------


def rnn_steps(z: Number, u: Number, h: Number, act: Function) -> Iterator[tuple[Number]]:
    """h = act(z_t + h @ u)"""
    for t in range(z.shape[1]):
        h = act(z[:, t] + h @ u)
        yield (h,)


def rnn_steps_back(
    ut: Number, y: Number, dy: Number, dh: Number, act: Slope
) -> Iterator[tuple[Number]]:
    """dz = (dh + dy_t) act', dh = dz @ ut, from the last step to the first"""
    for t in reversed(range(y.shape[1])):
        dz = act(y[:, t], dh + dy[:, t])
        dh = dz @ ut
        yield (dz,)


# ---- LSTM ----------------------------------------------------------------------------------------


def lstm_steps(
    z: Number, u: Number, h: Number, c: Number, act: Function, gate: Function
) -> Iterator[tuple[Number, ...]]:
    """i, f, g, o of z_t + h @ u; c = f c + i g; h = o act(c)"""
    for t in range(z.shape[1]):
        i, f, g, o = split(z[:, t] + h @ u, 4)
        i, f, g, o = gate(i), gate(f), act(g), gate(o)
        c = f * c + i * g
        h = o * act(c)
        yield i, f, g, o, c, h


def lstm_steps_back(
    ut: Number,
    a: Number,
    c: Number,
    dy: Number,
    dh: Number,
    dc: Number,
    act: tuple[Function, Slope],
    gate: Slope,
    join: Function,
) -> Iterator[tuple[Number]]:
    """Back through h = o act(c), c = f c + i g and the gates."""
    forward, slope = act
    for t in reversed(range(c.shape[1])):
        i, f, g, o = split(a[:, t], 4)
        before = c[:, t - 1] if t else 0
        dh, shown = dh + dy[:, t], forward(c[:, t])
        dc = dc + slope(shown, dh * o)
        dz = join([gate(i, dc * g), gate(f, dc * before), slope(g, dc * i), gate(o, dh * shown)])
        dc, dh = dc * f, dz @ ut
        yield (dz,)


# ---- GRU -----------------------------------------------------------------------------------------


def gru_steps(
    z: Number, u: Number, b: Number, h: Number, act: Function, gate: Function, reset_after: bool
) -> Iterator[tuple[Number, ...]]:
    """z, r, n of x = z_t and m = h @ u + b; h = z h + (1 - z) n"""
    columns = split(u, 3)
    for t in range(z.shape[1]):
        x, m, bias = split(z[:, t], 3), [h @ w for w in columns], split(b, 3)
        update, r = gate(x[0] + (m[0] + bias[0])), gate(x[1] + (m[1] + bias[1]))
        q = m[2] + bias[2] if reset_after else r * h
        n = act(x[2] + (r * q if reset_after else q @ columns[2]))
        h = update * h + (1 - update) * n
        yield update, r, n, q, h


def gru_steps_back(
    ut: Number,
    a: Number,
    q: Number,
    y: Number,
    dy: Number,
    dh: Number,
    act: Slope,
    gate: Slope,
    reset_after: bool,
    join: Function,
) -> Iterator[tuple[Number, Number]]:
    """Back through h = z h + (1 - z) n, the gates, and m or q @ u_n."""
    units = y.shape[-1]
    for t in reversed(range(y.shape[1])):
        update, r, n = split(a[:, t], 3)
        before = y[:, t - 1] if t else 0
        dh = dh + dy[:, t]
        du, dn = gate(update, dh * (before - n)), act(n, dh * (1 - update))
        dq = dn * r if reset_after else dn @ ut[2 * units :]
        dr = gate(r, dn * q[:, t] if reset_after else dq * before)
        dh = dh * update
        if reset_after:
            dh = dh + join([du, dr, dq]) @ ut
        else:
            dh = dh + dq * r + join([du, dr]) @ ut[: 2 * units]
        yield join([du, dr, dn]), join([du, dr, dq if reset_after else dn])


# ---- the twins -----------------------------------------------------------------------------------


def _stack(steps: Sequence[Number]) -> Real:
    return np.stack(steps, 1)


def _join(parts: Sequence[Real]) -> Real:
    return np.concatenate(parts, -1)


def _given(a: Real | None, *shape: int) -> Real:
    return np.zeros(shape) if a is None else wide(a)


def rnn_fwd(run: Run, attrs: Attrs, z: Real, u: Real) -> tuple[Real, ...]:
    """y_t = g(z_t + y_{t-1} @ u)"""
    ((act, _),) = _functions(attrs)
    (y,) = zip(*rnn_steps(wide(z), wide(u), np.zeros((len(z), len(u))), act), strict=True)
    return _stack(y).astype(z.dtype), y[-1].astype(z.dtype)


def rnn_bwd(run: Run, attrs: Attrs, ut: Real, y: Real, dy: Real | None, ds: Real | None) -> Real:
    """dz of rnn_fwd"""
    ((_, slope),) = _functions(attrs)
    dh = _given(ds, len(y), y.shape[-1])
    back = rnn_steps_back(wide(ut), wide(y), _given(dy, *y.shape), dh, slope)
    (dz,) = zip(*back, strict=True)
    return _stack(dz[::-1]).astype(y.dtype)


def lstm_fwd(run: Run, attrs: Attrs, z: Real, u: Real) -> tuple[Real, ...]:
    """c_t = f c_{t-1} + i g, y_t = o act(c_t)"""
    (act, _), (gate, _) = _functions(attrs)
    zero = np.zeros((len(z), len(u)))
    *a, c, y = zip(*lstm_steps(wide(z), wide(u), zero, zero, act, gate), strict=True)
    results = _join([_stack(gate) for gate in a]), _stack(c), _stack(y), y[-1], c[-1]
    return tuple(result.astype(z.dtype) for result in results)


def lstm_bwd(
    run: Run,
    attrs: Attrs,
    ut: Real,
    a: Real,
    c: Real,
    dy: Real | None,
    ds: Real | None,
    de: Real | None,
) -> Real:
    """dz of lstm_fwd"""
    act, (_, gate) = _functions(attrs)
    dh, dc = (_given(d, len(c), c.shape[-1]) for d in (ds, de))
    flows = wide(ut), wide(a), wide(c), _given(dy, *c.shape), dh, dc
    (dz,) = zip(*lstm_steps_back(*flows, act, gate, _join), strict=True)
    return _stack(dz[::-1]).astype(c.dtype)


def gru_fwd(run: Run, attrs: Attrs, z: Real, u: Real, b: Real | None) -> tuple[Real, ...]:
    """y_t = z y_{t-1} + (1 - z) n"""
    (act, _), (gate, _) = _functions(attrs)
    zero, b = np.zeros((len(z), len(u))), _given(b, u.shape[1])
    steps = gru_steps(wide(z), wide(u), b, zero, act, gate, bool(attrs["reset_after"]))
    *a, q, y = zip(*steps, strict=True)
    results = _join([_stack(gate) for gate in a]), _stack(q), _stack(y), y[-1]
    return tuple(result.astype(z.dtype) for result in results)


def gru_bwd(
    run: Run,
    attrs: Attrs,
    ut: Real,
    a: Real,
    q: Real,
    y: Real,
    dy: Real | None,
    ds: Real | None,
) -> tuple[Real, Real]:
    """dz of gru_fwd, dm of y_{t-1} @ u + b"""
    (_, act), (_, gate) = _functions(attrs)
    dh, after = _given(ds, len(y), y.shape[-1]), bool(attrs["reset_after"])
    flows = wide(ut), wide(a), wide(q), wide(y), _given(dy, *y.shape), dh
    dz, dm = zip(*gru_steps_back(*flows, act, gate, after, _join), strict=True)
    return _stack(dz[::-1]).astype(y.dtype), _stack(dm[::-1]).astype(y.dtype)


def gru_bwd_u(run: Run, attrs: Attrs, p: Real, q: Real, dz: Real) -> Real:
    """du = p.T @ dz for gates z r, q.T @ dz for gate n"""
    rows, units = tuple(range(p.ndim - 1)), p.shape[-1]
    d = wide(dz)
    du = [
        np.tensordot(wide(p), d[..., : 2 * units], (rows, rows)),
        np.tensordot(wide(q), d[..., 2 * units :], (rows, rows)),
    ]
    return _join(du).astype(p.dtype)


def shift(run: Run, attrs: Attrs, x: Real) -> Real:
    """y_t = x_{t-1}, y_0 = 0"""
    y = np.zeros_like(x)
    y[:, 1:] = x[:, :-1]
    return y


def reverse(run: Run, attrs: Attrs, x: Real) -> Real:
    """y_t = x_{T-1-t}"""
    return x[:, ::-1]


def transpose(run: Run, attrs: Attrs, w: Real) -> Real:
    """t = w.T"""
    return w.T


def pick(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x[index]"""
    row: Real = x[int(attrs["index"])]
    return row


def pick_bwd(run: Run, attrs: Attrs, dy: Real) -> Real:
    """dx[index] = dy, elsewhere 0"""
    dx = np.zeros((attrs["k"], *dy.shape), dy.dtype)
    dx[int(attrs["index"])] = dy
    return dx
