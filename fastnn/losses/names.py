"""Losses by name, by description and by function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastnn import registry
from fastnn.losses import functions
from fastnn.losses.base import Loss, LossFunctionWrapper
from fastnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from fastnn.losses.noisy import CategoricalGeneralizedCrossEntropy
from fastnn.losses.overlap import Dice, Tversky
from fastnn.losses.pointwise import (
    HalfMeanSquaredError,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)
from fastnn.losses.vectors import CategoricalHinge, CosineSimilarity
from fastnn.naming import lookup, snake_case

__all__ = ["CLASSES", "deserialize", "get", "is_own", "serialize"]

CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        CategoricalHinge,
        CosineSimilarity,
        Dice,
        HalfMeanSquaredError,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
        Tversky,
    )
}
_BY_NAME: dict[str, type[Loss]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    "bce": BinaryCrossentropy,
    "binary_cross_entropy": BinaryCrossentropy,
    "categorical_cross_entropy": CategoricalCrossentropy,
    "sparse_categorical_cross_entropy": SparseCategoricalCrossentropy,
    "half_mse": HalfMeanSquaredError,
    "huber_loss": Huber,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "logcosh": LogCosh,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
#: What a description may be of.
_DESCRIBED: dict[str, type[Loss]] = {**CLASSES, "LossFunctionWrapper": LossFunctionWrapper}
_FUNCTIONS: dict[Any, type[Loss]] = {
    functions.mean_squared_error: MeanSquaredError,
    functions.half_mean_squared_error: HalfMeanSquaredError,
    functions.mean_absolute_error: MeanAbsoluteError,
    functions.mean_absolute_percentage_error: MeanAbsolutePercentageError,
    functions.mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    functions.huber: Huber,
    functions.log_cosh: LogCosh,
    functions.poisson: Poisson,
    functions.kl_divergence: KLDivergence,
    functions.hinge: Hinge,
    functions.squared_hinge: SquaredHinge,
    functions.categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    functions.categorical_hinge: CategoricalHinge,
    functions.cosine_similarity: CosineSimilarity,
    functions.dice: Dice,
    functions.tversky: Tversky,
    functions.binary_crossentropy: BinaryCrossentropy,
    functions.categorical_crossentropy: CategoricalCrossentropy,
    functions.sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    functions.binary_focal_crossentropy: BinaryFocalCrossentropy,
    functions.categorical_focal_crossentropy: CategoricalFocalCrossentropy,
}


def get(identifier: str | Mapping[str, Any] | Loss | type[Loss] | Callable[..., Any]) -> Loss:
    """Return the loss that a name, a class, a config, a function or an object stands for.

    Example:
        >>> import fastnn
        >>> fastnn.losses.get("mse").name
        'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if not isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    if callable(identifier) and not isinstance(identifier, type) and is_own(identifier):
        return LossFunctionWrapper(identifier)
    known = lookup("loss", identifier, {**registry.callers(), **_BY_NAME})
    return known() if isinstance(known, type) else get(known)


def is_own(function: Any) -> bool:
    """Whether ``function`` may be one that a user wrote: not one of Python's."""
    return getattr(function, "__module__", None) != "builtins"


def serialize(loss: Loss) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal loss from."""
    return registry.serialize(loss)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Loss:
    """Return the loss that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes and functions that are not fastnn's, by name.
    """
    return registry.deserialize("loss", description, _DESCRIBED, custom_objects)
