"""Metrics: what people watch.

A metric is lowered to operations that add to running totals, in float64 and in the order of the
rows, so that its value does not depend on batches or threads.  The graph hands it probabilities
wherever the loss knows them, so a model that predicts logits needs no other metric than one that
predicts probabilities.

Every metric also works on arrays by itself: ``update_state(y_true, y_pred, sample_weight)``,
``result()``, ``reset_state()``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn import losses, ops, registry
from fastnn._typing import Array
from fastnn.compiler.graph import Tensor, format_shape
from fastnn.compiler.heads import head_of
from fastnn.losses import Loss, Targets, is_own
from fastnn.naming import lookup, snake_case

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


class Seen(NamedTuple):
    """What a metric may look at.

    Attributes:
        prediction: the model's output, as probabilities where the loss knows them.
        targets: the labels or numbers it is compared with.
        kind: which of the two.
        weights: of the places before the last axis, if there are any.
        loss: what training minimises; ``None`` where the metric is used by itself.
    """

    prediction: Tensor
    targets: Tensor
    kind: Targets
    weights: Tensor | None = None
    loss: Loss | None = None

    @property
    def labels(self) -> Tensor | None:
        """The targets, if they are labels."""
        return None if self.kind.classes is None else self.targets

    @property
    def numbers(self) -> Tensor | None:
        """The targets, if they are numbers."""
        return self.targets if self.kind.classes is None else None


class Metric:
    """A metric: the mean over all places of a value for each; one of your own overrides ``lower``.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras; totals are float64.

    With ``columns = True`` in the class, the last axis of what ``lower`` returns are columns, whose
    sums ``combine(sums, count)`` makes a number of.

    Example:
        >>> import fastnn
        >>> class Bias(fastnn.metrics.Metric):
        ...     def lower(self, prediction, targets, kind):
        ...         return fastnn.ops.subtract(prediction, targets)
        ...     columns = True
        ...     def combine(self, sums, count):
        ...         return float(sums[0] / count)
        >>> bias = Bias()
        >>> bias.update_state([[1.0], [2.0]], [[2.0], [4.0]])
        >>> bias.result()
        1.5
    """

    columns = False
    #: How many totals ``track`` asks for.
    parts = 1
    #: Whether more of it is better, ``"up"``, or less, ``"down"``; ``None`` is not known.
    direction: str | None = None

    def __init__(self, name: str | None = None, dtype: Any = None):
        self.name = name or snake_case(type(self).__name__)
        self._own: Any = None

    # ---- in a program ----------------------------------------------------------------------------

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place, (rows, ...).

        Args:
            prediction: the model's output, as probabilities where the loss knows them.
            targets: the labels or numbers it is compared with.
            kind: which of the two.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: write lower(prediction, targets, kind), which composes "
            "fastnn.ops and returns a value for each row; one that has update_state in NumPy "
            "cannot be in compile(metrics=), call it by itself"
        )

    def track(self, seen: Seen) -> None:
        """Add the metric to the graph: operations that add to totals."""
        values, weights = self.values(seen), seen.weights
        graph = values.graph
        places = values.shape[:-1] if self.columns else values.shape
        if weights is not None and weights.shape != places:
            raise ValueError(
                f"compile: the metric {self.name!r} has values {format_shape(values.shape)}, which "
                f"weights {format_shape(weights.shape)} do not fit; use it without weights"
            )
        if self.columns:
            total = graph.total(np.zeros((values.shape[-1] or 0) + 1))
            graph.emit("accumulate_columns", values, weights, total)
        else:
            graph.emit("accumulate", values, weights, weights, graph.total(np.zeros(2)), watched=0)

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place from all that there is to see."""
        return self.lower(seen.prediction, seen.targets, seen.kind)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        if self.columns:
            return self.combine(total[:-1], float(total[-1]))
        return float(total[0] / total[1]) if total[1] else 0.0

    def combine(self, sums: Array, count: float) -> Any:
        """Return the value from the sums of columns and the sum of weights."""
        return sums / count if count else sums

    # ---- by itself -------------------------------------------------------------------------------

    def kind_of(self, y_true: Array, y_pred: Array) -> Targets:
        """Return what the metric expects beside predictions, where it is used by itself."""
        if y_true.ndim < y_pred.ndim and y_pred.shape[-1] > 1:
            return Targets((None, *y_pred.shape[1:-1]), y_pred.shape[-1])
        return Targets((None, *y_pred.shape[1:]))

    def prepared(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Return arrays as the metric takes them, where it is used by itself."""
        return y_true, y_pred

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add arrays to the totals.

        Args:
            y_true: labels or numbers.
            y_pred: predictions, (rows, ..., n).
            sample_weight: (rows,) or (rows, ...), a weight for each place.
        """
        from fastnn import standalone

        if self._own is None:
            self._own = standalone.Tracker(self)
        self._own.update(y_true, y_pred, sample_weight)

    def result(self) -> Any:
        """Return the value of all that was added since ``reset_state``."""
        return 0.0 if self._own is None else self._own.result()

    def reset_state(self) -> None:
        """Begin anew."""
        self._own = None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add arrays, and return the value so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    # ---- saving ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        registry.require_config(type(self), Metric)
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Return the metric that ``get_config`` described."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_own": None}  # programs are not copied

    def _refuse(self, expected: str) -> ValueError:
        return ValueError(
            f"compile: the metric {self.name!r} expects {expected}, which the loss does not use; "
            "metrics=['accuracy'] picks the one that fits"
        )


