"""How far a kernel may be from its twin: a bound for every op, from the rounding errors it makes.

A tolerance that is relative to the result rejects right sums that cancel and accepts wrong ones
that do not.  Here each bound is the sum of the errors of the operations that the kernel makes, to
first order: u = half an ulp of 1 for each rounding, times the size of what is rounded, plus u for
the rounding of the twin, which works in float64.  Sums of products are held to the constant of
netlib's tests instead, |error| <= 32 u |A| |B|, and exponentials and their kin to 4 ulp.

An output that is not in an op's bound must be equal.  Fused and separate multiply-adds both fit.

What is not finite because an input is not has to be the twin's.  Walks through time and products
of many factors may exceed the largest number on the way, though inputs and results do not, and so
may a slope: there, and there alone, anything may come out (``_OVERFLOWING``, ``_OVERFLOWN``).  In
float64 the twin rounds as the kernel does, and each may be as far from the exact result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.ops.augmentation import TRANSFORMS
from fastnn.ops.table import table
from fastnn.reference.cases import CASES, Case
from fastnn.reference.contract import bfloat16
from fastnn.reference.curves import CURVES, gelu_gate, gelu_gate_slope, mish_share, parameters
from fastnn.reference.elementwise import ACTIVATIONS, sigmoid
from fastnn.reference.normalization import grouped
from fastnn.reference.pointwise import LOSSES, Constants
from fastnn.reference.recurrent import (
    Steps,
    gru_steps,
    gru_steps_back,
    lstm_steps,
    lstm_steps_back,
    rnn_steps,
    rnn_steps_back,
)
from fastnn.reference.rounding import PRODUCT, SLOPE, ULPS, Rounded, number_range
from fastnn.reference.tensors import in_groups, repeated
from fastnn.reference.twins import TWINS

__all__ = ["BOUNDS", "Outcome", "bounds"]

_EXP = 2 * ULPS


@dataclass(frozen=True)
class Outcome:
    """A case, its inputs in the program's precision and in float64, and its twin's outputs."""

    case: Case
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    u: float
    policy: str = "float64"

    @property
    def mixed(self) -> bool:
        """Whether factors of products are rounded to bfloat16."""
        return self.policy == "mixed_bfloat16"

    def __getitem__(self, name: str) -> Array:
        """Return an input in float64."""
        return self.inputs[name].astype(np.float64)

    def out(self, name: str) -> Array:
        """Return the size of an output, in float64."""
        return np.abs(self.outputs[name].astype(np.float64))

    def attr(self, name: str) -> float:
        """Return an attribute."""
        return float(self.case.attrs[name])


Bound = Callable[[Outcome], dict[str, Array]]

#: In place of an error: a number on the way may have exceeded the largest.
_OVERFLOWN = -np.inf


def bounds(outcome: Outcome) -> dict[str, Array]:
    """Return the largest error allowed in each output that need not be exact: NaN where it must be
    the twin's, infinity where nothing is known of it.
    """
    count = 2 if outcome.policy == "float64" else 1
    op = outcome.case.op
    with np.errstate(all="ignore"):
        errors = BOUNDS.get(op, _exact)(outcome)
        unknown = np.inf if op in _OVERFLOWING else np.nan
        return {
            n: np.select([e == _OVERFLOWN, np.isinf(e)], [np.inf, unknown], count * e)
            for n, e in errors.items()
        }


def _exact(o: Outcome) -> dict[str, Array]:
    return {}


def _ulps(y: Array, count: int = ULPS) -> Array:
    return count * np.spacing(np.abs(y)).astype(np.float64)


def _depth(terms: int) -> int:
    """Roundings on the way of one term through a sum over vectors of 8 lanes or more."""
    return -(-terms // 8) + 4


# ---- products ------------------------------------------------------------------------------------


def _twin(o: Outcome, inputs: Mapping[str, Array], **attrs: Any) -> Any:
    """Return what the op's twin makes of other inputs, in the order of ``o.inputs``."""
    sizes = {axis: n[0] for axis, n in o.case.sizes.items()}
    known = {**sizes, "policy": o.policy, **o.case.attrs, **attrs}
    operands = table()[o.case.op].inputs
    return TWINS[o.case.op](None, known, *(inputs.get(operand.name) for operand in operands))


def _sums(o: Outcome, inputs: Mapping[str, Array]) -> Any:
    """Return 32 u |A| |B|, or the roundings of a mixed sum; sums of whole numbers are exact."""
    sizes = _twin(o, {name: np.abs(a) for name, a in inputs.items()}, activation="linear")
    count = max(PRODUCT, _mixed_roundings(o)) if o.mixed else PRODUCT
    factor = 0 if o.case.data == "integers" else count * o.u
    return tuple(factor * a for a in sizes) if isinstance(sizes, tuple) else factor * sizes


#: The axes that the products sum over.
_TERMS = {
    "dense_fwd": "i",
    "dense_panels": "i",
    "dense_bwd_x": "o",
    "dense_bwd_w": "r",
    "conv2d_fwd": "mni",
    "conv2d_bwd_x": "mno",
    "conv2d_bwd_w": "rpq",
    "conv2d_transpose_fwd": "mno",
}


