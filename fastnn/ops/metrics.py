"""Metrics: one value for each place, and running totals.  They have no gradient."""

from __future__ import annotations

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import Number, as_tensors, emit
from fastnn.ops.ordering import one_hot

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "in_top_k",
    "keep_top_k",
    "sparse_categorical_accuracy",
]


def sparse_categorical_accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return 1 where the first largest score is the label's, else 0.

    Args:
        scores: (rows, ..., classes).
        labels: (rows, ...), integers.
    """
    return emit("accuracy_sparse", scores, labels)[0]


def categorical_accuracy(scores: Tensor, targets: Tensor) -> Tensor:
    """Return 1 where the first largest score and the first largest target agree, else 0.

    Args:
        scores: (rows, ..., classes).
        targets: the same shape.
    """
    return emit("accuracy_dense", scores, targets)[0]


def binary_accuracy(
    scores: Tensor, targets: Tensor, threshold: float, subset: bool = False
) -> Tensor:
    """Return the share of units where ``score > threshold`` agrees with the target.

    Args:
        scores: (rows, ..., n).
        targets: the same shape, 0 or 1.
        threshold: 0.5 for probabilities, 0 for logits.
        subset: whether to return 1 where all units agree, else 0.
    """
    return emit("accuracy_binary", scores, targets, threshold=threshold, all=int(subset))[0]


def in_top_k(targets: Number, predictions: Number, k: int) -> Tensor:
    """Return 1 where fewer than ``k`` scores are above that of the class, else 0.

    Args:
        targets: integers (rows, ...), or the shape of ``predictions``, whose first largest is the
            class.
        predictions: scores, (rows, ..., classes).
        k: at least 1.
    """
    labels = isinstance(targets, Tensor) and targets.dtype == "i32"
    (scores,) = as_tensors("in_top_k", predictions)
    if labels:
        return emit("in_top_k", scores, targets, None, k=k)[0]
    (known,) = as_tensors("in_top_k", targets)
    if len(known.shape) < len(scores.shape):
        known = one_hot(known, scores.shape[-1] or 1)
    return emit("in_top_k", scores, None, known, k=k)[0]


def keep_top_k(scores: Tensor, k: int) -> Tensor:
    """Return the ``k`` largest scores of each row where they are, -inf elsewhere.

    Args:
        scores: (rows, ..., classes).
        k: at least 1; of ties the first stay.
    """
    return emit("keep_top_k", scores, k=k)[0]
