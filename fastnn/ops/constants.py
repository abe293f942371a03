"""Tensors of known numbers.

A type that is given says what the numbers are; they are computed with in the program's precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._checks import count
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor
from fastnn.data.arrays import as_array
from fastnn.ops._emit import Number, as_tensors, graph_of
from fastnn.ops.broadcasting import expanded
from fastnn.ops.conversions import cast

__all__ = [
    "arange",
    "array",
    "convert_to_tensor",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "linspace",
    "logspace",
    "ndim",
    "ones",
    "ones_like",
    "shape",
    "size",
    "tri",
    "zeros",
    "zeros_like",
]

Sizes = int | Sequence[int | None]


def _constant(name: str, values: Array) -> Tensor:
    return graph_of(name).constant(values)


def _filled(name: str, shape: Sizes, value: Number, dtype: str | None) -> Tensor:
    """Return a tensor of one number, or of what is repeated to its shape."""
    sizes: Shape = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    (tensor,) = as_tensors(name, value)
    y = expanded(tensor, sizes)
    return y if dtype is None else cast(y, dtype)


def zeros(shape: Sizes, dtype: str | None = None) -> Tensor:
    """Return zeros.

    Args:
        shape: of which ``None`` as the first size is the rows of the batch.
        dtype: accepted.
    """
    return _filled("zeros", shape, 0.0, dtype)


def ones(shape: Sizes, dtype: str | None = None) -> Tensor:
    """Return ones; see ``zeros``."""
    return _filled("ones", shape, 1.0, dtype)


def empty(shape: Sizes, dtype: str | None = None) -> Tensor:
    """Return zeros; see ``zeros``."""
    return zeros(shape, dtype)


def full(shape: Sizes, fill_value: Number, dtype: str | None = None) -> Tensor:
    """Return a number, or a tensor, repeated to a shape.

    Args:
        shape: of which ``None`` as the first size is the rows of the batch.
        fill_value: of a shape that can be repeated to it.
        dtype: what the numbers are; see ``cast``.
    """
    return _filled("full", shape, fill_value, dtype)


def zeros_like(x: Number, dtype: str | None = None) -> Tensor:
    """Return zeros of the shape of ``x``."""
    return full_like(x, 0.0, dtype)


def ones_like(x: Number, dtype: str | None = None) -> Tensor:
    """Return ones of the shape of ``x``."""
    return full_like(x, 1.0, dtype)


def empty_like(x: Number, dtype: str | None = None) -> Tensor:
    """Return zeros of the shape of ``x``."""
    return full_like(x, 0.0, dtype)


def full_like(x: Number, fill_value: Number, dtype: str | None = None) -> Tensor:
    """Return a number, or a tensor, repeated to the shape of ``x``."""
    tensor, value = as_tensors("full_like", x, fill_value)
    return _filled("full_like", tensor.shape, value, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """Return 1 on a diagonal and 0 elsewhere.

    Args:
        N: rows.
        M: columns; ``None`` is ``N``.
        k: which diagonal, above the main one if positive.
        dtype: accepted.
    """
    columns = N if M is None else count("eye", "M", M)
    return _constant("eye", np.eye(count("eye", "N", N), columns, k))


def identity(n: int, dtype: str | None = None) -> Tensor:
    """Return ``eye(n)``."""
    return eye(n)


def tri(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """Return 1 on a diagonal and below it, and 0 above; see ``eye``."""
    columns = N if M is None else count("tri", "M", M)
    return _constant("tri", np.tri(count("tri", "N", N), columns, k))


def arange(
    start: float, stop: float | None = None, step: float | None = None, dtype: str | None = None
) -> Tensor:
    """Return ``start, start + step, ...``, below ``stop``.

    Args:
        start: the first number; 0 if ``stop`` is ``None``, whose place it takes then.
        stop: what they stay below, or above if ``step`` is negative.
        step: the distance; ``None`` is 1.
        dtype: what the numbers are; see ``cast``.
    """
    first, end = (0, start) if stop is None else (start, stop)
    y = _constant("arange", np.arange(first, end, 1 if step is None else step))
    return y if dtype is None else cast(y, dtype)


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: str | None = None,
    axis: int = 0,
) -> Any:
    """Return numbers evenly spaced between two.

    Args:
        start: the first number, or an array of them.
        stop: the last number.
        num: how many.
        endpoint: whether ``stop`` is one of them.
        retstep: whether to return the distance, too.
        dtype: what the numbers are; see ``cast``.
        axis: where the new axis is, of arrays.
    """
    ends = (as_array("linspace", "start", start), as_array("linspace", "stop", stop))
    values, step = np.linspace(
        *ends, count("linspace", "num", num), endpoint, retstep=True, axis=axis
    )
    y = _constant("linspace", values)
    y = y if dtype is None else cast(y, dtype)
    return (y, _constant("linspace", np.asarray(step))) if retstep else y


def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: str | None = None,
    axis: int = 0,
) -> Tensor:
    """Return ``base`` to the power of numbers evenly spaced between two; see ``linspace``."""
    ends = (as_array("logspace", "start", start), as_array("logspace", "stop", stop))
    known = np.logspace(*ends, count("logspace", "num", num), endpoint, base, axis=axis)
    y = _constant("logspace", known)
    return y if dtype is None else cast(y, dtype)


def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: str | None = None,
    axis: int = 0,
) -> Tensor:
    """Return numbers between two, each the same multiple of the one before; see ``linspace``."""
    ends = (as_array("geomspace", "start", start), as_array("geomspace", "stop", stop))
    known = np.geomspace(*ends, count("geomspace", "num", num), endpoint, axis=axis)
    y = _constant("geomspace", known)
    return y if dtype is None else cast(y, dtype)


def convert_to_tensor(
    x: Number, dtype: str | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """Return numbers as a tensor.

    Args:
        x: a number, an array, a tensor.
        dtype: what the numbers are; see ``cast``.
        sparse: accepted; it is dense in any case.
        ragged: accepted.
    """
    (tensor,) = as_tensors("convert_to_tensor", x)
    return tensor if dtype is None else cast(tensor, dtype)


def array(x: Number, dtype: str | None = None) -> Tensor:
    """Return numbers as a tensor; see ``convert_to_tensor``."""
    return convert_to_tensor(x, dtype)


def shape(x: Number) -> Shape:
    """Return the shape, ``None`` for the rows of the batch."""
    return tuple(as_tensors("shape", x)[0].shape)


def ndim(x: Number) -> int:
    """Return the number of axes."""
    return len(shape(x))


def size(x: Number) -> int | None:
    """Return how many numbers there are; ``None`` if that depends on the rows of the batch."""
    known = as_tensors("size", x)[0].size
    return None if known.per_row else known.base
