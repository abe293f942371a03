"""Metrics that users write in NumPy, as a call in the program."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.metrics.base import Metric, Seen

__all__ = ["InNumPy", "tracked"]


class InNumPy(Metric):
    """A metric of the user's own ``update_state``, which each batch of a program calls.

    Args:
        metric: the user's.
    """

    def __init__(self, metric: Metric):
        super().__init__(metric.name)
        self.direction, self._metric = metric.direction, metric

    def track(self, seen: Seen) -> None:
        """Add a call of ``update_state`` to the graph, and a count of the rows it has seen."""
        graph = seen.prediction.graph
        total = graph.total(np.zeros(2))
        given = [seen.targets, seen.prediction, *([] if seen.weights is None else [seen.weights])]
        (seen_now,) = graph.call_python([total, *given], [(None,)], function=self._update)
        graph.emit("accumulate", seen_now, None, None, total, watched=0)

    def _update(self, total: Array, y_true: Array, y_pred: Array, *weights: Array) -> list[Array]:
        if total[1] == 0:  # the first batch since the totals were cleared
            self._metric.reset_state()
        # copies: the program writes the next batch where these lie
        options = {"sample_weight": weights[0].copy()} if weights else {}
        self._metric.update_state(y_true.copy(), y_pred.copy(), **options)
        return [np.ones(len(y_pred), y_pred.dtype)]

    def read(self, total: Array) -> Any:
        """Return the user's ``result()``: a number as a float, anything else as it is."""
        value = self._metric.result()
        return float(value) if np.ndim(value) == 0 and not isinstance(value, dict) else value


def tracked(metric: Metric) -> Metric:
    """Return what a program tracks for a metric: itself, if it composes operations, or its
    ``update_state``, if that is what its class overrides last."""
    order = type(metric).__mro__

    def rank(name: str) -> int:
        return next(i for i, cls in enumerate(order) if name in vars(cls))

    composed = min(rank(name) for name in ("lower", "values", "track", "read", "combine"))
    return InNumPy(metric) if rank("update_state") < composed else metric
