"""Numbers and names that callers give as options, checked."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "count",
    "flag",
    "fraction",
    "integer",
    "not_negative",
    "number",
    "one_of",
    "path",
    "positive_number",
    "seed",
    "shown",
]


def integer(value: Any) -> int | None:
    """Return ``value`` if it is a whole number by its type, else ``None``; a truth is none."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def flag(who: str, name: str, value: Any) -> bool:
    """Return ``value`` if it is true or false, or 1 or 0; the text ``"no"`` is neither."""
    if isinstance(value, bool | np.bool_) or integer(value) in (0, 1):
        return bool(value)
    raise TypeError(f"{who}: {name} must be True or False, got {type(value).__name__}")


def count(who: str, name: str, value: Any, least: int = 0) -> int:
    """Return ``value`` if it is an integer of at least ``least``."""
    known = integer(value)
    if known is None:
        raise TypeError(f"{who}: {name} must be an integer, got {type(value).__name__}")
    if known < least:
        raise ValueError(f"{who}: {name} must be {least} or more, got {known}")
    return known


def number(who: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; ``who`` and ``name`` are for messages."""
    try:
        if not isinstance(value, str | bytes):  # which float would read
            return float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__}")


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


def seed(who: str, value: Any) -> int | None:
    """Return ``value`` if it is a seed, or ``None``, which stands for the process's."""
    if value is None:
        return None
    known = integer(value)
    if known is None:
        raise TypeError(f"{who}: seed must be an integer or None, got {type(value).__name__}")
    if not 0 <= known < 2**64:
        raise ValueError(f"{who}: seed must be in [0, 2**64), got {known}")
    return known


def shown(value: Any) -> str:
    """Return an option as a message may show it: numbers, names and their lists, no data."""
    plain = isinstance(value, str | int | float | list | tuple | None)
    return f"{value!r:.60}" if plain else type(value).__name__


def as_name(who: str, value: Any) -> str | None:
    """Return ``value`` if it is a name, or ``None``, which stands for one that is made."""
    if not isinstance(value, str | None):
        raise TypeError(f"{who}: name must be a string, got {type(value).__name__}")
    return value


def path(who: str, name: str, value: Any) -> str:
    """Return ``value`` as text if it is a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{who}: {name} must be a path, got {type(value).__name__}")
    return str(os.fspath(value))


def one_of(who: str, name: str, value: Any, known: Sequence[str]) -> str:
    """Return ``value`` if it is one of the known names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{who}: {name} must be one of {', '.join(known)}, got {shown(value)}")
    return value
