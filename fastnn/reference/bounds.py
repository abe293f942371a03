"""How far a kernel may be from its twin: a bound for every op, from the rounding errors it makes.

A tolerance that is relative to the result rejects right sums that cancel and accepts wrong ones
that do not.  Here each bound is the sum of the errors of the operations that the kernel makes, to
first order: u = half an ulp of 1 for each rounding, times the size of what is rounded, plus u for
the rounding of the twin, which works in float64.  Sums of products are held to the constant of
netlib's tests instead, |error| <= 32 u |A| |B|, and exponentials and their kin to 4 ulp.

An output that is not in an op's bound must be equal.  Fused and separate multiply-adds both fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.ops.table import table
from fastnn.reference.cases import CASES, Case
from fastnn.reference.elementwise import ACTIVATIONS
from fastnn.reference.twins import TWINS

__all__ = ["BOUNDS", "Outcome", "bounds"]

#: |error| <= PRODUCT u |A| |B|: 16 eps.  Blocks of 256 terms stay below half of it at any depth.
PRODUCT = 32

#: Ulps of exp, log, log1p, sigmoid, tanh; an ulp is at most 2 u of the value.
ULPS = 4
_EXP = 2 * ULPS


@dataclass(frozen=True)
class Outcome:
    """A case, its inputs in the program's precision and in float64, and its twin's outputs."""

    case: Case
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    u: float

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


def bounds(outcome: Outcome) -> dict[str, Array]:
    """Return the largest error allowed in each output that need not be exact."""
    with np.errstate(all="ignore"):
        return BOUNDS.get(outcome.case.op, _exact)(outcome)


def _exact(o: Outcome) -> dict[str, Array]:
    return {}


def _ulps(y: Array, count: int = ULPS) -> Array:
    return count * np.spacing(np.abs(y)).astype(np.float64)


def _depth(terms: int) -> int:
    """Roundings on the way of one term through a sum over vectors of 8 lanes or more."""
    return -(-terms // 8) + 4


# ---- products ------------------------------------------------------------------------------------

#: The steepest slope of each activation that has one.
_SLOPE = {"linear": 1.0, "relu": 1.0, "sigmoid": 0.25, "tanh": 1.0}


def _twin(o: Outcome, inputs: Mapping[str, Array], **attrs: Any) -> Any:
    """Return what the op's twin makes of other inputs, in the order of ``o.inputs``."""
    sizes = {axis: n[0] for axis, n in o.case.sizes.items()}
    known = {**sizes, **o.case.attrs, **attrs}
    operands = table()[o.case.op].inputs
    return TWINS[o.case.op](None, known, *(inputs.get(operand.name) for operand in operands))


def _sums(o: Outcome, inputs: Mapping[str, Array]) -> Any:
    """Return 32 u |A| |B|; sums of whole numbers are exact."""
    sizes = _twin(o, {name: np.abs(a) for name, a in inputs.items()}, activation="linear")
    factor = 0 if o.case.data == "integers" else PRODUCT * o.u
    return tuple(factor * a for a in sizes) if isinstance(sizes, tuple) else factor * sizes


def _product_fwd(o: Outcome) -> dict[str, Array]:
    """The error of the sum z goes through the activation, whose own is ULPS."""
    inputs, name = {operand: o[operand] for operand in o.inputs}, o.case.attrs["activation"]
    error = _sums(o, inputs)
    if name == "step":  # a z within the error of 0 may fall on either side
        return {"y": np.where(np.abs(_twin(o, inputs, activation="linear")) <= error, 1.0, 0.0)}
    own = _ulps(o.outputs["y"]) if name in ("sigmoid", "tanh") else 0
    return {"y": _SLOPE[name] * error + own}


def _product_bwd(o: Outcome) -> dict[str, Array]:
    """As a product of dz = dy g'(y), taken at its size before the subtraction in g' cancels."""
    inputs = {name: o[name] for name in o.inputs if name != "y"}
    inputs["dy"] = _gradient_size(o)
    error = _sums(o, inputs)
    if not isinstance(error, tuple):
        return {"dx": error}
    weights = "dw" if o.case.op.startswith("dense") else "dk"
    return {weights: error[0], "db": error[1]}


