"""Networks that scikit-learn has trained, as fastnn's."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from fastnn.sklearn.classifier import FastNNClassifier
from fastnn.sklearn.estimator import NetworkEstimator
from fastnn.sklearn.networks import make
from fastnn.sklearn.regressor import FastNNRegressor
from fastnn.sklearn.watching import Progress

__all__ = ["from_sklearn"]


def from_sklearn(mlp: Any, dtype: str | None = None) -> NetworkEstimator:
    """Return a fitted estimator with the network of scikit-learn's, which predicts the same.

    Args:
        mlp: a fitted ``MLPClassifier`` or ``MLPRegressor``; it is not changed.
        dtype: ``"float32"``, ``"float64"`` or ``None`` for what ``mlp`` was trained in.

    Returns:
        A ``FastNNClassifier`` or a ``FastNNRegressor`` with the parameters of ``mlp``, its solver
        ``"adam"`` if it was ``"lbfgs"``.  Its ``model_`` is the network itself.  It can be trained
        on, with an optimizer that begins anew.

    Raises:
        TypeError: if it is none of the two.
        NotFittedError: if it is not fitted.

    Example:
        >>> import fastnn
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neural_network import MLPClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> mlp = MLPClassifier((8,), solver="lbfgs", max_iter=1000, random_state=0).fit(x, y)
        >>> ours = fastnn.sklearn.from_sklearn(mlp)
        >>> bool((abs(ours.predict_proba(x) - mlp.predict_proba(x)) < 1e-12).all())
        True
    """
    ours = _estimator(mlp)
    check_is_fitted(mlp)
    _take_what_was_learned(ours, mlp)
    task = ours._task((mlp.n_features_in_,), np.empty((0, mlp.n_outputs_)))
    penalty = ours.alpha / (2 * ours._most_rows())
    model = make(ours, task, penalty, dtype or mlp.coefs_[0].dtype.name, seed=0)
    pairs = zip(mlp.coefs_, mlp.intercepts_, strict=True)
    model.set_weights([each for pair in pairs for each in pair])
    ours.dtype = dtype
    ours._keep(model, Progress.of(mlp))
    return ours


def _estimator(mlp: Any) -> NetworkEstimator:
    """Return an unfitted estimator with the parameters of scikit-learn's."""
    kinds = ((MLPClassifier, FastNNClassifier), (MLPRegressor, FastNNRegressor))
    for theirs, kind in kinds:
        if isinstance(mlp, theirs):
            params = clone(mlp).get_params()
            ours: NetworkEstimator = kind()
            ours.set_params(**{name: params[name] for name in params.keys() & ours.get_params()})
            return ours.set_params(solver="adam") if mlp.solver == "lbfgs" else ours
    raise TypeError(
        "from_sklearn: expected a fitted MLPClassifier or MLPRegressor, got "
        f"{type(mlp).__name__}; the last step of a pipeline is pipeline[-1]"
    )


def _take_what_was_learned(ours: NetworkEstimator, mlp: Any) -> None:
    """Let an estimator know features and targets as scikit-learn's does."""
    for name in ("n_features_in_", "feature_names_in_", "classes_"):
        if hasattr(mlp, name):
            setattr(ours, name, getattr(mlp, name))
    several = mlp.n_outputs_ > 1
    if isinstance(ours, FastNNClassifier):
        ours._multilabel = several and mlp.out_activation_ == "logistic"
        if len(ours.classes_) < 2:
            raise ValueError("from_sklearn: mlp has seen one class, so that there is nothing to do")
    elif isinstance(ours, FastNNRegressor):
        ours._several = several
