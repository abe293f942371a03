"""Recurrent layers: simple, LSTM and GRU, all steps of a sequence; with their gradients.

A layer is two operations: the product of the inputs of all steps with the kernel (``dense``), and
the walk over time.  On the way back a walk in the other direction gives the gradient ``dz`` of what
``dense`` returned; that of the recurrent kernel is one product over all steps of ``dz`` and the
states, shifted by a step.

What the three have in common: a step whose ``mask`` is 0 leaves state and cell as they are, and
``recurrent_dropout`` drops units of the state before the product with the recurrent kernel, the
same ones at all steps of a row (Gal and Ghahramani, "A theoretically grounded application of
dropout in recurrent neural networks", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._emit import Operand, as_tensors, emit, reshaped
from fastnn.ops.products import dense
from fastnn.ops.random import dropout, random_key
from fastnn.ops.shaping import transposed
from fastnn.ops.windows import strided

__all__ = ["dropout_steps", "gru", "lstm", "reverse", "simple_rnn"]

#: Beyond, the state of one row would not fit into the working memory of a thread.
MAX_UNITS = 1 << 15


def simple_rnn(
    x: Tensor,
    kernel: Operand,
    recurrent_kernel: Operand,
    bias: Operand | None = None,
    activation: str = "tanh",
    *,
    mask: Tensor | None = None,
    initial_state: Tensor | None = None,
    recurrent_dropout: float | Tensor = 0.0,
    seed: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the states ``h_t = g(x_t @ kernel + bias + h_{t-1} @ recurrent_kernel)``.

    Args:
        x: (rows, time, in).
        kernel: (in, units).
        recurrent_kernel: (units, units).
        bias: (units,), or ``None``.
        activation: a name of ``csrc/activations.def``.
        mask: (rows, time), 0 where a step is left out; ``None``: all count.
        initial_state: h_0, (rows, units); ``None`` is zeros.
        recurrent_dropout: the probability that a unit of the state is dropped, in [0, 1); or what
            the units of the state are multiplied by, (rows, units).
        seed: what those are drawn from; ``None``: the seed of the process.

    Returns:
        The states after every step (rows, time, units), and after the last one (rows, units).
    """
    _check("simple_rnn", 1, x, kernel, recurrent_kernel)
    keep = _keep(x, recurrent_kernel, recurrent_dropout, seed)
    walk = dense(x, kernel, bias), recurrent_kernel, mask, initial_state, keep
    y, last = emit("rnn_fwd", *walk, activation=activation)
    return y, last


@gradient_of("rnn_fwd")
def _simple_rnn(
    node: Node, wanted: tuple[bool, ...], dy: Tensor | None, ds: Tensor | None
) -> Gradients:
    (_, u, mask, s0, keep), (y, _) = node.inputs, node.outputs
    flows = transposed(u), y, dy, ds, mask, keep
    dz, *states = emit("rnn_bwd", *flows, absent=_absent(s0=s0), **node.attrs)
    return dz, _recurrent_kernel(wanted[1], y, s0, keep, dz), ZERO, *_or_none(states), None


