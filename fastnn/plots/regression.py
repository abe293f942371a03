"""How far numbers are from what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.plots.figures import (
    INK,
    TRAIN,
    VALIDATION,
    Path,
    dress,
    few_ticks,
    finish,
    legend,
    new_figure,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["draw_errors", "prediction_error"]


_LONG = 1e8  # numbers of more digits have no place on an axis


def prediction_error(
    y_true: ArrayLike, y_pred: ArrayLike, title: str = "", *, path: Path = None
) -> Figure:
    """Draws predicted over true numbers, residuals over the predicted ones, and how they vary.

    Args:
        y_true: ``(rows,)`` or ``(rows, 1)``, the true numbers.
        y_pred: likewise, those that a model predicted.
        title: a line above all.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure`` of three panels.  The first shows ``R^2 = 1 - sum((y_true -
        y_pred)^2) / sum((y_true - mean(y_true))^2)`` and the root of the mean squared error.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are not as many of both, or none.

    Example:
        >>> figure = prediction_error([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
        >>> [panel.get_xlabel() for panel in figure.axes]
        ['true', 'predicted', 'true - predicted']
    """
    true, said = _column("y_true", y_true), _column("y_pred", y_pred)
    if len(true) != len(said) or not len(true):
        raise ValueError(
            f"prediction_error: expected as many numbers of both, got {len(true)} true and "
            f"{len(said)} predicted ones"
        )
    figure = new_figure(width=9.6, height=3.2 + (0.3 if title else 0))
    draw_errors(figure, true, said, title)
    return finish(figure, path)


def draw_errors(
    figure: Figure | SubFigure,
    true: NDArray[np.float64],
    said: NDArray[np.float64],
    title: str = "",
) -> None:
    """Draws how far numbers are from what was predicted; see ``prediction_error``."""
    left = true - said
    if title:
        figure.suptitle(title, color=INK, fontsize=10, parse_math=False)
    beside, residuals, often = figure.subplots(1, 3)
    dots: dict[str, Any] = {"s": 8, "color": TRAIN, "alpha": 0.5, "linewidths": 0}
    beside.scatter(true, said, **dots)
    beside.axline((true[0], true[0]), slope=1, color=INK, linewidth=0.9, label="equal")
    residuals.scatter(said, left, **dots)
    residuals.axhline(0, color=INK, linewidth=0.9)
    _draw_often(often, left[np.isfinite(left)])
    dress(beside, _fit(true, left), "true", "predicted")
    dress(residuals, "residuals", "predicted", "true - predicted")
    dress(often, "distribution of residuals", "true - predicted", "samples", grid="y")
    few_ticks(beside, residuals, often)
    if 1e-3 < np.abs(true).max(initial=0) < _LONG:  # numbers as they are, without an offset
        for axes in (beside, residuals):
            axes.ticklabel_format(useOffset=False, style="plain")
    whole_ticks(often.yaxis)
    legend(beside)


def _draw_often(panel: Axes, residuals: NDArray[np.float64]) -> None:
    """Draws how often there are residuals of each size; some that differ by roundings are alike."""
    least, most = min(residuals, default=0.0), max(residuals, default=0.0)
    known = max(abs(least), abs(most))
    alike = most - least <= known * 1e-6
    around = (least - known - 1e-3, most + known + 1e-3) if alike else None
    bins = 5 if alike else min(30, max(5, len(residuals) // 10))
    panel.hist(residuals, bins, range=around, color=VALIDATION)


def _column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim == 0 or array.size != len(array):
        raise ValueError(
            f"prediction_error: {name} must have one number for each row, got shape {array.shape}; "
            "draw the columns of several outputs one by one"
        )
    return array.reshape(-1)


def _fit(true: NDArray[np.float64], left: NDArray[np.float64]) -> str:
    squares, spread = np.square(left).sum(), np.square(true - true.mean()).sum()
    error = f"RMSE {np.sqrt(squares / len(left)):.3g}"
    return f"R² {1 - squares / spread:.3f}, {error}" if spread > 0 else error
