"""Layers that act in training alone: dropout and noise, and a penalty on what passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn import ops, regularizers
from fastnn._checks import count, fraction, not_negative
from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer
from fastnn.layers.pooling import require_places
from fastnn.layers.randomness import RandomLayer
from fastnn.ops.pooling import channels_last

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
]


class _Dropout(RandomLayer):
    """A layer that drops units, some of them together."""

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.rate = fraction(self.name, "rate", rate)
        self.noise_shape = None if noise_shape is None else self._shape(noise_shape)

    def _shape(self, given: Any) -> tuple[int | None, ...]:
        if not isinstance(given, list | tuple):
            raise TypeError(
                f"{self.name}: noise_shape must be a tuple of sizes or None, got "
                f"{type(given).__name__}"
            )
        return tuple(n if n is None else count(self.name, "noise_shape", n, 1) for n in given)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        noise_shape = None if self.noise_shape is None else list(self.noise_shape)
        return {"rate": self.rate, "noise_shape": noise_shape, **super().get_config()}


class Dropout(_Dropout):
    """Sets units to 0 at random in training, scaling the others up; nothing at inference.

    Args:
        rate: the probability that a unit is dropped, 0 <= rate < 1.
        noise_shape: the shape of the mask, in which ``None`` stands for the size of the input and
            1 for units that are dropped together: ``(None, 1, features)``.  With 1 for the rows all
            samples of a batch have the mask of its first.  ``None``: each unit by itself.
        seed: what the mask is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    ``y = x mask / (1 - rate)`` (Srivastava et al., "Dropout", 2014).  The mask is a function of the
    seed, the epoch, the sample and the unit: it does not depend on threads or batches.  There is no
    mode to forget: the list of operations for inference holds no dropout.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dropout(0.5)])
        >>> model.predict([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
    """

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, with units dropped in training."""
        if not (training and self.rate):
            return x
        return ops.dropout(x, self.rate, self.noise_shape, self.seed)


class AlphaDropout(_Dropout):
    """Sets units to what SELU falls to, at random in training, keeping mean and variance.

    Args:
        rate: the probability of each unit, 0 <= rate < 1.
        noise_shape: the shape of the mask, as that of ``Dropout``.
        seed: what the mask is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    ``y = a (x mask + low (1 - mask)) + b`` with ``low = -1.7581``, and a and b such that inputs of
    mean 0 and variance 1 stay so.  (Klambauer et al., "Self-normalizing neural networks", 2017.)

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.AlphaDropout(0.5)])
        >>> model.predict([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
    """

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, with units dropped in training."""
        if not (training and self.rate):
            return x
        return ops.alpha_dropout(x, self.rate, self.noise_shape, self.seed)


class _SpatialDropout(RandomLayer):
    """Drops whole channels of a sample: the channels are its last axis."""

    rank = 2

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
        *,
        trainable: bool = True,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.rate = fraction(self.name, "rate", rate)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, with channels dropped in training."""
        require_places(self.name, x.shape, self.rank)
        if not (training and self.rate):
            return x
        return ops.dropout(x, self.rate, (None, *(1,) * self.rank, None), self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"rate": self.rate, **super().get_config()}


class SpatialDropout1D(_SpatialDropout):
    """Sets whole features of a sequence to 0 at random in training, scaling the others up.

    Args:
        rate: the probability that a feature is dropped, 0 <= rate < 1.
        seed: what the mask is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    Shapes: x and y (rows, steps, features); the mask (rows, 1, features).  (Tompson et al.,
    "Efficient object localization using convolutional networks", 2015.)

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2, 1)), fastnn.layers.SpatialDropout1D(0.5)])
        >>> model.predict([[[1.0], [2.0]]]).ravel()
        array([1., 2.], dtype=float32)
    """

    rank = 1


class SpatialDropout2D(_SpatialDropout):
    """Sets whole channels of an image to 0 at random in training, scaling the others up.

    Args:
        rate: the probability that a channel is dropped, 0 <= rate < 1.
        data_format: ``"channels_last"`` or ``None``, which is the same.
        seed: what the mask is drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    Shapes: x and y (rows, height, width, channels); the mask (rows, 1, 1, channels).  (Tompson et
    al., "Efficient object localization using convolutional networks", 2015.)

    Example:
        >>> import fastnn
        >>> drop = fastnn.layers.SpatialDropout2D(0.5)
        >>> fastnn.Sequential([fastnn.Input((1, 1, 2)), drop]).predict([[[[1.0, 2.0]]]]).ravel()
        array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
        *,
        trainable: bool = True,
    ):
        super().__init__(rate, seed, name, dtype, trainable=trainable)
        self.data_format = channels_last(self.name, data_format)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"data_format": self.data_format, **super().get_config()}


class GaussianNoise(RandomLayer):
    """Adds normal random numbers in training; nothing at inference.

    Args:
        stddev: their standard deviation, at least 0; their mean is 0.
        seed: what they are drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    ``y = x + stddev z``.  A number z is a function of the seed, the epoch, the sample and the unit:
    it does not depend on threads or batches.  (Bishop, "Training with noise is equivalent to
    Tikhonov regularization", 1995.)

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.GaussianNoise(0.1)])
        >>> model.predict([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
    """

    def __init__(
        self,
        stddev: float,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.stddev = not_negative(self.name, "stddev", stddev)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, with noise in training."""
        if not (training and self.stddev):
            return x
        return ops.gaussian_noise(x, self.stddev, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"stddev": self.stddev, **super().get_config()}


class GaussianDropout(RandomLayer):
    """Multiplies with normal random numbers of mean 1 in training; nothing at inference.

    Args:
        rate: says how much: as much as dropout of that rate, 0 <= rate < 1.
        seed: what they are drawn from, at least 0; ``None``: the seed of the process.
        name: the layer's name.

    ``y = x (1 + sqrt(rate / (1 - rate)) z)``.  (Srivastava et al., "Dropout", 2014, section 10.)

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.GaussianDropout(0.1)])
        >>> model.predict([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype)
        self.rate = fraction(self.name, "rate", rate)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return ``x``, with its units scaled at random in training."""
        if not (training and self.rate):
            return x
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return ops.gaussian_noise(x, deviation, product=True, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"rate": self.rate, **super().get_config()}


class ActivityRegularization(Layer):
    """Returns its input, whose size it adds to the loss.

    Args:
        l1: what the sum of absolute values costs, at least 0.
        l2: what the sum of squares costs, at least 0.
        name: the layer's name.

    ``penalty = (l1 sum |x| + l2 sum x^2) / rows``.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.ActivityRegularization(l2=0.5)
        >>> model = fastnn.Sequential([fastnn.Input((2,)), layer])
        >>> model.compile(loss="mse")
        >>> float(model.evaluate([[1.0, 2.0]], [[1.0, 2.0]], verbose=0))
        2.5
    """

    supports_masking = True

    def __init__(
        self,
        l1: float = 0.0,
        l2: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        cost = regularizers.L1L2(l1=l1, l2=l2)
        super().__init__(name=name, trainable=trainable, dtype=dtype, activity_regularizer=cost)
        self.l1, self.l2 = cost.l1, cost.l2

    def call(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        config = super().get_config()
        del config["activity_regularizer"]  # which l1 and l2 are
        return {"l1": self.l1, "l2": self.l2, **config}
