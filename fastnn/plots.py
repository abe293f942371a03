"""Pictures of training runs and of what came of them.

Invariant: matplotlib is imported only when a picture is drawn, and never its `pyplot`: no window,
no global state, no choice of backend; a figure belongs to who asked for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from fastnn.diagnosis import Diagnosis

__all__ = [
    "decision_regions",
    "diagnosis",
    "image_rows",
    "labelled_images",
    "learning_curve",
    "panels",
    "plot_option",
    "training_report",
]

_TRAIN, _VALIDATION, _WRONG, _INK = "#4c72b0", "#dd8452", "#c44e52", "#444444"
_CYCLE = (_TRAIN, _VALIDATION, "#55a868", _WRONG, "#8172b3", "#937860")
_COLUMNS = 8


def plot_option(description: str | None, arguments: Sequence[str] | None = None) -> Path | None:
    """Reads the option ``--plot PATH`` of a script's command line.

    Args:
        description: what ``--help`` says of the script, such as its ``__doc__``.
        arguments: words after the script's name; by default those of this process.

    Returns:
        Where the picture shall go, a name that ends in .png, .pdf or .svg; None without the option.

    Raises:
        ImportError: a picture is wanted, and matplotlib is not installed.
        SystemExit: after help, with 0, and after wrong usage, with 2.

    Example:
        >>> plot_option("Trains.", ["--plot", "result.png"]).name
        'result.png'
    """
    from fastnn.cli import picture_file

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plot",
        type=picture_file,
        metavar="PATH",
        help="draw the result: a .png, .pdf or .svg file",
    )
    path: Path | None = parser.parse_args(arguments).plot
    if path:
        require("matplotlib", "a picture")
    return path


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
    figure = _figure(width=width * len(titles), height=height)
    axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
    for panel, title in zip(axes, titles, strict=True):
        panel.set_prop_cycle(color=_CYCLE)
        _dress(panel, title)
    return figure, axes


def _dress(panel: Axes, title: str, grid: Literal["both", "x", "y"] = "both") -> None:
    panel.set_title(title, color=_INK, fontsize=10)
    panel.tick_params(labelsize=8, colors=_INK)
    for axis in (panel.xaxis, panel.yaxis):
        axis.label.set(color=_INK, fontsize=9)
    panel.grid(alpha=0.25, linewidth=0.6, axis=grid)
    panel.spines[["top", "right"]].set_visible(False)


def learning_curve(history: Any, metrics: Sequence[str] | None = None) -> Figure:
    """Draws how each metric went, epoch by epoch, on training and validation data.

    Args:
        history: what `fit` returned, or its `history` dict of lists.
        metrics: names to draw, one panel each; `val_<name>` joins its panel if it is there.
            ``None``: all that training has, but for the learning rate.

    Returns:
        A matplotlib `Figure`; `figure.savefig("curve.png")` writes it.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has none of the metrics.
    """
    series = _series(history)
    names = metrics
    if names is None:
        names = [each for each in series if not each.startswith(("val_", "learning_rate"))]
    figure = _figure(width=4.2 * max(1, len(names)), height=3.0)
    _draw_curves(figure, series, names)
    return figure


def training_report(
    history: Any, x: ArrayLike, y: ArrayLike, probabilities: ArrayLike, title: str = ""
) -> Figure:
    """Draws the learning curve of an image classifier above the images that it misread.

    Args:
        history: what `fit` returned, or its `history` dict of lists.
        x: `(rows, height, width)` or `(rows, height, width, channels)`, the test images.
        y: `(rows,)`, their labels.
        probabilities: `(rows, classes)`, what the model made of them.
        title: a line above all.

    Returns:
        A matplotlib `Figure`.  Misread images come most confident first, two lines of them at most.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has neither loss nor accuracy.
    """
    x, y, p = np.asarray(x), np.asarray(y).reshape(-1), np.asarray(probabilities)
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    wrong = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")]
    lines = min(2, -(-len(wrong) // _COLUMNS))
    heights = [3.0, 0.4 + 1.4 * lines]
    figure = _figure(width=8.4, height=sum(heights) + (0.4 if title else 0.0))
    if title:
        figure.suptitle(title, color=_INK, fontsize=11)
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_curves(upper, _series(history), ("loss", "accuracy"))
    lower.suptitle(_caption(len(wrong), len(y), lines * _COLUMNS), color=_INK, fontsize=10)
    _draw_images(lower, lines, wrong, x, y, p)
    return figure


def diagnosis(found: Diagnosis) -> Figure:
    """Draws how gradients, zeros and steps look in each layer.

    Args:
        found: what `model.diagnose` returned.

    Returns:
        A matplotlib `Figure` of three panels, the first layer at the top.

    Raises:
        ImportError: matplotlib is not installed.
    """
    layers = found.layers
    figure = _figure(width=9.0, height=1.2 + 0.3 * len(layers))
    panels = figure.subplots(1, 3, sharey=True, squeeze=False)[0]
    gradients = [each.gradient or 0.0 for each in layers]
    steps = [each.update or 0.0 for each in layers]
    _draw_bars(panels[0], gradients, _TRAIN, "gradient of the weights, norm", log=True)
    _draw_bars(panels[1], [each.zeros for each in layers], _VALIDATION, "share of zeros")
    _draw_bars(panels[2], steps, _TRAIN, "step / weights, norms", log=True)
    panels[1].set_xlim(0, 1)
    panels[0].set_yticks(range(len(layers)), [each.name for each in layers])
    panels[0].invert_yaxis()
    return figure


def _draw_bars(
    panel: Axes, values: Sequence[float], color: str, title: str, log: bool = False
) -> None:
    panel.barh(range(len(values)), values, color=color, height=0.6)
    if log and any(values):
        panel.set_xscale("log")
        panel.set_xlim(left=min(value for value in values if value > 0) / 3)
    _dress(panel, title, grid="x")


def decision_regions(model: Any, x: ArrayLike, y: ArrayLike, title: str = "") -> Figure:
    """Draws which class a model gives each point of the plane, and the points that it was given.

    Args:
        model: classifies points: one output, yes above one half; or an output for each class.
        x: ``(rows, 2)``, points.
        y: ``(rows,)``, their classes, 0, 1, ...
        title: a line above.

    Returns:
        A matplotlib ``Figure``.  The surer the model, the stronger the colour.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the points are not in a plane.
    """
    x, y = np.asarray(x), np.asarray(y).reshape(-1).astype(int)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"decision_regions: x must be points (rows, 2), got shape {x.shape}")
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.08 * (high - low) + 1e-6
    (left, bottom), (right, top) = low - margin, high + margin
    grid = np.meshgrid(np.linspace(left, right, 240), np.linspace(bottom, top, 240))
    p = np.asarray(model.predict_proba(np.stack(grid, axis=-1).reshape(-1, 2)))
    p = np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p
    colors = _class_colors(max(p.shape[1], y.max(initial=0) + 1))
    sure = p.max(axis=1, keepdims=True)
    picture = 1 - sure * 0.6 * (1 - colors[p.argmax(axis=1)])
    figure = _figure(width=4.4, height=4.5 + (0.3 if title else 0))
    panel = figure.subplots()
    panel.imshow(
        picture.reshape(240, 240, 3),
        origin="lower",
        extent=(left, right, bottom, top),
        aspect="auto",
    )
    for label in np.unique(y):
        panel.scatter(
            x[y == label, 0],
            x[y == label, 1],
            color=colors[label],
            s=12,
            edgecolors="white",
            linewidths=0.5,
            label=f"class {label}",
        )
    panel.set_title(title, color=_INK, fontsize=10)
    panel.set_xlabel("x[:, 0]", color=_INK, fontsize=9)
    panel.set_ylabel("x[:, 1]", color=_INK, fontsize=9)
    panel.tick_params(labelsize=8, colors=_INK)
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False, labelcolor=_INK)
    return figure


def _class_colors(classes: int) -> NDArray[np.floating[Any]]:
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if classes <= 3:
        return np.array([to_rgb(color) for color in (_TRAIN, _VALIDATION, "#55a868")])
    return colormaps["tab10" if classes <= 10 else "turbo"](np.linspace(0, 1, classes))[:, :3]


def labelled_images(x: ArrayLike, labels: Sequence[str], title: str = "") -> Figure:
    """Draws images with a line of text above each, eight side by side.

    Args:
        x: ``(rows, height, width)`` or ``(rows, height, width, channels)``.
        labels: a text for each.
        title: a line above all.

    Returns:
        A matplotlib ``Figure``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are not as many texts as images.
    """
    x = np.asarray(x)
    if len(labels) != len(x) or not len(x):
        raise ValueError(f"labelled_images: {len(x)} images need as many texts, got {len(labels)}")
    lines = -(-len(x) // _COLUMNS)
    figure = _figure(width=8.4, height=1.25 * lines + (0.4 if title else 0))
    if title:
        figure.suptitle(title, color=_INK, fontsize=10)
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).reshape(-1)
    for panel in panels[len(x) :]:
        panel.set_axis_off()
    for panel, image, label in zip(panels, x, labels, strict=False):
        _draw_image(panel, image, vmin=x.min(), vmax=x.max())
        panel.set_title(label, color=_INK, fontsize=7)
    return figure


def image_rows(rows: Mapping[str, ArrayLike], title: str = "") -> Figure:
    """Draws lines of images below one another, each with its name at the left.

    Args:
        rows: for each name its images, ``(columns, height, width)`` or
            ``(columns, height, width, channels)``, as many as the others have.
        title: a line above all.

    Returns:
        A matplotlib ``Figure``.  Each line has a scale of grey of its own.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no images, or not as many on each line.

    Example:
        >>> figure = image_rows({"dark": np.zeros((3, 8, 8)), "light": np.ones((3, 8, 8))})
    """
    lines = {name: np.asarray(images) for name, images in rows.items()}
    counts = {len(images) for images in lines.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"image_rows: expected as many images on each line, got {sorted(counts)} of them"
        )
    (columns,) = counts
    figure = _figure(width=0.5 + 0.95 * columns, height=len(lines) + (0.3 if title else 0))
    figure.suptitle(title, color=_INK, fontsize=10)
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for line, (name, images) in zip(grid, lines.items(), strict=True):
        line[0].set_ylabel(name, color=_INK, fontsize=8)
        for panel, image in zip(line, images, strict=True):
            _draw_image(panel, image, vmin=images.min(), vmax=images.max())
    return figure


def _figure(width: float, height: float) -> Figure:
    require("matplotlib", "a picture")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)  # inches
    figure = Figure(figsize=(width, height), dpi=150, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _series(history: Any) -> Mapping[str, Sequence[float]]:
    series: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    return series


def _draw_curves(
    figure: Figure | SubFigure, series: Mapping[str, Sequence[float]], metrics: Sequence[str]
) -> None:
    drawn = [name for name in metrics if name in series]
    if not drawn:
        raise ValueError(f"plots: the history has none of {list(metrics)}, but {list(series)}")
    panels = figure.subplots(1, len(drawn), squeeze=False)[0]
    for panel, name in zip(panels, drawn, strict=True):
        _draw_curve(panel, series[name], _TRAIN, "training")
        if f"val_{name}" in series:
            _draw_curve(panel, series[f"val_{name}"], _VALIDATION, "validation")
        _dress(panel, name)
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        panel.legend(frameon=False, fontsize=8, labelcolor=_INK)


def _draw_curve(panel: Axes, values: Sequence[float], color: str, label: str) -> None:
    dot = "o" if len(values) == 1 else None  # one point makes no line
    epochs = range(1, len(values) + 1)
    panel.plot(epochs, values, marker=dot, color=color, linewidth=1.6, label=label)


def _caption(wrong: int, rows: int, room: int) -> str:
    if not wrong:
        return f"all {rows:,} test images read right"
    shown = f", the {room} most confident" if wrong > room else ""
    return f"{wrong:,} of {rows:,} test images misread{shown}"


def _draw_images(
    figure: SubFigure,
    lines: int,
    wrong: NDArray[np.intp],
    x: NDArray[Any],
    y: NDArray[Any],
    p: NDArray[Any],
) -> None:
    if not lines:
        return
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).reshape(-1)
    for panel in panels[len(wrong) :]:
        panel.set_axis_off()
    for panel, row in zip(panels, wrong, strict=False):
        _draw_image(panel, x[row])
        guess = int(p[row].argmax())
        panel.set_title(
            f"{y[row]} read as {guess}\n{p[row, guess]:.0%} sure", color=_WRONG, fontsize=8
        )


def _draw_image(panel: Axes, image: NDArray[Any], **limits: Any) -> None:
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color("#cccccc")
    image = image.squeeze(-1) if image.ndim == 3 and image.shape[-1] == 1 else image
    panel.imshow(image, cmap="gray_r", interpolation="nearest", **limits)
