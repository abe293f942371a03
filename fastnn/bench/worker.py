"""One peer in a process of its own; contest.py starts it and speaks to it.

Each line of standard input is a JSON object, each answer one line of JSON:

    {"kind": "train", "subject": "T1", "variant": "fit"}    make ready and warm up
    {"seconds": 0.5}                                        work so long; tell the times of calls

Invariant: the process works only between a line and its answer, so that of all peers exactly one
computes at any time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from .tasks import TASKS
from .workloads import WORKLOADS, Job, Unsupported

assert sys.platform != "win32"  # where contest.py starts none

#: Calls before the first measurement, which fill caches and pools.
_WARM_CALLS = 3


def main(peer: str, threads: int) -> None:
    """Answer one line after the other until there are no more."""
    answers = _private_stdout()
    _pin(threads)
    job: Job | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        try:
            if "seconds" in request:
                assert job is not None
                answer = _measure(job, request["seconds"])
            else:
                job = None  # its memory is free before the next is made
                job, answer = _ready(peer, threads, **request)
        except Exception as error:
            answer = {"error": _said(error)}
        print(json.dumps(answer), file=answers, flush=True)


def _private_stdout() -> TextIO:
    """Standard output for answers alone: what a framework prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _pin(threads: int) -> None:
    """Leaves the process as many CPUs as threads, before any framework counts them."""
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[-threads:])


def _said(error: Exception) -> str:
    if isinstance(error, (ImportError, Unsupported)):
        return f"not available: {error}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _ready(
    name: str, threads: int, kind: str, subject: str, variant: str
) -> tuple[Job, dict[str, Any]]:
    peer: Any = importlib.import_module(f".peers.{name}_", __package__)
    job: Job = _MAKERS[kind](peer, subject, variant, threads)
    result = job.call()
    peak = _peak_bytes()
    if kind != "train":
        for _ in range(_WARM_CALLS):
            job.call()
    loss = result if kind == "train" else None
    return job, {"version": peer.version(), "loss": loss, "peak_bytes": peak}


def _peak_bytes() -> int:
    """The most memory this process has held so far, libraries included."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    # not ru_maxrss, which on Linux begins with the parent's
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def _train(peer: Any, subject: str, variant: str, threads: int) -> Job:
    return Job(peer.train(WORKLOADS[subject], variant, threads))


def _predict(peer: Any, subject: str, variant: str, threads: int) -> Job:
    name, rows = subject.split("/")
    if not hasattr(peer, "predict"):
        raise Unsupported("only trains")
    return Job(peer.predict(WORKLOADS[name], variant, threads, int(rows)))


def _kernel(peer: Any, subject: str, variant: str, threads: int) -> Job:
    job: Job = peer.kernel(TASKS[subject], variant, threads)
    return job


_MAKERS: dict[str, Callable[..., Job]] = {"train": _train, "predict": _predict, "kernel": _kernel}


def _measure(job: Job, seconds: float) -> dict[str, float]:
    """Times calls, each by itself, for `seconds` or once."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        job.call()
        times.append((time.perf_counter() - began) / job.repeats)
    times.sort()
    middle, late = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    return {"calls": len(times), "p50": middle, "p99": late, "min": times[0]}
