"""Cross-entropies of tensors, place by place, as ``keras.ops`` has them.

The losses of a model are those of ``fastnn/ops/losses.py``: one pass over scores and targets.
"""

from __future__ import annotations

from fastnn.compiler.graph import Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along
from fastnn.ops._emit import Number, as_tensors, reshaped
from fastnn.ops.arithmetic import add, divide, multiply
from fastnn.ops.choosing import clip
from fastnn.ops.curves import line, log_sigmoid
from fastnn.ops.functions import log, negative
from fastnn.ops.ordering import one_hot
from fastnn.ops.reductions import sum
from fastnn.ops.shaping import log_softmax

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

#: How near to 0 and 1 the probabilities are that a logarithm is taken of.
_LEAST = 1e-7


def _same(name: str, target: Tensor, output: Tensor) -> None:
    if target.shape != output.shape or not target.shape:
        raise ShapeError(
            f"{name}: target {format_shape(target.shape)} and output {format_shape(output.shape)} "
            "must be of one shape"
        )


def binary_crossentropy(target: Number, output: Number, from_logits: bool = False) -> Tensor:
    """Return ``-(t log p + (1 - t) log(1 - p))`` of each place.

    Args:
        target: in [0, 1].
        output: probabilities p, held 1e-7 away from 0 and 1; the same shape.
        from_logits: whether they are scores, whose sigmoid is p.
    """
    t, p = as_tensors("binary_crossentropy", target, output)
    _same("binary_crossentropy", t, p)
    if from_logits:
        yes, no = log_sigmoid(p), log_sigmoid(negative(p))
    else:
        known = clip(p, _LEAST, 1 - _LEAST)
        yes, no = log(known), log(line(known, -1.0, 1.0))
    return negative(add(multiply(t, yes), multiply(line(t, -1.0, 1.0), no)))


def categorical_crossentropy(
    target: Number, output: Number, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return ``-sum(t log p)`` along an axis.

    Args:
        target: shares of the classes.
        output: probabilities p, divided by their sum and held 1e-7 away from 0 and 1; the same
            shape.
        from_logits: whether they are scores, whose softmax is p.
        axis: that of the classes; not that of the rows.
    """
    t, p = as_tensors("categorical_crossentropy", target, output)
    _same("categorical_crossentropy", t, p)
    logs = _log_probabilities("categorical_crossentropy", p, from_logits, axis)
    return negative(sum(multiply(t, logs), axis))


def sparse_categorical_crossentropy(
    target: Number, output: Number, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return ``-log p[t]`` along an axis; see ``categorical_crossentropy``.

    Args:
        target: the classes, whole numbers, of the shape of ``output`` without the last axis, or
            with one of size 1.
        output: probabilities p.
        from_logits: whether they are scores, whose softmax is p.
        axis: that of the classes; not that of the rows.
    """
    t, p = as_tensors("sparse_categorical_crossentropy", target, output)
    if len(t.shape) == len(p.shape) and t.shape[-1:] == (1,):
        t = reshaped(t, t.shape[:-1])
    at = axis_along("sparse_categorical_crossentropy", p, axis)
    logs = _log_probabilities("sparse_categorical_crossentropy", p, from_logits, at)
    classes = one_hot(t, p.shape[at] or 1, at)
    _same("sparse_categorical_crossentropy", classes, p)
    return negative(sum(multiply(classes, logs), at))


def _log_probabilities(name: str, p: Tensor, from_logits: bool, axis: int) -> Tensor:
    at = axis_along(name, p, axis)
    if from_logits:
        return log_softmax(p, at)
    return log(clip(divide(p, sum(p, at, True)), _LEAST, 1 - _LEAST))
