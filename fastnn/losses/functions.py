"""Losses as functions: their values for each place, of arrays or of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.losses.base import Loss
from fastnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from fastnn.losses.noisy import CategoricalGeneralizedCrossEntropy
from fastnn.losses.overlap import Dice, Tversky
from fastnn.losses.pointwise import (
    HalfMeanSquaredError,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)
from fastnn.losses.vectors import CategoricalHinge, CosineSimilarity

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "dice",
    "half_mean_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def _values(loss: Loss, y_true: Any, y_pred: Any) -> Any:
    loss.reduction = None
    return loss(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanSquaredError`` of each place, of arrays or of tensors."""
    return _values(MeanSquaredError(), y_true, y_pred)


def half_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``HalfMeanSquaredError`` of each place, of arrays or of tensors."""
    return _values(HalfMeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanAbsoluteError`` of each place, of arrays or of tensors."""
    return _values(MeanAbsoluteError(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanAbsolutePercentageError`` of each place, of arrays or of tensors."""
    return _values(MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanSquaredLogarithmicError`` of each place, of arrays or of tensors."""
    return _values(MeanSquaredLogarithmicError(), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Return ``Huber`` of each place, of arrays or of tensors."""
    return _values(Huber(delta), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Return ``LogCosh`` of each place, of arrays or of tensors."""
    return _values(LogCosh(), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return ``Poisson`` of each place, of arrays or of tensors."""
    return _values(Poisson(), y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return ``KLDivergence`` of each place, of arrays or of tensors."""
    return _values(KLDivergence(), y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``Hinge`` of each place, of arrays or of tensors."""
    return _values(Hinge(), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``SquaredHinge`` of each place, of arrays or of tensors."""
    return _values(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``CategoricalHinge`` of each place, of arrays or of tensors."""
    return _values(CategoricalHinge(), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return ``CosineSimilarity`` of each place, of arrays or of tensors."""
    return _values(CosineSimilarity(axis), y_true, y_pred)


def dice(y_true: Any, y_pred: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Return ``Dice`` of each place, of arrays or of tensors."""
    return _values(Dice(axis=axis), y_true, y_pred)


def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | Sequence[int] | None = None,
) -> Any:
    """Return ``Tversky`` of each place, of arrays or of tensors."""
    return _values(Tversky(alpha, beta, axis=axis), y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``BinaryCrossentropy`` of each place, of arrays or of tensors."""
    return _values(BinaryCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``CategoricalCrossentropy`` of each place, of arrays or of tensors."""
    return _values(CategoricalCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Return ``SparseCategoricalCrossentropy`` of each place, of arrays or of tensors."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return _values(loss, y_true, y_pred)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Return ``CategoricalGeneralizedCrossEntropy`` of each place, of arrays or of tensors."""
    return _values(CategoricalGeneralizedCrossEntropy(q), y_true, y_pred)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``BinaryFocalCrossentropy`` of each place, of arrays or of tensors."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return _values(loss, y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``CategoricalFocalCrossentropy`` of each place, of arrays or of tensors."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return _values(loss, y_true, y_pred)
