"""Numbers at other places: axes added, dropped and swapped, parts taken, tensors put together.

The axis of the rows stays the first, and nothing is moved along it: a row of a batch is never seen
by another.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._checks import count
from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along, one_axis, rows_first, several
from fastnn.ops._emit import Number, Operand, as_tensors, emit, reshaped
from fastnn.ops.arithmetic import less
from fastnn.ops.choosing import where
from fastnn.ops.merging import concatenate
from fastnn.ops.windows import picked, strided

__all__ = [
    "argsort",
    "expand_dims",
    "flip",
    "get_item",
    "log_softmax",
    "moveaxis",
    "one_hot",
    "ones_like",
    "repeat",
    "roll",
    "shape",
    "softmax",
    "sort",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tile",
    "top_k",
    "transpose",
    "unstack",
    "zeros_like",
]


def _one(name: str, x: Number) -> Tensor:
    (tensor,) = as_tensors(name, x)
    return tensor


def shape(x: Tensor) -> Shape:
    """Return the shape, ``None`` for the rows of the batch."""
    return tuple(x.shape)


def zeros_like(x: Number) -> Tensor:
    """Return zeros of the shape of ``x``."""
    tensor = _one("zeros_like", x)
    return tensor.graph.emit("fill", shapes={"y": tensor.shape}, value=0.0)[0]


def ones_like(x: Number) -> Tensor:
    """Return ones of the shape of ``x``."""
    tensor = _one("ones_like", x)
    return tensor.graph.emit("fill", shapes={"y": tensor.shape}, value=1.0)[0]


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
            (tensor,) = emit("swap", tensor, ranks=ranks)
            now[place:at] = now[at : at + run] + now[place:at]
            del now[at + run : at + 2 * run]
    return tensor


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


def moveaxis(x: Number, source: int, destination: int) -> Tensor:
    """Return ``x`` with one axis at another place among them; that of the rows stays."""
    tensor = _one("moveaxis", x)
    order = list(range(len(tensor.shape)))
    i, j = (one_axis("moveaxis", axis, len(order)) for axis in (source, destination))
    order.insert(j, order.pop(i))
    return permuted("moveaxis", tensor, order)


# ---- parts ---------------------------------------------------------------------------------------


def take(x: Number, indices: Number, axis: int = 0) -> Tensor:
    """Return the numbers at some places along an axis.

    Args:
        x: any shape.
        indices: whole numbers, below 0 from the end; NaN is taken where there is no such place.
            Only from a weight may each row take its own.
        axis: along which; not that of the rows.

    Returns:
        The shape of ``x`` with that of ``indices`` in place of the axis.
    """
    tensor, places = as_tensors("take", x, indices)
    at = axis_along("take", tensor, axis)
    rows_first("take", tensor.shape[:at] + places.shape + tensor.shape[at + 1 :])
    return emit("take", tensor, places, ranks={"p": at})[0]


@gradient_of("take")
def _take(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    ranks = {"p": node.ranks["p"], "k": node.ranks["k"]}
    axes = {"q": node.sizes["q"].base}
    return emit("take_bwd", dy, node.inputs[1], ranks=ranks, axes=axes)[0], ZERO


def take_along_axis(x: Number, indices: Number, axis: int = -1) -> Tensor:
    """Return the numbers at places along an axis that are others for each place of the other axes.

    Args:
        x: any shape.
        indices: the same shape but along ``axis``; see ``take``.
        axis: along which; not that of the rows.
    """
    tensor, places = as_tensors("take_along_axis", x, indices)
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


def split(x: Number, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return the parts of ``x`` along an axis.

    Args:
        x: any shape.
        indices_or_sections: how many parts of one size, or where the second and later ones begin.
        axis: along which; not that of the rows.

    Raises:
        ShapeError: if there are no such parts of one size.
    """
    tensor = _one("split", x)
    at = axis_along("split", tensor, axis)
    size = tensor.shape[at] or 0
    if not isinstance(indices_or_sections, Sequence):
        parts = count("split", "indices_or_sections", indices_or_sections, 1)
        if size % parts:
            raise ShapeError(f"split: axis {at} of size {size} has no {parts} parts of one size")
    pieces = np.split(np.arange(size), indices_or_sections)
    return [picked(tensor, at, piece) for piece in pieces]


