"""Convolutions of each channel by itself, and those followed by one across the channels."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Shape, Tensor
from fastnn.layers.constructors import with_defaults
from fastnn.layers.convolution import Activation, Sizes, Sliding
from fastnn.layers.core import positive

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class _Depthwise(Sliding):
    """A convolution of each channel with kernels of its own."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str | Sizes = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        window = (kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias)
        super().__init__(
            *window,
            activity_regularizer=activity_regularizer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.depth_multiplier = positive(self.name, "depth_multiplier", depth_multiplier)
        depthwise = depthwise_initializer, depthwise_regularizer, depthwise_constraint
        self.describe_weight("depthwise", *depthwise)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        self.sliding_window(input_shape)
        channels = input_shape[-1] or 0
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_described("depthwise", shape, "kernel")
        self.add_bias(channels * self.depth_multiplier)

    def convolve(self, x: Tensor) -> Tensor:
        """Return the convolution, with its bias."""
        return ops.depthwise_conv(x, self.kernel, bias=self.bias, **self.movement)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"depth_multiplier": self.depth_multiplier, **super().get_config()}


class DepthwiseConv2D(_Depthwise):
    """Each channel of an image is convolved with kernels of its own.

    Args:
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"``, no padding; ``"same"``, zeros around the image such that a stride of 1
            keeps its size; or how many on either side, one number or (height, width).
        depth_multiplier: results of each channel, at least 1.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees, one number or (height, width).
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        depthwise_initializer: first value of the weights of the window.
        bias_initializer: first value of the bias.
        depthwise_regularizer: what the size of the weights of the window costs; ``None`` is
            nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        depthwise_constraint: what the weights of the window become after each update; ``None`` is
            as they are.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, height, width, in), kernel (kernel_height, kernel_width, in, depth_multiplier),
    y (rows, new_height, new_width, in depth_multiplier), the results of a channel side by side; a
    side of N places becomes floor((N - F + 2P)/S) + 1 for F = (kernel - 1) dilation + 1, padding P
    and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)
        >>> fastnn.Sequential([fastnn.Input((8, 8, 5)), layer]).output_shape
        (None, 8, 8, 10)
    """

    __init__ = with_defaults(_Depthwise.__init__, strides=(1, 1), dilation_rate=(1, 1))


class DepthwiseConv1D(_Depthwise):
    """Each channel of a sequence is convolved with kernels of its own.

    Args:
        kernel_size: steps of the window.
        strides: step of the window.
        padding: ``"valid"``, no padding; ``"same"``, zeros around the sequence such that a stride
            of 1 keeps its length; ``"causal"``, zeros before it alone, so that no step sees a later
            one; or how many on either side.
        depth_multiplier: results of each channel, at least 1.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the steps that the window sees.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        depthwise_initializer: first value of the weights of the window.
        bias_initializer: first value of the bias.
        depthwise_regularizer: what the size of the weights of the window costs; ``None`` is
            nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        depthwise_constraint: what the weights of the window become after each update; ``None`` is
            as they are.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, steps, in), kernel (kernel_size, in, depth_multiplier), y (rows, new_steps, in
    depth_multiplier); a side of N places becomes floor((N - F + 2P)/S) + 1 for F = (kernel - 1)
    dilation + 1, padding P and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.DepthwiseConv1D(3, strides=2)
        >>> fastnn.Sequential([fastnn.Input((9, 5)), layer]).output_shape
        (None, 4, 5)
    """

    rank = 1


class _Separable(Sliding):
    """A convolution of each channel by itself, then one of each place by itself."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str | Sizes = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        window = (kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias)
        super().__init__(
            *window,
            activity_regularizer=activity_regularizer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.filters = positive(self.name, "filters", filters)
        self.depth_multiplier = positive(self.name, "depth_multiplier", depth_multiplier)
        depthwise = depthwise_initializer, depthwise_regularizer, depthwise_constraint
        pointwise = pointwise_initializer, pointwise_regularizer, pointwise_constraint
        self.describe_weight("depthwise", *depthwise)
        self.describe_weight("pointwise", *pointwise)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make both kernels and the bias."""
        self.sliding_window(input_shape)
        channels = input_shape[-1] or 0
        self.depthwise_kernel = self.add_described(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), "depthwise_kernel"
        )
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.add_described("pointwise", shape, "pointwise_kernel")
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Return both convolutions, with the bias."""
        kernels = self.depthwise_kernel, self.pointwise_kernel
        return ops.separable_conv(x, *kernels, bias=self.bias, **self.movement)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = {"filters": self.filters, "depth_multiplier": self.depth_multiplier}
        return {**known, **super().get_config()}


class SeparableConv2D(_Separable):
    """A depthwise convolution, then one across the channels of each pixel.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"``, no padding; ``"same"``, zeros around the image such that a stride of 1
            keeps its size; or how many on either side, one number or (height, width).
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees, one number or (height, width).
        depth_multiplier: results of each channel, at least 1.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        depthwise_initializer: first value of the weights of the window.
        pointwise_initializer: first value of the weights of the channels.
        bias_initializer: first value of the bias.
        depthwise_regularizer: what the size of the weights of the window costs; ``None`` is
            nothing.
        pointwise_regularizer: what the size of the weights of the channels costs; ``None`` is
            nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        depthwise_constraint: what the weights of the window become after each update; ``None`` is
            as they are.
        pointwise_constraint: what the weights of the channels become after each update; ``None`` is
            as they are.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    So fewer numbers do what ``Conv2D`` does (Chollet, "Xception", 2017).

    Shapes: x (rows, height, width, in), kernels (kernel_height, kernel_width, in, depth_multiplier)
    and (1, 1, in depth_multiplier, filters), y (rows, new_height, new_width, filters); a side of N
    places becomes floor((N - F + 2P)/S) + 1 for F = (kernel - 1) dilation + 1, padding P and stride
    S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.SeparableConv2D(4, 3)
        >>> fastnn.Sequential([fastnn.Input((8, 8, 5)), layer]).count_params()
        69
    """

    __init__ = with_defaults(_Separable.__init__, strides=(1, 1), dilation_rate=(1, 1))


class SeparableConv1D(_Separable):
    """A depthwise convolution, then one across the channels of each step.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: steps of the window.
        strides: step of the window.
        padding: ``"valid"``, no padding; ``"same"``, zeros around the sequence such that a stride
            of 1 keeps its length; ``"causal"``, zeros before it alone, so that no step sees a later
            one; or how many on either side.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the steps that the window sees.
        depth_multiplier: results of each channel, at least 1.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        depthwise_initializer: first value of the weights of the window.
        pointwise_initializer: first value of the weights of the channels.
        bias_initializer: first value of the bias.
        depthwise_regularizer: what the size of the weights of the window costs; ``None`` is
            nothing.
        pointwise_regularizer: what the size of the weights of the channels costs; ``None`` is
            nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        depthwise_constraint: what the weights of the window become after each update; ``None`` is
            as they are.
        pointwise_constraint: what the weights of the channels become after each update; ``None`` is
            as they are.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, steps, in), kernels (kernel_size, in, depth_multiplier) and (1, in
    depth_multiplier, filters), y (rows, new_steps, filters); a side of N places becomes floor((N -
    F + 2P)/S) + 1 for F = (kernel - 1) dilation + 1, padding P and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.SeparableConv1D(4, 3)
        >>> fastnn.Sequential([fastnn.Input((8, 5)), layer]).output_shape
        (None, 6, 4)
    """

    rank = 1
