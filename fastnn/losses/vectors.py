"""Losses that compare the vectors along an axis as wholes."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Tensor
from fastnn.losses.axes import AlongAxis
from fastnn.losses.base import Loss

__all__ = ["CategoricalHinge", "CosineSimilarity"]


class CategoricalHinge(Loss):
    """``max(0, 1 + max((1 - target) prediction) - sum(target prediction))``, targets one-hot.

    Args:
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    (Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.)

    Example:
        >>> import fastnn
        >>> fastnn.losses.CategoricalHinge()([[1.0, 0.0]], [[0.5, 0.25]])
        0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        return ops.categorical_hinge(y_pred, y_true)


class CosineSimilarity(AlongAxis):
    """Minus the cosine of the angle between prediction and target: -1 where they point one way.

    Args:
        axis: of the vectors; not that of the samples.
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> fastnn.losses.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])
        -1.0
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        at = self.place(y_pred.shape)
        return ops.cosine_similarity(ops.moveaxis(y_pred, at, -1), ops.moveaxis(y_true, at, -1))
