"""Areas under curves of two rates, and one rate where the other is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import ops
from fastnn._checks import count, flag, fraction
from fastnn._typing import Array
from fastnn.compiler.graph import Tensor
from fastnn.compiler.heads import head_of
from fastnn.metrics.base import Metric, Seen, ratio
from fastnn.metrics.thresholds import Counts, Thresholds, even_thresholds

__all__ = [
    "AUC",
    "AtRate",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]


class AUC(Thresholds):
    """The area under a curve of two rates, over thresholds.

    Args:
        num_thresholds: how many; more make it finer.
        curve: ``"ROC"``, of the true over the false positive rate, or ``"PR"``, of precision over
            recall.
        summation_method: the height between two points: ``"interpolation"``, ``"minoring"`` or
            ``"majoring"``.
        name: its name in the logs.
        dtype: accepted as in Keras.
        thresholds: in [0, 1], instead of even ones; 0 and 1 are added.
        multi_label: whether each column has a curve of its own, whose areas are averaged.
        num_labels: accepted as in Keras.
        label_weights: weighs the columns.
        from_logits: whether predictions are logits, where the loss does not know.

    (Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic
    curve", 1982; interpolation of precision: Davis and Goadrich, 2006.)

    Example:
        >>> import fastnn
        >>> fastnn.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        0.75
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        if str(curve).upper() not in ("ROC", "PR"):
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', got {str(curve)[:40]!r}")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                "AUC: summation_method must be 'interpolation', 'minoring' or 'majoring', got "
                f"{str(summation_method)[:40]!r}"
            )
        given = None if thresholds is None else sorted(map(float, thresholds))
        if given is None:
            edges = even_thresholds(count("AUC", "num_thresholds", num_thresholds, 2))
        elif all(0 <= t <= 1 for t in given):
            edges = [-1e-7, *given, 1 + 1e-7]
        else:
            raise ValueError(f"AUC: thresholds must be in [0, 1], got {str(thresholds)[:60]}")
        super().__init__(name, dtype, edges)
        self.num_thresholds, self.thresholds = len(edges), given
        self.curve, self.summation_method = str(curve).upper(), summation_method
        self.multi_label = flag(self.name, "multi_label", multi_label)
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.from_logits = flag(self.name, "from_logits", from_logits)

    def _prediction(self, seen: Seen) -> Tensor:
        known = head_of(seen.prediction).name in ("sigmoid", "softmax")
        p = seen.prediction
        return ops.sigmoid(p) if self.from_logits and not known else p

    def read(self, total: Array) -> Any:
        """Return the area from the totals."""
        counts, weights = self.counts(total), self.label_weights
        columns = len(counts.tp)
        if weights is not None and len(weights) != columns:
            raise ValueError(
                f"{self.name}: label_weights has {len(weights)} numbers, the model has {columns} "
                "columns"
            )
        shares = np.ones(columns) if weights is None else np.asarray(weights)
        if not self.multi_label:
            together = (shares @ each for each in counts)
            return float(self._area(Counts(*(each[None] for each in together)))[0])
        return float(ratio(shares @ self._area(counts), shares.sum()))

    def _area(self, counts: Counts) -> Array:
        """Return the area of each column; the points come in the order of rising thresholds."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_area(counts)
        recall = ratio(counts.tp, counts.tp + counts.fn)
        x, y = ratio(counts.fp, counts.fp + counts.tn), recall
        if self.curve == "PR":
            x, y = recall, ratio(counts.tp, counts.tp + counts.fp)
        left, right = y[:, :-1], y[:, 1:]
        heights = {
            "interpolation": (left + right) / 2,
            "minoring": np.minimum(left, right),
            "majoring": np.maximum(left, right),
        }[self.summation_method]
        area: Array = ((x[:, :-1] - x[:, 1:]) * heights).sum(1)
        return area

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            **super().get_config(),
            "thresholds": self.thresholds,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }


def _interpolated_area(counts: Counts) -> Array:
    """The area under precision over recall, along true positives as a line of the positives."""
    tp, p = counts.tp, counts.tp + counts.fp
    fewer, more = p[:, 1:], p[:, :-1]
    d_tp, d_p = tp[:, :-1] - tp[:, 1:], more - fewer
    slope = ratio(d_tp, np.maximum(d_p, 0))
    intercept = tp[:, 1:] - slope * fewer
    both = (more > 0) & (fewer > 0)
    quotient = np.where(both, ratio(more, np.maximum(fewer, 0)), 1.0)
    positives = np.maximum(tp[:, 1:] + counts.fn[:, 1:], 0)
    area: Array = ratio(slope * (d_tp + intercept * np.log(quotient)), positives).sum(1)
    return area


class AtRate(Thresholds):
    """The best of one rate where another is at least ``value``, over thresholds.

    Args:
        value: in [0, 1].
        num_thresholds: how many.
        class_id: count this column alone.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    direction = "up"

    argument: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        who = type(self).__name__
        self.value = fraction(who, self.argument, value, closed=True)
        self.num_thresholds = count(who, "num_thresholds", num_thresholds, 1)
        self.class_id = class_id
        even = [0.5] if self.num_thresholds == 1 else even_thresholds(self.num_thresholds)
        if self.num_thresholds > 1:
            even[0], even[-1] = 0.0, 1.0
        super().__init__(name, dtype, even)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        raise NotImplementedError

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        held, sought = self.rates(self.counts_of(total, self.class_id))
        fits = held >= self.value
        return float(sought[fits].max()) if fits.any() else 0.0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Return the metric that ``get_config`` described."""
        options = dict(config)
        return cls(options.pop(cls.argument), **options)


def _specificity(c: Counts) -> Array:
    return ratio(c.tn, c.tn + c.fp)


def _sensitivity(c: Counts) -> Array:
    return ratio(c.tp, c.tp + c.fn)


def _precision(c: Counts) -> Array:
    return ratio(c.tp, c.tp + c.fp)


class SensitivityAtSpecificity(AtRate):
    """The best ``tp / (tp + fn)`` where ``tn / (tn + fp)`` is at least the given value."""

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _specificity(counts), _sensitivity(counts)


class SpecificityAtSensitivity(AtRate):
    """The best ``tn / (tn + fp)`` where ``tp / (tp + fn)`` is at least the given value."""

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _sensitivity(counts), _specificity(counts)


class PrecisionAtRecall(AtRate):
    """The best ``tp / (tp + fp)`` where ``tp / (tp + fn)`` is at least the given value."""

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _sensitivity(counts), _precision(counts)


class RecallAtPrecision(AtRate):
    """The best ``tp / (tp + fn)`` where ``tp / (tp + fp)`` is at least the given value."""

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _precision(counts), _sensitivity(counts)
