"""What is inside of a model: its filters, what layers make of a sample, how gradients flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn._checks import count as _count
from fastnn.plots.figures import (
    INK,
    TRAIN,
    VALIDATION,
    Path,
    dress,
    finish,
    new_figure,
    plain,
    whole_ticks,
)
from fastnn.plots.images import COLUMNS, draw_image, tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastnn.diagnosis import Diagnosis
    from fastnn.layers.base import Layer
    from fastnn.models import Model

__all__ = ["convolution_filters", "diagnosis", "layer_activations"]


def convolution_filters(layer: Layer, *, count: int = 64, path: Path = None) -> Figure:
    """Draws the filters of a convolution of images.

    Filters of three channels are drawn in colour, by their distance from the largest of their
    numbers; those of others as a square for each filter and channel, blue below 0, red above.

    Args:
        layer: a layer whose kernel is ``(height, width, channels, filters)``, built.
        count: the most squares, 1 or more; 64.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the layer has no such kernel, or is not built.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((8, 8, 1)), fastnn.layers.Conv2D(4, 3)])
        >>> len([panel for panel in convolution_filters(model.layers[0]).axes if panel.images])
        4
    """
    kernels = _kernels(layer)
    most = _count("convolution_filters", "count", count, 1)
    channels, filters = kernels.shape[2:]
    bound = float(np.abs(kernels).max()) or 1.0
    in_color = channels == 3
    squares = filters if in_color else filters * channels
    shown = min(squares, most)
    lines = -(-shown // COLUMNS)
    figure = new_figure(width=8.4, height=0.5 + 1.15 * lines)
    some = f", {shown} of them" if shown < squares else ""
    what = f"{layer.name}: {filters} filters of {channels} channel{'s' * (channels > 1)}{some}"
    plain(figure.suptitle(what, color=INK, fontsize=10))
    for at, panel in enumerate(tiles(figure, shown)):
        number, channel = (at, slice(None)) if in_color else divmod(at, channels)
        square = kernels[:, :, channel, number]
        if in_color:
            draw_image(panel, square / (2 * bound) + 0.5)
        else:
            draw_image(panel, square, cmap="RdBu_r", vmin=-bound, vmax=bound)
        named = f"{number}" if in_color or channels == 1 else f"{number}, channel {channel}"
        panel.set_title(named, color=INK, fontsize=7)
    return finish(figure, path)


def _kernels(layer: Layer) -> NDArray[np.float64]:
    """Return kernels ``(height, width, channels, filters)`` of numbers."""
    found = next((w for w in layer.weights if len(w.shape) == 4), None)
    if found is None:
        built = "" if layer.built else "; it is not built yet"
        raise ValueError(
            f"convolution_filters: {layer.name!r} has no kernel (height, width, channels, filters)"
            f"{built}; give a convolution of images, such as Conv2D"
        )
    return np.asarray(found.numpy(), np.float64)


def layer_activations(
    model: Model,
    x: ArrayLike,
    layer: str | int | None = None,
    *,
    count: int = 64,
    path: Path = None,
) -> Figure:
    """Draws what a layer makes of a sample.

    Args:
        model: a model of one input, built of layers between inputs and outputs.
        x: the sample, of the shape of the input without its rows, or with one row.
        layer: its name or its index; ``None`` is the first whose output is images.
        count: the most channels, 1 or more; 64.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib ``Figure``: an image for each channel of ``(height, width, channels)``; a line
        for each of ``(steps, channels)``, darker where there is more; bars for ``(units,)``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no such layer, or ``x`` is no sample of the model.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((8, 8, 1)), fastnn.layers.Conv2D(4, 3)])
        >>> figure = layer_activations(model, np.ones((8, 8, 1)), layer=0)
        >>> len([panel for panel in figure.axes if panel.images])
        4
    """
    most = _count("layer_activations", "count", count, 1)
    chosen = _layer(model, layer)
    y = np.asarray(_output(model, chosen).predict(_one_row(model, x)))[0]
    title = f"{chosen.name}: {' x '.join(map(str, y.shape))}"
    draw = {1: _draw_units, 2: _draw_steps, 3: _draw_channels}.get(y.ndim)
    if draw is None:
        raise ValueError(
            f"layer_activations: the output of {chosen.name!r} has {y.ndim} axes beside its rows; "
            "1 to 3 can be drawn"
        )
    return finish(draw(y, title, most), path)


def _layer(model: Model, layer: str | int | None) -> Layer:
    if layer is None:
        images = (each for each in model.layers if _axes(each) == 4 and each.sublayers() == {})
        found = next((each for each in images if type(each).__name__ != "InputLayer"), None)
        if found is None:
            raise ValueError("layer_activations: no layer's output is images; give a layer's name")
        return found
    return model.get_layer(index=layer) if isinstance(layer, int) else model.get_layer(layer)


def _axes(layer: Layer) -> int:
    shape = layer.output_shape
    return len(shape) if isinstance(shape, tuple) else 0


def _output(model: Model, layer: Layer) -> Model:
    from fastnn.models import Model as Network

    return Network(model.input, layer.output)


def _one_row(model: Model, x: ArrayLike) -> NDArray[Any]:
    sample, shape = np.asarray(x), model.input_shape
    if not isinstance(shape, tuple):
        raise ValueError("layer_activations: the model must have one input")
    if sample.shape == shape[1:]:
        return sample[None]
    if sample.shape == (1, *shape[1:]):
        return sample
    raise ValueError(
        f"layer_activations: x must be one sample of shape {shape[1:]}, got {sample.shape}"
    )


def _draw_channels(y: NDArray[Any], title: str, most: int) -> Figure:
    shown = min(y.shape[-1], most)
    figure = new_figure(width=8.4, height=0.5 + 1.15 * -(-shown // COLUMNS))
    plain(figure.suptitle(title, color=INK, fontsize=10))
    for at, panel in enumerate(tiles(figure, shown)):
        draw_image(panel, y[..., at], vmin=y.min(), vmax=y.max())
        panel.set_title(str(at), color=INK, fontsize=7)
    return figure


def _draw_steps(y: NDArray[Any], title: str, most: int) -> Figure:
    figure = new_figure(width=8.4, height=3.2)
    panel = figure.subplots()
    image = panel.imshow(y[:, :most].T, cmap="gray_r", aspect="auto", interpolation="nearest")
    dress(panel, title, "step", "channel", grid=None)
    figure.colorbar(image, ax=panel).ax.tick_params(labelsize=8, colors=INK)
    return figure


def _draw_units(y: NDArray[Any], title: str, most: int) -> Figure:
    figure = new_figure(width=8.4, height=2.6)
    panel = figure.subplots()
    panel.bar(range(min(len(y), most)), y[:most], color=TRAIN)
    panel.axhline(0, color=INK, linewidth=0.6)
    dress(panel, title, "unit", "value", grid="y")
    whole_ticks(panel.xaxis)
    return figure


def diagnosis(found: Diagnosis, *, path: Path = None) -> Figure:
    """Draws how gradients, zeros and steps look in each layer.

    Args:
        found: what `model.diagnose` returned.
        path: a .png, .pdf or .svg file to write.

    Returns:
        A matplotlib `Figure` of three panels, the first layer at the top.

    Raises:
        ImportError: matplotlib is not installed.
    """
    layers = found.layers
    figure = new_figure(width=9.0, height=1.2 + 0.3 * len(layers))
    panels = figure.subplots(1, 3, sharey=True, squeeze=False)[0]
    gradients = [each.gradient or 0.0 for each in layers]
    steps = [each.update or 0.0 for each in layers]
    _draw_bars(panels[0], gradients, TRAIN, "gradient of the weights, norm", log=True)
    _draw_bars(panels[1], [each.zeros for each in layers], VALIDATION, "share of zeros")
    _draw_bars(panels[2], steps, TRAIN, "step / weights, norms", log=True)
    panels[1].set_xlim(0, 1)
    panels[0].set_yticks(range(len(layers)), [each.name for each in layers])
    panels[0].invert_yaxis()
    return finish(figure, path)


def _draw_bars(
    panel: Axes, values: Sequence[float], color: str, title: str, log: bool = False
) -> None:
    panel.barh(range(len(values)), values, color=color, height=0.6)
    known = [value for value in values if 0 < value < np.inf]
    if log and known:
        _use_decades(panel, min(known), max(known))
    dress(panel, title, grid="x")


def _use_decades(panel: Axes, least: float, most: float) -> None:
    """Let the horizontal axis go from one power of 10 to another, and name no others."""
    from matplotlib.ticker import NullFormatter

    panel.set_xscale("log")
    low, high = np.floor(np.log10(least / 2)), np.ceil(np.log10(most))
    panel.set_xlim(float(10.0**low), float(10.0**high))
    panel.xaxis.set_minor_formatter(NullFormatter())
