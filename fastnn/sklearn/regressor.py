"""The regressor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d

from fastnn import losses
from fastnn._typing import Array
from fastnn.models import Model
from fastnn.sklearn.estimator import Estimator, NetworkEstimator, Samples
from fastnn.sklearn.networks import Task

__all__ = ["FastNNRegressor"]

#: scikit-learn's names of losses, where fastnn has others.
_LOSSES = {"squared_error": "half_mse", "absolute_error": "mae"}


@dataclass(eq=False, repr=False)
class FastNNRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts numbers, for scikit-learn.

    Features are not scaled: put a ``StandardScaler`` before it.  Targets that are far from 0, or
    large, are learned slowly: put it into a ``TransformedTargetRegressor``.

    Args:
        hidden_layer_sizes: units of the hidden layer, or of each of several.
        loss: ``"squared_error"``, half the squared error; ``"absolute_error"``; ``"poisson"`` for
            counts, whose predictions are exponentials; or another loss of fastnn's, such as
            ``"huber"``.  Those of several targets are added up; ``loss_curve_`` has their mean.
        options: those of ``fastnn.sklearn.NetworkEstimator``, whose help describes them:
            ``activation``, ``solver``, ``alpha``, ``learning_rate_init``, ``max_iter``, ...

    Example:
        >>> from sklearn.datasets import make_regression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> import fastnn
        >>> x, y = make_regression(200, 5, noise=0.1, random_state=0)
        >>> network = fastnn.sklearn.FastNNRegressor((32,), learning_rate_init=0.03, random_state=0)
        >>> make_pipeline(StandardScaler(), network).fit(x, y).score(x, y) > 0.9
        True
    """

    loss: Any = "squared_error"

    _is_numeric = True

    def partial_fit(self: Estimator, X: Any, y: Any, sample_weight: Any = None) -> Estimator:
        """Train for one epoch, going on where the last call ended, with the optimizer's state.

        Args:
            X: samples, as in ``fit``.
            y: targets, (rows,) or (rows, n).
            sample_weight: what each sample counts for, (rows,).

        Returns:
            The estimator.

        Raises:
            ValueError: with ``early_stopping``, or if the data has other features than before.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """Return the predicted targets, (rows,), or (rows, n) if ``y`` had that shape.

        Args:
            X: samples, as in ``fit``.
        """
        found = self._outputs(X)
        return found if self._several else found[:, 0]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's tools want to know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _encoded(self, y: Array, reset: bool, classes: Any) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset:
            self._several = y.ndim == 2
        return y.reshape(len(y), -1)

    def _task(self, input_shape: tuple[int, ...], y: Array) -> Task:
        name = self.loss
        loss = losses.get(_LOSSES.get(name, name) if isinstance(name, str) else name)
        return Task(
            input_shape,
            units=(y.shape[1],),
            activation="exponential" if isinstance(loss, losses.Poisson) else "linear",
            loss=lambda units, head: loss,
            weight=y.shape[1],
            asked=f"{y.shape[1]} numbers for each",
        )

    def _loss_share(self, model: Model) -> float:
        """Return what makes the sum over targets, which is minimised, their mean."""
        assert model.runtime.objective is not None
        return 1 / model.runtime.objective.loss_weights[0]

    def _targets(self, model: Model, y: Array) -> Array:
        if y.shape[1] != model.output_shape[-1]:
            raise ValueError(
                f"{type(self).__name__}: y has {y.shape[1]} numbers for each sample, it was "
                f"{model.output_shape[-1]} when it was first fitted"
            )
        return y

    def _measured(self, model: Model, x: Array, held: Samples) -> float:
        return float(r2_score(held.y, np.asarray(model.predict(x)), sample_weight=held.weight))