class MeanMetricWrapper(Metric):
    """The mean of what a function ``f(y_true, y_pred)`` of tensors composes of ``fastnn.ops``.

    Args:
        fn: returns a value for each place.
        name: its name in the logs; ``None`` is the function's.
        dtype: accepted as in Keras.
        **kwargs: handed on to the function.
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name or snake_case(getattr(fn, "__name__", "metric")), dtype)
        self.fn, self.options = fn, kwargs

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        values = self.fn(targets, prediction, **self.options)
        if not isinstance(values, Tensor):
            raise TypeError(
                f"{self.name}: a metric gets tensors of the graph and returns one, composed of "
                f"fastnn.ops; it returned {type(values).__name__}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """Refuse: a file cannot hold code."""
        raise NotImplementedError(
            f"{self.name}: a file cannot hold a function; write a class derived from "
            "fastnn.metrics.Metric and give it to load_model"
        )


# ---- accuracy ------------------------------------------------------------------------------------


class SparseCategoricalAccuracy(Metric):
    """The share of places whose largest score is their label's; ties go to the lowest class."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is None:
            raise self._refuse("integer labels")
        return ops.sparse_categorical_accuracy(prediction, targets)


class CategoricalAccuracy(Metric):
    """The share of places whose largest score and largest target agree."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("a target for each class")
        return ops.categorical_accuracy(prediction, targets)


class BinaryAccuracy(Metric):
    """The share of units where ``probability > threshold`` agrees with the target.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: of the probability; where the loss has ``from_logits``, of the logits' sigmoid.
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of 0 and 1")
        return ops.binary_accuracy(prediction, targets, self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "threshold": self.threshold}


class SubsetAccuracy(BinaryAccuracy):
    """The share of samples all of whose labels are right, where each may have several.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: of the probability.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.SubsetAccuracy()([[1, 0], [1, 1]], [[0.9, 0.2], [0.8, 0.3]])
        0.5
    """

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of 0 and 1")
        return ops.binary_accuracy(prediction, targets, self.threshold, subset=True)


#: Losses of numbers, where nothing is right or wrong.
_OF_NUMBERS = (
    losses.MeanSquaredError,
    losses.HalfMeanSquaredError,
    losses.MeanAbsoluteError,
    losses.MeanAbsolutePercentageError,
    losses.MeanSquaredLogarithmicError,
    losses.Huber,
    losses.LogCosh,
    losses.Poisson,
    losses.CosineSimilarity,
)


