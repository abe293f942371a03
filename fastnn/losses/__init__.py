"""Losses: what training makes small.

A loss is lowered to operations: a value for each place before the last axis of the output, so for
each row, or for each step of a sequence.  Their mean over the batch is minimised, weighted if there
are weights.  A cross-entropy of a softmax or sigmoid is computed from the logits in one pass,
whichever way it is written, so that a probability of exactly 0 or 1 is no special case.

Every loss can also be called on arrays: ``loss(y_true, y_pred, sample_weight)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn.losses.base import Loss
from fastnn.losses.base import Lowered as Lowered
from fastnn.losses.base import Targets as Targets
from fastnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from fastnn.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    cosine_similarity,
    dice,
    half_mean_squared_error,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)
from fastnn.losses.names import CLASSES as CLASSES
from fastnn.losses.names import deserialize, get, serialize
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
from fastnn.naming import public

__all__ = [
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "HalfMeanSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossEntropy",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "half_mean_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

#: The spellings of many course notes.
BinaryCrossEntropy = BinaryCrossentropy
CategoricalCrossEntropy = CategoricalCrossentropy
SparseCategoricalCrossEntropy = SparseCategoricalCrossentropy
