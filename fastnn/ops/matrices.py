"""Products of matrices and vectors, with gradients."""

from __future__ import annotations

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._emit import Number, as_tensors, emit, reshaped
from fastnn.ops.broadcasting import broadcast_shapes, expanded
from fastnn.ops.products import dense

__all__ = ["matmul"]


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
