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


def _choose(counts: Any, a: Number, b: Number) -> Number:
    """a in the rows that count, b in the others."""
    return np.where(counts, a, b) if isinstance(a, np.ndarray) else a.where(counts, b)


class Steps:
    """Which steps of a walk count, and what the state is multiplied by before a product.

    Args:
        mask: (rows, steps), 0 where a step is left out; None: all count.
        keep: (rows, units); None: nothing.
    """

    def __init__(self, mask: Any = None, keep: Number | None = None):
        self.mask, self.keep = mask, keep

    def kept(self, h: Number) -> Number:
        """h keep"""
        return h if self.keep is None else h * self.keep

    def at(self, t: int, now: Number, out: Number) -> Number:
        """``now`` in the rows in which step t counts, ``out`` in the others."""
        return now if self.mask is None else _choose(self.mask[:, t, None] != 0, now, out)

    def passing(self, t: int, flow: Number) -> Number:
        """The gradient of the state that passes step t by."""
        return 0 if self.mask is None else _choose(self.mask[:, t, None] == 0, flow, 0)


# ---- simple --------------------------------------------------------------------------------------


def rnn_steps(z: Number, u: Number, h: Number, act: Function, steps: Steps) -> Iterator[Any]:
    """h = act(z_t + h @ u)"""
    for t in range(z.shape[1]):
        h = steps.at(t, act(z[:, t] + steps.kept(h) @ u), h)
        yield (h,)


def rnn_steps_back(
    ut: Number, y: Number, dy: Number, dh: Number, act: Slope, steps: Steps
) -> Iterator[Any]:
    """dz = (dh + dy_t) act', dh = dz @ ut, from the last step to the first"""
    for t in reversed(range(y.shape[1])):
        flow = dh + dy[:, t]
        dz = steps.at(t, act(y[:, t], flow), 0)
        dh = steps.kept(dz @ ut) + steps.passing(t, flow)
        yield dz, dh


# ---- LSTM ----------------------------------------------------------------------------------------


def lstm_steps(
    z: Number, u: Number, h: Number, c: Number, act: Function, gate: Function, steps: Steps
) -> Iterator[Any]:
    """i, f, g, o of z_t + h @ u; c = f c + i g; h = o act(c)"""
    for t in range(z.shape[1]):
        i, f, g, o = split(z[:, t] + steps.kept(h) @ u, 4)
        i, f, g, o = gate(i), gate(f), act(g), gate(o)
        cell = f * c + i * g
        c, h = steps.at(t, cell, c), steps.at(t, o * act(cell), h)
        yield *(steps.at(t, a, 0) for a in (i, f, g, o)), c, h


def lstm_steps_back(
    ut: Number,
    a: Number,
    c: Number,
    c0: Number,
    dy: Number,
    dh: Number,
    dc: Number,
    act: tuple[Function, Slope],
    gate: Slope,
    join: Function,
    steps: Steps,
) -> Iterator[Any]:
    """Back through h = o act(c), c = f c + i g and the gates."""
    forward, slope = act
    for t in reversed(range(c.shape[1])):
        i, f, g, o = split(a[:, t], 4)
        before = c[:, t - 1] if t else c0
        flow, shown = dh + dy[:, t], forward(c[:, t])
        d = dc + slope(shown, flow * o)
        dz = join([gate(i, d * g), gate(f, d * before), slope(g, d * i), gate(o, flow * shown)])
        dz, dc = steps.at(t, dz, 0), steps.at(t, d * f, dc)
        dh = steps.kept(dz @ ut) + steps.passing(t, flow)
        yield dz, dh, dc


# ---- GRU -----------------------------------------------------------------------------------------


