"""Counts of the answers that a threshold makes of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn import ops
from fastnn._typing import Array
from fastnn.allowance import charge
from fastnn.compiler.graph import Tensor
from fastnn.metrics.base import Metric, Seen

__all__ = ["Counts", "Thresholds", "even_thresholds"]


class Counts(NamedTuple):
    """Weights of right and wrong answers, for each column and threshold."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array


class Thresholds(Metric):
    """A metric of the answers ``prediction > threshold``.

    The totals are counts between the thresholds, of targets 0 and 1, for each column.
    """

    parts = 2  # thresholds, counts
    #: What a column that is not among the largest counts as.
    _lowest = -1e10

    def __init__(
        self, name: str | None, dtype: Any, thresholds: Sequence[float], top_k: int | None = None
    ):
        super().__init__(name, dtype)
        self._edges = np.asarray(sorted(thresholds), np.float64)
        self._top_k = top_k

    def _prediction(self, seen: Seen) -> Tensor:
        p = seen.prediction
        return p if self._top_k is None else ops.keep_top_k(p, self._top_k)

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        p = self._prediction(seen)
        columns = p.shape[-1] or 0
        edges = p.graph.total(self._edges)
        total = p.graph.total(np.zeros(2 * columns * (len(self._edges) + 1)))
        p.graph.emit("histogram", p, seen.numbers, seen.labels, seen.weights, edges, total)

    def counts_of(self, total: Array, class_id: int | None) -> Counts:
        """Return the counts, (thresholds,), of one column, or of all together."""
        counts = self.counts(total)
        columns = len(counts.tp)
        if class_id is None:
            return Counts(*(each.sum(0) for each in counts))
        if not 0 <= class_id < columns:
            raise ValueError(f"{self.name}: class_id must be in 0 to {columns - 1}, got {class_id}")
        return Counts(*(each[class_id] for each in counts))

    def counts(self, total: Array) -> Counts:
        """Return the counts, (columns, thresholds), of ascending thresholds."""
        buckets = total[len(self._edges) :].reshape(-1, 2, len(self._edges) + 1)
        below = buckets.cumsum(-1)[..., :-1]
        above = buckets[..., ::-1].cumsum(-1)[..., -2::-1]  # not all - below: 0 is to be 0
        return Counts(tp=above[:, 1], fp=above[:, 0], tn=below[:, 0], fn=below[:, 1])


#: Thresholds that a curve may have at the most; floats have some 2^24 numbers between 0 and 1/2.
_MOST = 1 << 20


def even_thresholds(count: int) -> list[float]:
    """Return thresholds from just below 0 to just above 1, as Keras's."""
    if count > _MOST:
        raise ValueError(f"num_thresholds must be at most {_MOST}, got {count:.6g}")
    charge(8 * count, f"{count} thresholds")
    inner = [(i + 1) / (count - 1) for i in range(count - 2)]
    return [-1e-7, *inner, 1 + 1e-7]
