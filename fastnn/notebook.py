"""What notebooks show of models, histories and findings: HTML, without matplotlib.

Invariant: every text of a user's is escaped, and nothing refers to what is outside of the page.
"""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.callbacks.display import as_text
from fastnn.plots.curves import Curves, is_steep
from fastnn.plots.figures import TRAIN, VALIDATION
from fastnn.summary import parameters, shapes, totals

if TYPE_CHECKING:
    from fastnn._typing import Array
    from fastnn.layers.base import Layer
    from fastnn.models import Model

__all__ = ["history", "listing", "matrix", "model", "page", "table"]

_CELL = "padding:2px 10px;border:1px solid #8884"
#: The most rows of a table whose length a model decides.
_MOST_ROWS = 400
#: Pixels of a curve, and what is around it.
_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE = 250, 140, 52, 18, 20


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]], right: Collection[int] = ()) -> str:
    """Return a table.

    Args:
        titles: those of the columns.
        rows: the texts of the cells.
        right: the numbers of the columns that stand at the right.
    """
    head = "".join(_cell(title, at in right, "th") for at, title in enumerate(titles))
    lines = ["".join(_cell(text, at in right, "td") for at, text in enumerate(row)) for row in rows]
    return _framed(head, lines)


def _framed(head: str, lines: Iterable[str]) -> str:
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _cell(text: Any, right: bool, kind: str, style: str = "") -> str:
    align = "right" if right else "left"
    return f'<{kind} style="{_CELL};text-align:{align}{style}">{_text(text)}</{kind}>'


def _text(value: Any) -> str:
    return html.escape(str(value)).replace("\n", "<br>")


def listing(
    head: str, titles: Sequence[str], rows: Sequence[Sequence[Any]], right: Collection[int] = ()
) -> str:
    """Return a line and a table, of which the first rows are shown if it is very long."""
    more = len(rows) - _MOST_ROWS
    rest = "" if more <= 0 else f"and {more:,} more; print_fn=print shows them as text"
    shown = table(titles, rows[:_MOST_ROWS], right)
    return f"<div>{_text(head)}{shown}{rest}</div>"


def page(title: str, lines: Iterable[str], parts: Iterable[str]) -> str:
    """Return a whole page: lines of text, and what the functions of this module returned."""
    said = "".join(f"<p>{_text(line)}</p>" for line in lines)
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{_text(title)}</title></head>'
        f'<body style="font-family:sans-serif">{said}{"<p></p>".join(parts)}</body></html>\n'
    )


# ---- models --------------------------------------------------------------------------------------


def model(shown: Model) -> str:
    """Return the layers of a model with shapes and numbers of weights; those of models inside of it
    are there to be unfolded."""
    rest = "<br>".join(map(_text, totals(shown)))
    kind = type(shown).__name__
    return f"<div><b>{_text(shown.name)}</b> ({_text(kind)}){_layers(shown)}{rest}</div>"


def _layers(shown: Layer) -> str:
    titles = ("layer", "type", "output shape", "parameters")
    head = "".join(_cell(title, at == 3, "th") for at, title in enumerate(titles))
    return _framed(head, _lines(shown))


def _lines(shown: Layer) -> Iterator[str]:
    for layer in shown.sublayers().values():
        cells = (layer.name, type(layer).__name__, shapes(layer), f"{parameters(layer):,}")
        yield "".join(_cell(text, at == 3, "td") for at, text in enumerate(cells))
        if layer.sublayers():
            inside = f"<summary>{_text(layer.name)}</summary>{_layers(layer)}"
            yield f'<td colspan="4" style="{_CELL}"><details>{inside}</details></td>'


# ---- histories -----------------------------------------------------------------------------------


def history(shown: Any) -> str:
    """Return a curve for each metric of a history, and a table of its numbers."""
    curves = Curves(shown)
    if not curves.series:
        return "<div>no epochs</div>"
    rows = [[name, *_extremes(*curves.of(name))] for name in curves.series]
    titles = ("", "first", "last", "lowest", "at epoch", "highest", "at epoch")
    pictures = "".join(_curve(curves, name) for name in curves.names())
    return f"<div>{pictures}{table(titles, rows, range(1, 7))}</div>"


def _extremes(epochs: Sequence[int], values: Sequence[float]) -> list[str]:
    known = [(value, epoch) for epoch, value in zip(epochs, values, strict=True) if value == value]
    if not known:
        return [as_text(values[0]), as_text(values[-1]), "", "", "", ""]
    low = min(known)
    high = max(known, key=lambda pair: (pair[0], -pair[1]))
    ends = [as_text(values[0]), as_text(values[-1])]
    return [*ends, as_text(low[0]), str(low[1]), as_text(high[0]), str(high[1])]


