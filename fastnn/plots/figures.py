"""How pictures look: their colours, their panels, their letters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastnn.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.text import Text

    from fastnn.plots.picture import Picture

__all__ = [
    "CYCLE",
    "INK",
    "PALE",
    "TRAIN",
    "VALIDATION",
    "WRONG",
    "Path",
    "class_colors",
    "class_names_of",
    "dress",
    "few_ticks",
    "finish",
    "legend",
    "legend_below",
    "new_figure",
    "panels",
    "plain",
    "whole_ticks",
]

Path = str | os.PathLike[str] | None
AnyFigure = TypeVar("AnyFigure", bound="Figure")

# The colours of Okabe and Ito, "Color universal design", 2008: told apart by colour-blind people.
TRAIN, VALIDATION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
CYCLE = (TRAIN, VALIDATION, GREEN, PURPLE, "#56b4e9", "#e69f00", "#000000")
WRONG, INK, PALE = VALIDATION, "#444444", "#cccccc"


def new_figure(width: float, height: float) -> Picture:
    """Returns an empty figure.

    Args:
        width: inches.
        height: inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    require("matplotlib", "a picture")
    from fastnn.plots.picture import Picture

    return Picture(width, height)


def finish(figure: AnyFigure, path: Path) -> AnyFigure:
    """Returns the figure; writes it if there is a path."""
    if path is not None:
        figure.savefig(path)
    return figure


def panels(*titles: str, width: float = 4.2, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """Returns a figure of panels side by side that look like those of the other pictures.

    Args:
        titles: a line above each panel.
        width: inches of a panel.
        height: inches.

    Returns:
        A matplotlib `Figure`, and its `Axes` to draw on, one for each title.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no title.

    Example:
        >>> figure, (left, right) = panels("what was said", "what was right")
    """
    if not titles:
        raise ValueError("panels: expected a title for each panel, got none")
    figure = new_figure(width=width * len(titles), height=height)
    axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
    for panel, title in zip(axes, titles, strict=True):
        panel.set_prop_cycle(color=CYCLE)
        dress(panel, title)
    return figure, axes


def dress(
    panel: Axes,
    title: str = "",
    x: str = "",
    y: str = "",
    grid: Literal["both", "x", "y"] | None = "both",
) -> None:
    """Gives a panel its title, the names of its axes, and the look of all panels.

    Args:
        panel: the panel.
        title: the line above it; texts of users are taken as they are.
        x: the name of the horizontal axis; nothing keeps the one it has.
        y: that of the vertical axis.
        grid: the axes whose ticks have lines.
    """
    plain(panel.set_title(title, color=INK, fontsize=10))
    panel.tick_params(which="both", labelsize=8, labelcolor=INK, color=INK)
    for axis, name in ((panel.xaxis, x), (panel.yaxis, y)):
        axis.label.set(color=INK, fontsize=9, **({"text": name} if name else {}))
        plain(axis.label)
    if grid:
        panel.grid(alpha=0.25, linewidth=0.6, axis=grid)
        panel.set_axisbelow(True)
    panel.spines[:].set_color(INK)
    panel.spines[["top", "right"]].set_visible(False)


def plain(*texts: Text) -> None:
    """Lets texts be shown as they are: a `$` in the name of a class begins no formula."""
    for text in texts:
        text.set_parse_math(False)


def legend(panel: Axes, **options: Any) -> None:
    """Adds a legend that stands back."""
    look = {"edgecolor": "none", "framealpha": 0.8, "fontsize": 8, "labelcolor": INK}
    found = panel.legend(**{**look, **options})
    plain(*found.get_texts())


def legend_below(figure: Figure | SubFigure) -> None:
    """Adds one legend of all panels below them, where it covers nothing."""
    found: dict[Any, Any] = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    look = {"ncols": 5, "fontsize": 8, "frameon": False, "labelcolor": INK}
    below = figure.legend(found.values(), found, loc="outside lower center", **look)
    plain(*below.get_texts())


def whole_ticks(axis: Axis) -> None:
    """Lets an axis have ticks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def few_ticks(*panels: Axes) -> None:
    """Lets horizontal axes have so few ticks that large numbers stand side by side."""
    from matplotlib.ticker import MaxNLocator

    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))


def class_colors(classes: int) -> NDArray[np.floating[Any]]:
    """Returns a colour for each class, `(classes, 3)`."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if classes <= len(CYCLE):
        return np.array([to_rgb(color) for color in CYCLE[:classes]])
    return colormaps["viridis"](np.linspace(0, 1, classes))[:, :3]


def class_names_of(who: str, class_names: Sequence[Any] | None, classes: int) -> list[str]:
    """Returns the names of classes; their numbers if there are none.

    Raises:
        ValueError: there are not as many names as classes.
    """
    if class_names is None:
        return [str(label) for label in range(classes)]
    names = [str(name) for name in class_names]
    if len(names) != classes:
        raise ValueError(
            f"{who}: class_names must have a name for each of {classes} classes, got {len(names)}"
        )
    return names
