"""How a training went, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._typing import Array
from fastnn.plots.figures import (
    INK,
    TRAIN,
    VALIDATION,
    WRONG,
    Path,
    dress,
    finish,
    legend_below,
    new_figure,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from fastnn.plots.picture import Picture

__all__ = ["Curves", "draw_curves", "is_steep", "learning_curve"]

_COLUMNS = 3
#: A curve that goes down by this factor has a logarithmic axis.
_STEEP = 30


def learning_curve(
    history: Any, metrics: Sequence[str] | None = None, *, path: Path = None
) -> Picture:
    """Draws how each metric went, epoch by epoch, on training and validation data.

    The epoch of the lowest loss, of validation if there was one, has a dotted line.  What goes down
    to a thirtieth has a logarithmic axis.  A panel whose numbers are all NaN says so.

    Args:
        history: what `fit` returned, or its `history` dict of lists.
        metrics: names to draw, one panel each; `val_<name>` joins its panel if it is there.
            ``None``: all that training has but ``data_loss`` and ``penalty``, whose sum is the
            loss, and the learning rate if it changed.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has none of the metrics.

    Example:
        >>> figure = learning_curve({"loss": [2.0, 1.0], "val_loss": [2.1, 1.5]})
        >>> [curve.get_label() for curve in figure.axes[0].lines][:2]
        ['training', 'validation']
    """
    names = list(metrics) if metrics is not None else Curves(history).names()
    lines = max(1, -(-len(names) // _COLUMNS))
    figure = new_figure(width=4.2 * min(max(1, len(names)), _COLUMNS), height=3.0 * lines)
    draw_curves(figure, history, names)
    return finish(figure, path)


class Curves:
    """The numbers of a history, each with its epoch, counted from 1.

    Args:
        history: what ``fit`` returned, or its dict of lists.
    """

    def __init__(self, history: Any):
        series: Mapping[str, Sequence[Any]] = getattr(history, "history", history)
        self._history = history
        self.series = {
            name: values for name, values in series.items() if not any(map(np.ndim, values))
        }
        self._longest = max(map(len, self.series.values()), default=0)

    def names(self) -> list[str]:
        """Return the metrics of training, and the learning rate if it changed; not the parts that
        the loss is the sum of."""
        rate = self.series.get("learning_rate", ())
        others = ("val_", "learning_rate", "data_loss", "penalty")
        names = [n for n in self.series if not n.startswith(others)]
        return [*names, *(["learning_rate"] if len(set(rate)) > 1 else [])]

    def of(self, name: str) -> tuple[list[int], list[float]]:
        """Return the epochs and the numbers of a metric."""
        values = [float(value) for value in self.series[name]]
        noted = getattr(self._history, "epochs", {}).get(name, ())
        if len(noted) == len(values):
            return [epoch + 1 for epoch in noted], values
        step = max(1, self._longest // max(1, len(values)))  # validated each so many epochs
        return list(range(step, step * len(values) + 1, step)), values

    def best(self) -> tuple[str, int] | None:
        """Return the loss to judge by, and the epoch where it is lowest."""
        name = next((n for n in ("val_loss", "loss") if n in self.series), None)
        if name is None:
            return None
        epochs, values = self.of(name)
        known = [(v, e) for v, e in zip(values, epochs, strict=True) if not math.isnan(v)]
        return (name, min(known)[1]) if len(known) > 1 else None


def draw_curves(
    figure: Figure | SubFigure,
    history: Any,
    metrics: Sequence[str],
    titles: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Draws metrics, a panel each.

    Args:
        figure: where to.
        history: what `fit` returned, or its `history` dict of lists.
        metrics: their names.
        titles: of panels, where they are not the names.

    Raises:
        ValueError: the history has none of them.
    """
    curves = Curves(history)
    drawn = [name for name in metrics if name in curves.series]
    if not drawn:
        raise ValueError(
            f"plots: the history has none of {list(metrics)!s:.120}, but "
            f"{list(curves.series)!s:.120}"
        )
    columns = min(len(drawn), _COLUMNS)
    panels = figure.subplots(-(-len(drawn) // columns), columns, squeeze=False).reshape(-1)
    for panel in panels[len(drawn) :]:
        panel.set_axis_off()
    for panel, name in zip(panels, drawn, strict=False):
        _draw_panel(panel, curves, name, titles.get(name, name), explained=name == drawn[0])
    legend_below(figure)


def _draw_panel(panel: Axes, curves: Curves, name: str, title: str, explained: bool) -> None:
    is_rate = name == "learning_rate"
    _draw_curve(panel, *curves.of(name), TRAIN, "" if is_rate else "training", is_rate)
    steep = is_steep(curves.series[name])
    if f"val_{name}" in curves.series:
        _draw_curve(panel, *curves.of(f"val_{name}"), VALIDATION, "validation")
        steep &= min(curves.series[f"val_{name}"], default=0) > 0
    dress(panel, title.replace("_", " ") if is_rate else title, "epoch")
    whole_ticks(panel.xaxis)
    epochs, _ = curves.of(name)
    drawn = np.concatenate([curve.get_ydata() for curve in panel.lines])
    if epochs and not np.isfinite(drawn).any():
        _say_of_nothing(panel, epochs, drawn)
    if steep or (is_rate and min(curves.series[name]) > 0):
        panel.set_yscale("log")
    best = curves.best()
    if best is not None:
        label = f"lowest {best[0]}: epoch {best[1]}" if explained else None
        panel.axvline(best[1], color=INK, linewidth=0.9, linestyle=":", label=label)


def _say_of_nothing(panel: Axes, epochs: Sequence[int], drawn: Array) -> None:
    """Writes into a panel without a point why there is none."""
    what = "NaN" if np.isnan(drawn).all() else "not finite"
    where: dict[str, Any] = {"transform": panel.transAxes, "ha": "center", "va": "center"}
    panel.text(0.5, 0.5, f"{what} in every epoch", color=WRONG, fontsize=9, **where)
    panel.set_xlim(0.5, max(epochs) + 0.5)
    panel.set_yticks([])


def _draw_curve(
    panel: Axes,
    epochs: Sequence[int],
    values: Sequence[float],
    color: str,
    label: str,
    steps: bool = False,
) -> None:
    dot = "o" if np.isfinite(values).sum() == 1 else None  # one point makes no line
    style = "steps-mid" if steps else "default"
    panel.plot(
        epochs,
        values,
        marker=dot,
        color=color,
        linewidth=1.6,
        label=label or None,
        drawstyle=style,
    )


def is_steep(values: Sequence[float]) -> bool:
    """Return whether a curve goes down by orders of size."""
    known = [value for value in values if math.isfinite(value)]
    if not known or min(known) <= 0:
        return False
    return known.index(max(known)) < known.index(min(known)) and max(known) > _STEEP * min(known)
