"""Numbers as C99: hexadecimal, so that no bit depends on who reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from fastnn._typing import Array

__all__ = ["array", "literal"]

_PER_LINE = 6


def literal(value: float, double: bool) -> str:
    """Return a number as C.

    Example:
        >>> from fastnn.c99.literals import literal
        >>> literal(0.1, double=False), literal(-0.5, double=True)
        ('0x1.99999ap-4f', '-0x1p-1')
    """
    value = float(value if double else np.float32(value))
    if not math.isfinite(value):
        return "NAN" if value != value else "INFINITY" if value > 0 else "-INFINITY"
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").removesuffix(".")
    return f"{mantissa}p{int(exponent)}{'' if double else 'f'}"


def array(kind: str, name: str, values: Array, double: bool) -> Iterator[str]:
    """Yield the lines that define a constant array."""
    flat = values.reshape(-1)
    whole = flat.dtype.kind in "iu"
    numbers = [str(each) if whole else literal(each, double) for each in flat.tolist()]
    yield f"static const {kind} {name}[{max(len(numbers), 1)}] = {{"
    for at in range(0, len(numbers), _PER_LINE):
        yield "    " + ", ".join(numbers[at : at + _PER_LINE]) + ","
    yield "};" if numbers else "    0};"
