"""Pooling of images."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.geometry import pair
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.convolution import padding_name

__all__ = ["AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"]


class _Pooling2D(Layer):
    """What the poolings share: the window and how it moves."""

    def __init__(
        self,
        pool_size: int | tuple[int, int],
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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            **super().get_config(),
        }


class MaxPooling2D(_Pooling2D):
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
        super().__init__(pool_size, strides, padding, name=name, trainable=trainable, dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        """Return the maximum over each window."""
        return ops.max_pool(x, self.pool_size, self.strides, self.padding)


class AveragePooling2D(_Pooling2D):
    """The mean of each window of each channel.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"`` or ``"same"``; a padded place is not counted.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, new_height, new_width, channels).

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 2, 1)), fastnn.layers.AveragePooling2D(2)])
        >>> model.predict([[[[1], [2]], [[3], [4]]]]).item()
        2.5
    """

    def call(self, x: Tensor) -> Tensor:
        """Return the mean of each window."""
        return ops.average_pool(x, self.pool_size, self.strides, self.padding)


class _GlobalPooling(Layer):
    """One number for each channel of an image.

    Args:
        keepdims: whether height and width stay, as axes of 1.
        name: the layer's name.
    """

    def __init__(
        self,
        *,
        keepdims: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.keepdims = bool(keepdims)

    def call(self, x: Tensor) -> Tensor:
        """Return one number for each channel."""
        require_images(self.name, x.shape)
        channels = x.shape[-1]
        shape = (None, 1, 1, channels) if self.keepdims else (None, channels)
        y = self._pool(x)
        return y if y.shape == shape else ops.reshape(y, shape)

    def _pool(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"keepdims": self.keepdims, **super().get_config()}


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over the whole image.

    Args:
        keepdims: whether height and width stay, as axes of 1.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, channels) or (rows, 1, 1, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GlobalAveragePooling2D()
        >>> model = fastnn.Sequential([fastnn.Input((2, 2, 1)), layer])
        >>> model.predict([[[[1.0], [2.0]], [[3.0], [6.0]]]])
        array([[3.]], dtype=float32)
    """

    def _pool(self, x: Tensor) -> Tensor:
        return ops.global_mean(x)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel over the whole image.

    Args:
        keepdims: whether height and width stay, as axes of 1.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, channels) or (rows, 1, 1, channels).  NaN
    wins.  The gradient goes to the first of ties.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GlobalMaxPooling2D(keepdims=True)
        >>> fastnn.Sequential([fastnn.Input((4, 4, 3)), layer]).output_shape
        (None, 1, 1, 3)
    """

    def _pool(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        return ops.max_pool(x, (height or 1, width or 1))


def require_images(who: str, shape: Shape) -> None:
    """Refuse a shape that is not (rows, height, width, channels)."""
    if len(shape) != 4:
        raise ShapeError(
            f"{who}: expected images (rows, height, width, channels), got {format_shape(shape)}; "
            "grey images need a last axis of 1: x[..., None]"
        )
