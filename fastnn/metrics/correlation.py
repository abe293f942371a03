"""How predictions and targets vary together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Shape, Tensor
from fastnn.losses import Targets
from fastnn.metrics.base import Metric

__all__ = ["ConcordanceCorrelation", "PearsonCorrelation"]

Axes = int | Sequence[int]


class _Correlation(Metric):
    """The mean of a coefficient of the numbers along some axes.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the numbers, one or several; not that of the samples.
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, axis: Axes = -1):
        super().__init__(name, dtype)
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of weights for a prediction of that shape."""
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        gone = {axis % len(prediction) for axis in axes}
        return tuple(n for i, n in enumerate(prediction) if i not in gone)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return self.coefficient(targets, prediction)

    def coefficient(self, t: Tensor, p: Tensor) -> Tensor:
        """Compose the coefficient along the axes."""
        raise NotImplementedError

    def centred(self, x: Tensor) -> Tensor:
        """Compose how far the numbers are from their mean."""
        return ops.subtract(x, ops.mean(x, self.axis, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        axis = self.axis if isinstance(self.axis, int) else list(self.axis)
        return {**super().get_config(), "axis": axis}


class PearsonCorrelation(_Correlation):
    """``mean((t - mean t) (p - mean p)) / (std t std p)`` of each row: 1 where p rises with t on a
    line, -1 where it falls.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the numbers, one or several; not that of the samples.

    Numbers that do not vary have no coefficient: NaN.  (Pearson, "Note on regression and
    inheritance in the case of two parents", 1895.)

    Example:
        >>> import fastnn
        >>> y = [[0.0, 1.0, 0.5], [1.0, 1.0, 0.2]]
        >>> round(fastnn.metrics.PearsonCorrelation()(y, [[0.1, 0.9, 0.5], [1.0, 0.9, 0.2]]), 5)
        0.9967
    """

    def coefficient(self, t: Tensor, p: Tensor) -> Tensor:
        """Compose the coefficient along the axes."""
        both = ops.mean(ops.multiply(self.centred(t), self.centred(p)), self.axis)
        return ops.divide(both, ops.multiply(ops.std(t, self.axis), ops.std(p, self.axis)))


class ConcordanceCorrelation(_Correlation):
    """``2 mean((t - mean t) (p - mean p)) / (var t + var p + (mean t - mean p)^2)`` of each row:
    1 where p is t.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the numbers, one or several; not that of the samples.

    1e-7 is added to what is divided by, as in Keras.  (Lin, "A concordance correlation coefficient
    to evaluate reproducibility", 1989.)

    Example:
        >>> import fastnn
        >>> y = [[0.0, 1.0, 0.5], [1.0, 1.0, 0.2]]
        >>> round(fastnn.metrics.ConcordanceCorrelation()(y, [[0.1, 0.9, 0.5], [1.0, 0.9, 0.2]]), 5)
        0.98163
    """

    def coefficient(self, t: Tensor, p: Tensor) -> Tensor:
        """Compose the coefficient along the axes."""
        both = ops.mean(ops.multiply(self.centred(t), self.centred(p)), self.axis)
        apart = ops.square(ops.subtract(ops.mean(t, self.axis), ops.mean(p, self.axis)))
        spread = ops.add(ops.add(ops.var(t, self.axis), ops.var(p, self.axis)), apart)
        return ops.divide(ops.scale(both, 2.0), ops.add(spread, 1e-7))
