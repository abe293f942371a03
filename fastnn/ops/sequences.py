"""What becomes of numbers that follow one another along an axis; with gradients."""

from __future__ import annotations

from fastnn._checks import count
from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along
from fastnn.ops._emit import Number, as_tensors, emit
from fastnn.ops.arithmetic import add, multiply, subtract
from fastnn.ops.merging import scale
from fastnn.ops.reductions import sum
from fastnn.ops.shaping import moveaxis, ravel
from fastnn.ops.windows import padded, strided

__all__ = ["cumprod", "cumsum", "diff", "trapezoid"]


def _along(name: str, x: Number, axis: int | None) -> tuple[Tensor, int]:
    """Return a tensor and the axis along which numbers follow one another; ``None`` is all."""
    (tensor,) = as_tensors(name, x)
    return (ravel(tensor), 0) if axis is None else (tensor, axis_along(name, tensor, axis))


def cumsum(x: Number, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Return the sums of the first numbers, of one more at each place.

    Args:
        x: any shape.
        axis: along which, not that of the rows; ``None`` goes through all numbers, not of a batch.
        dtype: accepted.
    """
    tensor, at = _along("cumsum", x, axis)
    return emit("cumsum", tensor, ranks={"p": at}, reverse=0)[0]


@gradient_of("cumsum")
def _cumsum(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    reverse = 1 - int(node.attrs["reverse"])
    return emit("cumsum", dy, ranks={"p": node.ranks["p"]}, reverse=reverse)


def cumprod(x: Number, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Return the products of the first numbers, of one more at each place; see ``cumsum``.

    Each is made of products of 2, 4, 8, ... numbers (Hillis and Steele, "Data parallel algorithms",
    1986).
    """
    tensor, at = _along("cumprod", x, axis)
    size, far = tensor.shape[at] or 0, 1
    while far < size:
        pairs = [(far, 0) if i == at else (0, 0) for i in range(len(tensor.shape))]
        before = padded(strided(tensor, at, 0, size - far), pairs, 1.0)
        tensor, far = multiply(tensor, before), 2 * far
    return tensor


def diff(a: Number, n: int = 1, axis: int = -1) -> Tensor:
    """Return the differences of neighbours along an axis.

    Args:
        a: any shape.
        n: how often to take them.
        axis: along which; not that of the rows.

    Raises:
        ShapeError: if there are too few numbers.
    """
    tensor, at = _along("diff", a, axis)
    for _ in range(count("diff", "n", n)):
        size = (tensor.shape[at] or 0) - 1
        if size < 0:
            raise ShapeError(f"diff: too few numbers along axis {axis} for n={n}")
        tensor = subtract(strided(tensor, at, 1, size), strided(tensor, at, 0, size))
    return tensor


def trapezoid(y: Number, x: Number | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Return the integral along an axis: the sum of the means of neighbours times their distance.

    Args:
        y: any shape.
        x: where the numbers are, (n,) or the shape of ``y``; ``None``: ``dx`` apart.
        dx: how far.
        axis: along which; not that of the rows.
    """
    tensor, at = _along("trapezoid", y, axis)
    last = moveaxis(tensor, at, -1)
    end, size = len(last.shape) - 1, (tensor.shape[at] or 0) - 1
    sums = add(strided(last, end, 1, size), strided(last, end, 0, size))
    if x is None:
        return scale(sum(sums, -1), 0.5 * dx)
    (places,) = as_tensors("trapezoid", x)
    known = places if len(places.shape) == 1 else moveaxis(places, at, -1)
    return scale(sum(multiply(sums, diff(known)), -1), 0.5)
