"""One tensor of several side by side, and of one times a number; with gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along
from fastnn.ops._emit import Number, as_tensors, emit, reshaped
from fastnn.ops.windows import strided

__all__ = ["concatenate", "scale"]


def scale(x: Tensor, factor: float) -> Tensor:
    """Return ``factor x``."""
    return emit("scale", x, factor=factor)[0]


@gradient_of("scale")
def _scale(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("scale", dy, **node.attrs)


def concatenate(xs: Sequence[Number], axis: int = 0) -> Tensor:
    """Return tensors side by side.

    Args:
        xs: one or more, of one shape but along ``axis``.
        axis: the axis along which their sizes add up; not that of the rows.

    Raises:
        ShapeError: if they differ along another axis.
        ValueError: if there are none.
    """
    if not isinstance(xs, Sequence) or not len(xs):
        raise ValueError("concatenate: expected a list of tensors, concatenate([a, b], axis=-1)")
    tensors = as_tensors("concatenate", *xs)
    at = axis_along("concatenate", tensors[0], axis)
    if len({(*x.shape[:at], ..., *x.shape[at + 1 :]) for x in tensors}) > 1:
        raise ShapeError(
            f"concatenate: {' and '.join(format_shape(x.shape) for x in tensors)} may differ along "
            f"axis {axis} alone"[:390]
        )
    flat = [reshaped(x, _flat(x.shape, at)) for x in tensors]
    sizes = [x.shape[at] or 0 for x in tensors]
    rest = tensors[0].shape
    return reshaped(_joined(flat), (*rest[:at], sum(sizes), *rest[at + 1 :]))


def _joined(parts: list[Tensor]) -> Tensor:
    """Return tensors side by side along their last axis, put together in pairs."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        parts = [_pair(a, b) for a, b in pairs] + parts[len(parts) // 2 * 2 :]
    return parts[0]


def _pair(a: Tensor, b: Tensor) -> Tensor:
    together = (a.shape[-1] or 0) + (b.shape[-1] or 0)
    return emit("concatenate", a, b, axes={"k": together})[0]


def _flat(shape: Shape, at: int) -> Shape:
    """Return ``shape`` with the axes from ``at`` on as one."""
    return *shape[:at], math.prod(n for n in shape[at:] if n is not None)


@gradient_of("concatenate")
def _concatenate(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    i, j = (node.sizes[axis].base for axis in "ij")
    at = len(dy.shape) - 1
    return strided(dy, at, 0, i), strided(dy, at, i, j)
