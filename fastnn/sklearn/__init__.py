"""Networks as scikit-learn's estimators: in pipelines, searches and cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn.extras import require

_version = require("sklearn", "fastnn.sklearn").__version__
if tuple(map(int, _version.split(".")[:2])) < (1, 6):
    raise ImportError(
        f"fastnn.sklearn needs scikit-learn 1.6 or later, this is {_version}: "
        "pip install --upgrade 'fastnn[sklearn]'"
    )

from fastnn.naming import public  # noqa: E402
from fastnn.sklearn.classifier import FastNNClassifier  # noqa: E402
from fastnn.sklearn.estimator import NetworkEstimator  # noqa: E402
from fastnn.sklearn.exporting import to_model  # noqa: E402
from fastnn.sklearn.importing import from_sklearn  # noqa: E402
from fastnn.sklearn.regressor import FastNNRegressor  # noqa: E402

__all__ = ["FastNNClassifier", "FastNNRegressor", "NetworkEstimator", "from_sklearn", "to_model"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