class Accuracy(Metric):
    """The accuracy that fits the targets: of labels, of one-hot rows, or of each unit.

    By itself, on two arrays of labels of one shape, it is the share that is equal.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Activation("linear")])
        >>> loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile(loss=loss, metrics=["accuracy"])
        >>> model.evaluate([[-3.0, -2.0], [5.0, 4.0]], [1, 0], verbose=0)[1]
        1.0
    """

    direction = "up"

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place."""
        prediction, loss = seen.prediction, seen.loss
        head = head_of(prediction).name
        if isinstance(loss, _OF_NUMBERS) and head in ("linear", "relu"):
            raise ValueError(
                f"compile: {self.name!r} counts right answers, but {loss.name} measures numbers "
                f"and the activation of the last layer is {head}; use metrics=['mae'], or a "
                "softmax or sigmoid with a cross-entropy to classify"
            )
        if isinstance(loss, losses.Hinge | losses.SquaredHinge):  # labels -1 or 0, and 1
            return ops.binary_accuracy(prediction, ops.relu(seen.targets), 0.0)
        return self.lower(prediction, seen.targets, seen.kind)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        return self._fitting(prediction, kind).lower(prediction, targets, kind)

    def _fitting(self, prediction: Tensor, kind: Targets) -> Metric:
        if kind.classes is not None:
            return SparseCategoricalAccuracy(self.name)
        if head_of(prediction).name == "sigmoid" or prediction.shape[-1] == 1:
            return BinaryAccuracy(self.name)
        return CategoricalAccuracy(self.name)

    def prepared(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Return whether labels are equal, as a prediction of 1, where both are labels."""
        whole = y_pred.dtype.kind in "biu" or bool((y_pred == np.floor(y_pred)).all())
        if y_true.shape != y_pred.shape or not whole:
            return y_true, y_pred
        equal = np.asarray(y_true == y_pred, np.float64).reshape(-1, 1)
        return np.ones_like(equal), equal


class TopKCategoricalAccuracy(Metric):
    """The share of places whose class is among the ``k`` with the largest scores.

    Args:
        k: how many; at least 1.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Labels and one-hot targets will both do.  Fewer than ``k`` scores have to be above that of the
    class, so ties count.
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name or snake_case(type(self).__name__).replace("topk", "top_k"), dtype)
        self.k = _count(type(self).__name__, "k", k)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        return ops.in_top_k(prediction, targets, self.k)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {"k": self.k, **super().get_config()}


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """``TopKCategoricalAccuracy`` by the name that Keras has for integer labels."""


# ---- losses as metrics ---------------------------------------------------------------------------


class _OfLoss(Metric):
    """The mean of a loss.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    direction = "down"

    loss: type[Loss]

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the loss."""
        return {}

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return self.loss(**self.options).call(targets, prediction)


class MeanSquaredError(_OfLoss):
    """The mean of ``(prediction - target)^2``."""

    loss = losses.MeanSquaredError


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of ``(prediction - target)^2``."""

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        return math.sqrt(super().read(total))


class MeanAbsoluteError(_OfLoss):
    """The mean of ``abs(prediction - target)``."""

    loss = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(_OfLoss):
    """The mean of ``100 abs(prediction - target) / abs(target)``."""

    loss = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(_OfLoss):
    """The mean of ``(log(1 + prediction) - log(1 + target))^2``."""

    loss = losses.MeanSquaredLogarithmicError


class LogCoshError(_OfLoss):
    """The mean of ``log(cosh(prediction - target))``."""

    loss = losses.LogCosh

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(name, dtype)


class CosineSimilarity(Metric):
    """The mean cosine of the angle between prediction and target: 1 where they point one way.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        axis: of the vectors; the last one.
    """

    direction = "up"

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype)
        self.axis = losses.CosineSimilarity(axis).axis

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return ops.scale(losses.CosineSimilarity(self.axis).call(targets, prediction), -1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "axis": self.axis}


class Hinge(_OfLoss):
    """The mean of the loss ``Hinge``."""

    loss = losses.Hinge


class SquaredHinge(_OfLoss):
    """The mean of the loss ``SquaredHinge``."""

    loss = losses.SquaredHinge


class CategoricalHinge(_OfLoss):
    """The mean of the loss ``CategoricalHinge``."""

    loss = losses.CategoricalHinge


class Poisson(_OfLoss):
    """The mean of the loss ``Poisson``."""

    loss = losses.Poisson


class KLDivergence(_OfLoss):
    """The mean of the loss ``KLDivergence``."""

    loss = losses.KLDivergence


class _OfCrossEntropy(Metric):
    """The mean of a cross-entropy.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        label_smoothing: as of the loss.
        axis: of the classes; the last one.
    """

    direction = "down"

    loss: Any

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.options: dict[str, Any] = {
            "from_logits": bool(from_logits),
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        self.loss(**self.options)  # which checks them

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        known = head_of(prediction).name in ("softmax", "sigmoid")
        options = {**self.options, "from_logits": self.options["from_logits"] and not known}
        smooth: Any = self.loss(**{**options, "from_logits": False})
        if known or not options["from_logits"]:
            share = 0.5 if isinstance(smooth, losses.BinaryCrossentropy) else None
            t = smooth.smooth(targets) if share is None else smooth.smoothed(targets, share)
            row = "ce" if share is None else "bce"
            return ops.pointwise_loss(prediction, t, row, total=share is None)
        values: Tensor = self.loss(**options).lower(prediction, targets).values
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), **self.options}


