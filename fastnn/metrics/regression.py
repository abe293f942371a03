"""How well numbers are predicted, against how much they vary."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import ops
from fastnn._typing import Array
from fastnn.compiler.graph import Tensor
from fastnn.losses import Targets
from fastnn.metrics.base import Metric, Seen, ratio

__all__ = ["R2Score"]

#: 2^12 + 1, which parts the 24 digits of float32.
_SPLITTER = 4097.0

#: Numbers that are summed up for each column.
_SUMS = 5

#: The variation, in squares, that rounding makes of targets that do not vary.
_NOISE = 1e-13


class R2Score(Metric):
    """``1 - sum (target - prediction)^2 / sum (target - mean target)^2``: 1 is perfect.

    Args:
        class_aggregation: of several columns: ``"uniform_average"``,
            ``"variance_weighted_average"``, or ``None`` for one number each.
        num_regressors: the p of the adjusted score ``1 - (1 - r2) (n - 1) / (n - p - 1)``, where n
            is how many numbers are predicted, those of all columns; 0 is the plain score.
        name: its name in the logs.
        dtype: accepted as in Keras.

    A column whose targets are all alike has no variation to explain; it counts as 0, as in Keras.

    Example:
        >>> import fastnn
        >>> round(fastnn.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 6)
        0.571429
    """

    direction = "up"

    columns = True

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name, dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "R2Score: class_aggregation must be None, 'uniform_average' or "
                f"'variance_weighted_average', got {str(class_aggregation)[:40]!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must be 0 or more, got {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, int(num_regressors)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose targets, their squares in three parts, and squared errors, side by side.

        The variation is the small difference of large sums, which are in double precision.  The
        squares of both halves of a target's digits, and their product, are exact in either
        (Dekker, "A floating-point technique for extending the available precision", 1971).
        """
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        error = ops.subtract(targets, prediction)
        scaled = ops.multiply(targets, _SPLITTER)
        high = ops.subtract(scaled, ops.subtract(scaled, targets))
        low = ops.subtract(targets, high)
        both = ops.multiply(ops.multiply(high, low), 2.0)
        squares = [ops.multiply(high, high), both, ops.multiply(low, low)]
        return ops.concatenate([targets, *squares, ops.multiply(error, error)], -1)

    @property
    def parts(self) -> int:  # type: ignore[override]
        """How many totals ``track`` asks for."""
        return 2 if self.num_regressors else 1

    def track(self, seen: Seen) -> None:
        """Add the sums to the graph, and for the adjusted score the number of targets."""
        super().track(seen)
        if self.num_regressors:
            graph, one = seen.prediction.graph, ops.get_item(seen.prediction, (..., 0))
            graph.emit("accumulate", one, None, None, graph.total(np.zeros(2)), watched=0)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        if not self.num_regressors:
            return super().read(total)
        columns = (total.size - 3) // _SUMS
        score = self.combine(total[:-3], float(total[-3]))
        adjusted = self._adjusted(np.asarray(score), float(total[-1]) * columns)
        return adjusted if self.class_aggregation is None else float(adjusted)

    def combine(self, sums: Array, count: float) -> Any:
        """Return the value from the sums of columns and the sum of weights."""
        plain, *squares, error = sums.reshape(_SUMS, -1)
        square = sum(squares)
        variation = square - plain * ratio(plain, np.full(len(plain), count))
        scores = np.where(
            variation > _NOISE * square, 1 - ratio(error, np.maximum(variation, 0)), 0.0
        )
        if self.class_aggregation is None:
            return scores
        weighted = self.class_aggregation == "variance_weighted_average"
        weights = variation if weighted else np.ones(len(scores))
        return float(ratio(weights @ scores, weights.sum()))

    def _adjusted(self, score: Array, count: float) -> Array:
        left = count - self.num_regressors - 1
        return score if left <= 0 else np.asarray(1 - (1 - score) * (count - 1) / left)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
            **super().get_config(),
        }
