"""Normalisation of activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import initializers, ops
from fastnn._checks import count, fraction, positive_number
from fastnn.compiler.graph import Shape, Tensor, format_shape, size_of
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.variables import Variable

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class BatchNormalization(Layer):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, channel by channel.

    Args:
        axis: the axis of the channels, which has to be the last: -1.
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

    Shapes: x and y (rows, ..., channels); weights, in this order, gamma, beta, moving_mean,
    moving_variance, (channels,) each.

    In training, mean and variance are those of the batch, over all axes but the last, and each step
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

    supports_masking = True

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
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise TypeError(f"{self.name}: axis must be an integer, got {type(axis).__name__}")
        self.axis = axis
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.describe_weight("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.describe_weight("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving statistics."""
        require_last(self.name, self.axis, input_shape)
        shape = (input_shape[-1],)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_described("gamma", shape)
        if self.center:
            self.beta = self.add_described("beta", shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, name="moving_variance", trainable=False
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x`` normalised by its own moments in training, by the moving ones otherwise."""
        learned = (self.gamma, self.beta, self.epsilon)
        if not (training and self.trainable):
            return ops.normalize(x, self.moving_mean, self.moving_variance, *learned)
        mean, variance = ops.moments(x)
        ops.moving_average(self.moving_mean, mean, self.momentum)
        ops.moving_average(self.moving_variance, variance, self.momentum)
        return ops.normalize(x, mean, variance, *learned, batch=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        first_values = ("moving_mean", "moving_variance")
        return {
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **{
                f"{name}_initializer": initializers.serialize(getattr(self, f"{name}_initializer"))
                for name in first_values
            },
            **super().get_config(),
        }


class _RowNormalization(Layer):
    """Scales each row by its own moments; the last axes are what a row is."""

    supports_masking = True

    def __init__(self, axis: int | Sequence[int], **options: Any):
        super().__init__(**options)
        axes = axis if isinstance(axis, Sequence) else [axis]
        if not axes or not all(isinstance(a, int) and not isinstance(a, bool) for a in axes):
            raise TypeError(
                f"{self.name}: axis must be an integer or a list of them, got {axis!r:.60}"
            )
        self.axis = list(axes) if isinstance(axis, Sequence) else axis

    def row(self, shape: Shape) -> Shape:
        """Return the shape of what is normalised together.

        Raises:
            ShapeError: if ``axis`` does not name the last axes of a sample.
        """
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        known = sorted({a % len(shape) for a in axes if -len(shape) <= a < len(shape)})
        if len(known) != len(axes) or known != list(range(len(shape) - len(axes), len(shape))):
            raise ShapeError(
                f"{self.name}: axis={self.axis} of {format_shape(shape)} are not its last axes; "
                "use axis=-1, or [-2, -1] and so on"
            )
        if known[0] == 0:
            raise ShapeError(f"{self.name}: axis 0 is that of the rows, which stand by themselves")
        return shape[known[0] :]

    def flat(self, x: Tensor) -> Tensor:
        """Return ``x`` with each row in one axis."""
        row = self.row(x.shape)
        if len(row) == 1:
            return x
        return ops.reshape(x, (*x.shape[: -len(row)], size_of(row).base))

    def weight(self, x: Tensor, variable: Variable | None) -> Tensor | None:
        """Return a weight of the shape of a row as one axis."""
        if variable is None:
            return None
        return x.graph.emit("reshape", variable, shapes={"y": (variable.size,)})[0]


class LayerNormalization(_RowNormalization):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, row by row.

    Args:
        axis: the last axis, -1, or a list of the last axes: what is normalised together.
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

    Shapes: x and y (rows, ..., features); gamma and beta, in this order, those of ``axis``.

    Mean and variance are those of a row, in training and at inference alike (Ba, Kiros and Hinton,
    "Layer normalization", 2016).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.LayerNormalization(epsilon=1e-9)
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[1.0, 3.0], [5.0, 0.0]])
        array([[-1.,  1.],
               [ 1., -1.]], dtype=float32)
    """

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
        super().__init__(axis, name=name, trainable=trainable, dtype=dtype)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.describe_weight("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.describe_weight("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        shape = self.row(input_shape)
        self.gamma = self.add_described("gamma", shape) if self.scale else None
        self.beta = self.add_described("beta", shape) if self.center else None

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows normalised."""
        learned = self.weight(x, self.gamma), self.weight(x, self.beta)
        y = ops.layer_normalization(self.flat(x), *learned, self.epsilon)
        return ops.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("axis", "epsilon", "center", "scale")
        return {**{name: getattr(self, name) for name in kept}, **super().get_config()}


class RMSNormalization(_RowNormalization):
    """``y = x / sqrt(mean(x^2) + epsilon) scale``, row by row.

    Args:
        axis: the last axis, -1, or a list of the last axes: what is normalised together.
        epsilon: added to the mean, positive.
        name: the layer's name.
        trainable: whether ``fit`` changes the weight.
        dtype: the precision of the weight.

    Shapes: x and y (rows, ..., features); scale has the sizes of ``axis``.  (Zhang and Sennrich,
    "Root mean square layer normalization", 2019.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.RMSNormalization(epsilon=1e-9)
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[2.0, -2.0], [0.0, 8.0]])
        array([[ 1.       , -1.       ],
               [ 0.       ,  1.4142135]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-6,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(axis, name=name, trainable=trainable, dtype=dtype)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    def build(self, input_shape: Shape) -> None:
        """Make the scale."""
        self.scale = self.add_weight(self.row(input_shape), "ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows normalised."""
        y = ops.rms_normalization(self.flat(x), self.weight(x, self.scale), self.epsilon)
        return ops.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, "epsilon": self.epsilon, **super().get_config()}


class UnitNormalization(_RowNormalization):
    """``y = x / sqrt(sum(x^2))``, row by row; rows of zeros stay as they are.

    Args:
        axis: the last axis, -1, or a list of the last axes: what is normalised together.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.UnitNormalization()])
        >>> model.predict([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(axis, name=name, trainable=trainable, dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its rows of length 1."""
        return ops.reshape(ops.unit_normalization(self.flat(x)), x.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, **super().get_config()}


class GroupNormalization(Layer):
    """``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, by groups of a sample's channels.

    Args:
        groups: how many; a divisor of the number of channels, or -1: each channel by itself.
        axis: the axis of the channels, which has to be the last: -1.
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

    Shapes: x and y (rows, ..., channels); gamma and beta, in this order, (channels,).

    A group is channels next to each other, at all places of a sample (Wu and He, "Group
    normalization", 2018).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GroupNormalization(groups=2, epsilon=1e-9)
        >>> model = fastnn.Sequential([fastnn.Input((4,)), layer])
        >>> model.predict([[1.0, 3.0, 20.0, 10.0]])
        array([[-1.,  1.,  1., -1.]], dtype=float32)
    """

    supports_masking = True

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
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.groups = groups if groups == -1 else count(self.name, "groups", groups, 1)
        self.axis = count(self.name, "axis", axis, -8)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.describe_weight("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.describe_weight("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        require_last(self.name, self.axis, input_shape)
        channels = input_shape[-1]
        if channels is None or channels % self._groups(channels):
            raise ShapeError(
                f"{self.name}: groups={self.groups} does not divide the {channels} channels of "
                f"{format_shape(input_shape)}"
            )
        self.gamma = self.add_described("gamma", (channels,)) if self.scale else None
        self.beta = self.add_described("beta", (channels,)) if self.center else None

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its groups normalised."""
        groups = self._groups(x.shape[-1] or 1)
        return ops.group_normalization(x, groups, self.gamma, self.beta, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("groups", "axis", "epsilon", "center", "scale")
        return {**{name: getattr(self, name) for name in kept}, **super().get_config()}


def require_last(who: str, axis: int, shape: Shape) -> None:
    """Refuse an axis of channels that is not the last.

    Raises:
        ShapeError: if it is another.
    """
    if len(shape) < 2 or axis not in (-1, len(shape) - 1):
        raise ShapeError(
            f"{who}: axis={axis} of {format_shape(shape)} is not the last, where channels are; "
            "use axis=-1"
        )
