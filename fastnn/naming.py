"""Names: of layers, and of the things that users name by strings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from fastnn.locks import lock

__all__ = ["clear_session", "closest", "lookup", "snake_case", "unique_name"]

T = TypeVar("T")

_used: Counter[str] = Counter()
_counting = lock()


def snake_case(name: str) -> str:
    """Return ``MaxPooling2D`` as ``max_pooling2d``, as Keras does."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """Return ``dense``, then ``dense_1``, ``dense_2``, ... within this process."""
    with _counting:
        count = _used[prefix]
        _used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def clear_session(free_memory: bool = True) -> None:
    """Begin anew with the names that layers and models are given: ``dense``, ``dense_1``, ...

    There is nothing else to clear: models are freed as other objects are.

    Args:
        free_memory: as in Keras; makes no difference.

    Example:
        >>> import fastnn
        >>> fastnn.utils.clear_session()
        >>> fastnn.layers.Dense(1).name
        'dense'
    """
    _used.clear()


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return which known name was probably meant, if one was."""
    import difflib  # slow to import, and only for those who mistyped

    spelt = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), spelt, 1)
    return spelt[close[0]] if close else None


def lookup(kind: str, name: Any, known: Mapping[str, T]) -> T:
    """Return ``known[name]``, or say what was meant.

    Raises:
        TypeError: if ``name`` is not a string.
        ValueError: if it is not known.
    """
    if not isinstance(name, str):
        raise TypeError(f"{kind}: expected a name or an object, got {type(name).__name__}")
    spelt = {key.lower(): key for key in known}
    if name.lower() in spelt:
        return known[spelt[name.lower()]]
    close = closest(name, known)
    hint = f"; did you mean {close!r}?" if close else "."
    raise ValueError(
        f"{kind}: unknown {name[:40]!r}{hint} Known: {', '.join(sorted(set(known)))}"[:400]
    )
