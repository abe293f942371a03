"""A picture of a run: how much longer others take, and how near kernels are to the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnn.bench import tables
from fastnn.plots.figures import INK, TRAIN, dress, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_TITLES = {
    "train": "training: time of the best other library / fastnn's",
    "predict": "prediction: time of the best other library / fastnn's",
}
_SHARES = "kernels: share of what the machine allows"


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the picture; the format follows from the name of the file.

    Raises:
        ImportError: if matplotlib is missing.
    """
    panels = _panels(report)
    heights = [1 + 0.25 * len(bars) for _, bars in panels]
    figure = new_figure(width=8, height=max(2.0, sum(heights)))
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)
    for panel, (title, bars) in zip(axes[:, 0], panels, strict=True):
        _bars(panel, title, bars)
    finish(figure, path)


def _panels(report: dict[str, Any]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return titles, and the names and lengths of their bars."""
    panels = [
        (title, [(_name(d), d.ratio) for d in tables.find_duels(report["contests"], kind)])
        for kind, title in _TITLES.items()
    ]
    panels.append((_SHARES, _shares(report["kernels"])))
    return [panel for panel in panels if panel[1]] or [("nothing was measured", [("", 0.0)])]


def _name(duel: tables.Duel) -> str:
    threads = f"{duel.threads} thread{'s' * (duel.threads > 1)}"
    return f"{duel.subject}, {threads}: {duel.theirs['peer']}"


def _shares(kernels: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Return the first shape of each op in the first instruction set."""
    first: dict[str, float] = {}
    for k in kernels:
        first.setdefault(f"{k['op']} {k['case']}", k["share"])
    seen: dict[str, tuple[str, float]] = {}
    for name, share in first.items():
        seen.setdefault(name.split()[0], (name, share))
    return list(seen.values())


def _bars(panel: Axes, title: str, bars: list[tuple[str, float]]) -> None:
    names, lengths = zip(*bars, strict=True)
    drawn = panel.barh(range(len(bars)), lengths, color=TRAIN)
    panel.bar_label(drawn, fmt="%.2f", padding=3, fontsize=8, color=INK)
    panel.set_yticks(range(len(bars)), names)
    panel.axvline(1, color=INK, linewidth=0.8)
    dress(panel, title, grid="x")
    panel.invert_yaxis()
    panel.margins(x=0.1)