def gru_steps(
    z: Number,
    u: Number,
    b: Number,
    h: Number,
    act: Function,
    gate: Function,
    reset_after: bool,
    steps: Steps,
) -> Iterator[Any]:
    """z, r, n of x = z_t and m = h @ u + b; h = z h + (1 - z) n"""
    columns = split(u, 3)
    for t in range(z.shape[1]):
        seen = steps.kept(h)
        x, m, bias = split(z[:, t], 3), [seen @ w for w in columns], split(b, 3)
        update, r = gate(x[0] + (m[0] + bias[0])), gate(x[1] + (m[1] + bias[1]))
        q = m[2] + bias[2] if reset_after else r * seen
        n = act(x[2] + (r * q if reset_after else q @ columns[2]))
        h = steps.at(t, update * h + (1 - update) * n, h)
        yield *(steps.at(t, a, 0) for a in (update, r, n, q)), h


def gru_steps_back(
    ut: Number,
    a: Number,
    q: Number,
    y: Number,
    h0: Number,
    dy: Number,
    dh: Number,
    act: Slope,
    gate: Slope,
    reset_after: bool,
    join: Function,
    steps: Steps,
) -> Iterator[Any]:
    """Back through h = z h + (1 - z) n, the gates, and m or q @ u_n."""
    units = y.shape[-1]
    for t in reversed(range(y.shape[1])):
        update, r, n = split(a[:, t], 3)
        before = y[:, t - 1] if t else h0
        flow = dh + dy[:, t]
        du, dn = gate(update, flow * (before - n)), act(n, flow * (1 - update))
        dq = dn * r if reset_after else steps.kept(dn @ ut[2 * units :])
        dr = gate(r, dn * q[:, t] if reset_after else dq * before)
        dz = steps.at(t, join([du, dr, dn]), 0)
        dm = steps.at(t, join([du, dr, dq]), 0) if reset_after else dz
        straight = flow * update if reset_after else flow * update + dq * r
        rows = 3 * units if reset_after else 2 * units
        dh = steps.at(t, straight, flow) + steps.kept(dm[:, :rows] @ ut[:rows])
        yield dz, dm, dh


# ---- the twins -----------------------------------------------------------------------------------


def _stack(steps: Sequence[Number]) -> Real:
    return np.stack(steps, 1)


def _join(parts: Sequence[Real]) -> Real:
    return np.concatenate(parts, -1)


def _given(a: Real | None, *shape: int) -> Real:
    return np.zeros(shape) if a is None else wide(a)


def _steps(mask: Real | None, keep: Real | None) -> Steps:
    return Steps(mask, None if keep is None else wide(keep))


def rnn_fwd(
    run: Run,
    attrs: Attrs,
    z: Real,
    u: Real,
    mask: Real | None,
    s0: Real | None,
    keep: Real | None,
) -> tuple[Real, ...]:
    """y_t = g(z_t + y_{t-1} @ u)"""
    ((act, _),) = _functions(attrs)
    h0 = _given(s0, len(z), len(u))
    (y,) = zip(*rnn_steps(wide(z), wide(u), h0, act, _steps(mask, keep)), strict=True)
    return _stack(y).astype(z.dtype), y[-1].astype(z.dtype)


def rnn_bwd(
    run: Run,
    attrs: Attrs,
    ut: Real,
    y: Real,
    dy: Real | None,
    ds: Real | None,
    mask: Real | None,
    keep: Real | None,
) -> tuple[Real, Real]:
    """dz of rnn_fwd, ds0"""
    ((_, slope),) = _functions(attrs)
    dh, steps = _given(ds, len(y), y.shape[-1]), _steps(mask, keep)
    back = rnn_steps_back(wide(ut), wide(y), _given(dy, *y.shape), dh, slope, steps)
    dz, before = zip(*back, strict=True)
    return _stack(dz[::-1]).astype(y.dtype), before[-1].astype(y.dtype)


