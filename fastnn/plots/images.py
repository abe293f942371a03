"""Images, as tables of images with words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.plots.figures import INK, PALE, Path, finish, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["COLUMNS", "draw_image", "image_rows", "labelled_images", "tiles"]

#: Images side by side.
COLUMNS = 8


def labelled_images(
    x: ArrayLike, labels: Sequence[str], title: str = "", *, path: Path = None
) -> Figure:
    """Draws images with a line of text above each, eight side by side.

    Args:
        x: ``(rows, height, width)`` or ``(rows, height, width, channels)``.
        labels: a text for each.
        title: a line above all.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are not as many texts as images.

    Example:
        >>> figure = labelled_images(np.zeros((2, 8, 8)), ["first", "second"])
    """
    x = as_images("labelled_images", x)
    if len(labels) != len(x) or not len(x):
        raise ValueError(f"labelled_images: {len(x)} images need as many texts, got {len(labels)}")
    lines = -(-len(x) // COLUMNS)
    figure = new_figure(width=8.4, height=1.25 * lines + (0.4 if title else 0))
    if title:
        plain(figure.suptitle(title, color=INK, fontsize=10))
    for panel, image, label in zip(tiles(figure, len(x)), x, labels, strict=True):
        draw_image(panel, image, vmin=x.min(), vmax=x.max())
        plain(panel.set_title(label, color=INK, fontsize=7))
    return finish(figure, path)


def image_rows(rows: Mapping[str, ArrayLike], title: str = "", *, path: Path = None) -> Figure:
    """Draws lines of images below one another, each with its name at the left.

    Args:
        rows: for each name its images, ``(columns, height, width)`` or
            ``(columns, height, width, channels)``, as many as the others have.
        title: a line above all.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``.  Each line has a scale of grey of its own.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no images, or not as many on each line.

    Example:
        >>> figure = image_rows({"dark": np.zeros((3, 8, 8)), "light": np.ones((3, 8, 8))})
    """
    lines = {name: as_images("image_rows", images) for name, images in rows.items()}
    counts = {len(images) for images in lines.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"image_rows: expected as many images on each line, got {sorted(counts)} of them"
        )
    (columns,) = counts
    figure = new_figure(width=0.5 + 0.95 * columns, height=len(lines) + (0.3 if title else 0))
    plain(figure.suptitle(title, color=INK, fontsize=10))
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for line, (name, images) in zip(grid, lines.items(), strict=True):
        plain(line[0].set_ylabel(name, color=INK, fontsize=8))
        for panel, image in zip(line, images, strict=True):
            draw_image(panel, image, vmin=images.min(), vmax=images.max())
    return finish(figure, path)


def as_images(who: str, x: ArrayLike) -> NDArray[Any]:
    """Returns images as an array.

    Raises:
        ValueError: they are not images that can be drawn.
    """
    images = np.asarray(x)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3, 4)):
        raise ValueError(
            f"{who}: expected images (rows, height, width), or (rows, height, width, channels) of "
            f"1, 3 or 4 channels, got shape {images.shape}"
        )
    return images


def tiles(figure: Figure | SubFigure, count: int, columns: int = COLUMNS) -> list[Axes]:
    """Returns a panel for each image, ``columns`` side by side, line by line."""
    every = figure.subplots(-(-count // columns), columns, squeeze=False).reshape(-1)
    for panel in every[count:]:
        panel.set_axis_off()
    return list(every[:count])


def draw_image(panel: Axes, image: NDArray[Any], **options: Any) -> None:
    """Draws an image without ticks; more of anything is darker, unless it is in colour."""
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(PALE)
    image = image.squeeze(-1) if image.ndim == 3 and image.shape[-1] == 1 else image
    panel.imshow(image, **{"cmap": "gray_r", "interpolation": "nearest", **options})
