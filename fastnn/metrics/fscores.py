"""Precision and recall as one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._checks import positive_number
from fastnn._typing import Array
from fastnn.metrics.base import Metric, Seen, ratio
from fastnn.metrics.confusion import ConfusionMatrix
from fastnn.metrics.thresholds import Thresholds

__all__ = ["F1Score", "FBetaScore"]


class FBetaScore(Metric):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)`` of each class.

    Args:
        average: ``None`` gives one number a class; ``"macro"`` their mean, ``"weighted"`` their
            mean weighted by how frequent they are, ``"micro"`` counts all answers together.
        beta: how much more recall counts; positive.
        threshold: above which a class is said; ``None`` says the largest alone.
        name: its name in the logs.
        dtype: accepted as in Keras.

    (van Rijsbergen, "Information retrieval", 1979.)
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name, dtype)
        who = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{who}: average must be None, 'micro', 'macro' or 'weighted', got "
                f"{str(average)[:40]!r}"
            )
        self.average, self.threshold = average, threshold
        self.beta = positive_number(who, "beta", beta)
        inner: Metric = ConfusionMatrix()
        if threshold is not None:
            inner = Thresholds(None, None, [float(threshold)])
        self._counted, self.parts = inner, inner.parts

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        if self.threshold is None and seen.prediction.shape[-1] == 1:
            raise ValueError(
                f"compile: {self.name!r} of one unit needs a threshold: "
                f"metrics.{type(self).__name__}(threshold=0.5)"
            )
        self._counted.track(seen)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        if isinstance(self._counted, Thresholds):
            counts = self._counted.counts(total)
            tp, fp, fn = (each[:, 0] for each in (counts.tp, counts.fp, counts.fn))
        else:
            matrix = ConfusionMatrix().matrix(total)
            tp = np.diag(matrix)
            fp, fn = matrix.sum(0) - tp, matrix.sum(1) - tp
        if self.average == "micro":
            tp, fp, fn = (each.sum(keepdims=True) for each in (tp, fp, fn))
        square = self.beta**2
        scores = ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average is None:
            return scores
        weights = tp + fn if self.average == "weighted" else np.ones(len(scores))
        return float(ratio(weights @ scores, weights.sum()))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
            **super().get_config(),
        }


class F1Score(FBetaScore):
    """``2 precision recall / (precision + recall)`` of each class.

    Args:
        average: as of ``FBetaScore``.
        threshold: above which a class is said; ``None`` says the largest alone.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> f1 = fastnn.metrics.F1Score(average="macro")
        >>> f1([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        0.6666666666666666
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["beta"]
        return config
