"""A loss of classes for labels some of which are wrong."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn._checks import number
from fastnn.compiler.graph import Shape, Tensor
from fastnn.compiler.heads import head_of
from fastnn.losses.base import Loss, Lowered, Targets
from fastnn.losses.crossentropy import SparseCategoricalCrossentropy

__all__ = ["CategoricalGeneralizedCrossEntropy"]


class CategoricalGeneralizedCrossEntropy(Loss):
    """``(1 - p[label]^q) / q`` for integer labels, between a cross-entropy and an absolute error.

    Args:
        q: towards 0 it is the cross-entropy, towards 1 it minds wrong labels less; in (0, 1).
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    Predictions are probabilities.  (Zhang and Sabuncu, "Generalized cross entropy loss for training
    deep neural networks with noisy labels", 2018.)

    Example:
        >>> import fastnn
        >>> fastnn.losses.CategoricalGeneralizedCrossEntropy(q=0.5)([1], [[0.75, 0.25]])
        1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.q = number(type(self).__name__, "q", q)
        if not 0 < self.q < 1:
            raise ValueError(f"{type(self).__name__}: q must be in (0, 1), got {self.q:g}")

    def targets(self, prediction: Shape) -> Targets:
        """Return labels below the number of classes."""
        return SparseCategoricalCrossentropy(name=self.name).targets(prediction)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place, unless the last layer gives no probabilities."""
        head = head_of(prediction)
        if head.name in ("linear", "relu", "tanh"):
            raise ValueError(
                f"compile: {self.name} is of probabilities, but the activation of the last layer "
                f"{head.layer!r} is {head.name}; use activation='softmax'"
            )
        return super().lower(prediction, targets)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        told = ops.multiply(y_pred, ops.one_hot(y_true, y_pred.shape[-1] or 1))
        return ops.scale(ops.subtract(1.0, ops.power(ops.sum(told, axis=-1), self.q)), 1 / self.q)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"q": self.q, **super().get_config()}
