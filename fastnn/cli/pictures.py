"""Pictures of a training and of what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn.cli.scores import Scores
from fastnn.plots.classes import draw_matrix, matrix_side
from fastnn.plots.curves import draw_curves
from fastnn.plots.figures import TRAIN, dress, new_figure
from fastnn.plots.regression import draw_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["report", "result"]

_CURVE = 3.8  # inches that a learning curve is wide


def report(history: Any, scores: Scores, weighed: bool = False) -> Figure:
    """Return a figure of the learning curves with the result: a matrix beside them, or below.

    Args:
        history: of the training.
        scores: of the model.
        weighed: whether rows counted in the losses by their class.
    """
    names = [name for name in ("loss", "accuracy") if name in history.history]
    width, height = _size(scores)
    if scores.confusion is not None:
        curves = _CURVE * len(names)
        figure = new_figure(width=curves + width, height=max(3.0, height))
        parts = figure.subfigures(1, 2, width_ratios=[curves, width], squeeze=False)
    else:
        figure = new_figure(width=width, height=3.0 + height)
        parts = figure.subfigures(2, 1, height_ratios=[3.0, height], squeeze=False)
    first, second = parts.reshape(-1)
    draw_curves(first, history, names, {"loss": _loss(scores, weighed)})
    _draw(second, scores)
    return figure


def _loss(scores: Scores, weighed: bool) -> str:
    """Return what the losses of a training are, which those of the result are not."""
    if scores.target.task == "numbers":
        return "loss of the scaled target"
    return "loss, each class weighing as much" if weighed else "loss"


def result(scores: Scores) -> Figure:
    """Return a figure of what was told against what is so."""
    width, height = _size(scores)
    figure = new_figure(width=width, height=height)
    _draw(figure, scores)
    return figure


def _size(scores: Scores) -> tuple[float, float]:
    """Return the inches that a result takes."""
    target = scores.target
    if scores.confusion is not None:
        side = matrix_side(len(scores.confusion))
        return side + 0.6, side
    if target.task == "numbers":
        return 9.6, 3.2 * len(target.names)
    return 8.4, 1.2 + 0.3 * len(target.names)


def _draw(figure: Figure | SubFigure, scores: Scores) -> None:
    best = "r2" if "r2" in scores.metrics else "accuracy"
    title = f"{scores.rows:,} rows: {best} {scores.metrics[best]:.3f}"
    target = scores.target
    if scores.confusion is not None:
        draw_matrix(figure, scores.confusion, target.classes[0], title=title)
    elif target.task == "numbers":
        parts = figure.subfigures(len(target.names), 1, squeeze=False)[:, 0]
        for place, (part, name) in enumerate(zip(parts, target.names, strict=True)):
            draw_errors(part, scores.y[:, place], scores.outputs[:, place], name)
    else:
        right = ((scores.outputs > 0.5) == scores.y).mean(axis=0)
        panel = figure.subplots()
        panel.barh(range(len(right)), right, color=TRAIN, height=0.6)
        panel.set_yticks(range(len(right)), target.names)
        panel.invert_yaxis()
        dress(panel, title, "share of right answers", grid="x")
