"""Random numbers as functions of a seed, whatever NumPy's version."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from fastnn import _core

__all__ = ["Draws"]


class Draws:
    """Random numbers from one seed; each request reads a stream of its own."""

    def __init__(self, seed: int):
        self._seed = seed
        self._streams = itertools.count()

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1)."""
        return _core.uniform(self._seed, next(self._streams), count)

    def normal(self, count: int) -> NDArray[np.float64]:
        """Return unit normals, by Box and Muller's method (1958)."""
        half = -(-count // 2)
        radius = np.sqrt(-2 * np.log1p(-self.uniform(half)))
        angle = 2 * math.pi * self.uniform(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def truncated(self, count: int) -> NDArray[np.float64]:
        """Return unit normals without those beyond 2: one in 22 is drawn again."""
        kept = np.empty(0)
        while kept.size < count:
            drawn = self.normal(count + count // 8 + 16)
            kept = np.concatenate([kept, drawn[np.abs(drawn) < 2]])
        return kept[:count]
