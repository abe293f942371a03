"""Convolutions of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import activations, ops
from fastnn.compiler.geometry import Window, pair
from fastnn.compiler.graph import Shape, Tensor
from fastnn.layers.base import Layer
from fastnn.layers.core import positive

__all__ = ["Conv2D"]


class Conv2D(Layer):
    """``y[p, q] = activation(sum over the window at (p, q) of x kernel + bias)``.

    Args:
        filters: channels of the output, at least 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or (height, width).
        padding: ``"valid"``, no padding, or ``"same"``, zeros around the image such that a stride
            of 1 keeps its size.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what that of the bias costs.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        bias_constraint: what the bias is held to.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, height, width, in), kernel (kernel_height, kernel_width, in, filters),
    y (rows, new_height, new_width, filters); a side of N pixels becomes
    floor((N - F + 2P) / S) + 1 for a window of F pixels, padding P and stride S.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Conv2D(4, 3, activation="relu")
        >>> fastnn.Sequential([fastnn.Input((8, 8, 1)), layer]).output_shape
        (None, 6, 6, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        activation: str | Callable[[Tensor], Tensor] | None = None,
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
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            activity_regularizer=activity_regularizer,
        )
        self.filters = positive(self.name, "filters", filters)
        self.kernel_size = pair(self.name, "kernel_size", kernel_size)
        self.strides = pair(self.name, "strides", strides)
        self.padding = padding_name(self.name, padding)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.describe_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        Window.of(self.name, input_shape, self.kernel_size, self.strides, self.padding)
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_described("kernel", shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_described("bias", (self.filters,))

    def call(self, x: Tensor) -> Tensor:
        """Return the activation of the convolution."""
        y = ops.conv(x, self.kernel, self.strides, self.padding, bias=self.bias)
        return self.activation(y)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **super().get_config(),
        }


def padding_name(who: str, padding: Any) -> str:
    """Return ``padding`` in lower case if it is a known one."""
    if isinstance(padding, str) and padding.lower() in ("valid", "same"):
        return padding.lower()
    raise ValueError(f'{who}: padding must be "valid" or "same", got {padding!r}')
