"""The layers that a description can name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from fastnn import layers, registry
from fastnn.layers.base import Layer

__all__ = ["classes", "deserialize", "deserialize_all", "serialize", "serialize_all"]

#: What describes a layer that has been described before, and, in that description, its number.
_SHARED = "shared"

#: The descriptions of layers by the ``serialize_all`` that is under way, also for models inside.
_described: ContextVar[dict[Layer, dict[str, Any]]] = ContextVar("described")
#: The layers that a ``deserialize_all`` that is under way may meet again, by their numbers.
_made: ContextVar[dict[Any, Layer]] = ContextVar("made")


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
    from fastnn.layers.operation import Operation

    more = (models.Model, models.Sequential, Operation)
    known = {**classes(), **{cls.__name__: cls for cls in more}}
    return registry.deserialize("layer", description, known, custom_objects)


def serialize_all(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return the descriptions of a model's layers; one that several models of the same whole hold
    is described where it is met first, and named by a number elsewhere."""
    with _common(_described) as known:
        return [_described_once(layer, known) for layer in layers]


def _described_once(layer: Layer, known: dict[Layer, dict[str, Any]]) -> dict[str, Any]:
    if layer in known:
        number = known[layer].setdefault(_SHARED, list(known).index(layer))
        return {_SHARED: number}
    known[layer] = {}
    known[layer].update(serialize(layer))
    return known[layer]


def deserialize_all(
    descriptions: Iterable[Mapping[str, Any]],
    custom_objects: Mapping[str, type[Any]] | None = None,
) -> list[Layer]:
    """Return the layers that ``serialize_all`` described."""
    layers = []
    with _common(_made) as made:
        for each in descriptions:
            layer = made[each[_SHARED]] if set(each) == {_SHARED} else None
            layer = layer or deserialize(each, custom_objects)
            if _SHARED in each:
                made[each[_SHARED]] = layer
            layers.append(layer)
    return layers


@contextmanager
def _common(variable: ContextVar[dict[Any, Any]]) -> Iterator[dict[Any, Any]]:
    """Hand out the dict of whoever is under way already, or a new one."""
    known = variable.get(None)
    if known is not None:
        yield known
        return
    made: dict[Any, Any] = {}
    token = variable.set(made)
    try:
        yield made
    finally:
        variable.reset(token)
