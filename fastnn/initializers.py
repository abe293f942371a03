"""Initializers: the first values of weights, drawn from the process's seed.

The same seed gives the same weights on every machine and with every NumPy version: the numbers come
from fastnn's own counter-based generator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config, registry
from fastnn._checks import not_negative, number, one_of, positive_number
from fastnn._checks import seed as checked_seed
from fastnn._typing import Array
from fastnn.draws import Draws
from fastnn.errors import ShapeError
from fastnn.naming import public, snake_case

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

Shape = Sequence[int]

#: Standard deviation of a unit normal cut off at 2.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """A function from a shape to an array, with options that a model file can hold."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """Return the first value of a weight.

        Args:
            shape: its shape.
            dtype: its NumPy type; ``None`` is ``fastnn.config.floatx()``.
        """
        values = self._values(tuple(shape))
        return np.asarray(values, dtype or config.floatx()).reshape(tuple(shape))

    def _values(self, shape: tuple[int, ...]) -> Array:
        raise NotImplementedError(
            f"{type(self).__name__}: write __call__(shape, dtype), which returns an array"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal initializer."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """Return the initializer that ``get_config`` described."""
        return cls(**config)


class Constant(Initializer):
    """All elements equal.

    Args:
        value: the number.

    Example:
        >>> import fastnn
        >>> fastnn.initializers.Constant(2.0)((3,))
        array([2., 2., 2.], dtype=float32)
    """

    def __init__(self, value: float = 0.0):
        self.value = number("Constant", "value", value)

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.value)


class Zeros(Initializer):
    """All elements 0."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


