"""Pooling of images."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.geometry import pair
from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer
from fastnn.layers.convolution import padding_name

__all__ = ["MaxPooling2D"]


class MaxPooling2D(Layer):
    """The largest value of each window of each channel.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"`` or ``"same"``; a padded place never wins.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, new_height, new_width, channels).  NaN wins.
    The gradient goes to the first of ties.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4, 4, 3)), fastnn.layers.MaxPooling2D()])
        >>> model.output_shape
        (None, 2, 2, 3)
    """

    def __init__(
        self,
        pool_size: int | tuple[int, int] = (2, 2),
        strides: int | tuple[int, int] | None = None,
        padding: str = "valid",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.pool_size = pair(self.name, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(self.name, "strides", strides)
        self.padding = padding_name(self.name, padding)

    def call(self, x: Tensor) -> Tensor:
        """Return the maximum over each window."""
        return ops.max_pool2d(x, self.pool_size, self.strides, self.padding)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            **super().get_config(),
        }
