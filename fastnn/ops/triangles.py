"""Diagonals of matrices, and what is above or below one."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

from fastnn._typing import Array
from fastnn.compiler.graph import Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along
from fastnn.ops._emit import Number, as_tensors, reshaped
from fastnn.ops.broadcasting import expanded
from fastnn.ops.choosing import where
from fastnn.ops.reductions import sum
from fastnn.ops.shaping import permuted, ravel
from fastnn.ops.windows import padded, strided

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]


def tril(x: Number, k: int = 0) -> Tensor:
    """Return the lower triangle of matrices, the last two axes, and zeros above it.

    Args:
        x: (..., m, n).
        k: the last diagonal that stays, above the main one if positive.
    """
    return _triangle("tril", x, lambda m, n: np.tri(m, n, operator.index(k)))


def triu(x: Number, k: int = 0) -> Tensor:
    """Return the upper triangle of matrices, the last two axes, and zeros below it.

    Args:
        x: (..., m, n).
        k: the first diagonal that stays, above the main one if positive.
    """
    return _triangle("triu", x, lambda m, n: 1 - np.tri(m, n, operator.index(k) - 1))


def _triangle(name: str, x: Number, mask: Callable[[int, int], Array]) -> Tensor:
    (tensor,) = as_tensors(name, x)
    if len(tensor.shape) < 2 or None in tensor.shape[-2:]:
        raise ShapeError(f"{name}: {format_shape(tensor.shape)} is not (..., m, n), with known m")
    m, n = (size or 0 for size in tensor.shape[-2:])
    return where(mask(m, n), tensor, 0.0)


def diagonal(x: Number, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return a diagonal of two axes, as the last axis.

    Args:
        x: any shape of two axes or more.
        offset: which one, above the main one if positive.
        axis1: the axis of the rows of matrices, not that of the rows of a batch.
        axis2: that of their columns.
    """
    (tensor,) = as_tensors("diagonal", x)
    at = [axis_along("diagonal", tensor, axis) for axis in (axis1, axis2)]
    rest = [i for i in range(len(tensor.shape)) if i not in at]
    if len(rest) != len(tensor.shape) - 2:
        raise ValueError(f"diagonal: axis1={axis1} and axis2={axis2} are one")
    moved = permuted("diagonal", tensor, [*rest, *at])
    m, n = (size or 0 for size in moved.shape[-2:])
    flat = reshaped(moved, (*moved.shape[:-2], m * n))
    k = operator.index(offset)
    size = max(min(m, n - k) if k >= 0 else min(n, m + k), 0)
    return strided(flat, len(rest), k if k >= 0 else -k * n, size, n + 1)


def trace(x: Number, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the sum of a diagonal of two axes; see ``diagonal``."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


def diag(x: Number, k: int = 0) -> Tensor:
    """Return a matrix with a vector on a diagonal and zeros elsewhere; of a matrix its diagonal.

    Args:
        x: (n,) or (m, n), not of a batch.
        k: which diagonal, above the main one if positive.

    Raises:
        ShapeError: if it is neither.
    """
    (tensor,) = as_tensors("diag", x)
    if len(tensor.shape) == 2:
        return diagonal(tensor, k)
    if len(tensor.shape) != 1 or None in tensor.shape:
        raise ShapeError(f"diag: expected a vector or a matrix, got {format_shape(tensor.shape)}")
    n = tensor.shape[0] or 0
    square = where(np.eye(n), expanded(tensor, (n, n)), 0.0)
    shift = operator.index(k)
    before, after = (abs(shift), 0), (0, abs(shift))
    return padded(square, [after, before] if shift >= 0 else [before, after], 0.0)


def diagflat(x: Number, k: int = 0) -> Tensor:
    """Return a matrix with all numbers of ``x``, not of a batch, on a diagonal; see ``diag``."""
    return diag(ravel(as_tensors("diagflat", x)[0]), k)
