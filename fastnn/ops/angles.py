"""Angles, hyperbolic functions and roots, made of other functions of one number."""

from __future__ import annotations

import math
from collections.abc import Callable

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.arithmetic import add, divide, equal, hypot, less, multiply, power, subtract
from fastnn.ops.choosing import where
from fastnn.ops.curves import line
from fastnn.ops.functions import arctan, cos, exp, expm1, log1p, negative, rsqrt, sin, sqrt
from fastnn.ops.merging import scale

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctanh",
    "cbrt",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sinc",
    "sinh",
    "tan",
]


def tan(x: Number) -> Tensor:
    """Return the tangent, ``sin(x) / cos(x)``."""
    return divide(sin(x), cos(x))


def arcsin(x: Number) -> Tensor:
    """Return the angle in [-pi/2, pi/2] whose sine is ``x``; NaN beyond -1 and 1."""
    (tensor,) = as_tensors("arcsin", x)
    down, up = line(tensor, -1.0, 1.0), line(tensor, 1.0, 1.0)
    return arctan(multiply(tensor, rsqrt(multiply(down, up))))


def arccos(x: Number) -> Tensor:
    """Return the angle in [0, pi] whose cosine is ``x``; NaN beyond -1 and 1."""
    (tensor,) = as_tensors("arccos", x)
    return scale(arctan(sqrt(divide(line(tensor, -1.0, 1.0), line(tensor, 1.0, 1.0)))), 2.0)


def sinh(x: Number) -> Tensor:
    """Return the hyperbolic sine, ``(e^x - e^-x) / 2``."""
    (tensor,) = as_tensors("sinh", x)
    return scale(subtract(expm1(tensor), expm1(negative(tensor))), 0.5)


def cosh(x: Number) -> Tensor:
    """Return the hyperbolic cosine, ``(e^x + e^-x) / 2``."""
    (tensor,) = as_tensors("cosh", x)
    return scale(add(exp(tensor), exp(negative(tensor))), 0.5)


def arcsinh(x: Number) -> Tensor:
    """Return the number whose hyperbolic sine is ``x``: ``log(x + sqrt(x^2 + 1))``."""

    def above(u: Tensor) -> Tensor:
        return log1p(add(u, multiply(u, divide(u, line(hypot(u, 1.0), 1.0, 1.0)))))

    return _odd("arcsinh", above, x)


def arccosh(x: Number) -> Tensor:
    """Return the number above 0 whose hyperbolic cosine is ``x``; NaN below 1."""
    (tensor,) = as_tensors("arccosh", x)
    t = line(tensor, 1.0, -1.0)
    return log1p(add(t, multiply(sqrt(t), sqrt(line(t, 1.0, 2.0)))))


def arctanh(x: Number) -> Tensor:
    """Return the number whose hyperbolic tangent is ``x``: ``log((1 + x) / (1 - x)) / 2``."""
    (tensor,) = as_tensors("arctanh", x)
    return scale(subtract(log1p(tensor), log1p(negative(tensor))), 0.5)


def _odd(name: str, above: Callable[[Tensor], Tensor], x: Number) -> Tensor:
    """Return a function of numbers from 0 on at ``x``, below 0 mirrored at the origin."""
    (tensor,) = as_tensors(name, x)
    below = less(tensor, 0)
    y = above(where(below, negative(tensor), tensor))
    return where(below, negative(y), y)


def cbrt(x: Number) -> Tensor:
    """Return the cube root; its derivative at 0 is infinite."""
    return _odd("cbrt", lambda u: power(u, 1 / 3), x)


def deg2rad(x: Number) -> Tensor:
    """Return degrees as radians, ``pi x / 180``."""
    return scale(as_tensors("deg2rad", x)[0], math.pi / 180)


def rad2deg(x: Number) -> Tensor:
    """Return radians as degrees, ``180 x / pi``."""
    return scale(as_tensors("rad2deg", x)[0], 180 / math.pi)


def sinc(x: Number) -> Tensor:
    """Return ``sin(pi x) / (pi x)``, 1 at 0."""
    (tensor,) = as_tensors("sinc", x)
    at_0 = equal(tensor, 0)
    angle = where(at_0, 1.0, scale(tensor, math.pi))
    return where(at_0, 1.0, divide(sin(angle), angle))
