"""Normalisation of activations."""

from __future__ import annotations

from typing import Any

from fastnn import initializers, ops
from fastnn._checks import fraction, positive_number
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer

__all__ = ["BatchNormalization"]


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
        if len(input_shape) < 2 or self.axis not in (-1, len(input_shape) - 1):
            raise ShapeError(
                f"{self.name}: axis={self.axis} of {format_shape(input_shape)} is not the last, "
                "where channels are; use axis=-1"
            )
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
