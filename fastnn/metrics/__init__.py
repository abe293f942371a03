"""Metrics: what people watch.

A metric is lowered to operations that add to running totals, in float64 and in the order of the
rows, so that its value does not depend on batches or threads.  The graph hands it probabilities
wherever the loss knows them, so a model that predicts logits needs no other metric than one that
predicts probabilities.

Every metric also works on arrays by itself: ``update_state(y_true, y_pred, sample_weight)``,
``result()``, ``reset_state()``.
"""

from __future__ import annotations

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
from fastnn.metrics.base import Seen as Seen
from fastnn.metrics.confusion import (
    ConfusionMatrix,
    MeanIoU,
    confusion_matrix,
)
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
from fastnn.metrics.names import CLASSES as CLASSES
from fastnn.metrics.names import deserialize, get, serialize
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
from fastnn.metrics.running import (
    Mean,
    Sum,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "SubsetAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "confusion_matrix",
    "deserialize",
    "get",
    "serialize",
]
