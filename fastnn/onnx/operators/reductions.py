"""One number of many, and order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn.onnx.reader import ROWS, Held, OpNode, Reader, operator


def _log_sum(x: Any, **options: Any) -> Any:
    return ops.log(ops.sum(x, **options))


def _l1(x: Any, **options: Any) -> Any:
    return ops.sum(ops.absolute(x), **options)


def _squares(x: Any, **options: Any) -> Any:
    return ops.sum(ops.square(x), **options)


def _l2(x: Any, **options: Any) -> Any:
    return ops.sqrt(_squares(x, **options))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceSum": ops.sum,
    "ReduceMean": ops.mean,
    "ReduceMax": ops.max,
    "ReduceMin": ops.min,
    "ReduceProd": ops.prod,
    "ReduceL1": _l1,
    "ReduceL2": _l2,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": ops.logsumexp,
    "ReduceSumSquare": _squares,
}


#: Those that are layers, of images and sequences whose channels are last.
_POOLS: dict[tuple[str, int], Any] = {
    ("ReduceMean", 3): layers.GlobalAveragePooling1D,
    ("ReduceMean", 4): layers.GlobalAveragePooling2D,
    ("ReduceMax", 3): layers.GlobalMaxPooling1D,
    ("ReduceMax", 4): layers.GlobalMaxPooling2D,
}


@operator(*_REDUCTIONS)
def _reduce(r: Reader, node: OpNode) -> Held:
    x, axes = node.some(0), node.ints("axes", 1)
    if not axes and node.attrs.get("noop_with_empty_axes", 0):
        identity = {"ReduceL1": ops.absolute, "ReduceL2": ops.absolute}
        identity |= {"ReduceSumSquare": ops.square, "ReduceLogSum": ops.log}
        function = identity.get(node.kind)
        return x if function is None else r.like(x, function(r.numbers(x.data)))
    gone = sorted(axis % max(x.rank, 1) for axis in axes) if axes else list(x.plain)
    if not x.rank:
        return r.like(x, _REDUCTIONS[node.kind](ops.reshape(r.numbers(x.data), (1,)), axis=0))
    keepdims = bool(node.attrs.get("keepdims", 1))
    places = [x.place(axis) for axis in gone]
    if (
        (node.kind, x.rank) in _POOLS
        and sorted(places) == list(range(1, x.rank - 1))
        and not x.is_known
    ):
        pooled = _POOLS[node.kind, x.rank](keepdims=keepdims)(x.data)
        return r.made(pooled, x.axes if keepdims else left(x.axes, gone), x.type)
    y = _REDUCTIONS[node.kind](r.numbers(x.data), axis=places, keepdims=keepdims)
    return r.made(y, x.axes if keepdims else left(x.axes, gone), x.type)


def left(axes: Sequence[int], gone: Sequence[int]) -> tuple[int, ...]:
    """Return axes without some, numbered anew."""
    kept = [axis for axis in axes if axis not in gone]
    return tuple(sorted(kept).index(axis) for axis in kept)


@operator("ArgMax", "ArgMin")
def _arg(r: Reader, node: OpNode) -> Held:
    x, axis = node.some(0), int(node.attrs.get("axis", 0)) % node.some(0).rank
    keepdims = bool(node.attrs.get("keepdims", 1))
    function = ops.argmax if node.kind == "ArgMax" else ops.argmin
    data, place = r.numbers(x.data), x.place(axis)
    if node.attrs.get("select_last_index", 0):
        size = x.shape[axis]
        y = ops.subtract(float(size - 1), function(ops.flip(data, place), place, keepdims))
    else:
        y = function(data, place, keepdims)
    return r.made(y, x.axes if keepdims else left(x.axes, [axis]), r.types.INT64)


@operator("Softmax", "LogSoftmax", "Hardmax")
def _softmax(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    axis = int(node.attrs.get("axis", -1 if node.version >= 13 else 1)) % x.rank
    if node.version < 13 and axis != x.rank - 1:
        return _flat_softmax(r, node, x, axis)
    return r.like(x, _shares(node.kind, r.numbers(x.data), x.place(axis)))


def _shares(kind: str, data: Any, axis: int) -> Any:
    if kind == "Softmax":
        return layers.Softmax(axis=axis)(data) if axis else ops.softmax(data, axis)
    if kind == "LogSoftmax":
        return ops.log_softmax(data, axis)
    return ops.one_hot(ops.argmax(data, axis), data.shape[axis], axis=axis)


def _flat_softmax(r: Reader, node: OpNode, x: Held, axis: int) -> Held:
    """The softmax of old files, over all axes from one on."""
    shape = [-1 if n == ROWS else n for n in x.shape]
    data = ops.reshape(r.data(x), (*shape[:axis], math.prod(shape[axis:])))
    return r.made(ops.reshape(_shares(node.kind, data, axis), shape), x.plain, x.type)


@operator("CumSum")
def _cumsum(r: Reader, node: OpNode) -> Held:
    x, known = node.some(0), node.known(1)
    axis = x.place(int(np.reshape(known, -1)[0]) if known is not None else 0)
    data = r.numbers(x.data)
    backwards = bool(node.attrs.get("reverse", 0))
    data = ops.flip(data, axis) if backwards else data
    y = ops.cumsum(data, axis)
    if node.attrs.get("exclusive", 0):
        y = ops.subtract(y, data)
    return r.like(x, ops.flip(y, axis) if backwards else y)


@operator("TopK")
def _top_k(r: Reader, node: OpNode) -> Sequence[Held]:
    x = node.some(0)
    (count,) = node.ints("k", 1) or [1]
    axis = int(node.attrs.get("axis", -1)) % x.rank
    order = (*(a for a in x.axes if a != axis), axis)
    data = r.data(x, order)
    largest = bool(node.attrs.get("largest", 1))
    values, places = ops.top_k(data if largest else ops.negative(data), count)
    values = values if largest else ops.negative(values)
    return [r.made(values, order, x.type), r.made(places, order, r.types.INT64)]
