"""Which axes an operation works along: given as Keras does, checked, counted from the first."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError

__all__ = ["Axes", "axis_along", "axis_runs", "one_axis", "reduced_axes", "rows_first", "several"]

#: One axis, several, or all.
Axes = int | Sequence[int] | None


def one_axis(name: str, axis: int, rank: int) -> int:
    """Return ``axis`` of ``rank`` axes, counted from the first.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if there is no such axis; ``name`` is the operation's, for the message.
    """
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{name}: axis must be an integer, got {type(axis).__name__}")
    if not -rank <= int(axis) < rank:
        raise ValueError(f"{name}: axis {int(axis)} is not one of {rank} axes")
    return int(axis) % rank


def several(name: str, axis: Axes, rank: int) -> list[int]:
    """Return axes of ``rank`` in the order given, none of them twice; ``None`` is all."""
    given = range(rank) if axis is None else axis if isinstance(axis, Sequence) else (axis,)
    axes = [one_axis(name, each, rank) for each in given]
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}: an axis is given twice: {axis}")
    return axes


def axis_along(name: str, x: Tensor, axis: int) -> int:
    """Return an axis along which numbers may be moved: any but that of the rows."""
    at = one_axis(name, axis, len(x.shape))
    if x.shape[at] is None:
        raise ShapeError(
            f"{name}: axis 0 of {format_shape(x.shape)} is that of the rows, along which nothing "
            "is moved; use another axis"
        )
    return at


def reduced_axes(name: str, shape: Shape, axis: Axes) -> tuple[int, ...]:
    """Return the axes to reduce, in order, none of which may be that of the rows."""
    rank = len(shape)
    axes = tuple(sorted(several(name, axis, rank)))
    if None in (shape[each] for each in axes):
        mend = f"write ops.{name}(..., axis=-1)" if rank > 1 else "each row has one number already"
        raise ShapeError(
            f"ops.{name} over the rows, axis 0 of {format_shape(shape)}, none of which may depend "
            f"on another; {mend}"
        )
    return axes


def rows_first(name: str, target: Shape) -> None:
    """Refuse a shape whose rows are not its first axis."""
    if None in target[1:]:
        raise ShapeError(f"{name}: the axis of the rows has to stay the first")


def axis_runs(axes: Sequence[int], most: int | None = None) -> list[tuple[int, int]]:
    """Return the stretches of sorted axes that lie side by side, of at most ``most`` axes."""
    runs: list[tuple[int, int]] = []
    for axis in axes:
        begin, end = runs[-1] if runs else (0, -1)
        if end == axis and (most is None or axis - begin < most):
            runs[-1] = (begin, axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs
