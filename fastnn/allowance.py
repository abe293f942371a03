"""How much may be allocated while a model is made of a file, whose numbers nobody vouches for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from fastnn.errors import ModelFileError

__all__ = ["charge", "reading"]

#: The numbers, of any type, that are left; ``None`` where no file is read.
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextlib.contextmanager
def reading(most: int) -> Iterator[None]:
    """Let what is made meanwhile take room for so many numbers, as far as it is charged."""
    outer = _left.set([most])
    try:
        yield
    finally:
        _left.reset(outer)


def charge(size: int, what: str) -> bool:
    """Count what is going to be allocated.

    Args:
        size: how many numbers; of any type, since statistics are float64 until a model takes them.
        what: what needs them, for the message.

    Returns:
        Whether a file is read.

    Raises:
        ModelFileError: if a file is read, and it asks for more than it may.
    """
    left = _left.get()
    if left is None:
        return False
    if size > left[0]:
        raise ModelFileError(f"the config asks for more memory than the file has: for {what}"[:200])
    left[0] -= size
    return True
