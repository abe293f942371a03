"""Numbers as other types and limits would have them, and which are infinite."""

from __future__ import annotations

import math

import numpy as np

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.arithmetic import equal, less, not_equal
from fastnn.ops.choosing import clip, where
from fastnn.ops.functions import absolute, ceil, floor, isnan

__all__ = [
    "cast",
    "copy",
    "isinf",
    "isneginf",
    "isposinf",
    "nan_to_num",
    "saturate_cast",
    "signbit",
    "trunc",
]


def copy(x: Number) -> Tensor:
    """Return ``x``."""
    return as_tensors("copy", x)[0]


def trunc(x: Number) -> Tensor:
    """Return ``x`` without its fraction, rounded towards 0; the gradient is 0."""
    (tensor,) = as_tensors("trunc", x)
    return where(less(tensor, 0), ceil(tensor), floor(tensor))


def isinf(x: Number) -> Tensor:
    """Return 1 where ``x`` is infinite, else 0."""
    return equal(absolute(x), math.inf)


def isposinf(x: Number) -> Tensor:
    """Return 1 where ``x`` is infinity, else 0."""
    return equal(x, math.inf)


def isneginf(x: Number) -> Tensor:
    """Return 1 where ``x`` is minus infinity, else 0."""
    return equal(x, -math.inf)


def signbit(x: Number) -> Tensor:
    """Return 1 where ``x`` is below 0, else 0; -0 is not below 0."""
    return less(x, 0)


def nan_to_num(
    x: Number, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return ``x`` with finite numbers in place of NaN and infinities.

    Args:
        x: any shape.
        nan: what stands for NaN.
        posinf: what stands for infinity; ``None``: the largest number of float32.
        neginf: what stands for minus infinity; ``None``: the least number of float32.
    """
    (tensor,) = as_tensors("nan_to_num", x)
    most = float(np.finfo(np.float32).max)
    y = where(isnan(tensor), nan, tensor)
    y = where(isposinf(tensor), most if posinf is None else posinf, y)
    return where(isneginf(tensor), -most if neginf is None else neginf, y)


def cast(x: Number, dtype: str) -> Tensor:
    """Return ``x`` as numbers of a type would be, in the precision of the program.

    Args:
        x: any shape.
        dtype: of a float type the numbers stay as they are; whole numbers lose their fraction;
            of ``"bool"`` 1 stands for what is not 0.

    Raises:
        ValueError: if there is no such type.
    """
    kind = _kind("cast", dtype)
    (tensor,) = as_tensors("cast", x)
    if kind == "b":
        return not_equal(tensor, 0)
    return tensor if kind == "f" else trunc(tensor)


def saturate_cast(x: Number, dtype: str) -> Tensor:
    """Return ``cast(x, dtype)``, of whole numbers within the limits of their type."""
    if _kind("saturate_cast", dtype) not in "iu":
        return cast(x, dtype)
    limits = np.iinfo(dtype)
    return cast(clip(x, float(limits.min), float(limits.max)), dtype)


def _kind(who: str, dtype: str) -> str:
    try:
        kind: str = np.dtype("float32" if dtype == "bfloat16" else dtype).kind
    except TypeError:
        kind = ""
    if kind not in ("f", "i", "u", "b"):
        raise ValueError(f"{who}: dtype must be a type of real numbers, got {dtype!r:.40}")
    return kind
