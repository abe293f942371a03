"""Images and sequences of more places."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.geometry import sizes_of
from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer
from fastnn.layers.pooling import require_places
from fastnn.ops.augmentation import INTERPOLATIONS
from fastnn.ops.images import stretched
from fastnn.ops.pooling import channels_last, repeat_places

__all__ = ["UpSampling1D", "UpSampling2D"]


class UpSampling2D(Layer):
    """Larger images: each pixel several times, or what lies between pixels.

    Args:
        size: how often each row and each column, one number or two.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        interpolation: ``"nearest"`` repeats pixels; ``"bilinear"`` blends the four around a place,
            whose distances are rounded to 2^-20 of a pixel.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, height size, width size, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.UpSampling2D((1, 2))
        >>> model = fastnn.Sequential([fastnn.Input((1, 2, 1)), layer])
        >>> model.predict([[[[1.0], [2.0]]]]).ravel()
        array([1., 1., 2., 2.], dtype=float32)
    """

    def __init__(
        self,
        size: int | tuple[int, int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.size = sizes_of(self.name, "size", size, 2)
        self.data_format = channels_last(self.name, data_format)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"{self.name}: interpolation must be one of {', '.join(INTERPOLATIONS)}, "
                f"got {str(interpolation)[:40]!r}"
            )
        self.interpolation = interpolation

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with more pixels."""
        require_places(self.name, x.shape, 2)
        down, right = self.size
        if self.interpolation == "nearest":
            return repeat_places(x, (down, right))
        return stretched(x, ((x.shape[1] or 0) * down, (x.shape[2] or 0) * right))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "size": list(self.size),
            "data_format": self.data_format,
            "interpolation": self.interpolation,
            **super().get_config(),
        }


class UpSampling1D(Layer):
    """Longer sequences: each step several times.

    Args:
        size: how often.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, steps size, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.UpSampling1D(3)
        >>> fastnn.Sequential([fastnn.Input((4, 2)), layer]).output_shape
        (None, 12, 2)
    """

    def __init__(
        self,
        size: int = 2,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        (self.size,) = sizes_of(self.name, "size", size, 1)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with each step repeated."""
        require_places(self.name, x.shape, 1)
        _, steps, channels = x.shape
        image = ops.reshape(x, (None, 1, steps, channels))
        return ops.reshape(
            repeat_places(image, (1, self.size)), (None, (steps or 0) * self.size, channels)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"size": self.size, **super().get_config()}
