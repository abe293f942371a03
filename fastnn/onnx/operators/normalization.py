"""Normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn._typing import Array
from fastnn.errors import UnsupportedError
from fastnn.onnx.reader import Held, OpNode, Reader, last_axes, operator


@operator("BatchNormalization")
def _batch(r: Reader, node: OpNode) -> Held:
    x, epsilon = node.some(0), float(node.attrs.get("epsilon", 1e-5))
    if node.attrs.get("training_mode", 0) or any(node.wants(i) for i in range(1, 5)):
        raise UnsupportedError("it takes the moments of the batch (training_mode)")
    statistics = [node.some(i) for i in range(1, 5)]
    axes = last_axes(x.rank)
    data = r.data(x, axes)
    if all(held.is_known for held in statistics) and not epsilon:
        scale, offset, mean, variance = (held.data.astype(np.float64) for held in statistics)
        y = ops.add(ops.multiply(ops.subtract(data, mean), scale / np.sqrt(variance)), offset)
        return r.made(y, axes, x.type)
    if all(held.is_known for held in statistics) and x.rank > 1:
        weights = [held.data for held in statistics]
        y = r.layer(layers.BatchNormalization, node, weights, data, epsilon=epsilon)
        return r.made(y, axes, x.type)
    scale, offset, mean, variance = (r.data(held) for held in statistics)
    options = {"offset": offset, "scale": scale, "epsilon": epsilon}
    return r.made(ops.batch_normalization(data, mean, variance, -1, **options), axes, x.type)


@operator("InstanceNormalization")
def _instance(r: Reader, node: OpNode) -> Held:
    return _in_groups(r, node, node.some(0).shape[1])


@operator("GroupNormalization")
def _groups(r: Reader, node: OpNode) -> Held:
    if node.version < 21:
        raise UnsupportedError("before opset 21 its scale is of groups")
    return _in_groups(r, node, int(node.attrs["num_groups"]))


def _in_groups(r: Reader, node: OpNode, groups: int) -> Held:
    x, epsilon = node.some(0), float(node.attrs.get("epsilon", 1e-5))
    weights, axes = [node.known(i) for i in (1, 2)], last_axes(x.rank)
    options = {"groups": groups, "epsilon": epsilon}
    y = r.layer(layers.GroupNormalization, node, weights, r.data(x, axes), **options)
    return r.made(y, axes, x.type)


@operator("LayerNormalization", "RMSNormalization")
def _layer(r: Reader, node: OpNode) -> Sequence[Held]:
    x, epsilon = node.some(0), float(node.attrs.get("epsilon", 1e-5))
    axis, layered = int(node.attrs.get("axis", -1)) % x.rank, node.kind == "LayerNormalization"
    scale, offset, more = node.known(1), node.known(2), node.wants(1) or node.wants(2)
    if axis == x.rank - 1 and layered and not x.is_known and _is_vector(scale, offset) and not more:
        weights = [a for a in (scale, offset) if a is not None]
        options = {"epsilon": epsilon, "center": offset is not None}
        y = r.layer(layers.LayerNormalization, node, weights, r.data(x), **options)
        return [r.made(y, x.plain, x.type)]
    data, axes = r.data(x), list(range(axis, x.rank))
    mean = ops.mean(data, axes, keepdims=True)
    y = ops.subtract(data, mean) if layered else data
    spread = ops.mean(ops.square(y), axes, keepdims=True)
    inverse = ops.rsqrt(ops.add(spread, epsilon))
    y = ops.multiply(y, inverse)
    y = y if scale is None else ops.multiply(y, r.numbers(scale))
    y = y if offset is None else ops.add(y, r.numbers(offset))
    made = [y, mean, inverse] if more else [y]
    return [r.made(each, x.plain, x.type) for each in made]


def _is_vector(*arrays: Array | None) -> bool:
    return all(a is None or (a.ndim == 1) for a in arrays) and arrays[0] is not None


@operator("LpNormalization")
def _norm(r: Reader, node: OpNode) -> Held:
    x, order = node.some(0), int(node.attrs.get("p", 2))
    place = x.place(int(node.attrs.get("axis", -1)))
    data: Any = r.numbers(x.data)
    size = ops.absolute(data) if order == 1 else ops.square(data)
    total = ops.sum(size, place, keepdims=True)
    return r.like(x, ops.divide_no_nan(data, total if order == 1 else ops.sqrt(total)))


@operator("MeanVarianceNormalization")
def _mean_variance(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    places = [x.place(int(axis)) for axis in node.attrs.get("axes", [0, 2, 3])]
    data = r.numbers(x.data)
    away = ops.subtract(data, ops.mean(data, places, keepdims=True))
    spread = ops.sqrt(ops.mean(ops.square(away), places, keepdims=True))
    return r.like(x, ops.divide(away, ops.add(spread, np.float64(1e-9))))
