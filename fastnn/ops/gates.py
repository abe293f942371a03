"""Activations of several numbers along an axis."""

from __future__ import annotations

from fastnn.compiler.graph import Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along
from fastnn.ops._emit import Number, as_tensors
from fastnn.ops.arithmetic import divide, less, multiply, subtract
from fastnn.ops.constants import arange
from fastnn.ops.curves import line
from fastnn.ops.elementwise import relu, sigmoid
from fastnn.ops.ordering import top_k
from fastnn.ops.reductions import sum
from fastnn.ops.sequences import cumsum
from fastnn.ops.shaping import moveaxis
from fastnn.ops.windows import strided

__all__ = ["glu", "sparsemax"]


def glu(x: Number, axis: int = -1) -> Tensor:
    """Return ``a sigmoid(b)``, a and b being the halves of ``x`` along an axis.

    Args:
        x: any shape.
        axis: an axis of an even size; not that of the rows.

    (Dauphin et al., "Language modeling with gated convolutional networks", 2017.)
    """
    (tensor,) = as_tensors("glu", x)
    at = axis_along("glu", tensor, axis)
    half, odd = divmod(tensor.shape[at] or 0, 2)
    if odd:
        raise ShapeError(f"glu: axis {at} of {format_shape(tensor.shape)} has no two halves")
    a, b = strided(tensor, at, 0, half), strided(tensor, at, half, half)
    return multiply(a, sigmoid(b))


def sparsemax(x: Number, axis: int = -1) -> Tensor:
    """Return the shares, adding up to 1, that are nearest to ``x``: ``max(x - tau, 0)``.

    Args:
        x: any shape.
        axis: along which; not that of the rows.

    (Martins and Astudillo, "From softmax to sparsemax", 2016.)
    """
    (tensor,) = as_tensors("sparsemax", x)
    at = axis_along("sparsemax", tensor, axis)
    rows = moveaxis(tensor, at, -1)
    size = rows.shape[-1] or 0
    falling, _ = top_k(rows, size)
    counts = arange(1, size + 1)
    kept = less(cumsum(falling, -1), line(multiply(falling, counts), 1.0, 1.0))
    tau = divide(line(sum(multiply(falling, kept), -1, True), 1.0, -1.0), sum(kept, -1, True))
    return moveaxis(relu(subtract(rows, tau)), -1, at)
