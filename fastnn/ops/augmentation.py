"""Operations that change images at random, and their gradients."""

from __future__ import annotations

import math
from typing import Any

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import emit
from fastnn.ops.normalization import global_mean
from fastnn.ops.random import random_key

__all__ = ["random_map", "random_uniform", "tone", "warp"]

#: What a random map may be; in the order of ``csrc/kernels/augment-inl.h``, which has the formulas.
TRANSFORMS = ("flip", "translate", "rotate", "zoom", "stretch", "crop", "fixed")

#: What stands beyond the edges of an image; in the order of ``csrc/kernels/warp-inl.h``.
FILL_MODES = ("constant", "reflect", "wrap", "nearest")

INTERPOLATIONS = ("nearest", "bilinear")

_EVERYTHING = (-math.inf, math.inf)


def random_map(
    x: Tensor,
    transform: str,
    rows: tuple[float, float] = (0.0, 0.0),
    columns: tuple[float, float] = (0.0, 0.0),
    seed: int | None = None,
) -> Tensor:
    """Return a map for each image, drawn anew in each epoch: where ``warp`` finds its pixels.

    Args:
        x: images (rows, height, width, channels).
        transform: ``"flip"``: whether rows and columns may be reversed, 1 or 0 and any number;
            ``"translate"``: shares of height and width, from and to, by which the image goes down
            and to the right; ``"rotate"``: turns, counter-clockwise; ``"zoom"``: by how much
            larger the part is that is seen, the same in both directions; ``"stretch"``: the same,
            each direction by itself; ``"crop"``: the first row and column, from and below;
            ``"fixed"``: factor and offset, nothing at random.
        rows: two numbers for the rows; for turns and zooms the only ones.
        columns: two numbers for the columns.
        seed: what they are drawn from; ``None``: the seed of the process.

    Returns:
        (rows, 6): a function of the seed, the epoch and the sample, as the mask of ``dropout``.
    """
    _, height, width, _ = x.shape
    (h0, h1), (w0, w1) = rows, columns
    attrs: dict[str, Any] = {
        **{"transform": TRANSFORMS.index(transform), "height": height, "width": width},
        **{"h0": h0, "h1": h1, "w0": w0, "w1": w1},
        **random_key(x.graph, seed),
    }
    return x.graph.emit("random_map", shapes={"map": (None, 6)}, **attrs)[0]


def random_uniform(x: Tensor, low: float, high: float, seed: int | None = None) -> Tensor:
    """Return a number in [low, high) for each row of ``x``, drawn anew in each epoch: (rows,).

    Args:
        x: any shape.
        low: the least number.
        high: what all are below.
        seed: what they are drawn from; ``None``: the seed of the process.
    """
    attrs: dict[str, Any] = {"low": low, "high": high, **random_key(x.graph, seed)}
    return x.graph.emit("random_uniform", shapes={"u": (None,)}, **attrs)[0]


def warp(
    x: Tensor,
    map: Tensor,
    size: tuple[int | None, int | None] | None = None,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
) -> Tensor:
    """Return images seen through a map: ``y[i, j] = x[yy i + yx j + y0, xx j + xy i + x0]``.

    Args:
        x: images (rows, height, width, channels).
        map: (rows, 6): xx, xy, x0, yx, yy, y0, in pixels.
        size: height and width of ``y``; ``None``: those of ``x``.
        fill_mode: what stands beyond the edges, one of FILL_MODES.
        interpolation: what a place between pixels has, one of INTERPOLATIONS.
        fill_value: the number there if it is ``"constant"``.

    Returns:
        ``(rows, *size, channels)``; NaN where a map is not finite or leads beyond 2^30 pixels.
    """
    height, width = size or x.shape[1:3]
    shape = (None, height, width, x.shape[3])
    attrs = {
        "fill_mode": FILL_MODES.index(fill_mode),
        "bilinear": INTERPOLATIONS.index(interpolation),
        "fill_value": fill_value,
    }
    return emit("warp", x, map, shapes={"y": shape}, **attrs)[0]


@gradient_of("warp")
def _warp(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    x, map = node.inputs
    shapes = {"dx": x.shape if x is not None else ()}
    return emit("warp_bwd", dy, map, shapes=shapes, **node.attrs)[0], None


def tone(
    x: Tensor,
    factor: Tensor,
    mean: Tensor | None = None,
    value_range: tuple[float, float] = _EVERYTHING,
) -> Tensor:
    """Return ``(x - mean) factor + mean``, or without ``mean`` ``x + factor``, within a range.

    Args:
        x: (rows, ..., channels).
        factor: (rows,).
        mean: (rows, channels), the ``global_mean`` of ``x``; its gradient is part of that of ``x``.
        value_range: smaller and larger results are replaced by these.
    """
    low, high = value_range
    return emit("tone", x, mean, factor, low=low, high=high)[0]


@gradient_of("tone")
def _tone(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    """The way back from contrast is contrast: ``dx = (dy - mean dy) factor + mean dy``."""
    _, mean, factor = node.inputs
    (dx,) = emit("tone_bwd", dy, node.outputs[0], **node.attrs)
    if mean is not None and factor is not None:
        dx = tone(dx, factor, global_mean(dx))
    return dx, ZERO, None  # what goes through the mean is in dx
