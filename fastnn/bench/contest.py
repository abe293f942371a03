"""Peers in turns: every contender does the same work, in a process of its own.

Invariant: contenders take turns, round by round, with the same threads and CPUs, so that what else
the machine does meets all of them alike; and a contender that is missing, fails, dies or hangs is
written down as such and stops nobody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .tasks import TASKS
from .workloads import WORKLOADS

__all__ = ["PEERS", "Entry", "Pace", "Worker", "close", "contenders", "contest", "environment"]

#: kind -> peer -> variants, best known first.  Peers are not asked: this process imports none.
VARIANTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "train": {
        "fastnn": ("fit", "bfloat16"),
        "jax": ("epochs", "scan", "step"),
        "keras": ("fit",),
        "numpy": ("by-hand",),
        "sklearn": ("mlp",),
        "torch": ("fused", "foreach", "compiled"),
    },
    "predict": {
        "fastnn": ("predict", "predict_one"),
        "jax": ("jit",),
        "keras": ("predict", "predict_on_batch"),
        "numpy": ("by-hand",),
        "onnxruntime": ("run", "bound"),
        "sklearn": ("mlp",),
        "torch": ("eager", "frozen", "compiled"),
    },
    "kernel": {
        "fastnn": ("kernel",),
        "jax": ("jit",),
        "numpy": ("whole arrays",),
        "onnxruntime": ("node",),
        "torch": ("eager",),
    },
}

PEERS = tuple(dict.fromkeys(peer for peers in VARIANTS.values() for peer in peers))

#: The worker's process imports this package as `bench`, without fastnn, which only its peer needs.
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
import bench
del sys.path[0]
from bench.worker import main
main(sys.argv[2], int(sys.argv[3]))
"""
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Pace:
    """How long everything may take.

    Attributes:
        rounds: turns of each contender.
        seconds: least length of a turn.
        pause: seconds before a turn: threads of the contender before may go on spinning for tens of
            milliseconds, which would be the slowest calls of this one.
        startup: seconds until a contender must be ready; compilers are slow.
        patience: seconds that a turn may take besides its length.
    """

    rounds: int = 7
    seconds: float = 0.5
    pause: float = 0.1
    startup: float = 300.0
    patience: float = 120.0


@dataclass
class Entry:
    """What one variant of one peer did.

    Attributes:
        kind, subject: what the work was: ``train`` ``T1``, ``kernel`` ``relu fwd 1000``.
        work: of a call: steps, and rows, FLOPs and bytes where they are counted.
        error: why there is no measurement, or "".
        loss: mean loss of the last epoch of the first call, where it trains.
        startup_s: seconds from the start of the process to the end of the first call, where it
            trains.
        peak_bytes: memory of the process at the end of the first call, libraries included.
        p50_s, p99_s: of the calls of a round, round by round.
    """

    kind: str
    subject: str
    peer: str
    variant: str
    threads: int
    work: dict[str, int]
    version: str = ""
    error: str = ""
    loss: float | None = None
    startup_s: float | None = None
    peak_bytes: int | None = None
    p50_s: list[float] = field(default_factory=list)
    p99_s: list[float] = field(default_factory=list)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, and what it started."""
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGKILL)


class Worker:
    """A peer's process, and the conversation with it."""

    def __init__(self, peer: str, threads: int):
        self.peer, self.threads = peer, threads
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """Return the answer, or ``{"error": why}``; starts the process if there is none."""
        if sys.platform == "win32":
            raise RuntimeError("bench: peers answer through pipes, which Windows cannot wait for")
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"error": self._last_words(process)}
        line = self._listen(process, patience)
        if line is None:
            _kill(process)
            self._bury(process)
            return {"error": f"no answer within {patience:.0f} s"}
        return dict(json.loads(line)) if line else {"error": self._last_words(process)}

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            _kill(process)
        self._bury(process)

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 -- lives on
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(_PACKAGE), self.peer, str(self.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(self.threads),
            start_new_session=True,  # compilers of its own die with it
        )
        return self._process

    def _listen(self, process: subprocess.Popen[bytes], patience: float) -> bytes | None:
        """Return a line, b"" at the end of the process, or None if there was none in time."""
        assert process.stdout is not None
        end, line = time.monotonic() + patience, b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    return None
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    return b""
                line += part
        return line

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        self._bury(process)
        return f"ended with {code}" + (f": {said[-1][:200]}" if said else "")

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError), process:  # waits, and closes its pipes
            pass
        self._errors.close()
        self._process = None


