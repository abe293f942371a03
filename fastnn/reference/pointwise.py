"""The rows of csrc/losses.def as formulas: terms of a prediction and a target, and derivatives.

They are written for arrays and for numbers with errors (rounding.py) alike: the twins compute them
in float64, and the bounds follow the errors of the kernel through the same lines.  ``c`` has the
constants of the loss, ``low`` and ``high`` the probabilities next to 0 and 1 that a logarithm is
taken of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn.reference.rounding import Rounded, apply, clip, where

__all__ = ["LOSSES", "Constants"]


class Constants(NamedTuple):
    """What a formula reads besides prediction and target."""

    first: float
    second: float
    third: float
    low: float
    high: float

    @classmethod
    def of(cls, attrs: Any, dtype: np.dtype[Any]) -> Constants:
        """Return the constants of an operation's attributes, rounded as its kernel rounds them."""
        given = (attrs["first"], attrs["second"], attrs["third"], 1e-7, 1 - 1e-7)
        return cls(*(float(dtype.type(number)) for number in given))


def _plain(x: Any) -> Any:
    """The numbers themselves, which a comparison looks at."""
    return x.value if isinstance(x, Rounded) else x


def _log(x: Any) -> Any:
    return apply(np.log, x)


def _log1p(x: Any) -> Any:
    return apply(np.log1p, x)


def _exp(x: Any) -> Any:
    return apply(np.exp, x)


def _abs(x: Any) -> Any:
    return where(_plain(x) < 0, -x, x)


def _at_least(x: Any, low: float) -> Any:
    return clip(x, low, np.inf)


def _within(x: Any, low: float, high: float) -> Any:
    return clip(x, low, high)


def _outside(x: Any, low: float, high: float, y: Any) -> Any:
    """0 where x is outside of [low, high], else y"""
    return where((_plain(x) < low) | (_plain(x) > high), 0.0, y)


def _sign(x: Any) -> Any:
    return where(_plain(x) > 0, 1.0, where(_plain(x) < 0, -1.0, x))


def _power(x: Any, power: float) -> Any:
    return where(np.full(x.shape, power == 0), 1.0, _exp(power * _log(x)))


# ---- the rows ------------------------------------------------------------------------------------


def _mse(a: Any, t: Any, c: Constants) -> Any:
    return (a - t) * (a - t)


def _mse_slope(a: Any, t: Any, c: Constants) -> Any:
    return 2 * (a - t)


def _half_mse(a: Any, t: Any, c: Constants) -> Any:
    return 0.5 * _mse(a, t, c)


def _half_mse_slope(a: Any, t: Any, c: Constants) -> Any:
    return a - t


def _mae(a: Any, t: Any, c: Constants) -> Any:
    return _abs(a - t)


def _mae_slope(a: Any, t: Any, c: Constants) -> Any:
    return _sign(a - t)


def _mape(a: Any, t: Any, c: Constants) -> Any:
    return 100 * _abs(a - t) / _at_least(_abs(t), c.low)


def _mape_slope(a: Any, t: Any, c: Constants) -> Any:
    return 100 * _sign(a - t) / _at_least(_abs(t), c.low)


def _log_ratio(a: Any, t: Any, c: Constants) -> Any:
    return _log1p(_at_least(a, c.low)) - _log1p(_at_least(t, c.low))


def _msle(a: Any, t: Any, c: Constants) -> Any:
    return _log_ratio(a, t, c) * _log_ratio(a, t, c)


def _msle_slope(a: Any, t: Any, c: Constants) -> Any:
    slope = 2 * _log_ratio(a, t, c) / (_at_least(a, c.low) + 1)
    return where(_plain(a) < c.low, 0.0, slope)


def _huber(a: Any, t: Any, c: Constants) -> Any:
    """e^2 / 2 up to delta, then a line (Huber, 1964)."""
    size = _abs(a - t)
    bent = _within(size, 0.0, c.first)
    return bent * (size - 0.5 * bent)


def _huber_slope(a: Any, t: Any, c: Constants) -> Any:
    return _within(a - t, -c.first, c.first)


def _log_cosh(a: Any, t: Any, c: Constants) -> Any:
    """log cosh, near 0 from cosh - 1 = m^2 / (2 m + 2) with m = e^size - 1"""
    size = _abs(a - t)
    m = apply(np.expm1, _within(size, 0.0, 1.0))
    far = size - float(np.log(2)) + _log1p(_exp(-2 * size))
    return where(_plain(size) < 1, _log1p(m * m / (2 * m + 2)), far)


def _log_cosh_slope(a: Any, t: Any, c: Constants) -> Any:
    return apply(np.tanh, a - t)


def _poisson(a: Any, t: Any, c: Constants) -> Any:
    return a - t * _log(a + c.low)