class BinaryCrossentropy(_OfCrossEntropy):
    """The mean of the loss ``BinaryCrossentropy``, of probabilities in [1e-7, 1 - 1e-7]."""

    loss = losses.BinaryCrossentropy


class CategoricalCrossentropy(_OfCrossEntropy):
    """The mean of the loss ``CategoricalCrossentropy``, of probabilities in [1e-7, 1 - 1e-7]."""

    loss = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(Metric):
    """The mean of ``-log p[label]``, of probabilities.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        from_logits: whether predictions are logits, where the loss does not know.
        ignore_class: accepted as in Keras; the loss leaves those places out.
        axis: of the classes; the last one.
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype)
        self.options: dict[str, Any] = {
            "from_logits": bool(from_logits),
            "ignore_class": ignore_class,
            "axis": axis,
        }

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place: that of the loss, whose scores are known."""
        if seen.kind.classes is None:
            raise self._refuse("integer labels")
        node = seen.prediction.producer
        if node is not None and node.op.name == "softmax_ce_sparse" and node.outputs[1] is not None:
            return node.outputs[1]
        loss = losses.SparseCategoricalCrossentropy(**self.options)
        return loss.lower(seen.prediction, seen.targets).values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), **self.options}


# ---- counts of answers ---------------------------------------------------------------------------


class Counts(NamedTuple):
    """Weights of right and wrong answers, for each column and threshold."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array


def _ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.shape(a)), where=np.asarray(b) != 0)


class _Thresholds(Metric):
    """A metric of the answers ``prediction > threshold``.

    The totals are counts between the thresholds, of targets 0 and 1, for each column.
    """

    parts = 2  # thresholds, counts
    #: What a column that is not among the largest counts as.
    _lowest = -1e10

    def __init__(
        self, name: str | None, dtype: Any, thresholds: Sequence[float], top_k: int | None = None
    ):
        super().__init__(name, dtype)
        self._edges = np.asarray(sorted(thresholds), np.float64)
        self._top_k = top_k

    def _prediction(self, seen: Seen) -> Tensor:
        p = seen.prediction
        return p if self._top_k is None else ops.keep_top_k(p, self._top_k)

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        p = self._prediction(seen)
        columns = p.shape[-1] or 0
        edges = p.graph.total(self._edges)
        total = p.graph.total(np.zeros(2 * columns * (len(self._edges) + 1)))
        p.graph.emit("histogram", p, seen.numbers, seen.labels, seen.weights, edges, total)

    def counts(self, total: Array) -> Counts:
        """Return the counts, (columns, thresholds), of ascending thresholds."""
        buckets = total[len(self._edges) :].reshape(-1, 2, len(self._edges) + 1)
        below = buckets.cumsum(-1)[..., :-1]
        above = buckets.sum(-1, keepdims=True) - below
        return Counts(tp=above[:, 1], fp=above[:, 0], tn=below[:, 0], fn=below[:, 1])


class _Answers(_Thresholds):
    """A metric of thresholds, of which there may be several, and of one class or all.

    Args:
        thresholds: a number in [0, 1] or several; ``None`` is 0.5, or with ``top_k`` none.
        top_k: only the so many largest predictions of a place count as yes.
        class_id: count this column alone.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        who = type(self).__name__
        default = 0.5 if top_k is None else self._lowest
        given = default if thresholds is None else thresholds
        each = [float(t) for t in np.atleast_1d(np.asarray(given, np.float64))]
        if thresholds is not None and not all(0 <= t <= 1 for t in each):
            raise ValueError(f"{who}: thresholds must be in [0, 1], got {str(thresholds)[:60]}")
        super().__init__(name, dtype, each, None if top_k is None else _count(who, "top_k", top_k))
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self._order = np.argsort(np.argsort(each, kind="stable"), kind="stable")

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        raise NotImplementedError

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        counts = self.counts(total)
        columns = len(counts.tp)
        if self.class_id is not None and not 0 <= self.class_id < columns:
            raise ValueError(
                f"{self.name}: class_id must be in 0 to {columns - 1}, got {self.class_id}"
            )
        chosen = slice(None) if self.class_id is None else slice(self.class_id, self.class_id + 1)
        values = self.share(Counts(*(each[chosen].sum(0) for each in counts)))[self._order]
        return float(values[0]) if len(values) == 1 else values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        thresholds = self.thresholds
        known = thresholds if thresholds is None else np.asarray(thresholds, float).tolist()
        return {
            **super().get_config(),
            "thresholds": known,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Answers):
    """The share of right answers among those that say yes: ``tp / (tp + fp)``; 0 if none does.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        0.6666666666666666
    """

    direction = "up"

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return _ratio(counts.tp, counts.tp + counts.fp)


