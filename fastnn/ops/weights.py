"""What weights cost and what they are held to: the operations of regularizers and constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.errors import ShapeError
from fastnn.ops._emit import emit
from fastnn.ops.normalization import unit_normalization
from fastnn.ops.products import dense
from fastnn.ops.shaping import transposed

__all__ = ["clip_norm", "over_rows", "penalty", "products_of_rows"]


def penalty(x: Tensor, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """Return ``l1 sum(abs(x)) + l2 sum(x^2)``, a tensor without axes.

    The gradient is ``l1 sign(x) + 2 l2 x``, with a sign of 0 at 0.

    Args:
        x: any shape.
        l1: factor of the sizes.
        l2: factor of the squares.
    """
    return emit("penalty", x, l1=l1, l2=l2)[0]


@gradient_of("penalty")
def _penalty(node: Node, wanted: tuple[bool, ...], dp: Tensor) -> Gradients:
    return emit("penalty_bwd", node.inputs[0], dp, **node.attrs)


def products_of_rows(x: Tensor) -> Tensor:
    """Return the product of each row, scaled to length 1, with each other one; 0 with itself.

    Args:
        x: (n, features).

    Returns:
        (n, n), cosines of the angles between rows.
    """
    rows = unit_normalization(x)
    return emit("hollow", dense(rows, transposed(rows)))[0]


@gradient_of("hollow")
def _hollow(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("hollow", dy)


def over_rows(p: Tensor) -> Tensor:
    """Return ``p``, a tensor without axes, divided by the rows of the batch."""
    return emit("over_rows", p)[0]


@gradient_of("over_rows")
def _over_rows(node: Node, wanted: tuple[bool, ...], dq: Tensor) -> Gradients:
    return emit("over_rows", dq)


def clip_norm(
    w: Tensor,
    low: float,
    high: float,
    axis: int | Sequence[int] = 0,
    rate: float = 1.0,
    epsilon: float = 1e-7,
) -> Tensor:
    """Return ``w`` scaled so that its norms along ``axis`` lie between two bounds.

    A norm becomes ``rate clip(norm, low, high) + (1 - rate) norm``, but for ``epsilon``, which is
    added to what the norm is divided by.  It has no gradient.

    Args:
        w: any shape.
        low: the smallest norm.
        high: the largest.
        axis: the axes of one norm, which have to be neighbours.
        rate: how much of the way to the bound is gone, 1 being all of it.
        epsilon: what makes a norm of 0 harmless.
    """
    shape = _three_axes(w, axis)
    (folded,) = emit("reshape", w, shapes={"y": shape})
    (y,) = emit("clip_norm", folded, low=low, high=high, rate=rate, epsilon=epsilon)
    return emit("reshape", y, shapes={"y": w.shape})[0]


def _three_axes(w: Tensor, axis: int | Sequence[int]) -> tuple[int, int, int]:
    """Return the sizes before, of and after the axes of a norm."""
    rank = len(w.shape)
    given = [axis] if isinstance(axis, int) else list(axis)
    axes = sorted({a + rank if a < 0 else a for a in given})
    if (
        not axes
        or axes != list(range(axes[0], axes[-1] + 1))
        or not 0 <= axes[0] <= axes[-1] < rank
    ):
        raise ShapeError(
            f"{w.name}: axis must name neighbouring axes of its {rank}, got {str(axis)[:40]}; "
            "0 is that of a Dense kernel's inputs, [0, 1, 2] are those of a Conv2D kernel's"
        )
    sizes = [n for n in w.shape if n is not None]
    before, of, after = sizes[: axes[0]], sizes[axes[0] : axes[-1] + 1], sizes[axes[-1] + 1 :]
    return math.prod(before), math.prod(of), math.prod(after)
