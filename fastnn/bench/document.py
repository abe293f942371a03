"""docs/performance.md, made of a run; what people wrote in it stays.

    python -m fastnn.bench.document run.json docs/performance.md

Between the lines `<!-- by hand: NAME -->` and `<!-- end of NAME -->` stands text by hand, one such
place after each heading.  All the rest is of the run.

Invariant: the document names the CPU, never a host, a person or a folder.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastnn.bench import tables
from fastnn.bench.workloads import WORKLOADS

__all__ = ["by_hand", "render", "update"]

_PLACE = "<!-- by hand: {name} -->\n{text}<!-- end of {name} -->"
_PLACES = re.compile(
    r"<!-- by hand: (?P<name>[\w-]+) -->\n(?P<text>.*?)<!-- end of (?P=name) -->", re.S
)


def by_hand(document: str) -> dict[str, str]:
    """Return what people wrote, by the names of the places.

    Example:
        >>> by_hand("<!-- by hand: floors -->\\nIt is so.\\n<!-- end of floors -->")
        {'floors': 'It is so.\\n'}
    """
    return {match["name"]: match["text"] for match in _PLACES.finditer(document)}


def render(report: dict[str, Any], written: dict[str, str]) -> str:
    """Return the document.

    Args:
        report: a run.
        written: text by hand, by the names of the places; a place without one stays empty, and
            text whose place is gone comes last.
    """
    parts = ["# Performance\n", _intro(report), _hand(written, "introduction")]
    for name, title, text in _sections(report):
        parts += [f"\n## {title}\n", text or "Not measured in this run.", _hand(written, name)]
    parts += [_PLACE.format(name=name, text=text) for name, text in written.items()]
    return "\n".join(parts) + "\n"


def _hand(written: dict[str, str], name: str) -> str:
    return "\n" + _PLACE.format(name=name, text=written.pop(name, ""))


def _intro(report: dict[str, Any]) -> str:
    return (
        f"{tables.machine(report['machine'])}\n\n"
        "Made of one run of `fastnn bench`; [bench/README.md](../bench/README.md) says how it "
        "measures. Contenders took turns, round by round; times are medians over rounds, ratios "
        "are formed within each round. *other / fastnn* above 1: fastnn is faster."
    )


def _sections(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the name of each section's place, its heading and its text."""
    entries = report["contests"]
    return [
        ("training", "Training", _workloads() + tables.duels(entries, "train")),
        ("prediction", "Prediction", tables.duels(entries, "predict")),
        ("tasks", "Kernels beside the peers'", tables.duels(entries, "kernel")),
        ("peaks", "What the machine allows", tables.peaks(report["peaks"])),
        ("kernels", "Kernels beside the machine", tables.kernels(report["kernels"])),
        ("floors", "Floors, and designs tried", "What cannot be met is counted here."),
        ("process", "Before the first step", tables.process(report["process"])),
        ("memory", "Start to trained, and memory", tables.training(entries)),
        ("instructions", "Instructions", tables.instructions(report["instructions"])),
        ("contenders", "All contenders", tables.contests(entries, "train")),
    ]


def _workloads() -> str:
    lines = (
        f"- {w.name}: {w.title}, batch {w.batch}; a call trains {w.epochs} "
        f"epoch{'s' * (w.epochs > 1)} of {w.steps} steps"
        for w in WORKLOADS.values()
    )
    return "\n".join(lines) + "\n\n"


def update(report: dict[str, Any], path: Path) -> None:
    """Write the document, with what people wrote in the one that is there."""
    written = by_hand(path.read_text()) if path.exists() else {}
    path.write_text(render(report, written))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the document of a run."""
    parser = argparse.ArgumentParser(prog="document", description=__doc__)
    parser.add_argument("run", type=Path, help="JSON of fastnn bench")
    parser.add_argument("document", type=Path)
    options = parser.parse_args(arguments)
    update(json.loads(options.run.read_text()), options.document)


if __name__ == "__main__":
    main()