class Recall(_Answers):
    """The share of targets 1 that are found: ``tp / (tp + fn)``; 0 if there is none.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        0.6666666666666666
    """

    direction = "up"

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return _ratio(counts.tp, counts.tp + counts.fn)


class _Count(_Answers):
    """How many answers are of one sort, or the sum of their weights.

    Args:
        thresholds: a number in [0, 1] or several; ``None`` is 0.5.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    which: str

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(thresholds, name=name, dtype=dtype)

    def share(self, counts: Counts) -> Array:
        """Return the value for each threshold."""
        return np.asarray(getattr(counts, self.which))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        return {name: config[name] for name in ("name", "thresholds")}


class TruePositives(_Count):
    """The answers that say yes, and are right."""

    direction = "up"

    which = "tp"


class FalsePositives(_Count):
    """The answers that say yes, and are wrong."""

    direction = "down"

    which = "fp"


class TrueNegatives(_Count):
    """The answers that say no, and are right."""

    direction = "up"

    which = "tn"


class FalseNegatives(_Count):
    """The answers that say no, and are wrong."""

    direction = "down"

    which = "fn"


def _even_thresholds(count: int) -> list[float]:
    """Return thresholds from just below 0 to just above 1, as Keras's."""
    inner = [(i + 1) / (count - 1) for i in range(count - 2)]
    return [-1e-7, *inner, 1 + 1e-7]


class AUC(_Thresholds):
    """The area under a curve of two rates, over thresholds.

    Args:
        num_thresholds: how many; more make it finer.
        curve: ``"ROC"``, of the true over the false positive rate, or ``"PR"``, of precision over
            recall.
        summation_method: the height between two points: ``"interpolation"``, ``"minoring"`` or
            ``"majoring"``.
        name: its name in the logs.
        dtype: accepted as in Keras.
        thresholds: in [0, 1], instead of even ones; 0 and 1 are added.
        multi_label: whether each column has a curve of its own, whose areas are averaged.
        num_labels: accepted as in Keras.
        label_weights: weighs the columns.
        from_logits: whether predictions are logits, where the loss does not know.

    (Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic
    curve", 1982; interpolation of precision: Davis and Goadrich, 2006.)

    Example:
        >>> import fastnn
        >>> fastnn.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        0.75
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        if str(curve).upper() not in ("ROC", "PR"):
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', got {str(curve)[:40]!r}")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                "AUC: summation_method must be 'interpolation', 'minoring' or 'majoring', got "
                f"{str(summation_method)[:40]!r}"
            )
        given = None if thresholds is None else sorted(map(float, thresholds))
        if given is None:
            count = _count("AUC", "num_thresholds", num_thresholds)
            if count < 2:
                raise ValueError(f"AUC: num_thresholds must be 2 or more, got {count}")
            edges = _even_thresholds(count)
        elif all(0 <= t <= 1 for t in given):
            edges = [-1e-7, *given, 1 + 1e-7]
        else:
            raise ValueError(f"AUC: thresholds must be in [0, 1], got {str(thresholds)[:60]}")
        super().__init__(name, dtype, edges)
        self.num_thresholds, self.thresholds = len(edges), given
        self.curve, self.summation_method = str(curve).upper(), summation_method
        self.multi_label, self.num_labels = bool(multi_label), num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.from_logits = bool(from_logits)

    def _prediction(self, seen: Seen) -> Tensor:
        known = head_of(seen.prediction).name in ("sigmoid", "softmax")
        p = seen.prediction
        return ops.sigmoid(p) if self.from_logits and not known else p

    def read(self, total: Array) -> Any:
        """Return the area from the totals."""
        counts, weights = self.counts(total), self.label_weights
        columns = len(counts.tp)
        if weights is not None and len(weights) != columns:
            raise ValueError(
                f"{self.name}: label_weights has {len(weights)} numbers, the model has {columns} "
                "columns"
            )
        shares = np.ones(columns) if weights is None else np.asarray(weights)
        if not self.multi_label:
            together = (shares @ each for each in counts)
            return float(self._area(Counts(*(each[None] for each in together)))[0])
        return float(_ratio(shares @ self._area(counts), shares.sum()))

    def _area(self, counts: Counts) -> Array:
        """Return the area of each column; the points come in the order of rising thresholds."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_area(counts)
        recall = _ratio(counts.tp, counts.tp + counts.fn)
        x, y = _ratio(counts.fp, counts.fp + counts.tn), recall
        if self.curve == "PR":
            x, y = recall, _ratio(counts.tp, counts.tp + counts.fp)
        left, right = y[:, :-1], y[:, 1:]
        heights = {
            "interpolation": (left + right) / 2,
            "minoring": np.minimum(left, right),
            "majoring": np.maximum(left, right),
        }[self.summation_method]
        area: Array = ((x[:, :-1] - x[:, 1:]) * heights).sum(1)
        return area

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            **super().get_config(),
            "thresholds": self.thresholds,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }


