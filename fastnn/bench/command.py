"""`fastnn bench`: chooses what is measured, measures it, and writes it down.

Invariant: a run is one JSON object of the form that `Report` has; tables, pictures, documents and
comparisons are made of such objects alone.
"""

from __future__ import annotations

import itertools
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fastnn import _core
from fastnn.bench import contest, instructions, machine, peaks, tables
from fastnn.bench.contest import Entry, Pace, Worker
from fastnn.bench.instructions import InstructionResult
from fastnn.bench.kernels import Effort, KernelResult, measure_all
from fastnn.bench.process import ProcessResult, measure_process
from fastnn.bench.shapes import SHAPES
from fastnn.bench.tasks import TASKS
from fastnn.bench.workloads import WORKLOADS

__all__ = ["SCHEMA", "SECTIONS", "Report", "run", "select"]

#: The form of a report; changes when a field changes its meaning.
SCHEMA = 1

#: Rows of a prediction: one, whose delay counts, and many, whose number a second counts.
_ROWS = (1, 256)

#: section -> all that it can measure, by name.
SECTIONS: dict[str, list[str]] = {
    "kernels": list(SHAPES),
    "train": list(WORKLOADS),
    "predict": [f"{name}/{rows}" for name in WORKLOADS for rows in _ROWS],
    "tasks": list(TASKS),
    "process": ["libraries"],
    "instructions": list(SHAPES),
}

#: section -> what `--quick` leaves of it, where that is not all.
_QUICK: dict[str, list[str]] = {
    "train": ["T1", "T2"],
    "predict": ["T2/1", "T2/256"],
    "tasks": ["gemm fwd M128 N256 K512", "relu fwd 100000", "adam update 100000"],
    "instructions": [],
}

#: Variants that take long to start, or without AMX to train.
_SLOW = ("bfloat16", "compiled")


