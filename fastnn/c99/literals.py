"""Numbers as C99: hexadecimal, so that no bit depends on who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from fastnn._typing import Array

__all__ = ["array", "literal"]

_PER_LINE = 6

#: What a hexadecimal number does not need, and what C has no literal for.
_SHORTER = re.compile(r"\.?0+(?=p)|\+")
_SPECIAL = {"nan": "NAN", "inf": "INFINITY", "-inf": "-INFINITY"}


def literal(value: float, double: bool) -> str:
    """Return a number as C.

    Example:
        >>> from fastnn.c99.literals import literal
        >>> literal(0.1, double=False), literal(-0.5, double=True)
        ('0x1.99999ap-4f', '-0x1p-1')
    """
    with np.errstate(over="ignore"):
        digits = float(value if double else np.float32(value)).hex()
    return _SPECIAL.get(digits) or _SHORTER.sub("", digits) + ("" if double else "f")


def array(kind: str, name: str, values: Array, double: bool) -> Iterator[str]:
    """Yield the lines that define a constant array."""
    flat = values.reshape(-1)
    yield f"static const {kind} {name}[{max(flat.size, 1)}] = {{"
    for at in range(0, flat.size, _PER_LINE):
        yield f"    {_row(flat[at : at + _PER_LINE], double)},"
    yield "};" if flat.size else "    0};"


def _row(values: Array, double: bool) -> str:
    if values.dtype.kind in "iu":
        return ", ".join(map(str, values.tolist()))
    digits = list(map(float.hex, values.tolist()))
    if not _SPECIAL.keys().isdisjoint(digits):
        return ", ".join(literal(value, double) for value in values.tolist())
    after = "" if double else "f"
    return _SHORTER.sub("", f"{after}, ".join(digits)) + after