def _gradient_size(o: Outcome) -> Array:
    """|dy g'(y)| as a sum of sizes: 1 - y^2 is two roundings without fused multiply-add."""
    dy, name = np.abs(o["dy"]), o.case.attrs["activation"]
    if "y" not in o.inputs:
        return dy
    if name == "tanh":
        return np.asarray(dy * (1 + o["y"] ** 2))
    return np.asarray(np.abs(ACTIVATIONS[name][1](o["y"], dy)))


# ---- element by element --------------------------------------------------------------------------


def _activation_fwd(o: Outcome) -> dict[str, Array]:
    return {"y": _ulps(o.outputs["y"])} if o.case.attrs["activation"] in ("sigmoid", "tanh") else {}


def _activation_bwd(o: Outcome) -> dict[str, Array]:
    """Three roundings and the twin's."""
    smooth = o.case.attrs["activation"] in ("sigmoid", "tanh")
    return {"dx": 4 * o.u * _gradient_size(o)} if smooth else {}


def _maxpool_bwd(o: Outcome) -> dict[str, Array]:
    """A place lies under at most `count` windows, whose gradients are added in some order."""
    attr, inputs = o.attr, {**o.inputs, "dy": np.abs(o["dy"])}
    inputs["x"], inputs["y"] = o["x"], o["y"]
    count = math.prod(math.ceil(attr(f"size_{s}") / attr(f"stride_{s}")) for s in "hw")
    return {} if count == 1 else {"dx": count * o.u * _twin(o, inputs)}


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


def _softmax_ce_sparse(o: Outcome) -> dict[str, Array]:
    """l = log total + (max - z_t)"""
    rows = _Rows.of(o["z"])
    gap = np.take_along_axis(rows.gap, o.inputs["t"][:, None].astype(np.int64), 1)
    loss = rows.log_error + gap + 2 * (rows.log_total + gap)
    return {"p": o.u * o.out("p") * rows.probability, "l": o.u * loss[:, 0]}


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


def _softmax_ce_dense_bwd(o: Outcome) -> dict[str, Array]:
    """dz = (p sum t - t) dl"""
    p, t, dl = (np.abs(o[name]) for name in ("p", "t", "dl"))
    weight = t.sum(-1, keepdims=True)
    return {"dz": o.u * dl[:, None] * ((_depth(t.shape[-1]) + 4) * p * weight + 3 * t)}


# ---- losses by columns ---------------------------------------------------------------------------


def _row_mean(a: Array) -> Array:
    mean: Array = a.sum(tuple(range(1, a.ndim))) / math.prod(a.shape[1:])
    return mean


def _sigmoid_bce(o: Outcome) -> dict[str, Array]:
    """A term max(z, 0) - z t + log1p(e), e = exp -|z|, and the mean of n terms.

    log1p passes on at most the relative error of e.
    """
    z, t = np.abs(o["z"]), np.abs(o["t"])
    linear, log = z + z * t, np.log1p(np.exp(-z))
    terms = (5 + _depth(math.prod(z.shape[1:]))) * (linear + log) + 2 * _EXP * log
    return {"p": _ulps(o.outputs["p"]), "l": o.u * _row_mean(terms)}


def _mse(o: Outcome) -> dict[str, Array]:
    """Terms (a - t)^2 are relatively precise to 3 u, and positive; a sum, a division, the twin."""
    return {"l": (5 + _depth(math.prod(o["a"].shape[1:]))) * o.u * o.out("l")}


def _mean_gradient(o: Outcome) -> dict[str, Array]:
    """A subtraction, a division, two products, the twin's rounding."""
    (name,) = o.outputs
    return {name: 5 * o.u * o.out(name)}


def _chain(values: Array) -> float:
    """The error of a float64 sum of `values` in order, and of another order: Higham's gamma."""
    return float(2 * len(values) * np.finfo(np.float64).eps * np.abs(values).sum())


def _mean(o: Outcome) -> dict[str, Array]:
    return {"m": 2 * o.u * o.out("m") + _chain(o["l"]) / len(o["l"])}


