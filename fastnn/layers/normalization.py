"""Normalisation of activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import initializers, ops
from fastnn._checks import count, flag, fraction, positive_number
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.axes import along, axis_numbers, flat_weight, sample_axes
from fastnn.layers.base import Layer

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]

#: Arrays of NumPy have no more.
_MOST_AXES = 64


class _Affine(Layer):
    """What normalisations with a factor and an offset of their own share."""

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.axis = several_axes(self.name, axis)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.center = flag(self.name, "center", center)
        self.scale = flag(self.name, "scale", scale)
        self.describe_weight("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.describe_weight("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)

    def add_affine(self, shape: Shape) -> None:
        """Make gamma and beta, if there are any."""
        self.gamma = self.add_described("gamma", shape) if self.scale else None
        self.beta = self.add_described("beta", shape) if self.center else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("axis", "epsilon", "center", "scale")
        return {**{name: getattr(self, name) for name in kept}, **super().get_config()}


class BatchNormalization(_Affine):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, channel by channel.

    Args:
        axis: the axis of the channels; -1 is the last.
        momentum: how much of a moving statistic stays in each step, in [0, 1].
        epsilon: added to the variance, positive.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        beta_initializer: first value of ``beta``.
        gamma_initializer: first value of ``gamma``.
        moving_mean_initializer: first value of the moving mean.
        moving_variance_initializer: first value of the moving variance.
        beta_regularizer: what the size of ``beta`` costs; ``None`` is nothing.
        gamma_regularizer: what that of ``gamma`` costs.
        beta_constraint: what ``beta`` is held to after each update; ``None`` is nothing.
        gamma_constraint: what ``gamma`` is held to.
        name: the layer's name.
        trainable: if not, weights and moving statistics stay as they are, and the layer computes
            as at inference, in training too.
        dtype: the precision of the weights.

    Shapes: x and y (rows, ..., channels), or with the channels at ``axis``, which costs moving them
    to the end and back; weights, in this order, gamma, beta, moving_mean, moving_variance,
    (channels,) each.

    In training, mean and variance are those of the batch, over all axes but ``axis``, and each step
    ends with ``moving = momentum moving + (1 - momentum) batch``; at inference they are the moving
    ones (Ioffe and Szegedy, "Batch normalization", 2015).  Both variances are sums of squares
    divided by their count, not by one less.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.BatchNormalization(epsilon=1e-9)
        >>> model = fastnn.Sequential([fastnn.Input((1,)), layer])
        >>> layer.set_weights([[2.0], [5.0], [10.0], [4.0]])
        >>> model.predict([[10.0], [12.0]])
        array([[5.],
               [7.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            *(beta_initializer, gamma_initializer),
            *(beta_regularizer, gamma_regularizer),
            *(beta_constraint, gamma_constraint),
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.axis = count(self.name, "axis", axis, -_MOST_AXES)
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving statistics."""
        (channels,) = sample_axes(self.name, self.axis, input_shape)
        shape = (input_shape[channels],)
        self.add_affine(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, name="moving_variance", trainable=False
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x`` normalised by its own moments in training, by the moving ones otherwise."""
        axes = sample_axes(self.name, self.axis, x.shape)
        return along(x, axes, self._by_batch if training and self.trainable else self._by_moving)

    def _by_moving(self, x: Tensor) -> Tensor:
        moments = self.moving_mean, self.moving_variance
        return ops.batch_normalization(x, *moments, -1, self.beta, self.gamma, self.epsilon)

    def _by_batch(self, x: Tensor) -> Tensor:
        mean, variance = ops.batch_moments(x)
        ops.moving_average(self.moving_mean, mean, self.momentum)
        ops.moving_average(self.moving_variance, variance, self.momentum)
        known = (mean, variance, -1, self.beta, self.gamma, self.epsilon)
        return ops.batch_normalization(x, *known, batch=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        first_values = ("moving_mean", "moving_variance")
        return {
            "momentum": self.momentum,
            **{
                f"{name}_initializer": initializers.serialize(getattr(self, f"{name}_initializer"))
                for name in first_values
            },
            **super().get_config(),
        }


class LayerNormalization(_Affine):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, row by row.

    Args:
        axis: the axis, or a list of axes, of what is normalised together; -1 is the last.
        epsilon: added to the variance, positive.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        beta_initializer: first value of ``beta``.
        gamma_initializer: first value of ``gamma``.
        beta_regularizer: what the size of ``beta`` costs; ``None`` is nothing.
        gamma_regularizer: what that of ``gamma`` costs.
        beta_constraint: what ``beta`` is held to after each update; ``None`` is nothing.
        gamma_constraint: what ``gamma`` is held to.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x and y (rows, ..., features); gamma and beta, in this order, have the sizes of
    ``axis``, in rising order.  Axes that are not the last are moved there and back.

    Mean and variance are those of a row, in training and at inference alike (Ba, Kiros and Hinton,
    "Layer normalization", 2016).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.LayerNormalization(epsilon=1e-9)
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[1.0, 3.0], [5.0, 0.0]])
        array([[-1.,  1.],
               [ 1., -1.]], dtype=float32)
    """

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        axes = sample_axes(self.name, self.axis, input_shape)
        self.add_affine(tuple(input_shape[a] for a in axes))

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows normalised."""
        learned = flat_weight(x, self.gamma), flat_weight(x, self.beta)
        axes = sample_axes(self.name, self.axis, x.shape)
        return along(x, axes, lambda row: ops.layer_normalization(row, *learned, -1, self.epsilon))


class RMSNormalization(Layer):
    """``y = x / sqrt(mean(x^2) + epsilon) scale``, row by row.

    Args:
        axis: the axis, or a list of axes, of what is normalised together; -1 is the last.
        epsilon: added to the mean, positive.
        name: the layer's name.
        trainable: whether ``fit`` changes the weight.
        dtype: the precision of the weight.

    Shapes: x and y (rows, ..., features); scale has the sizes of ``axis``, in rising order.  (Zhang
    and Sennrich, "Root mean square layer normalization", 2019.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.RMSNormalization(epsilon=1e-9)
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[2.0, -2.0], [0.0, 8.0]])
        array([[ 1.       , -1.       ],
               [ 0.       ,  1.4142135]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-6,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.axis = several_axes(self.name, axis)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    def build(self, input_shape: Shape) -> None:
        """Make the scale."""
        axes = sample_axes(self.name, self.axis, input_shape)
        self.scale = self.add_weight([input_shape[a] for a in axes], "ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows normalised."""
        scale, axes = flat_weight(x, self.scale), sample_axes(self.name, self.axis, x.shape)
        return along(x, axes, lambda row: ops.rms_normalization(row, scale, -1, self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, "epsilon": self.epsilon, **super().get_config()}


class UnitNormalization(Layer):
    """``y = x / sqrt(sum(x^2))``, row by row; rows of zeros stay as they are.

    Args:
        axis: the axis, or a list of axes, of what is normalised together; -1 is the last.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.UnitNormalization()])
        >>> model.predict([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.axis = several_axes(self.name, axis)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows of length 1."""
        return along(x, sample_axes(self.name, self.axis, x.shape), ops.unit_normalization)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, **super().get_config()}


class GroupNormalization(_Affine):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, by groups of a sample's channels.

    Args:
        groups: how many; a divisor of the number of channels, or -1: each channel by itself.
        axis: the axis of the channels; -1 is the last.
        epsilon: added to the variance, positive.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        beta_initializer: first value of ``beta``.
        gamma_initializer: first value of ``gamma``.
        beta_regularizer: what the size of ``beta`` costs; ``None`` is nothing.
        gamma_regularizer: what that of ``gamma`` costs.
        beta_constraint: what ``beta`` is held to after each update; ``None`` is nothing.
        gamma_constraint: what ``gamma`` is held to.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x and y (rows, ..., channels), or with the channels at ``axis``, which costs moving them
    to the end and back; gamma and beta, in this order, (channels,).

    A group is channels next to each other, at all places of a sample (Wu and He, "Group
    normalization", 2018).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GroupNormalization(groups=2, epsilon=1e-9)
        >>> model = fastnn.Sequential([fastnn.Input((4,)), layer])
        >>> model.predict([[1.0, 3.0, 20.0, 10.0]])
        array([[-1.,  1.,  1., -1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            *(beta_initializer, gamma_initializer),
            *(beta_regularizer, gamma_regularizer),
            *(beta_constraint, gamma_constraint),
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.axis = count(self.name, "axis", axis, -_MOST_AXES)
        self.groups = groups if groups == -1 else count(self.name, "groups", groups, 1)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        (axis,) = sample_axes(self.name, self.axis, input_shape)
        channels = input_shape[axis] or 0
        if channels % self._groups(channels):
            raise ShapeError(
                f"{self.name}: groups={self.groups} does not divide the {channels} channels of "
                f"{format_shape(input_shape)}"
            )
        self.add_affine((channels,))

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its groups normalised."""
        return along(x, sample_axes(self.name, self.axis, x.shape), self._normalized)

    def _normalized(self, x: Tensor) -> Tensor:
        groups = self._groups(x.shape[-1] or 1)
        return ops.group_normalization(x, groups, self.gamma, self.beta, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"groups": self.groups, **super().get_config()}


def several_axes(who: str, axis: int | Sequence[int]) -> int | list[int]:
    """Return the axis, or the list of axes, that a layer was given."""
    axes = axis_numbers(who, axis)
    return axes if isinstance(axis, list | tuple) else axes[0]
