"""Losses as metrics."""

from __future__ import annotations

import math
from typing import Any

from fastnn import losses, ops
from fastnn._typing import Array
from fastnn.compiler.graph import Tensor
from fastnn.compiler.heads import head_of
from fastnn.losses import Loss, Targets
from fastnn.metrics.base import Metric, Seen

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "OfLoss",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class OfLoss(Metric):
    """The mean of a loss.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    direction = "down"

    loss: type[Loss]

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the loss."""
        return {}

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return self.loss(**self.options).call(targets, prediction)


class MeanSquaredError(OfLoss):
    """The mean of ``(prediction - target)^2``."""

    loss = losses.MeanSquaredError


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of ``(prediction - target)^2``."""

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        return math.sqrt(super().read(total))


class MeanAbsoluteError(OfLoss):
    """The mean of ``abs(prediction - target)``."""

    loss = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(OfLoss):
    """The mean of ``100 abs(prediction - target) / abs(target)``."""

    loss = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(OfLoss):
    """The mean of ``(log(1 + prediction) - log(1 + target))^2``."""

    loss = losses.MeanSquaredLogarithmicError


class LogCoshError(OfLoss):
    """The mean of ``log(cosh(prediction - target))``."""

    loss = losses.LogCosh

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(name, dtype)


class CosineSimilarity(Metric):
    """The mean cosine of the angle between prediction and target: 1 where they point one way.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the vectors; the last one.
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype)
        self.axis = losses.CosineSimilarity(axis).axis

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return ops.scale(losses.CosineSimilarity(self.axis).call(targets, prediction), -1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "axis": self.axis}


class Hinge(OfLoss):
    """The mean of the loss ``Hinge``."""

    loss = losses.Hinge


class SquaredHinge(OfLoss):
    """The mean of the loss ``SquaredHinge``."""

    loss = losses.SquaredHinge


class CategoricalHinge(OfLoss):
    """The mean of the loss ``CategoricalHinge``."""

    loss = losses.CategoricalHinge


class Poisson(OfLoss):
    """The mean of the loss ``Poisson``."""

    loss = losses.Poisson


class KLDivergence(OfLoss):
    """The mean of the loss ``KLDivergence``."""

    loss = losses.KLDivergence


class _OfCrossEntropy(Metric):
    """The mean of a cross-entropy.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        label_smoothing: as of the loss.
        axis: of the classes; the last one.
    """

    direction = "down"

    loss: Any

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.options: dict[str, Any] = {
            "from_logits": bool(from_logits),
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        self.loss(**self.options)  # which checks them

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        known = head_of(prediction).name in ("softmax", "sigmoid")
        options = {**self.options, "from_logits": self.options["from_logits"] and not known}
        smooth: Any = self.loss(**{**options, "from_logits": False})
        if known or not options["from_logits"]:
            share = 0.5 if isinstance(smooth, losses.BinaryCrossentropy) else None
            t = smooth.smooth(targets) if share is None else smooth.smoothed(targets, share)
            row = "ce" if share is None else "bce"
            return ops.pointwise_loss(prediction, t, row, total=share is None)
        values: Tensor = self.loss(**options).lower(prediction, targets).values
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), **self.options}


class BinaryCrossentropy(_OfCrossEntropy):
    """The mean of the loss ``BinaryCrossentropy``, of probabilities in [1e-7, 1 - 1e-7]."""

    loss = losses.BinaryCrossentropy


class CategoricalCrossentropy(_OfCrossEntropy):
    """The mean of the loss ``CategoricalCrossentropy``, of probabilities in [1e-7, 1 - 1e-7]."""

    loss = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(Metric):
    """The mean of ``-log p[label]``, of probabilities.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        ignore_class: accepted as in Keras; the loss leaves those places out.
        axis: of the classes; the last one.
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.options: dict[str, Any] = {
            "from_logits": bool(from_logits),
            "ignore_class": ignore_class,
            "axis": axis,
        }

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place: that of the loss, whose scores are known."""
        if seen.kind.classes is None:
            raise self._refuse("integer labels")
        node = seen.prediction.producer
        if node is not None and node.op.name == "softmax_ce_sparse" and node.outputs[1] is not None:
            return node.outputs[1]
        loss = losses.SparseCategoricalCrossentropy(**self.options)
        return loss.lower(seen.prediction, seen.targets).values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), **self.options}
