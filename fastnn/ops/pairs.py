"""More functions of two numbers, element by element, made of others."""

from __future__ import annotations

import math

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.arithmetic import (
    add,
    divide,
    equal,
    less,
    less_equal,
    logaddexp,
    logical_or,
    maximum,
    minimum,
    mod,
    multiply,
    subtract,
)
from fastnn.ops.choosing import where
from fastnn.ops.functions import absolute, exp2, isfinite, isnan, negative
from fastnn.ops.merging import scale
from fastnn.ops.reductions import all

__all__ = [
    "allclose",
    "divide_no_nan",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "isclose",
    "ldexp",
    "logaddexp2",
]


def divide_no_nan(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 / x2``, 0 where ``x2`` is 0."""
    a, b = as_tensors("divide_no_nan", x1, x2)
    zero = equal(b, 0)
    return where(zero, 0.0, divide(a, where(zero, 1.0, b)))


def fmax(x1: Number, x2: Number) -> Tensor:
    """Return the larger of each place, or the one that is a number where the other is NaN."""
    a, b = as_tensors("fmax", x1, x2)
    return where(isnan(a), b, where(isnan(b), a, maximum(a, b)))


def fmin(x1: Number, x2: Number) -> Tensor:
    """Return the smaller of each place, or the one that is a number where the other is NaN."""
    a, b = as_tensors("fmin", x1, x2)
    return where(isnan(a), b, where(isnan(b), a, minimum(a, b)))


def fmod(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 - x2 trunc(x1 / x2)``, which has the sign of ``x1``."""
    a, b = as_tensors("fmod", x1, x2)
    below, size = less(a, 0), absolute(b)
    rest = mod(where(below, negative(a), a), size)
    return where(below, negative(rest), rest)


def heaviside(x1: Number, x2: Number) -> Tensor:
    """Return 0 where ``x1`` is below 0, ``x2`` where it is 0, 1 above."""
    a, b = as_tensors("heaviside", x1, x2)
    y = where(less(a, 0), 0.0, where(equal(a, 0), b, 1.0))
    return where(isnan(a), a, y)


def ldexp(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 2^x2``."""
    return multiply(x1, exp2(x2))


def logaddexp2(x1: Number, x2: Number) -> Tensor:
    """Return ``log2(2^x1 + 2^x2)``."""
    a, b = (scale(x, math.log(2)) for x in as_tensors("logaddexp2", x1, x2))
    return scale(logaddexp(a, b), 1 / math.log(2))


def isclose(
    x1: Number, x2: Number, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Return 1 where ``|x1 - x2| <= atol + rtol |x2|``, else 0.

    Args:
        x1: any shape.
        x2: of a shape that goes together with it.
        rtol: the difference allowed, as a share of ``x2``.
        atol: the difference allowed besides.
        equal_nan: whether NaN is close to NaN.
    """
    a, b = as_tensors("isclose", x1, x2)
    limit = add(multiply(absolute(b), rtol), atol)
    near = multiply(less_equal(absolute(subtract(a, b)), limit), isfinite(b))
    near = logical_or(near, equal(a, b))
    return logical_or(near, multiply(isnan(a), isnan(b))) if equal_nan else near


def allclose(
    x1: Number, x2: Number, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Return 1 if ``isclose`` holds at all places, else 0; not over the rows of a batch."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))
