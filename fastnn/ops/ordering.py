"""Numbers in order, what lies where among them, and counts of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fastnn._checks import count
from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.data.arrays import as_array
from fastnn.errors import ShapeError
from fastnn.ops._axes import Axes, axis_along, one_axis, reduced_axes
from fastnn.ops._emit import Number, as_tensors, emit, reshaped
from fastnn.ops.arithmetic import add, equal, less, less_equal
from fastnn.ops.choosing import where
from fastnn.ops.constants import ones_like
from fastnn.ops.functions import isnan
from fastnn.ops.merging import concatenate, scale
from fastnn.ops.reductions import any, max, sum
from fastnn.ops.shaping import expand_dims, moveaxis, permuted, ravel
from fastnn.ops.windows import strided

__all__ = [
    "argpartition",
    "argsort",
    "digitize",
    "isin",
    "median",
    "multi_hot",
    "one_hot",
    "percentile",
    "quantile",
    "searchsorted",
    "sort",
    "top_k",
]


def _along_last(name: str, x: Tensor, axis: int | None) -> tuple[Tensor, int]:
    """Return ``x`` with an axis moved to the end, and where it was; ``None`` is all as one."""
    if axis is None:
        return ravel(x), 0
    at = axis_along(name, x, axis)
    return moveaxis(x, at, -1), at


def _sorted(name: str, x: Number, axis: int | None, descending: int) -> tuple[Tensor, Tensor]:
    (tensor,) = as_tensors(name, x)
    last, at = _along_last(name, tensor, axis)
    values, places = emit("sort", last, descending=descending)
    return moveaxis(values, -1, at), moveaxis(places, -1, at)


@gradient_of("sort")
def _sort(node: Node, wanted: tuple[bool, ...], dy: Tensor | None, di: None) -> Gradients:
    if dy is None:
        return (ZERO,)
    places = node.outputs[1]
    ranks = {"p": len(dy.shape) - 1, "s": 0}
    return emit("put_along", dy, places, ranks=ranks, axes={"q": node.sizes["q"].base})


def sort(x: Number, axis: int | None = -1) -> Tensor:
    """Return the numbers in rising order along an axis, NaN last.

    Args:
        x: any shape.
        axis: along which, not that of the rows; ``None`` is all of what is no batch.
    """
    return _sorted("sort", x, axis, 0)[0]


def argsort(x: Number, axis: int | None = -1) -> Tensor:
    """Return where each number of ``sort`` was; ties stay in order.  It has no gradient."""
    return _sorted("argsort", x, axis, 0)[1]


def argpartition(x: Number, kth: int, axis: int | None = -1) -> Tensor:
    """Return places of which the first ``kth`` are those of the smallest numbers: all in order."""
    places = argsort(x, axis)
    one_axis("argpartition", kth, places.shape[-1 if axis is None else axis] or 0)
    return places


def top_k(x: Number, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """Return the largest numbers along the last axis, in falling order, and where they are.

    Args:
        x: any shape.
        k: how many.
        sorted: accepted; they are in order in any case.
    """
    values, places = _sorted("top_k", x, -1, 1)
    size, axis = values.shape[-1] or 0, len(values.shape) - 1
    if count("top_k", "k", k, 1) > size:
        raise ShapeError(f"top_k: k={k} of {size} numbers")
    return strided(values, axis, 0, k), strided(places, axis, 0, k)


# ---- quantiles -----------------------------------------------------------------------------------

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def median(x: Number, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the number in the middle along some axes, the mean of two of an even count."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def percentile(
    x: Number, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Return ``quantile(x, q / 100)``."""
    known = as_array("percentile", "q", q) / 100.0
    return _quantile("percentile", x, known, axis, method, keepdims)


