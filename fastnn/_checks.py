"""Numbers and names that callers give as options, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["count", "fraction", "not_negative", "number", "one_of", "positive_number"]


def count(who: str, name: str, value: Any, least: int = 0) -> int:
    """Return ``value`` if it is an integer of at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{who}: {name} must be an integer, got {type(value).__name__}")
    if int(value) < least:
        raise ValueError(f"{who}: {name} must be {least} or more, got {int(value)}")
    return int(value)


def number(who: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; ``who`` and ``name`` are for messages."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__}") from None


def not_negative(who: str, name: str, value: Any) -> float:
    """Return ``value`` if it is not negative."""
    known = number(who, name, value)
    if not known >= 0:
        raise ValueError(f"{who}: {name} must be at least 0, got {known}")
    return known


def positive_number(who: str, name: str, value: Any) -> float:
    """Return ``value`` if it is positive."""
    known = number(who, name, value)
    if not known > 0:
        raise ValueError(f"{who}: {name} must be positive, got {known}")
    return known


def fraction(who: str, name: str, value: Any, closed: bool = False) -> float:
    """Return ``value`` if it is in [0, 1), or in [0, 1] if ``closed``."""
    known = number(who, name, value)
    if not (0 <= known < 1 or (closed and known == 1)):
        raise ValueError(f"{who}: {name} must be in [0, 1{']' if closed else ')'}, got {known}")
    return known


def one_of(who: str, name: str, value: Any, known: Sequence[str]) -> str:
    """Return ``value`` if it is one of the known names."""
    if value not in known:
        raise ValueError(
            f"{who}: {name} must be one of {', '.join(known)}, got {str(value)[:60]!r}"
        )
    return str(value)
