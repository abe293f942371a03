"""Metrics by name, by description and by function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastnn import registry
from fastnn.losses import Loss
from fastnn.losses import functions as loss_functions
from fastnn.losses.names import is_own
from fastnn.metrics import functions
from fastnn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    SubsetAccuracy,
    TopKCategoricalAccuracy,
)
from fastnn.metrics.answers import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from fastnn.metrics.base import (
    MeanMetricWrapper,
    Metric,
)
from fastnn.metrics.confusion import (
    ConfusionMatrix,
)
from fastnn.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from fastnn.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from fastnn.metrics.fscores import (
    F1Score,
    FBetaScore,
)
from fastnn.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from fastnn.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from fastnn.metrics.regression import (
    R2Score,
)
from fastnn.naming import lookup, snake_case

__all__ = ["CLASSES", "deserialize", "get", "serialize"]

CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConcordanceCorrelation,
        ConfusionMatrix,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        IoU,
        KLDivergence,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        OneHotIoU,
        OneHotMeanIoU,
        PearsonCorrelation,
        Poisson,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        SquaredHinge,
        SubsetAccuracy,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
    )
}
_BY_NAME: dict[str, type[Metric]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    "acc": Accuracy,
    "bce": BinaryCrossentropy,
    "f1": F1Score,
    "fbeta_score": FBetaScore,
    "kld": KLDivergence,
    "logcosh": LogCoshError,
    "log_cosh": LogCoshError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mean_io_u": MeanIoU,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "r2": R2Score,
    "rmse": RootMeanSquaredError,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
}

#: What a description may be of.
_DESCRIBED: dict[str, type[Metric]] = {**CLASSES, "MeanMetricWrapper": MeanMetricWrapper}

#: fastnn's own functions whose metric has a name, which a file can hold.
_FUNCTIONS: dict[Any, type[Metric]] = {
    getattr(module, name): _BY_NAME[name]
    for module in (loss_functions, functions)
    for name in module.__all__
    if name in _BY_NAME
}

#: The other functions, which have no class here.
_OTHERS: dict[str, Any] = {
    name: getattr(loss_functions, name) for name in loss_functions.__all__ if name not in _BY_NAME
}


def get(identifier: str | Mapping[str, Any] | Metric | type[Metric] | Callable[..., Any]) -> Metric:
    """Return the metric that a name, a class, a config, a function or an object stands for.

    A metric given by name keeps that name in the logs, as in Keras: ``"acc"`` stays ``"acc"``.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, Loss):
        raise TypeError(
            f"metric: {identifier.name!r} is a loss; give the metric of its name, or the function "
            "fastnn.losses has for it"
        )
    if not isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier](name=identifier.__name__)
    if callable(identifier) and not isinstance(identifier, type) and is_own(identifier):
        return MeanMetricWrapper(identifier)
    known = lookup("metric", identifier, {**registry.callers(), **_OTHERS, **_BY_NAME})
    return known(name=snake_case(str(identifier))) if isinstance(known, type) else get(known)


def serialize(metric: Metric) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal metric from."""
    return registry.serialize(metric)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Metric:
    """Return the metric that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes and functions that are not fastnn's, by name.
    """
    return registry.deserialize("metric", description, _DESCRIBED, custom_objects)
