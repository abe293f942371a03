"""Twins of the functions of one number that are operations of their own.

CURVES has the names of csrc/curves.def.  A parameter is rounded to the program's precision before
it is used, as some decide where a curve bends.  At an infinity stands the limit.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide
from fastnn.reference.elementwise import sigmoid


class Curve(NamedTuple):
    """y = g(x) and g'(x), both of x and the parameters a, b, c, d, in float64."""

    value: Callable[..., Real]
    slope: Callable[..., Real]


#: Beyond it no curve bends; finite, as inf 0 is NaN.
_FLAT = 1000.0

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def normal_cdf(x: Real) -> Real:
    """The share of a standard normal variable below x"""
    return np.asarray(_erfc(-x / math.sqrt(2)) / 2) if x.size else x


def _near(x: Real) -> Real:
    return np.clip(x, -_FLAT, _FLAT)


def _line(x: Real, a: float, b: float, *_: float) -> Real:
    return a * x + b


def _line_slope(x: Real, a: float, *_: float) -> Real:
    return np.full(x.shape, a)


def _bend(x: Real, a: float, b: float, c: float, _: float) -> Real:
    below = a * (x - b) if a else np.zeros_like(x)
    return np.where(x <= b, below, np.where(x > c, c, x))


def _bend_slope(x: Real, a: float, b: float, c: float, _: float) -> Real:
    return np.where(x <= b, a, np.where(x >= c, 0.0, 1.0))


def _ramp(x: Real, a: float, b: float, c: float, d: float) -> Real:
    return (np.clip(x, c, d) + b) * a


def _ramp_slope(x: Real, a: float, b: float, c: float, d: float) -> Real:
    return np.where((x <= c) | (x >= d), 0.0, a)


def _step(x: Real, a: float, *_: float) -> Real:
    return np.where(x < a, 0.0, np.where(x >= a, 1.0, x))


def _step_slope(x: Real, a: float, b: float, *_: float) -> Real:
    return np.where(np.abs(x - a) <= b, 1.0, 0.0)


def _threshold(x: Real, a: float, b: float, *_: float) -> Real:
    return np.where(x <= a, b, x)


def _threshold_slope(x: Real, a: float, *_: float) -> Real:
    return np.where(x <= a, 0.0, 1.0)


def _shrink(x: Real, a: float, b: float, *_: float) -> Real:
    return np.where(np.abs(x) <= a, 0.0, x - np.copysign(b, x))


def _shrink_slope(x: Real, a: float, *_: float) -> Real:
    return np.where(np.abs(x) <= a, 0.0, 1.0)


def _elu(x: Real, a: float, b: float, c: float, _: float) -> Real:
    return np.where(x < 0, a * np.expm1(c * x), b * x)


def _elu_slope(x: Real, a: float, b: float, c: float, _: float) -> Real:
    return np.where(x < 0, a * c * np.exp(c * x), b)


def _exponential(x: Real, *_: float) -> Real:
    return np.exp(x)


def _softplus(x: Real, a: float, *_: float) -> Real:
    return np.asarray(a * (np.maximum(a * x, 0) + np.log1p(np.exp(-np.abs(x)))))


def _softplus_slope(x: Real, a: float, *_: float) -> Real:
    return sigmoid(a * x)


def _softsign(x: Real, *_: float) -> Real:
    size = np.minimum(np.abs(x), 1e30)
    return np.asarray(np.copysign(size / (size + 1), x))


def _softsign_slope(x: Real, *_: float) -> Real:
    root: Real = 1 / (np.abs(x) + 1)
    return root * root


def _gated(x: Real, share: Real) -> Real:
    y: Real = np.maximum(x, -_FLAT) * share
    return y


def _gate_slope(x: Real, z: Real, slope: Real | float) -> Real:
    """d/dx of x s(z), s the sigmoid and slope = dz/dx"""
    s, rest = sigmoid(z), sigmoid(-z)
    return s + _near(x) * slope * s * rest


def _silu(x: Real, *_: float) -> Real:
    return _gated(x, sigmoid(x))


def _silu_slope(x: Real, *_: float) -> Real:
    return _gate_slope(x, x, 1.0)


def _hard_silu(x: Real, *_: float) -> Real:
    return _gated(x, np.clip(x + 3, 0, 6) / 6)


def _hard_silu_slope(x: Real, *_: float) -> Real:
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, x / 3 + 0.5))


def _gelu(x: Real, *_: float) -> Real:
    return _gated(x, normal_cdf(x))


def _gelu_slope(x: Real, *_: float) -> Real:
    x = _near(x)
    return normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


_GELU_LINE, _GELU_CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def gelu_gate(x: Real) -> Real:
    """What the sigmoid is taken of: twice the argument of gelu's tanh"""
    x = _near(x)
    return _GELU_LINE * x * (1 + _GELU_CUBE * x * x)


def gelu_gate_slope(x: Real) -> Real:
    """Its derivative"""
    x = _near(x)
    return _GELU_LINE * (1 + 3 * _GELU_CUBE * x * x)


def _gelu_tanh(x: Real, *_: float) -> Real:
    return _gated(x, sigmoid(gelu_gate(x)))


def _gelu_tanh_slope(x: Real, *_: float) -> Real:
    return _gate_slope(x, gelu_gate(x), gelu_gate_slope(x))


def mish_share(x: Real) -> tuple[Real, Real]:
    """w = tanh(log(1 + e^x)), and 1 - w^2"""
    e, below = np.exp(-np.abs(x)), x < 0
    up, down = np.where(below, e * (e + 2), 2 * e + 1), np.where(below, 2, 2 * e * e)
    w = up / (up + down)
    return w, down / (up + down) * (1 + w)


