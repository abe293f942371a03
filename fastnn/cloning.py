"""Copies of models with weights of their own, of other layers or other inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastnn import nests, registry
from fastnn.functional import Network, replay

if TYPE_CHECKING:
    from fastnn.layers.base import Layer
    from fastnn.models import Model

__all__ = ["clone_model"]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Model:
    """Return a model of the same layers with new weights, not compiled.

    Args:
        model: the model.
        input_tensors: what ``Input`` returned, one or a list, to begin with instead of inputs like
            those of the model.
        clone_function: what to make of each layer but the inputs; ``None`` makes an equal one.
            ``lambda layer: layer`` keeps them, so that both models share their weights.

    Raises:
        TypeError: if it is no model.
        ValueError: for a sub-classed model, if more than its config would be needed.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> twin = fastnn.models.clone_model(model)
        >>> twin.set_weights(model.get_weights())
        >>> twin.count_params()
        10
    """
    if not hasattr(model, "descendants"):
        raise TypeError(f"clone_model: model must be a model, got {type(model).__name__}")
    with registry.knowing(registry.foreign_parts(model.descendants())):
        return _clone(model, input_tensors, clone_function)


def _clone(model: Model, input_tensors: Any, clone_function: Any) -> Model:
    from fastnn.models import Sequential

    function = clone_function or _equal
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, function)
    if isinstance(model._network, Network) and _is_plain(model):
        return _clone_network(model, model._network, input_tensors, function)
    if input_tensors is not None or clone_function is not None:
        raise ValueError(
            f"clone_model: {model.name!r} is a sub-classed model, whose calls are code; give "
            "neither input_tensors nor clone_function, and it is made anew from its config"
        )
    return type(model).from_config(model.get_config())


def _equal(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def _is_plain(model: Model) -> bool:
    from fastnn.models import Model

    return type(model) is Model


def _clone_sequential(model: Any, inputs: Any, function: Callable[[Layer], Layer]) -> Model:
    from fastnn.models import Sequential

    begin = nests.flatten(inputs) if inputs is not None else []
    if inputs is None and model.built:
        begin = [_equal(model.inputs[0].layer).output]
    layers = [function(layer) for layer in model.layers]
    dtype = None if begin else model.dtype_policy
    return Sequential([*begin, *layers], name=model.name, dtype=dtype)


def _clone_network(
    model: Model, network: Network, inputs: Any, function: Callable[[Layer], Layer]
) -> Model:
    from fastnn.models import Model

    given = inputs
    if inputs is None:
        given = nests.pack(model.input, [_equal(s.layer).output for s in network.inputs])
    symbols = nests.flatten(given)
    if len(symbols) != len(network.inputs):
        raise ValueError(
            f"clone_model: {model.name!r} has {len(network.inputs)} inputs, input_tensors has "
            f"{len(symbols)}"
        )
    sources = {symbol.layer for symbol in network.inputs}
    made = {layer: function(layer) for layer in network.layers if layer not in sources}
    outputs = nests.pack(model.output, replay(network, symbols, made))
    return Model(given, outputs, name=model.name)
