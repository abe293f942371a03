"""Convolutions of images and sequences, and their gradients.

A sequence (rows, steps, channels) is convolved as an image of one row: reshaping moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.geometry import Transposed, Window, format_sizes
from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor
from fastnn.errors import ShapeError
from fastnn.ops._emit import Operand, as_tensors, emit
from fastnn.ops.elementwise import reshape
from fastnn.ops.pooling import channels_last, repeat_places

__all__ = ["check_channels", "conv", "conv_transpose", "depthwise_conv", "separable_conv"]
Sizes = int | Sequence[int]


def conv(
    inputs: Tensor,
    kernel: Operand,
    strides: Sizes = 1,
    padding: str | Sizes = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    *,
    bias: Operand | None = None,
) -> Tensor:
    """Return the cross-correlation of images or sequences with a kernel, plus a bias.

    Args:
        inputs: (rows, height, width, in) or (rows, steps, in).
        kernel: (height, width, in / groups, out) or (steps, in / groups, out).  Where it has fewer
            channels than the inputs, these are parted in groups, each with its part of the outputs.
        strides: step of the window, one number or one for each axis.
        padding: ``"valid"``, none; ``"same"``, zeros around such that strides of 1 keep the size;
            of sequences ``"causal"``, zeros before alone; or how many on either side.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees.
        bias: (out,), or ``None``.

    Returns:
        (rows, new_height, new_width, out) or (rows, new_steps, out), where a side of N becomes
        ``floor((N - F + 2P)/S) + 1`` for F = (kernel - 1) dilation_rate + 1.

    Raises:
        ShapeError: if the inputs are smaller than the window, or channels and groups do not fit.
    """
    inputs, kernel = as_tensors("conv", inputs, kernel)
    window = _window("conv", inputs, kernel, strides, padding, data_format, dilation_rate)
    check_groups("conv", inputs.shape[-1], kernel.shape)
    y = emit(
        "conv2d_fwd",
        *_lifted(inputs, kernel),
        bias,
        axes=window.out_axes,
        activation="linear",
        **window.conv_attrs,
    )[0]
    return _lowered(y, len(inputs.shape))


@gradient_of("conv2d_fwd")
def _conv2d(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, kernel, b = node.inputs
    dx = dk = db = None
    if wanted[0]:
        dx = emit("conv2d_bwd_x", dy, None, kernel, axes=_axes(node, "hwc"), **node.attrs)[0]
    if wanted[1] and b is not None and wanted[2]:
        dk, db = emit("conv2d_bwd_w", x, dy, None, axes=_axes(node, "mni"), **node.attrs)
    elif wanted[1]:
        axes = _axes(node, "mni")
        (dk,) = emit("conv2d_bwd_w", x, dy, None, axes=axes, absent=("db",), **node.attrs)
    elif wanted[2]:
        (db,) = emit("bias_bwd", dy)
    return dx, dk, db


def depthwise_conv(
    inputs: Tensor,
    kernel: Operand,
    strides: Sizes = 1,
    padding: str | Sizes = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    *,
    bias: Operand | None = None,
) -> Tensor:
    """Return the cross-correlation of each channel with kernels of its own, plus a bias.

    Args:
        inputs: (rows, height, width, in) or (rows, steps, in).
        kernel: (height, width, in, depth_multiplier) or (steps, in, depth_multiplier).
        strides: step of the window, one number or one for each axis.
        padding: ``"valid"``, ``"same"``, of sequences ``"causal"``, or a count; padded places take
            no part in the sums.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees.
        bias: (in depth_multiplier,), or ``None``.

    Returns:
        (rows, new_height, new_width, in depth_multiplier) or (rows, new_steps, ...), the results of
        a channel side by side.
    """
    who = "depthwise_conv"
    inputs, kernel = as_tensors(who, inputs, kernel)
    window = _window(who, inputs, kernel, strides, padding, data_format, dilation_rate)
    *_, channels, multiplier = kernel.shape
    check_channels(who, inputs.shape[-1], channels or 0)
    x, k = _lifted(inputs, kernel)
    width = (channels or 0) * (multiplier or 0)
    flat = x.graph.emit("reshape", k, shapes={"y": (*k.shape[:2], width)})[0]
    attrs = {"activation": "linear", **window.conv_attrs}
    x = _repeated(x, multiplier or 1)
    y = emit("depthwise_fwd", x, flat, bias, axes=window.out_axes, **attrs)[0]
    return _lowered(y, len(inputs.shape))


def _repeated(x: Tensor, times: int) -> Tensor:
    """Return images with each channel ``times`` times side by side."""
    if times == 1:
        return x
    rows, height, width, channels = x.shape
    flat = reshape(x, (rows, height, (width or 0) * (channels or 0), 1))
    return reshape(repeat_places(flat, (1, times)), (rows, height, width, (channels or 0) * times))


@gradient_of("depthwise_fwd")
def _depthwise(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, kernel, _ = node.inputs
    attrs = {name: value for name, value in node.attrs.items() if name != "activation"}
    dx = dk = db = None
    if wanted[0]:
        dx = emit("depthwise_bwd_x", dy, kernel, axes=_axes(node, "hw"), **attrs)[0]
    if wanted[1]:
        dk = emit("depthwise_bwd_w", x, dy, axes=_axes(node, "mn"), **attrs)[0]
    if wanted[2]:
        db = emit("bias_bwd", dy)[0]
    return dx, dk, db


def separable_conv(
    inputs: Tensor,
    depthwise_kernel: Operand,
    pointwise_kernel: Operand,
    strides: Sizes = 1,
    padding: str | Sizes = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    *,
    bias: Operand | None = None,
) -> Tensor:
    """Return a depthwise convolution, and of its result one with a window of one place.

    Args:
        inputs: (rows, height, width, in) or (rows, steps, in).
        depthwise_kernel: (height, width, in, depth_multiplier) or (steps, in, depth_multiplier).
        pointwise_kernel: (1, 1, in depth_multiplier, out) or (1, in depth_multiplier, out).
        strides: step of the window.
        padding: as of ``depthwise_conv``.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees.
        bias: (out,), or ``None``.

    Returns:
        (rows, new_height, new_width, out) or (rows, new_steps, out).
    """
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, bias=bias)


def conv_transpose(
    inputs: Tensor,
    kernel: Operand,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    *,
    bias: Operand | None = None,
) -> Tensor:
    """Return the transposed convolution: each input place adds the kernel, scaled, to the result.

    Args:
        inputs: (rows, height, width, in) or (rows, steps, in).
        kernel: (height, width, out, in) or (steps, out, in).
        strides: distance in the result of what neighbours add, one number or one for each axis.
        padding: ``"valid"``: all of the result; ``"same"``: its sides are those of the inputs times
            the strides.
        output_padding: places more at the end of each side, less than ``strides``; ``None``: what
            gives the sides above.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places of the kernel.
        bias: (out,), or ``None``.

    Returns:
        (rows, new_height, new_width, out) or (rows, new_steps, out): a side of N becomes
        ``(N - 1) S + max(F, S)`` or N S; with ``output_padding`` O ``(N - 1) S + F + O`` or
        ``(N - 1) S + F % 2 + O``.
    """
    inputs, kernel = as_tensors("conv_transpose", inputs, kernel)
    who = "conv_transpose"
    channels_last(who, data_format)
    rank = _rank(who, inputs, kernel)
    check_channels(who, inputs.shape[-1], kernel.shape[-1] or 0)
    geometry = Transposed.of(
        who, inputs.shape, _taps(kernel), strides, padding, output_padding, dilation_rate, rank
    )
    axes = dict(zip("hw", geometry.out, strict=True))
    attrs = {"activation": "linear", **geometry.conv_attrs}
    y = emit("conv2d_transpose_fwd", *_lifted(inputs, kernel), bias, axes=axes, **attrs)[0]
    return _lowered(y, len(inputs.shape))


@gradient_of("conv2d_transpose_fwd")
def _conv2d_transpose(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    """Back through a convolution from its outputs is that convolution."""
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, kernel, _ = node.inputs
    dx = dk = db = None
    if wanted[0]:
        dx = emit("conv2d_fwd", dy, kernel, None, axes=_axes(node, "pq"), **node.attrs)[0]
    if wanted[1]:
        axes = {**_axes(node, "mn"), "i": node.sizes["c"].base}
        (dk,) = emit("conv2d_bwd_w", dy, x, None, axes=axes, absent=("db",), **node.attrs)
    if wanted[2]:
        db = emit("bias_bwd", dy)[0]
    return dx, dk, db


# ---- shapes --------------------------------------------------------------------------------------


def check_groups(who: str, channels: int | None, kernel: Shape) -> None:
    """Refuse channels that do not part into groups of those of a kernel (..., in / groups, out)."""
    part, filters = kernel[-2] or 1, kernel[-1] or 1
    if (channels or 0) % part:
        raise ShapeError(
            f"{who}: the inputs have {channels} channels, the kernel has {part}: expected as many, "
            f"or a part of them for each group, but {channels} / {part} is not whole"
        )
    groups = (channels or 0) // part
    if filters % groups:
        raise ShapeError(
            f"{who}: {groups} groups need filters that are a multiple of {groups}, got {filters}"
        )


def check_channels(who: str, channels: int | None, expected: int) -> None:
    """Refuse inputs with other channels than the kernel's."""
    if channels != expected:
        raise ShapeError(
            f"{who}: the inputs have {channels} channels, but the kernel is for {expected}"
        )


