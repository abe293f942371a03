"""Products of matrices and vectors, with gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn._checks import count
from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import rows_first, several
from fastnn.ops._emit import Number, as_tensors, emit, reshaped
from fastnn.ops.arithmetic import multiply, subtract
from fastnn.ops.broadcasting import broadcast_shapes, expanded
from fastnn.ops.products import dense
from fastnn.ops.shaping import moveaxis, permuted, ravel, take

__all__ = ["cross", "dot", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


def matmul(x1: Number, x2: Number) -> Tensor:
    """Return the product of matrices, which are the last two axes.

    A vector counts as one row on the left and as one column on the right.  The other axes go
    together as in ``add``.

    Args:
        x1: (..., m, k) or (k,).
        x2: (..., k, n) or (k,).

    Returns:
        (..., m, n), without the axes that were vectors.

    Raises:
        ShapeError: if the sizes of k differ.
    """
    a, b = as_tensors("matmul", x1, x2)
    if not a.shape or not b.shape or a.shape[-1] != b.shape[-2 if len(b.shape) > 1 else -1]:
        raise ShapeError(
            f"matmul: {format_shape(a.shape)} and {format_shape(b.shape)} have no axis k in "
            "common: (..., m, k) @ (..., k, n)"
        )
    left = a if len(a.shape) > 1 else reshaped(a, (1, *a.shape))
    right = b if len(b.shape) > 1 else reshaped(b, (*b.shape, 1))
    y = dense(left, right) if len(right.shape) == 2 else _batched(left, right)
    shape = y.shape if len(b.shape) > 1 else y.shape[:-1]
    at = len(y.shape) - 2
    return reshaped(y, shape if len(a.shape) > 1 else shape[:at] + shape[at + 1 :])


def _batched(a: Tensor, b: Tensor) -> Tensor:
    batch = broadcast_shapes("matmul", a.shape[:-2], b.shape[:-2])
    pair = expanded(a, (*batch, *a.shape[-2:])), expanded(b, (*batch, *b.shape[-2:]))
    return emit("matmul", *pair)[0]


@gradient_of("matmul")
def _matmul(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    a, w = node.inputs
    return emit("matmul_nt", dy, w)[0], emit("matmul_tn", a, dy)[0]


@gradient_of("matmul_nt")
def _matmul_nt(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    a, w = node.inputs
    return emit("matmul", dy, w)[0], emit("matmul_tn", dy, a)[0]


@gradient_of("matmul_tn")
def _matmul_tn(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    a, w = node.inputs
    return emit("matmul_nt", w, dy)[0], emit("matmul", a, dy)[0]


# ---- sums of products ----------------------------------------------------------------------------


def tensordot(
    x1: Number, x2: Number, axes: int | Sequence[int] | Sequence[Sequence[int]] = 2
) -> Tensor:
    """Return the sums of products along axes of one tensor and axes of another.

    Args:
        x1: any shape.
        x2: any shape.
        axes: how many: the last ones of ``x1`` and the first ones of ``x2``; or those of each, one
            or a list.

    Returns:
        The other axes of ``x1``, then those of ``x2``.

    Raises:
        ShapeError: if the axes differ in size, or rows would be summed or come second.
    """
    a, b = as_tensors("tensordot", x1, x2)
    left, right = _summed_axes(a, b, axes)
    free = [i for i in range(len(a.shape)) if i not in left]
    rest = [i for i in range(len(b.shape)) if i not in right]
    sizes = tuple(a.shape[i] for i in left)
    if sizes != tuple(b.shape[i] for i in right) or None in sizes:
        raise ShapeError(
            f"tensordot: axes {left} of {format_shape(a.shape)} and {right} of "
            f"{format_shape(b.shape)} must be of one size each, and not those of the rows"
        )
    rows_first("tensordot", tuple(a.shape[i] for i in free) + tuple(b.shape[i] for i in rest))
    k, n = math.prod(n or 0 for n in sizes), math.prod(b.shape[i] or 0 for i in rest)
    if None in b.shape:  # rows are the first axis of the result: of the second factor alone
        return _tensordot_of_rows(a, b, left, right, k)
    kept, more = tuple(a.shape[i] for i in free), tuple(b.shape[i] for i in rest)
    rows = reshaped(permuted("tensordot", a, [*free, *left]), (*kept, k))
    columns = reshaped(permuted("tensordot", b, [*right, *rest]), (k, n))
    return reshaped(dense(rows, columns), (*kept, *more))


def _tensordot_of_rows(
    a: Tensor, b: Tensor, left: Sequence[int], right: Sequence[int], k: int
) -> Tensor:
    """Return the product where ``a`` has no other axes and ``b`` has the rows."""
    rest = [i for i in range(len(b.shape)) if i not in right]
    kept = tuple(b.shape[i] for i in rest)
    rows = reshaped(permuted("tensordot", b, [*rest, *right]), (*kept, k))
    return reshaped(dense(rows, reshaped(permuted("tensordot", a, left), (k, 1))), kept)


def _summed_axes(a: Tensor, b: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    """Return the axes of each that are summed, in the order in which they belong together."""
    if not isinstance(axes, Sequence):
        n = count("tensordot", "axes", axes)
        if n > min(len(a.shape), len(b.shape)):
            raise ShapeError(
                f"tensordot: {format_shape(a.shape)} and {format_shape(b.shape)} have no {n} axes"
            )
        axes = range(len(a.shape) - n, len(a.shape)), range(n)
    if len(axes) != 2:
        raise ValueError(f"tensordot: axes must be a count or a pair, got {axes!s:.60}")
    left, right = (
        several("tensordot", each, len(x.shape)) for each, x in zip(axes, (a, b), strict=True)
    )
    return left, right


def dot(x1: Number, x2: Number) -> Tensor:
    """Return the sums of products along the last axis of ``x1`` and the last but one of ``x2``.

    Args:
        x1: any shape; a number multiplies.
        x2: any shape; of a vector its only axis is summed.
    """
    a, b = as_tensors("dot", x1, x2)
    if not a.shape or not b.shape:
        return multiply(a, b)
    return tensordot(a, b, (-1, -2 if len(b.shape) > 1 else -1))


def inner(x1: Number, x2: Number) -> Tensor:
    """Return the sums of products along the last axes of both; a number multiplies."""
    a, b = as_tensors("inner", x1, x2)
    return tensordot(a, b, (-1, -1)) if a.shape and b.shape else multiply(a, b)


def vdot(x1: Number, x2: Number) -> Tensor:
    """Return the sum of the products of all numbers, of tensors that are no batch."""
    a, b = as_tensors("vdot", x1, x2)
    return tensordot(ravel(a), ravel(b), 1)


def outer(x1: Number, x2: Number) -> Tensor:
    """Return the products of each number of ``x1`` and each of ``x2``, which are no batch."""
    a, b = as_tensors("outer", x1, x2)
    column, row = ravel(a), ravel(b)
    return multiply(reshaped(column, (*column.shape, 1)), row)


def kron(x1: Number, x2: Number) -> Tensor:
    """Return the Kronecker product: a block, ``x2`` times a number, for each number of ``x1``.

    Args:
        x1: any shape, not of a batch.
        x2: any shape, not of a batch.
    """
    a, b = as_tensors("kron", x1, x2)
    rank = max(len(a.shape), len(b.shape))
    pair = [(1,) * (rank - len(x.shape)) + tuple(x.shape) for x in (a, b)]
    if None in (*pair[0], *pair[1]):
        raise ShapeError("kron: rows of a batch have no blocks; use ops.multiply")
    blocks = reshaped(a, tuple(n for m in pair[0] for n in (m, 1)))
    inside = reshaped(b, tuple(n for m in pair[1] for n in (1, m)))
    sizes = tuple((m or 0) * (n or 0) for m, n in zip(*pair, strict=True))
    return reshaped(multiply(blocks, inside), sizes)


def cross(
    x1: Number,
    x2: Number,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Tensor:
    """Return the cross product of vectors of three numbers.

    Args:
        x1: any shape with an axis of 3.
        x2: of a shape that goes together with it.
        axisa: the axis of the vectors of ``x1``.
        axisb: that of ``x2``.
        axisc: that of the result.
        axis: all three.

    Raises:
        ShapeError: if a vector is not of three numbers.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_tensors("cross", x1, x2)
    u, v = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if u.shape[-1] != 3 or v.shape[-1] != 3:
        raise ShapeError(
            f"cross: expected vectors of 3 numbers, got {format_shape(a.shape)} and "
            f"{format_shape(b.shape)}; give those of 2 a third of 0, see ops.pad"
        )
    turned = [take(x, places, -1) for x in (u, v) for places in ([1, 2, 0], [2, 0, 1])]
    y = subtract(multiply(turned[0], turned[3]), multiply(turned[1], turned[2]))
    return moveaxis(y, -1, axisc)
