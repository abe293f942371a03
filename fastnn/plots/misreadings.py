"""What a classifier of images got wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._checks import count
from fastnn.plots.curves import draw_curves
from fastnn.plots.figures import INK, WRONG, Path, class_names_of, finish, new_figure, plain
from fastnn.plots.images import COLUMNS, as_images, draw_image, tiles
from fastnn.utils.labels import numbered

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["misclassified", "training_report"]


class _Misread:
    """The images that were misread, the most confident first.

    Args:
        who: the picture, for messages.
        x: the images.
        y: their labels, or one-hot rows.
        probabilities: ``(rows, classes)``; one column is the probability of class 1.
        class_names: the classes' names, or ``None``.

    Raises:
        ValueError: shapes do not fit.
    """

    def __init__(
        self,
        who: str,
        x: ArrayLike,
        y: ArrayLike,
        probabilities: ArrayLike,
        class_names: Sequence[Any] | None,
    ):
        self.images, p = as_images(who, x), np.asarray(probabilities)
        p = p[:, None] if p.ndim == 1 else p
        self.p = np.concatenate([1 - p, p], axis=1) if p.shape[1:] == (1,) else p
        labels, class_names = numbered(who, y, class_names)
        if labels.ndim == 2 and labels.shape[1] > 1:
            labels = labels.argmax(axis=1)
        self.labels = labels.reshape(-1).astype(int)
        sizes = {len(self.images), len(self.labels), len(self.p)}
        if self.p.ndim != 2 or len(sizes) != 1:
            raise ValueError(
                f"{who}: expected a label and a row of probabilities for each of "
                f"{len(self.images)} images, got {len(self.labels)} and shape {self.p.shape}"
            )
        self.names = class_names_of(who, class_names, self.p.shape[1])
        self.guesses = self.p.argmax(axis=1)
        wrong = np.flatnonzero(self.guesses != self.labels)
        self.rows = wrong[np.argsort(-self.p[wrong].max(axis=1), kind="stable")]

    def caption(self, shown: int) -> str:
        """Return how many there are, and which are shown."""
        wrong, every = len(self.rows), len(self.labels)
        if not wrong:
            return f"all {every:,} test images read right"
        some = f", the {shown} most confident" if wrong > shown else ""
        return f"{wrong:,} of {every:,} test images misread{some}"

    def draw(self, figure: Figure | SubFigure, shown: int) -> None:
        """Draw the first of them, with what was said of each."""
        plain(figure.suptitle(self.caption(shown), color=INK, fontsize=10))
        rows = self.rows[:shown]
        for panel, row in zip(tiles(figure, len(rows)) if len(rows) else [], rows, strict=True):
            draw_image(panel, self.images[row])
            plain(panel.set_title(self._verdict(row), color=WRONG, fontsize=8))

    def _verdict(self, row: int) -> str:
        guess, label = self.guesses[row], self.labels[row]
        true = self.names[label] if 0 <= label < len(self.names) else str(label)
        return f"{true} read as {self.names[guess]}\n{self.p[row, guess]:.0%} sure"


def misclassified(
    x: ArrayLike,
    y: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[Any] | None = None,
    *,
    count: int = 16,
    path: Path = None,
) -> Figure:
    """Draws the images that a classifier misread, those first of which it was surest.

    Args:
        x: ``(rows, height, width)`` or ``(rows, height, width, channels)``, images.
        y: ``(rows,)``, their labels, or ``(rows, classes)``, one-hot.
        probabilities: ``(rows, classes)``, or ``(rows,)`` of class 1: what ``predict_proba`` gave.
        class_names: a name for each class; ``None`` shows numbers.
        count: the most images, 1 or more; 16.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``: above each image its label, what it was taken for, and the
        probability of that.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes do not fit together.

    Example:
        >>> figure = misclassified(np.eye(8)[None], [1], [[0.9, 0.1]], ["line", "circle"])
        >>> figure.axes[0].get_title()
        'circle read as line\\n90% sure'
    """
    misread = _Misread("misclassified", x, y, probabilities, class_names)
    shown = min(_count("misclassified", "count", count, 1), len(misread.rows))
    figure = new_figure(width=8.4, height=0.4 + 1.3 * -(-shown // COLUMNS))
    misread.draw(figure, shown)
    return finish(figure, path)


_count = count  # which an argument hides


def training_report(
    history: Any,
    x: ArrayLike,
    y: ArrayLike,
    probabilities: ArrayLike,
    title: str = "",
    *,
    path: Path = None,
) -> Figure:
    """Draws the learning curve of an image classifier above the images that it misread.

    Args:
        history: what `fit` returned, or its `history` dict of lists.
        x: `(rows, height, width)` or `(rows, height, width, channels)`, the test images.
        y: `(rows,)`, their labels.
        probabilities: `(rows, classes)`, what the model made of them.
        title: a line above all.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib `Figure`.  Misread images come most confident first, two lines of them at most.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has neither loss nor accuracy.
    """
    misread = _Misread("training_report", x, y, probabilities, None)
    lines = min(2, -(-len(misread.rows) // COLUMNS))
    heights = [3.0, 0.4 + 1.4 * lines]
    figure = new_figure(width=8.4, height=sum(heights) + (0.4 if title else 0.0))
    if title:
        plain(figure.suptitle(title, color=INK, fontsize=11))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    draw_curves(upper, history, ("loss", "accuracy"))
    misread.draw(lower, lines * COLUMNS)
    return finish(figure, path)