def quantile(
    x: Number, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Return the number that a share of the numbers along some axes is not above; NaN passes.

    Args:
        x: any shape.
        q: the share, in [0, 1], or a vector of shares, which is the first axis of the result then.
        axis: one axis, several, or ``None`` for all; not that of the rows.
        method: what is taken between two numbers: ``"linear"``, ``"lower"``, ``"higher"``,
            ``"midpoint"`` or ``"nearest"`` (Hyndman and Fan, "Sample quantiles in statistical
            packages", 1996, the seventh definition).
        keepdims: whether the axes stay, with size 1.

    Raises:
        ValueError: if a share is outside of [0, 1], or there is no such method.
    """
    return _quantile("quantile", x, as_array("quantile", "q", q), axis, method, keepdims)


def _quantile(
    name: str, x: Number, q: np.ndarray, axis: Axes, method: str, keepdims: bool
) -> Tensor:
    (tensor,) = as_tensors(name, x)
    if method not in _METHODS:
        raise ValueError(f"{name}: method must be one of {', '.join(_METHODS)}, got {method!r:.40}")
    if q.ndim > 1 or not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"{name}: q must be shares from 0 to all, one or a vector of them")
    axes = reduced_axes(name, tensor.shape, axis)
    rest = [i for i in range(len(tensor.shape)) if i not in axes]
    shape = tuple(1 if i in axes else n for i, n in enumerate(tensor.shape))
    kept = shape if keepdims else tuple(tensor.shape[i] for i in rest)
    moved = permuted(name, tensor, [*rest, *axes])
    n = math.prod(moved.shape[i] or 0 for i in range(len(rest), len(moved.shape)))
    if not n:
        raise ShapeError(f"{name}: no numbers along axis {axis}")
    rows = emit("sort", reshaped(moved, (*moved.shape[: len(rest)], n)), descending=0)[0]
    found = [reshaped(_between(rows, n, share, method), kept) for share in q.ravel()]
    if not q.ndim:
        return found[0]
    return concatenate([expand_dims(each, 0) for each in found], 0)


def _between(rows: Tensor, n: int, share: float, method: str) -> Tensor:
    """Return the quantile of sorted rows of ``n``: NaN, which is sorted last, wins."""
    place = float(share) * (n - 1)
    low, high = math.floor(place), math.ceil(place)
    part = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5, "nearest": float(np.round(place) - low)}
    weight = part.get(method, place - low) if high > low else 0.0
    last = len(rows.shape) - 1
    a, b = (strided(rows, last, at, 1) for at in (low, high))
    y = add(scale(a, 1 - weight), scale(b, weight)) if weight else a
    most = strided(rows, last, n - 1, 1)
    return where(isnan(most), math.nan, y)


# ---- membership ----------------------------------------------------------------------------------


def searchsorted(sorted_sequence: Number, values: Number, side: str = "left") -> Tensor:
    """Return how many numbers of a rising sequence stand before each value; no gradient.

    Args:
        sorted_sequence: (n,).
        values: any shape.
        side: ``"left"`` counts those below, ``"right"`` equal ones, too.
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r:.40}")
    known, x = as_tensors("searchsorted", sorted_sequence, values)
    if len(known.shape) != 1 or None in known.shape:
        raise ShapeError("searchsorted: sorted_sequence must be a vector")
    before = less if side == "left" else less_equal
    return sum(before(known, expand_dims(x, -1)), -1)


def digitize(x: Number, bins: Number) -> Tensor:
    """Return which bin each number is in: how many rising edges are not above it; no gradient.

    Args:
        x: any shape.
        bins: the edges, (n,).
    """
    return searchsorted(bins, x, "right")


def isin(x1: Number, x2: Number, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Return 1 where ``x1`` is one of the numbers ``x2``, else 0.

    Args:
        x1: any shape.
        x2: any shape, not of a batch.
        assume_unique: accepted.
        invert: whether to return 0 and 1 instead.
    """
    a, b = as_tensors("isin", x1, x2)
    found = any(equal(expand_dims(a, -1), ravel(b)), -1)
    return equal(found, 0) if invert else found


# ---- classes -------------------------------------------------------------------------------------


def one_hot(
    x: Number, num_classes: int, axis: int = -1, dtype: str | None = None, sparse: bool = False
) -> Tensor:
    """Return 1 at the place that each number names and 0 at the others.

    Args:
        x: whole numbers; one that is no class, as -1, has zeros alone.
        num_classes: how many places there are.
        axis: where the new axis is in the result.
        dtype: accepted.
        sparse: accepted; the result is dense in any case.
    """
    (tensor,) = as_tensors("one_hot", x)
    places = expand_dims(tensor, axis)
    at = one_axis("one_hot", axis, len(places.shape))
    axes = {"q": count("one_hot", "num_classes", num_classes, 1)}
    known = where(less(places, 0), math.nan, places)  # below 0 the operation counts from the end
    return emit("put_along", ones_like(places), known, ranks={"p": at}, axes=axes)[0]


def multi_hot(
    inputs: Number,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: str | None = None,
    sparse: bool = False,
) -> Tensor:
    """Return 1 at each place that one of the last axis's numbers names, and 0 at the others.

    Args:
        inputs: (..., n), whole numbers; one that is no class names none.
        num_classes: how many places there are.
        axis: where their axis is in the result.
        dtype: accepted.
        sparse: accepted; the result is dense in any case.
    """
    if num_classes is None:
        raise ValueError("multi_hot: num_classes is missing: how many classes there are")
    (tensor,) = as_tensors("multi_hot", inputs)
    found = max(one_hot(tensor, num_classes), len(tensor.shape) - 1)
    return moveaxis(found, -1, axis)
