"""Axes of a sample that a layer is given by their numbers: checked, and worked on as the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastnn import ops
from fastnn.compiler.graph import Shape, Tensor, format_shape, size_of
from fastnn.errors import ShapeError
from fastnn.ops._emit import Operand, reshaped

__all__ = ["along", "axis_numbers", "flat_weight", "sample_axes"]


def axis_numbers(who: str, axis: int | Sequence[int]) -> list[int]:
    """Return the numbers of one axis or several.

    Raises:
        TypeError: if they are no integers.
    """
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    if not all(hasattr(a, "__index__") and not isinstance(a, bool) for a in axes):
        raise TypeError(f"{who}: axis must be an integer or a list of them, got {axis!r:.60}")
    return [int(a) for a in axes]  # type: ignore[arg-type]


def sample_axes(who: str, axis: int | Sequence[int], shape: Shape) -> tuple[int, ...]:
    """Return the places of axes of a sample, in rising order; ``who`` is for messages.

    Raises:
        ShapeError: if there is no such axis, one is named twice, or one is that of the rows.
    """
    rank, axes = len(shape), axis_numbers(who, axis)
    known = {a % rank for a in axes if -rank <= a < rank}
    if len(known) != len(axes) or 0 in known:
        raise ShapeError(
            f"{who}: axis={axis} of {format_shape(shape)} must name axes of a sample, each once: "
            f"{', '.join(map(str, range(1, rank))) or 'it has none'}, or from the end -1 and so "
            "on; axis 0 is that of the rows, which stand by themselves"
        )
    return tuple(sorted(known))


def along(x: Tensor, axes: Sequence[int], function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what a function of the last axis makes of some axes, taken as one.

    Args:
        x: (rows, ...).
        axes: their places, as ``sample_axes`` returns them.
        function: what keeps the shape of a tensor.
    """
    rank = len(x.shape)
    order = [*(i for i in range(rank) if i not in axes), *axes]
    moved = ops.transpose(x, order)
    kept = moved.shape[: rank - len(axes)]
    y = function(reshaped(moved, (*kept, size_of(moved.shape[len(kept) :]).base)))
    return ops.transpose(reshaped(y, moved.shape), [order.index(i) for i in range(rank)])


def flat_weight(x: Tensor, weight: Operand | None) -> Operand | None:
    """Return a weight of the sizes of some axes as of one, in the graph of ``x``."""
    if weight is None or len(weight.shape) == 1:
        return weight
    shape = (size_of(tuple(weight.shape)).base,)
    return x.graph.emit("reshape", weight, shapes={"y": shape})[0]
