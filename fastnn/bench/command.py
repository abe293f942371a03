"""`fastnn bench`: chooses what is measured, measures it, and writes it down.

Invariant: a run is one JSON object of the form that `Report` has; tables, pictures and comparisons
are made of such objects alone.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from fastnn.bench import contest, peaks
from fastnn.bench.contest import Entry, Pace
from fastnn.bench.kernels import Effort, KernelResult, measure_all
from fastnn.bench.shapes import SHAPES
from fastnn.bench.tasks import TASKS
from fastnn.bench.workloads import WORKLOADS

__all__ = ["SECTIONS", "Report", "Selection", "run"]

#: Rows of a prediction: one, whose delay counts, and many, whose number a second counts.
_ROWS = (1, 256)

#: What `--quick` leaves of each section.
_QUICK = {
    "train": ("T1", "T2"),
    "predict": ("T2/1", "T2/256"),
    "tasks": ("gemm fwd M128 N256 K512", "relu fwd 100000", "adam update 100000"),
}


def _names() -> dict[str, list[str]]:
    return {
        "kernels": list(SHAPES),
        "train": list(WORKLOADS),
        "predict": [f"{name}/{rows}" for name in WORKLOADS for rows in _ROWS],
        "tasks": list(TASKS),
    }


#: The parts of a run, in order.
SECTIONS = tuple(_names())


@dataclass
class Selection:
    """What of each section is measured."""

    names: dict[str, list[str]]

    @classmethod
    def of(cls, words: Sequence[str], quick: bool) -> Selection:
        """Return what ``words`` choose.

        Args:
            words: sections (``kernels``), what a section lists (``dense_fwd``, ``T1``, ``gemm``),
                or patterns of it (``conv2d_*``); none choose everything.
            quick: whether a few of each section stand for all, where no word chooses.

        Raises:
            ValueError: if a word chooses nothing.
        """
        known = _names()
        if not words:
            chosen = {
                s: [n for n in names if n in _QUICK.get(s, names)] for s, names in known.items()
            }
            return cls(chosen if quick else known)
        for word in words:
            if not any(_chooses(word, s, name) for s, names in known.items() for name in names):
                raise ValueError(f"nothing to measure is called {word!r}")
        return cls(
            {
                section: [n for n in names if any(_chooses(word, section, n) for word in words)]
                for section, names in known.items()
            }
        )


def _chooses(word: str, section: str, name: str) -> bool:
    first = name.replace("/", " ").split()[0]
    return word in (section, first) or fnmatchcase(name, word)


@dataclass
class Report:
    """A run, as it is written to JSON."""

    machine: dict[str, Any]
    peaks: list[peaks.Peak] = field(default_factory=list)
    kernels: list[KernelResult] = field(default_factory=list)
    contests: list[Entry] = field(default_factory=list)

    def json(self) -> str:
        """Return the run as text."""
        return json.dumps(asdict(self), indent=1, default=str) + "\n"


def run(options: Namespace) -> int:
    """Measure what the command line asks for; return the exit code."""
    from fastnn.bench import machine, tables

    try:
        selection = Selection.of(options.only, options.quick)
        peers = _peers(options)
    except ValueError as error:
        options.refuse(str(error))
    report = Report(machine.describe())
    _measure(report, selection, peers, options)
    print(tables.markdown(json.loads(report.json())))
    if hasattr(options, "json"):
        options.json.write_text(report.json())
    failed = [e for e in report.contests if e.peer == "fastnn" and _failed(e)]
    for entry in failed:
        print(f"fastnn bench: {entry.kind} {entry.subject}: {entry.error}", file=sys.stderr)
    return int(bool(failed))


def _failed(entry: Entry) -> bool:
    return bool(entry.error) and not entry.error.startswith("not available")


def _peers(options: Namespace) -> list[str]:
    """Return who takes part: fastnn always."""
    named = getattr(options, "peers", () if options.no_peers else contest.PEERS)
    for name in named:
        if name not in contest.PEERS:
            raise ValueError(f"no peer is called {name!r}; there are {', '.join(contest.PEERS)}")
    return ["fastnn", *(name for name in contest.PEERS if name in named and name != "fastnn")]


def _measure(report: Report, selection: Selection, peers: list[str], options: Namespace) -> None:
    from fastnn import _core

    isas = list(getattr(options, "isa", _core.isa_names()))
    if selection.names["kernels"]:
        _say("peaks")
        report.peaks += peaks.survey(isas, options.threads, 2 if options.quick else 5)
        effort = Effort(3, 0.003) if options.quick else Effort()
        chosen = isas[:1] if options.quick else isas
        for result in measure_all(
            selection.names["kernels"],
            options.dtypes,
            chosen,
            options.threads,
            effort,
            options.quick,
        ):
            _say(f"{result.op} {result.case} {result.isa} {result.threads}")
            report.kernels.append(result)
    _contests(report, selection, peers, options)


def _contests(report: Report, selection: Selection, peers: list[str], options: Namespace) -> None:
    pace = Pace(options.rounds, options.seconds)
    if options.quick:
        pace = replace(pace, rounds=3, seconds=0.1)
    for threads in options.threads:
        for kind, section in (("train", "train"), ("predict", "predict"), ("kernel", "tasks")):
            entrants = contest.contenders(kind, peers)
            if options.quick:
                entrants = [each for each in entrants if each[1] != "compiled"]
            # Work on kernels is short: its processes serve one task after the other.
            workers: dict[tuple[str, str], contest.Worker] | None = {} if kind != "train" else None
            for subject in selection.names[section]:
                _say(f"{kind} {subject}, {threads} thread{'s' * (threads > 1)}")
                report.contests += contest.contest(kind, subject, threads, entrants, pace, workers)
            for worker in (workers or {}).values():
                worker.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
