"""What a classifier makes of points in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn.plots.figures import Path, class_colors, dress, finish, legend_below, new_figure
from fastnn.utils.labels import class_ids, numbered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["decision_regions"]

_PIXELS = 240
_MARKERS = "os^DvPX"


def decision_regions(
    model: Any, x: ArrayLike, y: ArrayLike, title: str = "", *, path: Path = None
) -> Figure:
    """Draws which class a model gives each point of the plane, and the points that it was given.

    Args:
        model: classifies points: one output, yes above one half; or an output for each class.
        x: ``(rows, 2)``, points.
        y: ``(rows,)``, their classes: 0, 1, ..., or names.
        title: a line above.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``.  The surer the model, the stronger the colour.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the points are not in a plane.

    Example:
        >>> import fastnn
        >>> x, y = fastnn.datasets.make_moons(40)
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(2, "softmax")])
        >>> figure = decision_regions(model, x, y)
    """
    x = np.asarray(x)
    classes = getattr(model, "classes_", None)  # an estimator's, which may be any labels
    y, names = numbered("decision_regions", y) if classes is None else class_ids(y, classes)
    y = y.reshape(-1).astype(int)
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(f"decision_regions: x must be points (rows, 2), got shape {x.shape}")
    if len(y) != len(x):
        raise ValueError(f"decision_regions: {len(x)} points need as many classes, got {len(y)}")
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.08 * (high - low) + 1e-6
    (left, bottom), (right, top) = low - margin, high + margin
    sides = np.linspace(left, right, _PIXELS), np.linspace(bottom, top, _PIXELS)
    p = _probabilities(model, np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2))
    colors = class_colors(max(p.shape[1], y.max() + 1))
    sure = p.max(axis=1, keepdims=True)
    pixels = 1 - sure * 0.6 * (1 - colors[p.argmax(axis=1)])
    figure = new_figure(width=4.4, height=4.5 + (0.3 if title else 0))
    panel = figure.subplots()
    panel.imshow(
        pixels.reshape(_PIXELS, _PIXELS, 3),
        origin="lower",
        extent=(left, right, bottom, top),
        aspect="auto",
    )
    for label in np.unique(y):
        panel.scatter(
            x[y == label, 0],
            x[y == label, 1],
            color=colors[label],
            marker=_MARKERS[label % len(_MARKERS)],
            s=14,
            edgecolors="white",
            linewidths=0.5,
            label=f"class {label if names is None else names[label]}",
        )
    dress(panel, title, "x[:, 0]", "x[:, 1]", grid=None)
    legend_below(figure)
    return finish(figure, path)


def _probabilities(model: Any, points: Any) -> Any:
    """Return ``(rows, classes)``; one output is the probability of class 1."""
    p = np.asarray(model.predict_proba(points))
    return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p
