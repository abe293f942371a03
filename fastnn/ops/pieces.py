"""Tensors taken apart and put together along axes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._checks import count
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along, reduced_axes
from fastnn.ops._emit import Number, as_tensors, reshaped
from fastnn.ops.broadcasting import broadcast_to
from fastnn.ops.choosing import where
from fastnn.ops.merging import concatenate
from fastnn.ops.pooling import channels_last
from fastnn.ops.shaping import expand_dims, permuted, ravel, squeeze, swapaxes
from fastnn.ops.windows import padded, picked, strided

__all__ = [
    "append",
    "array_split",
    "depth_to_space",
    "dsplit",
    "dstack",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "meshgrid",
    "repeat",
    "roll",
    "rot90",
    "select",
    "slice",
    "slice_update",
    "space_to_depth",
    "split",
    "stack",
    "tile",
    "unstack",
    "vsplit",
    "vstack",
]


def _one(name: str, x: Number) -> Tensor:
    (tensor,) = as_tensors(name, x)
    return tensor


# ---- put together --------------------------------------------------------------------------------


def stack(x: Sequence[Number], axis: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new axis; not before that of the rows."""
    tensors = as_tensors("stack", *_listed("stack", x))
    return concatenate([expand_dims(each, axis) for each in tensors], axis)


def _listed(name: str, xs: Sequence[Number]) -> Sequence[Number]:
    if not isinstance(xs, Sequence | np.ndarray) or not len(xs):
        raise ValueError(f"{name}: expected a list of tensors, {name}([a, b])")
    return xs


def append(x1: Number, x2: Number, axis: int | None = None) -> Tensor:
    """Return two tensors side by side.

    Args:
        x1: any shape.
        x2: the same shape but along ``axis``.
        axis: along which; ``None`` takes all numbers of both as vectors, not of a batch.
    """
    pair = as_tensors("append", x1, x2)
    return concatenate(pair, axis) if axis is not None else concatenate([ravel(x) for x in pair])


def _grown(x: Tensor, rank: int) -> Tensor:
    """Return ``x`` with as many axes at least: the first two in front, the third behind."""
    front = (1,) * max(min(rank, 2) - len(x.shape), 0)
    back = (1,) * (rank - 2 if len(x.shape) < rank else 0)
    return reshaped(x, (*front, *x.shape, *back))


def hstack(xs: Sequence[Number]) -> Tensor:
    """Return tensors side by side along the second axis, vectors along their only one."""
    tensors = [_grown(x, 1) for x in as_tensors("hstack", *_listed("hstack", xs))]
    return concatenate(tensors, min(1, len(tensors[0].shape) - 1))


def vstack(xs: Sequence[Number]) -> Tensor:
    """Return tensors below each other, vectors as rows; not of a batch."""
    return concatenate([_grown(x, 2) for x in as_tensors("vstack", *_listed("vstack", xs))], 0)


def dstack(xs: Sequence[Number]) -> Tensor:
    """Return tensors side by side along the third axis, which those of fewer get."""
    return concatenate([_grown(x, 3) for x in as_tensors("dstack", *_listed("dstack", xs))], 2)


def meshgrid(*x: Number, indexing: str = "xy") -> list[Tensor]:
    """Return vectors as the coordinates of a grid: each repeated along the axes of the others.

    Args:
        x: vectors, or numbers.
        indexing: ``"xy"``: the first vector runs along the second axis, the second along the
            first; ``"ij"``: each along its own.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r:.40}")
    vectors = [ravel(each) for each in as_tensors("meshgrid", *x)]
    order = list(range(len(vectors)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    sizes = tuple(vectors[i].shape[0] for i in order)
    alone = [
        reshaped(v, tuple(sizes[j] if order[j] == i else 1 for j in range(len(sizes))))
        for i, v in enumerate(vectors)
    ]
    return [broadcast_to(each, sizes) for each in alone]


# ---- taken apart ---------------------------------------------------------------------------------


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
    return _parts(tensor, at, np.split(np.arange(size), indices_or_sections))


def _parts(x: Tensor, at: int, places: Sequence[np.ndarray]) -> list[Tensor]:
    return [picked(x, at, each) for each in places]


def array_split(x: Number, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return the parts of ``x`` along an axis, the first of them larger by one if need be."""
    tensor = _one("array_split", x)
    at = axis_along("array_split", tensor, axis)
    return _parts(tensor, at, np.array_split(np.arange(tensor.shape[at] or 0), indices_or_sections))


