"""Numbers in other shapes, at other places, and of sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn._typing import Array
from fastnn.errors import UnsupportedError
from fastnn.onnx.operators.reductions import left
from fastnn.onnx.reader import ROWS, Held, OpNode, Reader, last_axes, operator

# ---- shapes --------------------------------------------------------------------------------------


@operator("Reshape")
def _reshape(r: Reader, node: OpNode) -> Held:
    x, target = node.some(0), node.ints("shape", 1) or []
    if not node.attrs.get("allowzero", 0):
        target = [x.shape[i] if n == 0 and i < x.rank else n for i, n in enumerate(target)]
    if x.is_known:
        return r.array(x.data.reshape(target), x.type)
    return _reshaped(r, x, target)


def _reshaped(r: Reader, x: Held, target: Sequence[int]) -> Held:
    """Return a symbol in another shape, in which the axis of the rows stays as it is."""
    shape, rows = x.shape, x.axes[0]
    sizes = _resolved(shape, target)
    place = sizes.index(ROWS) if sizes.count(ROWS) == 1 else -1
    sides = (shape[:rows], sizes[:place]), (shape[rows + 1 :], sizes[place + 1 :])
    if place < 0 or any(math.prod(old) != math.prod(new) for old, new in sides):
        shown = ["rows" if n == ROWS else n for n in target]
        raise UnsupportedError(f"its shape {shown} does not leave the rows as they are"[:200])
    data = r.data(x, _rows_first(rows, x.rank))
    rest = [n for n in sizes if n != ROWS]
    axes = _rows_first(place, len(sizes))
    if rest == list(data.shape[1:]):
        return r.made(data, axes, x.type)
    if len(rest) == 1:
        return r.made(layers.Flatten()(data), axes, x.type)
    return r.made(layers.Reshape(rest)(data) if rest else ops.reshape(data, (-1,)), axes, x.type)


def _rows_first(rows: int, rank: int) -> tuple[int, ...]:
    return (rows, *(axis for axis in range(rank) if axis != rows))


def _resolved(shape: Sequence[int], target: Sequence[int]) -> list[int]:
    """Return the sizes that are meant; a number of rows that the file has counts as any."""
    sizes = list(target)
    if sizes and sizes[0] > 0 and ROWS not in sizes and shape[0] == ROWS:
        sizes[0] = ROWS
    if sizes.count(-1) == 1:
        known = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = math.prod(shape) // known if known else 0
    return sizes


@operator("Flatten")
def _flatten(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    axis = int(node.attrs.get("axis", 1))
    axis += x.rank if axis < 0 else 0
    shape = x.shape
    if x.is_known:
        target = math.prod(shape[:axis]), math.prod(shape[axis:])
        return r.array(x.data.reshape(target), x.type)
    return _reshaped(r, x, [math.prod(shape[:axis]), math.prod(shape[axis:])])


@operator("Transpose")
def _transpose(r: Reader, node: OpNode) -> Held:
    """Nothing moves: the axes have other numbers."""
    x = node.some(0)
    order = [int(n) for n in node.attrs.get("perm", reversed(x.plain))]
    if x.is_known:
        return r.array(x.data.transpose(order), x.type)
    return Held(x.data, tuple(order.index(axis) for axis in x.axes), x.type)


@operator("Squeeze")
def _squeeze(r: Reader, node: OpNode) -> Held:
    x, axes = node.some(0), node.ints("axes", 1)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axes is None else axes
    gone = [axis % x.rank for axis in gone]
    if x.is_known:
        return r.array(np.squeeze(x.data, tuple(gone)), x.type)
    data = ops.squeeze(x.data, [x.place(axis) for axis in gone]) if gone else x.data
    return r.made(data, left(x.axes, gone), x.type)


@operator("Unsqueeze")
def _unsqueeze(r: Reader, node: OpNode) -> Held:
    x, axes = node.some(0), node.ints("axes", 1) or []
    rank = x.rank + len(axes)
    new = sorted(axis % rank for axis in axes)
    if x.is_known:
        return r.array(np.expand_dims(x.data, new), x.type)
    kept = [axis for axis in range(rank) if axis not in new]
    axes = [kept[axis] for axis in x.axes]
    data = ops.expand_dims(x.data, list(range(x.rank, rank)))
    return r.made(data, (*axes, *new), x.type)


@operator("Expand")
def _expand(r: Reader, node: OpNode) -> Held:
    x, target = node.some(0), node.ints("shape", 1) or []
    if x.is_known and ROWS not in target:
        shape = np.broadcast_shapes(x.data.shape, tuple(target))
        r.check_room(shape)
        return r.array(np.broadcast_to(x.data, shape), x.type)
    if x.is_known:
        return r.spread(x, target)
    sizes = [1 if n == ROWS else n for n in target]
    r.check_room(sizes)
    (data, repeated), axes = r.together(x, r.array(np.ones(sizes, np.float32)))
    return r.made(ops.multiply(data, repeated), axes, x.type)


@operator("Tile")
def _tile(r: Reader, node: OpNode) -> Held:
    x, repeats = node.some(0), node.ints("repeats", 1) or []
    r.check_room([1 if n == ROWS else n * times for n, times in zip(x.shape, repeats, strict=True)])
    if x.is_known:
        return r.array(np.tile(x.data, repeats), x.type)
    return r.like(x, ops.tile(x.data, [repeats[axis] for axis in x.axes]))


@operator("Shape")
def _shape(r: Reader, node: OpNode) -> Held:
    sizes = node.some(0).shape
    start, end = int(node.attrs.get("start", 0)), node.attrs.get("end")
    return r.array(np.array(sizes[start : None if end is None else int(end)], np.int64))


@operator("Size")
def _size(r: Reader, node: OpNode) -> Held:
    return r.array(np.array(math.prod(node.some(0).shape), np.int64))


# ---- several -------------------------------------------------------------------------------------


@operator("Concat")
def _concat(r: Reader, node: OpNode) -> Held:
    every = [held for held in node.inputs if held is not None]
    lead = next((held for held in every if not held.is_known), every[0])
    axis = int(node.attrs["axis"]) % lead.rank
    if all(held.is_known for held in every):
        return r.array(np.concatenate([held.data for held in every], axis), lead.type)
    every = [_beside(r, held, lead) for held in every]
    data = [r.data(held, lead.axes) for held in every]
    place = lead.place(axis)
    joined = data[0] if len(data) == 1 else layers.Concatenate(place)(data)
    return r.made(joined, lead.axes, lead.type)


def _beside(r: Reader, held: Held, lead: Held) -> Held:
    """Return what can be put beside a symbol: what is known is repeated for each row."""
    if not held.is_known:
        return held
    shape, rows = list(held.shape), lead.axes[0]
    if shape[rows] != 1:
        raise UnsupportedError("it puts known rows beside those of the inputs")
    shape[rows] = ROWS
    return r.spread(held, shape)


@operator("Split")
def _split(r: Reader, node: OpNode) -> Sequence[Held]:
    x, sizes = node.some(0), node.ints("split", 1)
    axis = int(node.attrs.get("axis", 0)) % x.rank
    if sizes is None:
        count = int(node.attrs.get("num_outputs", len(node.outputs)))
        each = -(-x.shape[axis] // count)
        sizes = [min(each, x.shape[axis] - i * each) for i in range(count)]
    ends = np.cumsum(sizes).tolist()
    if ends[-1] != x.shape[axis] or min(sizes) < 0:
        raise UnsupportedError(f"its parts {sizes} are not those of {x.shape[axis]}"[:200])
    return [_sliced(r, x, {axis: slice(end - n, end)}) for n, end in zip(sizes, ends, strict=True)]


def _sliced(r: Reader, x: Held, parts: dict[int, slice]) -> Held:
    """Return parts of some axes."""
    key = tuple(parts.get(axis, slice(None)) for axis in x.axes)
    if x.is_known:
        return r.array(x.data[key], x.type)
    return replace(r.like(x, x.data[key]), is_zero=x.is_zero)


@operator("Slice")
def _slice(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    starts, ends = node.ints("starts", 1) or [], node.ints("ends", 2) or []
    axes = node.ints("axes", 3) or list(range(len(starts)))
    steps = node.ints("steps", 4) or [1] * len(starts)
    parts = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = x.shape[axis % x.rank]
        if size == ROWS:
            if step == 1 and start in (0, -ROWS) and end >= ROWS:
                continue
            raise UnsupportedError("it takes a part of the rows")
        parts[axis % x.rank] = _part(start, end, step, size)
    return _sliced(r, x, parts)


def _part(start: int, end: int, step: int, size: int) -> slice:
    """Return the places that ONNX means; -1 is one before the first where steps go back."""
    first = min(max(start + size if start < 0 else start, 0), size - (step < 0))
    last = end + size if end < 0 else end
    if step > 0:
        return slice(first, min(max(last, 0), size), step)
    return slice(first, None if last < 0 else min(last, size - 1), step)


@operator("Gather")
def _gather(r: Reader, node: OpNode) -> Held:
    x, places = node.some(0), node.some(1)
    axis = int(node.attrs.get("axis", 0)) % x.rank
    if not places.is_known:
        return _looked_up(r, node, x, places, axis)
    if x.is_known:
        return r.array(np.take(x.data, places.data.astype(np.int64), axis), x.type)
    if places.rank == 0:
        data = ops.take(x.data, int(places.data), x.place(axis))
        return r.made(data, left(x.axes, [axis]), x.type)
    data = ops.take(r.data(x), places.data.tolist(), axis)
    return r.made(data, range(x.rank + places.rank - 1), x.type)


def _looked_up(r: Reader, node: OpNode, x: Held, places: Held, axis: int) -> Held:
    """Return what ids, known for each row alone, name in a table."""
    ids = r.data(places)
    if x.is_known and x.rank == 2 and axis == 0 and r.is_real(x):
        table = x.data
        y = r.layer(
            layers.Embedding, node, [table], ids, input_dim=len(table), output_dim=table.shape[1]
        )
        return r.made(y, range(places.rank + 1), x.type)
    if x.is_known and axis == 0:
        return r.made(ops.take(r.numbers(x.data), ids, 0), range(places.rank + x.rank - 1), x.type)
    raise UnsupportedError("it takes places that differ from row to row")


@operator("GatherElements")
def _gather_elements(r: Reader, node: OpNode) -> Held:
    (x, places), axes = r.together(node.some(0), node.some(1))
    axis = int(node.attrs.get("axis", 0)) % len(axes)
    return r.made(ops.take_along_axis(x, places, axes.index(axis)), axes, node.some(0).type)


@operator("Pad")
def _pad(r: Reader, node: OpNode) -> Held:
    x, pads, value = node.some(0), node.ints("pads", 1) or [], node.known(2)
    named = node.ints("axes", 3)
    axes = list(x.plain) if named is None else [axis % x.rank for axis in named]
    pairs = {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    cropped = {
        a: slice(max(0, -b), x.shape[a] - max(0, -e))
        for a, (b, e) in pairs.items()
        if min(b, e) < 0
    }
    x = _sliced(r, x, cropped) if cropped else x
    known = [tuple(max(0, n) for n in pairs.get(axis, (0, 0))) for axis in x.axes]
    fill = node.attrs.get("value", 0.0) if value is None or not value.size else value.reshape(-1)[0]
    return r.like(
        x, padded(r, r.numbers(x.data), known, str(node.attrs.get("mode", "constant")), float(fill))
    )


def padded(
    r: Reader, data: Any, pairs: Sequence[Sequence[int]], mode: str = "constant", value: float = 0.0
) -> Any:
    """Return data with places before and after those of its axes."""
    sizes = (1 if n is None else n + sum(pair) for n, pair in zip(data.shape, pairs, strict=True))
    r.check_room(list(sizes))
    if not any(map(any, pairs)):
        return data
    if mode == "constant":
        return ops.pad(data, pairs, "constant", value)
    if mode == "reflect":
        return ops.pad(data, pairs, "reflect")
    if mode not in ("edge", "wrap"):
        raise UnsupportedError(f"its mode {mode!r:.20} is not known")
    for axis, pair in enumerate(pairs):
        if any(pair):
            places = np.pad(np.arange(data.shape[axis]), pair, mode).tolist()  # type: ignore[call-overload]
            data = ops.take(data, places, axis)
    return data


@operator("Trilu")
def _trilu(r: Reader, node: OpNode) -> Held:
    x, known = node.some(0), node.known(1)
    k = 0 if known is None else int(known.reshape(-1)[0])
    function = ops.triu if node.attrs.get("upper", 1) else ops.tril
    return r.made(function(r.data(x), k), x.plain, x.type)


@operator("OneHot")
def _one_hot(r: Reader, node: OpNode) -> Held:
    places, depth, ends = node.some(0), node.known(1), node.known(2)
    assert depth is not None
    assert ends is not None
    count = int(depth.reshape(-1)[0])
    r.check_room([*(1 if n == ROWS else n for n in places.shape), count])
    ids = r.data(places)
    ids = ops.where(ops.less(ids, 0.0), ops.add(ids, float(count)), ids)
    axis = int(node.attrs.get("axis", -1)) % (places.rank + 1)
    off, on = (float(n) for n in ends.reshape(-1))
    hot = ops.one_hot(ids, count, axis=axis)
    kind = node.some(2).type
    return r.made(ops.add(ops.multiply(hot, on - off), off), range(places.rank + 1), kind)


# ---- constants -----------------------------------------------------------------------------------


@operator("Constant")
def _constant(r: Reader, node: OpNode) -> Held:
    (name, value), *_ = node.attrs.items()
    if name == "value":
        held: Held = value
        return held
    if name in ("value_float", "value_floats"):
        return r.array(np.array(value, np.float32))
    if name in ("value_int", "value_ints"):
        return r.array(np.array(value, np.int64))
    raise UnsupportedError("it holds texts, or is sparse")


@operator("ConstantOfShape")
def _constant_of_shape(r: Reader, node: OpNode) -> Held:
    shape, value = node.ints("shape", 0) or [], node.attrs.get("value")
    number = np.zeros((), np.float32) if value is None else value.data.reshape(-1)[0]
    if ROWS in shape:
        return r.spread(r.array(number), shape)
    r.check_room(shape)
    return r.array(np.full(shape, number))


@operator("Range")
def _range(r: Reader, node: OpNode) -> Held:
    known = [node.known(i) for i in range(3)]
    start, end, step = (array.reshape(-1)[0] for array in known if array is not None)
    if not step:
        raise UnsupportedError("its step is 0")
    r.check_room([max(0, int(np.ceil((float(end) - float(start)) / float(step))))])
    return r.array(np.arange(start, end, step), node.some(0).type)


@operator("EyeLike")
def _eye(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    rows, columns = x.shape
    if ROWS in x.shape:
        raise UnsupportedError("it depends on the number of rows")
    r.check_room(x.shape)
    return r.made(
        np.eye(rows, columns, int(node.attrs.get("k", 0))),
        (0, 1),
        int(node.attrs.get("dtype", x.type)),
    )


# ---- images --------------------------------------------------------------------------------------


@operator("DepthToSpace", "SpaceToDepth")
def _blocks(r: Reader, node: OpNode) -> Held:
    x, size = node.some(0), int(node.attrs["blocksize"])
    data, last = r.last(x), node.attrs.get("mode", "DCR") == "CRD"
    if node.kind == "SpaceToDepth":
        y = ops.space_to_depth(data, size)
        y = _exchanged(y, size**2, -1) if last else y
    else:
        data = _exchanged(data, -1, size**2) if last else data
        y = ops.depth_to_space(data, size)
    return r.made(y, last_axes(4), x.type)


def _exchanged(data: Any, outer: int, inner: int) -> Any:
    """Return images whose channels, outer times inner ones, are inner times outer ones."""
    rows, height, width, channels = (-1 if n is None else n for n in data.shape)
    blocks = max(outer, inner)
    sizes = [channels // blocks if n < 0 else n for n in (outer, inner)]
    parts = ops.transpose(ops.reshape(data, (rows, height, width, *sizes)), (0, 1, 2, 4, 3))
    return ops.reshape(parts, (rows, height, width, channels))


# ---- other sizes ---------------------------------------------------------------------------------

_Place = Callable[[Array, int, float], Array]

#: Where in the old axis of a size the places of the new one lie, so many times as long.
_PLACES: dict[str, _Place] = {
    "half_pixel": lambda i, old, scale: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, old, scale: (i + 0.5) / scale - 0.5 if len(i) > 1 else 0 * i,
    "asymmetric": lambda i, old, scale: i / scale,
    "align_corners": lambda i, old, scale: (
        i * (old - 1) / (old * scale - 1) if len(i) > 1 else 0 * i
    ),
    "half_pixel_symmetric": lambda i, old, scale: (
        old / 2 * (1 - len(i) / (scale * old)) + (i + 0.5) / scale - 0.5
    ),
}

_ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


@operator("Resize", "Upsample")
def _resize(r: Reader, node: OpNode) -> Held:
    x, data = node.some(0), r.numbers(node.some(0).data)
    sizes, scales = _new_sizes(r, node, x)
    old_place = "asymmetric" if node.kind == "Upsample" or node.version < 11 else "half_pixel"
    place = str(node.attrs.get("coordinate_transformation_mode", old_place))
    if place not in _PLACES or node.attrs.get("antialias", 0):
        raise UnsupportedError(f"its places are {place!r:.40}, or it has antialias")
    for at, axis in enumerate(x.axes):
        old, new, scale = x.shape[axis], sizes[axis], scales[axis]
        if (old, scale) != (new, 1):
            where = _PLACES[place](np.arange(new, dtype=np.float64), old, scale)
            data = _resampled(node, data, at, where, old)
    return r.made(data, x.axes, x.type)


def _new_sizes(r: Reader, node: OpNode, x: Held) -> tuple[list[int], list[float]]:
    """Return the sizes of the axes, and by how much each is larger."""
    first = 1 if node.kind == "Upsample" or node.version < 11 else 2
    axes = [axis % x.rank for axis in node.attrs.get("axes", x.plain)]
    old, sizes, scales = x.shape, list(x.shape), [1.0] * x.rank
    given, wanted = node.known(first), node.known(3)
    given = np.asarray(node.attrs["scales"]) if "scales" in node.attrs else given
    if wanted is not None and wanted.size:
        for axis, size in zip(axes, wanted, strict=True):
            sizes[axis], scales[axis] = int(size), int(size) / old[axis]
        _keep_proportions(node, axes, old, sizes, scales)
    elif given is not None:
        for axis, scale in zip(axes, given, strict=True):
            scales[axis] = float(scale)
            sizes[axis] = old[axis] if scale == 1 else math.floor(old[axis] * float(scale))
    if any(a == ROWS and a != b for a, b in zip(old, sizes, strict=True)):
        raise UnsupportedError("it changes the number of rows")
    r.check_room([1 if n == ROWS else n for n in sizes])
    return sizes, scales


def _keep_proportions(
    node: OpNode, axes: Sequence[int], old: Sequence[int], sizes: list[int], scales: list[float]
) -> None:
    """Let all axes be as much larger as one of them, if the node wants that."""
    policy = node.attrs.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return
    scale = (min if policy == "not_larger" else max)(scales[axis] for axis in axes)
    for axis in axes:
        scales[axis], sizes[axis] = scale, math.floor(scale * old[axis] + 0.5)


def _resampled(node: OpNode, data: Any, at: int, where: Array, old: int) -> Any:
    """Return numbers at other places of an axis."""
    mode = str(node.attrs.get("mode", "nearest"))
    if mode == "nearest":
        usual = "floor" if node.version < 11 or node.kind == "Upsample" else "round_prefer_floor"
        places = _ROUNDINGS[str(node.attrs.get("nearest_mode", usual))](where)
        return ops.take(data, np.clip(places, 0, old - 1).astype(int).tolist(), at)
    low = np.floor(where)
    weights = _weights(node, mode, where - low)
    taps = np.stack([low + k for k in weights])
    shares = np.stack(list(weights.values()))
    if node.attrs.get("exclude_outside", 0):
        shares = np.where((taps < 0) | (taps >= old), 0, shares)
        shares = shares / shares.sum(0)
    parts = [
        ops.multiply(
            ops.take(data, np.clip(tap, 0, old - 1).astype(int).tolist(), at),
            share.reshape(-1, *[1] * (len(data.shape) - at - 1)),
        )
        for tap, share in zip(taps, shares, strict=True)
    ]
    return functools.reduce(ops.add, parts)


def _weights(node: OpNode, mode: str, t: Array) -> dict[int, Array]:
    """Return what each neighbour counts, by its distance from the one before a place.

    Cubic: Keys, "Cubic convolution interpolation for digital image processing", 1981.
    """
    if mode == "linear":
        return {0: 1 - t, 1: t}
    if mode != "cubic":
        raise UnsupportedError(f"its mode is {mode!r:.20}")
    a = float(node.attrs.get("cubic_coeff_a", -0.75))

    def far(d: Array) -> Array:
        return a * (((d - 5) * d + 8) * d - 4)

    def near(d: Array) -> Array:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    return {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