def lstm_fwd(
    run: Run,
    attrs: Attrs,
    z: Real,
    u: Real,
    mask: Real | None,
    s0: Real | None,
    e0: Real | None,
    keep: Real | None,
) -> tuple[Real, ...]:
    """c_t = f c_{t-1} + i g, y_t = o act(c_t)"""
    (act, _), (gate, _) = _functions(attrs)
    h, c = (_given(x, len(z), len(u)) for x in (s0, e0))
    walk = lstm_steps(wide(z), wide(u), h, c, act, gate, _steps(mask, keep))
    *a, cells, y = zip(*walk, strict=True)
    results = _join([_stack(gate) for gate in a]), _stack(cells), _stack(y), y[-1], cells[-1]
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
    mask: Real | None,
    e0: Real | None,
    keep: Real | None,
) -> tuple[Real, ...]:
    """dz of lstm_fwd, ds0, de0"""
    act, (_, gate) = _functions(attrs)
    dh, dc, c0 = (_given(d, len(c), c.shape[-1]) for d in (ds, de, e0))
    flows = wide(ut), wide(a), wide(c), c0, _given(dy, *c.shape), dh, dc
    back = lstm_steps_back(*flows, act, gate, _join, _steps(mask, keep))
    dz, *before = zip(*back, strict=True)
    return tuple(d.astype(c.dtype) for d in (_stack(dz[::-1]), *(d[-1] for d in before)))


def gru_fwd(
    run: Run,
    attrs: Attrs,
    z: Real,
    u: Real,
    b: Real | None,
    mask: Real | None,
    s0: Real | None,
    keep: Real | None,
) -> tuple[Real, ...]:
    """y_t = z y_{t-1} + (1 - z) n"""
    (act, _), (gate, _) = _functions(attrs)
    h0, b, after = _given(s0, len(z), len(u)), _given(b, u.shape[1]), bool(attrs["reset_after"])
    walk = gru_steps(wide(z), wide(u), b, h0, act, gate, after, _steps(mask, keep))
    *a, q, y = zip(*walk, strict=True)
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
    mask: Real | None,
    s0: Real | None,
    keep: Real | None,
) -> tuple[Real, ...]:
    """dz of gru_fwd, dm of y_{t-1} @ u + b, ds0"""
    (_, act), (_, gate) = _functions(attrs)
    (dh, h0), after = (_given(d, len(y), y.shape[-1]) for d in (ds, s0)), bool(attrs["reset_after"])
    flows = wide(ut), wide(a), wide(q), wide(y), h0, _given(dy, *y.shape), dh
    back = gru_steps_back(*flows, act, gate, after, _join, _steps(mask, keep))
    dz, dm, before = zip(*back, strict=True)
    return tuple(d.astype(y.dtype) for d in (_stack(dz[::-1]), _stack(dm[::-1]), before[-1]))


def gru_bwd_u(run: Run, attrs: Attrs, p: Real, q: Real, dz: Real) -> Real:
    """du = p.T @ dz for gates z r, q.T @ dz for gate n"""
    rows, units = tuple(range(p.ndim - 1)), p.shape[-1]
    d = wide(dz)
    du = [
        np.tensordot(wide(p), d[..., : 2 * units], (rows, rows)),
        np.tensordot(wide(q), d[..., 2 * units :], (rows, rows)),
    ]
    return _join(du).astype(p.dtype)


def shift(run: Run, attrs: Attrs, x: Real, first: Real | None, keep: Real | None) -> Real:
    """y_t = x_{t-1}, y_0 = first, or 0; times keep"""
    y = np.zeros_like(x)
    y[:, 1:] = x[:, :-1]
    y[:, 0] = 0 if first is None else first
    return y if keep is None else y * keep[:, None]


def recall(run: Run, attrs: Attrs, state: Real) -> Real:
    """y = state, and 0 in the rows that it has not"""
    y = np.zeros((attrs["r"], *state.shape[1:]), state.dtype)
    y[: len(state)] = state[: len(y)]
    return y


def remember(run: Run, attrs: Attrs, x: Real, state: Real) -> None:
    """state = x, as far as both go"""
    state[: len(x)] = x[: len(state)]
