"""A run, as it stands in JSON, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

Row = dict[str, Any]


def markdown(report: Row) -> str:
    """Return all that a run measured as tables."""
    parts = [
        _peaks(report["peaks"]),
        _kernels(report["kernels"]),
        *_contests(report["contests"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _peaks(peaks: list[Row]) -> str:
    rows = [
        (
            peak["probe"],
            peak["dtype"],
            peak["isa"],
            str(peak["threads"]),
            _bytes(peak["footprint"]) if peak["footprint"] else "registers",
            f"{peak['rate'] / 1e9:,.1f} {'GFLOP/s' if peak['probe'] == 'fma' else 'GB/s'}",
        )
        for peak in peaks
    ]
    heads = ("loop", "precision", "set", "threads", "where", "reached")
    return "## The machine\n\n" + _table(heads, rows) if rows else ""


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} GiB"


def _kernels(kernels: list[Row]) -> str:
    heads = ("op", "shape", "precision", "set", "threads", "us", "spread", "GFLOP/s", "GB/s")
    rows = [
        (
            f"`{k['op']}`",
            k["case"],
            k["dtype"],
            k["isa"],
            str(k["threads"]),
            f"{k['seconds'] * 1e6:,.2f}",
            f"{k['spread']:.0%}",
            f"{k['flops'] / k['seconds'] / 1e9:,.1f}",
            f"{k['bytes'] / k['seconds'] / 1e9:,.1f}",
            f"{k['share']:.0%} of {k['limit']}",
        )
        for k in kernels
    ]
    return "## Kernels\n\n" + _table((*heads, "of the peak"), rows) if rows else ""


_TITLES = {"train": "Training", "predict": "Prediction", "kernel": "Kernels beside the peers'"}


def _contests(entries: list[Row]) -> list[str]:
    parts = []
    for kind, title in _TITLES.items():
        chosen = [entry for entry in entries if entry["kind"] == kind]
        groups = groupby(chosen, key=lambda e: (e["subject"], e["threads"]))
        tables = [_contest(subject, threads, list(group)) for (subject, threads), group in groups]
        if tables:
            parts.append("\n\n".join([f"## {title}", *tables]))
    return parts


def _contest(subject: str, threads: int, entries: list[Row]) -> str:
    measured = sorted((e for e in entries if e["p50_s"]), key=_seconds)
    ours = next((e for e in measured if e["peer"] == "fastnn"), None)
    rows = [
        (
            f"{e['peer']} {e['variant']}",
            f"{_seconds(e) * 1e6:,.1f}",
            f"{statistics.median(e['p99_s']) * 1e6:,.1f}",
            f"{(max(e['p50_s']) - min(e['p50_s'])) / _seconds(e):.0%}",
            f"{ratio(e, ours):.2f}" if ours else "",
            "" if e["loss"] is None else f"{e['loss']:.4f}",
            e["version"],
        )
        for e in measured
    ]
    rows += [
        (f"{e['peer']} {e['variant']}", e["error"], "", "", "", "", "")
        for e in entries
        if not e["p50_s"]
    ]
    heads = ("peer", "us", "p99 us", "spread", "time / fastnn's", "loss", "version")
    return f"### {subject}, {threads} thread{'s' * (threads > 1)}\n\n" + _table(heads, rows)


def _seconds(entry: Row) -> float:
    return float(statistics.median(entry["p50_s"]))


def ratio(entry: Row, base: Row) -> float:
    """Return the median of an entry's times in units of another's, round by round.

    A slow minute of the machine is in both times of a ratio.
    """
    pairs = zip(entry["p50_s"], base["p50_s"], strict=False)
    return float(statistics.median(mine / its for mine, its in pairs))
