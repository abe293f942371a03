"""Pooling of images and sequences, what undoes it, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.compiler.geometry import Padding, Window, format_sizes, padding_of, sizes_of
from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.errors import ShapeError
from fastnn.ops._emit import emit
from fastnn.ops.elementwise import reshape

__all__ = ["average_pool", "max_pool", "repeat_places"]
Sizes = int | Sequence[int]


def max_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str | Sizes = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the largest value of each window of each channel.

    Args:
        inputs: (rows, height, width, channels) or (rows, steps, channels).
        pool_size: size of the window, one number or one for each axis.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or places on either side, fewer than the window has; a
            padded place never wins.
        data_format: ``"channels_last"`` or ``None``, which is the same.

    Returns:
        (rows, new_height, new_width, channels) or (rows, new_steps, channels).  NaN wins.  The
        gradient goes to the first of ties.
    """
    return _pool("max_pool", "maxpool2d_fwd", inputs, pool_size, strides, padding, data_format)


@gradient_of("maxpool2d_fwd")
def _max_pool2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("maxpool2d_bwd", node.inputs[0], node.outputs[0], dy, **node.attrs)


def average_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str | Sizes = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the mean of each window of each channel.

    Args:
        inputs: (rows, height, width, channels) or (rows, steps, channels).
        pool_size: size of the window, one number or one for each axis.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or places on either side, fewer than the window has; a
            padded place is not counted.
        data_format: ``"channels_last"`` or ``None``, which is the same.

    Returns:
        (rows, new_height, new_width, channels) or (rows, new_steps, channels).
    """
    known = (inputs, pool_size, strides, padding, data_format)
    return _pool("average_pool", "avgpool2d_fwd", *known, sums=0)


@gradient_of("avgpool2d_fwd")
def _average_pool2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    image = {axis: node.sizes[axis].base for axis in "hw"}
    return emit("avgpool2d_bwd", dy, axes=image, **node.attrs)


def repeat_places(x: Tensor, times: tuple[int, int]) -> Tensor:
    """Return images with each row and column repeated: what sums over windows have as gradient.

    Args:
        x: (rows, height, width, channels).
        times: how often each row and each column.
    """
    _, height, width, _ = x.shape
    large = (None, (height or 0) * times[0], (width or 0) * times[1], 1)
    attrs = Window.of("repeat", large, times, times).pool_attrs
    axes = {"h": large[1] or 0, "w": large[2] or 0}
    return emit("avgpool2d_bwd", x, axes=axes, sums=1, **attrs)[0]


@gradient_of("avgpool2d_bwd")
def _repeat_places(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    places = {axis: node.sizes[axis].base for axis in "pq"}
    return emit("avgpool2d_fwd", dy, axes=places, **node.attrs)


def _pool(
    who: str,
    op: str,
    x: Tensor,
    size: Sizes,
    strides: Sizes | None,
    padding: str | Sizes,
    data_format: str | None,
    **attrs: Any,
) -> Tensor:
    channels_last(who, data_format)
    rank = len(x.shape) - 2
    if rank not in (1, 2):
        raise ShapeError(
            f"{who}: expected (rows, height, width, channels) or (rows, steps, channels), "
            f"got {format_sizes(x.shape)}"
        )
    sizes = sizes_of(who, "pool_size", size, rank)
    known = pool_padding(who, padding, sizes)
    window = Window.of(who, x.shape, sizes, sizes if strides is None else strides, known, rank=rank)
    rows, *rest = x.shape
    image = x if rank == 2 else reshape(x, (rows, 1, *rest))
    y = emit(op, image, axes=window.out_axes, **window.pool_attrs, **attrs)[0]
    return y if rank == 2 else reshape(y, (y.shape[0], *y.shape[2:]))


def pool_padding(who: str, padding: object, size: tuple[int, ...]) -> Padding:
    """Return the padding of a pooling, each window of which has to see a place of the image."""
    known = padding_of(who, padding, len(size))
    if not isinstance(known, str) and any(p >= n for p, n in zip(known, size, strict=True)):
        raise ValueError(
            f"{who}: padding must be less than pool_size, or a window sees padding alone, "
            f"got padding={known} with pool_size={size}"
        )
    return known


def channels_last(who: str, data_format: Any) -> str:
    """Refuse a data format other than ``"channels_last"``, which ``None`` stands for."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    raise ValueError(
        f"{who}: data_format must be 'channels_last' or None, got {str(data_format)[:40]!r}; move "
        "the channels to the last axis: numpy.moveaxis(x, 1, -1), and leave data_format out"
    )
