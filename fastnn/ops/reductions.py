"""One number of many along axes: sums, means, extremes and what is made of them; with gradients.

A tensor of a batch is never reduced over its rows: what a row gives would depend on the others of
its batch.  A weight may be reduced over all of its axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import Axes, axis_runs, reduced_axes
from fastnn.ops._emit import Number, as_tensors, emit, reshaped
from fastnn.ops.arithmetic import (
    add,
    divide,
    maximum,
    minimum,
    multiply,
    not_equal,
    power,
    subtract,
)
from fastnn.ops.broadcasting import expanded
from fastnn.ops.elementwise import stop_gradient
from fastnn.ops.functions import absolute, exp, isfinite, log, sqrt, square
from fastnn.ops.merging import scale

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]


def _kept(shape: Shape, axes: Sequence[int]) -> Shape:
    """Return ``shape`` with ``axes`` of size 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _reduce(kind: str, x: Number, axis: Axes, keepdims: bool) -> Tensor:
    """Return a reduction of ``csrc/reductions.def`` along some axes."""
    (tensor,) = as_tensors(kind, x)
    axes = reduced_axes(kind, tensor.shape, axis)
    y = tensor
    for begin, end in reversed(axis_runs(axes)):
        (y,) = emit("reduce", y, ranks={"p": begin, "q": end - begin}, reduction=kind)
    return reshaped(y, _kept(tensor.shape, axes)) if keepdims else y


def _extreme(
    kind: str,
    pick: Callable[[Number, Number], Tensor],
    x: Number,
    axis: Axes,
    keepdims: bool,
    initial: Number | None,
) -> Tensor:
    (tensor,) = as_tensors(kind, x)
    axes = reduced_axes(kind, tensor.shape, axis)
    empty = any_empty(tensor.shape, axes)
    if empty and initial is None:
        raise ShapeError(f"{kind}: {format_shape(tensor.shape)} has no numbers along axis {axis}")
    y = _reduce(kind, tensor, axes, keepdims)
    return y if initial is None else pick(y, initial)


def any_empty(shape: Shape, axes: Sequence[int]) -> bool:
    """Return whether one of ``axes`` has no places."""
    return 0 in (shape[axis] for axis in axes)


