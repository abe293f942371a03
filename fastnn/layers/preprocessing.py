"""Layers that bring data to a common scale: their numbers come from the data, not from training."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import config, initializers, ops
from fastnn._checks import flag, number
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.data.arrays import as_array
from fastnn.data.streams import is_stream
from fastnn.errors import ShapeError
from fastnn.layers.axes import along, axis_numbers, flat_weight, sample_axes
from fastnn.layers.base import Layer
from fastnn.ops.curves import line
from fastnn.variables import Variable

__all__ = ["MinMaxScaling", "Normalization", "Rescaling"]

#: Standard deviations below that of Keras's epsilon count as it.
_LEAST_VARIANCE = 1e-14

#: Of a standard deviation, the least that float32 has to tell apart.
_FINE = 1e-3

#: Variances as large are far from the end of float32's range, where they are products' factors.
_LARGEST_VARIANCE = 1e30

#: Numbers that are worked on at once, a row at the least: what stays in a cache as float64.
_CHUNK = 65536


@dataclass
class _Moments:
    """Count, mean, sum of squared deviations, least and largest number of each column, in float64.

    Deviations are taken from the first row, so that a constant column has its very number for a
    mean; parts are joined by the distance of their means (Chan, Golub and LeVeque, "Algorithms for
    computing the sample variance", 1983).
    """

    origin: Array
    count: int
    mean: Array
    squares: Array
    least: Array
    largest: Array

    @classmethod
    def of(cls, rows: Array, origin: Array) -> _Moments:
        """Return those of a few rows."""
        gap = rows - origin
        mean = gap.mean(0)
        squares = ((gap - mean) ** 2).sum(0)
        return cls(origin, len(rows), mean, squares, rows.min(0), rows.max(0))

    def join(self, other: _Moments) -> None:
        """Take in those of more rows."""
        total = self.count + other.count
        gap, share = other.mean - self.mean, other.count / total
        self.squares += other.squares + gap**2 * self.count * share
        self.mean += gap * share
        self.count = total
        self.least = np.minimum(self.least, other.least)
        self.largest = np.maximum(self.largest, other.largest)


class _Scaling(Layer):
    """``y = (x - a) b + c`` with numbers of its own for each place of some last axes.

    They are float64 until a model takes them in, whatever it computes in.

    Args:
        axis: the axes whose places have numbers of their own; ``None``: no axis.
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] | None, **options: Any):
        super().__init__(**options)
        self.axis = () if axis is None else tuple(axis_numbers(self.name, axis))

    def places(self, shape: Shape) -> tuple[int, ...]:
        """Return the axes whose places have numbers of their own, in rising order.

        Raises:
            ShapeError: if they are not axes of a sample.
        """
        return sample_axes(self.name, self.axis, shape)

    def kept(self, shape: Shape) -> tuple[int, ...]:
        """Return the sizes of those axes."""
        return tuple(shape[a] or 0 for a in self.places(shape))

    @property
    def is_untouched(self) -> bool:
        """Whether it passes data on as they are, since nothing has given it other numbers."""
        return self.built and not any(each.assigned for each in self.weights)

    def adapt(self, data: ArrayLike | Iterable[ArrayLike]) -> None:
        """Take the layer's numbers from data, in place of those that it had.

        Args:
            data: an array of samples (rows, ...), or an iterable of such arrays, batches of one
                shape.  Use the training part alone: what is learnt from the other parts would
                make them look easier than they are.

        Raises:
            ShapeError: if a batch has another shape than the first, or the data no rows.
            ValueError: if a number is not finite.

        The numbers are summed in float64, batch after batch.  A model that the layer is in uses
        them from its next call on.
        """
        moments: _Moments | None = None
        for rows in self._chunks(data):
            if moments is None:
                moments = _Moments.of(rows, rows[0].copy())
            else:
                moments.join(_Moments.of(rows, moments.origin))
        if moments is None:
            raise ShapeError(f"{self.name}: adapt expects at least one row of data, got none")
        self._assign(moments)

    def _chunks(self, data: ArrayLike | Iterable[ArrayLike]) -> Iterator[Array]:
        """Yield rows of the kept axes, in float64, from batches of samples."""
        shape: Shape | None = None
        for batch in data if is_stream(data) else [data]:  # type: ignore[union-attr]
            array = as_array(f"{self.name}: adapt", "data", batch)  # type: ignore[arg-type]
            if array.ndim == 0 or (shape is not None and array.shape[1:] != shape[1:]):
                raise ShapeError(
                    f"{self.name}: adapt expects batches of one shape (rows, ...), got "
                    f"{array.shape}" + (f" after {format_shape(shape)}" if shape else "")
                )
            if not len(array):
                continue
            shape = (None, *array.shape[1:])
            self._build_once(shape)
            places, kept = self.places(shape), self.kept(shape)
            rows = max(1, _CHUNK // max(1, math.prod(array.shape[1:])))
            for first in range(0, len(array), rows):
                part = self._finite(array[first : first + rows])
                yield np.moveaxis(part, places, range(-len(places), 0)).reshape(-1, *kept)

    def _finite(self, part: Array) -> Array:
        values = part.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(
                f"{self.name}: adapt expects finite numbers, got NaN or infinity; fill or drop "
                "those rows first: data[numpy.isfinite(data).all(axis=1)]"
            )
        return values

    @abstractmethod
    def _assign(self, moments: _Moments) -> None:
        """Take the numbers from the moments of data: all of them, or none."""

    def scaled(
        self, x: Tensor, mean: Any = 0.0, variance: Any = 1.0, factor: Any = 1.0, offset: Any = 0.0
    ) -> Tensor:
        """Return ``(x - mean) / sqrt(variance) factor + offset``; each a weight, or one number."""
        count = math.prod(self.kept(x.shape))

        def known(value: Any) -> Any:
            if isinstance(value, Variable | Tensor):
                return flat_weight(x, value)
            return x.graph.emit("fill", shapes={"y": (count,)}, value=float(value))[0]

        numbers = known(mean), known(variance), -1, known(offset), known(factor), 0.0
        return along(x, self.places(x.shape), lambda row: ops.batch_normalization(row, *numbers))


class Normalization(_Scaling):
    """``y = (x - mean) / sqrt(variance)``, with the mean and variance of data.

    Args:
        axis: the axis, or the axes, whose places have a mean and a variance each: -1, each feature;
            ``None``: one mean and variance of all numbers.
        mean: the mean, instead of ``adapt``; a number, or as many as ``axis`` has places.
        variance: the variance, likewise.
        invert: whether it is the way back, ``y = mean + x sqrt(variance)``.
        name: the layer's name.
        dtype: the precision of the numbers.

    Shapes: x and y (rows, ..., features); weights, not trained: mean and variance, of the sizes of
    ``axis`` in rising order, and count, which stays 0.

    ``adapt(data)`` sets mean and variance; they are saved with the model.  A variance below 1e-14
    counts as that: a column that is constant in the data becomes 0.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Normalization()
        >>> layer.adapt([[1.0, 5.0], [3.0, 5.0]])
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[1.0, 5.0], [5.0, 5.0]])
        array([[-1.,  0.],
               [ 3.,  0.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(axis, name=name, trainable=trainable, dtype=dtype)
        self.invert = flag(self.name, "invert", invert)
        if (mean is None) != (variance is None):
            raise ValueError(f"{self.name}: mean and variance come together, or neither")
        self.input_mean = None if mean is None else as_array(self.name, "mean", mean)
        self.input_variance = (
            None if variance is None else as_array(self.name, "variance", variance)
        )
        if self.input_variance is not None and not (self.input_variance >= 0).all():
            raise ValueError(f"{self.name}: variance must not be negative")

    def build(self, input_shape: Shape) -> None:
        """Make mean and variance."""
        shape = self.kept(input_shape)
        options: Any = {"trainable": False, "dtype": "float64"}
        self.mean = self.add_weight(shape, "zeros", name="mean", **options)
        self.variance = self.add_weight(shape, "ones", name="variance", **options)
        self.count = self.add_weight((), "zeros", name="count", **options)
        for variable, given in ((self.mean, self.input_mean), (self.variance, self.input_variance)):
            if given is not None:
                variable.assign(self._spread(given, shape))

    def _spread(self, given: Array, shape: tuple[int, ...]) -> Array:
        try:
            return np.broadcast_to(given, shape)
        except ValueError:
            raise ShapeError(
                f"{self.name}: mean and variance have the shape {given.shape}, the axes "
                f"{self.axis} of the inputs {shape}"
            ) from None

    def adapt(self, data: ArrayLike | Iterable[ArrayLike]) -> None:
        """Take mean and variance from data; see ``_Scaling.adapt``."""
        if self.input_mean is not None:
            raise ValueError(f"{self.name}: it was given its mean and variance; make one without")
        super().adapt(data)

    adapt.__doc__ = _Scaling.adapt.__doc__

    def _assign(self, moments: _Moments) -> None:
        mean, variance = moments.origin + moments.mean, moments.squares / moments.count
        self.set_weights([mean, variance, self.count.value])

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` normalised, or the way back."""
        (least,) = x.graph.emit("fill", shapes={"y": self.variance.shape}, value=_LEAST_VARIANCE)
        variance = ops.maximum(self.variance, least)
        if self.invert:  # x variance / sqrt(variance) + mean
            return self.scaled(x, variance=variance, factor=variance, offset=self.mean)
        return self.scaled(x, mean=self.mean, variance=variance)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        known = {name: None if value is None else value.tolist() for name, value in given.items()}
        return {"axis": list(self.axis), "invert": self.invert, **known, **super().get_config()}


class MinMaxScaling(_Scaling):
    """``y = (x - (least + largest) / 2) (high - low) / (largest - least) + (low + high) / 2``.

    Args:
        feature_range: ``(low, high)``, what the data's ``least`` and ``largest`` numbers become.
        axis: the axis, or the axes, whose places have numbers of their own: -1, each feature;
            ``None``: one range for all numbers.
        name: the layer's name.
        dtype: the precision of the numbers.

    Shapes: x and y (rows, ..., features); weights, not trained: middle, and scale, the factor.

    ``adapt(data)`` sets them; they are saved with the model.  A column that is constant in the data
    becomes the middle of the range, 0, and is not scaled where it is not.  Numbers beyond those of
    the data come out beyond the range.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.MinMaxScaling()
        >>> layer.adapt([[1.0, 5.0], [3.0, 5.0]])
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[1.0, 5.0], [2.5, 5.0]])
        array([[-1. ,  0. ],
               [ 0.5,  0. ]], dtype=float32)
    """

    def __init__(
        self,
        feature_range: Sequence[float] = (-1, 1),
        axis: int | Sequence[int] | None = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(axis, name=name, trainable=trainable, dtype=dtype)
        ends = [number(self.name, "feature_range", end) for end in feature_range]
        if len(ends) != 2 or not -math.inf < ends[0] < ends[1] < math.inf:
            raise ValueError(
                f"{self.name}: feature_range must be (low, high) with low < high, "
                f"got {str(feature_range)[:60]}"
            )
        self.feature_range = (ends[0], ends[1])

    def build(self, input_shape: Shape) -> None:
        """Make middle and scale, of data that lies in the range already."""
        shape = self.kept(input_shape)
        options: Any = {"trainable": False, "dtype": "float64"}
        first = initializers.Constant(self._center)
        self.middle = self.add_weight(shape, first, name="middle", **options)
        self.scale = self.add_weight(shape, "ones", name="scale", **options)

    @property
    def _center(self) -> float:
        """The middle of the range."""
        return sum(self.feature_range) / 2

    def _assign(self, moments: _Moments) -> None:
        low, high = self.feature_range
        extent = moments.largest - moments.least
        scale = (high - low) / np.where(extent == 0, high - low, extent)
        self.set_weights([moments.least + extent / 2, scale])

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` in the range."""
        return self.scaled(x, self.middle, factor=self.scale, offset=self._center)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        axis = list(self.axis)
        return {"feature_range": list(self.feature_range), "axis": axis, **super().get_config()}


def coarse(middle: Array, scale: Array) -> Array:
    """Return what float32 tells numbers apart by, where that is much of their spread; else 0."""
    step = np.spacing(np.abs(middle).astype(np.float32)).astype(np.float64)
    return np.where((step > _FINE * scale) & (scale > 0), step, 0.0)


def standardizing(
    middle: Array, scale: Array, invert: bool = False, name: str | None = None
) -> list[Layer]:
    """Return layers that one after another make ``(x - middle) / scale`` of samples, or the way
    back.

    It is ``Normalization`` but where that takes small variances for larger ones, or squares of
    large numbers are beyond float32.  There the middle is taken off first: ``x / scale`` and
    ``middle / scale`` may be so large that float32 does not tell their difference.

    Args:
        middle: a number for each place of the last axis.
        scale: likewise, positive.
        invert: whether it is the way back, ``middle + x scale``.
        name: the name of the only layer, or of the last.
    """
    variance = np.square(scale)
    if ((variance >= _LEAST_VARIANCE) & (variance < _LARGEST_VARIANCE)).all():
        return [Normalization(mean=middle, variance=variance, invert=invert, name=name)]
    if invert:
        return [Rescaling(scale, middle, name=name)]
    first = None if name is None else f"{name}_from_middle"
    return [Rescaling(1.0, -middle, name=first), Rescaling(1 / scale, name=name)]


class Rescaling(Layer):
    """``y = x scale + offset``.

    Args:
        scale: the factor: ``1 / 255`` takes bytes to [0, 1]; or an array of factors that a sample
            can be multiplied by, such as one for each feature.
        offset: what is added, likewise.
        name: the layer's name.

    Images of bytes stay bytes in memory: they become real numbers batch by batch.

    Example:
        >>> import numpy as np
        >>> import fastnn
        >>> layer = fastnn.layers.Rescaling(1 / 255)
        >>> model = fastnn.Sequential([fastnn.Input((2,)), layer])
        >>> model.predict(np.array([[0, 255]], np.uint8))
        array([[0., 1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        scale: ArrayLike,
        offset: ArrayLike = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.scale = self._factor("scale", scale)
        self.offset = self._factor("offset", offset)

    def _factor(self, name: str, given: ArrayLike) -> float | Array:
        """Return a number, or an array of one or more dimensions."""
        several = isinstance(given, list | tuple) or getattr(given, "ndim", False)
        factor = (
            as_array(self.name, name, given).astype(np.float64)
            if several
            else number(self.name, name, given)
        )
        if not np.isfinite(factor).all():
            raise ValueError(
                f"{self.name}: {name} must be finite, got NaN or infinity; of a deviation that is "
                "0 take 1"
            )
        return factor

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` rescaled."""
        self._check_range(config.real_dtype(self.dtype or config.dtype_policy()))
        if isinstance(self.scale, float) and isinstance(self.offset, float):
            return line(x, self.scale, self.offset)
        self._check_fit(x.shape)
        return ops.add(ops.multiply(x, self.scale), self.offset)

    def _check_range(self, dtype: str) -> None:
        """Refuse numbers that the model's precision does not have."""
        for name, each in (("scale", self.scale), ("offset", self.offset)):
            largest = np.max(np.abs(each), initial=0)
            if largest > np.finfo(dtype).max:
                raise ValueError(
                    f"{self.name}: {name} has {largest:g}, beyond the range of {dtype}; scale the "
                    "data before, or compute in float64: Sequential(..., dtype='float64')"
                )

    def _check_fit(self, shape: Shape) -> None:
        """Refuse arrays that a sample has no places for."""
        for name, each in (("scale", self.scale), ("offset", self.offset)):
            found = np.shape(each)
            pairs = zip(found[::-1], shape[:0:-1], strict=False)
            if len(found) >= len(shape) or any(n not in (1, size) for n, size in pairs):
                raise ShapeError(
                    f"{self.name}: {name} has the shape {found}, which a sample of "
                    f"{format_shape(shape)} has no places for; give one number, or one for each "
                    "place of the last axis"
                )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        given = {"scale": self.scale, "offset": self.offset}
        known = {name: np.asarray(each).tolist() for name, each in given.items()}
        return {**known, **super().get_config()}
