"""Operators of ai.onnx.ml: what scikit-learn's linear models and scalers are written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn.errors import UnsupportedError
from fastnn.onnx.reader import Held, OpNode, Reader, operator

_AFTER = {"NONE": None, "SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


@operator("ai.onnx.ml.Scaler")
def _scaler(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    offset, scale = (np.asarray(node.attrs[name]) for name in ("offset", "scale"))
    data = ops.multiply(ops.subtract(r.data(x), offset), scale)
    return r.made(data, x.plain)


@operator("ai.onnx.ml.Normalizer")
def _normalizer(r: Reader, node: OpNode) -> Held:
    x, norm = node.some(0), str(node.attrs.get("norm", "MAX"))
    data = r.data(x)
    size = ops.absolute(data) if norm != "L2" else ops.square(data)
    total = (ops.max if norm == "MAX" else ops.sum)(size, -1, keepdims=True)
    return r.made(ops.divide_no_nan(data, ops.sqrt(total) if norm == "L2" else total), x.plain)


@operator("ai.onnx.ml.Binarizer")
def _binarizer(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    return r.like(x, ops.greater(r.numbers(x.data), float(node.attrs.get("threshold", 0.0))))


@operator("ai.onnx.ml.Imputer")
def _imputer(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    values = node.attrs.get("imputed_value_floats", node.attrs.get("imputed_value_int64s"))
    missing = node.attrs.get("replaced_value_float", node.attrs.get("replaced_value_int64", 0))
    data = r.data(x)
    gone = ops.isnan(data) if np.isnan(missing) else ops.equal(data, float(missing))
    return r.made(ops.where(gone, np.asarray(values, np.float64), data), x.plain, x.type)


def _linear(r: Reader, node: OpNode, targets: int) -> Any:
    """Return a layer of linear scores."""
    x = node.some(0)
    kernel = np.reshape(node.attrs["coefficients"], (targets, -1)).T
    bias = np.asarray(node.attrs.get("intercepts", np.zeros(targets)))
    return r.layer(layers.Dense, node, [kernel, bias], r.data(x), units=targets)


def _finished(node: OpNode, scores: Any) -> Any:
    """Return scores as the node wants them."""
    after = str(node.attrs.get("post_transform", "NONE"))
    if after not in _AFTER:
        raise UnsupportedError(f"its post_transform is {after!r:.20}")
    name = _AFTER[after]
    return scores if name is None else layers.Activation(name)(scores)


@operator("ai.onnx.ml.LinearRegressor")
def _regressor(r: Reader, node: OpNode) -> Held:
    scores = _linear(r, node, int(node.attrs.get("targets", 1)))
    return r.made(_finished(node, scores), (0, 1))


@operator("ai.onnx.ml.LinearClassifier")
def _classifier(r: Reader, node: OpNode) -> Sequence[Held]:
    """Labels, and the scores of classes; of two classes, one row of weights tells."""
    labels = node.attrs.get("classlabels_ints")
    if labels is None:
        raise UnsupportedError("its labels are texts; train on numbers")
    count = len(node.attrs.get("intercepts", [])) or len(labels)
    scores = _linear(r, node, count)
    if count == 1:
        lone, y = scores, _finished(node, scores)
        other = ops.subtract(1.0, y)
        shares = ops.concatenate([other, y], -1)
        chosen = ops.squeeze(ops.greater(lone, 0.0), -1)
    else:
        shares, chosen = _finished(node, scores), ops.argmax(scores, -1)
    named = ops.take(np.asarray(labels, np.float64), chosen, 0)
    return [r.made(named, (0,), r.types.INT64), r.made(shares, (0, 1))]


@operator("ai.onnx.ml.ArrayFeatureExtractor")
def _features(r: Reader, node: OpNode) -> Held:
    x, places = node.some(0), node.some(1)
    if x.is_known and not places.is_known:
        table = r.numbers(x.data.reshape(-1))
        picked = ops.take(table, r.data(places), 0)
        return r.made(picked, places.plain, x.type)
    known = node.known(1)
    assert known is not None
    data = ops.take(r.data(x), known.reshape(-1).astype(int).tolist(), x.rank - 1)
    return r.made(data, x.plain, x.type)


@operator("ai.onnx.ml.ZipMap")
def _zip_map(r: Reader, node: OpNode) -> Held:
    """Dicts of classes and shares are shares here."""
    return node.some(0)
