"""Activations as layers: those with options, and the one that learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import activations, ops
from fastnn._checks import count, not_negative, number
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class ReLU(Layer):
    """``max(x, 0)``, or a curve like it.

    Args:
        max_value: the largest value, at least ``threshold``; ``None``: there is none.
        negative_slope: the slope up to ``threshold``, at least 0.
        threshold: where ``x`` itself begins, at least 0.
        name: the layer's name.

    ``y = max_value`` where ``x >= max_value``, ``x`` where ``x > threshold``, else
    ``negative_slope (x - threshold)``.  (Nair and Hinton, "Rectified linear units improve
    restricted Boltzmann machines", 2010.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.ReLU(max_value=2.0, negative_slope=0.5)
        >>> fastnn.Sequential([fastnn.Input((3,)), layer]).predict([[-1.0, 1.0, 3.0]])
        array([[-0.5,  1. ,  2. ]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        who = self.name
        self.max_value = None if max_value is None else not_negative(who, "max_value", max_value)
        self.negative_slope = not_negative(who, "negative_slope", negative_slope)
        self.threshold = not_negative(who, "threshold", threshold)
        if self.max_value is not None and self.max_value < self.threshold:
            raise ValueError(
                f"{who}: max_value={self.max_value} is below threshold={self.threshold}"
            )

    def call(self, x: Tensor) -> Tensor:
        """Return the curve at ``x``."""
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("max_value", "negative_slope", "threshold")
        return {**{name: getattr(self, name) for name in kept}, **super().get_config()}


class LeakyReLU(Layer):
    """``x`` above 0 and ``negative_slope x`` below.

    Args:
        negative_slope: the slope at 0 and below, at least 0.
        name: the layer's name.

    (Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.LeakyReLU(negative_slope=0.5)
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[-1.0, 3.0]])
        array([[-0.5,  3. ]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        negative_slope: float = 0.3,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.negative_slope = not_negative(self.name, "negative_slope", negative_slope)

    def call(self, x: Tensor) -> Tensor:
        """Return the curve at ``x``."""
        return ops.leaky_relu(x, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"negative_slope": self.negative_slope, **super().get_config()}


class PReLU(Layer):
    """``x`` above 0 and ``alpha x`` below, where alpha is learnt.

    Args:
        alpha_initializer: first value of ``alpha``.
        alpha_regularizer: what the size of ``alpha`` costs; ``None`` is nothing.
        alpha_constraint: what ``alpha`` is held to after each update; ``None`` is nothing.
        shared_axes: the axes, counted from 1, along which places have one alpha: ``[1, 2]`` is one
            for each channel of an image; ``None``: each place has its own.
        name: the layer's name.
        trainable: whether ``fit`` changes the weight.
        dtype: the precision of the weight.

    Shapes: x and y (rows, ...); alpha that of a sample, 1 at the shared axes.

    ``y = max(x, 0) + alpha min(x, 0)``, ``dalpha = sum dy min(x, 0)``.  (He et al., "Delving deep
    into rectifiers", 2015.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.PReLU(alpha_initializer="ones")
        >>> fastnn.Sequential([fastnn.Input((2,)), layer]).predict([[-1.0, 3.0]])
        array([[-1.,  3.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.describe_weight("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else [int(a) for a in axes]

    def build(self, input_shape: Shape) -> None:
        """Make alpha."""
        shared = self.shared_axes or []
        if not all(1 <= axis < len(input_shape) for axis in shared):
            raise ShapeError(
                f"{self.name}: shared_axes={shared} of {format_shape(input_shape)}: expected axes "
                f"from 1 to {len(input_shape) - 1}"
            )
        shape = [1 if axis in shared else n for axis, n in enumerate(input_shape)][1:]
        self.alpha = self.add_described("alpha", shape)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x``, what is negative of it scaled."""
        below = ops.relu(ops.scale(x, -1.0))
        return ops.subtract(ops.relu(x), ops.multiply(self.alpha, below))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"shared_axes": self.shared_axes, **super().get_config()}


class ELU(Layer):
    """``x`` above 0 and ``alpha (exp(x) - 1)`` below.

    Args:
        alpha: what it falls to, ``-alpha``.
        name: the layer's name.

    (Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2016.)

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.ELU(alpha=2.0)])
        >>> model.predict([[-1000.0, 3.0]])
        array([[-2.,  3.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.alpha = number(self.name, "alpha", alpha)

    def call(self, x: Tensor) -> Tensor:
        """Return the curve at ``x``."""
        return ops.elu(x, self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"alpha": self.alpha, **super().get_config()}


class Softmax(Layer):
    """``exp(x) / sum(exp(x))`` along an axis.

    Args:
        axis: the axis whose numbers sum to 1, not that of the rows.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Softmax()])
        >>> model.predict([[5.0, 5.0]])
        array([[0.5, 0.5]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.axis = count(self.name, "axis", axis, -8)

    def call(self, x: Tensor) -> Tensor:
        """Return the shares."""
        return activations.softmax(x, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, **super().get_config()}