def _curve(curves: Curves, name: str) -> str:
    """Return a metric of training, and of validation if there was one, as a small picture."""
    drawn = [(name, TRAIN)]
    if f"val_{name}" in curves.series:
        drawn.append((f"val_{name}", VALIDATION))
    steep = all(is_steep(curves.series[each]) for each, _ in drawn)
    points = {each: _points(*curves.of(each), steep) for each, _ in drawn}
    every = [point for known in points.values() for line in known for point in line]
    if not every:
        return ""
    frame = _Frame(every)
    lines = "".join(frame.line(each, color) for name, color in drawn for each in points[name])
    return f"{frame.begin(name)}{lines}{frame.words(name, steep, len(drawn) > 1)}</svg>"


def _points(
    epochs: Sequence[int], values: Sequence[float], steep: bool
) -> list[list[tuple[float, float]]]:
    """Return a curve as lines, which end where a number is not finite."""
    lines: list[list[tuple[float, float]]] = [[]]
    for epoch, value in zip(epochs, values, strict=True):
        if math.isfinite(value):
            lines[-1].append((epoch, math.log10(value) if steep else value))
        elif lines[-1]:
            lines.append([])
    return [line for line in lines if line]


class _Frame:
    """Where points are in a small picture.

    Args:
        points: all that are to be in it.
    """

    def __init__(self, points: Sequence[tuple[float, float]]):
        (self._x, self._y) = ((min(side), max(side)) for side in zip(*points, strict=True))

    def begin(self, name: str) -> str:
        """Return the beginning of the picture."""
        bottom, size = _HEIGHT - _BELOW, f'width="{_WIDTH}" height="{_HEIGHT}"'
        axes = f"M{_LEFT} {_ABOVE}V{bottom}H{_WIDTH - 8}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{_text(name)}" {size} '
            f'font-family="sans-serif" font-size="11" fill="currentColor">'
            f'<path d="{axes}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
        )

    def line(self, points: Sequence[tuple[float, float]], color: str) -> str:
        """Return points as a line, or one as a dot."""
        places = [(self._across(x), self._down(y)) for x, y in points]
        if len(places) == 1:
            (x, y), *_ = places
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>'
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<polyline points="{text}" fill="none" stroke="{color}" stroke-width="1.6"/>'

    def _across(self, x: float) -> float:
        return _LEFT + 6 + _share(x, self._x) * (_WIDTH - _LEFT - 20)

    def _down(self, y: float) -> float:
        return _HEIGHT - _BELOW - 6 - _share(y, self._y) * (_HEIGHT - _BELOW - _ABOVE - 12)

    def words(self, name: str, steep: bool, validated: bool) -> str:
        """Return the name, what is what, and the ends of both axes."""
        low, high = (as_text(float(10**y if steep else y)) for y in self._y)
        kinds = f'<tspan fill="{TRAIN}"> training</tspan>'
        kinds += f'<tspan fill="{VALIDATION}"> validation</tspan>' if validated else ""
        found = [f'<text x="{_LEFT}" y="13"><tspan font-weight="bold">{_text(name)}</tspan>{kinds}']
        places = [
            (_LEFT - 4, self._down(self._y[1]) + 4, "end", high),
            (_LEFT - 4, self._down(self._y[0]) + 4, "end", low),
            (self._across(self._x[0]), _HEIGHT - 4, "middle", f"{self._x[0]:g}"),
            (self._across(self._x[1]), _HEIGHT - 4, "middle", f"{self._x[1]:g}"),
            ((_LEFT + _WIDTH) / 2, _HEIGHT - 4, "middle", "epoch"),
        ]
        for x, y, anchor, text in dict.fromkeys(places):
            found.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}')
        return "".join(f"{text}</text>" for text in found)


def _share(value: float, ends: tuple[float, float]) -> float:
    return (value - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 0.5


# ---- findings ------------------------------------------------------------------------------------


def matrix(counts: Array) -> str:
    """Return a confusion matrix: true classes below one another, darker where there are more."""
    most = max(1.0, float(np.max(counts, initial=0)))
    head = "".join(_cell(each, True, "th") for each in ("true \\ predicted", *range(len(counts))))
    lines = []
    for label, row in enumerate(counts):
        cells = [_cell(label, True, "th")]
        for count in row:
            shade = f";background:rgba(0,114,178,{0.6 * float(count) / most:.2f})"
            cells.append(_cell(f"{float(count):g}", True, "td", shade))
        lines.append("".join(cells))
    return _framed(head, lines)
