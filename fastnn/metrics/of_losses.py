"""Losses as metrics."""

from __future__ import annotations

import math
from typing import Any

from fastnn import losses, ops
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor
from fastnn.compiler.heads import head_of
from fastnn.losses import Loss, Targets
from fastnn.losses.crossentropy import CrossEntropy
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
    "OfCrossEntropy",
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

    def made(self) -> Loss:
        """Return the loss."""
        return self.loss(**self.options)

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of weights for a prediction of that shape."""
        return self.made().places(prediction)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return self.made().call(targets, prediction)


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


class CosineSimilarity(OfLoss):
    """The mean cosine of the angle between prediction and target: 1 where they point one way.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the vectors; not that of the samples.
    """

    direction = "up"

    loss = losses.CosineSimilarity

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype)
        self.axis = losses.CosineSimilarity(axis).axis

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the loss."""
        return {"axis": self.axis}

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        return ops.scale(super().lower(prediction, targets, kind), -1.0)

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


class OfCrossEntropy(OfLoss):
    """The mean of a cross-entropy."""

    loss: type[CrossEntropy]

    def __init__(self, name: str | None, dtype: Any, options: dict[str, Any]):
        super().__init__(name, dtype)
        self._options = options
        self.made()  # which checks them

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the loss."""
        return self._options

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        labels = self.loss is losses.SparseCategoricalCrossentropy
        if labels != (kind.classes is not None):
            raise self._refuse("integer labels" if labels else "targets of the prediction's shape")
        loss = self.loss(**self.options)
        if loss.from_logits and head_of(prediction).name not in ("softmax", "sigmoid"):
            return loss.lower(prediction, targets).values
        at = loss.place(prediction.shape)
        return loss.of_probabilities(ops.moveaxis(prediction, at, -1), loss.prepared(targets, at))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), **self.options}


class BinaryCrossentropy(OfCrossEntropy):
    """The mean of the loss ``BinaryCrossentropy``, of probabilities in [1e-7, 1 - 1e-7].

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        label_smoothing: as of the loss.
        axis: of the units; not that of the samples.
    """

    loss = losses.BinaryCrossentropy

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(name, dtype, options)


class CategoricalCrossentropy(BinaryCrossentropy):
    """The mean of the loss ``CategoricalCrossentropy``, of probabilities in [1e-7, 1 - 1e-7].

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        label_smoothing: as of the loss.
        axis: of the classes; not that of the samples.
    """

    loss = losses.CategoricalCrossentropy  # type: ignore[assignment]


class SparseCategoricalCrossentropy(OfCrossEntropy):
    """The mean of ``-log p[label]``, of probabilities.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        ignore_class: a label that leaves its place out of the mean; ``None``.
        axis: of the classes; not that of the samples.
    """

    loss = losses.SparseCategoricalCrossentropy

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(name, dtype, options)

    def kind_of(self, y_true: Array, y_pred: Array) -> Targets:
        """Return what the metric expects beside predictions, where it is used by itself."""
        return self.made().targets((None, *y_pred.shape[1:]))

    def track(self, seen: Seen) -> None:
        """Add the metric to the graph, without the places that are left out."""
        ignored = self.options["ignore_class"]
        if ignored is not None and seen.kind.classes is not None:
            t = seen.targets
            kept = ops.logical_and(ops.greater_equal(t, 0.0), ops.not_equal(t, float(ignored)))
            weights = kept if seen.weights is None else ops.multiply(kept, seen.weights)
            seen = seen._replace(weights=weights)
        super().track(seen)

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place, or take that of the loss."""
        node = seen.prediction.producer
        if node is not None and node.op.name == "softmax_ce_sparse" and node.outputs[1] is not None:
            return node.outputs[1]
        return super().values(seen)
