"""Losses of how far what is predicted and what is there overlap, for places of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn._checks import number
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.losses.base import Loss

__all__ = ["Dice", "Tversky"]


class Tversky(Loss):
    """``1 - both / (both + alpha missed + beta wrong + 1e-7)``, where ``both = sum(target p)``,
    ``missed = sum(target (1 - p))``, ``wrong = sum((1 - target) p)``.

    Args:
        alpha: what a place counts that is there and is not said.
        beta: what one counts that is said and not there.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        axis: of the sums, one or several, so that each sample has a loss; ``None`` sums over the
            batch, too, which has one loss then: it is the value of each of its rows.
        dtype: accepted as in Keras.

    Targets are 0 and 1, predictions probabilities.  (Salehi, Erdogmus and Gholipour, "Tversky loss
    function for image segmentation using 3D fully convolutional deep networks", 2017.)

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.Tversky(alpha=0.5, beta=0.5)([[1.0, 0.0]], [[0.5, 0.5]]), 6)
        0.5
    """

    _epsilon = 1e-7

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        who = type(self).__name__
        self.alpha, self.beta = number(who, "alpha", alpha), number(who, "beta", beta)
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of the values for a prediction of that shape, and of weights."""
        if self.axis is None:
            return prediction[:1]
        rank = len(prediction)
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        summed = {axis + rank if axis < 0 else axis for axis in axes}
        if not all(0 < axis < rank for axis in summed):
            raise ValueError(
                f"{self.name}: axis={self.axis} of an output {format_shape(prediction)} must be "
                f"among 1 to {rank - 1}, or None, which sums over the samples as well"
            )
        return tuple(n for i, n in enumerate(prediction) if i not in summed)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        both = ops.multiply(y_true, y_pred)
        found, there, said = (self._total(each) for each in (both, y_true, y_pred))
        missed, wrong = ops.subtract(there, found), ops.subtract(said, found)
        costs = ops.add(ops.scale(missed, self.alpha), ops.scale(wrong, self.beta))
        share = ops.divide(found, ops.add(ops.add(found, costs), self._epsilon))
        return ops.subtract(self._rows(y_pred), share)

    def _total(self, x: Tensor) -> Tensor:
        """Return the sum over the axes, or over everything."""
        if self.axis is not None:
            self.places(x.shape)
            return ops.sum(x, axis=self.axis)
        return ops.batch_mean(ops.sum(x, axis=tuple(range(1, len(x.shape)))), total=True)

    def _rows(self, x: Tensor) -> Tensor:
        """Return 1 for each value."""
        (ones,) = x.graph.emit("fill", shapes={"y": self.places(x.shape)}, value=1.0)
        return ones

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        axis = list(self.axis) if isinstance(self.axis, tuple) else self.axis
        known = {"alpha": self.alpha, "beta": self.beta, "axis": axis}
        return {**known, **super().get_config()}


class Dice(Tversky):
    """``1 - 2 both / (sum(target) + sum(p) + 1e-7)``, where ``both = sum(target p)``.

    Args:
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        axis: as of ``Tversky``.
        dtype: accepted as in Keras.

    (Milletari, Navab and Ahmadi, "V-Net: fully convolutional neural networks for volumetric medical
    image segmentation", 2016.)

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.Dice()([[1.0, 0.0]], [[1.0, 1.0]]), 6)
        0.333333
    """

    _epsilon = 0.5e-7  # which is added to half of the sums

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ):
        super().__init__(0.5, 0.5, reduction, name, axis, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        config = super().get_config()
        return {name: config[name] for name in ("axis", "reduction", "name")}