def _window(
    who: str,
    inputs: Tensor,
    kernel: Operand,
    strides: Sizes,
    padding: str | Sizes,
    data_format: str | None,
    dilation_rate: Sizes,
) -> Window:
    """Return the window that a kernel is moved in, over inputs that it fits on."""
    channels_last(who, data_format)
    known = _taps(kernel), strides, padding, dilation_rate
    return Window.of(who, inputs.shape, *known, rank=_rank(who, inputs, kernel))


def _rank(who: str, inputs: Tensor, kernel: Operand) -> int:
    """Return how many axes a window moves along: 2 in images, 1 in sequences."""
    rank = len(inputs.shape) - 2
    if rank not in (1, 2) or len(kernel.shape) != rank + 2:
        raise ShapeError(
            f"{who}: expected inputs (rows, height, width, channels) and a kernel of 4 axes, or "
            f"(rows, steps, channels) and one of 3, got {format_sizes(inputs.shape)} and "
            f"{format_sizes(kernel.shape)}"
        )
    return rank


def _taps(kernel: Operand) -> tuple[int, ...]:
    return tuple(n or 1 for n in kernel.shape[:-2])


def _lifted(x: Tensor, kernel: Operand) -> tuple[Tensor, Operand]:
    """Return inputs and kernel as of images, sequences as those of one row."""
    if len(x.shape) == 4:
        return x, kernel
    rows, *rest = x.shape
    lifted = x.graph.emit("reshape", kernel, shapes={"y": (1, *kernel.shape)})[0]
    return reshape(x, (rows, 1, *rest)), lifted


def _lowered(y: Tensor, axes: int) -> Tensor:
    return y if axes == 4 else reshape(y, (y.shape[0], *y.shape[2:]))


def _axes(node: Node, letters: str) -> dict[str, int]:
    return {letter: node.sizes[letter].base for letter in letters}
