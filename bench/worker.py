"""One peer, one variant, one workload, in a process of its own; run.py starts it and speaks to it.

Invariant: the process works only between a line on its standard input and its answer, one line of
JSON, so that of all peers exactly one computes at any time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from workloads import WORKLOADS, Unsupported


def main() -> None:
    """Builds and warms up, then measures for as many seconds as each line of input says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("variant")
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("threads", type=int)
    arguments = parser.parse_args()
    answers = _private_stdout()
    _pin(arguments.threads)
    try:
        epoch = _ready(arguments, answers)
    except (ImportError, Unsupported) as error:
        _answer(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    for line in sys.stdin:
        _answer(answers, _measure(epoch, float(line)))


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


def _ready(arguments: argparse.Namespace, answers: TextIO) -> Callable[[], float]:
    workload = WORKLOADS[arguments.workload]
    began = time.perf_counter()
    peer: Any = importlib.import_module(f"peers.{arguments.peer}_")
    epoch: Callable[[], float] = peer.build(workload, arguments.variant, arguments.threads)
    losses = [epoch() for _ in range(workload.warmup)]
    seconds = time.perf_counter() - began
    _answer(answers, {"version": peer.version(), "loss": losses[-1], "startup_s": seconds})
    return epoch


def _measure(epoch: Callable[[], float], seconds: float) -> dict[str, float]:
    """Times whole epochs, each by itself, for `seconds` or once."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - began)
    return {"epoch_s": statistics.median(times), "epochs": len(times)}


def _answer(answers: TextIO, content: dict[str, Any]) -> None:
    print(json.dumps(content), file=answers, flush=True)


if __name__ == "__main__":
    main()
