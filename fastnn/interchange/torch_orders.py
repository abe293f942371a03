"""Which layers see features in another order in PyTorch: those behind, or before, flat images.

Images are channels first there, so that a ``Flatten`` gives (channel, row, column) where it gives
(row, column, channel) here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.compiler.graph import Shape
from fastnn.errors import ShapeError
from fastnn.functional import Call, Network, Symbol
from fastnn.interchange.torch_layouts import Orders, channels_first
from fastnn.layers import (
    Add,
    Average,
    Bidirectional,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    LayerNormalization,
    Maximum,
    Minimum,
    Multiply,
    RepeatVector,
    Reshape,
    RMSNormalization,
    Subtract,
    TimeDistributed,
)
from fastnn.layers.base import Layer
from fastnn.layers.operation import Operation
from fastnn.layers.recurrent import RNN

__all__ = ["orders_of"]

#: Layers that give sequences (rows, steps, features) in PyTorch as well.
_OF_STEPS = (
    *(Bidirectional, Dense, Embedding, LayerNormalization, RMSNormalization, RNN),
    *(RepeatVector, TimeDistributed),
)

_MERGING = (Add, Average, Maximum, Minimum, Multiply, Subtract)


def orders_of(model: Layer, flattened: Mapping[str, Sequence[int] | None]) -> Orders:
    """Return the orders of features in a model.

    Args:
        model: a model; of one that is not a network nothing is known but what ``flattened`` says.
        flattened: for layers, by their paths, the shape that a sample had here before it became
            flat; ``None`` where the features are in the same order.

    Raises:
        ShapeError: if a layer has other features than that.
    """
    orders = Orders({}, {})
    network = getattr(model, "_network", None)
    if isinstance(network, Network):
        _walk(network, orders, {})
    for path, shape in flattened.items():
        layer = _at(model, path)
        for known in orders:
            known.pop(layer, None)
        if shape is not None:
            orders.inputs[layer] = channels_first(shape)
            _check(path, layer, shape)
    return orders


def _at(model: Layer, path: str) -> Layer:
    layer = model
    for part in path.split("/"):
        inner = layer.sublayers()
        if part not in inner:
            raise ValueError(f"flattened: there is no layer {path[:80]!r}")
        layer = inner[part]
    return layer


def _check(path: str, layer: Layer, shape: Sequence[int]) -> None:
    kernel = layer._variables[0].shape if layer._variables else ()
    features = kernel[0 if isinstance(layer, Dense) else -1] if kernel else 0
    if features != math.prod(shape):
        raise ShapeError(
            f"flattened: {path} has {features} features, not {math.prod(shape)}, which "
            f"{tuple(shape)} are"
        )


def _walk(network: Network, orders: Orders, given: Mapping[Symbol, Array]) -> list[Array | None]:
    """Note the orders in a network; return those of its outputs.

    Args:
        network: the calls.
        orders: where they are noted.
        given: the orders of its inputs.
    """
    known: dict[Symbol, Array] = dict(given)
    for call in network.calls:
        found = _after(call, orders, known)
        for symbol, order in zip(call.outputs, found, strict=False):
            if order is not None:
                known[symbol] = order
    return [known.get(symbol) for symbol in network.outputs]


def _after(call: Call, orders: Orders, known: Mapping[Symbol, Array]) -> list[Array | None]:
    """Return the orders of what a call returns."""
    layer, (source, *more) = call.layer, call.inputs
    order, shape, made = known.get(source), source.shape[1:], call.outputs[0].shape[1:]
    inner = getattr(layer, "_network", None)
    if isinstance(inner, Network):
        pairs = zip(inner.inputs, call.inputs, strict=True)
        return _walk(inner, orders, {own: known[x] for own, x in pairs if x in known})
    if _flattens(call):
        return [_channels_first(shape) if _is_image(source) else None]
    if isinstance(layer, Reshape) and len(made) == 3 and len(shape) == 1:
        if order is None:
            _note_before(source, orders, _channels_first(made))
        return [None]
    if isinstance(layer, Concatenate):
        return [_side_by_side(call.inputs, known)]
    if order is None:
        return []
    if isinstance(layer, Dense) or layer._variables:
        orders.inputs[layer] = order
    if isinstance(layer, Dense):
        return []
    same = all(np.array_equal(known.get(each, ()), order) for each in more)
    keeps = call.outputs[0].shape == source.shape and same
    return [order if keeps or (isinstance(layer, _MERGING) and same) else None]


def _channels_first(shape: Shape) -> Array:
    return channels_first([n or 1 for n in shape])


def _flattens(call: Call) -> bool:
    """Whether all axes of a sample become one."""
    reshapes = isinstance(call.layer, Flatten | Reshape) or (
        isinstance(call.layer, Operation) and call.layer.function in ("reshape", "ravel")
    )
    rank, made = len(call.inputs[0].shape), len(call.outputs[0].shape)
    return reshapes and made == 2 < rank


def _is_image(symbol: Symbol) -> bool:
    """Whether PyTorch would have a sample with channels first: all of three axes, and those of two
    that come from a convolution or a pooling rather than from a layer of steps."""
    if len(symbol.shape) != 3:
        return True
    while symbol.call.inputs:
        layer, before = symbol.layer, symbol.call.inputs[0]
        if isinstance(layer, _OF_STEPS):
            return False
        if len(before.shape) != 3 or hasattr(layer, "padding"):
            return True
        symbol = before
    return False


def _note_before(symbol: Symbol, orders: Orders, order: Array) -> None:
    """Note the order of what becomes an image: of the last ``Dense`` before it."""
    while symbol.call.inputs and len(symbol.call.inputs) == 1:
        layer = symbol.layer
        if isinstance(layer, Dense):
            orders.outputs[layer] = order
            return
        if layer._variables:
            orders.inputs[layer] = order
        if symbol.call.inputs[0].shape != symbol.shape:
            return
        symbol = symbol.call.inputs[0]


def _side_by_side(symbols: Sequence[Symbol], known: Mapping[Symbol, Array]) -> Array | None:
    """Return the order of vectors one after the other, if one of them has one."""
    if not any(symbol in known for symbol in symbols) or len(symbols[0].shape) != 2:
        return None
    orders: list[Any] = []
    start = 0
    for symbol in symbols:
        size = math.prod(n or 1 for n in symbol.shape[1:])
        orders.append(known.get(symbol, np.arange(size)) + start)
        start += size
    return np.concatenate(orders)