def unstack(x: Number, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """Return the places of ``x`` along an axis, which they are without.

    Args:
        x: any shape.
        num: how many there are; ``None`` is as many as there are.
        axis: along which; not that of the rows.

    Raises:
        ShapeError: if there are not ``num``.
    """
    tensor = _one("unstack", x)
    at = axis_along("unstack", tensor, axis)
    if num is not None and num != tensor.shape[at]:
        raise ShapeError(f"unstack: axis {at} of {format_shape(tensor.shape)} has not {num} places")
    return [squeeze(place, at) for place in _places(tensor, at)]


def _places(x: Tensor, at: int) -> list[Tensor]:
    """Return the places along an axis by halves: each number is moved as often as their count can
    be halved, on the way back, too."""
    size = x.shape[at] or 0
    if size <= 1:
        return [x] * size
    return [place for half in split(x, [size // 2], at) for place in _places(half, at)]


def flip(x: Number, axis: int) -> Tensor:
    """Return ``x`` from the last to the first along an axis; not that of the rows."""
    tensor = _one("flip", x)
    at = axis_along("flip", tensor, axis)
    return picked(tensor, at, np.arange(tensor.shape[at] or 0)[::-1])


def roll(x: Number, shift: int, axis: int) -> Tensor:
    """Return ``x`` moved along an axis, what leaves at the end coming in at the begin."""
    tensor = _one("roll", x)
    at = axis_along("roll", tensor, axis)
    return picked(tensor, at, np.roll(np.arange(tensor.shape[at] or 0), shift))


def repeat(x: Number, repeats: int, axis: int) -> Tensor:
    """Return ``x`` with each place of an axis several times; not that of the rows."""
    tensor = _one("repeat", x)
    at = axis_along("repeat", tensor, axis)
    times = count("repeat", "repeats", repeats)
    return picked(tensor, at, np.repeat(np.arange(tensor.shape[at] or 0), times))


def tile(x: Number, repeats: Sequence[int]) -> Tensor:
    """Return ``x`` several times after itself along its last axes.

    Args:
        x: any shape.
        repeats: how often, for the last axes; 1 for that of the rows.
    """
    tensor = _one("tile", x)
    first = len(tensor.shape) - len(repeats)
    if first < 0:
        raise ValueError(f"tile: {len(repeats)} repeats for {format_shape(tensor.shape)}")
    for axis, times in enumerate(repeats, first):
        if times != 1:
            at = axis_along("tile", tensor, axis)
            tensor = picked(tensor, at, np.tile(np.arange(tensor.shape[at] or 0), times))
    return tensor


def stack(x: Sequence[Number], axis: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new axis; not before that of the rows."""
    if not isinstance(x, Sequence) or not len(x):
        raise ValueError("stack: expected a list of tensors, stack([a, b], axis=-1)")
    return concatenate([expand_dims(each, axis) for each in as_tensors("stack", *x)], axis)


def one_hot(x: Number, num_classes: int, axis: int = -1) -> Tensor:
    """Return 1 at the place that each number names and 0 at the others.

    Args:
        x: whole numbers; one that is no class has zeros alone.
        num_classes: how many places there are.
        axis: where the new axis is in the result.
    """
    tensor = _one("one_hot", x)
    none_below = where(
        less(tensor, 0.0), float(num_classes), tensor
    )  # put_along counts from the end
    places = expand_dims(none_below, axis)
    at = one_axis("one_hot", axis, len(places.shape))
    axes = {"q": count("one_hot", "num_classes", num_classes, 1)}
    return emit("put_along", ones_like(places), places, ranks={"p": at}, axes=axes)[0]


# ---- order ---------------------------------------------------------------------------------------


def _sorted(name: str, x: Number, axis: int, descending: int) -> tuple[Tensor, Tensor]:
    tensor = _one(name, x)
    at = axis_along(name, tensor, axis)
    last = moveaxis(tensor, at, -1)
    values, places = emit("sort", last, descending=descending)
    return moveaxis(values, -1, at), moveaxis(places, -1, at)


@gradient_of("sort")
def _sort(node: Node, wanted: tuple[bool, ...], dy: Tensor | None, di: None) -> Gradients:
    if dy is None:
        return (ZERO,)
    places = node.outputs[1]
    ranks = {"p": len(dy.shape) - 1, "s": 0}
    return emit("put_along", dy, places, ranks=ranks, axes={"q": node.sizes["q"].base})


def sort(x: Number, axis: int = -1) -> Tensor:
    """Return the numbers in rising order along an axis, NaN last; not that of the rows."""
    return _sorted("sort", x, axis, 0)[0]


def argsort(x: Number, axis: int = -1) -> Tensor:
    """Return where each number of ``sort`` was; ties stay in order.  It has no gradient."""
    return _sorted("argsort", x, axis, 0)[1]


def top_k(x: Number, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """Return the largest numbers along the last axis, in falling order, and where they are.

    Args:
        x: any shape.
        k: how many.
        sorted: accepted; they are in order in any case.
    """
    values, places = _sorted("top_k", x, -1, 1)
    size = values.shape[-1] or 0
    if count("top_k", "k", k, 1) > size:
        raise ShapeError(f"top_k: k={k} of {size} numbers")
    first, axis = np.arange(k), len(values.shape) - 1
    return picked(values, axis, first), picked(places, axis, first)
