"""Two runs side by side: `python -m fastnn.bench.compare old.json new.json`.

Invariant: only what both measured is compared, and a difference below the spread of either is not
called one.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Change", "changes", "main"]

Row = dict[str, Any]


class Change(NamedTuple):
    """One thing that both runs measured.

    Attributes:
        what: its name.
        old, new: microseconds, or instructions.
        noise: differences up to this share are none.
        words: what less and more of it are called.
    """

    what: str
    old: float
    new: float
    noise: float
    words: tuple[str, str]

    @property
    def ratio(self) -> float:
        """new / old: below 1 is better."""
        return self.new / self.old

    @property
    def verdict(self) -> str:
        """``faster`` or ``slower``, ``fewer`` or ``more``; "" where it is within the noise."""
        if abs(self.ratio - 1) <= self.noise:
            return ""
        return self.words[self.ratio > 1]


class _Figure(NamedTuple):
    value: float
    noise: float
    words: tuple[str, str]


def changes(old: Row, new: Row) -> list[Change]:
    """Return what both runs measured of fastnn, in the order of the old one."""
    before, after = dict(_figures(old)), dict(_figures(new))
    return [
        Change(what, f.value, after[what].value, max(f.noise, after[what].noise), f.words)
        for what, f in before.items()
        if what in after
    ]


def _figures(report: Row) -> Iterator[tuple[str, _Figure]]:
    for k in report["kernels"]:
        name = f"{k['op']} {k['case']} {k['dtype']} {k['isa']} {_threads(k)}"
        yield name, _time(k["seconds"], k["spread"])
    for e in report["contests"]:
        if e["peer"] == "fastnn" and e["p50_s"]:
            middle = statistics.median(e["p50_s"])
            spread = (max(e["p50_s"]) - min(e["p50_s"])) / middle
            yield f"{e['kind']} {e['subject']} {e['variant']} {_threads(e)}", _time(middle, spread)
    for i in report["instructions"]:
        name = f"{i['op']} {i['case']} {i['dtype']} {i['isa']}, instructions"
        yield name, _Figure(i["instructions"], 0.001, ("fewer", "more"))


def _time(seconds: float, spread: float) -> _Figure:
    return _Figure(seconds * 1e6, max(0.02, spread), ("faster", "slower"))


def _threads(row: Row) -> str:
    return f"{row['threads']} thread{'s' * (row['threads'] > 1)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; return 1 if something takes more than before, beyond the noise."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    found = changes(*(json.loads(path.read_text()) for path in (options.old, options.new)))
    print("| what | old, us | new, us | new / old | |\n|---|---|---|---|---|")
    for c in found:
        print(f"| {c.what} | {c.old:,.2f} | {c.new:,.2f} | {c.ratio:.2f} | {c.verdict} |")
    return int(any(c.verdict == c.words[1] for c in found))


if __name__ == "__main__":
    raise SystemExit(main())