def _poisson_slope(a: Any, t: Any, c: Constants) -> Any:
    return 1 - t / (a + c.low)


def _kl(a: Any, t: Any, c: Constants) -> Any:
    t = _within(t, c.low, 1.0)
    return t * _log(t / _within(a, c.low, 1.0))


def _kl_slope(a: Any, t: Any, c: Constants) -> Any:
    return _outside(a, c.low, 1.0, -(_within(t, c.low, 1.0) / a))


def _side(t: Any) -> Any:
    """A label as -1 or 1, written as 0 or 1 or so already."""
    return where(_plain(t) == 0, -1.0, t)


def _hinge(a: Any, t: Any, c: Constants) -> Any:
    return _at_least(1 - _side(t) * a, 0.0)


def _hinge_slope(a: Any, t: Any, c: Constants) -> Any:
    margin = 1 - _side(t) * a
    slope = where(_plain(margin) <= 0, 0.0, -_side(t))
    if isinstance(margin, Rounded):  # within the error of the bend it may be either
        near = np.abs(margin.value) <= margin.error
        slope.error = slope.error + np.where(near, np.abs(_plain(_side(t))), 0)
    return slope


def _squared_hinge(a: Any, t: Any, c: Constants) -> Any:
    return _hinge(a, t, c) * _hinge(a, t, c)


def _squared_hinge_slope(a: Any, t: Any, c: Constants) -> Any:
    return 2 * _hinge(a, t, c) * (-_side(t))


def _binary(p: Any, t: Any) -> Any:
    return -(t * _log(p) + (1 - t) * _log1p(-p))


def _binary_slope(p: Any, t: Any) -> Any:
    return (p - t) / (p * (1 - p))


def _bce(a: Any, t: Any, c: Constants) -> Any:
    return _binary(_within(a, c.low, c.high), t)


def _bce_slope(a: Any, t: Any, c: Constants) -> Any:
    return _outside(a, c.low, c.high, _binary_slope(a, t))


def _ce(a: Any, t: Any, c: Constants) -> Any:
    return -(t * _log(_within(a, c.low, c.high)))


def _ce_slope(a: Any, t: Any, c: Constants) -> Any:
    return _outside(a, c.low, c.high, -(t / a))


def _missed(a: Any, t: Any) -> Any:
    return t * (1 - a) + (1 - t) * a


def _balance(t: Any, c: Constants) -> Any:
    weight = t * c.second + (1 - t) * (1 - c.second)
    return where(np.full(t.shape, not c.third), 1.0, weight)


def _binary_focal(a: Any, t: Any, c: Constants) -> Any:
    """(Lin et al., "Focal loss for dense object detection", 2017)"""
    weight = _balance(t, c) * _power(_missed(a, t), c.first)
    return weight * _bce(a, t, c)


def _binary_focal_slope(a: Any, t: Any, c: Constants) -> Any:
    miss = _missed(a, t)
    focus = c.first * _power(miss, c.first - 1) * (1 - 2 * t) * _bce(a, t, c)
    entropy = _outside(a, c.low, c.high, _power(miss, c.first) * _binary_slope(a, t))
    return _balance(t, c) * (focus + entropy)


def _categorical_focal(a: Any, t: Any, c: Constants) -> Any:
    p = _within(a, c.low, c.high)
    return c.second * _power(1 - p, c.first) * _ce(a, t, c)


def _categorical_focal_slope(a: Any, t: Any, c: Constants) -> Any:
    p = _within(a, c.low, c.high)
    turn = c.first * _power(1 - p, c.first - 1) * _log(p)
    slope = c.second * t * (turn - _power(1 - p, c.first) / p)
    return _outside(a, c.low, c.high, slope)


Formula = Callable[[Any, Any, Constants], Any]

#: name -> (term, derivative by the prediction)
LOSSES: dict[str, tuple[Formula, Formula]] = {
    "mse": (_mse, _mse_slope),
    "half_mse": (_half_mse, _half_mse_slope),
    "mae": (_mae, _mae_slope),
    "mape": (_mape, _mape_slope),
    "msle": (_msle, _msle_slope),
    "huber": (_huber, _huber_slope),
    "log_cosh": (_log_cosh, _log_cosh_slope),
    "poisson": (_poisson, _poisson_slope),
    "kl": (_kl, _kl_slope),
    "hinge": (_hinge, _hinge_slope),
    "squared_hinge": (_squared_hinge, _squared_hinge_slope),
    "bce": (_bce, _bce_slope),
    "ce": (_ce, _ce_slope),
    "binary_focal": (_binary_focal, _binary_focal_slope),
    "categorical_focal": (_categorical_focal, _categorical_focal_slope),
}
