"""Numbers that callers give as options, checked."""

from __future__ import annotations

from typing import Any

__all__ = ["fraction", "nonnegative_number", "number", "positive_number"]


def number(who: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; ``who`` and ``name`` are for messages."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__}") from None


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


def nonnegative_number(who: str, name: str, value: Any) -> float:
    """Return ``value`` if it is finite and not below 0."""
    known = number(who, name, value)
    if not 0 <= known < float("inf"):
        raise ValueError(f"{who}: {name} must be finite and >= 0, got {known}")
    return known
