"""Rate: a learning rate as people hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Rate"]


class Rate(float):
    """The number that ``optimizer.learning_rate`` is, which can be assigned as Keras's variable.

    Example:
        >>> import fastnn
        >>> adam = fastnn.optimizers.Adam(0.5)
        >>> adam.learning_rate.assign(adam.learning_rate / 2)
        >>> adam.learning_rate
        0.25
    """

    _assign: Callable[[Any], None]

    @classmethod
    def of(cls, value: float, assign: Callable[[Any], None]) -> Rate:
        """Return a rate; ``assign`` is called with the next one."""
        rate = cls(value)
        rate._assign = assign
        return rate

    def assign(self, value: Any) -> None:
        """Let the optimizer have another rate, as by ``optimizer.learning_rate = value``."""
        self._assign(value)

    def numpy(self) -> np.float64:
        """Return the number as NumPy's."""
        return np.float64(self)

    @property
    def value(self) -> float:
        """The number."""
        return float(self)

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        """Copy the number alone."""
        return float, (float(self),)
