"""Numbers that carry the error that rounding has made in them so far: a running error analysis.

Wilkinson, "Rounding errors in algebraic processes", 1963.  ``Rounded`` has the arithmetic of
arrays, so a formula that is written for arrays says, on these, how far a computation of it in
precision ``u`` may be from the exact one.  Products of errors are kept; fused operations round less
often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.reference.elementwise import ACTIVATIONS

__all__ = ["PRODUCT", "SLOPE", "ULPS", "Rounded", "apply", "clip", "number_range", "where"]

#: |error| <= PRODUCT u |A| |B|: 16 eps.  Blocks of 256 terms stay below half of it at any depth.
PRODUCT = 32

#: Ulps of exp, log, log1p, sigmoid, tanh; an ulp is at most 2 u of the value.
ULPS = 4

#: The steepest slope of each activation that has one.
SLOPE = {"linear": 1.0, "relu": 1.0, "sigmoid": 0.25, "tanh": 1.0}


def number_range(u: float) -> np.finfo:
    """Return the range of the numbers whose 1 has half an ulp ``u``."""
    return np.finfo(np.float32 if u > 1e-12 else np.float64)


class Rounded:
    """An array and the largest error in each of its elements.

    Args:
        value: the exact array, in float64.
        u: half an ulp of 1.
        error: how far the computed array may be from it; ``None``: not at all.

    What is not finite because an input is not has no error: the computed value is the same.  Where
    a value on the way may exceed the largest number, nothing is known of what comes of it, and its
    error is infinite: 0 times infinity, or an infinity less another, may be NaN where the exact
    value is large, or cancels.
    """

    __array_ufunc__ = None  # NumPy's arrays leave mixed operations to this class

    def __init__(self, value: Array, u: float, error: Array | None = None):
        self.value, self.u = value, u
        known = np.zeros(value.shape) if error is None else error
        self.error: Array = np.where(np.isfinite(value) | np.isinf(known), known, 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def size(self) -> Array:
        """The largest absolute value that the computed array may have."""
        return np.asarray(np.abs(self.value) + self.error)

    @property
    def unknown(self) -> Array:
        """Where the computed array may be anything."""
        return np.isinf(self.error)

    @property
    def reach(self) -> Array:
        """The size of what is finite; infinity where nothing is known, 0 of what was not finite."""
        finite = np.where(np.isfinite(self.value), self.size, 0)
        return np.where(self.unknown, np.inf, finite)

    def __getitem__(self, key: Any) -> Rounded:
        return Rounded(self.value[key], self.u, self.error[key])

    def _of(self, other: Any) -> Rounded:
        return other if isinstance(other, Rounded) else Rounded(np.asarray(other, float), self.u)

    def _rounded(self, value: Array, error: Array, reach: Array) -> Rounded:
        """Return the result of an operation whose computed values are at most ``reach``."""
        return self._held(value, error + self.u * (np.abs(value) + error), reach)

    def _held(self, value: Array, error: Array, reach: Array) -> Rounded:
        flushed = np.where((value != 0) | (error > 0), self._numbers.tiny, 0)  # a 0 stays one
        known = np.where(np.isfinite(value), error + flushed, 0)
        return Rounded(value, self.u, np.where(reach <= self._numbers.max, known, np.inf))

    @property
    def _numbers(self) -> np.finfo:
        """The range of the computed array; what is below its smallest normal number is 0."""
        return number_range(self.u)

    def __add__(self, other: Any) -> Rounded:
        b = self._of(other)
        return self._rounded(self.value + b.value, self.error + b.error, self.reach + b.reach)

    def __sub__(self, other: Any) -> Rounded:
        b = self._of(other)
        return self._rounded(self.value - b.value, self.error + b.error, self.reach + b.reach)

    def __mul__(self, other: Any) -> Rounded:
        b = self._of(other)
        error = self.error * b.size + np.abs(self.value) * b.error
        return self._rounded(self.value * b.value, error, self.reach * b.reach)

    def __matmul__(self, other: Rounded) -> Rounded:
        passed = self.error @ other.size + np.abs(self.value) @ other.error
        own = PRODUCT * self.u * (self.size @ other.size)
        return self._held(self.value @ other.value, passed + own, self.reach @ other.reach)

    def __truediv__(self, other: Any) -> Rounded:
        b = self._of(other)
        nearest = np.maximum(np.abs(b.value) - b.error, 0)
        passed = self.error + np.abs(self.value / b.value) * b.error
        reach = self.reach / np.where(np.isfinite(b.value), nearest, np.inf)
        return self._rounded(self.value / b.value, passed / nearest, reach)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.u, self.error)

    def __rtruediv__(self, other: Any) -> Rounded:
        return self._of(other) / self

    def __rsub__(self, other: Any) -> Rounded:
        return self._of(other) - self

    def where(self, counts: Array, other: Any) -> Rounded:
        """Return this where ``counts``, ``other`` elsewhere."""
        b = self._of(other)
        value = np.where(counts, self.value, b.value)
        return Rounded(value, self.u, np.where(counts, self.error, b.error))

    @staticmethod
    def join(parts: Sequence[Rounded]) -> Rounded:
        """Return the parts side by side on the last axis."""
        value = np.concatenate([part.value for part in parts], -1)
        return Rounded(value, parts[0].u, np.concatenate([part.error for part in parts], -1))

    @staticmethod
    def stack(steps: Sequence[Rounded]) -> Rounded:
        """Return the steps of a sequence on axis 1."""
        value = np.stack([step.value for step in steps], 1)
        return Rounded(value, steps[0].u, np.stack([step.error for step in steps], 1))

    def activated(self, name: str) -> Rounded:
        """Return the activation ``name`` of this: its own error and, by its slope, that of this."""
        y = ACTIVATIONS[name][0](self.value)
        if name == "step":
            # within the error of 0 it may fall on either side, an error of exactly 1: no more than
            # half of the bound, since errors near to theirs are a sign of bounds that are short
            either = np.where(np.abs(self.value) <= self.error, 2.0, 0.0)
            return Rounded(y, self.u, np.where(self.unknown, np.inf, either))
        own = 2 * ULPS * self.u * np.abs(y) * (name in ("sigmoid", "tanh")) + self._numbers.tiny
        passed = np.where(np.isfinite(self.value), SLOPE[name] * self.error, 0)
        return Rounded(y, self.u, np.where(self.unknown, np.inf, passed + own))

    def derived(self, name: str, dy: Rounded) -> Rounded:
        """Return ``dy g'`` of the activation ``name``, whose exact output this is."""
        backward = ACTIVATIONS[name][1]
        if name in ("sigmoid", "tanh"):
            return backward(self, dy)  # type: ignore[arg-type, return-value]
        passed = np.abs(backward(self.value, np.ones(dy.shape))) * dy.error
        unknown = self.unknown | dy.unknown
        return Rounded(backward(self.value, dy.value), self.u, np.where(unknown, np.inf, passed))


