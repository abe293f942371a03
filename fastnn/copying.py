"""What copies and pickles of things hold."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["Attributes", "state_of"]

#: What ``copy`` and ``pickle`` take of a ``__getstate__``.
Attributes = dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]


def state_of(thing: object, *without: str, **instead: Any) -> Attributes:
    """Return what a ``__getstate__`` should: all attributes, some of them with other values.

    Args:
        thing: what is copied.
        without: the attributes that a copy has not.
        instead: those that it has other values of.

    Returns:
        The attributes; where a sub-class has ``__slots__``, these in a second dict.
    """
    known = {name: each for name, each in vars(thing).items() if name not in without} | instead
    places = [
        name
        for cls in type(thing).__mro__
        for name, part in vars(cls).items()
        if inspect.ismemberdescriptor(part)
    ]
    slots = {name: getattr(thing, name) for name in places if hasattr(thing, name)}
    return (known, slots) if slots else known
