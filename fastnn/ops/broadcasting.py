"""Tensors of several shapes as of one: NumPy's rules; rows are an axis like others.

Shapes are aligned at their ends.  An axis of one is repeated, and so is one that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._emit import Number, as_tensors, emit, reshaped

__all__ = ["broadcast_shapes", "broadcast_to", "expanded", "single_run"]


def broadcast_shapes(name: str, *shapes: Shape) -> Shape:
    """Return the one shape that all take.

    Raises:
        ShapeError: if there is none; ``name`` is whose, for the message.
    """
    rank = max(len(shape) for shape in shapes)
    columns = zip(*(_aligned(shape, rank) for shape in shapes), strict=True)
    return tuple(_common(name, at - rank, set(column), shapes) for at, column in enumerate(columns))


def _common(name: str, axis: int, sizes: set[int | None], shapes: Sequence[Shape]) -> int | None:
    several = sizes - {1}
    if len(several) > 1:
        listed = " and ".join("rows" if n is None else str(n) for n in sorted(several, key=str))
        raise ShapeError(
            f"{name}: shapes {' and '.join(map(format_shape, shapes))} do not go together: axis "
            f"{axis} is {listed}; an axis is repeated only if it is 1, see ops.expand_dims"[:390]
        )
    return several.pop() if several else 1


def _aligned(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + tuple(shape)


def _runs(shape: Shape, target: Shape) -> list[tuple[int, int]]:
    """Return the stretches of axes along which ``shape`` is repeated to become ``target``."""
    repeated = [i for i, (n, m) in enumerate(zip(shape, target, strict=True)) if n != m]
    runs: list[tuple[int, int]] = []
    for axis in repeated:
        if runs and all(n == 1 for n in shape[runs[-1][1] : axis]):
            runs[-1] = (runs[-1][0], axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs


def single_run(shape: Shape, target: Shape) -> tuple[int, int] | None:
    """Return the stretch of axes along which ``shape`` is repeated, if it is only one."""
    runs = _runs(_aligned(shape, len(target)), target)
    return runs[0] if len(runs) == 1 else None


def expanded(x: Tensor, target: Shape) -> Tensor:
    """Return ``x`` repeated to the shape ``target``."""
    shape = _aligned(x.shape, len(target))
    for begin, end in reversed(_runs(shape, target)):
        small = reshaped(x, shape[:begin] + shape[end:])
        shape = shape[:begin] + target[begin:end] + shape[end:]
        ranks = {"p": begin, "q": end - begin}
        (x,) = emit("expand", small, shapes={"y": shape}, ranks=ranks)
    return reshaped(x, target)


@gradient_of("expand")
def _expand(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("reduce", dy, ranks=node.ranks, reduction="sum")


def broadcast_to(x: Number, shape: Shape) -> Tensor:
    """Return ``x`` repeated to a shape.

    Args:
        x: of a shape whose axes, aligned at the end, are those of ``shape`` or 1.
        shape: ``None`` for the rows of the batch.

    Raises:
        ShapeError: if ``x`` does not fit.
    """
    (tensor,) = as_tensors("broadcast_to", x)
    target = tuple(shape)
    if broadcast_shapes("broadcast_to", tensor.shape, target) != target:
        raise ShapeError(
            f"broadcast_to: {format_shape(tensor.shape)} cannot be repeated to "
            f"{format_shape(target)}"
        )
    return expanded(tensor, target)
