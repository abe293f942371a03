"""What campaigns are made of."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path


def report(what):
    """Print a failure."""
    print(f"FAILED: {what}", flush=True)


@contextlib.contextmanager
def folder():
    """Hand out a folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="fastnn-nightly-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def child(work):
    """Do ``work`` in a forked process; return its id."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        work()
        status = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def kill_after(process, seconds):
    """Kill a process, unless it ends before; return its status."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status
        time.sleep(min(0.001, max(0.0, end - time.perf_counter())))
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]
