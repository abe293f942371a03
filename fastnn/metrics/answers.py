"""Right and wrong answers: precision, recall, and plain counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._checks import count
from fastnn._typing import Array
from fastnn.metrics.base import ratio
from fastnn.metrics.thresholds import Counts, Thresholds

__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
]


class Answers(Thresholds):
    """A metric of thresholds, of which there may be several, and of one class or all.

    Args:
        thresholds: a number in [0, 1] or several; ``None`` is 0.5, or with ``top_k`` none.
        top_k: only the so many largest predictions of a place count as yes.
        class_id: count this column alone.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        who = type(self).__name__
        default = 0.5 if top_k is None else self._lowest
        given = default if thresholds is None else thresholds
        each = [float(t) for t in np.atleast_1d(np.asarray(given, np.float64))]
        if thresholds is not None and not all(0 <= t <= 1 for t in each):
            raise ValueError(f"{who}: thresholds must be in [0, 1], got {str(thresholds)[:60]}")
        kept = None if top_k is None else count(who, "top_k", top_k, 1)
        super().__init__(name, dtype, each, kept)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self._order = np.argsort(np.argsort(each, kind="stable"), kind="stable")

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        raise NotImplementedError

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        values = self.share(self.counts_of(total, self.class_id))[self._order]
        return float(values[0]) if len(values) == 1 else values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        thresholds = self.thresholds
        known = thresholds if thresholds is None else np.asarray(thresholds, float).tolist()
        return {
            **super().get_config(),
            "thresholds": known,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(Answers):
    """The share of right answers among those that say yes: ``tp / (tp + fp)``; 0 if none does.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        0.6666666666666666
    """

    direction = "up"

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return ratio(counts.tp, counts.tp + counts.fp)


class Recall(Answers):
    """The share of targets 1 that are found: ``tp / (tp + fn)``; 0 if there is none.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        0.6666666666666666
    """

    direction = "up"

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return ratio(counts.tp, counts.tp + counts.fn)


class _Count(Answers):
    """How many answers are of one sort, or the sum of their weights.

    Args:
        thresholds: a number in [0, 1] or several; ``None`` is 0.5.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    which: str

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(thresholds, name=name, dtype=dtype)

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return np.asarray(getattr(counts, self.which))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        return {name: config[name] for name in ("name", "thresholds")}


class TruePositives(_Count):
    """The answers that say yes, and are right."""

    direction = "up"

    which = "tp"


class FalsePositives(_Count):
    """The answers that say yes, and are wrong."""

    direction = "down"

    which = "fp"


class TrueNegatives(_Count):
    """The answers that say no, and are right."""

    direction = "up"

    which = "tn"


class FalseNegatives(_Count):
    """The answers that say no, and are wrong."""

    direction = "down"

    which = "fn"
