"""Convolutions of images and sequences, all channels together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from fastnn import activations, ops
from fastnn._checks import flag
from fastnn.compiler.geometry import (
    Padding,
    Transposed,
    Window,
    output_padding_of,
    padding_of,
    sizes_of,
)
from fastnn.compiler.graph import Shape, Tensor
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.constructors import with_defaults
from fastnn.layers.core import positive
from fastnn.ops.pooling import channels_last

__all__ = ["Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose"]

Activation = str | Callable[[Tensor], Tensor] | None
Sizes = int | tuple[int, ...]


class Sliding(Layer):
    """What the convolutions share: a window, how it moves, what follows."""

    rank = 2

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: Any,
        data_format: str | None,
        dilation_rate: Sizes,
        activation: Activation,
        use_bias: bool,
        **options: Any,
    ):
        super().__init__(**options)
        rank = self.rank
        self.kernel_size = sizes_of(self.name, "kernel_size", kernel_size, rank)
        self.strides = sizes_of(self.name, "strides", strides, rank)
        self.padding: Padding = padding_of(self.name, padding, rank, causal=rank == 1)
        self.data_format = channels_last(self.name, data_format)
        self.dilation_rate = sizes_of(self.name, "dilation_rate", dilation_rate, rank)
        self.activation = activations.get(activation)
        self.use_bias = flag(self.name, "use_bias", use_bias)

    def sliding_window(self, input_shape: Shape | None = None) -> Window:
        """Return the window over inputs of ``input_shape``, or of the shape the layer has seen."""
        shape = self.input_shape if input_shape is None else input_shape
        return Window.of(
            self.name,
            shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.rank,
        )

    def add_bias(self, filters: int) -> None:
        """Make the bias, if there is one."""
        self.bias = self.add_described("bias", (filters,)) if self.use_bias else None

    @property
    def movement(self) -> dict[str, Any]:
        """How the window moves, as operations want to know it."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
        }

    def call(self, x: Tensor) -> Tensor:
        """Return the activation of the convolution."""
        return self.activation(self.convolve(x))

    @abstractmethod
    def convolve(self, x: Tensor) -> Tensor:
        """Return the convolution, with its bias."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        padding = self.padding if isinstance(self.padding, str) else list(self.padding)
        return {
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": padding,
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **super().get_config(),
        }


def refuse_strides_and_dilation(layer: Sliding) -> None:
    """Refuse windows that jump and are dilated, as Keras does."""
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise ValueError(
            f"{layer.name}: strides above 1 do not go with a dilation_rate above 1, got "
            f"strides={layer.strides} and dilation_rate={layer.dilation_rate}; "
            "use one of them"
        )


class _Conv(Sliding):
    """A convolution of all channels, or of each group of them."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str | Sizes = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.groups = positive(self.name, "groups", groups)
        refuse_strides_and_dilation(self)
        if self.filters % self.groups:
            raise ValueError(
                f"{self.name}: filters must be a multiple of groups, got {self.filters} filters "
                f"for {self.groups} groups: {self.filters} / {self.groups} is not whole"
            )
        self.describe_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        self.sliding_window(input_shape)
        channels = input_shape[-1] or 0
        if channels % self.groups:
            raise ShapeError(
                f"{self.name}: the channels of the input must be a multiple of groups, got "
                f"{channels} channels for {self.groups} groups"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_described("kernel", shape)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Return the convolution, with its bias."""
        return ops.conv(x, self.kernel, bias=self.bias, **self.movement)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"filters": self.filters, "groups": self.groups, **super().get_config()}


class Conv2D(_Conv):
    """``y[p, q] = activation(sum over the window at (p, q) of x kernel + bias)``.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"``, no padding; ``"same"``, zeros around the image such that a stride of 1
            keeps its size; or how many on either side, one number or (height, width).
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees, one number or (height, width);
            above 1 only with strides of 1.
        groups: parts of the channels that are convolved apart, each with its part of the filters;
            has to divide both.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel becomes after each update; ``None`` is as it is.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, height, width, in), kernel (kernel_height, kernel_width, in / groups, filters),
    y (rows, new_height, new_width, filters); a side of N places becomes floor((N - F + 2P)/S) + 1
    for F = (kernel - 1) dilation + 1, padding P and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Conv2D(4, 3, strides=2, padding=1, activation="relu")
        >>> fastnn.Sequential([fastnn.Input((8, 8, 1)), layer]).output_shape
        (None, 4, 4, 4)
        >>> layer.sliding_window().sides[0].formula
        'floor((8 - 3 + 2*1)/2) + 1 = 4'
    """

    __init__ = with_defaults(_Conv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv1D(_Conv):
    """``y[t] = activation(sum over the window at step t of x kernel + bias)``.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: steps of the window.
        strides: step of the window.
        padding: ``"valid"``, no padding; ``"same"``, zeros around the sequence such that a stride
            of 1 keeps its length; ``"causal"``, zeros before it alone, so that no step sees a later
            one; or how many on either side.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the steps that the window sees; above 1 only with strides of 1.
        groups: parts of the channels that are convolved apart, each with its part of the filters;
            has to divide both.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel becomes after each update; ``None`` is as it is.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, steps, in), kernel (kernel_size, in / groups, filters), y (rows, new_steps,
    filters); a side of N places becomes floor((N - F + 2P)/S) + 1 for F = (kernel - 1) dilation +
    1, padding P and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Conv1D(4, 3, padding="causal", dilation_rate=2)
        >>> fastnn.Sequential([fastnn.Input((20, 2)), layer]).output_shape
        (None, 20, 4)
    """

    rank = 1


class _Transpose(Sliding):
    """A convolution from its outputs to its inputs."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        refuse_strides_and_dilation(self)
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f'{self.name}: padding must be "valid" or "same", got {str(self.padding)[:60]!r}; '
                "output_padding adds places at the end"
            )
        self.output_padding = output_padding_of(self.name, output_padding, self.strides)
        self.describe_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        Transposed.of(
            self.name,
            input_shape,
            self.kernel_size,
            self.strides,
            str(self.padding),
            self.output_padding,
            self.dilation_rate,
            self.rank,
        )
        self.kernel = self.add_described(
            "kernel", (*self.kernel_size, self.filters, input_shape[-1])
        )
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Return the transposed convolution, with its bias."""
        options = {**self.movement, "output_padding": self.output_padding}
        return ops.conv_transpose(x, self.kernel, bias=self.bias, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        more = None if self.output_padding is None else list(self.output_padding)
        return {"filters": self.filters, "output_padding": more, **super().get_config()}


class Conv2DTranspose(_Transpose):
    """Each pixel adds the kernel, times its value, to a larger image; then bias and activation.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"``: all of the result; ``"same"``: its sides are those of the input times
            the strides.
        output_padding: places more at the end of each side, fewer than ``strides``; ``None``: as
            many as give the sides above.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the places that the window sees, one number or (height, width);
            above 1 only with strides of 1.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel becomes after each update; ``None`` is as it is.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    The transpose of ``Conv2D``: what takes gradients back through one (Dumoulin and Visin, "A guide
    to convolution arithmetic for deep learning", 2016).

    Shapes: x (rows, height, width, in), kernel (kernel_height, kernel_width, filters, in), y (rows,
    new_height, new_width, filters); a side of N places becomes (N - 1) S + max(F, S), or of
    ``"same"`` N S; with output_padding O (N - 1) S + F + O, or (N - 1) S + F % 2 + O.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Conv2DTranspose(4, 3, strides=2, padding="same")
        >>> fastnn.Sequential([fastnn.Input((8, 8, 1)), layer]).output_shape
        (None, 16, 16, 4)
    """

    __init__ = with_defaults(_Transpose.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv1DTranspose(_Transpose):
    """Each step adds the kernel, times its value, to a longer sequence; then bias and activation.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: steps of the window.
        strides: step of the window.
        padding: ``"valid"``: all of the result; ``"same"``: its sides are those of the input times
            the strides.
        output_padding: steps more at the end, fewer than ``strides``; ``None``: as many as give the
            length above.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        dilation_rate: distance of the steps that the window sees; above 1 only with strides of 1.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what the size of the bias costs; ``None`` is nothing.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel becomes after each update; ``None`` is as it is.
        bias_constraint: what the bias becomes after each update; ``None`` is as it is.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, steps, in), kernel (kernel_size, filters, in), y (rows, new_steps, filters); N
    steps become (N - 1) S + max(F, S), or of ``"same"`` N S; with output_padding O (N - 1) S + F +
    O, or (N - 1) S + F % 2 + O.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Conv1DTranspose(4, 3, strides=2)
        >>> fastnn.Sequential([fastnn.Input((8, 1)), layer]).output_shape
        (None, 17, 4)
    """

    rank = 1
