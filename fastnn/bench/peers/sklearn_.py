"""scikit-learn's MLPClassifier, which knows dense networks with one hidden activation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from .. import nets
from ..workloads import Unsupported, Workload


def version() -> str:
    """The version that is measured."""
    return str(sklearn.__version__)


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that goes on with `fit`; `threads` is BLAS's, set by the environment."""
    model = _model(workload)
    x, y = workload.data()

    def fit() -> float:
        model.fit(x, y)
        return float(model.loss_)

    return fit


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that calls `predict_proba`."""
    model = _model(workload).set_params(max_iter=1)
    x, y = workload.data()
    model.fit(x[:1000], y[:1000])
    inputs = workload.inputs(rows)
    return lambda: model.predict_proba(inputs)


def _model(workload: Workload) -> Any:
    *hidden, _ = workload.layers
    units = [layer.units for layer in hidden if isinstance(layer, nets.Dense)]
    if len(units) < len(hidden) or workload.optimizer.name == "rmsprop":
        raise Unsupported("scikit-learn has dense layers, SGD and Adam alone")
    warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is given
    return MLPClassifier(
        units,
        solver=workload.optimizer.name,
        alpha=0,
        batch_size=workload.batch,
        learning_rate_init=workload.optimizer.learning_rate,
        max_iter=workload.epochs,
        momentum=workload.optimizer.momentum,
        nesterovs_momentum=False,
        tol=0,
        n_iter_no_change=10**9,
        warm_start=True,
        random_state=0,
    )
