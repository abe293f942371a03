"""Layers and operations called on arrays: their numbers, without making a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config, nests
from fastnn._typing import Array
from fastnn.compiler.graph import Graph, Tensor
from fastnn.functional import Symbol, call_on_symbols
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = ["call_on_arrays", "compute", "penalties"]


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


def compute(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what an operation makes of arrays, in the nest that it returns.

    It is computed in float64 if an array is of that type, else in that of ``config.floatx()``.
    """
    from fastnn.differentiation import Shelf, run_once

    given = [list(args), dict(kwargs)]
    arrays = [leaf for leaf in map(_numbers, nests.flatten(given)) if isinstance(leaf, np.ndarray)]
    wide = any(array.dtype == np.float64 for array in arrays)
    dtype, graph = "float64" if wide else config.floatx(), Graph()
    known, named = nests.apply(_numbers, given)
    with graph.scope(""):
        result = function(*known, **named)
        results = Shelf(graph, "results")
        kept = nests.apply(lambda y: results.keep(y) if isinstance(y, Tensor) else y, result)
    memory = run_once(graph, {"results": results.zeros(dtype)}, dtype)
    return nests.apply(lambda y: memory.view(y, 1).copy() if isinstance(y, Tensor) else y, kept)


def penalties(variables: Iterable[Variable]) -> list[float]:
    """Return what the size of each variable costs that has a regularizer."""
    costly = [variable for variable in variables if variable.regularizer is not None]

    def costs(*arrays: Array) -> list[Tensor]:
        graph = Graph.composed()
        assert graph is not None
        tensors = map(graph.constant, arrays)
        return [v.regularizer(x) for v, x in zip(costly, tensors, strict=True) if v.regularizer]

    return list(map(float, compute(costs, tuple(costly), {}))) if costly else []


def _numbers(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf
