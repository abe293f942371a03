"""Functions of one number, element by element, as NumPy has them: rows of ``csrc/curves.def``."""

from __future__ import annotations

import math

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.curves import curve
from fastnn.ops.merging import scale

__all__ = [
    "abs",
    "absolute",
    "arctan",
    "ceil",
    "cos",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "isfinite",
    "isnan",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_not",
    "negative",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
]


def _function(name: str, x: Number) -> Tensor:
    (tensor,) = as_tensors(name, x)
    return curve(tensor, name)


def exp(x: Number) -> Tensor:
    """Return ``e^x``."""
    return _function("exponential", x)


def expm1(x: Number) -> Tensor:
    """Return ``e^x - 1``, precise near 0."""
    return _function("expm1", x)


def log(x: Number) -> Tensor:
    """Return the natural logarithm: -inf of 0, NaN below."""
    return _function("log", x)


def exp2(x: Number) -> Tensor:
    """Return ``2^x``."""
    return exp(scale(as_tensors("exp2", x)[0], math.log(2)))


def log1p(x: Number) -> Tensor:
    """Return ``log(1 + x)``, precise near 0."""
    return _function("log1p", x)


def log2(x: Number) -> Tensor:
    """Return the logarithm to the base 2."""
    return scale(log(x), 1 / math.log(2))


def log10(x: Number) -> Tensor:
    """Return the logarithm to the base 10."""
    return scale(log(x), 1 / math.log(10))


def sqrt(x: Number) -> Tensor:
    """Return the square root, NaN below 0; its derivative at 0 is infinite."""
    return _function("sqrt", x)


def rsqrt(x: Number) -> Tensor:
    """Return ``1 / sqrt(x)``."""
    return _function("rsqrt", x)


def square(x: Number) -> Tensor:
    """Return ``x^2``."""
    return _function("square", x)


def reciprocal(x: Number) -> Tensor:
    """Return ``1 / x``."""
    return _function("reciprocal", x)


def negative(x: Number) -> Tensor:
    """Return ``-x``."""
    return scale(as_tensors("negative", x)[0], -1.0)


def absolute(x: Number) -> Tensor:
    """Return ``|x|``, with derivative 0 at 0."""
    return _function("absolute", x)


def abs(x: Number) -> Tensor:
    """Return ``|x|``; another name of ``absolute``."""
    return absolute(x)


def fabs(x: Number) -> Tensor:
    """Return ``|x|``; another name of ``absolute``."""
    return absolute(x)


def sign(x: Number) -> Tensor:
    """Return -1 below 0, 0 at 0, 1 above; the gradient is 0."""
    return _function("sign", x)


def sin(x: Number) -> Tensor:
    """Return the sine, within 4 units of the last place for any ``x``."""
    return _function("sin", x)


def cos(x: Number) -> Tensor:
    """Return the cosine, within 4 units of the last place for any ``x``."""
    return _function("cos", x)


def erf(x: Number) -> Tensor:
    """Return the error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t^2)`` up to x."""
    return _function("erf", x)


def erfc(x: Number) -> Tensor:
    """Return ``1 - erf(x)``, precise where that is near 0."""
    return _function("erfc", x)


def arctan(x: Number) -> Tensor:
    """Return the angle in (-pi/2, pi/2) whose tangent is ``x``."""
    return _function("arctan", x)


def floor(x: Number) -> Tensor:
    """Return the largest whole number that is not above ``x``; the gradient is 0."""
    return _function("floor", x)


def ceil(x: Number) -> Tensor:
    """Return the smallest whole number that is not below ``x``; the gradient is 0."""
    return _function("ceil", x)


def round(x: Number, decimals: int = 0) -> Tensor:
    """Return ``x`` to so many places after the point, ties to even; the gradient is 0.

    Args:
        x: any shape.
        decimals: below 0, so many before the point.
    """
    if not decimals:
        return _function("round", x)
    (tensor,) = as_tensors("round", x)
    return scale(_function("round", scale(tensor, 10.0**decimals)), 10.0**-decimals)


def isnan(x: Number) -> Tensor:
    """Return 1 where ``x`` is NaN, else 0."""
    return _function("isnan", x)


def isfinite(x: Number) -> Tensor:
    """Return 1 where ``x`` is neither infinite nor NaN, else 0."""
    return _function("isfinite", x)


def logical_not(x: Number) -> Tensor:
    """Return 1 where ``x`` is 0, else 0."""
    return _function("logical_not", x)
