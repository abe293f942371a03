"""Layers without images: Input, Dense, Activation, Flatten, Reshape, Permute."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from fastnn import activations, config, ops
from fastnn._checks import flag, integer
from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.functional import Call, Symbol
from fastnn.layers.base import Layer
from fastnn.ops.pooling import channels_last

__all__ = ["Activation", "Dense", "Flatten", "Input", "InputLayer", "Permute", "Reshape"]


class InputLayer(Layer):
    """The shape of a model's input; made by ``Input``.

    Args:
        shape: the shape of one sample, without the axis of the batch.
        name: the layer's name.
        dtype: the precision the model computes in, or a type of whole numbers.
        batch_size: the rows of every batch; ``None`` is any.
    """

    def __init__(
        self,
        shape: Sequence[int] | None,
        name: str | None = None,
        dtype: str | None = None,
        batch_size: int | None = None,
    ):
        kind = None if dtype is None else config.check_sample_dtype("Input", dtype)
        self.whole = None if kind is None or config.is_real(kind) else kind
        super().__init__(name=name, dtype=None if self.whole else kind)
        sizes: tuple[Any, ...] = tuple(shape) if isinstance(shape, Sequence) else (shape,)
        if not all(map(is_size, sizes)):
            pad = "; sequences are padded to one length: utils.pad_sequences" * (None in sizes)
            raise ShapeError(
                "Input: shape must hold positive integers, without the batch, "
                f"got {str(sizes)[:60]}{pad}"
            )
        self.shape = tuple(map(int, sizes))
        self.built = True  # there is nothing to build
        self.batch_size = None
        if batch_size is not None:
            self.batch_size = positive("Input", "batch_size", batch_size)

    @cached_property
    def output(self) -> Symbol:
        """What other layers are called on."""
        dtype = self.whole or self.dtype or config.real_dtype(config.dtype_policy())
        self._output_shape = (None, *self.shape)
        call = Call(self)
        symbol = Symbol((None, *self.shape), dtype, call, batch_size=self.batch_size)
        call.result = symbol
        return symbol

    @property
    def input(self) -> Symbol:
        """What other layers are called on."""
        return self.output

    def call(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        dtype = self.whole or self.dtype
        known = {} if self.batch_size is None else {"batch_size": self.batch_size}
        return {"shape": list(self.shape), "name": self.name, "dtype": dtype, **known}


def Input(
    shape: Sequence[int] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    *,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> Symbol:
    """Return what the first layer of a model is called on, or the first part of a ``Sequential``.

    Args:
        shape: the shape of one sample, without the axis of the batch: ``(8, 8, 1)``.
        batch_size: the rows of every batch, which layers with ``stateful=True`` have to know;
            nothing else depends on it.
        dtype: the precision the model computes in, ``"float32"`` or ``"float64"``; or that of whole
            numbers, ``"int32"``, which says nothing of it: ids for ``Embedding``, exact up to 2^24
            (float64: 2^53).
        batch_shape: both in one, ``(batch_size, *shape)``.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> fastnn.Input((8, 8, 1)).shape
        (None, 8, 8, 1)
    """
    if batch_shape is not None:
        if shape is not None or batch_size is not None:
            raise ValueError("Input: give shape and batch_size, or batch_shape, and not both")
        if not isinstance(batch_shape, Sequence) or not batch_shape:
            raise ShapeError("Input: batch_shape must be (rows of a batch, ...), such as (32, 7)")
        batch_size, *sizes = batch_shape
        shape = [n for n in sizes if n is not None]
    return InputLayer(shape, name=name, dtype=dtype, batch_size=batch_size).output


class Dense(Layer):
    """``y = activation(x @ kernel + bias)``.

    Args:
        units: size of the output, at least 1.
        activation: name or function; ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        bias_regularizer: what that of the bias costs.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        bias_constraint: what the bias is held to.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (..., in), kernel (in, units), bias (units,), y (..., units).

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Dense(3)
        >>> model = fastnn.Sequential([fastnn.Input((2,)), layer])
        >>> layer.set_weights([[[0.5, -0.5, 2.0], [0.3, 0.2, 0.1]], [0.0, 0.0, 1.0]])
        >>> model.predict([[2.0, 3.0]]).round(3)
        array([[ 1.9, -0.4,  5.3]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: str | Callable[[Tensor], Tensor] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            activity_regularizer=activity_regularizer,
        )
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = flag(self.name, "use_bias", use_bias)
        self.describe_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.describe_weight("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        if len(input_shape) < 2:
            raise ShapeError(
                f"{self.name}: expected inputs (rows, ..., features), "
                f"got {format_shape(input_shape)}; give a single feature an axis: x[:, None]"
            )
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_described("kernel", shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_described("bias", (self.units,))

    def call(self, x: Tensor) -> Tensor:
        """Return ``activation(x @ kernel + bias)``."""
        return self.activation(ops.dense(x, self.kernel, self.bias))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **super().get_config(),
        }


class Activation(Layer):
    """An activation by itself.

    Args:
        activation: name or function.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Activation("relu")])
        >>> model.predict([[-1.0, 0.0, 2.0]])
        array([[0., 0., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        activation: str | Callable[[Tensor], Tensor],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.activation = activations.get(activation)

    def call(self, x: Tensor) -> Tensor:
        """Return ``activation(x)``."""
        return self.activation(x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"activation": activations.serialize(self.activation), **super().get_config()}


class Identity(Layer):
    """What comes in, unchanged: a place in a model to name or to look at.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Identity(name="here")])
        >>> model.predict([[1.0, -2.0]])
        array([[ 1., -2.]], dtype=float32)
    """

    supports_masking = True

    def call(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x


class Flatten(Layer):
    """All of a sample's numbers in one axis: (rows, a, b, ...) becomes (rows, a b ...).

    Args:
        data_format: ``"channels_last"`` or ``None``, which is the same.
        name: the layer's name.
        trainable: has no meaning without weights.
        dtype: the precision of a model that begins with it.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 2)), fastnn.layers.Flatten()])
        >>> model.predict([[[1.0, 2.0], [3.0, 4.0]]])
        array([[1., 2., 3., 4.]], dtype=float32)
    """

    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.data_format = channels_last(self.name, data_format)

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with one axis a sample."""
        return ops.reshape(x, (None, x.size.base))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"data_format": self.data_format, **super().get_config()}


