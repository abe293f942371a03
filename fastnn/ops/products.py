"""Products and pooling: dense, conv2d, max_pool2d, average_pool2d, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.compiler.geometry import Window
from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import Operand, emit

__all__ = ["average_pool2d", "conv2d", "dense", "max_pool2d"]

Gradients = Sequence[Tensor | None]


def dense(x: Tensor, w: Operand, b: Operand | None = None) -> Tensor:
    """Return ``x @ w + b``.

    Args:
        x: (..., in).
        w: (in, out).
        b: (out,), or ``None``.

    Returns:
        (..., out).
    """
    return emit("dense_fwd", x, w, b, activation="linear")[0]


@gradient_of("dense_fwd")
def _dense(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, w, b = node.inputs
    dx = emit("dense_bwd_x", dy, None, w, activation="linear")[0] if wanted[0] else None
    return dx, *_weights("dense_bwd_w", x, dy, b, wanted, activation="linear")


def conv2d(
    x: Tensor,
    kernel: Operand,
    b: Operand | None = None,
    strides: int | tuple[int, int] = 1,
    padding: str = "valid",
) -> Tensor:
    """Return the cross-correlation of images with a kernel, plus a bias.

    Args:
        x: (rows, height, width, in).
        kernel: (kernel_height, kernel_width, in, out).
        b: (out,), or ``None``.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"`` or ``"same"``.

    Returns:
        (rows, new_height, new_width, out), where a side of ``n`` pixels becomes
        ``(n - kernel + pads) // stride + 1``.
    """
    m, n = kernel.shape[:2]
    window = Window.of("conv2d", x.shape, (m or 1, n or 1), strides, padding)
    return emit(
        "conv2d_fwd", x, kernel, b, axes=window.out_axes, activation="linear", **window.conv_attrs
    )[0]


@gradient_of("conv2d_fwd")
def _conv2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, kernel, b = node.inputs
    sizes = {axis: node.sizes[axis].base for axis in "hwmn"}
    dx = None
    if wanted[0]:
        image = {axis: sizes[axis] for axis in "hw"}
        dx = emit("conv2d_bwd_x", dy, None, kernel, axes=image, **node.attrs)[0]
    taps = {axis: sizes[axis] for axis in "mn"}
    return dx, *_weights("conv2d_bwd_w", x, dy, b, wanted, axes=taps, **node.attrs)


def _weights(
    name: str,
    x: Tensor | None,
    dy: Tensor,
    b: Tensor | None,
    wanted: tuple[bool, ...],
    **options: Any,
) -> Gradients:
    """Emit the gradients of kernel and bias, if either is wanted."""
    if not any(wanted[1:]):
        return None, None
    if b is None or not wanted[2]:
        return emit(name, x, dy, None, absent=("db",), **options)[0], None
    return emit(name, x, dy, None, **options)


def max_pool2d(
    x: Tensor,
    pool_size: int | tuple[int, int] = 2,
    strides: int | tuple[int, int] | None = None,
    padding: str = "valid",
) -> Tensor:
    """Return the largest value of each window of each channel.

    Args:
        x: (rows, height, width, channels).
        pool_size: size of the window, one number or (height, width).
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"`` or ``"same"``; a padded place never wins.

    Returns:
        (rows, new_height, new_width, channels).  NaN wins.  The gradient goes to the first of ties.
    """
    window = Window.of(
        "max_pool2d", x.shape, pool_size, pool_size if strides is None else strides, padding
    )
    return emit("maxpool2d_fwd", x, axes=window.out_axes, **window.pool_attrs)[0]


@gradient_of("maxpool2d_fwd")
def _max_pool2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("maxpool2d_bwd", node.inputs[0], node.outputs[0], dy, **node.attrs)


def average_pool2d(
    x: Tensor,
    pool_size: int | tuple[int, int] = 2,
    strides: int | tuple[int, int] | None = None,
    padding: str = "valid",
) -> Tensor:
    """Return the mean of each window of each channel.

    Args:
        x: (rows, height, width, channels).
        pool_size: size of the window, one number or (height, width).
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"`` or ``"same"``; a padded place is not counted.

    Returns:
        (rows, new_height, new_width, channels).
    """
    window = Window.of(
        "average_pool2d", x.shape, pool_size, pool_size if strides is None else strides, padding
    )
    return emit("avgpool2d_fwd", x, axes=window.out_axes, **window.pool_attrs)[0]


@gradient_of("avgpool2d_fwd")
def _average_pool2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    image = {axis: node.sizes[axis].base for axis in "hw"}
    return emit("avgpool2d_bwd", dy, axes=image, **node.attrs)
