"""The layers that a description can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import layers, registry
from fastnn.layers.base import Layer

__all__ = ["classes", "deserialize", "serialize"]


def classes() -> dict[str, type[Layer]]:
    """Return fastnn's own layers by name: all that ``fastnn.layers`` exports."""
    exported = {name: getattr(layers, name) for name in layers.__all__}
    return {
        name: thing
        for name, thing in exported.items()
        if isinstance(thing, type) and thing is not Layer
    }


def serialize(layer: Layer) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal layer from, with other weights.

    Args:
        layer: any layer.

    Example:
        >>> import fastnn
        >>> fastnn.layers.serialize(fastnn.layers.Dropout(0.5, name="drop"))["config"]["rate"]
        0.5
    """
    return registry.serialize(layer)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Layer:
    """Return the layer that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes of layers that are not fastnn's, by name.

    Raises:
        ModelFileError: if its class is neither fastnn's nor among ``custom_objects``.
    """
    from fastnn import models

    known = {**classes(), "Model": models.Model, "Sequential": models.Sequential}
    return registry.deserialize("layer", description, known, custom_objects)
