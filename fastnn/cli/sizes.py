"""Which numbers float32 has no room for, once they are scaled."""

from __future__ import annotations

import numpy as np

from fastnn._typing import Array
from fastnn.data.schema import LARGEST, SMALLEST

__all__ = ["too_large", "too_small"]


def too_large(values: Array) -> str:
    """Return what numbers cannot be scaled, if there are such; NaN is none."""
    largest = np.nanmax(np.abs(values), initial=0)
    if largest <= LARGEST:
        return ""
    return (
        f"numbers up to {largest:.3g}, whose squares are beyond the range of float32; give them in "
        "a larger unit"
    )


def too_small(values: Array) -> str:
    """Return what numbers differ, but by too little to be scaled, if none differ by more.

    Args:
        values: (rows, ...), of which the rows are compared; NaN is none.
    """
    if not len(values):
        return ""
    most, least = (end.reduce(values, axis=0).astype(np.float64) for end in (np.fmax, np.fmin))
    extent = np.fmax.reduce(np.ravel(most - least), initial=0)
    if not 0 < extent < SMALLEST:
        return ""
    return (
        f"numbers that differ by {extent:.3g}, too little for float32; give them in a smaller unit"
    )