def _accumulate(o: Outcome) -> dict[str, Array]:
    error = o.case.steps * _chain(np.append(np.tile(o["v"], o.case.steps), o["total"][0]))
    return {"total": np.array([error, 0.0])}


# ---- optimizers ----------------------------------------------------------------------------------


def _sgd(o: Outcome) -> dict[str, Array]:
    """v = mu v - lr g; w += v, or w += mu v - lr g; mu and lr are rounded to the precision of w."""
    mu, move = o.attr("momentum"), o["hyper"][0] * np.abs(o["g"])
    if "v" not in o.inputs:
        return {"w": o.u * (3 * move + 2 * o.out("w"))}
    v = o.u * (2 * mu * np.abs(o["v"]) + 3 * move + 2 * o.out("v"))
    step = mu * v + o.u * (3 * mu * o.out("v") + 4 * move) if o.attr("nesterov") else v
    return {"v": v, "w": step + 2 * o.u * (o.out("w") + o.out("v"))}


def _adam(o: Outcome) -> dict[str, Array]:
    """The errors of m and v, and theirs and its own in the change lr_t m / (sqrt v + epsilon)."""
    u, count, updates = o.u, o.case.steps, int(o["step"][0]) + 1
    g, gain_1, gain_2 = o["g"], 1 - o.attr("beta_1"), 1 - o.attr("beta_2")
    m = u * (4 * gain_1 * (np.abs(g) + np.abs(o["m"])) + 2 * o.out("m"))
    v = u * (5 * gain_2 * (g**2 + o["v"]) + 2 * o.out("v"))
    root = np.sqrt(o.out("v"))
    below = root + o.attr("epsilon")
    rate, uncertain = _adam_rate(o, updates)
    root_error = np.where(root > 0, v / (2 * root), np.sqrt(v))
    change = rate * o.out("m") / below
    w = change * (6 * u + uncertain + root_error / below) + rate * m / below + 2 * u * o.out("w")
    return {name: count * error for name, error in (("m", m), ("v", v), ("w", w))}


def _adam_rate(o: Outcome, updates: int) -> tuple[float, float]:
    """lr sqrt(1 - b2^t) / (1 - b1^t), and its relative error in float64.

    A power by squaring takes about 2 log2 t roundings, which 1 - b^t magnifies by b^t / (1 - b^t).
    """
    one, two = o.attr("beta_1") ** updates, o.attr("beta_2") ** updates
    roundings = 2 + 2 * math.log2(updates)
    magnified = one / (1 - one) + two / (1 - two)
    rate = o["hyper"][0] * math.sqrt(1 - two) / (1 - one)
    return float(rate), float(roundings * magnified * np.finfo(np.float64).eps)


#: op -> its bound; an op that is not here is exact.
_INEXACT: Mapping[str, Bound] = {
    "dense_fwd": _product_fwd,
    "dense_bwd_x": _product_bwd,
    "dense_bwd_w": _product_bwd,
    "conv2d_fwd": _product_fwd,
    "conv2d_bwd_x": _product_bwd,
    "conv2d_bwd_w": _product_bwd,
    "maxpool2d_bwd": _maxpool_bwd,
    "activation_fwd": _activation_fwd,
    "activation_bwd": _activation_bwd,
    "softmax_fwd": _softmax_fwd,
    "softmax_bwd": _softmax_bwd,
    "softmax_ce_sparse": _softmax_ce_sparse,
    "softmax_ce_sparse_bwd": _softmax_ce_sparse_bwd,
    "softmax_ce_dense": _softmax_ce_dense,
    "softmax_ce_dense_bwd": _softmax_ce_dense_bwd,
    "sigmoid_bce": _sigmoid_bce,
    "sigmoid_bce_bwd": _mean_gradient,
    "mse": _mse,
    "mse_bwd": _mean_gradient,
    "mean": _mean,
    "accumulate": _accumulate,
    "sgd": _sgd,
    "adam": _adam,
}

BOUNDS: Mapping[str, Bound] = {op: _INEXACT.get(op, _exact) for op in CASES}
