"""Frames around images: zeros put there, pixels taken away."""

from __future__ import annotations

import numbers
from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Tensor
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.pooling import require_images

__all__ = ["Cropping2D", "ZeroPadding2D"]

Frame = tuple[tuple[int, int], tuple[int, int]]
Given = int | tuple[int, int] | Frame


class ZeroPadding2D(Layer):
    """Zeros around images.

    Args:
        padding: how many: one number, (height, width), or ((above, below), (left, right)).
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, above + height + below,
    left + width + right, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.ZeroPadding2D(((1, 0), (0, 2)))
        >>> fastnn.Sequential([fastnn.Input((4, 4, 3)), layer]).output_shape
        (None, 5, 6, 3)
    """

    def __init__(
        self,
        padding: Given = (1, 1),
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.padding = frame(self.name, "padding", padding)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` among zeros."""
        require_images(self.name, x.shape)
        return ops.pad(x, self.padding)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"padding": [list(side) for side in self.padding], **super().get_config()}


class Cropping2D(Layer):
    """Images without their outer pixels.

    Args:
        cropping: how many: one number, (height, width), or ((above, below), (left, right)).
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, height - above - below,
    width - left - right, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Cropping2D(1)
        >>> fastnn.Sequential([fastnn.Input((4, 5, 3)), layer]).output_shape
        (None, 2, 3, 3)
    """

    def __init__(
        self,
        cropping: Given = ((0, 0), (0, 0)),
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.cropping = frame(self.name, "cropping", cropping)

    def call(self, x: Tensor) -> Tensor:
        """Return the inner part of ``x``."""
        require_images(self.name, x.shape)
        _, height, width, _ = x.shape
        vertical, horizontal = map(sum, self.cropping)
        if vertical >= (height or 0) or horizontal >= (width or 0):
            raise ShapeError(
                f"{self.name}: nothing is left of a {height}x{width} image without {self.cropping}"
            )
        return ops.crop(x, self.cropping)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"cropping": [list(side) for side in self.cropping], **super().get_config()}


def frame(who: str, name: str, given: Any) -> Frame:
    """Return how many pixels ((above, below), (left, right)) one number, two or four stand for."""
    sides = given if isinstance(given, tuple | list) else (given, given)
    pairs = [tuple(side) if isinstance(side, tuple | list) else (side, side) for side in sides]
    counts = [n for pair in pairs for n in pair]
    if [len(pair) for pair in pairs] != [2, 2] or not all(map(_is_count, counts)):
        raise ValueError(
            f"{who}: {name} must be a count, (height, width) or ((above, below), (left, right)), "
            f"got {str(given)[:60]}"
        )
    above, below, left, right = map(int, counts)
    return (above, below), (left, right)


def _is_count(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0
