"""Metrics as functions: their values for each place, of arrays or of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Tensor
from fastnn.losses import Targets
from fastnn.metrics.accuracy import (
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastnn.metrics.base import Metric
from fastnn.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "concordance_correlation",
    "pearson_correlation",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _values(metric: Metric, y_true: Any, y_pred: Any) -> Any:
    if isinstance(y_pred, Tensor):
        labels = y_true.dtype == "i32"
        kind = Targets(y_true.shape, y_pred.shape[-1] if labels else None)
        return metric.lower(y_pred, y_true, kind)
    from fastnn import standalone

    return standalone.values(metric, y_true, y_pred)


class _EachUnit(Metric):
    """Whether each unit is right."""

    def __init__(self, threshold: float):
        super().__init__("binary_accuracy")
        self._threshold = threshold

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each unit."""
        return ops.equal(targets, ops.greater(prediction, self._threshold))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Return 1 where ``prediction > threshold`` agrees with the target, else 0, for each unit.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.binary_accuracy([[1.0, 0.0]], [[0.9, 0.8]]).tolist()
        [[1.0, 0.0]]
    """
    return _values(_EachUnit(threshold), y_true, y_pred)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return ``CategoricalAccuracy`` of each place, of arrays or of tensors."""
    return _values(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return ``SparseCategoricalAccuracy`` of each place, of arrays or of tensors."""
    return _values(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return ``TopKCategoricalAccuracy`` of each place, of arrays or of tensors."""
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """Return ``SparseTopKCategoricalAccuracy`` of each place, of arrays or of tensors."""
    metric = SparseTopKCategoricalAccuracy(k, from_sorted_ids=from_sorted_ids)
    return _values(metric, y_true, y_pred)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int | Sequence[int] = -1) -> Any:
    """Return ``PearsonCorrelation`` of each place, of arrays or of tensors."""
    return _values(PearsonCorrelation(axis=axis), y_true, y_pred)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int | Sequence[int] = -1) -> Any:
    """Return ``ConcordanceCorrelation`` of each place, of arrays or of tensors."""
    return _values(ConcordanceCorrelation(axis=axis), y_true, y_pred)
