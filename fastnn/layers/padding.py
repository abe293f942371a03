"""Frames around images and sequences: zeros put there, places taken away."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.compiler.geometry import is_count
from fastnn.compiler.graph import Tensor
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.pooling import require_places
from fastnn.ops.pooling import channels_last

__all__ = ["Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D"]

Pair = tuple[int, int]
Frame = tuple[Pair, Pair]
Given = int | Pair | Frame


class ZeroPadding2D(Layer):
    """Zeros around images.

    Args:
        padding: how many: one number, (height, width), or ((above, below), (left, right)).
        data_format: ``"channels_last"`` or ``None``, which is the same.
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
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.padding = frame(self.name, "padding", padding)
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` among zeros."""
        require_places(self.name, x.shape, 2)
        return ops.pad(x, ((0, 0), *self.padding, (0, 0)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        sides = [list(side) for side in self.padding]
        return {"padding": sides, "data_format": self.data_format, **super().get_config()}


class ZeroPadding1D(Layer):
    """Zeros before and after sequences.

    Args:
        padding: how many: one number or (before, after).
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, before + steps + after, channels).

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 1)), fastnn.layers.ZeroPadding1D((1, 0))])
        >>> model.predict([[[5.0], [6.0]]]).ravel()
        array([0., 5., 6.], dtype=float32)
    """

    def __init__(
        self,
        padding: int | Pair = 1,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.padding = ends(self.name, "padding", padding)
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` among zeros."""
        require_places(self.name, x.shape, 1)
        return ops.pad(x, ((0, 0), self.padding, (0, 0)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = {"padding": list(self.padding), "data_format": self.data_format}
        return {**known, **super().get_config()}


class Cropping2D(Layer):
    """Images without their outer pixels.

    Args:
        cropping: how many: one number, (height, width), or ((above, below), (left, right)).
        data_format: ``"channels_last"`` or ``None``, which is the same.
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
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.cropping = frame(self.name, "cropping", cropping)
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return the inner part of ``x``."""
        require_places(self.name, x.shape, 2)
        _, height, width, _ = x.shape
        vertical, horizontal = map(sum, self.cropping)
        if vertical >= (height or 0) or horizontal >= (width or 0):
            raise ShapeError(
                f"{self.name}: nothing is left of a {height}x{width} image without {self.cropping}"
            )
        return ops.crop(x, self.cropping)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        sides = [list(side) for side in self.cropping]
        return {"cropping": sides, "data_format": self.data_format, **super().get_config()}


class Cropping1D(Layer):
    """Sequences without their first and last steps.

    Args:
        cropping: how many: one number or (first, last).
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, steps - first - last, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Cropping1D((0, 2))
        >>> fastnn.Sequential([fastnn.Input((5, 3)), layer]).output_shape
        (None, 3, 3)
    """

    def __init__(
        self,
        cropping: int | Pair = (1, 1),
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.cropping = ends(self.name, "cropping", cropping)

    def call(self, x: Tensor) -> Tensor:
        """Return the inner part of ``x``."""
        require_places(self.name, x.shape, 1)
        if sum(self.cropping) >= (x.shape[1] or 0):
            raise ShapeError(
                f"{self.name}: nothing is left of {x.shape[1]} steps without the first "
                f"{self.cropping[0]} and the last {self.cropping[1]}"
            )
        return ops.crop(x, [self.cropping])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"cropping": list(self.cropping), **super().get_config()}


def ends(who: str, name: str, given: Any) -> Pair:
    """Return how many steps (before, after) one number or two stand for."""
    counts = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(counts) != 2 or not all(map(is_count, counts)):
        raise ValueError(f"{who}: {name} must be a count or (before, after), got {str(given)[:60]}")
    before, after = map(int, counts)
    return before, after


def frame(who: str, name: str, given: Any) -> Frame:
    """Return how many pixels ((above, below), (left, right)) one number, two or four stand for."""
    sides = given if isinstance(given, tuple | list) else (given, given)
    pairs = [tuple(side) if isinstance(side, tuple | list) else (side, side) for side in sides]
    counts = [n for pair in pairs for n in pair]
    if [len(pair) for pair in pairs] != [2, 2] or not all(map(is_count, counts)):
        raise ValueError(
            f"{who}: {name} must be a count, (height, width) or ((above, below), (left, right)), "
            f"got {str(given)[:60]}"
        )
    above, below, left, right = map(int, counts)
    return (above, below), (left, right)
