"""Waiting for other threads."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["result"]

Result = TypeVar("Result")

#: Seconds after which a wait looks for signals.
_POLL = 0.05


def result(future: Future[Result]) -> Result:
    """Return what a job returns, or raise what it raises; an interrupt ends the waiting.

    A library may have put in a handler of SIGINT after which the system goes on waiting
    (SA_RESTART, polars does).  Python sees such an interrupt only when the wait ends by itself.
    """
    while not future.done():
        wait([future], _POLL)
    return future.result()