class Reshape(Layer):
    """The same numbers of a sample in another shape.

    Args:
        target_shape: the shape of one sample; one size may be -1: whatever is left.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Reshape((2, -1))])
        >>> model.predict([[1.0, 2.0, 3.0, 4.0]])
        array([[[1., 2.],
                [3., 4.]]], dtype=float32)
    """

    def __init__(
        self,
        target_shape: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        sizes = tuple(target_shape) if isinstance(target_shape, Sequence) else (target_shape,)
        if not all(is_size(n) or n == -1 for n in sizes) or sizes.count(-1) > 1:
            raise ValueError(
                f"{self.name}: target_shape must hold positive sizes and at most one -1, "
                f"got {str(sizes)[:60]}"
            )
        self.target_shape = tuple(map(int, sizes))

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` in the target shape."""
        known = math.prod(n for n in self.target_shape if n != -1)
        sizes = tuple(x.size.base // known if n == -1 else n for n in self.target_shape)
        if math.prod(sizes) != x.size.base:
            raise ShapeError(
                f"{self.name}: a sample of shape {format_shape(x.shape[1:])} has {x.size.base} "
                f"numbers, which do not fill {self.target_shape}"
            )
        return ops.reshape(x, (None, *sizes))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"target_shape": list(self.target_shape), **super().get_config()}


class Permute(Layer):
    """The axes of a sample in another order.

    Args:
        dims: the axes of the input, counted from 1, in the order in which they are wanted; that of
            the rows, 0, stays the first.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 3)), fastnn.layers.Permute((2, 1))])
        >>> model.predict([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
        array([[[1., 4.],
                [2., 5.],
                [3., 6.]]], dtype=float32)
    """

    def __init__(
        self,
        dims: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        axes = tuple(dims) if isinstance(dims, Sequence) else (dims,)
        whole = all(map(is_size, axes))
        if not whole or sorted(axes) != list(range(1, len(axes) + 1)):
            raise ValueError(
                f"{self.name}: dims must hold each of 1, 2, ... once, the axes of a sample, "
                f"got {str(dims)[:60]}"
            )
        self.dims = tuple(map(int, axes))

    def build(self, input_shape: Shape) -> None:
        """Check that a sample has as many axes."""
        if len(input_shape) != len(self.dims) + 1:
            raise ShapeError(
                f"{self.name}: dims={self.dims} are {len(self.dims)} axes, a sample of "
                f"{format_shape(input_shape)} has {len(input_shape) - 1}"
            )

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` with its axes in the order of ``dims``."""
        return ops.transpose(x, (0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"dims": list(self.dims), **super().get_config()}


def positive(who: str, name: str, value: Any) -> int:
    """Return ``value`` if it is a positive integer."""
    known = integer(value)
    if known is None:
        raise TypeError(f"{who}: {name} must be a positive integer, got {type(value).__name__}")
    if known < 1:
        raise ValueError(f"{who}: {name} must be a positive integer, got {known}")
    return known


def fraction(who: str, name: str, value: Any) -> float:
    """Return ``value`` if it is a number in [0, 1)."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 <= float(value) < 1:
        raise ValueError(f"{who}: {name} must be in [0, 1), got {value!r}")
    return float(value)
