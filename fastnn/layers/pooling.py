"""Pooling of images and sequences."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from fastnn import ops
from fastnn._checks import flag
from fastnn.compiler.geometry import Padding, Window, sizes_of
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.constructors import with_defaults
from fastnn.ops.pooling import channels_last, pool_padding

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPooling1D",
    "MaxPooling2D",
]

Sizes = int | tuple[int, ...]


class _Pooling(Layer):
    """What the poolings share: the window and how it moves."""

    rank = 2

    def __init__(
        self,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: str | Sizes = "valid",
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.pool_size = sizes_of(self.name, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size
        if strides is not None:
            self.strides = sizes_of(self.name, "strides", strides, self.rank)
        self.padding: Padding = pool_padding(self.name, padding, self.pool_size)
        self.data_format = channels_last(self.name, data_format)

    def sliding_window(self, input_shape: Shape | None = None) -> Window:
        """Return the window over inputs of ``input_shape``, or of the shape the layer has seen."""
        shape = self.input_shape if input_shape is None else input_shape
        known = self.pool_size, self.strides, self.padding
        return Window.of(self.name, shape, *known, rank=self.rank)

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs that no window fits on."""
        self.sliding_window(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        padding = self.padding if isinstance(self.padding, str) else list(self.padding)
        return {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": padding,
            "data_format": self.data_format,
            **super().get_config(),
        }


class _MaxPooling(_Pooling):
    """The largest value of each window."""

    def call(self, x: Tensor) -> Tensor:
        """Return the maximum over each window."""
        return ops.max_pool(x, self.pool_size, self.strides, self.padding)


class _AveragePooling(_Pooling):
    """The mean of each window."""

    def call(self, x: Tensor) -> Tensor:
        """Return the mean of each window."""
        return ops.average_pool(x, self.pool_size, self.strides, self.padding)


class MaxPooling2D(_MaxPooling):
    """The largest value of each window of each channel.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or how many on either side, one number or (height, width),
            fewer than the window has; a padded place never wins.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, new_height, new_width, channels); a side of
    N places becomes floor((N - F + 2P)/S) + 1 for a window of F, padding P and stride S.  NaN wins.
    The gradient goes to the first of ties.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4, 4, 3)), fastnn.layers.MaxPooling2D()])
        >>> model.output_shape
        (None, 2, 2, 3)
    """

    __init__ = with_defaults(_Pooling.__init__, pool_size=(2, 2))


class AveragePooling2D(_AveragePooling):
    """The mean of each window of each channel.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or how many on either side, one number or (height, width),
            fewer than the window has; a padded place is not counted.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, height, width, channels), y (rows, new_height, new_width, channels); a side of
    N places becomes floor((N - F + 2P)/S) + 1 for a window of F, padding P and stride S.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 2, 1)), fastnn.layers.AveragePooling2D(2)])
        >>> model.predict([[[[1], [2]], [[3], [4]]]]).item()
        2.5
    """


class MaxPooling1D(_MaxPooling):
    """The largest value of each window of each channel of a sequence.

    Args:
        pool_size: steps of the window.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or how many steps on either side, fewer than the window
            has; a padded place never wins.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, new_steps, channels); a side of N places becomes
    floor((N - F + 2P)/S) + 1 for a window of F, padding P and stride S.  NaN wins.  The gradient
    goes to the first of ties.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((9, 3)), fastnn.layers.MaxPooling1D(3, 2)])
        >>> model.output_shape
        (None, 4, 3)
    """

    rank = 1

    __init__ = with_defaults(_Pooling.__init__, pool_size=2)


class AveragePooling1D(_AveragePooling):
    """The mean of each window of each channel of a sequence.

    Args:
        pool_size: steps of the window.
        strides: step of the window; ``None`` is ``pool_size``.
        padding: ``"valid"``, ``"same"``, or how many steps on either side, fewer than the window
            has; a padded place is not counted.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, new_steps, channels); a side of N places becomes
    floor((N - F + 2P)/S) + 1 for a window of F, padding P and stride S.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4, 1)), fastnn.layers.AveragePooling1D(2)])
        >>> model.predict([[[1], [2], [3], [6]]]).ravel()
        array([1.5, 4.5], dtype=float32)
    """

    rank = 1


class _GlobalPooling(Layer):
    """One number for each channel of an image or a sequence."""

    rank = 2

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.data_format = channels_last(self.name, data_format)
        self.keepdims = flag(self.name, "keepdims", keepdims)

    def call(self, x: Tensor) -> Tensor:
        """Return one number for each channel."""
        require_places(self.name, x.shape, self.rank)
        return self.shaped(self.pool(x), x.shape)

    @abstractmethod
    def pool(self, x: Tensor) -> Tensor:
        """Return one number for each channel, in any shape."""

    def shaped(self, y: Tensor, shape: Shape) -> Tensor:
        """Return the numbers of each channel in the shape that ``keepdims`` asks for."""
        kept = (1,) * (self.rank if self.keepdims else 0)
        wanted = (None, *kept, shape[-1])
        return y if y.shape == wanted else ops.reshape(y, wanted)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**known, **super().get_config()}


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` or ``None``, which is the same.
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

    def pool(self, x: Tensor) -> Tensor:
        """Return the mean of each channel."""
        return ops.global_mean(x)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` or ``None``, which is the same.
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

    def pool(self, x: Tensor) -> Tensor:
        """Return the largest value of each channel."""
        return ops.max_pool(x, tuple(n or 1 for n in x.shape[1:-1]))


class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """The mean of each channel over the whole sequence.

    Args:
        data_format: ``"channels_last"`` or ``None``, which is the same.
        keepdims: whether the steps stay, as an axis of 1.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, channels) or (rows, 1, channels).  Steps that the
    mask of x leaves out do not count; where it leaves out all, the mean is NaN, as in Keras.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GlobalAveragePooling1D()
        >>> model = fastnn.Sequential([fastnn.Input((3, 1)), layer])
        >>> model.predict([[[1.0], [2.0], [6.0]]])
        array([[3.]], dtype=float32)
    """

    rank = 1
    supports_masking = True

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the mean of each channel over the steps that count."""
        require_places(self.name, x.shape, 1)
        return self.shaped(ops.global_mean(x, mask), x.shape)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> None:
        """Return ``None``: there are no steps any more."""


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """The largest value of each channel over the whole sequence.

    Args:
        data_format: ``"channels_last"`` or ``None``, which is the same.
        keepdims: whether the steps stay, as an axis of 1.
        name: the layer's name.

    Shapes: x (rows, steps, channels), y (rows, channels) or (rows, 1, channels).  NaN wins.  The
    gradient goes to the first of ties.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GlobalMaxPooling1D()
        >>> fastnn.Sequential([fastnn.Input((9, 3)), layer]).output_shape
        (None, 3)
    """

    rank = 1


def require_images(who: str, shape: Shape) -> None:
    """Refuse a shape that is not (rows, height, width, channels)."""
    require_places(who, shape, 2)


def require_places(who: str, shape: Shape, rank: int) -> None:
    """Refuse a shape that is not that of images, or for ``rank`` 1 of sequences."""
    if len(shape) == rank + 2:
        return
    if rank == 1:
        raise ShapeError(
            f"{who}: expected sequences (rows, steps, channels), got {format_shape(shape)}; "
            "a single number a step needs a last axis of 1: x[..., None]"
        )
    raise ShapeError(
        f"{who}: expected images (rows, height, width, channels), got {format_shape(shape)}; "
        "grey images need a last axis of 1: x[..., None]"
    )