def _mish(x: Real, *_: float) -> Real:
    return _gated(x, mish_share(x)[0])


def _mish_slope(x: Real, *_: float) -> Real:
    w, bend = mish_share(x)
    return w + _near(x) * bend * sigmoid(x)


def _squareplus(x: Real, a: float, *_: float) -> Real:
    near, size = np.clip(x, -1e15, 1e15), np.abs(x)
    mean = size / 2 + np.maximum(np.sqrt(near * near + a), size) / 2
    return np.where(x < 0, a / 4 / mean, mean)


def _squareplus_slope(x: Real, a: float, *_: float) -> Real:
    near = np.clip(x, -1e15, 1e15)
    return near / np.sqrt(near * near + a) / 2 + 0.5


def _sparse_plus(x: Real, *_: float) -> Real:
    return np.where(x >= 1, x, (np.maximum(x + 1, 0) / 2) ** 2)


def _sparse_plus_slope(x: Real, *_: float) -> Real:
    return np.where(x >= 1, 1.0, np.maximum(x + 1, 0) / 2)


def _tanh_shrink(x: Real, *_: float) -> Real:
    return x - np.tanh(x)


def _tanh_shrink_slope(x: Real, *_: float) -> Real:
    return np.tanh(x) ** 2


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _erf_of(x: Real, *_: float) -> Real:
    return np.asarray(_erf(x)) if x.size else x


def _erfc_of(x: Real, *_: float) -> Real:
    return np.asarray(_erfc(x)) if x.size else x


def _of(function: Callable[[Real], Real]) -> Callable[..., Real]:
    """A function of x alone, as one that has parameters too"""
    return lambda x, *_: np.asarray(function(x), np.float64)


CURVES: dict[str, Curve] = {
    "line": Curve(_line, _line_slope),
    "bend": Curve(_bend, _bend_slope),
    "ramp": Curve(_ramp, _ramp_slope),
    "step": Curve(_step, _step_slope),
    "threshold": Curve(_threshold, _threshold_slope),
    "shrink": Curve(_shrink, _shrink_slope),
    "elu": Curve(_elu, _elu_slope),
    "exponential": Curve(_exponential, _exponential),
    "softplus": Curve(_softplus, _softplus_slope),
    "softsign": Curve(_softsign, _softsign_slope),
    "silu": Curve(_silu, _silu_slope),
    "hard_silu": Curve(_hard_silu, _hard_silu_slope),
    "gelu": Curve(_gelu, _gelu_slope),
    "gelu_tanh": Curve(_gelu_tanh, _gelu_tanh_slope),
    "mish": Curve(_mish, _mish_slope),
    "squareplus": Curve(_squareplus, _squareplus_slope),
    "sparse_plus": Curve(_sparse_plus, _sparse_plus_slope),
    "tanh_shrink": Curve(_tanh_shrink, _tanh_shrink_slope),
    "log": Curve(_of(np.log), _of(lambda x: 1 / x)),
    "log1p": Curve(_of(np.log1p), _of(lambda x: 1 / (1 + x))),
    "expm1": Curve(_of(np.expm1), _of(np.exp)),
    "sqrt": Curve(_of(np.sqrt), _of(lambda x: 0.5 / np.sqrt(x))),
    "rsqrt": Curve(_of(lambda x: 1 / np.sqrt(x)), _of(lambda x: -0.5 / np.sqrt(x) / x)),
    "square": Curve(_of(np.square), _of(lambda x: 2 * x)),
    "reciprocal": Curve(_of(lambda x: 1 / x), _of(lambda x: -1 / (x * x))),
    "absolute": Curve(_of(np.abs), _of(np.sign)),
    "sign": Curve(_of(np.sign), _of(np.zeros_like)),
    "sin": Curve(_of(np.sin), _of(np.cos)),
    "cos": Curve(_of(np.cos), _of(lambda x: -np.sin(x))),
    "erf": Curve(_erf_of, _of(lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x))),
    "erfc": Curve(_erfc_of, _of(lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x))),
    "arctan": Curve(_of(np.arctan), _of(lambda x: 1 / (1 + x * x))),
    "floor": Curve(_of(np.floor), _of(np.zeros_like)),
    "ceil": Curve(_of(np.ceil), _of(np.zeros_like)),
    "round": Curve(_of(np.rint), _of(np.zeros_like)),
    "isnan": Curve(_of(np.isnan), _of(np.zeros_like)),
    "isfinite": Curve(_of(np.isfinite), _of(np.zeros_like)),
    "logical_not": Curve(_of(lambda x: x == 0), _of(np.zeros_like)),
}

#: Curves whose derivative is 0 wherever they have one.
FLAT_CURVES = frozenset({"sign", "floor", "ceil", "round", "isnan", "isfinite", "logical_not"})

#: Where nothing passes though dy may be infinite.
_CUTS = FLAT_CURVES | {"bend", "ramp", "step", "threshold", "shrink", "hard_silu", "absolute"}


def parameters(attrs: Attrs, dtype: np.dtype) -> list[float]:
    """a, b, c, d, rounded to the program's precision"""
    return [float(np.asarray(attrs[name], dtype)) for name in "abcd"]


def curve_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = g(x)"""
    known = parameters(attrs, x.dtype)
    return CURVES[attrs["curve"]].value(wide(x), *known).astype(x.dtype)


def curve_bwd(run: Run, attrs: Attrs, dy: Real, x: Real) -> Real:
    """dx = dy g'(x); what a cut holds back is 0, whatever it is"""
    name, known = attrs["curve"], parameters(attrs, x.dtype)
    slope = CURVES[name].slope(wide(x), *known)
    dx = wide(dy) * slope
    return np.where((slope == 0) & (name in _CUTS), 0, dx).astype(dy.dtype)
