"""Reductions that leave NaN out."""

from __future__ import annotations

import math

from fastnn.compiler.graph import Tensor
from fastnn.ops._axes import Axes
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.arithmetic import divide, subtract
from fastnn.ops.choosing import where
from fastnn.ops.functions import isnan, logical_not, sqrt, square
from fastnn.ops.reductions import all, argmax, argmin, max, min, prod, sum
from fastnn.ops.sequences import cumprod, cumsum

__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


def _without(name: str, x: Number, value: float) -> tuple[Tensor, Tensor]:
    """Return a number in place of NaN, and where NaN was."""
    (tensor,) = as_tensors(name, x)
    gone = isnan(tensor)
    return where(gone, value, tensor), gone


def nansum(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the sum of what is not NaN along some axes; see ``sum``."""
    return sum(_without("nansum", x, 0.0)[0], axis, keepdims)


def nanprod(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the product of what is not NaN along some axes; see ``sum``."""
    return prod(_without("nanprod", x, 1.0)[0], axis, keepdims)


def nanmax(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the largest of what is not NaN along some axes, NaN where there is none."""
    known, gone = _without("nanmax", x, -math.inf)
    return where(all(gone, axis, keepdims), math.nan, max(known, axis, keepdims))


def nanmin(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the smallest of what is not NaN along some axes, NaN where there is none."""
    known, gone = _without("nanmin", x, math.inf)
    return where(all(gone, axis, keepdims), math.nan, min(known, axis, keepdims))


def nanmean(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean of what is not NaN along some axes, NaN where there is none."""
    known, gone = _without("nanmean", x, 0.0)
    return divide(sum(known, axis, keepdims), sum(logical_not(gone), axis, keepdims))


def nanvar(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean square of the distances from ``nanmean``."""
    (tensor,) = as_tensors("nanvar", x)
    return nanmean(square(subtract(tensor, nanmean(tensor, axis, True))), axis, keepdims)


def nanstd(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the root of ``nanvar``."""
    return sqrt(nanvar(x, axis, keepdims))


def nanargmax(x: Number, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the largest of what is not NaN is, -1 where there is none; see ``argmax``."""
    known, gone = _without("nanargmax", x, -math.inf)
    return where(all(gone, axis, keepdims), -1.0, argmax(known, axis, keepdims))


def nanargmin(x: Number, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the smallest of what is not NaN is, -1 where there is none; see ``argmax``."""
    known, gone = _without("nanargmin", x, math.inf)
    return where(all(gone, axis, keepdims), -1.0, argmin(known, axis, keepdims))


def nancumsum(x: Number, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Return ``cumsum`` with NaN as 0."""
    return cumsum(_without("nancumsum", x, 0.0)[0], axis, dtype)


def nancumprod(x: Number, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Return ``cumprod`` with NaN as 1."""
    return cumprod(_without("nancumprod", x, 1.0)[0], axis, dtype)
