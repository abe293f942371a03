"""Intersections over unions: how well the places that are said to be of a class are those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import ops
from fastnn._checks import count, flag
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor
from fastnn.losses import Targets
from fastnn.metrics.base import Metric, Seen, ratio
from fastnn.metrics.confusion import ConfusionMatrix

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(ConfusionMatrix):
    """The mean over some classes of ``both / either``: places that are and are said to be of a
    class, and those that are or are said to be.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes whose mean it is.
        name: its name in the logs.
        dtype: accepted as in Keras.
        ignore_class: a class whose places do not count.
        sparse_y_true: whether targets are labels; ``False`` takes the largest along ``axis``.
        sparse_y_pred: the same for predictions.
        axis: of the classes; not that of the samples.

    Classes that are nowhere do not count.  Scores and one-hot targets are known by numbers that are
    not whole, or by an axis more than the labels have, and need no ``sparse_`` argument; in a model
    a prediction has scores, or one unit, which is compared with one half.

    Example:
        >>> import fastnn
        >>> iou = fastnn.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> round(iou([0, 0, 1, 1], [0, 1, 0, 1]), 6)
        0.333333
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        who = type(self).__name__
        self.num_classes: int | None = count(who, "num_classes", num_classes, 1)
        self.target_class_ids: list[int] | None = [
            count(who, "each of target_class_ids", each) for each in target_class_ids
        ]
        if max(self.target_class_ids, default=-1) >= num_classes:
            raise ValueError(
                f"{who}: target_class_ids must be below num_classes={num_classes}, got "
                f"{max(self.target_class_ids)}"
            )
        self._set(ignore_class, sparse_y_true, sparse_y_pred, axis)

    def _set(
        self, ignore_class: int | None, sparse_y_true: bool, sparse_y_pred: bool, axis: int
    ) -> None:
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true = flag(self.name, "sparse_y_true", sparse_y_true)
        self.sparse_y_pred = flag(self.name, "sparse_y_pred", sparse_y_pred)

    # ---- in a program ----------------------------------------------------------------------------

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of weights for a prediction of that shape."""
        at = self.axis % len(prediction)
        return prediction[:at] + prediction[at + 1 :]

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph, of classes on the last axis."""
        targets = seen.targets if seen.kind.classes else ops.moveaxis(seen.targets, self.axis, -1)
        prediction = ops.moveaxis(seen.prediction, self.axis, -1)
        super().track(seen._replace(prediction=prediction, targets=targets))

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        matrix = self._cut(self.matrix(total))
        both = np.diag(matrix)
        either = matrix.sum(0) + matrix.sum(1) - both
        some = list(range(len(matrix))) if self.target_class_ids is None else self.target_class_ids
        each = ratio(both, either)[some]
        return float(each.sum() / max(np.count_nonzero(either[some]), 1))

    def _cut(self, matrix: Array) -> Array:
        """Return the matrix of ``num_classes``, without places of the ignored class."""
        size = len(matrix) if self.num_classes is None else self.num_classes
        kept = np.zeros((size, size))
        known = min(size, len(matrix))
        kept[:known, :known] = matrix[:known, :known]
        if self.ignore_class is not None and 0 <= self.ignore_class < size:
            kept[self.ignore_class] = 0
        return kept

    # ---- by itself -------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add arrays to the totals.

        Args:
            y_true: labels, or a target for each class.
            y_pred: labels, or a score for each class.
            sample_weight: (rows,), or a weight for each place.

        Places whose label is ignored, or no class, do not count.
        """
        given, scores = np.asarray(y_true), np.asarray(y_pred)
        said = self._labels(scores, self.sparse_y_pred and scores.ndim <= given.ndim)
        true = self._labels(given, self.sparse_y_true and given.ndim <= said.ndim)
        size = max(true.max(initial=-1), said.max(initial=-1)) + 1
        if scores.ndim > said.ndim:
            size = max(size, scores.shape[self.axis])
        size = size if self.num_classes is None else self.num_classes
        kept = (true >= 0) & (true < size) & (said >= 0) & (said < size)
        if self.ignore_class is not None:
            kept &= true != self.ignore_class
        weights = None if sample_weight is None else _spread(sample_weight, true.shape)[kept]
        if kept.any():
            super().update_state(true[kept], np.eye(max(size, 2))[said[kept]], weights)

    def _labels(self, values: Array, are: bool) -> Array:
        whole = values.dtype.kind in "biu" or bool((values == np.floor(values)).all())
        if are and whole:
            return values.astype(np.int64)
        if values.ndim == 1 or values.shape[self.axis] == 1:
            one = values if values.ndim == 1 else values.take(0, self.axis)
            return (one > self.threshold).astype(np.int64)
        return np.asarray(values.argmax(self.axis))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "name": self.name,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


def _spread(weights: Any, shape: tuple[int, ...]) -> Array:
    """Return weights for each place: those of the rows, repeated."""
    array = np.asarray(weights, np.float64)
    return np.broadcast_to(array.reshape(array.shape + (1,) * (len(shape) - array.ndim)), shape)


class MeanIoU(IoU):
    """The mean over all classes of ``both / either``, of places that are or are said to be of it.

    Args:
        num_classes: how many; ``None`` asks the model's outputs.
        name: its name in the logs.
        dtype: accepted as in Keras.
        ignore_class: as of ``IoU``.
        sparse_y_true: as of ``IoU``.
        sparse_y_pred: as of ``IoU``.
        axis: as of ``IoU``.

    Example:
        >>> import fastnn
        >>> round(fastnn.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 6)
        0.333333
    """

    def __init__(
        self,
        num_classes: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        ConfusionMatrix.__init__(self, name, dtype)
        who = type(self).__name__
        known = None if num_classes is None else count(who, "num_classes", num_classes, 1)
        self.num_classes, self.target_class_ids = known, None
        self._set(ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """``IoU`` of targets that are one-hot.

    Args:
        num_classes: as of ``IoU``.
        target_class_ids: as of ``IoU``.
        name: its name in the logs.
        dtype: accepted as in Keras.
        ignore_class: as of ``IoU``.
        sparse_y_pred: as of ``IoU``.
        axis: as of ``IoU``.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        options = (ignore_class, False, sparse_y_pred, axis)
        super().__init__(num_classes, target_class_ids, name, dtype, *options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """``MeanIoU`` of targets that are one-hot.

    Args:
        num_classes: as of ``MeanIoU``.
        name: its name in the logs.
        dtype: accepted as in Keras.
        ignore_class: as of ``IoU``.
        sparse_y_pred: as of ``IoU``.
        axis: as of ``IoU``.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class BinaryIoU(IoU):
    """``IoU`` of targets 0 and 1, each unit by itself.

    Args:
        target_class_ids: ``[0]``, ``[1]`` or both.
        threshold: from which on a prediction says 1.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> round(fastnn.metrics.BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 6)
        0.583333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = float(threshold)

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of weights for a prediction of that shape."""
        return prediction[:-1]

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph, of each unit as a place."""
        if seen.numbers is None:
            raise self._refuse("targets of 0 and 1")
        p, weights = seen.prediction, seen.weights
        if weights is not None:
            weights = ops.broadcast_to(_units(weights), p.shape)
        said, kind = _units(ops.greater_equal(p, self.threshold)), Targets((*p.shape, 1))
        # what is said is 0 or 1 already
        ConfusionMatrix().track(Seen(said, _units(seen.numbers), kind, weights))

    def kind_of(self, y_true: Array, y_pred: Array) -> Targets:
        """Return what the metric expects beside predictions, where it is used by itself."""
        return Targets((None, *y_pred.shape[1:]))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add arrays to the totals.

        Args:
            y_true: 0 and 1.
            y_pred: the same shape.
            sample_weight: (rows,), or a weight for each place before the last axis.
        """
        Metric.update_state(self, y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        known = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**known, "name": self.name}


def _units(x: Tensor) -> Tensor:
    return ops.expand_dims(x, -1)