def hsplit(x: Number, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of ``x`` along its second axis, of a vector along its only one."""
    tensor = _one("hsplit", x)
    return split(tensor, indices_or_sections, min(1, len(tensor.shape) - 1))


def vsplit(x: Number, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of ``x`` along its first axis; not of a batch."""
    return split(x, indices_or_sections, 0)


def dsplit(x: Number, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of ``x`` along its third axis."""
    return split(x, indices_or_sections, 2)


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


def slice(inputs: Number, start_indices: Sequence[int], shape: Sequence[int | None]) -> Tensor:
    """Return a block of ``inputs``.

    Args:
        inputs: any shape.
        start_indices: where it begins along each axis.
        shape: its sizes; -1 or ``None`` is all from there on, as it is of the rows.

    Raises:
        ShapeError: if there is no such block.
    """
    tensor = _one("slice", inputs)
    for at, (begin, size) in enumerate(_block("slice", tensor.shape, start_indices, shape)):
        if size is not None:
            tensor = strided(tensor, at, begin, size)
    return tensor


def _block(
    name: str, shape: Shape, start: Sequence[int], sizes: Sequence[int | None]
) -> list[tuple[int, int | None]]:
    """Return where a block begins and its size, for each axis; ``None`` of all rows."""
    known = len(start) == len(sizes) == len(shape)
    pairs = [
        (begin, (None if n is None else n - begin) if size in (None, -1) else size)
        for begin, size, n in zip(map(operator.index, start), sizes, shape, strict=False)
    ]
    fits = known and all(
        (begin, size) == (0, None) if n is None else 0 <= begin <= begin + (size or 0) <= n
        for (begin, size), n in zip(pairs, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{name}: {format_shape(shape)} has no block of {tuple(sizes)!s:.60} at "
            f"{tuple(start)!s:.60}"
        )
    return pairs


def slice_update(inputs: Number, start_indices: Sequence[int], updates: Number) -> Tensor:
    """Return ``inputs`` with a block of it replaced.

    Args:
        inputs: any shape.
        start_indices: where the block begins along each axis; 0 along that of the rows.
        updates: the block.
    """
    tensor, new = as_tensors("slice_update", inputs, updates)
    block = _block("slice_update", tensor.shape, start_indices, new.shape)
    sides = [
        (0, 0) if n is None or size is None else (begin, n - begin - size)
        for (begin, size), n in zip(block, tensor.shape, strict=True)
    ]
    inside = np.zeros([1 if n is None else n for n in tensor.shape])
    inside[tuple(np.s_[b : None if s is None else b + s] for b, s in block)] = 1
    return where(inside, padded(new, sides, 0.0), tensor)


def select(condlist: Sequence[Number], choicelist: Sequence[Number], default: Number = 0) -> Tensor:
    """Return at each place the choice of the first condition that is not 0 there.

    Args:
        condlist: the conditions.
        choicelist: as many choices, of shapes that go together.
        default: what is there where no condition holds.
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    y = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        y = where(condition, choice, y)
    return as_tensors("select", y)[0]


# ---- other places --------------------------------------------------------------------------------


def flip(x: Number, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return ``x`` from the last to the first along some axes.

    Args:
        x: any shape.
        axis: one or several, not that of the rows; ``None`` is all of what is no batch.
    """
    tensor = _one("flip", x)
    for at in reduced_axes("flip", tensor.shape, axis):
        size = tensor.shape[at] or 0
        tensor = strided(tensor, at, size - 1, size, -1) if size > 1 else tensor
    return tensor


def fliplr(x: Number) -> Tensor:
    """Return ``x`` from right to left: from the last to the first along the second axis."""
    return flip(x, 1)


def flipud(x: Number) -> Tensor:
    """Return ``x`` upside down: from the last to the first along the first axis; not of a batch."""
    return flip(x, 0)


def rot90(array: Number, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Return ``array`` turned by 90 degrees, from the first axis towards the second.

    Args:
        array: any shape.
        k: how often.
        axes: two axes, not that of the rows: ``(1, 2)`` are those of images.
    """
    tensor = _one("rot90", array)
    first, second = (axis_along("rot90", tensor, axis) for axis in axes)
    if first == second:
        raise ValueError(f"rot90: axes must be two, got {axes}")
    turns = operator.index(k) % 4
    if turns == 2:
        return flip(tensor, (first, second))
    if turns == 1:
        return swapaxes(flip(tensor, second), first, second)
    return flip(swapaxes(tensor, first, second), second) if turns else tensor


def roll(x: Number, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Return ``x`` moved along axes, what leaves at the end coming in at the begin.

    Args:
        x: any shape.
        shift: how far; one for each axis, or for all.
        axis: one or several, not that of the rows; ``None`` goes through all numbers, not of a
            batch.
    """
    tensor = _one("roll", x)
    if axis is None:
        return reshaped(roll(ravel(tensor), shift, 0), tensor.shape)
    axes = axis if isinstance(axis, Sequence) else [axis]
    shifts = shift if isinstance(shift, Sequence) else [shift] * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for far, each in zip(shifts, axes, strict=True):
        at = axis_along("roll", tensor, each)
        size = tensor.shape[at] or 0
        begin = -operator.index(far) % max(size, 1)
        if begin:
            ends = (strided(tensor, at, begin, size - begin), strided(tensor, at, 0, begin))
            tensor = concatenate(ends, at)
    return tensor


def repeat(x: Number, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Return ``x`` with each place of an axis several times.

    Args:
        x: any shape.
        repeats: how often; one for each place, or for all.
        axis: along which, not that of the rows; ``None`` goes through all numbers, not of a batch.
    """
    tensor = _one("repeat", x)
    if axis is None:
        return repeat(ravel(tensor), repeats, 0)
    at = axis_along("repeat", tensor, axis)
    each = repeats if isinstance(repeats, Sequence) else [repeats]
    times = [count("repeat", "repeats", n) for n in each]
    size = tensor.shape[at] or 0
    if len(times) not in (1, size):
        raise ShapeError(f"repeat: {len(times)} repeats for {size} places of axis {at}")
    return picked(tensor, at, np.repeat(np.arange(size), times))


def tile(x: Number, repeats: int | Sequence[int]) -> Tensor:
    """Return ``x`` several times after itself along its last axes.

    Args:
        x: any shape.
        repeats: how often, for the last axes, or for new ones in front; 1 for that of the rows.
    """
    tensor = _one("tile", x)
    times = [count("tile", "repeats", n) for n in np.atleast_1d(repeats)]
    new = len(times) - len(tensor.shape)
    if new > 0:
        tensor = expand_dims(tensor, tuple(range(new)))
    for axis, n in enumerate(times, len(tensor.shape) - len(times)):
        if n != 1:
            at = axis_along("tile", tensor, axis)
            tensor = picked(tensor, at, np.tile(np.arange(tensor.shape[at] or 0), n))
    return tensor


def space_to_depth(x: Number, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Return blocks of pixels as one pixel of more channels.

    Args:
        x: (rows, height, width, channels), of sides that are multiples of ``block_size``.
        block_size: the side of a block.
        data_format: ``"channels_last"`` or ``None``, which is the same.

    Returns:
        (rows, height / block_size, width / block_size, block_size^2 channels).
    """
    tensor, n = _images("space_to_depth", x, block_size, data_format)
    rows, height, width, channels = tensor.shape
    if (height or 0) % n or (width or 0) % n:
        raise ShapeError(f"space_to_depth: {height}x{width} pixels are no blocks of {n}x{n}")
    tall, broad = (height or 0) // n, (width or 0) // n
    blocks = reshaped(tensor, (rows, tall, n, broad, n, channels))
    order = permuted("space_to_depth", blocks, (0, 1, 3, 2, 4, 5))
    return reshaped(order, (rows, tall, broad, n * n * (channels or 0)))


def depth_to_space(x: Number, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Return pixels as blocks of pixels of fewer channels: what undoes ``space_to_depth``."""
    tensor, n = _images("depth_to_space", x, block_size, data_format)
    rows, height, width, channels = tensor.shape
    if (channels or 0) % (n * n):
        raise ShapeError(f"depth_to_space: {channels} channels are no blocks of {n}x{n} pixels")
    few = (channels or 0) // (n * n)
    blocks = reshaped(tensor, (rows, height, width, n, n, few))
    order = permuted("depth_to_space", blocks, (0, 1, 3, 2, 4, 5))
    return reshaped(order, (rows, (height or 0) * n, (width or 0) * n, few))


def _images(name: str, x: Number, block_size: int, data_format: Any) -> tuple[Tensor, int]:
    channels_last(name, data_format)
    tensor = _one(name, x)
    if len(tensor.shape) != 4:
        raise ShapeError(
            f"{name}: expected (rows, height, width, channels), got {format_shape(tensor.shape)}"
        )
    return tensor, count(name, "block_size", block_size, 1)
