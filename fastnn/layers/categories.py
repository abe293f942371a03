"""Layers that turn ids into indicators, and numbers into the ids of ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import ops
from fastnn._checks import count, fraction
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.data.arrays import as_array
from fastnn.data.streams import is_stream
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer

__all__ = ["CategoryEncoding", "Discretization"]

_MODES = ("one_hot", "multi_hot", "count")


class CategoryEncoding(Layer):
    """Ids become indicators: which of ``num_tokens`` they are, or how often each is there.

    Args:
        num_tokens: how many ids there are, from 0 on.
        output_mode: ``"multi_hot"``: 1 for each id that is among those of a sample;
            ``"count"``: how often it is; ``"one_hot"``: an indicator for each id by itself.
        sparse: accepted if false.
        name: the layer's name.

    Shapes: x (rows, ..., n), y (rows, ..., num_tokens); of ``"one_hot"`` (rows, ..., n,
    num_tokens), or without the last axis of x if n is 1.  An id that is none raises ``IdError``.

    Called with ``count_weights``, of the shape of x, ``"count"`` adds those instead of ones.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.CategoryEncoding(num_tokens=4)
        >>> model = fastnn.Sequential([fastnn.Input((2,), dtype="int32"), layer])
        >>> model.predict([[0, 1], [0, 0], [3, 1]])
        array([[1., 1., 0., 0.],
               [1., 0., 0., 0.],
               [0., 1., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.num_tokens = count(self.name, "num_tokens", num_tokens, 1)
        known = "multi_hot" if output_mode == "binary" else output_mode  # as older scripts say
        self.output_mode = _mode(self.name, known, _MODES)
        self.sparse = _dense(self.name, sparse)

    def call(self, inputs: Tensor, count_weights: Tensor | None = None) -> Tensor:
        """Return the indicators."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"{self.name}: count_weights go with output_mode='count', not with "
                f"{self.output_mode!r}"
            )
        return encoded(self.name, inputs, self.output_mode, self.num_tokens, count_weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        known = {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**known, **super().get_config()}


class Discretization(Layer):
    """Numbers become ids of the ranges that they are in.

    Args:
        bin_boundaries: rising numbers between the ranges; each belongs to the range above it, the
            first range begins at -inf, the last one ends at inf.
        num_bins: instead, how many ranges of about as many numbers each ``adapt`` finds.
        epsilon: how exactly: a share of the data, in (0, 1).
        output_mode: ``"int"``: the id; or what ``CategoryEncoding`` makes of ids: ``"one_hot"``,
            ``"multi_hot"``, ``"count"``.
        sparse: accepted if false.
        name: the layer's name.
        dtype: the precision of the boundaries.

    Shapes: x (rows, ..., n), y that of x, or as of ``CategoryEncoding``; weights, not trained:
    boundaries (ranges - 1,).  NaN is in no range: its id is NaN, and the other modes refuse it.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
        >>> model = fastnn.Sequential([fastnn.Input((4,)), layer])
        >>> model.predict([[-1.5, 1.0, 3.4, 0.5]])
        array([[0., 2., 3., 1.]], dtype=float32)
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: str | None = None,
        name: str | None = None,
        *,
        trainable: bool = True,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(f"{self.name}: give either bin_boundaries or num_bins")
        self.num_bins = None if num_bins is None else count(self.name, "num_bins", num_bins, 2)
        self.epsilon = fraction(self.name, "epsilon", epsilon)
        if not self.epsilon:
            raise ValueError(f"{self.name}: epsilon must be above 0")
        self.output_mode = _mode(self.name, output_mode, ("int", *_MODES))
        self.sparse = _dense(self.name, sparse)
        self._boundaries = None if bin_boundaries is None else self._rising(bin_boundaries)

    def _rising(self, boundaries: Sequence[float]) -> Array:
        known = as_array(self.name, "bin_boundaries", boundaries).astype(np.float64)
        if known.ndim != 1 or not known.size or not (np.diff(known) >= 0).all():
            raise ValueError(
                f"{self.name}: bin_boundaries must be rising numbers, got {str(boundaries)[:60]}"
            )
        return known

    @property
    def bin_boundaries(self) -> list[float] | None:
        """The numbers between the ranges; ``None`` before ``adapt``."""
        held = self.boundaries.value if self.built else self._boundaries
        return None if held is None else held.tolist()

    def adapt(self, data: ArrayLike | Iterable[ArrayLike], steps: int | None = None) -> None:
        """Take the boundaries from data: their quantiles, about as exact as ``epsilon``.

        Args:
            data: an array, or an iterable of arrays, batches.  Use the training part alone.
            steps: how many batches; ``None``: all.

        Raises:
            ValueError: if the layer was given its boundaries, or a number is not finite.
            ShapeError: if there are no numbers, or other boundaries than the layer was built with.
        """
        if self.num_bins is None:
            raise ValueError(f"{self.name}: it was given its bin_boundaries; make one of num_bins")
        summary = np.empty((2, 0))
        for batch in islice(data if is_stream(data) else [data], steps):  # type: ignore[arg-type]
            given: Any = batch
            array = as_array(f"{self.name}: adapt", "data", given).astype(np.float64)
            if not np.isfinite(array).all():
                raise ValueError(f"{self.name}: adapt expects finite numbers, got NaN or infinity")
            if array.size:
                summary = _merged(_summary(array, self.epsilon), summary, self.epsilon)
        if not summary.size:
            raise ShapeError(f"{self.name}: adapt expects at least one number, got none")
        self._take(_compressed(summary, 1 / self.num_bins)[0, :-1])

    def _take(self, boundaries: Array) -> None:
        if not boundaries.size:
            raise ShapeError(f"{self.name}: one number has no quantiles; adapt to more data")
        if self.built:
            self.boundaries.assign(boundaries)
        self._boundaries = boundaries

    def build(self, input_shape: Shape) -> None:
        """Make the boundaries.

        Raises:
            ValueError: if they are not known yet.
        """
        if self._boundaries is None:
            raise ValueError(
                f"{self.name}: how many boundaries there are is known after adapt(data); call that "
                "before the layer is part of a model, or give bin_boundaries"
            )
        options: Any = {"trainable": False, "dtype": "float64"}
        self.boundaries = self.add_weight(
            self._boundaries.shape, "zeros", name="boundaries", **options
        )
        self.boundaries.assign(self._boundaries)

    def call(self, x: Tensor) -> Tensor:
        """Return the ids of ranges, or their indicators."""
        above = ops.greater_equal(ops.expand_dims(x, len(x.shape)), self.boundaries)
        ids = ops.where(ops.isnan(x), x, ops.sum(above, axis=-1))
        if self.output_mode == "int":
            return ids
        return encoded(self.name, ids, self.output_mode, self.boundaries.size + 1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer; those of ``from_config``."""
        known = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse")
        return {**{name: getattr(self, name) for name in known}, **super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Discretization:
        """Return the layer that ``get_config`` described, with what ``adapt`` found."""
        found = config.get("bin_boundaries") if config.get("num_bins") is not None else None
        layer = super().from_config({**config, **({"bin_boundaries": None} if found else {})})
        assert isinstance(layer, Discretization)
        if found:
            layer._boundaries = layer._rising(found)
        return layer


def encoded(who: str, ids: Tensor, mode: str, size: int, weights: Tensor | None = None) -> Tensor:
    """Return indicators of ``size`` ids; ``who`` is for messages."""
    shape = ids.shape
    if len(shape) < 2:
        raise ShapeError(
            f"{who}: expected ids (rows, ..., n), got {format_shape(shape)}; give a single one a "
            "sample an axis: x[:, None]"
        )
    if mode == "one_hot":
        each = shape if shape[-1] == 1 else (*shape, 1)
        return ops.encode(ops.reshape(ids, each), size, once=True)
    return ops.encode(ids, size, weights, once=mode == "multi_hot")


def _mode(who: str, given: Any, known: Sequence[str]) -> str:
    if given not in known:
        raise ValueError(
            f"{who}: output_mode must be one of {', '.join(known)}, got {str(given)[:40]!r}"
        )
    return str(given)


def _dense(who: str, sparse: bool) -> bool:
    if sparse:
        raise ValueError(f"{who}: sparse=True is not possible, as all tensors are dense")
    return False


# ---- quantiles -----------------------------------------------------------------------------------
#
# A summary (2, n) holds numbers in rising order and how many each stands for; the error of
# quantiles grows by epsilon with each that is merged, whatever the size of the data.


def _summary(values: Array, epsilon: float) -> Array:
    """Return the summary of some numbers: each that stands at a multiple of their share."""
    ordered = np.sort(values, axis=None)
    step = max(ordered.size * epsilon, 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack([kept, np.full(kept.shape, step)])


def _merged(one: Array, other: Array, epsilon: float) -> Array:
    both = np.concatenate([one, other], axis=1)
    return _compressed(both[:, np.argsort(both[0], kind="stable")], epsilon)


def _compressed(summary: Array, epsilon: float) -> Array:
    """Return a summary of 1 / epsilon numbers: quantiles, linear between those that are known."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    known = counts / counts[-1]
    weights = np.diff(np.interp(shares, known, counts), prepend=0.0)
    return np.stack([np.interp(shares, known, summary[0]), weights])
