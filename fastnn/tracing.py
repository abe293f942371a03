"""Shapes of what layers return, without making anything of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastnn import config, nests
from fastnn.functional import call_on_symbols

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = ["output_shape"]


def output_shape(layer: Layer, input_shape: Any) -> Any:
    """Return the shape of what ``layer`` makes of inputs of a shape, or a nest of such shapes; the
    layer stays as it is."""
    from fastnn.models.shapes import as_shapes, inputs_of

    rows = _rows(input_shape)
    shapes = as_shapes(f"{layer.name}: compute_output_shape", _with_rows(input_shape, None))
    with config.same_seeds(), _as_it_was(layer):
        dtype = layer.own_dtype or config.real_dtype(config.dtype_policy())
        inputs = inputs_of(shapes, dtype)
        called = call_on_symbols(layer, (inputs,), {}, False, noted=False)
    return nests.apply(lambda symbol: _with_rows(symbol.shape, rows), called)


def _rows(shapes: Any) -> Any:
    """Return the rows of a shape, or of the first one of a nest."""
    first = next(iter(shapes.values() if isinstance(shapes, dict) else shapes), None)
    return _rows(first) if isinstance(first, list | tuple | dict) else first


def _with_rows(shapes: Any, rows: Any) -> Any:
    """Return a shape, or a nest of them, with other rows."""
    if isinstance(shapes, dict):
        return {name: _with_rows(each, rows) for name, each in shapes.items()}
    if any(isinstance(each, list | tuple) for each in shapes):
        return [_with_rows(each, rows) for each in shapes]
    return (rows, *shapes[1:])


@contextmanager
def _as_it_was(layer: Layer) -> Iterator[None]:
    """Put back afterwards what a call makes of layers."""
    before = {
        each: {name: list(v) if isinstance(v, list) else v for name, v in vars(each).items()}
        for each in layer.descendants()
    }
    try:
        yield
    finally:
        for each, attributes in before.items():
            vars(each).clear()
            vars(each).update(attributes)
