"""How PyTorch lays out the weights of each kind of layer: its tensors, and the variables here.

Kernels are ``(out, in, ...)`` there and ``(..., in, out)`` here; images are channels first there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastnn._typing import Array
from fastnn.layers import (
    Bidirectional,
    StackedRNNCells,
    activation,
    cells,
    convolution,
    core,
    depthwise,
    embedding,
    normalization,
    recurrent,
)
from fastnn.layers.base import Layer
from fastnn.variables import Variable

__all__ = ["Orders", "Part", "Slot", "channels_first", "slots"]


class Part(NamedTuple):
    """A variable, and the tensors of a module that it is made of.

    Attributes:
        variable: the variable.
        names: those of the tensors in their module.
        read: makes the variable's value of the tensors.
        write: makes the tensors of the value.
    """

    variable: Variable
    names: tuple[str, ...]
    read: Callable[..., Array]
    write: Callable[[Array], Sequence[Array]]


@dataclass(frozen=True)
class Slot:
    """What one module of PyTorch's goes into.

    Attributes:
        path: where the layer is in the model.
        parts: its variables.
        fixed: tensors that the module has and nothing here goes into.
        is_recurrent: whether the module has layers of its own, ``_l0``, ``_l1``, ...
    """

    path: str
    parts: tuple[Part, ...]
    fixed: tuple[str, ...] = ()
    is_recurrent: bool = False


class Orders(NamedTuple):
    """Where PyTorch has the features of a layer in another order: ours[i] is theirs[order[i]].

    Attributes:
        inputs: of what goes into a layer.
        outputs: of what comes out of it.
    """

    inputs: dict[Layer, Array]
    outputs: dict[Layer, Array]


def channels_first(shape: Sequence[int]) -> Array:
    """Return the order of the features of what was flattened with channels first.

    Args:
        shape: of a sample here, with channels last.
    """
    *places, channels = shape
    order = np.arange(math.prod(shape)).reshape(channels, *places)
    return np.moveaxis(order, 0, -1).ravel()


def slots(layer: Layer, orders: Orders, path: str = "") -> Iterator[Slot]:
    """Yield what modules go into, in the order of a model's layers.

    Args:
        layer: the model, or a layer of it.
        orders: the orders of features.
        path: where the layer is.

    Raises:
        ValueError: if there is a layer that PyTorch has none like.
    """
    for kind, rule in _RULES.items():
        if isinstance(layer, kind):
            yield from rule(layer, path, orders)
            return
    if layer._variables:
        parts = [_as_it_is(variable, variable.name) for variable in layer._variables]
        yield Slot(path, tuple(parts))
    for place, inner in layer.sublayers().items():
        yield from slots(inner, orders, f"{path}/{place}" if path else place)


# ---- tensors -------------------------------------------------------------------------------------


def _as_it_is(variable: Variable, name: str) -> Part:
    return Part(variable, (name,), lambda a: a, lambda value: [value])


def _moved(variable: Variable, name: str, axes: Sequence[int]) -> Part:
    """Return a part whose tensor has axes in another order: ours are ``theirs.transpose(axes)``."""
    back = np.argsort(axes)
    return Part(variable, (name,), lambda a: a.transpose(axes), lambda v: [v.transpose(back)])


def _kernel(variable: Variable) -> Part:
    """Return the part of a kernel (..., in, out), which is (out, in, ...) there."""
    rank = len(variable.shape)
    return _moved(variable, "weight", [*range(2, rank), 1, 0])


def _ordered(part: Part, order: Array | None, axis: int = 0) -> Part:
    """Return a part whose features along an axis of the variable are in another order there."""
    if order is None:
        return part
    back = np.argsort(order)
    return Part(
        part.variable,
        part.names,
        lambda *tensors: np.take(part.read(*tensors), order, axis),
        lambda value: part.write(np.take(value, back, axis)),
    )


def _only(*parts: Part | None) -> tuple[Part, ...]:
    return tuple(part for part in parts if part is not None)


def _bias(layer: Any) -> Part | None:
    return None if layer.bias is None else _as_it_is(layer.bias, "bias")


# ---- kinds of layers -----------------------------------------------------------------------------


def _dense(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    kernel, bias = _ordered(_kernel(layer.kernel), orders.inputs.get(layer)), _bias(layer)
    out = orders.outputs.get(layer)
    bias = None if bias is None else _ordered(bias, out)
    yield Slot(path, _only(_ordered(kernel, out, 1), bias))


def _convolution(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    yield Slot(path, _only(_kernel(layer.kernel), _bias(layer)))


def _depthwise(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    yield Slot(path, _only(_by_channel(layer.kernel), _bias(layer)))


def _separable(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    yield Slot(f"{path}/depthwise", (_by_channel(layer.depthwise_kernel),))
    yield Slot(f"{path}/pointwise", _only(_kernel(layer.pointwise_kernel), _bias(layer)))


def _by_channel(variable: Variable) -> Part:
    """Return the part of a kernel (..., in, multiplier), which is (in multiplier, 1, ...) there."""
    *window, channels, multiplier = variable.shape

    def read(a: Array) -> Array:
        apart = a.reshape(channels, multiplier, *window)
        return np.moveaxis(apart, (0, 1), (-2, -1))

    def write(value: Array) -> list[Array]:
        first = np.moveaxis(value, (-2, -1), (0, 1))
        return [first.reshape(channels * multiplier, 1, *window)]

    return Part(variable, ("weight",), read, write)


def _affine(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    order = orders.inputs.get(layer)
    pairs = ((layer.gamma, "weight"), (layer.beta, "bias"))
    parts = [_of_places(variable, name) for variable, name in pairs if variable is not None]
    yield Slot(path, tuple(_ordered(part, order) for part in parts))


def _batch_normalization(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    (affine,) = _affine(layer, path, orders)
    order = orders.inputs.get(layer)
    pairs = ((layer.moving_mean, "running_mean"), (layer.moving_variance, "running_var"))
    moments = [_ordered(_as_it_is(*pair), order) for pair in pairs]
    yield Slot(path, (*affine.parts, *moments), ("num_batches_tracked",))


def _rms_normalization(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    yield Slot(path, (_ordered(_of_places(layer.scale, "weight"), orders.inputs.get(layer)),))


def _of_places(variable: Variable, name: str) -> Part:
    """Return the part of a weight for each number of a sample; that of images has channels
    first there."""
    if len(variable.shape) < 3:
        return _as_it_is(variable, name)
    return _moved(variable, name, [*range(1, len(variable.shape)), 0])


def _embedding(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    yield Slot(path, (_as_it_is(layer.embeddings, "weight"),))


def _prelu(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    shape = layer.alpha.shape

    def write(value: Array) -> list[Array]:
        slopes = value.reshape(-1, shape[-1])
        if (slopes != slopes[0]).any():
            raise ValueError(
                f"{path}: PyTorch's PReLU has one slope for each channel, this one differs from "
                "place to place; make it with shared_axes"
            )
        return [slopes[0]]

    part = Part(layer.alpha, ("weight",), lambda a: np.broadcast_to(a, shape), write)
    yield Slot(path, (_ordered(part, orders.inputs.get(layer), -1),))


def _recurrent(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    if isinstance(layer.cell, StackedRNNCells):
        for i, cell in enumerate(layer.cell.cells):
            yield Slot(f"{path}/cell/cells/{i}", tuple(_cell(cell, path)), is_recurrent=True)
    elif isinstance(layer.cell, cells._Cell):
        yield Slot(path, tuple(_cell(layer.cell, path)), is_recurrent=True)
    else:
        yield from slots(layer.cell, orders, f"{path}/cell")


def _bidirectional(layer: Any, path: str, orders: Orders) -> Iterator[Slot]:
    both = ((layer.forward_layer, ""), (layer.backward_layer, "_reverse"))
    parts = [part for each, suffix in both for part in _cell(each.cell, path, suffix)]
    yield Slot(path, tuple(parts), is_recurrent=True)


def _cell(cell: Any, path: str, suffix: str = "") -> Iterator[Part]:
    """Yield the parts of a cell, whose gates may be in another order there."""
    is_gru = isinstance(cell, cells.GRUCell)
    if is_gru and not cell.reset_after:
        raise ValueError(f"{path}: PyTorch's GRU is one with reset_after=True")
    gates = _swapped if is_gru else (lambda a: a)
    for variable, name in ((cell.kernel, "weight_ih"), (cell.recurrent_kernel, "weight_hh")):
        yield Part(
            variable,
            (name + suffix,),
            lambda a: gates(a.transpose()),
            lambda value: [gates(value).transpose()],
        )
    names = (f"bias_ih{suffix}", f"bias_hh{suffix}")
    if cell.bias is None:
        return
    if is_gru:
        read: Callable[..., Array] = lambda *two: gates(np.stack(two))  # noqa: E731
        yield Part(cell.bias, names, read, lambda value: list(gates(value)))
    else:
        yield Part(cell.bias, names, np.add, lambda value: [value, np.zeros_like(value)])


def _swapped(a: Array) -> Array:
    """Return the columns of the gates r, z, n of what has z, r, n, or the other way round."""
    first, second, third = np.split(a, 3, axis=-1)
    return np.concatenate([second, first, third], axis=-1)


_RULES: dict[Any, Callable[[Any, str, Orders], Iterator[Slot]]] = {
    core.Dense: _dense,
    (convolution.Conv1D, convolution.Conv2D): _convolution,
    (convolution.Conv1DTranspose, convolution.Conv2DTranspose): _convolution,
    (depthwise.DepthwiseConv1D, depthwise.DepthwiseConv2D): _depthwise,
    (depthwise.SeparableConv1D, depthwise.SeparableConv2D): _separable,
    normalization.BatchNormalization: _batch_normalization,
    (normalization.LayerNormalization, normalization.GroupNormalization): _affine,
    normalization.RMSNormalization: _rms_normalization,
    embedding.Embedding: _embedding,
    activation.PReLU: _prelu,
    Bidirectional: _bidirectional,
    recurrent.RNN: _recurrent,
}
