"""Layers that take their numbers from data: which have none yet, and what data they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn._warnings import warn_caller
from fastnn.training import split

if TYPE_CHECKING:
    from fastnn.layers import Layer
    from fastnn.models.connected import Connected

__all__ = ["adapt", "read_by", "tell_of_untouched", "untouched"]


def untouched(model: Connected) -> list[Layer]:
    """Return the layers, also inside of others, that were neither adapted nor given numbers."""
    return [each for each in model.descendants() if getattr(each, "is_untouched", False)]


def tell_of_untouched(model: Connected) -> None:
    """Warn of layers that are there to scale data, and pass it on as it is."""
    for layer in untouched(model):
        warn_caller(
            f"fit: the layer {layer.name!r:.100} passes its inputs on as they are: it was neither "
            "adapted nor given numbers; before fit, call its adapt(x_train), with that part of the "
            "data which is trained on, as cross_validate does",
            UserWarning,
        )


def adapt(model: Connected, x: Any) -> None:
    """Adapt the layers that nothing has given numbers, where they are called on an input.

    Args:
        model: the model, built.
        x: samples, as ``fit`` takes them: an array, or a nest of them.
    """
    for layer in untouched(model):
        data = read_by(model, layer, x)
        if data is not None:
            layer.adapt(data)  # type: ignore[attr-defined]


def read_by(model: Connected, layer: Layer, x: Any) -> Any:
    """Return the input among samples that a layer is called on, or ``None`` if that is not known.

    Args:
        model: the model, built.
        layer: one of its layers.
        x: samples, as ``fit`` takes them.
    """
    network = model.network
    calls = getattr(network, "calls", ())  # of a sub-classed model nobody knows them
    symbols = [symbol for call in calls if call.layer is layer for symbol in call.inputs]
    if not symbols or any(symbol not in network.inputs for symbol in symbols):
        return None
    arrays = split("adapt", "x", x, model.input_names, model.inputs_nest)
    return arrays[list(network.inputs).index(symbols[0])]
