"""Images in another size: stretched, cut, or put among pixels of one value."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn._checks import flag, number, one_of
from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer
from fastnn.layers.core import positive
from fastnn.layers.pooling import require_images
from fastnn.ops.augmentation import INTERPOLATIONS
from fastnn.ops.images import in_proportion, middle, stretched
from fastnn.ops.pooling import channels_last

__all__ = ["CenterCrop", "Resizing"]


class CenterCrop(Layer):
    """The middle of images.

    Args:
        height: of the result.
        width: of the result.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Images that are smaller in a direction are cut to the proportions of the result and resized by
    bilinear interpolation.

    Shapes: x (rows, h, w, channels), y (rows, height, width, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.CenterCrop(1, 2)
        >>> model = fastnn.Sequential([fastnn.Input((3, 4, 1)), layer])
        >>> model.predict([[[[n + 4.0 * i] for n in range(4)] for i in range(3)]]).ravel()
        array([5., 6.], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        height: int,
        width: int,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.height = positive(self.name, "height", height)
        self.width = positive(self.name, "width", width)
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return the middle of ``x``."""
        require_images(self.name, x.shape)
        size = self.height, self.width
        if self.height <= (x.shape[1] or 0) and self.width <= (x.shape[2] or 0):
            return middle(x, size)
        return stretched(in_proportion(x, size), size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = ("height", "width", "data_format")
        return {**{name: getattr(self, name) for name in known}, **super().get_config()}


class Resizing(Layer):
    """Images in another size.

    Args:
        height: of the result.
        width: of the result.
        interpolation: ``"bilinear"`` blends the four pixels around a place, whose distances are
            rounded to 2^-20 of a pixel; ``"nearest"`` takes the nearest.
        crop_to_aspect_ratio: whether the proportions stay, and what does not fit is cut.
        pad_to_aspect_ratio: whether they stay, and the rest is filled.
        fill_mode: how: ``"constant"``.
        fill_value: with what.
        antialias: accepted if false.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, h, w, channels), y (rows, height, width, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Resizing(1, 4, pad_to_aspect_ratio=True, fill_value=9.0)
        >>> model = fastnn.Sequential([fastnn.Input((1, 2, 1)), layer])
        >>> model.predict([[[[1.0], [3.0]]]]).ravel()
        array([9., 1., 3., 9.], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.height = positive(self.name, "height", height)
        self.width = positive(self.name, "width", width)
        self.interpolation = one_of(self.name, "interpolation", interpolation, INTERPOLATIONS)
        self.crop_to_aspect_ratio = flag(self.name, "crop_to_aspect_ratio", crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = flag(self.name, "pad_to_aspect_ratio", pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(f"{self.name}: crop_to_aspect_ratio or pad_to_aspect_ratio, not both")
        self.fill_mode = one_of(self.name, "fill_mode", fill_mode, ("constant",))
        self.fill_value = number(self.name, "fill_value", fill_value)
        self.antialias = flag(self.name, "antialias", antialias)
        if self.antialias:
            raise ValueError(f"{self.name}: antialias=True is not possible; pool before resizing")
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` in the size of the layer."""
        require_images(self.name, x.shape)
        if self.crop_to_aspect_ratio:
            x = in_proportion(x, (self.height, self.width))
        if self.pad_to_aspect_ratio:
            x = self._framed(x)
        return stretched(x, (self.height, self.width), self.interpolation)

    def _framed(self, x: Tensor) -> Tensor:
        """Return ``x`` in the middle of a frame that gives it the proportions of the result."""
        h, w = x.shape[1] or 0, x.shape[2] or 0
        down = max(int(w * self.height / self.width) - h, 0) // 2
        right = max(int(h * self.width / self.height) - w, 0) // 2
        frame = (0, 0), (down, down), (0 if down else right,) * 2, (0, 0)
        return ops.pad(x, frame, constant_values=self.fill_value)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = (
            *("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio"),
            *("fill_mode", "fill_value", "antialias", "data_format"),
        )
        return {**{name: getattr(self, name) for name in known}, **super().get_config()}
