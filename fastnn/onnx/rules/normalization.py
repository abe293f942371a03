"""Normalisations, means over places, and scores as shares."""

from __future__ import annotations

import numpy as np

from fastnn.compiler.graph import Node, Tensor
from fastnn.onnx.rules.elementwise import activation
from fastnn.onnx.rules.table import rule
from fastnn.onnx.writer import Writer, channels_first


@rule("normalize_fwd")
def _normalize(w: Writer, node: Node) -> None:
    x, mean, variance, gamma, beta, other = node.inputs
    assert x is not None
    assert other is None, "sums are absorbed after this"
    if not node.attrs["epsilon"]:
        assert mean is not None
        assert variance is not None
        # what others make of BatchNormalization, x scale + offset, cancels for data such as years
        y = w.emit("Sub", w.name(x), w.name(mean))
        y = _affine(w, w.emit("Div", y, w.emit("Sqrt", w.name(variance))), gamma, beta)
        w.bind(node.outputs[0], activation(w, node.attrs["activation"], y))
        return
    channels = x.shape[-1] or 0
    scale = w.real(np.ones(channels)) if gamma is None else w.name(gamma)
    offset = w.real(np.zeros(channels)) if beta is None else w.name(beta)
    order = channels_first(len(x.shape))
    epsilon = float(node.attrs["epsilon"])
    names = (w.name(x, order), scale, offset, w.name(mean), w.name(variance))
    y = w.emit("BatchNormalization", *names, epsilon=epsilon)
    w.bind(node.outputs[0], activation(w, node.attrs["activation"], y), order)


@rule("row_norm_fwd")
def _row_norm(w: Writer, node: Node) -> None:
    x, gamma, beta = node.inputs
    assert x is not None
    *_, places, channels = (n or 0 for n in x.shape)
    groups, attrs = node.sizes["g"].base, node.attrs
    plain = groups == 1 and places == 1
    if plain and attrs["centred"] and not attrs["summed"]:
        scale = w.real(np.ones(channels)) if gamma is None else w.name(gamma)
        names = [w.name(x), scale] + ([] if beta is None else [w.name(beta)])
        y = w.emit("LayerNormalization", *names, axis=-1, epsilon=float(attrs["epsilon"]))
    else:
        y = _affine(w, _normal(w, node, x, groups), gamma, beta)
    w.bind(node.outputs[2], y)


def _normal(w: Writer, node: Node, x: Tensor, groups: int) -> str:
    """Return groups by their own moments, in the shape of ``x``."""
    *lead, places, channels = x.shape
    rank, attrs = len(lead), node.attrs
    name = w.reshaped(w.name(x), (*lead, places, groups, (channels or 0) // groups))
    axes = w.ints(rank, rank + 2)
    if attrs["centred"]:
        name = w.emit("Sub", name, w.emit("ReduceMean", name, axes))
    kind = "ReduceSum" if attrs["summed"] else "ReduceMean"
    spread = w.emit(kind, w.emit("Mul", name, name), axes)
    root = w.emit("Sqrt", w.emit("Add", spread, w.real(attrs["epsilon"])))
    return w.reshaped(w.emit("Div", name, root), x.shape)


def _affine(w: Writer, y: str, gamma: Tensor | None, beta: Tensor | None) -> str:
    y = y if gamma is None else w.emit("Mul", y, w.name(gamma))
    return y if beta is None else w.emit("Add", y, w.name(beta))


@rule("global_mean_fwd")
def _global_mean(w: Writer, node: Node) -> None:
    x, mask = node.inputs
    assert x is not None
    axes = range(1, len(x.shape) - 1)
    if mask is not None:
        total = w.emit("ReduceSum", w.name(x), w.ints(*axes), keepdims=0)
        seen = w.reshaped(w.name(mask), (None, node.sizes["n"].base))
        count = w.emit("ReduceSum", seen, w.ints(1), keepdims=1)
        w.bind(node.outputs[0], w.emit("Div", total, count))
        return
    order = w.common(x)
    places = w.ints(*(order.index(axis) for axis in axes))
    w.bind(node.outputs[0], w.emit("ReduceMean", w.name(x, order), places, keepdims=0))


@rule("moments")
def _moments(w: Writer, node: Node) -> None:
    x = node.inputs[0]
    assert x is not None
    axes = w.ints(*range(1, len(x.shape) - 1))
    mean = w.emit("ReduceMean", w.name(x), axes)
    away = w.emit("Sub", w.name(x), mean)
    spread = w.emit("ReduceSum", w.emit("Mul", away, away), axes, keepdims=0)
    w.bind(node.outputs[0], w.emit("Squeeze", mean, axes))
    w.bind(node.outputs[1], spread)


@rule("softmax_fwd", "log_softmax_fwd")
def _softmax(w: Writer, node: Node) -> None:
    x = node.inputs[0]
    assert x is not None
    order = w.common(x)
    kind = "Softmax" if node.op.name == "softmax_fwd" else "LogSoftmax"
    y = w.emit(kind, w.name(x, order), axis=order.index(len(x.shape) - 1))
    w.bind(node.outputs[0], y, order)
