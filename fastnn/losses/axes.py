"""Losses that are made along an axis, which need not be the last one."""

from __future__ import annotations

from typing import Any

from fastnn.compiler.graph import Shape, format_shape
from fastnn.losses.base import Loss

__all__ = ["AlongAxis"]


class AlongAxis(Loss):
    """A loss whose values are made along an axis, not that of the samples.

    Args:
        axis: which; 1 or more, or below 0 from the end.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.axis = _integer(type(self).__name__, axis)

    def place(self, prediction: Shape) -> int:
        """Return which axis of a prediction of that shape it is."""
        rank = len(prediction)
        at = self.axis + rank if self.axis < 0 else self.axis
        if not 0 < at < rank:
            raise ValueError(
                f"{self.name}: axis={self.axis} of an output {format_shape(prediction)} is "
                f"{'that of the samples' if at == 0 else 'not there'}; the loss can be made along "
                f"axis 1 to {rank - 1}, or -1, the last one"
            )
        return at

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"axis": self.axis, **super().get_config()}


def _integer(who: str, axis: Any) -> int:
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{who}: axis must be an integer, got {type(axis).__name__}")
    return int(axis)
