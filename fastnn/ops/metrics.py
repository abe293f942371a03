"""Metrics: one value for each row.  They have no gradient."""

from __future__ import annotations

from fastnn.compiler.graph import Tensor
from fastnn.ops._emit import emit

__all__ = ["binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"]


def sparse_categorical_accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return 1 where the first largest score is the label's, else 0.

    Args:
        scores: (rows, classes).
        labels: (rows,), integers.
    """
    return emit("accuracy_sparse", scores, labels)[0]


def categorical_accuracy(scores: Tensor, targets: Tensor) -> Tensor:
    """Return 1 where the first largest score and the first largest target agree, else 0.

    Args:
        scores: (rows, classes).
        targets: (rows, classes).
    """
    return emit("accuracy_dense", scores, targets)[0]


def binary_accuracy(scores: Tensor, targets: Tensor, threshold: float) -> Tensor:
    """Return the share of a row's units where ``score > threshold`` agrees with the target.

    Args:
        scores: (rows, ...).
        targets: the same shape, 0 or 1.
        threshold: 0.5 for probabilities, 0 for logits.
    """
    return emit("accuracy_binary", scores, targets, threshold=threshold)[0]
