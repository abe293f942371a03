"""What a process of a job does when it fails: end the job, and say why once."""

from __future__ import annotations

import sys
import time
from functools import partial
from types import TracebackType
from typing import Any

__all__ = ["abort_on_errors"]

#: Seconds that each rank waits for the one before it, which may have failed for the same reason,
#: and the most that any waits.
_WAIT, _LONGEST = 2.0, 6.0

_installed = False


def abort_on_errors(comm: Any) -> None:
    """Let an exception that nobody catches end the job, for the other ranks would wait for ever.

    Args:
        comm: the mpi4py communicator of the job.
    """
    global _installed
    if not _installed:
        _installed, sys.excepthook = True, partial(_abort, comm, sys.excepthook)


def _abort(
    comm: Any,
    show: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
) -> None:
    time.sleep(min(_WAIT * comm.Get_rank(), _LONGEST))
    sys.stderr.write(f"rank {comm.Get_rank()} of {comm.Get_size()} failed, and ends the job:\n")
    show(kind, error, traceback)
    sys.stdout.flush()
    sys.stderr.flush()
    comm.Abort(1)
