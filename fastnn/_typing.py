"""Names for types that appear everywhere."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "ArrayLike"]

#: An array of numbers of some type.
Array = NDArray[Any]