@gradient_of("reduce")
def _reduce_gradient(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    (x,), kind = node.inputs, node.attrs["reduction"]
    assert x is not None
    ranks = {"p": node.ranks["p"], "q": node.ranks["q"]}
    if kind == "sum":
        return emit("expand", dy, shapes={"y": x.shape}, ranks=ranks)
    if kind == "prod":
        return emit("prod_bwd", x, dy, ranks=ranks)
    (place,) = emit("arg_reduce", x, ranks=ranks, smallest=int(kind == "min"))
    return (_put(x, place, dy, ranks["p"], ranks["q"]),)


def _put(x: Tensor, place: Tensor, dy: Tensor, begin: int, count: int) -> Tensor:
    """Return ``dy`` at one place along some axes of ``x``, and 0 elsewhere."""
    before, after = x.shape[:begin], x.shape[begin + count :]
    single = (*before, 1, *after)
    along = math.prod(n for n in x.shape[begin : begin + count] if n is not None)
    operands = (reshaped(dy, single), reshaped(place, single))
    (dx,) = emit("put_along", *operands, ranks={"p": begin}, axes={"q": along})
    return reshaped(dx, x.shape)


def sum(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the sum along some axes.

    Args:
        x: any shape.
        axis: one axis, several, or ``None`` for all; not that of the rows.
        keepdims: whether the axes stay, with size 1.

    Raises:
        ShapeError: if the rows of a batch would be summed.
    """
    return _reduce("sum", x, axis, keepdims)


def prod(x: Number, axis: Axes = None, keepdims: bool = False, dtype: str | None = None) -> Tensor:
    """Return the product along some axes; see ``sum``.

    Args:
        x: any shape.
        axis: as in ``sum``.
        keepdims: whether the axes stay, with size 1.
        dtype: accepted.
    """
    return _reduce("prod", x, axis, keepdims)


def max(
    x: Number, axis: Axes = None, keepdims: bool = False, initial: Number | None = None
) -> Tensor:
    """Return the largest along some axes, NaN if one is; the first of ties has the gradient.

    Args:
        x: any shape.
        axis: as in ``sum``.
        keepdims: whether the axes stay, with size 1.
        initial: a number that counts besides, so that there may be no others.
    """
    return _extreme("max", maximum, x, axis, keepdims, initial)


def min(
    x: Number, axis: Axes = None, keepdims: bool = False, initial: Number | None = None
) -> Tensor:
    """Return the smallest along some axes, NaN if one is; the first of ties has the gradient.

    Args:
        x: any shape.
        axis: as in ``sum``.
        keepdims: whether the axes stay, with size 1.
        initial: a number that counts besides, so that there may be no others.
    """
    return _extreme("min", minimum, x, axis, keepdims, initial)


def amax(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the largest along some axes; another name of ``max``."""
    return max(x, axis, keepdims)


def amin(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the smallest along some axes; another name of ``min``."""
    return min(x, axis, keepdims)


def ptp(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the distance between the largest and the smallest along some axes; see ``sum``."""
    (tensor,) = as_tensors("ptp", x)
    return subtract(max(tensor, axis, keepdims), min(tensor, axis, keepdims))


def _count(name: str, x: Tensor, axis: Axes) -> int:
    return math.prod(x.shape[each] or 0 for each in reduced_axes(name, x.shape, axis))


def mean(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean along some axes: the sum divided by their sizes; see ``sum``."""
    (tensor,) = as_tensors("mean", x)
    count = _count("mean", tensor, axis)
    return scale(sum(tensor, axis, keepdims), 1 / count if count else math.nan)


def average(x: Number, axis: Axes = None, weights: Number | None = None) -> Tensor:
    """Return the mean along some axes, weighted if there are weights.

    Args:
        x: any shape.
        axis: as in ``sum``.
        weights: of a shape that goes together with that of ``x``.
    """
    if weights is None:
        return mean(x, axis)
    tensor, w = as_tensors("average", x, weights)
    w = expanded(w, tensor.shape)
    return divide(sum(multiply(tensor, w), axis), sum(w, axis))


def var(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean square of the distances from the mean along some axes; see ``sum``."""
    (tensor,) = as_tensors("var", x)
    return mean(square(subtract(tensor, mean(tensor, axis, True))), axis, keepdims)


def std(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the root of ``var``."""
    return sqrt(var(x, axis, keepdims))


def all(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return 1 where no number along some axes is 0, else 0."""
    return min(not_equal(x, 0), axis, keepdims)


def any(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return 1 where some number along some axes is not 0, else 0."""
    return max(not_equal(x, 0), axis, keepdims)


def count_nonzero(x: Number, axis: Axes = None) -> Tensor:
    """Return how many numbers along some axes are not 0."""
    return sum(not_equal(x, 0), axis)


def logsumexp(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return ``log(sum(exp(x)))`` along some axes; the largest is taken out, so nothing overflows.

    Args:
        x: any shape.
        axis: as in ``sum``.
        keepdims: whether the axes stay, with size 1.
    """
    (tensor,) = as_tensors("logsumexp", x)
    axes = reduced_axes("logsumexp", tensor.shape, axis)
    most = stop_gradient(max(tensor, axes, True))
    (most,) = emit("select", isfinite(most), most, None)
    y = add(log(sum(exp(subtract(tensor, most)), axes, True)), most)
    shape = tuple(n for i, n in enumerate(tensor.shape) if i not in axes)
    return y if keepdims else reshaped(y, shape)


def norm(
    x: Number, ord: float | str | None = None, axis: Axes = None, keepdims: bool = False
) -> Tensor:
    """Return a norm of the vectors along some axes.

    Args:
        x: any shape.
        ord: ``None``, 2 or ``"fro"``: the root of the sum of squares; 1: the sum of sizes; ``inf``
            and ``-inf``: the largest and smallest size; 0: how many are not 0; another number p:
            ``sum(|x|^p)^(1/p)``.
        axis: as in ``sum``.
        keepdims: whether the axes stay, with size 1.

    Raises:
        ValueError: if ``ord`` is none of these.
    """
    size = absolute(x)
    if ord in (None, 2, "fro"):
        return sqrt(sum(square(x), axis, keepdims))
    if ord == 1:
        return sum(size, axis, keepdims)
    if ord == 0:
        return sum(not_equal(x, 0), axis, keepdims)
    if ord in (math.inf, -math.inf):
        return (max if ord == math.inf else min)(size, axis, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord must be None, 'fro' or a number, got {ord[:30]!r}")
    return power(sum(power(size, ord), axis, keepdims), 1 / ord)


def argmax(x: Number, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the largest is, the first of ties or of NaN; it has no gradient.

    Args:
        x: any shape.
        axis: along which; ``None`` counts through all axes of a weight.
        keepdims: whether the axis stays, with size 1.
    """
    return _arg_reduce("argmax", x, axis, keepdims, 0)


def argmin(x: Number, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the smallest is, the first of ties or of NaN; see ``argmax``."""
    return _arg_reduce("argmin", x, axis, keepdims, 1)


def _arg_reduce(name: str, x: Number, axis: int | None, keepdims: bool, smallest: int) -> Tensor:
    (tensor,) = as_tensors(name, x)
    axes = reduced_axes(name, tensor.shape, axis)
    if any_empty(tensor.shape, axes):
        raise ShapeError(f"{name}: {format_shape(tensor.shape)} has no numbers along axis {axis}")
    ranks = {"p": axes[0] if axes else 0, "q": len(axes)}
    (place,) = emit("arg_reduce", tensor, ranks=ranks, smallest=smallest)
    return reshaped(place, _kept(tensor.shape, axes)) if keepdims else place


@gradient_of("arg_reduce")
def _no_gradient(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return (ZERO,)
