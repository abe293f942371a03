"""How well a classifier tells classes apart, and how well it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn._checks import count, one_of
from fastnn.plots.figures import (
    INK,
    TRAIN,
    VALIDATION,
    Path,
    class_colors,
    class_names_of,
    dress,
    finish,
    legend,
    new_figure,
    plain,
)
from fastnn.plots.rates import Judged, Rates, bins, judged, rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "calibration_curve",
    "confusion_matrix",
    "draw_matrix",
    "matrix_side",
    "precision_recall_curve",
    "roc_curve",
]

#: Matrices of more classes show colours alone.
_WRITTEN = 25
_FAINT = "#999999"

#: Lines of a legend inside of a panel, and of a column of one beside it.
_INSIDE, _COLUMN = 6, 20
_LONGEST = 40  # letters of a class's name


def confusion_matrix(
    matrix: ArrayLike,
    class_names: Sequence[Any] | None = None,
    normalize: str | None = None,
    title: str = "",
    *,
    path: Path = None,
) -> Figure:
    """Draws how often each class was taken for which.

    Args:
        matrix: ``(classes, classes)``, the true classes below one another: what
            ``fastnn.metrics.confusion_matrix(y_true, y_pred)`` returns, and ``ConfusionMatrix``.
        class_names: a name for each class; ``None`` shows numbers.
        normalize: ``"true"`` shows shares of each true class, ``"pred"`` those of each class that
            was said, ``"all"`` those of all samples; ``None`` shows counts.
        title: a line above.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``; up to 25 classes have their numbers written into the squares.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: it is no such matrix.

    Example:
        >>> figure = confusion_matrix([[3, 1], [0, 4]], ["cat", "dog"], normalize="true")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['75%', '25%', '0%', '100%']
    """
    counts = np.asarray(matrix)
    square = counts.ndim == 2 and counts.size == len(counts) ** 2 > 0
    if not square or counts.dtype.kind not in "biuf":
        raise ValueError(
            f"confusion_matrix: expected (classes, classes), got shape {counts.shape}; make it by "
            "fastnn.metrics.confusion_matrix(y_true, y_pred)"
        )
    if not (counts >= 0).all():
        raise ValueError("confusion_matrix: expected counts, numbers from 0 on")
    names = class_names_of("confusion_matrix", class_names, len(counts))
    counts = counts.astype(np.float64)
    side = matrix_side(len(names))
    figure = new_figure(width=side + 0.6, height=side + (0.3 if title else 0))
    draw_matrix(figure, counts, names, normalize, title)
    return finish(figure, path)


def matrix_side(classes: int) -> float:
    """Returns the inches that a matrix takes."""
    return min(9.0, 1.8 + 0.42 * max(classes, 4))


def draw_matrix(
    figure: Figure | SubFigure,
    counts: NDArray[np.float64],
    names: Sequence[str],
    normalize: str | None = None,
    title: str = "",
) -> None:
    """Draws how often each class was taken for which; see ``confusion_matrix``."""
    values = counts if normalize is None else _shares(counts, normalize)
    panel = figure.subplots()
    top = 1.0 if normalize else max(1.0, values.max())
    image = panel.imshow(values, cmap="Blues", vmin=0, vmax=top)
    if len(names) <= _WRITTEN:
        _write_numbers(panel, values, top, _percent if normalize else _count)
    bar = figure.colorbar(image, ax=panel, shrink=0.8, aspect=30)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_visible(False)
    dress(panel, title, "predicted", "true", grid=None)
    panel.spines[:].set_visible(False)
    _name_ticks(panel, names)


def _shares(counts: NDArray[np.float64], normalize: str) -> NDArray[np.float64]:
    one_of("confusion_matrix", "normalize", normalize, ("true", "pred", "all"))
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = counts.sum(axis=axis, keepdims=True)
    return counts / np.where(total == 0, 1, total)


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _count(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def _write_numbers(
    panel: Axes, values: NDArray[np.float64], top: float, write: Callable[[float], str]
) -> None:
    size = 9 if len(values) <= 12 else 6
    for (row, column), value in np.ndenumerate(values):
        color = "white" if value > 0.55 * top else INK if value else _FAINT
        text = write(float(value))
        panel.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _name_ticks(panel: Axes, names: Sequence[str]) -> None:
    shown = range(0, len(names), max(1, len(names) // 40))
    words = [names[k] for k in shown]
    upright = max(map(len, words)) > 3
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    panel.set_xticks(shown, words, **(turned if upright else {}))
    panel.set_yticks(shown, words)
    plain(*panel.get_xticklabels(), *panel.get_yticklabels())
    panel.tick_params(length=0)


def roc_curve(
    y_true: ArrayLike,
    scores: ArrayLike,
    class_names: Sequence[Any] | None = None,
    title: str = "",
    *,
    path: Path = None,
) -> Figure:
    """Draws the true positive rate over the false positive rate, for all thresholds.

    (Fawcett, "An introduction to ROC analysis", 2006.)

    Args:
        y_true: ``(rows,)``, labels; or ``(rows, classes)``, 0 or 1 for each class.
        scores: ``(rows,)`` of class 1, or ``(rows, classes)``: probabilities, or any scores of
            which more means surer.
        class_names: a name for each class; ``None`` shows numbers.
        title: a line above.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``: one curve for two classes, else one for each against the others,
        with the area under it, 0.5 for guesses.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes do not fit, a score is NaN, or a class has no samples, or all.

    Example:
        >>> figure = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> figure.axes[0].lines[1].get_label()
        'area 0.750'
    """
    curves = judged("roc_curve", y_true, scores, class_names)

    def draw(panel: Axes, found: Rates, samples: Judged, **style: Any) -> None:
        label = _label(found.area, samples.name)
        panel.plot(found.false_positive, found.true_positive, label=label, **style)

    figure, panel = _square()
    panel.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="guessing")
    _draw_each("roc_curve", panel, curves, draw)
    dress(panel, title, "false positive rate", "true positive rate")
    _explain(figure, panel)
    return finish(figure, path)


def precision_recall_curve(
    y_true: ArrayLike,
    scores: ArrayLike,
    class_names: Sequence[Any] | None = None,
    title: str = "",
    *,
    path: Path = None,
) -> Figure:
    """Draws precision over recall, for all thresholds.

    Of a rare class it says more than ``roc_curve``.  (Davis and Goadrich, "The relationship between
    Precision-Recall and ROC curves", 2006.)

    Args:
        y_true: ``(rows,)``, labels; or ``(rows, classes)``, 0 or 1 for each class.
        scores: ``(rows,)`` of class 1, or ``(rows, classes)``: probabilities, or any scores of
            which more means surer.
        class_names: a name for each class; ``None`` shows numbers.
        title: a line above.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``: one curve for two classes, else one for each against the others,
        with the area under its steps, the average precision.  A dashed line is the share of a
        single class: the precision of guesses.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes do not fit, a score is NaN, or a class has no samples, or all.

    Example:
        >>> figure = precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> figure.axes[0].lines[0].get_label()
        'area 0.833'
    """
    curves = judged("precision_recall_curve", y_true, scores, class_names)

    def draw(panel: Axes, found: Rates, samples: Judged, **style: Any) -> None:
        precision = np.concatenate([found.precision[:1], found.precision])
        label = _label(found.average_precision, samples.name)
        panel.step(found.true_positive, precision, where="pre", label=label, **style)

    figure, panel = _square()
    _draw_each("precision_recall_curve", panel, curves, draw)
    if len(curves) == 1:
        share = float(curves[0].is_true.mean())
        panel.axhline(share, color=INK, linewidth=0.8, linestyle="--", label="guessing")
    dress(panel, title, "recall", "precision")
    _explain(figure, panel)
    return finish(figure, path)


def _label(area: float, name: str) -> str:
    name = f"{name:.{_LONGEST}}"
    return f"area {area:.3f}{', ' if name else ''}{name}"  # a label that begins with _ is hidden


def _square() -> tuple[Figure, Axes]:
    """Return a panel of two rates."""
    figure = new_figure(width=4.2, height=4.0)
    panel = figure.subplots()
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return figure, panel


def _explain(figure: Figure, panel: Axes) -> None:
    """Add the legend: in the panel, or beside it if so many lines would hide the curves."""
    names = panel.get_legend_handles_labels()[1]
    if len(names) <= _INSIDE:
        legend(panel)
        return
    columns = -(-len(names) // _COLUMN)
    figure.set_figwidth(figure.get_figwidth() + columns * (0.6 + 0.07 * max(map(len, names))))
    legend(panel, loc="center left", bbox_to_anchor=(1.02, 0.5), ncols=columns)


def _draw_each(who: str, panel: Axes, curves: Sequence[Judged], draw: Callable[..., None]) -> None:
    """Draw the curve of each class, in a colour and, after those, a line of its own."""
    colors = class_colors(len(curves))
    for at, samples in enumerate(curves):
        style = {"color": tuple(colors[at]), "linewidth": 1.6, "linestyle": ("-", "-.")[at % 2]}
        draw(panel, rates(who, samples), samples, **style)


def calibration_curve(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 10,
    title: str = "",
    *,
    path: Path = None,
) -> Figure:
    """Draws how often what a classifier says is true, over how sure it is: a reliability diagram.

    (Guo et al., "On calibration of modern neural networks", 2017.)

    Args:
        y_true: ``(rows,)``, labels; or ``(rows, classes)``, one-hot.
        probabilities: ``(rows,)`` of class 1, or ``(rows, classes)``, of which the largest counts
            where there are more than two; from 0 to 1.
        bins: of equal width, 1 or more; 10.
        title: a line above.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``: above, the curve, and the mean distance from the diagonal, weighed
        by samples (the expected calibration error); below, the samples of each bin.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes do not fit, or a number is no probability.

    Example:
        >>> figure = calibration_curve([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75])
        >>> figure.axes[0].lines[1].get_label()
        'error 0.250'
    """
    number = count("calibration_curve", "bins", bins, 1)
    samples = _confidences(y_true, probabilities)
    found = _bins(samples, number)
    figure = new_figure(width=4.2, height=4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="calibrated")
    label = f"error {found.error:.3f}"
    upper.plot(found.said, found.true, color=TRAIN, marker="o", markersize=4, label=label)
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    lower.hist(samples.score, np.linspace(0, 1, number + 1), color=VALIDATION, rwidth=0.9)
    dress(upper, title, y="share that is true")
    dress(lower, "", "probability that was said", "samples", grid="y")
    legend(upper)
    return finish(figure, path)


_bins = bins  # which an argument hides


def _confidences(y_true: ArrayLike, probabilities: ArrayLike) -> Judged:
    """Return the probability of class 1, or that of the class that was said, and whether it is."""
    who = "calibration_curve"
    curves = judged(who, y_true, probabilities, None)
    p = np.stack([each.score for each in curves], axis=1)
    if (p < 0).any() or (p > 1).any():
        raise ValueError(
            f"{who}: probabilities must be from 0 to 1, got {p.min():.3g} to {p.max():.3g}; "
            "predict_proba returns them"
        )
    if len(curves) == 1:
        return curves[0]
    said = p.argmax(axis=1)
    is_true = np.stack([each.is_true for each in curves], axis=1)
    rows = np.arange(len(p))
    return Judged("", is_true[rows, said], p[rows, said])
