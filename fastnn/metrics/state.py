"""Numbers that a metric in NumPy keeps from batch to batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from fastnn._typing import Array
from fastnn.errors import ShapeError

__all__ = ["State"]


class State(NDArrayOperatorsMixin):
    """A number or an array, float64, that a metric keeps from batch to batch: ``add_variable``.

    It is computed with like an array, and changed by ``assign``, ``assign_add``, ``assign_sub``.

    Args:
        start: the first value, to which ``reset`` returns.
        name: its name.
    """

    def __init__(self, start: Array, name: str):
        self.name, self._start = name, np.asarray(start, np.float64)
        self.reset()

    @property
    def value(self) -> Array:
        """The value, an array that can only be read."""
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self._start.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the value: float64."""
        return self._start.dtype

    def reset(self) -> None:
        """Return to the first value."""
        self.assign(self._start)

    def assign(self, value: Any) -> State:
        """Replace the value.

        Raises:
            ShapeError: if it has another shape.
        """
        array = np.array(value, np.float64)
        if array.shape != self.shape:
            raise ShapeError(
                f"{self.name}: assign got the shape {array.shape}, the state has {self.shape}"
            )
        array.flags.writeable = False
        self._value = array
        return self

    def assign_add(self, value: Any) -> State:
        """Add to the value."""
        return self.assign(self._value + np.asarray(value, np.float64))

    def assign_sub(self, value: Any) -> State:
        """Subtract from the value."""
        return self.assign(self._value - np.asarray(value, np.float64))

    def numpy(self) -> Array:
        """Return the value."""
        return self._value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self._value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = (x.value if isinstance(x, State) else x for x in inputs)
        return getattr(ufunc, method)(*plain, **options)

    def __float__(self) -> float:
        return float(self._value)

    def __repr__(self) -> str:
        return f"State({self.name!r}, {self._value!r})"
