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
        old, new: seconds, or instructions.
        noise: the greater of the two spreads, 0 for what is exact.
    """

    what: str
    old: float
    new: float
    noise: float

    @property
    def ratio(self) -> float:
        """new / old: below 1 is better."""
        return self.new / self.old

    @property
    def verdict(self) -> str:
        """``faster``, ``slower``, or "" where the difference is within the noise."""
        if abs(self.ratio - 1) <= max(0.02, self.noise):
            return ""
        return "faster" if self.ratio < 1 else "slower"


def changes(old: Row, new: Row) -> list[Change]:
    """Return what both runs measured, in the order of the old one."""
    before, after = dict(_measured(old)), dict(_measured(new))
    return [
        Change(what, seconds, after[what][0], max(noise, after[what][1]))
        for what, (seconds, noise) in before.items()
        if what in after
    ]


def _measured(report: Row) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield name, seconds and spread of all that a run measured of fastnn."""
    for k in report["kernels"]:
        name = f"{k['op']} {k['case']} {k['dtype']} {k['isa']} {_threads(k)}"
        yield name, (k["seconds"], k["spread"])
    for e in report["contests"]:
        if e["peer"] == "fastnn" and e["p50_s"]:
            middle = statistics.median(e["p50_s"])
            spread = (max(e["p50_s"]) - min(e["p50_s"])) / middle
            yield f"{e['kind']} {e['subject']} {e['variant']} {_threads(e)}", (middle, spread)


def _threads(row: Row) -> str:
    return f"{row['threads']} thread{'s' * (row['threads'] > 1)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; return 1 if something became slower by more than the noise."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    old, new = (json.loads(path.read_text()) for path in (options.old, options.new))
    found = changes(old, new)
    print("| what | old us | new us | new / old | |\n|---|---|---|---|---|")
    for c in found:
        print(
            f"| {c.what} | {c.old * 1e6:,.2f} | {c.new * 1e6:,.2f} | {c.ratio:.2f} | {c.verdict} |"
        )
    return int(any(c.verdict == "slower" for c in found))


if __name__ == "__main__":
    raise SystemExit(main())
