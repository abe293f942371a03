"""Accuracies: shares of right answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import losses, ops
from fastnn._checks import count, flag
from fastnn._typing import Array
from fastnn.compiler.graph import Tensor
from fastnn.compiler.heads import head_of
from fastnn.losses import Targets
from fastnn.metrics.base import Metric, Seen
from fastnn.naming import snake_case

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "SubsetAccuracy",
    "TopKCategoricalAccuracy",
]


class SparseCategoricalAccuracy(Metric):
    """The share of places whose largest score is their label's; ties go to the lowest class."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is None:
            raise self._refuse("integer labels")
        return ops.sparse_categorical_accuracy(prediction, targets)


class CategoricalAccuracy(Metric):
    """The share of places whose largest score and largest target agree."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("a target for each class")
        return ops.categorical_accuracy(prediction, targets)


class BinaryAccuracy(Metric):
    """The share of units where ``probability > threshold`` agrees with the target.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: of the probability; where the loss has ``from_logits``, of the logits' sigmoid.
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of 0 and 1")
        return ops.binary_accuracy(prediction, targets, self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "threshold": self.threshold}


class SubsetAccuracy(BinaryAccuracy):
    """The share of samples all of whose labels are right, where each may have several.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: of the probability.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.SubsetAccuracy()([[1, 0], [1, 1]], [[0.9, 0.2], [0.8, 0.3]])
        0.5
    """

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of 0 and 1")
        return ops.binary_accuracy(prediction, targets, self.threshold, subset=True)


#: Losses of numbers, where nothing is right or wrong.
_OF_NUMBERS = (
    losses.MeanSquaredError,
    losses.HalfMeanSquaredError,
    losses.MeanAbsoluteError,
    losses.MeanAbsolutePercentageError,
    losses.MeanSquaredLogarithmicError,
    losses.Huber,
    losses.LogCosh,
    losses.Poisson,
    losses.CosineSimilarity,
)


class Accuracy(Metric):
    """The accuracy that fits the targets: of labels, of one-hot rows, or of each unit.

    By itself, on two arrays of labels of one shape, it is the share that is equal.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Activation("linear")])
        >>> loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile(loss=loss, metrics=["accuracy"])
        >>> model.evaluate([[-3.0, -2.0], [5.0, 4.0]], [1, 0], verbose=0)[1]
        1.0
    """

    direction = "up"

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place."""
        prediction, loss = seen.prediction, seen.loss
        head = head_of(prediction).name
        if isinstance(loss, _OF_NUMBERS) and head in ("linear", "relu"):
            raise ValueError(
                f"compile: {self.name!r} counts right answers, but {loss.name} measures numbers "
                f"and the activation of the last layer is {head}; use metrics=['mae'], or a "
                "softmax or sigmoid with a cross-entropy to classify"
            )
        if isinstance(loss, losses.Hinge | losses.SquaredHinge):  # labels -1 or 0, and 1
            return ops.binary_accuracy(prediction, ops.relu(seen.targets), 0.0)
        at = -1 if loss is None else loss.place(prediction.shape)
        if at in (-1, len(prediction.shape) - 1):
            return self.lower(prediction, seen.targets, seen.kind)
        targets = seen.targets if seen.kind.classes else ops.moveaxis(seen.targets, at, -1)
        return self.lower(ops.moveaxis(prediction, at, -1), targets, seen.kind)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        return self._fitting(prediction, kind).lower(prediction, targets, kind)

    def _fitting(self, prediction: Tensor, kind: Targets) -> Metric:
        if kind.classes is not None:
            return SparseCategoricalAccuracy(self.name)
        if head_of(prediction).name == "sigmoid" or prediction.shape[-1] == 1:
            return BinaryAccuracy(self.name)
        return CategoricalAccuracy(self.name)

    def prepared(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Return whether labels are equal, as a prediction of 1, where both are labels."""
        whole = y_pred.dtype.kind in "biu" or bool((y_pred == np.floor(y_pred)).all())
        if y_true.shape != y_pred.shape or not whole:
            return y_true, y_pred
        equal = np.asarray(y_true == y_pred, np.float64).reshape(-1, 1)
        return np.ones_like(equal), equal


class TopKCategoricalAccuracy(Metric):
    """The share of places whose class is among the ``k`` with the largest scores.

    Args:
        k: how many; at least 1.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Labels and one-hot targets will both do.  Fewer than ``k`` scores have to be above that of the
    class, so ties count.
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name or snake_case(type(self).__name__).replace("topk", "top_k"), dtype)
        self.k = count(type(self).__name__, "k", k, 1)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        return ops.in_top_k(targets, prediction, self.k)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {"k": self.k, **super().get_config()}


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """``TopKCategoricalAccuracy`` by the name that Keras has for integer labels.

    Args:
        k: how many; at least 1.
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_sorted_ids: whether predictions are no scores, but classes, the best first.

    Example:
        >>> import fastnn
        >>> best = fastnn.metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
        >>> best([3, 8], [[5, 3, 8], [0, 1, 8]])
        0.5
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = None,
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(k, name, dtype)
        self.from_sorted_ids = flag(self.name, "from_sorted_ids", from_sorted_ids)

    def kind_of(self, y_true: Array, y_pred: Array) -> Targets:
        """Return what the metric expects beside predictions, where it is used by itself."""
        if self.from_sorted_ids:
            return Targets((None, *y_pred.shape[1:-1]))
        return super().kind_of(y_true, y_pred)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if not self.from_sorted_ids:
            return super().lower(prediction, targets, kind)
        first = ops.get_item(prediction, (..., slice(0, self.k)))
        return ops.any(ops.equal(first, ops.expand_dims(targets, -1)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "from_sorted_ids": self.from_sorted_ids}