def lstm(
    x: Tensor,
    kernel: Operand,
    recurrent_kernel: Operand,
    bias: Operand | None = None,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    *,
    mask: Tensor | None = None,
    initial_state: Sequence[Tensor] | None = None,
    recurrent_dropout: float | Tensor = 0.0,
    seed: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the states of a long short-term memory (Hochreiter and Schmidhuber, 1997).

    Args:
        x: (rows, time, in).
        kernel: (in, 4 units), for the gates i, f, c, o in this order.
        recurrent_kernel: (units, 4 units).
        bias: (4 units,), or ``None``.
        activation: g, a name of ``csrc/activations.def``.
        recurrent_activation: that of the gates i, f and o, s.
        mask: (rows, time), 0 where a step is left out; ``None``: all count.
        initial_state: h_0 and c_0, (rows, units) each; ``None`` is zeros.
        recurrent_dropout: the probability that a unit of the state is dropped, in [0, 1); or what
            the units of the state are multiplied by, (rows, units).
        seed: what those are drawn from; ``None``: the seed of the process.

    Returns:
        The states after every step (rows, time, units), the last of them (rows, units), and the
        cells after the last step.  With ``z = x_t @ kernel + bias + h_{t-1} @ recurrent_kernel``,
        ``c_t = s(z_f) c_{t-1} + s(z_i) g(z_c)`` and ``h_t = s(z_o) g(c_t)``.
    """
    _check("lstm", 4, x, kernel, recurrent_kernel)
    names = {"activation": activation, "recurrent_activation": recurrent_activation}
    state, cell = initial_state or (None, None)
    keep = _keep(x, recurrent_kernel, recurrent_dropout, seed)
    walk = dense(x, kernel, bias), recurrent_kernel, mask, state, cell, keep
    _, _, y, last, cell = emit("lstm_fwd", *walk, **names)
    return y, last, cell


@gradient_of("lstm_fwd")
def _lstm(
    node: Node,
    wanted: tuple[bool, ...],
    da: None,
    dc: None,
    dy: Tensor | None,
    ds: Tensor | None,
    de: Tensor | None,
) -> Gradients:
    (_, u, mask, s0, e0, keep), (a, c, y, _, _) = node.inputs, node.outputs
    flows = transposed(u), a, c, dy, ds, de, mask, e0, keep
    dz, *before = emit("lstm_bwd", *flows, absent=_absent(s0=s0, e0=e0), **node.attrs)
    known = iter(before)
    states = [None if x is None else next(known) for x in (s0, e0)]
    return dz, _recurrent_kernel(wanted[1], y, s0, keep, dz), ZERO, *states, None


def gru(
    x: Tensor,
    kernel: Operand,
    recurrent_kernel: Operand,
    bias: Operand | None = None,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    reset_after: bool = True,
    *,
    mask: Tensor | None = None,
    initial_state: Tensor | None = None,
    recurrent_dropout: float | Tensor = 0.0,
    seed: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the states of gated recurrent units (Cho et al., 2014).

    Args:
        x: (rows, time, in).
        kernel: (in, 3 units), for the gates z, r, n in this order.
        recurrent_kernel: (units, 3 units), u.
        bias: (3 units,); with ``reset_after`` (2, 3 units), one of the inputs and one, b, of the
            recurrent part; or ``None``.
        activation: g, a name of ``csrc/activations.def``.
        recurrent_activation: that of the gates z and r, s.
        reset_after: whether the gate r acts after the recurrent product.
        mask: (rows, time), 0 where a step is left out; ``None``: all count.
        initial_state: h_0, (rows, units); ``None`` is zeros.
        recurrent_dropout: the probability that a unit of the state is dropped, in [0, 1); or what
            the units of the state are multiplied by, (rows, units).
        seed: what those are drawn from; ``None``: the seed of the process.

    Returns:
        The states after every step (rows, time, units), and after the last one (rows, units).
        With ``x = x_t @ kernel + bias`` and ``m = h_{t-1} @ u + b``, ``z = s(x_z + m_z)``,
        ``r = s(x_r + m_r)``, ``n = g(x_n + r m_n)`` or, without ``reset_after``,
        ``n = g(x_n + (r h_{t-1}) @ u_n)``, and ``h_t = z h_{t-1} + (1 - z) n``.
    """
    _check("gru", 3, x, kernel, recurrent_kernel)
    names = {"activation": activation, "recurrent_activation": recurrent_activation}
    outer, inner = bias, None
    if reset_after and bias is not None:
        _, known = as_tensors("gru", x, bias)
        outer, inner = (reshaped(strided(known, 0, i, 1), known.shape[1:]) for i in (0, 1))
    keep = _keep(x, recurrent_kernel, recurrent_dropout, seed)
    walk = dense(x, kernel, outer), recurrent_kernel, inner, mask, initial_state, keep
    _, _, y, last = emit("gru_fwd", *walk, reset_after=int(reset_after), **names)
    return y, last


@gradient_of("gru_fwd")
def _gru(
    node: Node,
    wanted: tuple[bool, ...],
    da: None,
    dq: None,
    dy: Tensor | None,
    ds: Tensor | None,
) -> Gradients:
    (_, u, b, mask, s0, keep), (a, q, y, _) = node.inputs, node.outputs
    after = bool(node.attrs["reset_after"])
    flows = transposed(u), a, q, y, dy, ds, mask, s0, keep
    absent = (*_absent(s0=s0), *(() if after else ("dm",)))
    dz, *more = emit("gru_bwd", *flows, absent=absent, **node.attrs)
    dm = more.pop(0) if after else None
    rest = ZERO, *_or_none(more), None
    if dm is None:
        before = emit("shift", y, s0, keep)[0]
        du = emit("gru_bwd_u", before, q, dz)[0] if wanted[1] else None
        return dz, du, None, *rest
    if b is None:
        return dz, _recurrent_kernel(wanted[1], y, s0, keep, dm), None, *rest
    before = emit("shift", y, s0, keep)[0]
    return dz, *emit("dense_bwd_w", before, dm, None, activation="linear"), *rest


def _keep(
    x: Tensor, recurrent_kernel: Operand, rate: float | Tensor, seed: int | None
) -> Tensor | None:
    """Return what multiplies the units of the state of each row, if any are dropped."""
    if isinstance(rate, Tensor):
        return rate
    if not rate:
        return None
    shape = (None, recurrent_kernel.shape[0])
    return dropout(x.graph.emit("fill", shapes={"y": shape}, value=1.0)[0], rate, seed=seed)


def _or_none(given: Sequence[Tensor]) -> Sequence[Tensor | None]:
    return given or (None,)


def _absent(**states: Tensor | None) -> tuple[str, ...]:
    """Return the names of the gradients that nobody wants, of states that are not given."""
    return tuple(f"d{name}" for name, state in states.items() if state is None)


def _recurrent_kernel(
    wanted: bool, y: Tensor | None, first: Tensor | None, keep: Tensor | None, dz: Tensor
) -> Tensor | None:
    """Return ``sum h_{t-1}.T @ dz_t`` over rows and steps."""
    if not wanted:
        return None
    before = emit("shift", y, first, keep)[0]
    return emit("dense_bwd_w", before, dz, None, absent=("db",), activation="linear")[0]


def dropout_steps(x: Tensor, rate: float, seed: int | None = None) -> Tensor:
    """Return a sequence with features set to 0 with probability ``rate``, the others scaled up.

    Args:
        x: (rows, time, ...).
        rate: in [0, 1).
        seed: what the mask is drawn from; ``None``: the seed of the process.

    Returns:
        What ``dropout`` returns of one step, with the same mask for all steps of a row (Gal and
        Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
        2016).
    """
    return emit("dropout_steps", x, rate=rate, **random_key(x.graph, seed))[0]


@gradient_of("dropout_steps")
def _dropout_steps(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("dropout_steps", dy, **node.attrs)


def reverse(x: Tensor) -> Tensor:
    """Return the steps of a sequence from the last to the first.

    Args:
        x: (rows, time, ...).
    """
    return strided(x, 1, (x.shape[1] or 0) - 1, x.shape[1] or 0, -1)


def _check(who: str, gates: int, x: Tensor, kernel: Operand, recurrent_kernel: Operand) -> None:
    """Refuse what the axes of the operations cannot: gates times units, sizes without an end."""
    units = recurrent_kernel.shape[0] or 0
    if len(x.shape) != 3 or None in x.shape[1:] or 0 in x.shape[1:]:
        raise ShapeError(
            f"{who}: x has shape {format_shape(tuple(x.shape))}, expected (rows, time, in) with at "
            "least one step"
        )
    for name, w in (("kernel", kernel), ("recurrent_kernel", recurrent_kernel)):
        if w.shape[-1] != gates * units:
            raise ShapeError(
                f"{who}: {name} has shape {format_shape(tuple(w.shape))}, expected "
                f"{gates * units} columns: {gates} for each of {units} units"
            )
    if units > MAX_UNITS:
        raise ShapeError(f"{who}: {units} units, at most {MAX_UNITS} are possible")
