"""Layers called on arrays: what comes out of one is looked at without making a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config, nests
from fastnn.functional import Symbol, call_on_symbols

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = ["call_on_arrays"]


def call_on_arrays(
    layer: Layer, args: tuple[Any, ...], kwargs: Mapping[str, Any], training: bool | None
) -> Any:
    """Return what ``layer`` makes of arrays, in the nest that it returns.

    It is the prediction of a model of that one call.
    """
    from fastnn.layers.core import InputLayer
    from fastnn.models import Model

    dtype = layer.own_dtype or config.real_dtype(config.dtype_policy())
    arrays: list[Any] = []
    symbols: list[Symbol] = []

    def stand_in(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        arrays.append(leaf)
        symbols.append(InputLayer(leaf.shape[1:], dtype=dtype, batch_size=len(leaf) or None).output)
        return symbols[-1]

    given = nests.apply(stand_in, [list(args), dict(kwargs)])
    called = call_on_symbols(layer, tuple(given[0]), given[1], bool(training), noted=False)
    return Model(symbols, called).predict(arrays)