def _interpolated_area(counts: Counts) -> Array:
    """The area under precision over recall, along true positives as a line of the positives."""
    tp, p = counts.tp, counts.tp + counts.fp
    fewer, more = p[:, 1:], p[:, :-1]
    d_tp, d_p = tp[:, :-1] - tp[:, 1:], more - fewer
    slope = _ratio(d_tp, np.maximum(d_p, 0))
    intercept = tp[:, 1:] - slope * fewer
    both = (more > 0) & (fewer > 0)
    quotient = np.where(both, _ratio(more, np.maximum(fewer, 0)), 1.0)
    positives = np.maximum(tp[:, 1:] + counts.fn[:, 1:], 0)
    area: Array = _ratio(slope * (d_tp + intercept * np.log(quotient)), positives).sum(1)
    return area


class _AtRate(_Thresholds):
    """The best of one rate where another is at least ``value``, over thresholds.

    Args:
        value: in [0, 1].
        num_thresholds: how many.
        class_id: count this column alone.
        name: its name in the logs.
        dtype: accepted as in Keras.
    """

    direction = "up"

    argument: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        who = type(self).__name__
        self.value = losses._fraction(who, self.argument, value)
        self.num_thresholds, self.class_id = _count(who, "num_thresholds", num_thresholds), class_id
        even = [0.5] if self.num_thresholds == 1 else _even_thresholds(self.num_thresholds)
        if self.num_thresholds > 1:
            even[0], even[-1] = 0.0, 1.0
        super().__init__(name, dtype, even)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        raise NotImplementedError

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        counts = self.counts(total)
        chosen = slice(None) if self.class_id is None else slice(self.class_id, self.class_id + 1)
        held, sought = self.rates(Counts(*(each[chosen].sum(0) for each in counts)))
        fits = held >= self.value
        return float(sought[fits].max()) if fits.any() else 0.0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Return the metric that ``get_config`` described."""
        options = dict(config)
        return cls(options.pop(cls.argument), **options)


def _specificity(c: Counts) -> Array:
    return _ratio(c.tn, c.tn + c.fp)


def _sensitivity(c: Counts) -> Array:
    return _ratio(c.tp, c.tp + c.fn)


def _precision(c: Counts) -> Array:
    return _ratio(c.tp, c.tp + c.fp)


class SensitivityAtSpecificity(_AtRate):
    """The best ``tp / (tp + fn)`` where ``tn / (tn + fp)`` is at least the given value."""

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _specificity(counts), _sensitivity(counts)


class SpecificityAtSensitivity(_AtRate):
    """The best ``tn / (tn + fp)`` where ``tp / (tp + fn)`` is at least the given value."""

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _sensitivity(counts), _specificity(counts)


class PrecisionAtRecall(_AtRate):
    """The best ``tp / (tp + fp)`` where ``tp / (tp + fn)`` is at least the given value."""

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _sensitivity(counts), _precision(counts)


class RecallAtPrecision(_AtRate):
    """The best ``tp / (tp + fn)`` where ``tp / (tp + fp)`` is at least the given value."""

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self, counts: Counts) -> tuple[Array, Array]:
        """Return the rate that is held, and the one that is looked for."""
        return _precision(counts), _sensitivity(counts)


# ---- pairs of classes ----------------------------------------------------------------------------


class ConfusionMatrix(Metric):
    """How often class i was taken for class j: (classes, classes), or the sums of weights.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: where one unit tells two classes apart.

    Rows are the true classes.  In ``compile(metrics=)`` the logs have the matrix as an array.

    Example:
        >>> import fastnn
        >>> matrix = fastnn.metrics.ConfusionMatrix()
        >>> matrix.update_state([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> matrix.result().tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        p, graph = seen.prediction, seen.prediction.graph
        classes = max(p.shape[-1] or 0, 2)
        total = graph.total(np.zeros(classes * classes))
        given = (seen.labels, seen.numbers, seen.weights)
        graph.emit("confusion", p, *given, total, threshold=self.threshold)

    def matrix(self, total: Array) -> Array:
        """Return the totals as a matrix."""
        classes = math.isqrt(total.size)
        return total.reshape(classes, classes)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        return self.matrix(total).copy()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "threshold": self.threshold}


class MeanIoU(ConfusionMatrix):
    """The mean over classes of ``both / either``, of places that are or are said to be of a class.

    Args:
        num_classes: how many; the model's outputs tell it, too.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Classes that are nowhere do not count.
    """

    direction = "up"

    def __init__(self, num_classes: int | None = None, name: str | None = None, dtype: Any = None):
        super().__init__(name or "mean_io_u", dtype)
        self.num_classes = num_classes

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        matrix = self.matrix(total)
        both = np.diag(matrix)
        either = matrix.sum(0) + matrix.sum(1) - both
        return float(_ratio(both, either).sum() / max(np.count_nonzero(either), 1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["threshold"]
        return {"num_classes": self.num_classes, **config}


class FBetaScore(Metric):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)`` of each class.

    Args:
        average: ``None`` gives one number a class; ``"macro"`` their mean, ``"weighted"`` their
            mean weighted by how frequent they are, ``"micro"`` counts all answers together.
        beta: how much more recall counts; positive.
        threshold: above which a class is said; ``None`` says the largest alone.
        name: its name in the logs.
        dtype: accepted as in Keras.

    (van Rijsbergen, "Information retrieval", 1979.)
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name, dtype)
        who = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{who}: average must be None, 'micro', 'macro' or 'weighted', got "
                f"{str(average)[:40]!r}"
            )
        self.average, self.threshold = average, threshold
        self.beta = losses._positive(who, "beta", beta)
        inner: Metric = ConfusionMatrix()
        if threshold is not None:
            inner = _Thresholds(None, None, [float(threshold)])
        self._counted, self.parts = inner, inner.parts

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        if self.threshold is None and seen.prediction.shape[-1] == 1:
            raise ValueError(f"compile: {self.name!r} of one unit needs a threshold: threshold=0.5")
        self._counted.track(seen)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        if isinstance(self._counted, _Thresholds):
            counts = self._counted.counts(total)
            tp, fp, fn = (each[:, 0] for each in (counts.tp, counts.fp, counts.fn))
        else:
            matrix = ConfusionMatrix().matrix(total)
            tp = np.diag(matrix)
            fp, fn = matrix.sum(0) - tp, matrix.sum(1) - tp
        if self.average == "micro":
            tp, fp, fn = (each.sum(keepdims=True) for each in (tp, fp, fn))
        square = self.beta**2
        scores = _ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average is None:
            return scores
        weights = tp + fn if self.average == "weighted" else np.ones(len(scores))
        return float(_ratio(weights @ scores, weights.sum()))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
            **super().get_config(),
        }


