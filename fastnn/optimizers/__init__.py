"""Optimizers: hyperparameters, and one kernel over each range of trainable weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastnn import registry
from fastnn.naming import lookup, public
from fastnn.optimizers import schedules
from fastnn.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.by_weight import Adafactor, Lamb
from fastnn.optimizers.descent import SGD, Lion
from fastnn.optimizers.moments import Adam, Adamax, AdamW, Nadam

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

CLASSES: dict[str, type[Optimizer]] = {
    cls.__name__: cls
    for cls in (
        SGD,
        Adadelta,
        Adafactor,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        Nadam,
        RMSprop,
    )
}


def get(identifier: str | Mapping[str, Any] | Optimizer | type[Optimizer]) -> Optimizer:
    """Return the optimizer that a name, a class, a config or an object stands for.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.get("adam").beta_1
        0.9
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return lookup("optimizer", identifier, CLASSES)()


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal optimizer from."""
    return registry.serialize(optimizer)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Optimizer:
    """Return the optimizer that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("optimizer", description, CLASSES, custom_objects)
