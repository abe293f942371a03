"""Numbers that are handed over, and their mean or sum so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.metrics.base import Metric, Seen

__all__ = ["Mean", "Sum"]


class Mean(Metric):
    """The mean of numbers that are handed over, weighted if asked.

    Args:
        name: its name.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> mean = fastnn.metrics.Mean()
        >>> mean.update_state([1, 3, 5, 7])
        >>> mean.result()
        4.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        self.reset_state()

    def track(self, seen: Seen) -> None:
        """Refuse: a model has targets and predictions, not numbers."""
        raise TypeError(
            f"compile: {self.name!r} is for numbers that you hand over yourself, with "
            "update_state(values); give metrics= a metric of targets and predictions"
        )

    def update_state(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Add numbers.

        Args:
            values: a number, or an array of them.
            sample_weight: a weight for each, or what NumPy repeats to that.
        """
        values = np.asarray(values, np.float64)
        weights = np.ones(values.shape)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
            weights = np.broadcast_to(weights, values.shape)
        for value, weight in zip(values.ravel().tolist(), weights.ravel().tolist(), strict=True):
            self._sum += value * weight  # one after the other, as in a program
            self._weight += weight

    def result(self) -> Any:
        """Return the mean of all that was added."""
        return self._sum / self._weight if self._weight else 0.0

    def reset_state(self) -> None:
        """Begin anew."""
        self._sum = self._weight = 0.0

    def __call__(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> Any:
        """Add numbers, and return the value so far."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(Mean):
    """The sum of numbers that are handed over, weighted if asked.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Sum()([1, 3, 5, 7])
        16.0
    """

    def result(self) -> Any:
        """Return the sum of all that was added."""
        return self._sum
