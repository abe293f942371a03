"""Layers that change images at random in training, and leave them alone at inference."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn._checks import number, one_of
from fastnn.compiler.graph import Tensor
from fastnn.layers.core import positive
from fastnn.layers.pooling import require_images
from fastnn.layers.randomness import RandomLayer
from fastnn.ops.augmentation import FILL_MODES, INTERPOLATIONS
from fastnn.ops.images import in_proportion, stretched
from fastnn.ops.pooling import channels_last

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]

Factor = float | Sequence[float]
Range = tuple[float, float]

_FLIPS = {"horizontal": (0, 1), "vertical": (1, 0), "horizontal_and_vertical": (1, 1)}


class _Warp(RandomLayer):
    """An image seen through a random map."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **options: Any,
    ) -> None:
        super().__init__(seed, **options)
        self.data_format = channels_last(self.name, data_format)
        self.fill_mode = one_of(self.name, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = one_of(self.name, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = number(self.name, "fill_value", fill_value)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, changed in training."""
        require_images(self.name, x.shape)
        if not training:
            return x
        return ops.warp(
            x, self.random_map(x), None, self.fill_mode, self.interpolation, self.fill_value
        )

    @abstractmethod
    def random_map(self, x: Tensor) -> Tensor:
        """Return a map for each image of ``x``."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("fill_mode", "interpolation", "fill_value", "data_format")
        return {**{name: getattr(self, name) for name in kept}, **super().get_config()}


class RandomFlip(_Warp):
    """Images are mirrored in training, each with probability 1/2; nothing at inference.

    Args:
        mode: ``"horizontal"``: left and right change places; ``"vertical"``: top and bottom do;
            ``"horizontal_and_vertical"``: each by itself.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    What happens to an image is a function of the seed, the epoch and the sample.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.RandomFlip("horizontal")
        >>> model = fastnn.Sequential([fastnn.Input((1, 2, 1)), layer])
        >>> model.predict([[[[1.0], [2.0]]]]).ravel()
        array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        options = {"name": name, "trainable": trainable, "dtype": dtype}
        super().__init__("nearest", "nearest", seed, 0.0, data_format, **options)
        self.mode = one_of(self.name, "mode", mode, tuple(_FLIPS))

    def random_map(self, x: Tensor) -> Tensor:
        """Return a map for each image of ``x``."""
        rows, columns = _FLIPS[self.mode]
        return ops.random_map(x, "flip", (rows, 0), (columns, 0), seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        own = {"mode": self.mode, "data_format": self.data_format}
        return {**own, **RandomLayer.get_config(self)}


class RandomTranslation(_Warp):
    """Images are shifted in training; nothing at inference.

    Args:
        height_factor: the largest shift up or down as a share of the height, in [-1, 1]; or a
            range, where more than 0 is down.
        width_factor: the same of the width, to the left or, more than 0, to the right.
        fill_mode: what comes in at the edges of abcd: ``"reflect"`` (dcba), ``"wrap"`` (abcd),
            ``"nearest"`` (aaaa before, dddd after) or ``"constant"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        fill_value: what comes in if it is ``"constant"``.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")
        >>> fastnn.Sequential([fastnn.Input((28, 28, 1)), layer]).output_shape
        (None, 28, 28, 1)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        options = {"name": name, "trainable": trainable, "dtype": dtype}
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor = share(self.name, "height_factor", height_factor)
        self.width_factor = share(self.name, "width_factor", width_factor)

    def random_map(self, x: Tensor) -> Tensor:
        """Return a map for each image of ``x``."""
        return ops.random_map(x, "translate", self.height_factor, self.width_factor, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        factors = {name: list(getattr(self, name)) for name in ("height_factor", "width_factor")}
        return {**factors, **super().get_config()}


class RandomRotation(_Warp):
    """Images are turned about their centre in training; nothing at inference.

    Args:
        factor: the largest angle as a share of a whole turn, in [-1, 1], either way; or a range,
            where more than 0 is counter-clockwise.
        fill_mode: what comes in at the edges, as for ``RandomTranslation``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        fill_value: what comes in if it is ``"constant"``.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> fastnn.layers.RandomRotation(0.05).get_config()["factor"]
        [-0.05, 0.05]
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        options = {"name": name, "trainable": trainable, "dtype": dtype}
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.factor = share(self.name, "factor", factor)

    def random_map(self, x: Tensor) -> Tensor:
        """Return a map for each image of ``x``."""
        return ops.random_map(x, "rotate", self.factor, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"factor": list(self.factor), **super().get_config()}


class RandomZoom(_Warp):
    """Images are made smaller or larger in training; nothing at inference.

    Args:
        height_factor: by how much the part that is seen is taller than the image, in (-1, 1], as
            the largest change either way or a range; more than 0 makes things smaller.
        width_factor: the same of the width; ``None`` keeps the proportions.
        fill_mode: what comes in at the edges, as for ``RandomTranslation``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        fill_value: what comes in if it is ``"constant"``.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> fastnn.layers.RandomZoom((-0.2, 0.1)).get_config()["height_factor"]
        [-0.2, 0.1]
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        options = {"name": name, "trainable": trainable, "dtype": dtype}
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor = self._zoom("height_factor", height_factor)
        self.width_factor = None
        if width_factor is not None:
            self.width_factor = self._zoom("width_factor", width_factor)

    def _zoom(self, name: str, value: Factor) -> Range:
        known = share(self.name, name, value)
        if known[0] == -1:
            raise ValueError(f"{self.name}: {name} must be above -1, where nothing is seen")
        return known

    def random_map(self, x: Tensor) -> Tensor:
        """Return a map for each image of ``x``."""
        if self.width_factor is None:
            return ops.random_map(x, "zoom", self.height_factor, seed=self.seed)
        return ops.random_map(x, "stretch", self.height_factor, self.width_factor, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        width = self.width_factor and list(self.width_factor)
        factors = {"height_factor": list(self.height_factor), "width_factor": width}
        return {**factors, **super().get_config()}


class RandomCrop(RandomLayer):
    """In training a part of each image, from anywhere; at inference the image, resized.

    Args:
        height: of the part.
        width: of the part.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    At inference, and where images are no larger than the part in both directions, what is left is
    the largest part from the middle that has its proportions, resized by bilinear interpolation.

    Shapes: x (rows, h, w, channels), y (rows, height, width, channels).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.RandomCrop(24, 24)
        >>> fastnn.Sequential([fastnn.Input((28, 28, 1)), layer]).output_shape
        (None, 24, 24, 1)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.data_format = channels_last(self.name, data_format)
        self.height = positive(self.name, "height", height)
        self.width = positive(self.name, "width", width)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return a part of ``x`` in training, else ``x`` in the part's size."""
        require_images(self.name, x.shape)
        down, right = (x.shape[1] or 0) - self.height, (x.shape[2] or 0) - self.width
        if not (training and down > 0 and right > 0):
            size = self.height, self.width
            return stretched(in_proportion(x, size), size)
        map = ops.random_map(x, "crop", (0, down + 1), (0, right + 1), seed=self.seed)
        return ops.warp(x, map, (self.height, self.width), "nearest", "nearest")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        size = {"height": self.height, "width": self.width}
        return {**size, "data_format": self.data_format, **super().get_config()}


class _Tone(RandomLayer):
    """Images whose numbers change at random, within a range."""

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.value_range = pair(self.name, "value_range", value_range)
        self.factor = self.changes(factor)

    @abstractmethod
    def changes(self, factor: Factor) -> Range:
        """Return the two numbers that a factor stands for."""

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, changed in training."""
        require_images(self.name, x.shape)
        return self.toned(x) if training else x

    @abstractmethod
    def toned(self, x: Tensor) -> Tensor:
        """Return ``x``, changed."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = {"factor": list(self.factor), "value_range": list(self.value_range)}
        return {**known, **super().get_config()}


class RandomContrast(_Tone):
    """Images get more or less contrast in training; nothing at inference.

    Args:
        factor: the largest change either way, in [0, 1]; or (less, more).
        value_range: the smallest and the largest result.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    ``y = (x - mean) f + mean`` with the mean of each image and channel, and f in
    [1 - less, 1 + more).

    Example:
        >>> import fastnn
        >>> fastnn.layers.RandomContrast((0.5, 0.2), (0, 1)).get_config()["factor"]
        [0.5, 0.2]
    """

    def changes(self, factor: Factor) -> Range:
        """Return the changes to less and to more."""
        both = factor if isinstance(factor, list | tuple) else (factor, factor)
        return two(self.name, "factor", both, 0, 1)

    def toned(self, x: Tensor) -> Tensor:
        """Return ``x`` with other contrasts."""
        less, more = self.factor
        by = ops.random_uniform(x, 1 - less, 1 + more, self.seed)
        return ops.tone(x, by, ops.global_mean(x), self.value_range)


class RandomBrightness(_Tone):
    """Images become brighter or darker in training; nothing at inference.

    Args:
        factor: the largest change as a share of the range, in [-1, 1], either way; or a range.
        value_range: the smallest and the largest result.
        seed: what is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> fastnn.layers.RandomBrightness(0.2, (0, 1)).get_config()["value_range"]
        [0.0, 1.0]
    """

    def changes(self, factor: Factor) -> Range:
        """Return the least and the largest change."""
        return share(self.name, "factor", factor)

    def toned(self, x: Tensor) -> Tensor:
        """Return ``x``, brighter or darker."""
        low, high = self.value_range
        less, more = (each * (high - low) for each in self.factor)
        by = ops.random_uniform(x, less, more, self.seed)
        return ops.tone(x, by, None, self.value_range)


def two(
    who: str, name: str, value: Any, low: float = -float("inf"), high: float = float("inf")
) -> Range:
    """Return two numbers within the limits, in the order in which they are given."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{who}: {name} must be two numbers, got {str(value)[:60]}")
    first, second = (number(who, name, each) for each in value)
    if not (low <= first <= high and low <= second <= high):
        raise ValueError(f"{who}: {name} must be in [{low}, {high}], got {str(value)[:60]}")
    return first, second


def pair(
    who: str, name: str, value: Any, low: float = -float("inf"), high: float = float("inf")
) -> Range:
    """Return two numbers within the limits, the smaller one first."""
    smaller, larger = sorted(two(who, name, value, low, high))
    return smaller, larger


def share(who: str, name: str, value: Any) -> Range:
    """Return the range that a share in [-1, 1] stands for: as much either way, or as given."""
    if isinstance(value, list | tuple):
        return pair(who, name, value, -1, 1)
    known = abs(number(who, name, value))
    return pair(who, name, (-known, known), -1, 1)
