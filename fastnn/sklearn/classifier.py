"""The classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from fastnn._typing import Array
from fastnn.losses import BinaryCrossentropy, Loss, SparseCategoricalCrossentropy
from fastnn.losses.crossentropy import CrossEntropy
from fastnn.models import Model
from fastnn.sklearn.estimator import Estimator, NetworkEstimator, Samples
from fastnn.sklearn.networks import Task, ending

__all__ = ["FastNNClassifier"]


def _gives_probabilities(model: Model) -> bool:
    """Whether ``predict_proba`` of a model returns probabilities, and not just some scores."""
    head, loss = ending(model)
    return isinstance(loss, CrossEntropy) or head in ("sigmoid", "softmax")


def _may_give_probabilities(estimator: Any) -> bool:
    """Whether the estimator has probabilities; before it is fitted nobody knows otherwise."""
    return not hasattr(estimator, "model_") or _gives_probabilities(estimator.model_)


@dataclass(eq=False, repr=False)
class FastNNClassifier(ClassifierMixin, NetworkEstimator):
    """A network that tells classes, or several labels of a sample, for scikit-learn.

    Features are not scaled: put a ``StandardScaler`` before it.

    Args:
        hidden_layer_sizes: units of the hidden layer, or of each of several.
        class_weight: what samples of each class count for: a dict by label, ``"balanced"`` for the
            same sum of each class, or ``None``; of several labels, a list of such dicts.  They
            count in the score on what is held out, too.
        options: those of ``fastnn.sklearn.NetworkEstimator``, whose help describes them:
            ``activation``, ``solver``, ``alpha``, ``learning_rate_init``, ``max_iter``, ...

    Attributes:
        classes_: the labels, sorted; of several labels of a sample their numbers.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> import fastnn
        >>> network = fastnn.sklearn.FastNNClassifier(16, learning_rate_init=0.03, random_state=0)
        >>> pipeline = make_pipeline(StandardScaler(), network)
        >>> bool(cross_val_score(pipeline, *load_iris(return_X_y=True)).mean() > 0.9)
        True
    """

    class_weight: Any = None

    def partial_fit(
        self: Estimator, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Estimator:
        """Train for one epoch, going on where the last call ended, with the optimizer's state.

        Args:
            X: samples, as in ``fit``.
            y: labels, (rows,), or for several labels of a sample 0 and 1, (rows, labels).
            sample_weight: what each sample counts for, (rows,).
            classes: all labels that there will ever be; the first call needs them.

        Returns:
            The estimator.

        Raises:
            ValueError: with ``early_stopping`` or balanced class weights, without ``classes`` in
                the first call, or for labels that are not among them.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"{type(self).__name__}: partial_fit sees a part of the samples, which cannot be "
                "balanced; give class_weight={label: weight}"
            )
        if not hasattr(self, "model_") and classes is None:
            raise ValueError(
                f"{type(self).__name__}: the first partial_fit needs classes, all that there will "
                "be: classes=np.unique(y_all)"
            )
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> Array:
        """Return the label of each sample, (rows,), or 0 and 1 for each of several, (rows, labels).

        Args:
            X: samples, as in ``fit``.
        """
        found = self._outputs(X)
        chosen = self._chosen(self.model_, found)
        return chosen if self._multilabel else self.classes_[chosen]

    @available_if(_may_give_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (rows, classes), or of each of several labels.

        A network that was compiled with a loss that knows no probabilities, such as a hinge, has
        ``decision_function`` instead.

        Args:
            X: samples, as in ``fit``.
        """
        found = self._outputs(X)
        if found.shape[1] == 1 and not self._multilabel:
            return np.hstack([1 - found, found])
        if not self._multilabel and ending(self.model_)[0] == "sigmoid":
            return found / found.sum(1, keepdims=True)
        return found

    @available_if(_may_give_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of ``predict_proba``; that of 0 is minus infinity.

        Args:
            X: samples, as in ``fit``.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Array:
        """Return scores: (rows,) of two classes, of which the second is chosen above 0; else
        (rows, classes), of which the largest is chosen, or (rows, labels), chosen above 0.

        They are the logarithms of the odds ``p / (1 - p)``, of several classes those of ``p``, as
        far as the precision of ``p`` goes; of a network without probabilities, what it returns.

        Args:
            X: samples, as in ``fit``.
        """
        found = self._outputs(X)
        if _gives_probabilities(self.model_):
            found = np.clip(found, np.finfo(found.dtype).tiny, 1 - np.finfo(found.dtype).epsneg)
            one = self._multilabel or found.shape[1] == 1
            found = np.log(found) - np.log1p(-found) if one else np.log(found)
        if self._multilabel or len(self.classes_) > 2:
            return found
        return found[:, 0] if found.shape[1] == 1 else found[:, 1] - found[:, 0]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's tools want to know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # ---- labels ----------------------------------------------------------------------------------

    def _encoded(self, y: Array, reset: bool, classes: Any) -> Array:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{type(self).__name__}: y has several columns that are not all 0 and 1; fit one "
                "classifier for each, as sklearn.multioutput.MultiOutputClassifier does"
            )
        if kind == "multilabel-indicator":
            return self._encoded_indicators(y, reset)
        y = column_or_1d(y, warn=True)
        if not reset and self._multilabel:
            raise ValueError(
                f"{type(self).__name__}: y has one class for each sample, it had "
                f"{len(self.classes_)} labels when it was first fitted"
            )
        if reset:
            self.classes_: Array = np.unique(y if classes is None else classes)
            self._multilabel: bool = False
        for given in (y, self.classes_ if classes is None else np.asarray(classes)):
            self._require_known(given)
        return np.searchsorted(self.classes_, y)

    def _encoded_indicators(self, y: Array, reset: bool) -> Array:
        if reset:
            self.classes_, self._multilabel = np.arange(y.shape[1]), True
        if not self._multilabel or y.shape[1] != len(self.classes_):
            before = f"{len(self.classes_)} {'labels' if self._multilabel else 'classes'}"
            raise ValueError(
                f"{type(self).__name__}: y has {y.shape[1]} labels for each sample, it had "
                f"{before} when it was first fitted"
            )
        return np.asarray(y, np.int64)

    def _require_known(self, y: Array) -> None:
        """Refuse labels of one class, or that were not there before."""
        who = type(self).__name__
        if len(self.classes_) < 2:
            raise ValueError(f"{who}: y has one class; a classifier needs samples of two or more")
        unknown = np.setdiff1d(y, self.classes_).tolist()
        if unknown:
            raise ValueError(
                f"{who}: y has classes that were not there when it was first fitted, such as "
                f"{unknown[0]!r:.40}; there were {self.classes_.tolist()!r:.120}"
            )

    def _class_weights(self, y: Array, weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return weight
        labels = y if self._multilabel else self.classes_[y]
        by_class = compute_sample_weight(self.class_weight, labels)
        return np.asarray(by_class if weight is None else by_class * weight)

    # ---- networks --------------------------------------------------------------------------------

    def _task(self, input_shape: tuple[int, ...], y: Array) -> Task:
        count, several = len(self.classes_), self._multilabel
        units = (count,) if several or count > 2 else (1, 2)
        return Task(
            input_shape,
            units=units,
            activation="sigmoid" if several or 1 in units else "softmax",
            loss=self._loss,
            weight=count if several else 1,
            asked=f"{count} {'labels' if several else 'classes'}",
        )

    def _loss(self, units: int, head: str | None) -> Loss:
        """Return the cross-entropy that goes with a last layer."""
        kind: Any = SparseCategoricalCrossentropy
        if units == 1 or self._multilabel:
            kind = BinaryCrossentropy
        return kind(from_logits=head == "linear")

    def _targets(self, model: Model, y: Array) -> Array:
        shape = model.output_shape
        _, loss = ending(model)
        if self._multilabel or shape[-1] == 1 or loss.targets(shape).classes is not None:
            return y
        return np.eye(shape[-1])[y]

    def _chosen(self, model: Model, found: Array) -> Array:
        """Return the number of the class of each sample, or 0 and 1 for each label."""
        if not self._multilabel and found.shape[1] > 1:
            return found.argmax(1)
        chosen = found > (0.5 if _gives_probabilities(model) else 0)
        return (chosen if self._multilabel else chosen[:, 0]).astype(np.int64)

    def _measured(self, model: Model, x: Array, held: Samples) -> float:
        right = self._chosen(model, model.predict_proba(x)) == held.y
        return float(np.average(right if right.ndim == 1 else right.all(1), weights=held.weight))
