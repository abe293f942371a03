"""Focal cross-entropies: easy samples count little."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn._checks import flag, fraction, not_negative
from fastnn.compiler.graph import Tensor
from fastnn.losses.crossentropy import SigmoidCrossEntropy, SoftmaxCrossEntropy, of_classes

__all__ = ["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"]


class BinaryFocalCrossentropy(SigmoidCrossEntropy):
    """``mean(w m^gamma (-target log p - (1 - target) log(1 - p)))``: easy samples count little.

    Args:
        apply_class_balancing: whether ``w`` is ``alpha`` of target 1 and ``1 - alpha`` of target 0;
            else it is 1.
        alpha: see above; in [0, 1].
        gamma: the power of ``m = target (1 - p) + (1 - target) p``; 0 or more.
        from_logits: whether the model's output is the logits, without a sigmoid.
        label_smoothing: how much of each target is moved to one half; in [0, 1].
        axis: of the units; not that of the samples.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    ``p`` is taken within [1e-7, 1 - 1e-7] (Lin et al., "Focal loss for dense object detection",
    2017).

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.BinaryFocalCrossentropy()([[1.0]], [[0.9]]), 6)
        0.001054
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = flag(self.name, "apply_class_balancing", apply_class_balancing)
        self.alpha = fraction("BinaryFocalCrossentropy", "alpha", alpha, closed=True)
        self.gamma = not_negative("BinaryFocalCrossentropy", "gamma", gamma)

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of units on the last axis."""
        p = ops.sigmoid(z)
        return p, self.of_probabilities(p, t)

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of units on the last axis."""
        constants = (self.gamma, self.alpha, float(self.apply_class_balancing))
        return ops.pointwise_loss(p, t, "binary_focal", constants)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
            **super().get_config(),
        }


class CategoricalFocalCrossentropy(SoftmaxCrossEntropy):
    """``-sum(alpha (1 - p)^gamma target log p)`` for one-hot or soft targets.

    Args:
        alpha: weighs all classes.
        gamma: how little easy samples count; 0 or more.
        from_logits: whether the model's output is the logits, without a softmax.
        label_smoothing: how much of each target is spread over all classes; in [0, 1].
        axis: of the classes; not that of the samples.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    ``p`` is taken within [1e-7, 1 - 1e-7] (Lin et al., "Focal loss for dense object detection",
    2017).

    Example:
        >>> import fastnn
        >>> loss = fastnn.losses.CategoricalFocalCrossentropy()
        >>> round(loss([[0.0, 1.0]], [[0.1, 0.9]]), 6)
        0.000263
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha = not_negative("CategoricalFocalCrossentropy", "alpha", alpha)
        self.gamma = not_negative("CategoricalFocalCrossentropy", "gamma", gamma)

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of classes on the last axis."""
        p = ops.softmax(z)
        constants = (self.gamma, self.alpha)
        return p, ops.pointwise_loss(p, t, "categorical_focal", constants, total=True)

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of classes on the last axis."""
        return of_classes(p, t, "categorical_focal", (self.gamma, self.alpha))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"alpha": self.alpha, "gamma": self.gamma, **super().get_config()}