class Ones(Initializer):
    """All elements 1."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


class Identity(Initializer):
    """The identity matrix times ``gain``; of a matrix that is not square, its first columns.

    Args:
        gain: the factor.

    Example:
        >>> import fastnn
        >>> fastnn.initializers.Identity(2.0)((2, 3))
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0):
        self.gain = number("Identity", "gain", gain)

    def _values(self, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise ShapeError(f"Identity: the weight has to be a matrix, got shape {shape}")
        return self.gain * np.eye(*shape)


class _Random(Initializer):
    """An initializer that draws; with a seed of its own it gives the same array each time."""

    seed: int | None = None

    def _draws(self) -> Draws:
        return Draws(config.next_seed() if self.seed is None else self.seed)


class RandomUniform(_Random):
    """Uniform in [minval, maxval).

    Args:
        minval: lower end.
        maxval: upper end.
        seed: an integer for the same array each time; ``None`` draws from the process's seed.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval = number("RandomUniform", "minval", minval)
        self.maxval = number("RandomUniform", "maxval", maxval)
        self.seed = checked_seed("RandomUniform", seed)
        if self.minval > self.maxval:
            raise ValueError(
                f"RandomUniform: minval, {self.minval}, must not exceed maxval, {self.maxval}"
            )

    def _values(self, shape: tuple[int, ...]) -> Array:
        return self.minval + (self.maxval - self.minval) * self._draws().uniform(math.prod(shape))


class RandomNormal(_Random):
    """Normal.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: an integer for the same array each time; ``None`` draws from the process's seed.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        who = type(self).__name__
        self.mean = number(who, "mean", mean)
        self.stddev = not_negative(who, "stddev", stddev)
        self.seed = checked_seed(who, seed)

    def _values(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * self._draws().normal(math.prod(shape))


class TruncatedNormal(RandomNormal):
    """Normal, without values more than two standard deviations from the mean."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * self._draws().truncated(math.prod(shape))


class VarianceScaling(_Random):
    """Zero mean and variance ``scale / n``, ``n`` a number of inputs or outputs.

    Args:
        scale: positive.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``: what ``n`` is.
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
        seed: an integer for the same array each time; ``None`` draws from the process's seed.
        input_axes: with ``output_axes``, the axes whose sizes multiply to the number of inputs;
            ``None`` are those of a ``Dense`` or a convolution's kernel.
        output_axes: those of the outputs.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        who = type(self).__name__
        mode = one_of(who, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = str(distribution).lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        distribution = one_of(who, "distribution", distribution, kinds)
        self.scale = positive_number(who, "scale", scale)
        self.mode, self.distribution, self.seed = mode, distribution, checked_seed(who, seed)
        self.input_axes, self.output_axes = input_axes, output_axes

    def _values(self, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev, count = math.sqrt(self.scale / max(1.0, n)), math.prod(shape)
        if self.distribution == "uniform":
            return math.sqrt(3) * stddev * (2 * self._draws().uniform(count) - 1)
        if self.distribution == "untruncated_normal":
            return stddev * self._draws().normal(count)
        return stddev / _TRUNCATED_STDDEV * self._draws().truncated(count)


class _Named(VarianceScaling):
    """A variance scaling known by its authors' names."""

    options: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self.options, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal initializer."""
        return {name: getattr(self, name) for name in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Named):
    """Uniform, variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010): Keras's default."""

    options = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal, variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    options = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    """Uniform, variance 2 / fan_in (He et al., 2015): for ReLU."""

    options = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal, variance 2 / fan_in (He et al., 2015): for ReLU."""

    options = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform, variance 1 / fan_in (LeCun et al., "Efficient backprop", 1998)."""

    options = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal, variance 1 / fan_in (LeCun et al., "Efficient backprop", 1998)."""

    options = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """An orthogonal matrix times ``gain``: it keeps the length of what it multiplies.

    Args:
        gain: the factor.
        seed: an integer for the same array each time; ``None`` draws from the process's seed.

    Rows or columns, whichever are fewer, are orthonormal, uniform among all that are; of more than
    two axes all but the last count as rows (Saxe et al., "Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks", 2014).

    Example:
        >>> import fastnn
        >>> q = fastnn.initializers.Orthogonal()((3, 5), "float64")
        >>> bool(abs(q @ q.T - [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).max() < 1e-12)
        True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        self.gain = number("Orthogonal", "gain", gain)
        self.seed = checked_seed("Orthogonal", seed)

    def _values(self, shape: tuple[int, ...]) -> Array:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal: the weight needs two axes at least, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        few, many = sorted((rows, columns))
        basis = orthonormal(self._draws().normal(rows * columns).reshape(few, many))
        return self.gain * (basis if few == rows else basis.T)


def orthonormal(rows: Array) -> Array:
    """Return the rows made orthonormal, one after the other (modified Gram and Schmidt).

    Element by element: a factorization by LAPACK has other bits with other numbers of threads.
    """
    basis = rows.copy()
    for i in range(len(basis)):
        basis[i] /= math.sqrt((basis[i] ** 2).sum())
        rest = basis[i + 1 :]
        rest -= (rest * basis[i]).sum(axis=1)[:, None] * basis[i]
    return basis


def fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return the inputs and outputs of one unit: (kernel pixels) x in, (kernel pixels) x out, or
    the products of the sizes of given axes."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    pixels = math.prod(shape[:-2])
    return pixels * shape[-2], pixels * shape[-1]


CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    )
}
#: Other names that Keras knows.
_ALIASES: dict[str, type[Initializer]] = {
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
}
_BY_NAME = {snake_case(name): cls for name, cls in CLASSES.items()} | CLASSES | _ALIASES

#: Keras's short names.
constant, identity, ones, orthogonal, zeros = Constant, Identity, Ones, Orthogonal, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling


def get(identifier: Any) -> Initializer:
    """Return the initializer that a name, a config, a class, an object or an array stands for.

    Args:
        identifier: a name such as ``"he_normal"``, what ``serialize`` returned, an initializer or a
            class of them, a function ``f(shape, dtype)``, an array of the weight's shape, or
            ``None`` for zeros.

    Example:
        >>> import fastnn
        >>> type(fastnn.initializers.get("he_normal")).__name__
        'HeNormal'
    """
    known = _given(identifier) if isinstance(identifier, np.ndarray) else identifier
    found: Initializer | None = registry.function("initializer", known, CLASSES, _BY_NAME)
    return Zeros() if found is None else found


def _given(values: Array) -> Any:
    """Return a function that makes a weight of the caller's numbers."""

    def initializer(shape: Shape, dtype: Any = None) -> Array:
        if tuple(shape) != values.shape:
            raise ShapeError(
                f"initializer: the array has shape {values.shape}, the weight {tuple(shape)}"
            )
        return values.astype(dtype or config.floatx())

    initializer.__name__ = "<array>"
    return initializer


def serialize(initializer: Any) -> Any:
    """Return a description that ``get`` makes an equal initializer from.

    Raises:
        ValueError: if it is an array, or a function without a name, which a config could not hold.
    """
    return registry.serialize_function(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, type[Any]] | None = None) -> Initializer:
    """Return the initializer that a description stands for.

    Args:
        config: what ``serialize`` returned.
        custom_objects: classes and functions that are not fastnn's, by name.
    """
    with registry.knowing(custom_objects or {}):
        return get(config)