class F1Score(FBetaScore):
    """``2 precision recall / (precision + recall)`` of each class.

    Args:
        average: as of ``FBetaScore``.
        threshold: above which a class is said; ``None`` says the largest alone.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> f1 = fastnn.metrics.F1Score(average="macro")
        >>> f1([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        0.6666666666666666
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        config = super().get_config()
        del config["beta"]
        return config


# ---- numbers -------------------------------------------------------------------------------------


class R2Score(Metric):
    """``1 - sum (target - prediction)^2 / sum (target - mean target)^2``: 1 is perfect.

    Args:
        class_aggregation: of several columns: ``"uniform_average"``,
            ``"variance_weighted_average"``, or ``None`` for one number each.
        num_regressors: for the adjusted score ``1 - (1 - r2) (n - 1) / (n - p - 1)``; 0 leaves it.
        name: its name in the logs.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> round(fastnn.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 6)
        0.571429
    """

    direction = "up"

    columns = True

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name, dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "R2Score: class_aggregation must be None, 'uniform_average' or "
                f"'variance_weighted_average', got {str(class_aggregation)[:40]!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must be 0 or more, got {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, int(num_regressors)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose targets, their squares, and squared errors, side by side."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        error = ops.subtract(targets, prediction)
        squares = (ops.multiply(targets, targets), ops.multiply(error, error))
        return ops.concatenate([targets, *squares], -1)

    def combine(self, sums: Array, count: float) -> Any:
        """Return the value from the sums of columns and the sum of weights."""
        plain, square, error = sums.reshape(3, -1)
        variation = square - plain * _ratio(plain, np.full(len(plain), count))
        scores = np.where(variation > 0, 1 - _ratio(error, np.maximum(variation, 0)), 0.0)
        if self.class_aggregation is None:
            return self._adjusted(scores, count)
        weighted = self.class_aggregation == "variance_weighted_average"
        weights = variation if weighted else np.ones(len(scores))
        return float(self._adjusted(_ratio(weights @ scores, weights.sum()), count))

    def _adjusted(self, score: Array, count: float) -> Array:
        left = count - self.num_regressors - 1
        if not self.num_regressors or left <= 0:
            return score
        return np.asarray(1 - (1 - score) * (count - 1) / left)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
            **super().get_config(),
        }


class Mean(Metric):
    """The mean of numbers that are handed over, weighted if asked.

    Args:
        name: its name.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> mean = fastnn.metrics.Mean()
        >>> mean.update_state([1, 3, 5, 7])
        >>> mean.result()
        4.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        self.reset_state()

    def update_state(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Add numbers.

        Args:
            values: a number, or an array of them.
            sample_weight: a weight for each, or what NumPy repeats to that.
        """
        values = np.asarray(values, np.float64)
        weights = np.ones(values.shape)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
            weights = np.broadcast_to(weights, values.shape)
        for value, weight in zip(values.ravel().tolist(), weights.ravel().tolist(), strict=True):
            self._sum += value * weight  # one after the other, as in a program
            self._weight += weight

    def result(self) -> Any:
        """Return the mean of all that was added."""
        return self._sum / self._weight if self._weight else 0.0

    def reset_state(self) -> None:
        """Begin anew."""
        self._sum = self._weight = 0.0

    def __call__(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> Any:
        """Add numbers, and return the value so far."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(Mean):
    """The sum of numbers that are handed over, weighted if asked.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.Sum()([1, 3, 5, 7])
        16.0
    """

    def result(self) -> Any:
        """Return the sum of all that was added."""
        return self._sum


def confusion_matrix(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Array:
    """Return how often class i was taken for class j, (classes, classes).

    Args:
        y_true: labels (rows,), or one-hot targets (rows, classes).
        y_pred: labels (rows,), or scores (rows, classes).
        sample_weight: (rows,), or ``None`` to count.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.confusion_matrix([0, 1, 1], [0, 0, 1]).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    true, said = (_classes_of(name, y) for name, y in (("y_true", y_true), ("y_pred", y_pred)))
    classes = max(true.max(initial=-1), said.max(initial=-1)) + 1
    if np.ndim(y_pred) > 1:
        classes = max(classes, np.shape(y_pred)[-1])
    matrix = ConfusionMatrix()
    matrix.update_state(true, np.eye(max(classes, 2))[said], sample_weight)
    found: Array = matrix.result()
    return found[: max(classes, 1), : max(classes, 1)]


def _classes_of(name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.ndim > 1 and array.shape[-1] > 1:
        return np.asarray(array.argmax(-1))
    flat = array.reshape(len(array))
    if flat.dtype.kind not in "biu" and not (flat == np.floor(flat)).all():
        raise ValueError(
            f"confusion_matrix: {name} must hold labels, whole numbers from 0 on, or a score for "
            "each class"
        )
    if flat.size and flat.min() < 0:
        raise ValueError(f"confusion_matrix: {name} has the label {flat.min()}, below 0")
    return flat.astype(np.int64)


def _count(who: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{who}: {name} must be an integer, got {type(value).__name__}")
    if int(value) < 1:
        raise ValueError(f"{who}: {name} must be positive, got {int(value)}")
    return int(value)


# ---- by name -------------------------------------------------------------------------------------

CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConfusionMatrix,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        KLDivergence,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
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
    if callable(identifier) and not isinstance(identifier, type) and is_own(identifier):
        return MeanMetricWrapper(identifier)
    return lookup("metric", identifier, _BY_NAME)(name=snake_case(str(identifier)))


def serialize(metric: Metric) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal metric from."""
    return registry.serialize(metric)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Metric:
    """Return the metric that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("metric", description, CLASSES, custom_objects)
