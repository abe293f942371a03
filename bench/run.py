"""Measures fastnn against its peers: `python bench/run.py`.  How and why: bench/README.md.

Invariant: peers take turns, round by round, each in its own process with the same threads and CPUs,
so that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workloads import WORKLOADS, Workload

HERE = Path(__file__).parent

# Best known first.  Not stated in the peers, whose frameworks this process must not import.
VARIANTS = {
    "fastnn": ("fit",),
    "jax": ("scan", "step"),
    "numpy": ("by-hand",),
    "torch": ("fused", "foreach", "compiled"),
}


@dataclass
class Result:
    """What one variant of one peer did on one workload with a number of threads."""

    peer: str
    variant: str
    workload: str
    threads: int
    version: str = ""
    error: str = ""
    loss: float = float("nan")
    startup_s: float = float("nan")
    epoch_s: list[float] = field(default_factory=list)
    """The median of each round."""


class Worker:
    """A peer's process, and the conversation with it."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed by close()
        command = [result.peer, result.variant, result.workload, str(result.threads)]
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(result.threads),
            text=True,
        )
        for name, value in self._listen().items():
            setattr(result, name, value)

    def measure(self, seconds: float) -> None:
        """Lets the peer train for some seconds, unless it has failed."""
        if self.result.error:
            return
        assert self.process.stdin is not None
        print(seconds, file=self.process.stdin, flush=True)
        answer = self._listen()
        self.result.error = answer.get("error", "")
        if not self.result.error:
            self.result.epoch_s.append(answer["epoch_s"])

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate()
        self.errors.close()

    def _listen(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return dict(json.loads(line))
        self.process.wait()
        self.errors.seek(0)
        return {"error": (self.errors.read().strip().splitlines() or ["ended without a word"])[-1]}


def environment(threads: int) -> dict[str, str]:
    """The environment that holds every peer to `threads` threads."""
    counts = ("OMP", "MKL", "OPENBLAS", "FASTNN")
    eigen = "true" if threads > 1 else "false"
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in counts},
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen}",
    }


def compare(
    workload: Workload, threads: int, peers: list[str], rounds: int, seconds: float
) -> list[Result]:
    """Measures every variant of the peers on one workload.

    Args:
        workload: what to train.
        threads: number each peer may use.
        peers: keys of `VARIANTS`.
        rounds: times that every peer has its turn.
        seconds: least length of a turn.

    Returns:
        One result a variant, in the order of `VARIANTS`.
    """
    results = [
        Result(peer, variant, workload.name, threads)
        for peer in peers
        for variant in VARIANTS[peer]
    ]
    workers = []
    for result in results:
        print(f"{workload.name}: starting {result.peer} {result.variant}", file=sys.stderr)
        workers.append(Worker(result))
    for turn in range(rounds):
        # There and back, so that nobody always follows the same neighbour.
        for worker in workers[::-1] if turn % 2 else workers:
            worker.measure(seconds)
    for worker in workers:
        worker.close()
    return results


def machine() -> dict[str, Any]:
    """What a reader must know of the machine to read the numbers."""
    allowed = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return {
        "cpu": _cpu_name(),
        "cpus": len(allowed),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(workload: Workload, threads: int, results: list[Result]) -> str:
    """The results of one workload as a Markdown table, fastest first."""
    measured = sorted((r for r in results if not r.error), key=lambda r: _median(r.epoch_s))
    base = next((r for r in measured if r.peer == "fastnn"), measured[0] if measured else None)
    lines = [
        f"### {workload.name} {workload.title}, batch {workload.batch}, {threads} thread"
        + "s" * (threads > 1),
        "",
        f"| peer | samples/s | us a step | spread | time / {base.peer if base else '-'}'s "
        f"| loss after {workload.warmup} | version |",
        "|---|---|---|---|---|---|---|",
        *(_row(workload, result, base) for result in measured if base),
        *(_missing(result) for result in results if result.error),
    ]
    return "\n".join(lines) + "\n"


def _row(workload: Workload, result: Result, base: Result) -> str:
    epoch = _median(result.epoch_s)
    # Round by round, so that a slow minute of the machine is in both times of a ratio.
    ratio = _median([mine / its for mine, its in zip(result.epoch_s, base.epoch_s, strict=True)])
    spread = (max(result.epoch_s) - min(result.epoch_s)) / epoch
    return (
        f"| {result.peer} {result.variant} | {workload.rows / epoch / 1e3:,.1f}k "
        f"| {epoch / workload.steps * 1e6:,.1f} | {spread:.0%} | {ratio:.2f} "
        f"| {result.loss:.4f} | {result.version} |"
    )


def _missing(result: Result) -> str:
    return f"| {result.peer} {result.variant} | not measured: {result.error} | | | | | |"


def _median(values: list[float]) -> float:
    return statistics.median(values)


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["T1", "T2"])
    parser.add_argument("--peers", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each peer")
    parser.add_argument("--seconds", type=float, default=0.5, help="least length of a turn")
    parser.add_argument("--json", type=Path, help="file for all numbers, round by round")
    return parser.parse_args()


def main() -> None:
    """Runs the comparisons asked for; prints tables, writes JSON."""
    arguments = parse()
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()) + "\n", flush=True)
    everything: list[Result] = []
    for threads in arguments.threads:
        for name in arguments.workloads:
            workload = WORKLOADS[name]
            results = compare(
                workload, threads, arguments.peers, arguments.rounds, arguments.seconds
            )
            print(table(workload, threads, results), flush=True)
            everything += results
    if arguments.json:
        record = {"machine": about, "results": [asdict(result) for result in everything]}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