#: The derivative of a function that kernels compute within ULPS.
_DERIVATIVES: dict[Any, Any] = {
    np.exp: np.exp,
    np.expm1: np.exp,
    np.log: lambda x: 1 / np.maximum(x, 0),
    np.log1p: lambda x: 1 / np.maximum(1 + x, 0),
    np.tanh: lambda x: 1 - np.tanh(x) ** 2,
}


def apply(function: Any, x: Any) -> Any:
    """Return a function of an array, or of numbers with errors: its own error, and theirs by the
    steepest slope at either end of where they may be."""
    if not isinstance(x, Rounded):
        return function(x)
    slope = _DERIVATIVES[function]
    ends = [np.abs(slope(x.value + sign * x.error)) for sign in (-1, 1)]
    if function is np.tanh:
        ends.append(np.where(np.abs(x.value) <= x.error, 1.0, 0.0))
    y = function(x.value)
    passed = np.where(x.error > 0, np.maximum.reduce(ends) * x.error, 0)
    own = np.where(np.isfinite(y), 2 * ULPS * x.u * np.abs(y), 0)
    return Rounded(y, x.u, np.where(x.unknown, np.inf, passed + own))


def clip(x: Any, low: float, high: float) -> Any:
    """Return ``numpy.clip``, of an array or of numbers with errors, which it does not magnify."""
    if not isinstance(x, Rounded):
        return np.clip(x, low, high)
    return Rounded(np.clip(x.value, low, high), x.u, x.error)


def where(condition: Array, a: Any, b: Any) -> Any:
    """Return ``numpy.where``, of arrays or of numbers with errors."""
    known = next((x for x in (a, b) if isinstance(x, Rounded)), None)
    if known is None:
        return np.where(condition, a, b)
    a, b = known._of(a), known._of(b)
    error = np.where(condition, a.error, b.error)
    return Rounded(np.where(condition, a.value, b.value), known.u, error)
