"""Locks that a forked child can use."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager

__all__ = ["lock"]


def lock() -> AbstractContextManager[bool]:
    """Return a lock that no other thread holds at a fork, since the fork waits for it.

    A child has one thread: a lock that another one held would be locked in it for ever.
    """
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        after = {"after_in_parent": made.release, "after_in_child": made.release}
        os.register_at_fork(before=made.acquire, **after)
    return made
