"""Numbers at other places: axes added, dropped and swapped, parts taken, tensors put together.

The axis of the rows stays the first, and nothing is moved along it: a row of a batch is never seen
by another.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along, one_axis, rows_first, several
from fastnn.ops._emit import Number, Operand, as_tensors, emit, reshaped
from fastnn.ops.windows import picked, strided

__all__ = [
    "expand_dims",
    "get_item",
    "log_softmax",
    "moveaxis",
    "ravel",
    "softmax",
    "squeeze",
    "swapaxes",
    "take",
    "take_along_axis",
    "transpose",
]


def _one(name: str, x: Number) -> Tensor:
    (tensor,) = as_tensors(name, x)
    return tensor


# ---- axes ----------------------------------------------------------------------------------------


def expand_dims(x: Number, axis: int | Sequence[int]) -> Tensor:
    """Return ``x`` with new axes of size 1.

    Args:
        x: any shape.
        axis: where the new axes are in the result; not before that of the rows.
    """
    tensor = _one("expand_dims", x)
    new = [axis] if not isinstance(axis, Sequence) else list(axis)
    rank = len(tensor.shape) + len(new)
    places = {one_axis("expand_dims", each, rank) for each in new}
    rest = iter(tensor.shape)
    target = tuple(1 if i in places else next(rest) for i in range(rank))
    rows_first("expand_dims", target)
    return reshaped(tensor, target)


def squeeze(x: Number, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return ``x`` without axes of size 1.

    Args:
        x: any shape.
        axis: one or several; ``None`` is all of size 1.

    Raises:
        ShapeError: if an axis is of another size.
    """
    tensor = _one("squeeze", x)
    rank = len(tensor.shape)
    given = [i for i in range(rank) if tensor.shape[i] == 1] if axis is None else axis
    every = [given] if not isinstance(given, Sequence) else given
    gone = {one_axis("squeeze", each, rank) for each in every}
    if any(tensor.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of {format_shape(tensor.shape)} is not of size 1")
    return reshaped(tensor, tuple(n for i, n in enumerate(tensor.shape) if i not in gone))


def ravel(x: Number) -> Tensor:
    """Return all numbers of ``x``, which is no batch, as a vector."""
    tensor = _one("ravel", x)
    if None in tensor.shape:
        raise ShapeError(
            f"ravel: {format_shape(tensor.shape)} is a batch, whose rows stay apart; "
            "layers.Flatten() makes a vector of each"
        )
    return reshaped(tensor, (tensor.size.base,))


def permuted(name: str, x: Number, axes: Sequence[int]) -> Tensor:
    """Return ``x`` with its axes in another order, those that stay together moved as one."""
    tensor = _one(name, x)
    order = several(name, axes, len(tensor.shape))
    if len(order) != len(tensor.shape):
        raise ValueError(f"{name}: {list(axes)} is not an order of {len(tensor.shape)} axes")
    rows_first(name, tuple(tensor.shape[i] for i in order))
    now = list(range(len(order)))
    for place, axis in enumerate(order):
        at = now.index(axis)
        if at != place:
            run = _common(now[at:], order[place:])
            ranks = {"p": place, "b": at - place, "c": run}
            tensor = _swapped(tensor, ranks)
            now[place:at] = now[at : at + run] + now[place:at]
            del now[at + run : at + 2 * run]
    return tensor


def _swapped(x: Tensor, ranks: dict[str, int]) -> Tensor:
    """Return ``x`` with two runs of axes swapped, or what ``x`` was before they were."""
    node, back = x.producer, (ranks["p"], ranks["c"], ranks["b"])
    if node is not None and node.op.name == "swap" and back == tuple(map(node.ranks.get, "pbc")):
        (before,) = node.inputs
        assert before is not None
        return before
    return emit("swap", x, ranks=ranks)[0]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many numbers two sequences begin with alike, the first being the shorter."""
    ended = zip([*a, None], b, strict=False)
    return next(i for i, (x, y) in enumerate(ended) if x != y)


@gradient_of("swap")
def _swap(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    ranks = node.ranks
    return emit("swap", dy, ranks={"p": ranks["p"], "b": ranks["c"], "c": ranks["b"]})


def transpose(x: Number, axes: Sequence[int] | None = None) -> Tensor:
    """Return ``x`` with its axes in another order; that of the rows stays the first.

    Args:
        x: any shape.
        axes: which axis comes first, second, ...; ``None`` turns all of them round.
    """
    tensor = _one("transpose", x)
    order = range(len(tensor.shape))[::-1] if axes is None else axes
    return permuted("transpose", tensor, order)


def transposed(w: Operand | None) -> Tensor:
    """Return ``w.T``, of a matrix."""
    return emit("swap", w, ranks={"p": 0, "b": 1, "c": 1})[0]


def softmax(x: Number, axis: int = -1) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along an axis; not that of the rows."""
    return _along_last("softmax", "softmax_fwd", x, axis)


def log_softmax(x: Number, axis: int = -1) -> Tensor:
    """Return ``x - log(sum(exp(x)))`` along an axis, the logarithm of ``softmax``."""
    return _along_last("log_softmax", "log_softmax_fwd", x, axis)


def _along_last(name: str, op: str, x: Number, axis: int) -> Tensor:
    """Return an operation of the last axis along another one."""
    tensor = _one(name, x)
    at = axis_along(name, tensor, axis)
    (y,) = emit(op, moveaxis(tensor, at, -1))
    return moveaxis(y, -1, at)


def swapaxes(x: Number, axis1: int, axis2: int) -> Tensor:
    """Return ``x`` with two axes swapped; that of the rows stays."""
    tensor = _one("swapaxes", x)
    order = list(range(len(tensor.shape)))
    i, j = (one_axis("swapaxes", axis, len(order)) for axis in (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return permuted("swapaxes", tensor, order)


def moveaxis(x: Number, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return ``x`` with one axis, or several, at other places among them; that of the rows stays.

    Args:
        x: any shape.
        source: which axes.
        destination: where each is in the result.
    """
    tensor = _one("moveaxis", x)
    rank = len(tensor.shape)
    before, after = (several("moveaxis", axes, rank) for axes in (source, destination))
    if len(before) != len(after):
        raise ValueError(f"moveaxis: {len(before)} axes for {len(after)} places")
    order = [i for i in range(rank) if i not in before]
    for place, axis in sorted(zip(after, before, strict=True)):
        order.insert(place, axis)
    return permuted("moveaxis", tensor, order)


# ---- parts ---------------------------------------------------------------------------------------


def take(x: Number, indices: Number, axis: int | None = None) -> Tensor:
    """Return the numbers at some places along an axis.

    Args:
        x: any shape.
        indices: whole numbers, below 0 from the end; NaN is taken where there is no such place.
            Only from a weight may each row take its own.
        axis: along which, not that of the rows; ``None`` goes through all numbers, not of a batch.

    Returns:
        The shape of ``x`` with that of ``indices`` in place of the axis.
    """
    tensor, places = as_tensors("take", x, indices)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    at = axis_along("take", tensor, axis)
    rows_first("take", tensor.shape[:at] + places.shape + tensor.shape[at + 1 :])
    return emit("take", tensor, places, ranks={"p": at})[0]


@gradient_of("take")
def _take(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    ranks = {"p": node.ranks["p"], "k": node.ranks["k"]}
    axes = {"q": node.sizes["q"].base}
    return emit("take_bwd", dy, node.inputs[1], ranks=ranks, axes=axes)[0], ZERO


def take_along_axis(x: Number, indices: Number, axis: int | None = None) -> Tensor:
    """Return the numbers at places along an axis that are others for each place of the other axes.

    Args:
        x: any shape.
        indices: the same shape but along ``axis``; see ``take``.
        axis: along which, not that of the rows; ``None`` goes through all numbers, not of a batch.
    """
    tensor, places = as_tensors("take_along_axis", x, indices)
    if axis is None:
        tensor, places, axis = ravel(tensor), ravel(places), 0
    at = axis_along("take_along_axis", tensor, axis)
    return emit("take_along", tensor, places, ranks={"p": at})[0]


@gradient_of("take_along")
def _take_along(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    ranks, axes = {"p": node.ranks["p"]}, {"q": node.sizes["q"].base}
    return emit("put_along", dy, node.inputs[1], ranks=ranks, axes=axes)[0], ZERO


@gradient_of("put_along")
def _put_along(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    if not wanted[0]:
        return None, ZERO
    return emit("take_along", dy, node.inputs[1], ranks={"p": node.ranks["p"]})[0], ZERO


def get_item(x: Number, key: Any) -> Tensor:
    """Return ``x[key]``: integers, slices with steps, ``None`` and ``...``, as in NumPy.

    Args:
        x: any shape.
        key: one of these, or a tuple; the rows are taken as a whole: ``:``.

    Raises:
        IndexError: if there is no such place, or there are too many indices.
        TypeError: if the key holds anything else.
    """
    tensor = _one("get_item", x)
    keys = [_read(each) for each in (key if isinstance(key, tuple | list) else [key])]
    known = sum(each is not None and each is not Ellipsis for each in keys)
    if known > len(tensor.shape):
        raise IndexError(f"get_item: {known} indices for {format_shape(tensor.shape)}")
    if not any(each is Ellipsis for each in keys):
        keys.append(Ellipsis)
    at = next(i for i, each in enumerate(keys) if each is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (len(tensor.shape) - known)
    return _indexed(tensor, keys)


def _read(key: Any) -> Any:
    """Return a part of an index, which an operator may have described for a file."""
    if isinstance(key, dict):
        return slice(*key["slice"])
    return Ellipsis if isinstance(key, str) and key == "..." else key


def _indexed(x: Tensor, keys: Sequence[Any]) -> Tensor:
    axis, target = 0, list[int | None]()
    for key in keys:
        if key is None:
            target.append(1)
            continue
        x, kept = _along(x, axis, key)
        axis += 1
        if kept:
            target.append(x.shape[axis - 1])
    rows_first("get_item", tuple(target))
    return reshaped(x, tuple(target))


def _along(x: Tensor, axis: int, key: Any) -> tuple[Tensor, bool]:
    """Return what an index leaves of an axis, and whether the axis stays."""
    if isinstance(key, slice):
        if key == slice(None):
            return x, True
        size = x.shape[axis_along("get_item", x, axis)] or 0
        return picked(x, axis, np.arange(size)[key]), True
    if isinstance(key, bool) or not hasattr(key, "__index__"):
        raise TypeError(
            f"get_item: expected integers, slices, None and ..., got {type(key).__name__}; numbers "
            "at several places are ops.take(x, indices, axis)"
        )
    size = x.shape[axis_along("get_item", x, axis)] or 0
    index = operator.index(key)
    if not -size <= index < size:
        raise IndexError(f"get_item: index {index} is not one of {size} places of axis {axis}")
    return strided(x, axis, index % size, 1), False
