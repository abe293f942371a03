"""Products, convolutions and pooling."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn._typing import Array
from fastnn.errors import UnsupportedError
from fastnn.onnx.operators.shaping import padded
from fastnn.onnx.reader import Held, OpNode, Reader, last_axes, operator


@operator("Gemm")
def _gemm(r: Reader, node: OpNode) -> Held:
    a, b, c = node.some(0), node.some(1), node.input(2)
    alpha, beta = (float(node.attrs.get(name, 1.0)) for name in ("alpha", "beta"))
    turned = [bool(node.attrs.get(name, 0)) for name in ("transA", "transB")]
    if b.is_known and not turned[0] and (c is None or _is_bias(c, b.shape[not turned[1]])):
        kernel = alpha * (b.data.T if turned[1] else b.data)
        bias = None if c is None else beta * c.data
        return _dense(r, node, a, kernel, bias)
    left, right = (
        ops.transpose(r.data(x), (1, 0)) if turn else r.data(x)
        for x, turn in zip((a, b), turned, strict=True)
    )
    y = ops.multiply(ops.matmul(left, right), alpha)
    if c is None:
        return r.made(y, (0, 1), a.type)
    (total, more), axes = r.together(r.made(y, (0, 1), a.type), c)
    return r.made(ops.add(total, ops.multiply(more, beta)), axes, a.type)


def _dense(r: Reader, node: OpNode, x: Held, kernel: Array, bias: Array | None) -> Held:
    """Return a layer of the last axis."""
    units = kernel.shape[1]
    weights = [kernel] + ([] if bias is None else [np.broadcast_to(bias.reshape(-1), (units,))])
    options = {"units": units, "use_bias": bias is not None}
    axes = (*(axis for axis in x.axes if axis != x.rank - 1), x.rank - 1)
    return r.made(r.layer(layers.Dense, node, weights, r.data(x, axes), **options), axes, x.type)


@operator("MatMul")
def _matmul(r: Reader, node: OpNode) -> Held:
    a, b = node.some(0), node.some(1)
    if b.is_known and b.rank == 2 and a.rank > 1 and not a.is_known:
        return _dense(r, node, a, b.data, _bias(r, node, b.data.shape[1], a.rank))
    if a.rank == b.rank == 1:
        return r.made(ops.sum(ops.multiply(r.data(a), r.data(b))), (), a.type)
    y = ops.matmul(r.data(a), r.data(b))
    return r.made(y, range(len(y.shape)), a.type)


def _bias(r: Reader, node: OpNode, units: int, rank: int) -> Array | None:
    """Return the numbers of a sum that follows, and nothing else does, as a bias."""
    following = r.next_node(node.outputs[0], "Add")
    if following is None:
        return None
    (other,) = (name for name in following.input if name != node.outputs[0])
    held = r.held.get(other)
    if held is None or held.rank > rank or not _is_bias(held, units):
        return None
    r.absorbed.add(id(following))
    node.outputs[0] = following.output[0]
    array: Array = held.data
    return array


def _is_bias(held: Held, units: int) -> bool:
    """Return whether numbers are known, and one for each unit, or for all."""
    whole = (*[1] * (held.rank - 1), units)
    return held.is_known and (held.data.size == 1 or held.shape == whole)


# ---- windows -------------------------------------------------------------------------------------


class _Window:
    """The window of a convolution or a pooling, of one or two axes.

    Args:
        node: the operator.
        sizes: the sizes of the axes that it moves along.
        kernel: its own.
    """

    def __init__(self, node: OpNode, sizes: Sequence[int], kernel: Sequence[int]):
        rank = len(sizes)
        if rank not in (1, 2):
            raise UnsupportedError(f"its window moves along {rank} axes, fastnn's along 1 or 2")
        self.node, self.sizes, self.kernel = node, list(sizes), list(kernel)
        self.strides = self._each("strides", 1)
        self.dilations = self._each("dilations", 1)
        self.reach = [(k - 1) * d + 1 for k, d in zip(kernel, self.dilations, strict=True)]
        if min([*self.kernel, *self.strides, *self.dilations]) < 1:
            raise UnsupportedError("its window, strides or dilations are below 1")

    def _each(self, name: str, default: int) -> list[int]:
        return [int(n) for n in self.node.attrs.get(name, [default] * len(self.sizes))]

    @property
    def pads(self) -> list[tuple[int, int]]:
        """The places before and after those of each axis."""
        auto = self.node.attrs.get("auto_pad", "NOTSET")
        if auto == "VALID":
            return [(0, 0)] * len(self.sizes)
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            return [self._same(i, auto == "SAME_UPPER") for i in range(len(self.sizes))]
        known = [int(n) for n in self.node.attrs.get("pads", [0] * 2 * len(self.sizes))]
        return list(zip(known[: len(self.sizes)], known[len(self.sizes) :], strict=True))

    def _same(self, axis: int, upper: bool) -> tuple[int, int]:
        size, stride = self.sizes[axis], self.strides[axis]
        total = max(0, (-(-size // stride) - 1) * stride + self.reach[axis] - size)
        less = total // 2
        return (less, total - less) if upper else (total - less, less)

    def beyond(self) -> list[int]:
        """Return how many places after those of each axis ``ceil_mode`` sees besides."""
        if not self.node.attrs.get("ceil_mode", 0):
            return [0] * len(self.sizes)
        return [self._beyond(axis) for axis in range(len(self.sizes))]

    def _beyond(self, axis: int) -> int:
        before, after = self.pads[axis]
        size, stride, reach = self.sizes[axis], self.strides[axis], self.reach[axis]
        free = size + before + after - reach
        count = -(-free // stride) + 1
        if (count - 1) * stride >= size + before:  # no window begins beyond the numbers
            count -= 1
        return max(0, (count - 1) * stride - free)


def _framed(r: Reader, data: Any, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Any:
    """Return images, channels last, with a frame."""
    return padded(r, data, [(0, 0), *pads, (0, 0)], "constant", value)


@operator("Conv")
def _conv(r: Reader, node: OpNode) -> Held:
    x, weights = node.some(0), node.some(1)
    window = _Window(node, x.shape[2:], weights.shape[2:])
    data = r.last(x)
    pads = window.pads
    padding: Any = "valid"
    if all(before == after for before, after in pads):
        padding = tuple(before for before, _ in pads)
    else:
        data = _framed(r, data, pads)
    both = max(window.strides) > 1 and max(window.dilations) > 1  # which fastnn has not
    steps = [1] * len(pads) if both else window.strides
    options = {"strides": tuple(steps), "dilation_rate": tuple(window.dilations)}
    y = _convolved(r, node, data, {**options, "padding": padding})
    if both:
        y = y[(slice(None), *(slice(None, None, n) for n in window.strides))]
    return r.made(y, last_axes(x.rank), x.type)


def _convolved(r: Reader, node: OpNode, data: Any, options: dict[str, Any]) -> Any:
    weights, bias, groups = node.some(1), node.input(2), int(node.attrs.get("group", 1))
    if not weights.is_known or (bias is not None and not bias.is_known):
        kernel = ops.transpose(r.data(weights), (*range(2, weights.rank), 1, 0))
        more = None if bias is None else r.data(bias)
        return ops.conv(data, kernel, bias=more, **options)
    filters, part, *size = weights.data.shape
    two = len(size) == 2
    options |= {"kernel_size": tuple(size), "use_bias": bias is not None}
    after = [] if bias is None else [bias.data]
    if part == 1 and groups > 1:
        kernel = weights.data.reshape(groups, filters // groups, *size)
        kernel = kernel.transpose(*range(2, 2 + len(size)), 0, 1)
        kind = layers.DepthwiseConv2D if two else layers.DepthwiseConv1D
        options |= {"depth_multiplier": filters // groups}
        return r.layer(kind, node, [kernel, *after], data, **options)
    kernel = weights.data.transpose(*range(2, 2 + len(size)), 1, 0)
    kind = layers.Conv2D if two else layers.Conv1D
    options |= {"filters": filters, "groups": groups}
    return r.layer(kind, node, [kernel, *after], data, **options)


@operator("ConvTranspose")
def _conv_transpose(r: Reader, node: OpNode) -> Held:
    x, weights, bias = node.some(0), node.some(1), node.input(2)
    window, groups = _Window(node, x.shape[2:], weights.shape[2:]), int(node.attrs.get("group", 1))
    pads, more = _transposed_pads(node, window)
    options = {"strides": tuple(window.strides), "dilation_rate": tuple(window.dilations)}
    data, axes = r.last(x), last_axes(x.rank)
    y = _transposed(r, node, data, groups, {**options, "output_padding": tuple(more)})
    if any(map(any, pads)):
        ends = [y.shape[i] - after for i, (_, after) in enumerate(pads, 1)]
        parts = [slice(before, end) for (before, _), end in zip(pads, ends, strict=True)]
        y = y[(slice(None), *parts)]
    if bias is not None and not (weights.is_known and groups == 1 and bias.is_known):
        y = ops.add(y, r.data(bias))
    return r.made(y, axes, x.type)


def _transposed_pads(node: OpNode, window: _Window) -> tuple[list[tuple[int, int]], list[int]]:
    """Return what is cropped of a transposed convolution, and what is added at its ends."""
    more = [int(n) for n in node.attrs.get("output_padding", [0] * len(window.sizes))]
    shape = node.attrs.get("output_shape")
    auto = node.attrs.get("auto_pad", "NOTSET")
    if shape is None and auto not in ("SAME_UPPER", "SAME_LOWER"):
        return window.pads, more
    wanted = shape or [n * s for n, s in zip(window.sizes, window.strides, strict=True)]
    pads = []
    for i, size in enumerate(wanted):
        total = window.strides[i] * (window.sizes[i] - 1) + more[i] + window.reach[i] - int(size)
        more[i] += max(0, -total)
        half = max(0, total) // 2
        rest = max(0, total) - half
        pads.append((half, rest) if auto == "SAME_UPPER" else (rest, half))
    return pads, more


def _transposed(r: Reader, node: OpNode, data: Any, groups: int, options: dict[str, Any]) -> Any:
    weights, bias = node.some(1), node.input(2)
    taps = range(2, weights.rank)
    steps, more = options["strides"], options["output_padding"]
    beyond = [max(0, n - s + 1) for n, s in zip(more, steps, strict=True)]
    options["output_padding"] = tuple(n - b for n, b in zip(more, beyond, strict=True))
    if weights.is_known and groups == 1 and (bias is None or bias.is_known) and not any(beyond):
        kernel = weights.data.transpose(*taps, 1, 0)
        kind = layers.Conv2DTranspose if len(taps) == 2 else layers.Conv1DTranspose
        sizes = {"filters": kernel.shape[-2], "kernel_size": kernel.shape[:-2]}
        after = [] if bias is None else [bias.data]
        made = {**options, **sizes, "use_bias": bias is not None}
        return r.layer(kind, node, [kernel, *after], data, **made)
    kernel = ops.transpose(r.data(weights), (*taps, 1, 0))
    count = data.shape[-1] // groups
    parts = [
        ops.conv_transpose(
            data[..., i * count : (i + 1) * count],
            kernel[..., i * count : (i + 1) * count],
            **options,
        )
        for i in range(groups)
    ]
    y = parts[0] if groups == 1 else ops.concatenate(parts, -1)
    y = padded(r, y, [(0, 0), *((0, n) for n in beyond), (0, 0)])
    if weights.is_known and groups == 1 and bias is not None and bias.is_known:
        y = ops.add(y, r.data(bias))
    return y


# ---- pooling -------------------------------------------------------------------------------------


@operator("MaxPool")
def _max_pool(r: Reader, node: OpNode) -> Held:
    if node.wants(1):
        raise UnsupportedError("where its largest numbers are is an output (Indices)")
    x = node.some(0)
    window = _Window(node, x.shape[2:], node.attrs["kernel_shape"])
    return r.made(_pooled(r, r.last(x), window, "max", -math.inf), last_axes(x.rank), x.type)


def _pooled(r: Reader, data: Any, window: _Window, kind: str, value: float) -> Any:
    """Return the largest number, or the mean, of what each window of an image sees."""
    pads, beyond = window.pads, window.beyond()
    even = all(before == after for before, after in pads) and not any(beyond)
    inside = all(p[0] < k for p, k in zip(pads, window.kernel, strict=True))
    padding: Any = tuple(before for before, _ in pads)
    if not (even and inside) or (kind == "mean" and any(padding)):
        more = [(a, b + c) for (a, b), c in zip(pads, beyond, strict=True)]
        data, padding = _framed(r, data, more, value), "valid"
    options = {"pool_size": tuple(window.kernel), "strides": tuple(window.strides)}
    if max(window.dilations) > 1:
        return _dilated(data if padding == "valid" else _framed(r, data, pads, value), window, kind)
    return _POOLS[kind, len(window.kernel)](**options, padding=padding)(data)


#: The layers, by what they make of a window, and along how many axes it moves.
_POOLS = {
    ("max", 1): layers.MaxPooling1D,
    ("max", 2): layers.MaxPooling2D,
    ("mean", 1): layers.AveragePooling1D,
    ("mean", 2): layers.AveragePooling2D,
}


def _dilated(data: Any, window: _Window, kind: str) -> Any:
    """Return a pooling tap by tap, along one axis after the other."""
    for axis, taps in enumerate(window.kernel):
        distance, step = window.dilations[axis], window.strides[axis]
        count = (data.shape[axis + 1] - window.reach[axis]) // step + 1
        before = (slice(None),) * (axis + 1)
        parts = [
            data[(*before, slice(begin, begin + (count - 1) * step + 1, step))]
            for begin in range(0, taps * distance, distance)
        ]
        data = functools.reduce(ops.maximum if kind == "max" else ops.add, parts)
    return data if kind == "max" else ops.multiply(data, 1 / math.prod(window.kernel))


@operator("AveragePool")
def _average_pool(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    window = _Window(node, x.shape[2:], node.attrs["kernel_shape"])
    pads, beyond = window.pads, window.beyond()
    axes, data = last_axes(x.rank), r.last(x)
    counted = bool(node.attrs.get("count_include_pad", 0))
    plain = not any(beyond) and max(window.dilations) == 1 and not counted
    if plain and all(a == b and a < k for (a, b), k in zip(pads, window.kernel, strict=True)):
        options = {"pool_size": tuple(window.kernel), "strides": tuple(window.strides)}
        padding = tuple(a for a, _ in pads)
        y = _POOLS["mean", len(pads)](**options, padding=padding if any(padding) else "valid")(data)
        return r.made(y, axes, x.type)
    y = _pooled(r, data, window, "mean", 0.0)
    inner = np.ones((1, *window.sizes, 1))
    frame = [(0, 0), *pads, (0, 0)]
    seen = np.pad(inner, frame, constant_values=1.0 if counted else 0.0)
    share = _shares(np.pad(seen, [(0, 0), *((0, n) for n in beyond), (0, 0)]), window)
    return r.made(y if np.all(share == 1) else ops.divide(y, share), axes, x.type)


def _shares(seen: Array, window: _Window) -> Array:
    """Return the share of each window's places that are counted."""
    axes = tuple(range(1, seen.ndim - 1))
    views = np.lib.stride_tricks.sliding_window_view(seen, tuple(window.reach), axes)
    steps = tuple(slice(None, None, s) for s in window.strides)
    inner = tuple(slice(None, None, d) for d in window.dilations)
    picked = views[(slice(None), *steps, slice(None), *inner)]
    share: Array = picked.mean(tuple(range(seen.ndim, picked.ndim)))
    return share


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    largest, axes = node.kind == "GlobalMaxPool", last_axes(x.rank)
    kinds = {
        3: (layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D),
        4: (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D),
    }
    if x.rank in kinds:
        return r.made(kinds[x.rank][largest](keepdims=True)(r.last(x)), axes, x.type)
    function = ops.max if largest else ops.mean
    return r.made(function(r.last(x), list(range(1, x.rank - 1)), keepdims=True), axes, x.type)
