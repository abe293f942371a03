"""A run, as it stands in JSON, as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

__all__ = [
    "Group",
    "contests",
    "duels",
    "find_duels",
    "groups",
    "instructions",
    "kernels",
    "machine",
    "markdown",
    "peaks",
    "process",
    "ratio",
    "training",
]

#: An object of the JSON.
Row = dict[str, Any]

#: Subject, threads, entries of one contest.
Group = tuple[str, int, list[Row]]

_TITLES = {"train": "Training", "predict": "Prediction", "kernel": "Kernels beside the peers'"}


def markdown(report: Row) -> str:
    """Return all that a run measured."""
    parts = [
        ("The machine", machine(report["machine"])),
        ("Peaks", peaks(report["peaks"])),
        ("Kernels", kernels(report["kernels"])),
        *((title, contests(report["contests"], kind)) for kind, title in _TITLES.items()),
        ("Processes", process(report["process"])),
        ("Training in a fresh process", training(report["contests"])),
        ("Instructions", instructions(report["instructions"])),
        ("Notes", "\n".join(f"- {note}" for note in report["notes"])),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts if text) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = ["| " + " | ".join(row) + " |" for row in rows]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body]
    return "\n".join(lines) if body else ""


# ---- numbers -------------------------------------------------------------------------------------


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.{3 if seconds < 1e-5 else 1}f}"


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def median(entry: Row, figure: str = "p50_s") -> float:
    """Return the median of a figure over rounds."""
    return float(statistics.median(entry[figure]))


def seconds(entry: Row) -> float:
    """Return the median time of a training step, a prediction or a kernel."""
    return median(entry) / int(entry["work"]["steps"])


def throughput(entry: Row) -> str:
    """Return samples, FLOPs or bytes a second."""
    work, time = entry["work"], median(entry)
    if work["rows"]:
        return f"{work['rows'] / time:,.0f}/s"
    if work["flops"]:
        return f"{work['flops'] / time / 1e9:,.1f} GFLOP/s"
    return f"{work['bytes'] / time / 1e9:,.1f} GB/s"


def ratio(entry: Row, base: Row, figure: str = "p50_s") -> float:
    """Return the median of an entry's times in units of another's, round by round.

    A slow minute of the machine is in both times of a ratio.
    """
    pairs = zip(entry[figure], base[figure], strict=False)
    return float(statistics.median(mine / its for mine, its in pairs))


# ---- sections ------------------------------------------------------------------------------------


def machine(facts: Row) -> str:
    """Return what the machine is, as one sentence."""
    cores = f"{facts['cpus']} CPU{'s' * (facts['cpus'] > 1)}"
    versions = f"Python {facts['python']}, NumPy {facts['numpy']}, fastnn {facts['fastnn']}"
    caches = f"; {', '.join(facts['caches'])}" if facts["caches"] else ""
    sets = ", ".join(facts["isa_available"])
    return (
        f"{facts['cpu']} ({facts['machine']}), {cores}, {sets}{caches}. "
        f"{facts['system']}, {versions}. {facts['date']}, load {facts['load']}."
    )


def peaks(found: Iterable[Row]) -> str:
    """Return what the machine reached."""
    rows = (
        (
            p["probe"],
            p["dtype"],
            p["isa"],
            str(p["threads"]),
            _bytes(p["footprint"]) if p["footprint"] else "registers",
            f"{p['rate'] / 1e9:,.1f} {'GFLOP/s' if p['probe'] == 'fma' else 'GB/s'}",
        )
        for p in found
    )
    return _table(("loop", "precision", "set", "threads", "where", "reached"), rows)


def kernels(found: Iterable[Row]) -> str:
    """Return kernels beside the peaks."""
    rows = (
        (
            f"`{k['op']}`",
            k["case"],
            k["dtype"],
            k["isa"],
            str(k["threads"]),
            _us(k["seconds"]),
            f"{k['spread']:.0%}",
            f"{k['flops'] / k['seconds'] / 1e9:,.1f}",
            f"{k['bytes'] / k['seconds'] / 1e9:,.1f}",
            f"{k['share']:.0%} of {k['limit']}",
        )
        for k in found
    )
    heads = ("op", "shape", "precision", "set", "threads", "us", "spread", "GFLOP/s", "GB/s")
    return _table((*heads, "of the peak"), rows)


def instructions(found: Iterable[Row]) -> str:
    """Return instructions of a step."""
    rows = ((f"`{i['op']}`", i["case"], i["isa"], f"{i['instructions']:,}") for i in found)
    return _table(("op", "shape", "set", "instructions"), rows)


def process(found: Iterable[Row]) -> str:
    """Return what libraries cost before they compute."""
    rows = (
        (
            p["peer"],
            p["error"] or f"{p['import_s'] * 1e3:,.0f}",
            "" if p["error"] else f"{p['installed_bytes'] / 1e6:,.1f}",
        )
        for p in found
    )
    return _table(("library", "import beyond NumPy, ms", "installed, MB"), rows)


def training(entries: Iterable[Row]) -> str:
    """Return time to the first trained model, and memory, of the training contests."""
    rows = (
        (
            e["subject"],
            str(e["threads"]),
            f"{e['peer']} {e['variant']}",
            f"{e['startup_s']:,.2f}",
            _bytes(e["peak_bytes"]),
        )
        for e in entries
        if e["kind"] == "train" and e["p50_s"]
    )
    return _table(("work", "threads", "library", "start to trained, s", "peak memory"), rows)


def groups(entries: Iterable[Row], kind: str) -> Iterator[Group]:
    """Yield the contests of a kind."""
    chosen = (entry for entry in entries if entry["kind"] == kind)
    for (subject, threads), group in groupby(chosen, key=lambda e: (e["subject"], e["threads"])):
        yield subject, threads, list(group)


def contests(entries: Iterable[Row], kind: str) -> str:
    """Return a table for each contest of a kind, fastest first."""
    tables = (
        f"### {subject}, {threads} thread{'s' * (threads > 1)}\n\n{_contest(group)}"
        for subject, threads, group in groups(entries, kind)
    )
    return "\n\n".join(tables)


def _contest(entries: list[Row]) -> str:
    measured = sorted((e for e in entries if e["p50_s"]), key=seconds)
    ours = best(measured, ours=True)
    rows = [
        (
            f"{e['peer']} {e['variant']}",
            _us(seconds(e)),
            _us(median(e, "p99_s")),
            f"{(max(e['p50_s']) - min(e['p50_s'])) / median(e):.0%}",
            throughput(e),
            f"{ratio(e, ours):.2f}" if ours else "",
            "" if e["loss"] is None else f"{e['loss']:.4f}",
            e["version"],
        )
        for e in measured
    ]
    rows += [
        (f"{e['peer']} {e['variant']}", e["error"], *[""] * 6) for e in entries if not e["p50_s"]
    ]
    heads = ("library", "us", "p99 us", "spread", "throughput", "relative", "loss", "version")
    return _table(heads, rows)


def best(
    entries: Iterable[Row], *, ours: bool, peer: str | None = None, figure: str = "p50_s"
) -> Row | None:
    """Return the fastest entry that is fastnn's in float32, or is not, or is one peer's."""
    chosen = [
        e
        for e in entries
        if e["p50_s"]
        and (e["peer"] == "fastnn") == ours
        and (peer is None or e["peer"] == peer)
        and e["variant"] != "bfloat16"
    ]
    return min(chosen, key=lambda e: median(e, figure), default=None)


class Duel(NamedTuple):
    """fastnn and the fastest other library in one contest.

    Attributes:
        ratio: the other's time / fastnn's.
        late: the same of the calls that one in a hundred exceeds; the other may be another one.
        torch: the ratio to PyTorch's best variant; ``None`` where it is not there.
    """

    subject: str
    threads: int
    ours: Row
    theirs: Row
    ratio: float
    late: float
    torch: float | None


def find_duels(entries: Iterable[Row], kind: str) -> Iterator[Duel]:
    """Yield the duel of each contest of a kind in which both sides were measured."""
    for subject, threads, group in groups(entries, kind):
        ours, theirs = best(group, ours=True), best(group, ours=False)
        late = best(group, ours=True, figure="p99_s"), best(group, ours=False, figure="p99_s")
        torch = best(group, ours=False, peer="torch")
        if ours and theirs and late[0] and late[1]:
            yield Duel(
                subject,
                threads,
                ours,
                theirs,
                ratio(theirs, ours),
                ratio(late[1], late[0], "p99_s"),
                ratio(torch, ours) if torch else None,
            )


def duels(entries: Iterable[Row], kind: str) -> str:
    """Return one line for each contest: fastnn, the best other, PyTorch."""
    rows = (
        (
            d.subject,
            str(d.threads),
            _us(seconds(d.ours)),
            throughput(d.ours),
            f"{d.theirs['peer']} {d.theirs['variant']}",
            _us(seconds(d.theirs)),
            f"{d.ratio:.2f}",
            f"{d.late:.2f}",
            "" if d.torch is None else f"{d.torch:.2f}",
        )
        for d in find_duels(entries, kind)
    )
    unit = "us a step" if kind == "train" else "us"
    heads = ("work", "threads", f"fastnn, {unit}", "throughput", "best other", f"its {unit}")
    return _table((*heads, "other / fastnn", "p99 / p99", "PyTorch / fastnn"), rows)