def environment(threads: int) -> dict[str, str]:
    """Return the environment that holds every peer to ``threads`` threads."""
    counts = ("OMP", "MKL", "OPENBLAS", "FASTNN")
    eigen = "true" if threads > 1 else "false"
    paths = [str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in counts},
        "PYTHONPATH": os.pathsep.join(paths),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def contenders(kind: str, peers: Iterable[str]) -> list[tuple[str, str]]:
    """Return (peer, variant) of all that can do work of a kind."""
    known = VARIANTS[kind]
    return [(peer, variant) for peer in peers for variant in known.get(peer, ())]


def contest(
    kind: str,
    subject: str,
    threads: int,
    entrants: Iterable[tuple[str, str]],
    pace: Pace,
    workers: dict[tuple[str, str], Worker] | None = None,
) -> list[Entry]:
    """Let contenders do the same work in turns.

    Args:
        kind: ``"train"``, ``"predict"`` or ``"kernel"``.
        subject: which work of that kind.
        threads: that each may use.
        entrants: peers and variants.
        pace: how long.
        workers: processes to use again; by default each has a fresh one.

    Returns:
        An entry for each, in their order.
    """
    own: dict[tuple[str, str], Worker] = {}
    pool = own if workers is None else workers
    work = work_of(kind, subject)
    entries = [Entry(kind, subject, peer, variant, threads, work) for peer, variant in entrants]
    teams = [(e, pool.setdefault((e.peer, e.variant), Worker(e.peer, threads))) for e in entries]
    try:
        for entry, worker in teams:
            _ready(entry, worker, pace)
        for turn in range(pace.rounds):
            # There and back, so that nobody always follows the same neighbour.
            for entry, worker in teams[::-1] if turn % 2 else teams:
                _turn(entry, worker, pace)
    finally:
        close(own)
    return entries


def work_of(kind: str, subject: str) -> dict[str, int]:
    """Return what one call does: steps, rows, FLOPs and bytes; 0 for what is not counted."""
    work = {"steps": 1, "rows": 0, "flops": 0, "bytes": 0}
    if kind == "kernel":
        return {**work, "flops": TASKS[subject].flops, "bytes": TASKS[subject].bytes}
    if kind == "predict":
        return {**work, "rows": int(subject.partition("/")[2])}
    workload = WORKLOADS[subject]
    steps, rows = workload.steps * workload.epochs, workload.rows * workload.epochs
    return {**work, "steps": steps, "rows": rows}


def close(workers: Mapping[tuple[str, str], Worker]) -> None:
    """End processes."""
    for worker in workers.values():
        worker.close()


def _ready(entry: Entry, worker: Worker, pace: Pace) -> None:
    request = {"kind": entry.kind, "subject": entry.subject, "variant": entry.variant}
    began = time.perf_counter()
    for name, value in worker.ask(request, pace.startup).items():
        setattr(entry, name, value)
    if entry.kind == "train":
        entry.startup_s = time.perf_counter() - began


def _turn(entry: Entry, worker: Worker, pace: Pace) -> None:
    if entry.error:
        return
    time.sleep(pace.pause)
    answer = worker.ask({"seconds": pace.seconds}, pace.patience + pace.seconds)
    entry.error = answer.get("error", "")
    if not entry.error:
        entry.p50_s.append(answer["p50"])
        entry.p99_s.append(answer["p99"])
