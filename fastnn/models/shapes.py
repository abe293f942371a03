"""Nests of symbols and of shapes, as people hand them to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import config, nests
from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Shape
from fastnn.data import arrays
from fastnn.errors import ShapeError
from fastnn.functional import Network, Symbol
from fastnn.layers.core import InputLayer

__all__ = [
    "as_shapes",
    "as_symbols",
    "describe",
    "flat_shapes",
    "inputs_of",
    "only",
    "positions",
    "precision",
    "shapes_of",
]


def as_symbols(who: str, name: str, given: Any) -> list[Symbol]:
    """Return the symbols that were given, by themselves or in a nest."""
    flat = nests.flatten(given)
    for each in flat or [given]:
        if not isinstance(each, Symbol):
            kind = "an empty list" if isinstance(each, list | tuple | dict) else describe(each)
            raise TypeError(
                f"{who}: {name} has to be what Input, or a layer called on it, returned, got {kind}"
            )
    return flat


def _is_shape(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(n is None or is_size(n) for n in given)


def as_shapes(who: str, given: Any) -> Any:
    """Return a shape, or a nest of them, as tuples with ``None`` for the rows."""
    if isinstance(given, dict):
        return {name: as_shapes(who, each) for name, each in given.items()}
    if isinstance(given, list | tuple) and given and all(map(_is_shape, given)):
        return [as_shapes(who, each) for each in given]
    shape = tuple(given) if isinstance(given, Sequence) else (given,)
    if len(shape) < 2 or shape[0] is not None or not all(map(is_size, shape[1:])):
        raise ShapeError(
            f"{who} expects (None, ...), the shape of a batch of samples with at "
            f"least one axis, got {str(shape)[:60]}"
        )
    return (None, *map(int, shape[1:]))


def flat_shapes(shapes: Any) -> list[Shape]:
    """Return the shapes of a nest that ``as_shapes`` returned."""
    if isinstance(shapes, tuple):
        return [shapes]
    every = [shapes[name] for name in sorted(shapes)] if isinstance(shapes, dict) else shapes
    return [shape for each in every for shape in flat_shapes(each)]


def inputs_of(shapes: Any, dtype: str) -> Any:
    """Return symbols for a nest of shapes; those of a dict have its names."""
    flat = flat_shapes(shapes)
    names = sorted(shapes) if isinstance(shapes, dict) else [None] * len(flat)
    layers = [
        InputLayer([n for n in shape if n is not None], name, dtype)
        for shape, name in zip(flat, names, strict=True)
    ]
    symbols = [layer.output for layer in layers]
    if isinstance(shapes, dict):
        return {name: symbols[names.index(name)] for name in shapes}
    return symbols if isinstance(shapes, list) else symbols[0]


def shapes_of(who: str, x: Any, several: bool) -> Any:
    """Return the shapes of samples, one array or, if it may be several, a list or dict of them."""
    if isinstance(x, dict) and several:
        return {name: shapes_of(who, each, several=False) for name, each in x.items()}
    inputs = isinstance(x, list | tuple) and x and all(isinstance(e, np.ndarray) for e in x)
    if several and inputs and all(each.ndim > 1 for each in x):
        return [shapes_of(who, each, several=False) for each in x]
    return (None, *arrays.as_array(who, "x", x).shape[1:])


def precision(network: Network) -> str | None:
    """Return what a network computes in, if it is not whole numbers alone."""
    ends = [*network.inputs, *network.outputs]
    return next((end.dtype for end in ends if config.is_real(end.dtype)), None)


def positions(nest: Any) -> Any:
    """Return a nest with positions in place of symbols, as JSON can hold it."""
    places = iter(range(len(nests.flatten(nest))))
    return nests.apply(lambda _: next(places), nest)


def only(every: list[Any]) -> Any:
    """Return the only one of a list, or the list."""
    return every[0] if len(every) == 1 else every


def describe(thing: Any) -> str:
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