@dataclass
class Report:
    """A run, as it is written to JSON."""

    machine: dict[str, Any]
    schema: int = SCHEMA
    peaks: list[peaks.Peak] = field(default_factory=list)
    kernels: list[KernelResult] = field(default_factory=list)
    contests: list[Entry] = field(default_factory=list)
    process: list[ProcessResult] = field(default_factory=list)
    instructions: list[InstructionResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def json(self) -> str:
        """Return the run as text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def select(words: Sequence[str], quick: bool) -> dict[str, list[str]]:
    """Return what of each section is measured.

    Args:
        words: sections (``kernels``), what a section lists or its first word (``dense_fwd``,
            ``T1``, ``gemm``), or patterns of it (``conv2d_*``); none choose everything.
        quick: whether a few of each section stand for all, where no word chooses.

    Raises:
        ValueError: if a word chooses nothing.

    Example:
        >>> select(["T1"], quick=False)["predict"]
        ['T1/1', 'T1/256']
    """
    if not words:
        return {**SECTIONS, **(_QUICK if quick else {})}
    for word in words:
        if not any(_chooses(word, s, name) for s, names in SECTIONS.items() for name in names):
            raise ValueError(f"nothing to measure is called {word!r}; see bench/README.md")
    return {
        section: [name for name in names if any(_chooses(w, section, name) for w in words)]
        for section, names in SECTIONS.items()
    }


def _chooses(word: str, section: str, name: str) -> bool:
    if section == "instructions":  # slow, and the ops' names choose their times
        return word == section
    return word in (section, name.replace("/", " ").split()[0]) or fnmatchcase(name, word)


def run(options: Namespace) -> int:
    """Measure what the command line asks for; return the exit code.

    Raises:
        ImportError: if a picture is wanted and matplotlib is missing.
    """
    try:
        chosen, peers = select(options.only, options.quick), _peers(options)
        isas = _isas(options)
    except ValueError as error:
        options.refuse(str(error))
    writers = _writers(options)
    report = Report(machine.describe())
    try:
        _Measurement(report, options, isas, peers).run(chosen)
    finally:  # what was measured before an interruption is not lost
        found = json.loads(report.json())
        for path, write in writers:
            write(found, path)
    print(tables.markdown(found))
    return _verdict(report)


def _writers(options: Namespace) -> list[tuple[Path, Any]]:
    """Return files and who writes them; missing libraries are noticed before measuring."""
    writers: list[tuple[Path, Any]] = []
    if hasattr(options, "json"):
        writers.append((options.json, _write_json))
    if hasattr(options, "picture"):
        from fastnn import extras
        from fastnn.bench import picture

        extras.require("matplotlib", "a picture")
        writers.append((options.picture, picture.draw))
    if hasattr(options, "document"):
        from fastnn.bench import document

        writers.append((options.document, document.update))
    return writers


def _write_json(report: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n")


def _verdict(report: Report) -> int:
    """Return 1, and say why, if fastnn itself failed where it should not."""
    failed = [
        entry
        for entry in report.contests
        if entry.peer == "fastnn" and entry.error and not entry.error.startswith("not available")
    ]
    for entry in failed:
        _say(f"fastnn bench: {entry.kind} {entry.subject}: {entry.error}")
    return int(bool(failed))


def _peers(options: Namespace) -> list[str]:
    """Return who takes part: fastnn always."""
    named = getattr(options, "peers", () if options.no_peers else contest.PEERS)
    for name in named:
        if name not in contest.PEERS:
            raise ValueError(f"no peer is called {name!r}; there are {', '.join(contest.PEERS)}")
    return ["fastnn", *(name for name in contest.PEERS if name in named and name != "fastnn")]


def _isas(options: Namespace) -> list[str]:
    sets = (_core.isa_names(dtype) for dtype in options.dtypes)
    available = list(dict.fromkeys(itertools.chain(*sets)))
    for name in getattr(options, "isa", ()):
        if name not in available:
            raise ValueError(f"no instruction set here is called {name!r}: {', '.join(available)}")
    return getattr(options, "isa", available)


class _Measurement:
    """Fills a report, section by section.

    Args:
        report: to be filled.
        options: of the command line.
        isas: instruction sets of kernels.
        peers: libraries of contests.
    """

    def __init__(self, report: Report, options: Namespace, isas: list[str], peers: list[str]):
        self.report, self.quick, self.threads = report, options.quick, options.threads
        self.dtypes, self.isas, self.peers = options.dtypes, isas, peers
        self.pace = Pace(options.rounds, options.seconds)
        if self.quick:
            self.pace = Pace(min(3, options.rounds), min(0.1, options.seconds))

    def run(self, chosen: dict[str, list[str]]) -> None:
        """Measure what is chosen of each section."""
        if chosen["kernels"]:
            self.kernels(chosen["kernels"])
        if chosen["process"]:
            _say("imports and sizes")
            rounds = 1 if self.quick else self.pace.rounds
            self.report.process += measure_process(self.peers, rounds)
        if chosen["instructions"]:
            self.instructions(chosen["instructions"])
        for threads in self.threads:
            for kind, section in (("kernel", "tasks"), ("predict", "predict"), ("train", "train")):
                self.contests(kind, chosen[section], threads)

    def kernels(self, ops: list[str]) -> None:
        """Measure ops beside the machine's peaks."""
        _say("peaks of the machine")
        footprints = peaks.FOOTPRINTS[:2] if self.quick else peaks.FOOTPRINTS
        isas = [isa for isa in _core.isa_names() if isa in self.isas] or [_core.isa_names()[0]]
        self.report.peaks += peaks.survey(isas, self.threads, footprints)
        effort = Effort(3, 0.003) if self.quick else Effort()
        for result in measure_all(ops, self.dtypes, self.isas, self.threads, effort, self.quick):
            _say(f"{result.op} {result.case} {result.isa}, {_threads(result.threads)}")
            self.report.kernels.append(result)

    def instructions(self, ops: list[str]) -> None:
        """Count the instructions of ops, where that is possible."""
        _say("instructions")
        why = instructions.missing()
        if why:
            self.report.notes.append(why)
        else:
            self.report.instructions += instructions.count(ops)

    def contests(self, kind: str, subjects: list[str], threads: int) -> None:
        """Let peers do one work after the other."""
        entrants = [
            (peer, variant)
            for peer, variant in contest.contenders(kind, self.peers)
            if not (self.quick and variant in _SLOW)
        ]
        # A trained model has a process of its own, for its memory; others go on to the next work.
        shared: dict[tuple[str, str], Worker] | None = None if kind == "train" else {}
        try:
            for subject in subjects:
                _say(f"{kind} {subject}, {_threads(threads)}")
                args = (kind, subject, threads, entrants, self.pace, shared)
                self.report.contests += contest.contest(*args)
        finally:
            contest.close(shared or {})


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