def _mixed_roundings(o: Outcome) -> int:
    """16 terms of a chain, two chains, and one addition for each step of 32 terms."""
    sizes = (n for axis in _TERMS[o.case.op] for n in o.case.sizes[axis])
    terms = math.prod(o.case.rows if n is None else n for n in sizes)
    return 18 + -(-terms // 32)


def _product_fwd(o: Outcome) -> dict[str, Array]:
    return _activated(o, _sums(o, {operand: o[operand] for operand in o.inputs}))


def _activated(o: Outcome, error: Array) -> dict[str, Array]:
    """The error of z, which goes through the activation, whose own is ULPS."""
    name = o.case.attrs["activation"]
    if name == "step":  # a z within the error of 0 may fall on either side
        z = _twin(o, {operand: o[operand] for operand in o.inputs}, activation="linear")
        return {"y": np.where(np.abs(z) <= error, 1.0, 0.0)}
    own = _ulps(o.outputs["y"]) if name in ("sigmoid", "tanh") else 0
    return {"y": SLOPE[name] * error + own}


def _plain_product(o: Outcome) -> dict[str, Array]:
    (output,) = o.outputs
    return {output: _sums(o, {operand: o[operand] for operand in o.inputs})}


def _product_bwd(o: Outcome) -> dict[str, Array]:
    """As a product of dz = dy g'(y), taken at its size before the subtraction in g' cancels."""
    inputs = {name: o[name] for name in o.inputs if name != "y"}
    inputs["dy"] = _gradient_size(o)
    error, flips = _sums(o, inputs), _flips(o)
    if not isinstance(error, tuple):
        return {"dx": error + flips}
    weights = "dw" if o.case.op.startswith("dense") else "dk"
    return {weights: error[0] + flips, "db": error[1]}


def _flips(o: Outcome) -> Any:
    """What a mixed sum changes by where the roundings of dy g'(y) lead to another bfloat16."""
    if not o.mixed or o.case.attrs["activation"] not in ("sigmoid", "tanh") or "y" not in o.inputs:
        return 0.0
    dz = ACTIVATIONS[o.case.attrs["activation"]][1](o["y"], o["dy"])
    error = 4 * o.u * _gradient_size(o)
    inputs = {name: np.abs(o[name]) for name in o.inputs if name != "y"}
    inputs["dy"] = np.abs(bfloat16(dz + error) - bfloat16(dz - error)).astype(np.float64)
    change = _twin(o, inputs, activation="linear")
    return change[0] if isinstance(change, tuple) else change


def _gradient_size(o: Outcome) -> Array:
    """|dy g'(y)| as a sum of sizes: 1 - y^2 is two roundings without fused multiply-add."""
    dy, name = np.abs(o["dy"]), o.case.attrs["activation"]
    if "y" not in o.inputs:
        return dy
    if name == "tanh":
        return np.asarray(dy * (1 + o["y"] ** 2))
    return np.asarray(np.abs(ACTIVATIONS[name][1](o["y"], dy)))


# ---- channels ------------------------------------------------------------------------------------


def _spread_error(u: float, spread: Array, mean_size: Array, count: int) -> Array:
    """Of sum (x - mean)^2 over `count` places, taken from means that are good to 4 u |x|.

    Positive terms, each three roundings; and those that the error of the mean adds to them.
    """
    drift = 4 * u * mean_size
    own, moved = (PRODUCT + 8) * u * spread, 2 * drift * np.sqrt(count * spread)
    return np.asarray(own + moved + count * drift**2)


def _moments(o: Outcome) -> dict[str, Array]:
    size, _ = _twin(o, {"x": np.abs(o["x"])})
    count = math.prod(o["x"].shape[1:-1])
    return {"m": PRODUCT * o.u * size, "s": _spread_error(o.u, o.out("s"), size, count)}


def _pool_moments(o: Outcome) -> dict[str, Array]:
    size, m = o.attr("size"), o["m"]
    mean_size, within = np.abs(m).mean(0), o["s"].sum(0) if "s" in o.inputs else 0
    between = ((m - m.mean(0)) ** 2).sum(0)
    error = size * _spread_error(o.u, between, mean_size, len(m)) + PRODUCT * o.u * within
    return {
        "mean": PRODUCT * o.u * mean_size,
        "var": error / (size * len(m)) + 5 * o.u * o.out("var"),
    }


def _moving_average(o: Outcome) -> dict[str, Array]:
    gain = 1 - o.attr("momentum")
    return {"a": o.u * (4 * gain * (np.abs(o["x"]) + np.abs(o["a"])) + 2 * o.out("a"))}


def _channel_scale(o: Outcome) -> Array:
    """|gamma| / sqrt(var + epsilon): relatively precise to 4 u, of a sum, a root, a division."""
    gamma = np.abs(o["gamma"]) if "gamma" in o.inputs else 1
    return np.asarray(gamma / np.sqrt(o["var"] + o.attr("epsilon")))


def _normalize_fwd(o: Outcome) -> dict[str, Array]:
    """(x - mean) scale + beta + z"""
    beta, z = (np.abs(o[name]) if name in o.inputs else 0 for name in ("beta", "z"))
    scaled = np.abs(o["x"] - o["mean"]) * _channel_scale(o)
    return _activated(o, o.u * (9 * scaled + 3 * beta + 2 * z))


def _normalize_bwd_p(o: Outcome) -> dict[str, Array]:
    """Sums of dy g' and of dy g' (x - mean), the factor after three roundings."""
    slope, axes = _gradient_size(o), tuple(range(1, o["x"].ndim - 1))
    inner = (slope * np.abs(o["x"] - o["mean"])).sum(axes)
    return {"a": PRODUCT * o.u * slope.sum(axes), "b": (PRODUCT + 4) * o.u * inner}


def _normalize_bwd_w(o: Outcome) -> dict[str, Array]:
    a, b = np.abs(o["a"]).sum(0), np.abs(o["b"]).sum(0)
    return {"dgamma": (PRODUCT + 6) * o.u * b * _channel_scale(o), "dbeta": PRODUCT * o.u * a}


def _normalize_bwd_x(o: Outcome) -> dict[str, Array]:
    """dx = scale (dy g' - pull - (x - mean) slope), in at most a dozen roundings."""
    size, scale = _gradient_size(o), _channel_scale(o)
    if "x" in o.inputs:
        count = math.prod(o["x"].shape[:-1])
        xhat = np.abs(o["x"] - o["mean"]) / np.sqrt(o["var"] + o.attr("epsilon"))
        size = size + (np.abs(o["dbeta"]) + xhat * np.abs(o["dgamma"])) / count
    return {"dx": 16 * o.u * size * scale}


def _normalize_fold(o: Outcome) -> dict[str, Array]:
    b, beta = (np.abs(o[name]) if name in o.inputs else 0 for name in ("b", "beta"))
    shift = (b + np.abs(o["mean"])) * _channel_scale(o)
    return {"k": 6 * o.u * o.out("k"), "s": o.u * (8 * shift + 2 * beta)}


def _global_mean_fwd(o: Outcome) -> dict[str, Array]:
    return {"y": PRODUCT * o.u * _twin(o, {**o.inputs, "x": np.abs(o["x"])})}


def _global_mean_bwd(o: Outcome) -> dict[str, Array]:
    """A division and the twin's rounding."""
    return {"dx": 2 * o.u * o.out("dx")}


def _group_mean(x: Array) -> Array:
    mean: Array = x.mean((-3, -1), keepdims=True)
    return mean


def _group_depth(x: Array) -> int:
    """Roundings on a term's way through the sum of a group, of vectors of each piece."""
    return int(x.shape[-3] * -(-x.shape[-1] // 8) + 8)


def _group_moments(o: Outcome, groups: int) -> tuple[Array, Array, Array]:
    """The errors of m and, relatively, of s; and |x - m|.

    Deviations are from a mean with an error of its own, which is taken off again.
    """
    x = grouped(o["x"], groups)
    depth = _group_depth(x)
    if not o.attr("centred"):
        zero = np.zeros_like(_group_mean(x))
        return zero, zero + o.u * (depth + 8), np.abs(x)
    m = _group_mean(x)
    gap, first = np.abs(x - m), o.u * depth * _group_mean(np.abs(x))
    near, v = _group_mean(gap), _group_mean(gap**2)
    again = o.u * (depth + 4) * (near + first)
    spread = o.u * (depth + 8) * v + 2 * first * again + o.u * first**2
    return 2 * o.u * np.abs(m) + again, spread / (v + o.attr("epsilon")) + 4 * o.u, gap


def _row_norm_fwd(o: Outcome) -> dict[str, Array]:
    groups = o.outputs["m"].shape[-1]
    mean, scale, gap = _group_moments(o, groups)
    gamma, beta = (
        np.abs(grouped(o[name], groups)) if name in o.inputs else np.ones(())
        for name in ("gamma", "beta")
    )
    s = o.out("s")[..., None, :, None]
    own = s * gamma * (mean + gap * (scale + 5 * o.u)) + 2 * o.u * beta
    y = own.reshape(o["x"].shape) + 3 * o.u * o.out("y")
    of_m, of_s = mean[..., 0, :, 0], scale[..., 0, :, 0]
    return {"m": of_m + o.u * o.out("m"), "s": (of_s + 2 * o.u) * o.out("s"), "y": y}


def _group_xhat(o: Outcome) -> tuple[Array, Array]:
    """|xhat| and s, as groups."""
    m, s = (o[name][..., None, :, None] for name in "ms")
    return np.abs(grouped(o["x"], o["m"].shape[-1]) - m) * np.abs(s), np.abs(s)


def _row_norm_bwd_x(o: Outcome) -> dict[str, Array]:
    """s (h - mean h - xhat mean(h xhat))"""
    groups, (xhat, s) = o["m"].shape[-1], _group_xhat(o)
    gamma = np.abs(grouped(o["gamma"], groups)) if "gamma" in o.inputs else np.ones(())
    h, depth = np.abs(grouped(o["dy"], groups)) * gamma, _group_depth(xhat)
    count = xhat.shape[-3] * xhat.shape[-1] if o.attr("summed") else 1
    turn, pull = count * _group_mean(h * xhat), _group_mean(h) * o.attr("centred")
    error = 6 * h + (depth + 8) * pull + (depth + 16) * xhat * turn
    return {"dx": (o.u * s * error).reshape(o["x"].shape)}


def _row_norm_bwd_w(o: Outcome) -> dict[str, Array]:
    """Chains of rows, of at most 128 in a chunk, that are held to a product's constant."""
    xhat, axes = _group_xhat(o)[0].reshape(o["x"].shape), tuple(range(o["x"].ndim - 1))
    dy, rows = np.abs(o["dy"]), math.prod(o["x"].shape[:-1])
    steps = min(rows + 4, PRODUCT)
    dgamma = (dy * xhat).sum(axes)
    return {"dgamma": o.u * (steps + 4) * dgamma, "dbeta": o.u * steps * dy.sum(axes)}


# ---- recurrent layers ----------------------------------------------------------------------------


_ACT, _GATE = "activation", "recurrent_activation"


def _given(o: Outcome, name: str) -> Rounded:
    """Return an input without error; zeros where it is absent."""
    if name in o.inputs:
        return Rounded(o[name], o.u)
    (operand,) = (x for x in table()[o.case.op].inputs if x.name == name)
    return Rounded(np.zeros(o.case.filled(operand, o.case.rows)), o.u)


def _steps(o: Outcome) -> Steps:
    keep = Rounded(o["keep"], o.u) if "keep" in o.inputs else None
    return Steps(o.inputs.get("mask"), keep)


def _forward(o: Outcome, name: str) -> Callable[[Rounded], Rounded]:
    """Return an activation of a case as a function of numbers with errors."""
    return lambda x: x.activated(o.case.attrs[name])


def _backward(o: Outcome, name: str) -> Callable[[Rounded, Rounded], Rounded]:
    return lambda y, dy: y.derived(o.case.attrs[name], dy)


def _both(o: Outcome, of: Callable[[Outcome, str], Any]) -> tuple[Any, Any]:
    return of(o, _ACT), of(o, _GATE)


def _walked(o: Outcome, **results: Rounded) -> dict[str, Array]:
    """The errors of the walk, and the twin's rounding."""
    rounding = {
        name: o.u * np.where(np.isfinite(o.out(name)), o.out(name), 0) for name in o.outputs
    }
    return {name: results[name].error + rounding[name] for name in o.outputs}


def _rnn_fwd(o: Outcome) -> dict[str, Array]:
    z, u, s0 = (_given(o, name) for name in ("z", "u", "s0"))
    (y,) = zip(*rnn_steps(z, u, s0, _forward(o, _ACT), _steps(o)), strict=True)
    return _walked(o, y=Rounded.stack(y), s=y[-1])


def _rnn_bwd(o: Outcome) -> dict[str, Array]:
    ut, y, dy, ds = (_given(o, name) for name in ("ut", "y", "dy", "ds"))
    back = rnn_steps_back(ut, y, dy, ds, _backward(o, _ACT), _steps(o))
    dz, dh = zip(*back, strict=True)
    return _walked(o, dz=Rounded.stack(dz[::-1]), ds0=dh[-1])


def _lstm_fwd(o: Outcome) -> dict[str, Array]:
    flows: list[Any] = [_given(o, name) for name in ("z", "u", "s0", "e0")]
    flows += [*_both(o, _forward), _steps(o)]
    *a, c, y = zip(*lstm_steps(*flows), strict=True)
    gates = Rounded.join([Rounded.stack(gate) for gate in a])
    return _walked(o, a=gates, c=Rounded.stack(c), y=Rounded.stack(y), s=y[-1], e=c[-1])


def _lstm_bwd(o: Outcome) -> dict[str, Array]:
    flows: list[Any] = [_given(o, name) for name in ("ut", "a", "c", "e0", "dy", "ds", "de")]
    slope, gate = _both(o, _backward)
    act = (_forward(o, _ACT), slope)
    flows += [act, gate, Rounded.join, _steps(o)]
    back = lstm_steps_back(*flows)
    dz, dh, dc = zip(*back, strict=True)
    return _walked(o, dz=Rounded.stack(dz[::-1]), ds0=dh[-1], de0=dc[-1])


def _gru_fwd(o: Outcome) -> dict[str, Array]:
    flows: list[Any] = [_given(o, name) for name in ("z", "u", "b", "s0")]
    after = bool(o.attr("reset_after"))
    flows += [*_both(o, _forward), after, _steps(o)]
    *a, q, y = zip(*gru_steps(*flows), strict=True)
    gates = Rounded.join([Rounded.stack(gate) for gate in a])
    return _walked(o, a=gates, q=Rounded.stack(q), y=Rounded.stack(y), s=y[-1])


def _gru_bwd(o: Outcome) -> dict[str, Array]:
    flows: list[Any] = [_given(o, name) for name in ("ut", "a", "q", "y", "s0", "dy", "ds")]
    after = bool(o.attr("reset_after"))
    flows += [*_both(o, _backward), after, Rounded.join, _steps(o)]
    back = gru_steps_back(*flows)
    dz, dm, dh = zip(*back, strict=True)
    return _walked(o, dz=Rounded.stack(dz[::-1]), dm=Rounded.stack(dm[::-1]), ds0=dh[-1])


def _gru_bwd_u(o: Outcome) -> dict[str, Array]:
    return {"du": _sums(o, {name: o[name] for name in o.inputs})}


def _embed_bwd(o: Outcome) -> dict[str, Array]:
    """A sum over as many places as an id may have, in their order, and the twin's rounding."""
    places = o["ids"].size
    return {"dw": (places + 1) * o.u * _twin(o, {"ids": o["ids"], "dy": np.abs(o["dy"])})}


def _encode(o: Outcome) -> dict[str, Array]:
    """As many sums as there are ids, and the twin's rounding."""
    sizes = {**o.inputs, **({"w": np.abs(o["w"])} if "w" in o.inputs else {})}
    return {"y": (o["ids"].shape[-1] + 1) * o.u * _twin(o, sizes)}


def _shift(o: Outcome) -> dict[str, Array]:
    """A product, if there is one."""
    return {"y": o.u * o.out("y")} if "keep" in o.inputs else {}


# ---- element by element --------------------------------------------------------------------------


def _activation_fwd(o: Outcome) -> dict[str, Array]:
    return {"y": _ulps(o.outputs["y"])} if o.case.attrs["activation"] in ("sigmoid", "tanh") else {}


def _activation_bwd(o: Outcome) -> dict[str, Array]:
    """Three roundings and the twin's."""
    smooth = o.case.attrs["activation"] in ("sigmoid", "tanh")
    return {"dx": 4 * o.u * _gradient_size(o)} if smooth else {}


#: curve -> the error of y in units of u |y|: roundings, _EXP for an exponential, the twin's.
_CURVE: Mapping[str, Callable[[Array], Any]] = {
    "bend": lambda x: 3,
    "ramp": lambda x: 3,
    "step": lambda x: 0,
    "threshold": lambda x: 0,
    "shrink": lambda x: 2,
    "elu": lambda x: 12,  # c x passes on at most its own error
    "exponential": lambda x: _EXP + 1,
    "softplus": lambda x: 2 * _EXP + 6,
    "softsign": lambda x: 4,
    "silu": lambda x: _EXP + 4,
    "hard_silu": lambda x: 6,
    "gelu": lambda x: 2 * (8 + 3 * x**2) + 4,  # that of v_normal_cdf
    "gelu_tanh": lambda x: _EXP + 4 + 6 * np.abs(gelu_gate(x)) * sigmoid(-gelu_gate(x)),
    "mish": lambda x: _EXP + 16,
    "squareplus": lambda x: 8,
    "sparse_plus": lambda x: 5,
    "log": lambda x: _EXP + 1,
    "log1p": lambda x: _EXP + 1,
    "expm1": lambda x: _EXP + 1,
    "sqrt": lambda x: 2,
    "rsqrt": lambda x: 3,
    "square": lambda x: 2,
    "reciprocal": lambda x: 2,
    "sin": lambda x: _EXP + 1,
    "cos": lambda x: _EXP + 1,
    "erf": lambda x: _EXP + 1,
    "erfc": lambda x: 2 * (8 + 3 * x**2) + 4,
    "arctan": lambda x: _EXP + 1,
}

#: curve -> the error of g' in units of u: as above, where it is a sum that of its terms' sizes.
_CURVE_SLOPE: Mapping[str, Callable[..., Any]] = {
    "line": lambda x, a, c, slope: 2 * slope,
    "bend": lambda x, a, c, slope: 2 * slope,
    "ramp": lambda x, a, c, slope: 2 * slope,
    "elu": lambda x, a, c, slope: np.where(x < 0, _EXP + 5 + np.abs(c * x), 2) * slope,
    "exponential": lambda x, a, c, slope: (_EXP + 2) * slope,
    "softplus": lambda x, a, c, slope: (_EXP + 2) * slope,
    "softsign": lambda x, a, c, slope: 8 * slope,
    "silu": lambda x, a, c, slope: _gate_slope(x, x, np.ones(x.shape)),
    "hard_silu": lambda x, a, c, slope: np.where(np.abs(x) < 3, 6.0, 0.0),
    "gelu": lambda x, a, c, slope: _gelu_slope(np.clip(x, -1000, 1000)),
    "gelu_tanh": lambda x, a, c, slope: _gate_slope(x, gelu_gate(x), gelu_gate_slope(x)),
    "mish": lambda x, a, c, slope: _mish_slope(np.clip(x, -1000, 1000)),
    "squareplus": lambda x, a, c, slope: 8.0,
    "sparse_plus": lambda x, a, c, slope: 4 * slope,
    "tanh_shrink": lambda x, a, c, slope: (2 * _EXP + 4) * slope,
    "log": lambda x, a, c, slope: 2 * slope,
    "log1p": lambda x, a, c, slope: 3 * slope,
    "expm1": lambda x, a, c, slope: (_EXP + 2) * slope,
    "sqrt": lambda x, a, c, slope: 4 * slope,
    "rsqrt": lambda x, a, c, slope: 5 * slope,
    "square": lambda x, a, c, slope: 2 * slope,
    "reciprocal": lambda x, a, c, slope: 5 * slope,
    "sin": lambda x, a, c, slope: (_EXP + 2) * slope,
    "cos": lambda x, a, c, slope: (_EXP + 2) * slope,
    "erf": lambda x, a, c, slope: (_EXP + 4 + 2 * x**2) * slope,
    "erfc": lambda x, a, c, slope: (_EXP + 4 + 2 * x**2) * slope,
    "arctan": lambda x, a, c, slope: 4 * slope,
}


def _gate_slope(x: Array, z: Array, slope: Array) -> Array:
    """s + x slope s (1 - s); z errs by 6 u, which s passes on with the factor z (1 - s)."""
    s, rest = sigmoid(z), sigmoid(-z)
    passed = _EXP + 6 + 6 * np.abs(z) * rest
    inner = np.abs(np.clip(x, -1000, 1000)) * slope * s * rest
    return np.asarray(passed * s + (2 * _EXP + 16 + 6 * np.abs(z)) * inner)


def _gelu_slope(x: Array) -> Array:
    """Phi + x phi, the exponent of phi being good to 2 u x^2."""
    share = CURVES["gelu"].value(x) / np.where(x == 0, 1, x)
    density = np.abs(x) * np.exp(-x * x / 2)
    return np.asarray(
        (2 * (8 + 3 * x**2) + 4) * np.abs(share) + (_EXP + 8 + 2 * x**2) * density + 8
    )


def _mish_slope(x: Array) -> Array:
    """w + x (1 - w)(1 + w) s"""
    w, bend = mish_share(x)
    inner = np.abs(x) * bend * sigmoid(x)
    return np.asarray((_EXP + 16) * w + (3 * _EXP + 30) * inner)


def _underflow(o: Outcome) -> Array:
    """An exponential below the smallest normal number may be 0; a few factors come after it."""
    return np.asarray(16 * np.finfo(o.inputs["x"].dtype).tiny * (1 + np.abs(o["x"])))


def _curve_fwd(o: Outcome) -> dict[str, Array]:
    name, x, y = o.case.attrs["curve"], o["x"], o.out("y")
    if name == "line":
        a, _, _, _ = parameters(o.case.attrs, o.inputs["x"].dtype)
        return {"y": o.u * (2 * np.abs(a * x) + 2 * y)}
    if name == "tanh_shrink":
        return {"y": o.u * (_EXP * np.abs(np.tanh(x)) + 2 * y)}
    if name not in _CURVE:
        return {}
    return {"y": o.u * _CURVE[name](x) * y + _underflow(o)}


def _gather(o: Outcome) -> dict[str, Array]:
    """A conversion is exact; a line as the curve of that name."""
    if not o.case.attrs["scaled"]:
        return {}
    y, offset = o.out("x"), abs(o.case.attrs["offset"])
    return {"x": o.u * (2 * (y + offset) + 2 * y)}


def _curve_bwd(o: Outcome) -> dict[str, Array]:
    """dy g': the error of g', a product's and the twin's; g' may exceed the largest number."""
    name, x, dy = o.case.attrs["curve"], o["x"], np.abs(o["dy"])
    error = _CURVE_SLOPE.get(name)
    if error is None:
        return {}
    known = parameters(o.case.attrs, o.inputs["x"].dtype)
    slope = np.abs(CURVES[name].slope(x, *known))
    own = o.u * (error(x, known[0], known[2], slope) * dy + 2 * o.out("dx"))
    steep = np.maximum(1, gelu_gate_slope(x)) if name == "gelu_tanh" else 1
    error = own + dy * steep * _underflow(o)
    return {"dx": _unless_overflown(o, slope, slope * (1 + 4 * _EXP * o.u), error)}


def _unless_overflown(o: Outcome, known: Array, size: Array, error: Array) -> Array:
    """Return the error; that nothing is known where an input or what comes of it is finite, and a
    number on the way, which is at most of this size, may exceed the largest."""
    return np.where(np.isfinite(known) & (size > number_range(o.u).max), _OVERFLOWN, error)


#: function of csrc/binary.def -> its error in units of u |y| with the twin's; others: none.
_BINARY = {"add": 2, "subtract": 2, "multiply": 2, "divide": 2, "hypot": 8, "arctan2": _EXP + 4}


def _sizes(o: Outcome) -> dict[str, int]:
    """Return the size of each axis, or group of axes."""
    return {
        axis: math.prod(o.case.rows if n is None else n for n in known)
        for axis, known in o.case.sizes.items()
    }


def _pair(o: Outcome) -> tuple[Array, Array]:
    """Return both operands of a function of two numbers, in its order, of the result's shape."""
    if o.case.op == "binary":
        return o["a"], o["b"]
    sizes = {
        axis: math.prod(o.case.rows if n is None else n for n in o.case.sizes[axis])
        for axis in "pqs"
    }
    a, b = np.broadcast_arrays(in_groups(sizes, o["a"]), repeated(sizes, o["b"]))
    a, b = a.reshape(o["a"].shape), b.reshape(o["a"].shape)
    return (b, a) if o.attr("swapped") else (a, b)


def _binary(o: Outcome) -> dict[str, Array]:
    name, y = o.case.attrs["binary"], o.out("y")
    a, b = _pair(o)
    if name in _BINARY:
        return {"y": _BINARY[name] * o.u * y}
    if name == "logaddexp":  # what is added, at most log 2, errs by its own share
        return {"y": o.u * (3 * _EXP + 4 + np.maximum(np.abs(a), np.abs(b)) + 2 * y)}
    if name.startswith("power"):
        return {"y": _power(o, name, a, b, y)}
    if name in ("mod", "floor_divide"):
        return {"y": _mod(o, a, b) if name == "mod" else np.where(_near_whole(o, a / b), 1.0, 0.0)}
    return {}


def _near_whole(o: Outcome, x: Array) -> Array:
    """Return where the rounding of a quotient may carry it to a whole number."""
    return np.asarray(np.abs(x - np.round(x)) <= 2 * o.u * np.abs(x))


def _mod(o: Outcome, a: Array, b: Array) -> Array:
    """The product and the difference; near a multiple of b the whole of it."""
    near = np.where(_near_whole(o, a / b), np.abs(b), 0)
    return np.asarray(near + 4 * o.u * (np.abs(a) + np.abs(b)))


def _power(o: Outcome, name: str, a: Array, b: Array, y: Array) -> Array:
    """e^z: z = b log|a| errs by that of the logarithm and of the product, which e^z passes on; the
    factors of the derivatives round b - 1 and the products."""
    exponent = b - 1 if name == "power_slope" else b
    powers = exponent * np.log(np.abs(a))
    z = np.abs(powers)
    passed = (_EXP + 2) * np.where(np.isfinite(z), z, 0)
    moved = np.abs(np.log(np.abs(a)) * b) if name == "power_slope" else 0
    relative = o.u * (passed + moved + 3 * _EXP + 6)
    lost = np.finfo(o.inputs["a"].dtype).tiny * (16 + np.abs(b) + z)
    error = np.expm1(relative) * y + lost
    if name == "power":
        return np.asarray(error)
    return _unless_overflown(o, powers, np.exp(powers + relative), error)


def _chunked(o: Outcome) -> int:
    """Roundings on the way of one term through chunks of 64, over the lanes, and the twin's."""
    count = _along(o) if _sizes(o)["s"] > 1 else -(-_along(o) // 8)
    return min(count, 64) + count // 64 + 7


def _along(o: Outcome) -> int:
    """Return how many numbers become one."""
    return _sizes(o)["q"]


def _reduce(o: Outcome) -> dict[str, Array]:
    if o.case.attrs["reduction"] == "sum":
        sizes = _grouped_twin(o, {"x": np.abs(o["x"])})
        return {"y": _chunked(o) * o.u * np.where(np.isfinite(sizes), sizes, np.nan)}
    if o.case.attrs["reduction"] == "prod":
        error = np.expm1((_along(o) + 6) * o.u) * o.out("y") + _lost(o, "x")
        return {"y": _in_range(o, o.out("y"), error, lambda x: _grouped_twin(o, {"x": x}))}
    return {}


def _in_range(o: Outcome, y: Array, error: Array, product: Callable[[Array], Array]) -> Array:
    """The error of a product of factors x: unknown where that of some of them may exceed the
    largest number, or may be 0 though others are infinite: which is NaN, or not."""
    numbers, x = np.finfo(o.inputs["x"].dtype), np.abs(o["x"])
    large, small = (np.where(np.isfinite(x), f(x, 1), 1) for f in (np.maximum, np.minimum))
    marks = {name: np.where(np.isfinite(o[name]) & (o[name] != 0), 1, o[name]) for name in o.inputs}
    due = np.isnan(_grouped_twin(o, marks))  # a NaN among the factors, or 0 and infinity
    vanishing = ~np.isfinite(y) & ~due & (product(small) < numbers.tiny)
    unknown = vanishing | ~(product(large) <= numbers.max)
    return np.where(unknown, np.inf, np.where(np.isfinite(error), error, np.nan))


def _lost(o: Outcome, name: str) -> Array:
    """A partial product below the smallest normal number may be 0, whatever it is multiplied by."""
    x = o[name]
    largest = np.prod(np.maximum(np.abs(x[np.isfinite(x)]), 1))
    return np.asarray(np.finfo(o.inputs[name].dtype).tiny * min(largest, 1e30))


def _grouped_twin(o: Outcome, inputs: Mapping[str, Array]) -> Any:
    """Return what the op's twin makes of other inputs."""
    operands = table()[o.case.op]
    shape = o.case.filled(operands.outputs[0], o.case.rows)
    known = {**_sizes(o), **o.case.attrs, "shape": shape}
    return TWINS[o.case.op](None, known, *(inputs.get(x.name) for x in operands.inputs))


def _prod_bwd(o: Outcome) -> dict[str, Array]:
    largest = np.abs(o["dy"]).max(initial=1, where=np.isfinite(o["dy"]))
    relative = np.expm1((_along(o) + 6) * o.u)
    error = relative * o.out("dx") + _lost(o, "x") * largest
    dy = np.where(np.isfinite(o["dy"]), np.maximum(np.abs(o["dy"]), 1), 1)
    return {
        "dx": _in_range(o, o.out("dx"), error, lambda x: _grouped_twin(o, {"x": x, "dy": dy}) * x)
    }


def _cumsum(o: Outcome) -> dict[str, Array]:
    """A chain, and the twin's rounding."""
    return {"y": (_along(o) + 2) * o.u * _grouped_twin(o, {"x": np.abs(o["x"])})}


def _take_sums(o: Outcome) -> dict[str, Array]:
    """At most all of dy at one place."""
    inputs = {"dy": np.abs(o["dy"]), "i": o["i"]}
    return {"dx": (_sizes(o)["k"] + 2) * o.u * _grouped_twin(o, inputs)}


def _matmul(o: Outcome) -> dict[str, Array]:
    sizes = _grouped_twin(o, {name: np.abs(o[name]) for name in ("a", "w")})
    return {"y": (0 if o.case.data == "integers" else PRODUCT) * o.u * sizes}


def _scale(o: Outcome) -> dict[str, Array]:
    """The factor's rounding, its own, the twin's."""
    return {"y": 3 * o.u * o.out("y")}


#: sqrt(-2 log 2^-33), the largest of the normal random numbers.
_FARTHEST = 6.77


def _gaussian_noise(o: Outcome) -> dict[str, Array]:
    """A radius good to 6 u, a sine or cosine to 6 u of 1, two roundings, x and the twin's."""
    noise = o.attr("stddev") * _FARTHEST * (np.abs(o["x"]) if o.attr("product") else 1.0)
    return {"y": o.u * (16 * noise + 2 * o.out("y"))}


def _maxpool_bwd(o: Outcome) -> dict[str, Array]:
    """A place lies under at most `count` windows, whose gradients are added in some order."""
    attr, inputs = o.attr, {**o.inputs, "dy": np.abs(o["dy"])}
    inputs["x"], inputs["y"] = o["x"], o["y"]
    count = math.prod(math.ceil(attr(f"size_{s}") / attr(f"stride_{s}")) for s in "hw")
    return {} if count == 1 else {"dx": count * o.u * _twin(o, inputs)}


def _avgpool_fwd(o: Outcome) -> dict[str, Array]:
    """A sum over the window, a division, the twin's rounding."""
    count = o.attr("size_h") * o.attr("size_w")
    return {"y": (count + 2) * o.u * np.abs(_twin(o, {"x": np.abs(o["x"])}))}


def _avgpool_bwd(o: Outcome) -> dict[str, Array]:
    """A sum over `count` windows of products with the rounded 1 / places; the twin's rounding."""
    count = math.prod(math.ceil(o.attr(f"size_{s}") / o.attr(f"stride_{s}")) for s in "hw")
    return {"dx": (2 * count + 2) * o.u * np.abs(_twin(o, {"dy": np.abs(o["dy"])}))}


# ---- augmentation --------------------------------------------------------------------------------


def _random_map(o: Outcome) -> dict[str, Array]:
    """Numbers in double, rounded once; those of a turn have a sine and the centre in them."""
    if o.attr("transform") != TRANSFORMS.index("rotate"):
        return {}
    size = o.attr("height") + o.attr("width")
    return {"map": 2 * o.u * o.out("map") + ULPS * np.finfo(np.float64).eps * size}


def _warp(o: Outcome) -> dict[str, Array]:
    """Two blends of two products each, whose weights are exact, and the twin's rounding."""
    inputs = {"x": np.abs(o["x"]), "map": o.inputs["map"]}
    size = _twin(o, inputs, fill_value=abs(o.attr("fill_value")))
    return {"y": 5 * o.u * size} if o.attr("bilinear") else {}


def _warp_bwd(o: Outcome) -> dict[str, Array]:
    """A sum of products; a pixel is read by few others, or at an edge by up to all."""
    count = 4 * math.prod(o["dy"].shape[1:3]) + 3
    size = _twin(o, {"dy": np.abs(o["dy"]), "map": o.inputs["map"]})
    return {"dx": count * o.u * size}


def _tone(o: Outcome) -> dict[str, Array]:
    """(x - mean) factor + mean, three roundings and the twin's; what is cut off errs no more."""
    factor = o["factor"].reshape(-1, *[1] * (o["x"].ndim - 1))
    if "mean" not in o.inputs:
        return {"y": 2 * o.u * (np.abs(o["x"]) + np.abs(factor))}
    mean = np.abs(o["mean"])
    mean = mean.reshape(len(mean), *[1] * (o["x"].ndim - 2), mean.shape[1])
    return {"y": o.u * (4 * (np.abs(o["x"]) + mean) * np.abs(factor) + 3 * mean)}


# ---- rows of scores ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """Softmax of z, errors in units of u.

    Attributes:
        gap: |z - max|, which is rounded before e = exp(z - max) is taken, so that the relative
            error of e is gap + _EXP.
        total: the relative error of sum e.
        log_total: the logarithm of sum e.
    """

    gap: Array
    total: Array
    log_total: Array

    @classmethod
    def of(cls, z: Array) -> _Rows:
        gap = z.max(-1, keepdims=True) - z
        e = np.exp(-gap)
        total = e.sum(-1, keepdims=True)
        weighted = np.where(e == 0, 0, e * gap).sum(-1, keepdims=True) / total
        return cls(gap, weighted + _EXP + _depth(z.shape[-1]), np.log(total))

    @property
    def probability(self) -> Array:
        """The relative error of e times 1 / total: two roundings, and the twin's."""
        return self.gap + _EXP + self.total + 3

    @property
    def log_error(self) -> Array:
        """The error of log total."""
        return np.asarray(self.total + _EXP * self.log_total)


def _softmax_fwd(o: Outcome) -> dict[str, Array]:
    return {"y": o.u * o.out("y") * _Rows.of(o["x"]).probability}


def _softmax_bwd(o: Outcome) -> dict[str, Array]:
    dy, y = np.abs(o["dy"]), np.abs(o["y"])
    dot = (dy * y).sum(-1, keepdims=True)
    return {"dx": o.u * y * (_depth(y.shape[-1]) * dot + 3 * (dy + dot))}


def _log_softmax_fwd(o: Outcome) -> dict[str, Array]:
    """(x - max) - log total"""
    rows = _Rows.of(o["x"])
    return {"y": o.u * (rows.log_error + 2 * rows.gap + _EXP * rows.log_total + 2 * o.out("y"))}


def _log_softmax_bwd(o: Outcome) -> dict[str, Array]:
    """dy - exp(y) sum dy; y is below 0, unless it is the logarithm of nothing"""
    dy, p = np.abs(o["dy"]), np.exp(o["y"])
    total = dy.sum(-1, keepdims=True)
    error = o.u * ((_EXP + _depth(p.shape[-1]) + 3) * p * total + 3 * dy)
    largest = 2 * p * np.maximum(total, 1)
    return {"dx": _unless_overflown(o, o["y"], largest, error)}


def _softmax_ce_sparse(o: Outcome) -> dict[str, Array]:
    """l = log total + (max - z_t)"""
    rows = _Rows.of(o["z"])
    at = np.maximum(o.inputs["t"], 0)[..., None].astype(np.int64)
    gap = np.take_along_axis(rows.gap, at, -1)
    loss = rows.log_error + gap + 2 * (rows.log_total + gap)
    return {"p": o.u * o.out("p") * rows.probability, "l": o.u * loss[..., 0]}


def _softmax_ce_dense(o: Outcome) -> dict[str, Array]:
    """l = sum t s, s = log total + (max - z)"""
    rows, t = _Rows.of(o["z"]), np.abs(o["t"])
    s = rows.log_total + rows.gap
    each = t * (rows.log_error + rows.gap + (3 + _depth(t.shape[-1])) * s)
    loss = np.where(t == 0, 0, each).sum(-1)
    return {"p": o.u * o.out("p") * rows.probability, "l": o.u * loss}


def _softmax_ce_sparse_bwd(o: Outcome) -> dict[str, Array]:
    """A subtraction, a product, the twin's rounding."""
    return {"dz": 3 * o.u * o.out("dz")}


def _slope_of_rows(o: Outcome, places: tuple[int, ...]) -> Array:
    """|dl|, or 1 / r where it is absent, shaped to multiply rows."""
    dl = np.abs(o["dl"]) if "dl" in o.inputs else np.full(places, 1 / max(math.prod(places), 1))
    return np.asarray(dl[..., None])


def _softmax_ce_dense_bwd(o: Outcome) -> dict[str, Array]:
    """dz = (p sum t - t) dl"""
    p, t = np.abs(o["p"]), np.abs(o["t"])
    weight = t.sum(-1, keepdims=True)
    terms = (_depth(t.shape[-1]) + 4) * p * weight + 3 * t
    return {"dz": o.u * _slope_of_rows(o, p.shape[:-1]) * terms}


# ---- losses by columns ---------------------------------------------------------------------------


def _sigmoid_bce(o: Outcome) -> dict[str, Array]:
    """A term max(z, 0) - z t + log1p(e), e = exp -|z|, and the mean of n terms.

    log1p passes on at most the relative error of e.
    """
    z, t = np.abs(o["z"]), np.abs(o["t"])
    linear, log = z + z * t, np.log1p(np.exp(-z))
    terms = (5 + _depth(z.shape[-1])) * (linear + log) + 2 * _EXP * log
    return {"p": _ulps(o.outputs["p"]), "l": o.u * terms.mean(-1)}


def _sigmoid_bce_bwd(o: Outcome) -> dict[str, Array]:
    """A subtraction, a division, two products, the twin's rounding."""
    return {"dz": 5 * o.u * o.out("dz")}


def _with_errors(o: Outcome, which: int) -> Rounded:
    """The term, or its derivative, as the kernel may have rounded it."""
    formula, dtype = LOSSES[o.case.attrs["loss"]][which], o.outputs[next(iter(o.outputs))].dtype
    constants = Constants.of(o.case.attrs, dtype)
    result: Rounded = formula(Rounded(o["a"], o.u), Rounded(o["t"], o.u), constants)
    return result


def _loss_fwd(o: Outcome) -> dict[str, Array]:
    """The terms' own errors, those of their sum, a division, the twin's rounding."""
    terms, n = _with_errors(o, 0), o["a"].shape[-1]
    own = (terms.error + (_depth(n) + 2) * o.u * terms.size).sum(-1)
    return {"l": own / (1 if o.attr("sum") else n)}


def _loss_bwd(o: Outcome) -> dict[str, Array]:
    """The derivative's own error; the slope of the row, a division, two products, the twin."""
    slope, n = _with_errors(o, 1), 1 if o.attr("sum") else o["a"].shape[-1]
    by = _slope_of_rows(o, o["a"].shape[:-1]) / n
    return {"da": by * (slope.error + 5 * o.u * slope.size)}


def _lengths(o: Outcome) -> tuple[Array, Array, Array, Array]:
    """|a| and |t| element by element, and over their lengths."""
    a, t = np.abs(o["a"]), np.abs(o["t"])
    over_a, over_t = (
        1 / np.sqrt(np.maximum((x * x).sum(-1, keepdims=True), 1e-12)) for x in (a, t)
    )
    return a, t, over_a, over_t


def _cosine(o: Outcome) -> dict[str, Array]:
    """A sum of products, two lengths from such sums, a root, a division, two products."""
    a, t, over_a, over_t = _lengths(o)
    size = (a * over_a * (t * over_t)).sum(-1)
    return {"l": (2 * _depth(a.shape[-1]) + 10) * o.u * size}


def _cosine_bwd(o: Outcome) -> dict[str, Array]:
    """Three lengths and a cosine, none of them beyond the sums of its own terms."""
    a, t, over_a, over_t = _lengths(o)
    toward, along = t * over_t, a * over_a
    size = toward + along * (toward * along).sum(-1, keepdims=True)
    each = (3 * _depth(a.shape[-1]) + 20) * o.u * size * over_a
    return {"da": each * _slope_of_rows(o, a.shape[:-1])}


def _hinge_error(o: Outcome) -> Array:
    """1 + an element - a sum of products"""
    a, t = np.abs(o["a"]), np.abs(o["t"])
    most = ((1 + t) * a).max(-1, initial=0)
    size: Array = (t * a).sum(-1) + most + 1
    return (_depth(a.shape[-1]) + 5) * o.u * size


def _categorical_hinge(o: Outcome) -> dict[str, Array]:
    return {"l": _hinge_error(o)}


def _categorical_hinge_bwd(o: Outcome) -> dict[str, Array]:
    """Within the error of the bend either slope; two products and the twin's rounding."""
    size = (1 + 2 * np.abs(o["t"])) * _slope_of_rows(o, o["a"].shape[:-1])
    others, t, a = (1 - o["t"]) * o["a"], o["t"], o["a"]
    margin = np.abs(others.max(-1, initial=-np.inf) + 1 - (t * a).sum(-1))
    best, *lower = np.moveaxis(np.sort(others, -1)[..., ::-1], -1, 0)
    gap = best - lower[0] if lower else np.full(best.shape, np.inf)
    unsure = _hinge_error(o)  # what is 0 exactly is so because nothing was rounded
    either = ((margin > 0) & (margin <= unsure)) | ((gap > 0) & (gap <= unsure))
    either &= np.isfinite(unsure)
    return {"da": np.where(either[..., None], size, 4 * o.u * size)}


def _chain(values: Array) -> float:
    """The error of a float64 sum of `values` in order, and of another order: Higham's gamma."""
    return float(2 * values.size * np.finfo(np.float64).eps * np.abs(values).sum())


def _weighted(o: Outcome, name: str) -> Array:
    return np.asarray(o[name] * o["w"] if "w" in o.inputs else o[name])


def _divisor(o: Outcome, count: int) -> tuple[float, float]:
    """What a mean divides by, and its relative error."""
    if o.attr("sum") or "d" not in o.inputs:
        return 1.0 if o.attr("sum") else float(count), 0.0
    return float(o["d"].sum()), count * np.finfo(np.float64).eps


def _mean(o: Outcome) -> dict[str, Array]:
    by, error = _divisor(o, o["l"].size)
    chain = _chain(_weighted(o, "l")) / max(by, 1e-300)
    return {"m": (2 * o.u + 2 * error) * o.out("m") + chain}


def _mean_bwd(o: Outcome) -> dict[str, Array]:
    """The divisor's rounding and its own error, a division, a product, the twin's rounding."""
    _, error = _divisor(o, o.outputs["dl"].size)
    return {"dl": (5 * o.u + 2 * error) * o.out("dl")}


def _accumulate(o: Outcome) -> dict[str, Array]:
    """Chains of float64 additions."""
    steps = o.case.steps
    v = np.append(np.tile(_weighted(o, "v").ravel(), steps), o["total"][0])
    d = np.append(np.tile(o["d"].ravel(), steps), o["total"][1]) if "d" in o.inputs else np.zeros(1)
    return {"total": np.array([steps * _chain(v), _chain(d)])}


def _accumulate_columns(o: Outcome) -> dict[str, Array]:
    steps, v = o.case.steps, o["v"]
    w = np.abs(o["w"]) if "w" in o.inputs else np.ones(v.shape[:-1])
    sums = steps * (np.abs(v) * w[..., None]).reshape(-1, v.shape[-1]).sum(0)
    sizes = np.append(sums, steps * w.sum()) + np.abs(o["total"])
    return {"total": 3 * steps * v.size * np.finfo(np.float64).eps * sizes}


def _counts(o: Outcome) -> dict[str, Array]:
    """Float64 sums of weights."""
    w = np.abs(o["w"]).sum() if "w" in o.inputs else o["p"].size
    size = o.case.steps * w + np.abs(o["total"])
    return {"total": 2 * o.case.steps * o["p"].size * np.finfo(np.float64).eps * size}


# ---- weights -------------------------------------------------------------------------------------


def _penalty(o: Outcome) -> dict[str, Array]:
    """Stretches of 1024 terms, each of up to three roundings, added in double; the twin's own."""
    return {"p": (_depth(min(o["x"].size, 1024)) + 4) * o.u * o.out("p")}


def _penalty_bwd(o: Outcome) -> dict[str, Array]:
    """A rounded level, and a rounded slope times x; their sum; the twin's rounding."""
    dp = np.abs(o["dp"])
    return {"dx": 3 * o.u * dp * (o.attr("l1") + 4 * o.attr("l2") * np.abs(o["x"]))}


def _clip_norm(o: Outcome) -> dict[str, Array]:
    """Norms of sums over blocks of 256 squares; a factor of positive terms, two of them norms."""
    n = o["w"].shape[1]
    norm = (min(n, 256) + n // 256 + 3) / 2 + 1
    return {"y": (2 * norm + 8) * o.u * o.out("y")}


# ---- optimizers ----------------------------------------------------------------------------------


def _sgd(o: Outcome) -> dict[str, Array]:
    """v = mu v - lr g; w += v, or w += mu v - lr g; mu and lr are rounded to the precision of w."""
    mu, move = o.attr("momentum"), o["hyper"][0] * np.abs(o["g"])
    if "v" not in o.inputs:
        return {"w": o.u * (3 * move + 2 * o.out("w"))}
    v = o.u * (2 * mu * np.abs(o["v"]) + 3 * move + 2 * o.out("v"))
    step = mu * v + o.u * (3 * mu * o.out("v") + 4 * move) if o.attr("nesterov") else v
    return {"v": v, "w": step + 2 * o.u * (o.out("w") + o.out("v"))}


def _moment(o: Outcome, name: str, beta: str) -> Array:
    """The error of a mean of gradients in three roundings."""
    gain = 1 - o.attr(beta)
    size = np.abs(o["g"]) + np.abs(o[name])
    return np.asarray(o.u * (4 * gain * size + 2 * o.out(name)))


def _square_moment(o: Outcome, name: str, beta: str) -> Array:
    """The error of a mean of their squares in four."""
    gain = 1 - o.attr(beta)
    return np.asarray(o.u * (5 * gain * (o["g"] ** 2 + o[name]) + 2 * o.out(name)))


def _next_mean(o: Outcome, name: str, value: Array, beta: str) -> Array:
    """A running mean after its next value."""
    return np.asarray(o[name] + (value - o[name]) * (1 - o.attr(beta)))


def _root_error(square: Array, error: Array) -> tuple[Array, Array]:
    """A root, and what the error of its square becomes."""
    root = np.sqrt(square)
    return root, np.where(root > 0, error / (2 * root), np.sqrt(error))


def _power_error(o: Outcome, updates: int, *betas: str) -> float:
    """The relative error in float64 of what 1 - beta^t divides or multiplies.

    A power by squaring takes about 2 log2 t roundings, which 1 - b^t magnifies by b^t / (1 - b^t).
    """
    powers = [o.attr(beta) ** updates for beta in betas]
    magnified = sum(power / (1 - power) for power in powers)
    return float((2 + 2 * math.log2(updates)) * magnified * np.finfo(np.float64).eps)


def _adam(o: Outcome) -> dict[str, Array]:
    """The errors of m and v, and theirs and its own in the change lr_t m / (sqrt v + epsilon).

    With the same gradient m and v go one way from update to update: a change is no larger than one
    of the largest m and the least v, which the first and the last update have; the largest v so far
    is least in the first.
    """
    u, count, updates = o.u, o.case.steps, int(o["step"][0]) + 1
    m, v = _moment(o, "m", "beta_1"), _square_moment(o, "v", "beta_2")
    largest = {"x": v} if "x" in o.inputs else {}
    moment = np.maximum(o.out("m"), np.abs(_next_mean(o, "m", o["g"], "beta_1")))
    first = _next_mean(o, "v", o["g"] ** 2, "beta_2")
    square = np.maximum(o["x"], first) if largest else np.minimum(o.out("v"), first)
    root, root_error = _root_error(square, v)
    below = root + o.attr("epsilon")
    one, two = o.attr("beta_1") ** updates, o.attr("beta_2") ** updates
    rate = float(o["hyper"][0] * math.sqrt(1 - two) / (1 - one))
    uncertain = _power_error(o, updates, "beta_1", "beta_2")
    change = rate * moment / below
    way = o.out("w") + (count - 1) * change
    w = change * (6 * u + uncertain + root_error / below) + rate * m / below + 2 * u * way
    return {name: count * error for name, error in {"m": m, "v": v, **largest, "w": w}.items()}


def _adamax(o: Outcome) -> dict[str, Array]:
    """The errors of m and u, and theirs and its own in the change lr_t m / (u + epsilon)."""
    u, updates = o.u, int(o["step"][0]) + 1
    m = _moment(o, "m", "beta_1")
    norm = 3 * u * o.out("u")
    below = o.out("u") + o.attr("epsilon")
    rate = float(o["hyper"][0] / (1 - o.attr("beta_1") ** updates))
    change = rate * o.out("m") / below
    relative = 6 * u + _power_error(o, updates, "beta_1") + norm / below
    return {"m": m, "u": norm, "w": change * relative + rate * m / below + 2 * u * o.out("w")}


def _nadam_product(o: Outcome) -> dict[str, Array]:
    roundings = 4 + 2 * math.log2(int(o["step"][0]) + 1)
    return {"product": roundings * np.finfo(np.float64).eps * o.out("product")}


def _nadam(o: Outcome) -> dict[str, Array]:
    """The errors of m and v, and theirs and its own in (a m + b g) / (root + epsilon)."""
    u, t, product = o.u, int(o["step"][0]) + 1, float(o["product"][0])
    m, v = _moment(o, "m", "beta_1"), _square_moment(o, "v", "beta_2")
    now, following = (o.attr("beta_1") * (1 - 0.96**n / 2) for n in (t, t + 1))
    a = following / (1 - product * following) * o["hyper"][0]
    b = (1 - now) / (1 - product) * o["hyper"][0]
    correction = 1 / (1 - o.attr("beta_2") ** t)
    root, root_error = _root_error(correction * o.out("v"), correction * v)
    below = root + o.attr("epsilon")
    size = a * o.out("m") + b * np.abs(o["g"])
    uncertain = _power_error(o, t + 1, "beta_2") + 64 * np.finfo(np.float64).eps / (1 - product)
    relative = 8 * u + uncertain + (root_error + 2 * u * root) / below
    return {"m": m, "v": v, "w": size / below * relative + a * m / below + 2 * u * o.out("w")}


def _lion(o: Outcome) -> dict[str, Array]:
    """Where the sum is as small as its own error, its sign may be either."""
    lr, sizes, sums = o["hyper"][0], [], []
    for beta in (o.attr("beta_1"), o.attr("beta_2")):
        sizes.append(beta * np.abs(o["m"]) + (1 - beta) * np.abs(o["g"]))
        sums.append(np.abs(beta * o["m"] + (1 - beta) * o["g"]))
    either_sign = np.where(sums[0] <= 4 * o.u * sizes[0], 2 * lr, 0)
    return {
        "m": o.u * (4 * sizes[1] + o.out("m")),
        "w": either_sign + o.u * (2 * lr + 2 * o.out("w")),
    }


def _rmsprop(o: Outcome) -> dict[str, Array]:
    """The errors of v and a, theirs and its own in the change, and those of m and w."""
    u, gain, g = o.u, 1 - o.attr("rho"), np.abs(o["g"])
    error = {"v": u * (5 * gain * (g**2 + o["v"]) + 2 * o.out("v"))}
    variance, uncertain = o.out("v"), error["v"]
    if "a" in o.inputs:
        a = o.out("a")
        error["a"] = e = u * (4 * gain * (g + np.abs(o["a"])) + 2 * a)
        uncertain = uncertain + (2 * a + e) * e + 2 * u * (variance + a**2)
        variance = np.maximum(0, variance - a**2)
    lowest = np.maximum(variance - uncertain, 0) + o.attr("epsilon")
    change = o["hyper"][0] * g / np.sqrt(lowest)  # the largest it may be
    exact = o["hyper"][0] * g / np.sqrt(variance + o.attr("epsilon"))
    step, size = change - exact + 6 * u * change, change
    if "m" in o.inputs:
        before = o.attr("momentum") * np.abs(o["m"])
        error["m"] = step = step + u * (3 * before + 2 * (before + change))
        size = before + change
    return {**error, "w": step + 2 * u * (o.out("w") + size)}


def _adagrad(o: Outcome) -> dict[str, Array]:
    """The error of a, and that and its own in the change lr g / sqrt(a + epsilon)."""
    u, below = o.u, o.out("a") + o.attr("epsilon")
    a = u * (2 * o["g"] ** 2 + 2 * o.out("a"))
    change = o["hyper"][0] * np.abs(o["g"]) / np.sqrt(below)
    return {"a": a, "w": change * (6 * u + a / (2 * below)) + 2 * u * o.out("w")}


def _adadelta(o: Outcome) -> dict[str, Array]:
    """The errors of a, of the change c = g sqrt((d + epsilon) / (a + epsilon)), and of d."""
    u, gain, below = o.u, 1 - o.attr("rho"), o.out("a") + o.attr("epsilon")
    a = _square_moment(o, "a", "rho")
    c = np.abs(o["g"]) * np.sqrt((o["d"] + o.attr("epsilon")) / below)
    relative = 8 * u + a / (2 * below)
    d = gain * (c**2 * (2 * relative + 5 * u) + 5 * u * o["d"]) + 2 * u * o.out("d")
    return {"a": a, "d": d, "w": o["hyper"][0] * c * (relative + 3 * u) + 2 * u * o.out("w")}


def _ftrl(o: Outcome) -> dict[str, Array]:
    """Powers of a with their errors, in z, and both in w = (clip(z) - z) / (b^p / lr + ...)."""
    u, p, lr, w = o.u, o.attr("power"), o["hyper"][0], np.abs(o["w"])
    before, after = (a**p for a in (o["a"], o["a"] + o["g"] ** 2))
    slip, past = _power_slips(o, o["a"] + o["g"] ** 2), _power_slips(o, o["a"])
    change = (after * (slip + 4 * u * p) + before * past) / lr
    size = (after + before) / lr
    linear = np.abs(o["z"]) + np.abs(o["g"]) + 2 * o.attr("shrinkage") * w + size * w
    z = (change + 3 * u * size) * w + 6 * u * linear
    left = 2 * z + 2 * u * (o.attr("l1") + o.out("z"))
    curvature = after / lr + 2 * o.attr("l2") + o.attr("beta") / lr
    relative = after * (slip + 4 * u * p) / lr / curvature + 6 * u
    a = u * (2 * o["g"] ** 2 + 2 * o.out("a"))
    return {"a": a, "z": z, "w": left / curvature + o.out("w") * relative}


def _power_slips(o: Outcome, a: Array) -> Array:
    """The relative error of a^p: of a root, or of exp(p log a), whose argument is rounded."""
    if o.attr("power") in (0, 0.5):
        return np.asarray(np.full(a.shape, o.u))
    argument = np.where(a == 0, 0, np.abs(o.attr("power") * np.log(a)))
    return np.asarray(o.u * ((_EXP + 2) * argument + _EXP))


def _lamb_direction(o: Outcome) -> dict[str, Array]:
    """The errors of m and v, and theirs and its own in the quotient."""
    updates = int(o["step"][0]) + 1
    m, v = _moment(o, "m", "beta_1"), _square_moment(o, "v", "beta_2")
    one, two = (1 / (1 - o.attr(beta) ** updates) for beta in ("beta_1", "beta_2"))
    root, root_error = _root_error(two * o.out("v"), two * v)
    below = root + o.attr("epsilon")
    relative = 6 * o.u + _power_error(o, updates, "beta_1", "beta_2") + root_error / below
    return {"m": m, "v": v, "u": o.out("u") * relative + one * m / below}


def _descent(o: Outcome, factor: Array) -> dict[str, Array]:
    """w -= factor u, where the factor is rounded to the precision of w."""
    return {"w": o.u * (3 * factor * np.abs(o["u"]) + 2 * o.out("w"))}


def _lamb_step(o: Outcome) -> dict[str, Array]:
    ratio = np.sqrt(o["p"] / o["q"]) if o["p"] and o["q"] else np.ones(())
    return _descent(o, o["hyper"][0] * ratio)


def _adafactor_moment(o: Outcome) -> dict[str, Array]:
    """Sums of squares over blocks of 256, their mean, a step towards it in four roundings."""
    n, gain = o["g"].shape[1], (o["step"][0] + 1) ** -o.attr("power")
    mean = (o["g"] ** 2).mean(axis=1) + o.attr("epsilon")
    sums, size = min(n, 256) + n // 256 + 5, mean + o["m"]
    roots = 30 * np.finfo(np.float64).eps  # a root, and a product, for each digit of the power
    step = gain * (o.u * (sums * mean + 4 * size) + roots * size)
    return {"m": step + 2 * o.u * o.out("m")}


def _adafactor_direction(o: Outcome) -> dict[str, Array]:
    """A root of positive factors, one of them a sum of n of them."""
    return {"u": (_depth(o["g"].shape[1]) / 2 + 5) * o.u * o.out("u")}


def _adafactor_step(o: Outcome) -> dict[str, Array]:
    size, excess = (np.sqrt(o[name] / o["w"].size) for name in "pq")
    rate = np.minimum(o["hyper"][0], (o["step"][0] + 1) ** -0.5)
    scale = np.maximum(o.attr("epsilon"), size) / np.maximum(1, excess / o.attr("limit"))
    return _descent(o, rate * scale)


def _decay(o: Outcome) -> dict[str, Array]:
    rate = o["hyper"][0] * o.attr("rate")
    return {"w": o.u * (3 * rate * np.abs(o["w"]) + 2 * o.out("w"))}


def _average(o: Outcome) -> dict[str, Array]:
    gain = 1 - o.attr("momentum")
    return {"a": o.u * (4 * gain * (np.abs(o["w"]) + np.abs(o["a"])) + 2 * o.out("a"))}


def _clip_gradient_norm(o: Outcome) -> dict[str, Array]:
    """The factor's rounding, its own, the twin's."""
    return {"g": 3 * o.u * o.out("g")}


#: op -> its bound; an op that is not here is exact.
_INEXACT: Mapping[str, Bound] = {
    "dense_fwd": _product_fwd,
    "dense_panels": _product_fwd,
    "dense_bwd_x": _product_bwd,
    "dense_bwd_w": _product_bwd,
    "conv2d_fwd": _product_fwd,
    "conv2d_bwd_x": _product_bwd,
    "conv2d_bwd_w": _product_bwd,
    "conv2d_transpose_fwd": _product_fwd,
    "depthwise_fwd": _product_fwd,
    "depthwise_bwd_x": _plain_product,
    "depthwise_bwd_w": _plain_product,
    "bias_bwd": _plain_product,
    "rnn_fwd": _rnn_fwd,
    "rnn_bwd": _rnn_bwd,
    "lstm_fwd": _lstm_fwd,
    "lstm_bwd": _lstm_bwd,
    "gru_fwd": _gru_fwd,
    "gru_bwd": _gru_bwd,
    "gru_bwd_u": _gru_bwd_u,
    "shift": _shift,
    "embed_bwd": _embed_bwd,
    "encode": _encode,
    "scale": _scale,
    "binary": _binary,
    "binary_spread": _binary,
    "reduce": _reduce,
    "prod_bwd": _prod_bwd,
    "cumsum": _cumsum,
    "take_bwd": _take_sums,
    "put_along": _take_sums,
    "matmul": _matmul,
    "matmul_nt": _matmul,
    "matmul_tn": _matmul,
    "maxpool2d_bwd": _maxpool_bwd,
    "avgpool2d_fwd": _avgpool_fwd,
    "avgpool2d_bwd": _avgpool_bwd,
    "random_map": _random_map,
    "warp": _warp,
    "warp_bwd": _warp_bwd,
    "tone": _tone,
    "moments": _moments,
    "pool_moments": _pool_moments,
    "moving_average": _moving_average,
    "normalize_fwd": _normalize_fwd,
    "normalize_bwd_p": _normalize_bwd_p,
    "normalize_bwd_w": _normalize_bwd_w,
    "normalize_bwd_x": _normalize_bwd_x,
    "normalize_fold": _normalize_fold,
    "row_norm_fwd": _row_norm_fwd,
    "row_norm_bwd_x": _row_norm_bwd_x,
    "row_norm_bwd_w": _row_norm_bwd_w,
    "global_mean_fwd": _global_mean_fwd,
    "global_mean_bwd": _global_mean_bwd,
    "activation_fwd": _activation_fwd,
    "activation_bwd": _activation_bwd,
    "gaussian_noise": _gaussian_noise,
    "gather": _gather,
    "curve_fwd": _curve_fwd,
    "curve_bwd": _curve_bwd,
    "softmax_fwd": _softmax_fwd,
    "softmax_bwd": _softmax_bwd,
    "log_softmax_fwd": _log_softmax_fwd,
    "log_softmax_bwd": _log_softmax_bwd,
    "softmax_ce_sparse": _softmax_ce_sparse,
    "softmax_ce_sparse_bwd": _softmax_ce_sparse_bwd,
    "softmax_ce_dense": _softmax_ce_dense,
    "softmax_ce_dense_bwd": _softmax_ce_dense_bwd,
    "sigmoid_bce": _sigmoid_bce,
    "sigmoid_bce_bwd": _sigmoid_bce_bwd,
    "loss_fwd": _loss_fwd,
    "loss_bwd": _loss_bwd,
    "cosine": _cosine,
    "cosine_bwd": _cosine_bwd,
    "categorical_hinge": _categorical_hinge,
    "categorical_hinge_bwd": _categorical_hinge_bwd,
    "mean": _mean,
    "mean_bwd": _mean_bwd,
    "accumulate": _accumulate,
    "accumulate_columns": _accumulate_columns,
    "histogram": _counts,
    "confusion": _counts,
    "penalty": _penalty,
    "penalty_bwd": _penalty_bwd,
    "clip_norm": _clip_norm,
    "sgd": _sgd,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "nadam_product": _nadam_product,
    "lion": _lion,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "ftrl": _ftrl,
    "lamb_direction": _lamb_direction,
    "lamb_step": _lamb_step,
    "adafactor_moment": _adafactor_moment,
    "adafactor_direction": _adafactor_direction,
    "adafactor_step": _adafactor_step,
    "decay": _decay,
    "average": _average,
    "clip_gradient_norm": _clip_gradient_norm,
}

#: The ops whose intermediate results may exceed the largest number though results need not.
_OVERFLOWING = {
    "rnn_fwd",
    "rnn_bwd",
    "lstm_fwd",
    "lstm_bwd",
    "gru_fwd",
    "gru_bwd",
    "reduce",
    "prod_bwd",
}

BOUNDS: Mapping[str, Bound] = {op: _INEXACT.get(op, _exact) for op in CASES}
